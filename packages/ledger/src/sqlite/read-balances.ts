import { InvalidOptionError } from '@farebox/core'
import type { BalanceRow, UnreadableRow } from '../import/balance-row.ts'
import { checkSource } from '../import/check-source.ts'
import { floatingPointProblem, missingBalance, missingId } from '../import/floating-point.ts'
import { loadBetterSqlite } from './load-better-sqlite.ts'

/** The SQLite table to read balances from. */
export interface SqliteBalancesOptions {
  /** Path of the database file to import from. */
  filename: string
  /** A table or a view. */
  table: string
  idColumn: string
  /** The balance in credits. Of floating-point values (REAL), only whole numbers are accepted. */
  balanceColumn: string
  /** @defaultValue none: accounts are named after their ids */
  nameColumn?: string
}

const known = {
  filename: 'required',
  table: 'required',
  idColumn: 'required',
  balanceColumn: 'required',
  nameColumn: 'optional',
} as const

/**
 * Reads the users of a SQLite table with their balances, for `importBalances`: ordered by id, from one snapshot. Each iteration
 * reads the table anew, row by row, on a read-only connection.
 *
 * @throws {InvalidOptionError} an option is unknown or no text. Reading throws it if the file, the table or a column is not there
 */
export function readSqliteBalances(options: SqliteBalancesOptions): AsyncIterable<BalanceRow | UnreadableRow> {
  checkSource(options, known, 'readSqliteBalances()')
  return { [Symbol.asyncIterator]: () => read(options) }
}

async function* read(options: SqliteBalancesOptions): AsyncGenerator<BalanceRow | UnreadableRow> {
  const Database = await loadBetterSqlite()
  const { filename, table } = options
  const database = attempt(
    () => new Database(filename, { timeout: 5_000, fileMustExist: true, readonly: true }),
    `cannot open ${filename}`,
  )
  try {
    const statement = attempt(() => database.prepare(selectOf(options)), `cannot read ${table} of ${filename}`)
    statement.safeIntegers(true)
    statement.raw(true)
    let line = 1
    for (const row of statement.iterate()) yield rowOf(row as unknown[], line++)
  } finally {
    database.close()
  }
}

function selectOf({ table, idColumn, balanceColumn, nameColumn }: SqliteBalancesOptions): string {
  const name = nameColumn === undefined ? 'NULL' : quoted(nameColumn)
  return `SELECT ${quoted(idColumn)}, ${quoted(balanceColumn)}, ${name} FROM ${quoted(table)} ORDER BY ${quoted(idColumn)}`
}

/** SQLite types each value, not the column: integers arrive as `bigint`, REAL as `number`. */
function rowOf([id, balance, name]: readonly unknown[], line: number): BalanceRow | UnreadableRow {
  if (id === null) return { line, problem: missingId }
  if (typeof id !== 'string' && typeof id !== 'bigint')
    return { line, problem: `the id is neither TEXT nor INTEGER: ${show(id)}` }
  const accountId = String(id)
  if (balance === null) return { line, accountId, problem: missingBalance }
  if (typeof balance === 'number' && !Number.isSafeInteger(balance)) {
    return { line, accountId, problem: floatingPointProblem(String(balance)) }
  }
  if (typeof balance === 'object') return { line, accountId, problem: `the balance is not a number: ${show(balance)}` }
  return { line, accountId, credits: String(balance), ...(typeof name === 'string' && name !== '' && { name }) }
}

function show(value: unknown): string {
  return typeof value === 'object' ? 'a BLOB' : String(value)
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function attempt<Result>(work: () => Result, what: string): Result {
  try {
    return work()
  } catch (error) {
    throw new InvalidOptionError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
