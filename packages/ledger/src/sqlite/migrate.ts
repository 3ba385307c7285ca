import { SchemaVersionError } from '../errors.ts'
import {
  type AppliedMigration,
  checksum,
  type Migration,
  type MigrationPlan,
  type MigrationReport,
  migrationPlan,
  pendingMigrations,
  versionOf,
} from '../migrations.ts'
import type { SqliteDatabase } from './handle.ts'
import { withPrefix } from './table-prefix.ts'

interface Options {
  /** Whether to create the views for hand-written SQL. */
  views: boolean
  /** Prefix of the table names. */
  prefix: string
}

/** Migrates a SQLite file in one transaction. However many processes migrate at once, each step runs once. */
export function migrateSqlite(database: SqliteDatabase, now: number, options: Options): MigrationReport {
  const { prefix } = options
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${prefix}migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at INTEGER NOT NULL) STRICT`,
    )
    const applied = appliedTo(database, prefix)
    const pending = pendingMigrations('sqlite', applied, options)
    const record = database.prepare(`INSERT INTO ${prefix}migrations (number, name, checksum, at) VALUES (?, ?, ?, ?)`)
    for (const migration of pending) {
      record.run(migration.number, migration.name, checksum(migration), now)
      takeStep(database, migration, prefix)
    }
    database.exec('COMMIT')
    return { applied: pending.map(({ name }) => name), version: versionOf([...applied, ...pending]) }
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Reports what {@link migrateSqlite} would do; without a database, to a file that does not exist yet. Changes nothing. */
export function planSqlite(database: SqliteDatabase | undefined, options: Options): MigrationPlan {
  const { prefix } = options
  const [known] =
    database?.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").all(`${prefix}migrations`) ?? []
  const applied = database === undefined || known === undefined ? [] : appliedTo(database, prefix)
  return migrationPlan('sqlite', applied, options, (sql) => withPrefix(sql, prefix))
}

function appliedTo(database: SqliteDatabase, prefix: string): AppliedMigration[] {
  const steps = database.prepare(`SELECT number, name, checksum FROM ${prefix}migrations ORDER BY number`).all()
  // The host may have configured its handle to read every integer as a bigint.
  return (steps as AppliedMigration[]).map((step) => ({ ...step, number: Number(step.number) }))
}

function takeStep(database: SqliteDatabase, { sql }: Migration, prefix: string): void {
  try {
    database.exec(withPrefix(sql, prefix))
  } catch (error) {
    // The one failure a user can fix: a table or view of their own has one of the ledger's names.
    const message = error instanceof Error ? error.message : ''
    if (!message.includes('already exists')) throw error
    throw new SchemaVersionError(
      `${message}, and it is not Farebox's: give the ledger a file or, with sqlite({ prefix: 'credits_' }), names of its own, or leave its views out with sqlite({ views: false })`,
    )
  }
}
