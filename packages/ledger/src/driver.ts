import type { Clock } from '@farebox/core'
import type { MigrationPlan, MigrationReport } from './migrations.ts'
import type { Operation, Outcome } from './operations.ts'
import type { ColumnType } from './tables.ts'

/**
 * Our code for one database. It loads the rows that a batch touches, lets the state machine decide, and writes what changed,
 * all in one transaction. It knows no rule about money.
 *
 * `Transaction` is the host's own open transaction: a `PoolClient` on Postgres, the database handle on SQLite.
 */
export interface LedgerDriver<Transaction = unknown> {
  /** Names the database in messages: `sqlite`, `postgres`. */
  readonly name: string
  /** The store's clock, where asking it costs no round trip; absent where only the server knows the time. */
  readonly clock?: Clock
  /** How the ledger may cut its batches for this database. @defaultValue one after another, each over any number of accounts */
  readonly batches?: BatchLimits
  /** Brings the schema up to date. Safe to call from many processes at once. */
  migrate(): Promise<MigrationReport>
  /** Says what {@link migrate} would do, and changes nothing. */
  planMigration(): Promise<MigrationPlan>
  /**
   * Applies operations in order, in one transaction, and answers when they are durable: all of them, or none.
   *
   * @param transaction  joins the host's transaction instead: durable when the host commits, undone when it rolls back
   * @throws {LedgerUnavailableError} the database could not be reached, or the transaction could not be completed
   */
  commit(operations: readonly Operation[], transaction?: Transaction): Promise<Outcome[]>
  /** Reads rows. */
  select(query: Query): Promise<Record<string, unknown>[]>
  /** Answers several queries as of one moment. */
  selectAll(queries: readonly Query[]): Promise<Record<string, unknown>[][]>
  /** Runs one statement that changes rows which no account owns; those of accounts are changed by {@link commit} alone. */
  write(statement: Pick<Query, 'text' | 'values'>): Promise<void>
  /** The store's clock, epoch milliseconds. */
  now(): Promise<number>
  /** Closes what the driver opened, and nothing that it was given. */
  close(): Promise<void>
}

/** What a driver can take at once. */
export interface BatchLimits {
  /** Batches that may be under way at once. Their accounts are never the same, unless `isOrdered`. */
  atOnce: number
  /** Whether the driver applies batches in the order in which it was given them: an account may then be in several. @defaultValue false */
  isOrdered?: boolean
  /** Changes in one batch at most, from one moment to the next. @defaultValue any number */
  changesMax?(): number
  /** Accounts in one batch at most. @defaultValue any number */
  accountsMax?: number
}

/**
 * A query in the SQL that both databases share: `?` for values, `{holds}` for a table of ours, and the types of the
 * columns it answers, by property.
 */
export interface Query {
  text: string
  values: readonly (string | number | bigint | null | readonly string[])[]
  columns: Readonly<Record<string, QueryColumn>>
}

export type QueryColumn = ColumnType | { type: ColumnType; decode?: (json: unknown) => unknown }
