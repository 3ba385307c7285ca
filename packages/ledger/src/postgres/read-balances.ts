import { InvalidOptionError } from '@farebox/core'
import type { BalanceRow, UnreadableRow } from '../import/balance-row.ts'
import { floatingPointProblem, missingBalance, missingId } from '../import/floating-point.ts'
import { unavailable } from './classify-error.ts'

/** The Postgres table to read balances from. */
export interface PostgresBalancesOptions {
  /** `postgres://user:password@host/database` of the system to import from. */
  connectionString: string
  /** A table or a view: `users`, or `app.users` with its schema. */
  table: string
  idColumn: string
  /** The balance in credits. Of a floating-point column, only whole numbers are accepted. */
  balanceColumn: string
  /** @defaultValue none: accounts are named after their ids */
  nameColumn?: string
}

const ROWS_AT_ONCE = 1_000

/**
 * Reads the users of a Postgres table with their balances, for `importBalances`: ordered by id, from one snapshot. Each iteration
 * reads the table anew, a thousand rows at a time, in a read-only transaction.
 */
export function readPostgresBalances(options: PostgresBalancesOptions): AsyncIterable<BalanceRow | UnreadableRow> {
  return { [Symbol.asyncIterator]: () => read(options) }
}

async function* read(options: PostgresBalancesOptions): AsyncGenerator<BalanceRow | UnreadableRow> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: options.connectionString, connectionTimeoutMillis: 10_000 })
  // A broken connection rejects its query, which suffices. Without a listener, its `error` event would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('BEGIN READ ONLY')
    // Before Postgres 12, or if the server is so configured, a real of 99999.99 reads as 100000, which looks whole.
    await client.query('SET LOCAL extra_float_digits = 3')
    await client.query(`DECLARE balances NO SCROLL CURSOR FOR ${selectOf(options)}`)
    for (let line = 1; ; ) {
      const { rows } = await client.query<(string | null)[]>({ text: `FETCH ${ROWS_AT_ONCE} FROM balances`, rowMode: 'array' })
      for (const row of rows) yield rowOf(row, line++)
      if (rows.length < ROWS_AT_ONCE) return
    }
  } catch (error) {
    throw explained(error, options)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Casts the columns to text, so that no number becomes a float on the way. */
function selectOf({ table, idColumn, balanceColumn, nameColumn }: PostgresBalancesOptions): string {
  const balance = quoted(balanceColumn)
  const name = nameColumn === undefined ? 'NULL' : `${quoted(nameColumn)}::text`
  const from = table.split('.').map(quoted).join('.')
  return `SELECT ${quoted(idColumn)}::text, ${balance}::text, pg_typeof(${balance})::text, ${name} FROM ${from} ORDER BY ${quoted(idColumn)}`
}

function rowOf([id, balance, type, name]: readonly (string | null | undefined)[], line: number): BalanceRow | UnreadableRow {
  if (id === null || id === undefined) return { line, problem: missingId }
  if (balance === null || balance === undefined) return { line, accountId: id, problem: missingBalance }
  if ((type === 'double precision' || type === 'real') && !/^-?\d{1,15}$/.test(balance)) {
    return { line, accountId: id, problem: floatingPointProblem(balance) }
  }
  return { line, accountId: id, credits: balance, ...(name && { name }) }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Turns a wrong table or column name into an error about the caller's options. */
function explained(error: unknown, { table }: PostgresBalancesOptions): unknown {
  const { code, message } = error as { code?: string; message?: string }
  if (code === '42P01' || code === '3F000') return new InvalidOptionError(`there is no table ${table} in the source`)
  if (code === '42703') return new InvalidOptionError(`the table ${table} of the source lacks a column: ${message}`)
  if (code === '22021' || code === '22P05')
    return new InvalidOptionError(`the table ${table} of the source holds text that is not in its encoding: ${message}`)
  return unavailable(error)
}
