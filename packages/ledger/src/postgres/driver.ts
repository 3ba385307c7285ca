import { type Clock, InvalidOptionError } from '@farebox/core'
import type { LedgerDriver, Query } from '../driver.ts'
import { LedgerClosedError } from '../errors.ts'
import { type LoadReply, runBatch } from '../machine/batch.ts'
import type { Changes, LoadRequest } from '../machine/state.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import type { TableName } from '../rows.ts'
import { loadStatement, nameTables, type SqlDialect, sqlName, writeStatement } from '../sql.ts'
import { type LoadKind, loads, tables } from '../tables.ts'
import { isConflict, unavailable } from './classify-error.ts'
import { arrayType, decodeRow, decodeValue, encodeColumns } from './codec.ts'
import { migratePostgres, planPostgres } from './migrate.ts'

/** The slice of a `pg` client that the ledger uses. */
export interface PostgresClient {
  query(statement: { text: string; values?: unknown[]; rowMode?: 'array' }): Promise<{ rows: unknown[][] }>
}

/** A client that a pool lends, and that says so when its connection breaks. */
export interface PooledPostgresClient extends PostgresClient {
  release(error?: Error | boolean): void
  on?(event: 'error', listener: () => void): unknown
  off?(event: 'error', listener: () => void): unknown
}

/** The slice of a `pg` pool that the ledger uses. */
export interface PostgresPool {
  connect(): Promise<PooledPostgresClient>
  end(): Promise<void>
}

export interface PostgresOptions {
  /** `postgres://user:password@host/database`. Give this or `pool`. */
  connectionString?: string
  /** The host's own pool, which stays the host's to end. */
  pool?: PostgresPool
  /** Where the tables live; made if absent. @defaultValue `public` */
  schema?: string
  /** Whether `migrate` makes the views `users`, `multi_service_usage_records` and `api_key_services`, whose names a host's own tables may have. @defaultValue true */
  views?: boolean
  /** Connections that the ledger opens at most, when it makes its own pool. @defaultValue 4 */
  poolSize?: number
  /** @defaultValue the server's clock, so that all app servers agree */
  clock?: Clock
}

/** How often a transaction that lost against another one is tried again. */
const ATTEMPTS_MAX = 5

const NOW = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint'

/**
 * A ledger in a Postgres database, by `pg`. Connects at the first call, not now. Needs no session state, so it works behind a
 * pooler in transaction mode.
 *
 * @throws {InvalidOptionError} neither or both of `connectionString` and `pool` are given, or `schema` is not a plain name
 */
export function postgres(options: PostgresOptions): LedgerDriver<PostgresClient> {
  if ((options.connectionString === undefined) === (options.pool === undefined)) {
    throw new InvalidOptionError('postgres() takes either connectionString or pool')
  }
  const schema = options.schema ?? 'public'
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new InvalidOptionError(`schema must be a plain lower-case name, received ${JSON.stringify(schema)}`)
  }
  return new PostgresDriver(options, schema)
}

class PostgresDriver implements LedgerDriver<PostgresClient> {
  readonly name = 'postgres'
  readonly clock: Clock | undefined
  readonly #options: PostgresOptions
  readonly #schema: string
  readonly #dialect: SqlDialect
  readonly #texts = new Map<string, string>()
  #pool: Promise<PostgresPool> | undefined
  #closed = false

