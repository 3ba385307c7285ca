import { createHash } from 'node:crypto'
import { SchemaVersionError } from './errors.ts'
import { migrations } from './migrations.generated.ts'

/** One numbered step of the schema. */
export interface Migration {
  number: number
  name: string
  sql: string
}

/** A step that a database says it has taken. */
export interface AppliedMigration {
  number: number
  name: string
  checksum: string
}

/** What {@link LedgerDriver.migrate} did. */
export interface MigrationReport {
  /** Names of the steps taken now; empty when the schema was current. */
  applied: string[]
  /** The number of the newest step. */
  version: number
}

/** A step that {@link LedgerDriver.migrate} would take. */
export interface PlannedMigration extends Migration {
  /** SHA-256 of `sql` as it is kept in the source, in hex: what the database will remember of the step. */
  checksum: string
}

/** What {@link LedgerDriver.migrate} would do. */
export interface MigrationPlan {
  /** The number of the newest step that the database has taken; 0 when it has none of the ledger's tables. */
  version: number
  /** The steps still to be taken, in order; empty when the schema is current. */
  pending: PlannedMigration[]
}

export type Dialect = 'sqlite' | 'postgres'

/** The step that makes the views for SQL by hand, whose names a host's own tables may have already. */
const VIEWS = 'views'

/** A step as it is recorded: the checksum tells whether the file changed after it was taken. */
export function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex')
}

/** The number of the newest of these steps: the views may be taken after later ones. */
export function versionOf(steps: readonly { number: number }[]): number {
  return Math.max(0, ...steps.map(({ number }) => number))
}

/** What would be done to a database that has taken these steps. @throws {SchemaVersionError} as {@link pendingMigrations} does */
export function migrationPlan(
  dialect: Dialect,
  applied: readonly AppliedMigration[],
  options: { views: boolean },
  finish: (sql: string) => string = (sql) => sql,
): MigrationPlan {
  const pending = pendingMigrations(dialect, applied, options)
  return {
    version: versionOf(applied),
    pending: pending.map((migration) => ({ ...migration, sql: finish(migration.sql), checksum: checksum(migration) })),
  }
}

/**
 * The steps still to be taken.
 *
 * @param options.views  whether the views for SQL by hand are wanted
 *
 * @throws {SchemaVersionError} the database is newer than this code, or a step it has taken was changed since
 */
export function pendingMigrations(
  dialect: Dialect,
  applied: readonly AppliedMigration[],
  { views }: { views: boolean },
): readonly Migration[] {
  const known = migrations[dialect] ?? []
  const newest = known.at(-1)?.number ?? 0
  for (const step of applied) {
    const ours = known.find(({ number }) => number === step.number)
    if (!ours) {
      throw new SchemaVersionError(
        `the database has schema version ${step.number} (${step.name}), this version of Farebox knows ${newest}: upgrade @farebox/ledger`,
      )
    }
    if (checksum(ours) !== step.checksum) {
      throw new SchemaVersionError(
        `migration ${step.number} (${step.name}) differs from the one that this database has taken, so its tables may not match: use the release of @farebox/ledger that took it`,
      )
    }
  }
  return known.filter(({ number, name }) => (views || name !== VIEWS) && !applied.some((step) => step.number === number))
}
