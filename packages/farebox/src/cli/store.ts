import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InvalidOptionError } from '@farebox/core'
import { Ledger } from '@farebox/ledger'

export interface StoreOptions {
  /** Whether a SQLite file may be created. Otherwise a missing one is an error, since its name is most likely misspelt. */
  isNew?: boolean
  /** Whether a migration creates the views for SQL by hand. @defaultValue true */
  views?: boolean
}

/**
 * Opens the ledger that `--store` names: a Postgres URL, or the path of a SQLite file.
 *
 * @throws {InvalidOptionError} it is a URL of another kind, there is no such file, or an option is for the other database
 */
export async function openStore(
  { store, schema, prefix }: { store: string; schema?: string; prefix?: string },
  { isNew = false, views }: StoreOptions = {},
): Promise<Ledger> {
  // Drivers are loaded on demand, since a user installs only one of the two databases' packages.
  if (isPostgres(store, '--store')) {
    if (prefix !== undefined) throw new InvalidOptionError('--prefix is for SQLite: give --schema')
    const { postgres } = await import('@farebox/ledger/postgres')
    return new Ledger(postgres({ connectionString: store, schema, views }))
  }
  if (schema !== undefined) throw new InvalidOptionError('--schema is for Postgres: give --prefix')
  if (store === ':memory:') throw new InvalidOptionError('--store :memory: would end with the command: give the path of a file')
  checkFile(store, isNew)
  const { sqlite } = await import('@farebox/ledger/sqlite')
  return new Ledger(sqlite({ filename: store, prefix, views }))
}

/**
 * Whether an option names a Postgres database. Otherwise it is the path of a SQLite file.
 *
 * @throws {InvalidOptionError} it is empty, or a URL of another kind. The message repeats no secrets of the URL
 */
export function isPostgres(where: string, option: string): boolean {
  if (where.trim() === '') throw new InvalidOptionError(`${option} is empty: give a postgres:// URL or the path of a SQLite file`)
  if (/^postgres(ql)?:\/\//i.test(where)) return true
  // Includes the schemes of other libraries, such as postgresql+psycopg:// and jdbc:postgresql://.
  const [, scheme] = /^([a-z][a-z0-9+.:-]*):\/\//i.exec(where) ?? []
  if (scheme === undefined) return false
  throw new InvalidOptionError(`${option} must be a postgres:// URL or the path of a SQLite file, received ${scheme}://…`)
}

/** Without this check, SQLite would create a database for every misspelt name, and in every empty file. */
function checkFile(filename: string, isNew: boolean): void {
  const path = resolve(filename)
  const file = statSync(path, { throwIfNoEntry: false })
  if (file?.isDirectory()) throw new InvalidOptionError(`--store names a folder, not a file: ${path}`)
  if (file) checkContent(path, filename, isNew)
  else if (!statSync(dirname(path), { throwIfNoEntry: false }))
    throw new InvalidOptionError(`there is no folder ${dirname(path)}`)
  else if (!isNew) throw new InvalidOptionError(`there is no file ${path}; to make one: farebox migrate --store ${filename}`)
}

/** Every SQLite database begins with it: https://www.sqlite.org/fileformat.html#magic_header_string */
const HEADER = Buffer.from('SQLite format 3\0')

/** Replaces SQLite's own message, which sounds as if a retry might help. */
function checkContent(path: string, filename: string, isNew: boolean): void {
  const begin = Buffer.alloc(HEADER.length)
  const file = openSync(path, 'r')
  let length: number
  try {
    length = readSync(file, begin)
  } finally {
    closeSync(file)
  }
  if (length > 0 && !begin.equals(HEADER)) {
    throw new InvalidOptionError(`--store names a file that is not a SQLite database: ${path}`)
  }
  if (length === 0 && !isNew) {
    throw new InvalidOptionError(`the file ${path} is empty; to make tables in it: farebox migrate --store ${filename}`)
  }
}
