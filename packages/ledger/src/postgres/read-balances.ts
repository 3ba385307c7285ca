import { InvalidOptionError } from '@farebox/core'
import type { BalanceRow, UnreadableRow } from '../import/balance-row.ts'
import { floatingPointProblem, missingBalance, missingId } from '../import/floating-point.ts'
import { unavailable } from './classify-error.ts'

/** The table that balances are read from. */
export interface PostgresBalancesOptions {
  /** `postgres://user:password@host/database` of the system to import from. */
  connectionString: string
  /** `users`, or with its schema `app.users`. A view will do. */
  table: string
  idColumn: string
  /** Credits. Of a floating-point column only whole numbers are taken. */
  balanceColumn: string
  /** @defaultValue none: accounts are named by their ids */
  nameColumn?: string
}

const ROWS_AT_ONCE = 1_000

/**
 * The users of a Postgres table with their balances, in the order of their ids, as of one moment: for `importBalances`. Reads a
 * thousand at a time, in a read-only transaction, each time it is iterated.
 */
export function readPostgresBalances(options: PostgresBalancesOptions): AsyncIterable<BalanceRow | UnreadableRow> {
  return { [Symbol.asyncIterator]: () => read(options) }
}

async function* read(options: PostgresBalancesOptions): AsyncGenerator<BalanceRow | UnreadableRow> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: options.connectionString, connectionTimeoutMillis: 10_000 })
  // A connection that breaks tells its query, which is enough; without a listener it would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('BEGIN READ ONLY')
    // Before Postgres 12, or where somebody asked for it, a real of 99999.99 reads as 100000, which looks whole.
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

/** As text, so that no number becomes a float on the way. */
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

/** A name that is wrong is the caller's to mend. */
function explained(error: unknown, { table }: PostgresBalancesOptions): unknown {
  const { code, message } = error as { code?: string; message?: string }
  if (code === '42P01' || code === '3F000') return new InvalidOptionError(`there is no table ${table} in the source`)
  if (code === '42703') return new InvalidOptionError(`the table ${table} of the source lacks a column: ${message}`)
  if (code === '22021' || code === '22P05')
    return new InvalidOptionError(`the table ${table} of the source holds text that is not in its encoding: ${message}`)
  return unavailable(error)
}
