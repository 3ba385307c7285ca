import { InvalidOptionError } from '@farebox/core'
import type { BalanceRow, UnreadableRow } from '../import/balance-row.ts'
import { checkSource } from '../import/check-source.ts'
import { floatingPointProblem, missingBalance, missingId } from '../import/floating-point.ts'
import { unavailable } from './classify-error.ts'
import { ask } from './client.ts'

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

const known = {
  connectionString: 'required',
  table: 'required',
  idColumn: 'required',
  balanceColumn: 'required',
  nameColumn: 'optional',
} as const

const ROWS_AT_ONCE = 1_000

/**
 * Reads the users of a Postgres table with their balances, for `importBalances`: ordered by id, from one snapshot. Each iteration
 * reads the table anew, a thousand rows at a time, in a read-only transaction.
 *
 * @throws {InvalidOptionError} an option is unknown or no text. Reading throws it if the table or a column is not there
 */
export function readPostgresBalances(options: PostgresBalancesOptions): AsyncIterable<BalanceRow | UnreadableRow> {
  checkSource(options, known, 'readPostgresBalances()')
  return { [Symbol.asyncIterator]: () => read(options) }
}

async function* read(options: PostgresBalancesOptions): AsyncGenerator<BalanceRow | UnreadableRow> {
  const client = await clientFor(options)
  // A broken connection rejects its query, which suffices. Without a listener, its `error` event would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('BEGIN READ ONLY')
    // Before Postgres 12, or if the server is so configured, a real of 99999.99 reads as 100000, which looks whole.
    await client.query('SET LOCAL extra_float_digits = 3')
    const [[type] = []] = await ask(client, { text: typeOf(options), rowMode: 'array' })
    const isFloat = type === 'double precision' || type === 'real'
    await client.query(`DECLARE balances NO SCROLL CURSOR FOR ${selectOf(options, isFloat)}`)
    for (let line = 1; ; ) {
      const rows = await ask(client, { text: `FETCH ${ROWS_AT_ONCE} FROM balances`, rowMode: 'array' })
      for (const row of rows) yield rowOf(row as (string | null)[], line++, isFloat)
      if (rows.length < ROWS_AT_ONCE) return
    }
  } catch (error) {
    throw explained(error, options)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function clientFor({ connectionString }: PostgresBalancesOptions) {
  const { default: pg } = await import('pg')
  try {
    return new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 })
  } catch (error) {
    throw unavailable(error)
  }
}

/** The type of the balance. A domain's is the type below it. */
function typeOf({ table, balanceColumn }: PostgresBalancesOptions): string {
  const declared = `pg_typeof((SELECT ${quoted(balanceColumn)} FROM ${tableOf(table)} LIMIT 0))`
  return `WITH RECURSIVE types AS (
    SELECT oid, typbasetype FROM pg_catalog.pg_type WHERE oid = ${declared}
    UNION ALL SELECT base.oid, base.typbasetype FROM types JOIN pg_catalog.pg_type AS base ON base.oid = types.typbasetype
  ) SELECT format_type(oid, NULL) FROM types WHERE typbasetype = 0`
}

/** Casts the columns to text, so that no number becomes a float on the way. */
function selectOf({ table, idColumn, balanceColumn, nameColumn }: PostgresBalancesOptions, isFloat: boolean): string {
  // A real is written with fewer digits than it has: a million is `1e+06`.
  const balance = isFloat ? `${quoted(balanceColumn)}::double precision` : quoted(balanceColumn)
  const name = nameColumn === undefined ? 'NULL' : `${quoted(nameColumn)}::text`
  const id = quoted(idColumn)
  return `SELECT ${id}::text, (${balance})::text, ${name} FROM ${tableOf(table)} ORDER BY ${id}`
}

function tableOf(table: string): string {
  return table.split('.').map(quoted).join('.')
}

function rowOf(
  [id, balance, name]: readonly (string | null | undefined)[],
  line: number,
  isFloat: boolean,
): BalanceRow | UnreadableRow {
  if (id === null || id === undefined) return { line, problem: missingId }
  if (balance === null || balance === undefined) return { line, accountId: id, problem: missingBalance }
  if (isFloat && !/^-?\d{1,15}$/.test(balance)) {
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
