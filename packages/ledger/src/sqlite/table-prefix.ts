import { InvalidOptionError } from '@farebox/core'

/** The prefix of table and index names in the ledger's own statements. */
export const PREFIX = 'farebox_'

/** @throws {InvalidOptionError} it is not the start of a plain name, or is reserved by SQLite */
export function checkPrefix(prefix: string): string {
  if (/^[a-z][a-z0-9_]{0,30}_$/.test(prefix) && !prefix.startsWith('sqlite_')) return prefix
  throw new InvalidOptionError(
    `prefix must be lower-case letters, digits and underscores and end with an underscore, received ${JSON.stringify(prefix)}`,
  )
}

/** Rewrites a statement for tables with another prefix. Values are always bound, so only names can match. */
export function withPrefix(sql: string, prefix: string): string {
  return prefix === PREFIX ? sql : sql.replaceAll(PREFIX, prefix)
}
