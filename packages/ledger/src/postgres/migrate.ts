import { SchemaVersionError } from '../errors.ts'
import {
  type AppliedMigration,
  checksum,
  type MigrationPlan,
  type MigrationReport,
  migrationPlan,
  pendingMigrations,
  versionOf,
} from '../migrations.ts'
import { sqlSchema } from '../sql.ts'
import { ask, type PostgresClient, TIMEOUT_MS_MAX } from './client.ts'

/** The ledger's key among the database's advisory locks: "farebox" in ASCII. */
const LOCK = '28820821684514680'

/** A step over a large table may take any time, and so may waiting for another process to finish one. */
const UNLIMITED = { query_timeout: TIMEOUT_MS_MAX }

/**
 * Lifts the time limits of the role or the host for this transaction, and returns what they were. They are meant for its queries,
 * and would undo a long migration at every start anew. `transaction_timeout` came with Postgres 17.
 */
const LIFT_LIMITS = `SELECT name, setting, set_config(name, '0', true) FROM pg_settings
  WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`

/**
 * Migrates one schema, inside the caller's transaction. However many processes migrate at once, each step runs once. If nothing
 * is pending it only reads, so that a role without the right to create anything can start too.
 */
export async function migratePostgres(
  client: PostgresClient,
  schema: string,
  options: { views: boolean },
): Promise<MigrationReport> {
  const { version, pending: found } = await planPostgres(client, schema, options)
  if (version > 0 && found.length === 0) return { applied: [], version }
  // Until the end of the transaction. Of functions and operators in the steps, somebody's own on the search path could fit better.
  await client.query({ text: 'SET LOCAL search_path TO pg_catalog, pg_temp' })
  const limits = await ask(client, { text: LIFT_LIMITS, rowMode: 'array' })
  await client.query({ text: `SELECT pg_advisory_xact_lock(${LOCK})`, ...UNLIMITED })
  // A step that waits for a table holds up all who come after it, so there the limit of the role or the host is right.
  const lockTimeoutMs = limits.find(([name]) => name === 'lock_timeout')?.[1]
  await client.query({ text: "SELECT set_config('lock_timeout', $1, true)", values: [lockTimeoutMs] })
  // `IF NOT EXISTS` demands the right to create a schema before it checks for one.
  if (!(await exists(client, 'to_regnamespace', schema)))
    await client.query({ text: `CREATE SCHEMA IF NOT EXISTS ${sqlSchema(schema)}` })
  await client.query({
    text: `CREATE TABLE IF NOT EXISTS ${sqlSchema(schema)}.farebox_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now())`,
  })
  const applied = await appliedTo(client, schema)
  const pending = pendingMigrations('postgres', applied, options)
  for (const migration of pending) {
    await client.query({
      text: `INSERT INTO ${sqlSchema(schema)}.farebox_migrations (number, name, checksum) VALUES ($1, $2, $3)`,
      values: [migration.number, migration.name, checksum(migration)],
    })
    await client.query({ text: inSchema(migration.sql, schema), ...UNLIMITED }).catch((error: unknown) => {
      throw explain(error, schema)
    })
  }
  return { applied: pending.map(({ name }) => name), version: versionOf([...applied, ...pending]) }
}

/** Reports what {@link migratePostgres} would do. Changes nothing. */
export async function planPostgres(client: PostgresClient, schema: string, options: { views: boolean }): Promise<MigrationPlan> {
  const isThere = await exists(client, 'to_regclass', `${schema}.farebox_migrations`)
  const applied = isThere ? await appliedTo(client, schema) : []
  // It is made and filled in one transaction, so whoever finds it empty may not see its rows.
  if (isThere && applied.length === 0) await checkRowsAreSeen(client, schema)
  return migrationPlan('postgres', applied, options, (sql) => inSchema(sql, schema))
}

async function appliedTo(client: PostgresClient, schema: string): Promise<AppliedMigration[]> {
  const text = `SELECT number, name, checksum FROM ${sqlSchema(schema)}.farebox_migrations ORDER BY number`
  const rows = await ask(client, { text, rowMode: 'array' })
  return rows.map(([number, name, sum]) => ({ number: Number(number), name, checksum: sum })) as AppliedMigration[]
}

/** @throws {SchemaVersionError} row level security hides rows from this role. Where it hides all, an account looks as if nobody had opened it */
async function checkRowsAreSeen(client: PostgresClient, schema: string): Promise<void> {
  const text = 'SELECT pg_catalog.row_security_active($1::text), current_user'
  const [[isActive, role] = []] = await ask(client, { text, values: [`${schema}.farebox_migrations`], rowMode: 'array' })
  if (isActive !== true && isActive !== 't') return
  throw new SchemaVersionError(
    `row level security hides the rows of farebox_migrations from the role ${role}, and may hide accounts and grants too: give the role BYPASSRLS, or every table of the ledger a policy that shows it all rows`,
  )
}

async function exists(client: PostgresClient, lookUp: 'to_regclass' | 'to_regnamespace', name: string): Promise<boolean> {
  const rows = await ask(client, { text: `SELECT pg_catalog.${lookUp}($1)::text`, values: [name], rowMode: 'array' })
  return rows[0]?.[0] !== null
}

function inSchema(sql: string, schema: string): string {
  return sql.replaceAll('{schema}', sqlSchema(schema))
}

/** Explains the one failure a user can fix: a table or view of their own has one of the ledger's names. */
function explain(error: unknown, schema: string): unknown {
  const { code, message } = error as { code?: string; message?: string }
  if (code !== '42P07') return error
  return new SchemaVersionError(
    `${message} in schema ${schema}, and it is not Farebox's: give the ledger a schema of its own, postgres({ schema: 'farebox' }), or leave its views out with views: false`,
  )
}
