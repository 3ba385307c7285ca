import { InvalidOptionError } from '@farebox/core'

/** What the names of the ledger's tables and indexes begin with in our statements. */
export const PREFIX = 'farebox_'

/** @throws {InvalidOptionError} it is not the start of a plain name, or of one of SQLite's own */
export function checkPrefix(prefix: string): string {
  if (/^[a-z][a-z0-9_]{0,30}_$/.test(prefix) && !prefix.startsWith('sqlite_')) return prefix
  throw new InvalidOptionError(
    `prefix must be lower-case letters, digits and underscores and end with an underscore, received ${JSON.stringify(prefix)}`,
  )
}

/** A statement of ours on tables whose names begin otherwise. Values are bound, so the text holds names alone. */
export function withPrefix(sql: string, prefix: string): string {
  return prefix === PREFIX ? sql : sql.replaceAll(PREFIX, prefix)
}
