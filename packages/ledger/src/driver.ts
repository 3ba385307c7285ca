import type { Clock } from '@farebox/core'
import type { MigrationPlan, MigrationReport } from './migrations.ts'
import type { Operation, Outcome } from './operations.ts'
import type { ColumnType } from './tables.ts'

/**
 * The ledger's access to one database. A driver loads the rows that a batch touches, lets the state machine decide, and writes
 * what changed, all in one transaction. It contains no rules about money.
 *
 * `Transaction` is the type of a host's own open transaction: a `PoolClient` on Postgres, the database handle on SQLite.
 */
export interface LedgerDriver<Transaction = unknown> {
  /** Names the database in messages: `sqlite`, `postgres`. */
  readonly name: string
  /** The store's clock, if reading it takes no round trip. Absent if only the server knows the time. */
  readonly clock?: Clock
  /**
   * The column that numbers the rows of a table in the order of their insertion, and by which every index orders rows that are
   * equal to it. Long answers are then asked for in turns, by their numbers. Absent if reading them does not take the event loop.
   */
  readonly rowNumber?: string
  /** How the ledger may form batches for this database. @defaultValue one at a time, with any number of accounts */
  readonly batches?: BatchLimits
  /** Brings the schema up to date. Safe to call from many processes at once. */
  migrate(): Promise<MigrationReport>
  /** Tells what {@link migrate} would do, without changing anything. */
  planMigration(): Promise<MigrationPlan>
  /**
   * Applies operations in order, in one transaction: all of them or none. Resolves when they are durable.
   *
   * @param transaction  a transaction of the host to join instead: durable when the host commits, undone when it rolls back
   * @throws {LedgerUnavailableError} the database could not be reached, or the transaction could not be completed
   */
  commit(operations: readonly Operation[], transaction?: Transaction): Promise<Outcome[]>
  /** Reads rows. */
  select(query: Query): Promise<Record<string, unknown>[]>
  /** Answers several queries, all as of the same moment. */
  selectAll(queries: readonly Query[]): Promise<Record<string, unknown>[][]>
  /**
   * Lends `work` a view of the database as of one moment, however long that takes, for more rows than fit into memory. Changes go
   * on meanwhile, and the event loop gets its turns.
   */
  snapshot<Result>(work: (snapshot: Snapshot) => Promise<Result>): Promise<Result>
  /** Runs one statement that changes rows on which no other row depends. Only {@link commit} changes those that the journal tells of. */
  write(statement: Pick<Query, 'text' | 'values'>): Promise<void>
  /** The store's time, in epoch milliseconds. */
  now(): Promise<number>
  /** Closes what the driver opened, but nothing that it was given. */
  close(): Promise<void>
}

/** How many rows a page of a {@link Snapshot} has at most: few enough to decode in some milliseconds. */
export const ROWS_OF_PAGE = 200

/** The database as of one moment. */
export interface Snapshot {
  /** Reads the rows that answer a query, a few hundred at a time. */
  pages(query: Query): AsyncIterable<Record<string, unknown>[]>
}

/** The limits on the batches that a driver accepts. */
export interface BatchLimits {
  /** How many batches may run at once. They never share an account, unless `isOrdered`. */
  atOnce: number
  /** Whether the driver applies batches in the order given, so that they may share accounts. @defaultValue false */
  isOrdered?: boolean
  /** The most changes in one batch, which may vary over time. @defaultValue any number */
  changesMax?(): number
  /** The most accounts in one batch. @defaultValue any number */
  accountsMax?: number
}

/**
 * A query in the SQL that both databases share. It has `?` for values, `{holds}` for a table of the ledger, and the types of the
 * result's columns by property name.
 */
export interface Query {
  text: string
  values: readonly (string | number | bigint | null | readonly string[])[]
  columns: Readonly<Record<string, QueryColumn>>
}

export type QueryColumn = ColumnType | { type: ColumnType; decode?: (json: unknown) => unknown }
