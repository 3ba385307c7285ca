import { SchemaVersionError } from '../errors.ts'
import {
  type AppliedMigration,
  checksum,
  type Migration,
  type MigrationPlan,
  type MigrationReport,
  migrationPlan,
  pendingMigrations,
} from '../migrations.ts'
import type { SqliteDatabase } from './handle.ts'

/** Brings a SQLite file up to date in one transaction. Twenty processes at once take each step once. */
export function migrateSqlite(database: SqliteDatabase, now: number, options: { views: boolean }): MigrationReport {
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec(
      'CREATE TABLE IF NOT EXISTS farebox_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at INTEGER NOT NULL) STRICT',
    )
    const applied = appliedTo(database)
    const pending = pendingMigrations('sqlite', applied, options)
    const record = database.prepare('INSERT INTO farebox_migrations (number, name, checksum, at) VALUES (?, ?, ?, ?)')
    for (const migration of pending) {
      record.run(migration.number, migration.name, checksum(migration), now)
      takeStep(database, migration)
    }
    database.exec('COMMIT')
    return { applied: pending.map(({ name }) => name), version: pending.at(-1)?.number ?? applied.at(-1)?.number ?? 0 }
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** What {@link migrateSqlite} would do. Reads, and changes nothing. */
export function planSqlite(database: SqliteDatabase, options: { views: boolean }): MigrationPlan {
  const [known] = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'farebox_migrations'").all()
  const applied = known === undefined ? [] : appliedTo(database)
  return migrationPlan('sqlite', applied, options)
}

function appliedTo(database: SqliteDatabase): AppliedMigration[] {
  return database.prepare('SELECT number, name, checksum FROM farebox_migrations ORDER BY number').all() as AppliedMigration[]
}

function takeStep(database: SqliteDatabase, { sql }: Migration): void {
  try {
    database.exec(sql)
  } catch (error) {
    // A table or view of one of our names that is not ours is the one failure that a user can mend.
    const message = error instanceof Error ? error.message : ''
    if (!message.includes('already exists')) throw error
    throw new SchemaVersionError(
      `${message}, and it is not Farebox's: give the ledger a file of its own, or leave its views out with sqlite({ views: false })`,
    )
  }
}
