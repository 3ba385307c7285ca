import { createHash } from 'node:crypto'
import { SchemaVersionError } from './errors.ts'
import { migrations } from './migrations.generated.ts'

/** One numbered migration of the schema. */
export interface Migration {
  number: number
  name: string
  sql: string
}

/** A migration that a database has recorded as applied. */
export interface AppliedMigration {
  number: number
  name: string
  checksum: string
}

/** What {@link LedgerDriver.migrate} did. */
export interface MigrationReport {
  /** The names of the migrations applied now. Empty if the schema was up to date. */
  applied: string[]
  /** The number of the newest migration. */
  version: number
}

/** A migration that {@link LedgerDriver.migrate} would apply. */
export interface PlannedMigration extends Migration {
  /** SHA-256 of the migration's source SQL, in hex. The database records it with the migration. */
  checksum: string
}

/** What {@link LedgerDriver.migrate} would do. */
export interface MigrationPlan {
  /** The number of the newest applied migration. 0 if the database has none of the ledger's tables. */
  version: number
  /** The migrations still to be applied, in order. Empty if the schema is up to date. */
  pending: PlannedMigration[]
}

export type Dialect = 'sqlite' | 'postgres'

/**
 * The migration that creates the views for hand-written SQL. It is optional, since the host's own tables may have their names.
 */
const VIEWS = 'views'

/**
 * Checksums of the first migration for Postgres from before the first release, when text compared by the collation of the
 * database. Such a database works the same, but sorts ids in its own way. No migration changes that, because it would rebuild
 * every index, and Citus refuses to alter `account_id`.
 */
const FORMER: ReadonlySet<string> = new Set(['e3fd957c7cbb1902321d900f9b1014b427f9e4184103ce053330c517d471d20b'])

/** The checksum that is recorded with a migration. It shows whether the migration was edited after it was applied. */
export function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex')
}

/** The highest number of these migrations. It may not be the last one's, since the views may be created later. */
export function versionOf(steps: readonly { number: number }[]): number {
  return Math.max(0, ...steps.map(({ number }) => number))
}

/** The plan for a database that has applied these migrations. @throws {SchemaVersionError} as {@link pendingMigrations} does */
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
 * The migrations still to be applied.
 *
 * @param options.views  whether to create the views for hand-written SQL
 *
 * @throws {SchemaVersionError} the database is newer than this code, or a migration that it has applied was edited since
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
    if (checksum(ours) !== step.checksum && !FORMER.has(step.checksum)) {
      throw new SchemaVersionError(
        `migration ${step.number} (${step.name}) differs from the one that this database has taken, so its tables may not match: use the release of @farebox/ledger that took it`,
      )
    }
  }
  return known.filter(({ number, name }) => (views || name !== VIEWS) && !applied.some((step) => step.number === number))
}