  constructor(options: PostgresOptions, schema: string) {
    this.#options = options
    this.clock = options.clock
    this.#schema = schema
    this.#dialect = {
      tableName: (name) => `${schema}.${sqlName(name)}`,
      matches: (column, index) => `${column} = ANY($${index}::text[])`,
      source: (columns) =>
        `SELECT * FROM unnest(${columns.map((column, index) => `$${index + 1}::${arrayType(column)}`).join(', ')})`,
    }
  }

  async migrate(): Promise<MigrationReport> {
    return this.#transaction((client) => migratePostgres(client, this.#schema, { views: this.#options.views ?? true }))
  }

  async planMigration(): Promise<MigrationPlan> {
    const options = { views: this.#options.views ?? true }
    return this.#transaction((client) => planPostgres(client, this.#schema, options), 'BEGIN READ ONLY')
  }

  async commit(operations: readonly Operation[], transaction?: PostgresClient): Promise<Outcome[]> {
    if (transaction) return this.#join(transaction, operations)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#withClient(async (client) => {
          try {
            return await this.#runBatch(client, operations, { first: [{ text: 'BEGIN' }], last: [{ text: 'COMMIT' }] })
          } catch (error) {
            // The server may be gone, or have rolled back already; what matters is the first error.
            await client.query({ text: 'ROLLBACK' }).catch(() => undefined)
            throw error
          }
        })
      } catch (error) {
        if (!isConflict(error) || attempt === ATTEMPTS_MAX) throw unavailable(error)
      }
    }
  }

  async select(query: Query): Promise<Record<string, unknown>[]> {
    return this.#withClient((client) => this.#read(client, query)).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  async selectAll(queries: readonly Query[]): Promise<Record<string, unknown>[][]> {
    return this.#transaction(async (client) => {
      const answers: Record<string, unknown>[][] = []
      for (const query of queries) answers.push(await this.#read(client, query))
      return answers
    }, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  }

  async #read(client: PostgresClient, query: Query): Promise<Record<string, unknown>[]> {
    let index = 0
    const text = nameTables(query.text, this.#dialect.tableName).replace(/\?/g, () => `$${++index}`)
    const columns = Object.entries(query.columns)
    const values = query.values.map((value) => (typeof value === 'bigint' ? value.toString() : value))
    const { rows } = await client.query({ text, values, rowMode: 'array' })
    return rows.map((row) => Object.fromEntries(columns.map(([name, column], at) => [name, decodeValue(column, row[at])])))
  }

  async now(): Promise<number> {
    if (this.#options.clock) return this.#options.clock()
    const { rows } = await this.#withClient((client) => client.query({ text: NOW, rowMode: 'array' })).catch((error: unknown) => {
      throw unavailable(error)
    })
    return Number(rows[0]?.[0])
  }

  async close(): Promise<void> {
    this.#closed = true
    const pool = await this.#pool?.catch(() => undefined)
    this.#pool = undefined
    if (pool && !this.#options.pool) await pool.end()
  }

  /** Applies operations in a transaction that the host has begun. What it lost against, the host must try again. */
  async #join(client: PostgresClient, operations: readonly Operation[]): Promise<Outcome[]> {
    return this.#runBatch(client, operations, { first: [], last: [] }).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  /**
   * Runs the batch between `first` and `last`. Where the client pipelines, each list of loads is one round trip, the first together
   * with `first`, and so are all writes with `last`: a batch is two in most cases, and its accounts are locked for one of them.
   */
  async #runBatch(
    client: PostgresClient,
    operations: readonly Operation[],
    { first, last }: { first: readonly Statement[]; last: readonly Statement[] },
  ): Promise<Outcome[]> {
    const batch = runBatch(operations)
    let step = batch.next()
    let before = first
    let now: number | undefined
    while (!step.done) {
      const reply: LoadReply = await this.#load(client, step.value, before, now)
      before = []
      now = reply.now
      step = batch.next(reply)
    }
    const { outcomes, changes } = step.value
    await all(client, [...this.#writes(changes), ...last])
    return outcomes
  }

  /** @param known  the time of the batch, once the accounts are locked */
  async #load(
    client: PostgresClient,
    requests: readonly LoadRequest[],
    before: readonly Statement[],
    known: number | undefined,
  ): Promise<LoadReply> {
    const statements: Statement[] = requests.map(({ kind, keys }) => ({
      text: this.#loadText(kind),
      values: loads[kind].by.map((_, column) => keys.map((key) => key[column])),
      rowMode: 'array' as const,
    }))
    const { clock } = this.#options
    const asksTime = !clock && known === undefined
    const replies = await all(client, [...before, ...statements, ...(asksTime ? [{ text: NOW, rowMode: 'array' as const }] : [])])
    const now = clock ? clock() : (known ?? Number(replies.at(-1)?.[0]?.[0]))
    return {
      now,
      rows: requests.map(({ kind }, index) =>
        (replies[before.length + index] ?? []).map((row) => decodeRow(tables[loads[kind].table], row)),
      ),
    }
  }

  #writes(changes: Changes): { text: string; values: unknown[] }[] {
    const changed = (Object.keys(tables) as TableName[]).filter((name) => changes[name].length > 0)
    return changed.map((name) => ({
      text: this.#text(`write ${name}`, () => writeStatement(tables[name], this.#dialect)),
      values: encodeColumns(tables[name], changes[name]),
    }))
  }

  #loadText(kind: LoadKind): string {
    return this.#text(`load ${kind}`, () => {
      const text = loadStatement(kind, this.#dialect)
      // Locking the accounts first, in one order, keeps two batches from waiting for each other.
      return kind === 'account' ? `${text} ORDER BY account_id FOR UPDATE` : text
    })
  }

  #text(key: string, make: () => string): string {
    const text = this.#texts.get(key) ?? make()
    this.#texts.set(key, text)
    return text
  }

  async #transaction<Result>(work: (client: PostgresClient) => Promise<Result>, begin = 'BEGIN'): Promise<Result> {
    return this.#withClient(async (client) => {
      await client.query({ text: begin })
      try {
        const result = await work(client)
        await client.query({ text: 'COMMIT' })
        return result
      } catch (error) {
        await client.query({ text: 'ROLLBACK' }).catch(() => undefined)
        throw error
      }
    }).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  async #withClient<Result>(work: (client: PostgresClient) => Promise<Result>): Promise<Result> {
    const pool = await this.#open()
    const client = await pool.connect()
    // A connection that breaks tells its statements, which is enough, and then itself: without a listener that ends the process.
    const ignore = () => undefined
    client.on?.('error', ignore)
    try {
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      // A connection that broke must not go back to the pool; one whose transaction was refused may.
      client.release(!isConflict(error))
      throw error
    } finally {
      client.off?.('error', ignore)
    }
  }

  #open(): Promise<PostgresPool> {
    if (this.#closed) return Promise.reject(new LedgerClosedError('the ledger is closed'))
    this.#pool ??= this.#options.pool ? Promise.resolve(this.#options.pool) : this.#makePool()
    return this.#pool
  }

  async #makePool(): Promise<PostgresPool> {
    const { default: pg } = await import('pg')
    const pool = new pg.Pool({
      connectionString: this.#options.connectionString,
      max: this.#options.poolSize ?? 4,
      connectionTimeoutMillis: 10_000,
      // Statements of one step then travel together: each round trip lengthens the time that accounts are locked.
      pipeline: true,
    } as ConstructorParameters<typeof pg.Pool>[0])
    // An idle connection that the server ends is replaced at the next use; without a listener it would end the process.
    pool.on('error', () => undefined)
    return pool
  }
}

interface Statement {
  text: string
  values?: unknown[]
  rowMode?: 'array'
}

/** Sends statements in order, together where the client can, and returns their rows. The first error wins. */
async function all(client: PostgresClient & { pipeline?: boolean }, statements: readonly Statement[]): Promise<unknown[][][]> {
  const replies: unknown[][][] = []
  if (!client.pipeline) {
    for (const statement of statements) replies.push((await client.query(statement)).rows)
    return replies
  }
  for (const settled of await Promise.allSettled(statements.map((statement) => client.query(statement)))) {
    if (settled.status === 'rejected') throw settled.reason
    replies.push(settled.value.rows)
  }
  return replies
}
