import { type Clock, InvalidOptionError } from '@farebox/core'
import { checkCount } from '../check-input.ts'
import type { BatchLimits, LedgerDriver, Query } from '../driver.ts'
import { InvalidInputError, LedgerClosedError, LedgerUnavailableError } from '../errors.ts'
import { runBatch } from '../machine/batch.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import { loads, tables } from '../tables.ts'
import { forgotPrepared, isConflict, lacksTransaction, unavailable } from './classify-error.ts'
import {
  hasOwnProcess,
  type PostgresClient,
  type PostgresPool,
  type SendOptions,
  type Statement,
  sendAll,
  TIMEOUT_MS_MAX,
} from './client.ts'
import { decodeRow, decodeValue } from './codec.ts'
import { migratePostgres, planPostgres } from './migrate.ts'
import { Statements } from './statements.ts'

/** Which Postgres database keeps the ledger, and how it is written. */
export interface PostgresOptions {
  /** `postgres://user:password@host/database`. Give this or `pool`. */
  connectionString?: string | undefined
  /** The host's own pool, which stays the host's to end. */
  pool?: PostgresPool
  /** Where the tables live; made if absent. @defaultValue `public` */
  schema?: string
  /** Whether `migrate` makes the views `users`, `multi_service_usage_records` and `api_key_services`, whose names a host's own tables may have. @defaultValue true */
  views?: boolean
  /** Connections that the ledger opens at most, when it makes its own pool. @defaultValue 4 */
  poolSize?: number
  /**
   * Transactions of one ledger that may run side by side, over different accounts: more where the way to the server is long.
   *
   * @defaultValue 2; as many as `poolSize` when `distributed`
   */
  batchesAtOnce?: number
  /**
   * Whether the tables are distributed over several servers by `account_id`, as Citus does it. Each transaction is then about one
   * account, so that one server can do all of it, and each statement names it.
   *
   * @defaultValue false
   */
  distributed?: boolean
  /**
   * Whether the server may keep the ledger's statements prepared, by names of ours, on each connection. Behind a pooler in transaction
   * mode that works only where the pooler takes part: PgBouncer from 1.21 on with `max_prepared_statements`. Where a name turns out
   * not to be there, the ledger does without from then on.
   *
   * @defaultValue on connections that turn out to have a server process of their own, which behind a pooler they have not
   */
  preparedStatements?: boolean
  /**
   * How long the server may take to answer one round trip of a change, a wait for an account that another transaction has locked
   * included. After that its connection is given up, so that a server which went away without a word does not keep its callers waiting.
   *
   * @defaultValue 30_000; where the host's pool or `connectionString` has a `query_timeout` of its own, that one
   */
  answerTimeoutMs?: number
  /** @defaultValue the server's clock, so that all app servers agree */
  clock?: Clock
}

/** Of a change. What locks accounts keeps others from them. */
const ANSWER_TIMEOUT_MS = 30_000
/** Of a read, which keeps nobody waiting and may have much to go through. */
const READ_TIMEOUT_MS = 300_000
/** A connection of which this much is not heard back is given up either way. */
const ROLLBACK_TIMEOUT_MS = 1_000

/** Connections, where neither the host's pool nor its options say how many. */
const POOL_SIZE = 4

/** How often a transaction that lost against another one is tried again. */
const ATTEMPTS_MAX = 5

/** By its name, because a role or a database may have another as its default: a stricter one refuses what waits its turn here. */
const BEGIN: Statement = { text: 'BEGIN ISOLATION LEVEL READ COMMITTED' }
const ROLLBACK: Statement = { text: 'ROLLBACK', query_timeout: ROLLBACK_TIMEOUT_MS }
const COMMIT: Statement = { text: 'COMMIT' }
/** Changes nothing, and fails where no transaction was begun: the statements after it would commit one by one. */
const IN_TRANSACTION: readonly Statement[] = [{ text: 'SAVEPOINT farebox' }, { text: 'RELEASE SAVEPOINT farebox' }]
const NOW: Statement = { text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint', rowMode: 'array' }

/**
 * A ledger in a Postgres database, by `pg`. Connects at the first call, not now. Needs no session state, so it works behind a
 * pooler in transaction mode.
 *
 * @throws {InvalidOptionError} neither or both of `connectionString` and `pool` are given, `schema` is not a plain name or is named in
 *                              `connectionString`, or a number is not a whole one above zero
 */
export function postgres(options: PostgresOptions): LedgerDriver<PostgresClient> {
  if ((options?.connectionString === undefined) === (options?.pool === undefined)) {
    throw new InvalidOptionError(
      "postgres() takes either connectionString or pool: postgres({ connectionString: 'postgres://user@host/database' })",
    )
  }
  checkConnectionString(options.connectionString)
  const schema = options.schema ?? 'public'
  if (!PLAIN_NAME.test(schema)) {
    throw new InvalidOptionError(`schema must be a plain lower-case name, received ${JSON.stringify(schema)}`)
  }
  return new PostgresDriver(options, schema)
}

const PLAIN_NAME = /^[a-z_][a-z0-9_]{0,62}$/

/** As Prisma writes it. `pg` passes over what it does not know, and the tables would be in another schema than the one that was named. */
function checkConnectionString(connectionString: string | undefined): void {
  const [, query = ''] = /\?([^#]*)/.exec(connectionString ?? '') ?? []
  const named = new URLSearchParams(query).get('schema')
  if (named === null) return
  // What is no name may be a part of a password that was not encoded.
  const schema = PLAIN_NAME.test(named) ? named : 'name'
  throw new InvalidOptionError(
    `connectionString has ?schema=, which Postgres does not know: leave it out, and give schema: '${schema}', or --schema ${schema} on the command line`,
  )
}

/** What last joined a transaction, by its client. A change reads and then writes, so another must not come between. */
const joined = new WeakMap<PostgresClient, Promise<unknown>>()

class PostgresDriver implements LedgerDriver<PostgresClient> {
  readonly name = 'postgres'
  readonly clock: Clock | undefined
  readonly batches: BatchLimits
  readonly #options: PostgresOptions
  readonly #schema: string
  readonly #statements: Statements
  readonly #answerTimeoutMs: number | undefined
  #mayPrepare: boolean
  #pool: Promise<PostgresPool> | undefined
  #closed = false

  constructor(options: PostgresOptions, schema: string) {
    const poolSize = checkCount('poolSize', options.poolSize ?? POOL_SIZE)
    this.#options = options
    this.clock = options.clock
    this.#schema = schema
    this.#statements = new Statements(schema, options.distributed ?? false)
    this.#mayPrepare = options.preparedStatements ?? true
    const isTold = options.pool !== undefined || /[?&]query_timeout=/.test(options.connectionString ?? '')
    const answerTimeoutMs = options.answerTimeoutMs ?? (isTold ? undefined : ANSWER_TIMEOUT_MS)
    this.#answerTimeoutMs =
      answerTimeoutMs === undefined ? undefined : Math.min(checkCount('answerTimeoutMs', answerTimeoutMs), TIMEOUT_MS_MAX)
    const atOnce = checkCount('batchesAtOnce', options.batchesAtOnce ?? (options.distributed ? poolSize : 2))
    this.batches = options.distributed ? { atOnce, accountsMax: 1 } : { atOnce }
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
    const timeoutMs = this.#answerTimeoutMs
    for (let attempt = 1; ; attempt++) {
      const mayPrepare = this.#mayPrepare
      try {
        return await this.#withClient(async (client) => {
          const prepares = await this.#prepares(client)
          try {
            return await this.#runBatch(client, operations, { first: [BEGIN], last: [COMMIT], prepares, timeoutMs })
          } catch (error) {
            // The server may be gone, or have rolled back already; what matters is the first error.
            await client.query(ROLLBACK).catch(() => undefined)
            throw error
          }
        })
      } catch (error) {
        // Behind a pooler that we did not notice, or after a DISCARD ALL of the host's: then we do without from now on.
        // Several batches may find that out at once.
        if (forgotPrepared(error) && mayPrepare) this.#mayPrepare = false
        else if (!isConflict(error) || attempt === ATTEMPTS_MAX) throw unavailable(error)
      }
    }
  }

  async #prepares(client: PostgresClient): Promise<boolean> {
    if (!this.#mayPrepare) return false
    return this.#options.preparedStatements ?? hasOwnProcess(client, this.#answerTimeoutMs)
  }

  async select(query: Query): Promise<Record<string, unknown>[]> {
    return this.#withClient((client) => this.#read(client, query)).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  async write(statement: Pick<Query, 'text' | 'values'>): Promise<void> {
    await this.#withClient((client) => client.query(this.#statements.read(statement))).catch((error: unknown) => {
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
    const columns = Object.entries(query.columns)
    const { rows } = await client.query(this.#statements.read(query))
    return rows.map((row) => Object.fromEntries(columns.map(([name, column], at) => [name, decodeValue(name, column, row[at])])))
  }

  async now(): Promise<number> {
    if (this.#options.clock) return this.#options.clock()
    const asked = this.#answerTimeoutMs === undefined ? NOW : { ...NOW, query_timeout: this.#answerTimeoutMs }
    const { rows } = await this.#withClient((client) => client.query(asked)).catch((error: unknown) => {
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
    // Asked again with the writes, which are undone where the host has ended its transaction since the reads.
    const before = joined.get(client) ?? Promise.resolve()
    const run = before.then(() =>
      this.#runBatch(client, operations, { first: IN_TRANSACTION, last: IN_TRANSACTION, prepares: false }),
    )
    joined.set(
      client,
      run.catch(() => undefined),
    )
    return run.catch((error: unknown) => {
      if (!lacksTransaction(error)) throw unavailable(error)
      throw new InvalidInputError('transaction', 'must be a client on which the host has begun one')
    })
  }

  /**
   * Runs the batch between `first` and `last`. Each list of loads is one round trip, the first together with `first`, and so are all
   * writes with `last`: a batch is two in most cases, and its accounts are locked for one of them.
   */
  async #runBatch(
    client: PostgresClient,
    operations: readonly Operation[],
    { first, last, prepares, timeoutMs }: { first: readonly Statement[]; last: readonly Statement[] } & SendOptions,
  ): Promise<Outcome[]> {
    const send = (statements: readonly Statement[]) => sendAll(client, statements, { prepares, timeoutMs })
    const stored = new Set<object>()
    const batch = runBatch(operations)
    let step = batch.next()
    let before = first
    let now: number | undefined
    while (!step.done) {
      const asked = step.value.map((request) => this.#statements.load(request))
      const asksTime = this.#options.clock === undefined && now === undefined
      const replies = [...(await send([...before, ...asked.flat(), ...(asksTime ? [NOW] : [])]))].slice(before.length)
      now ??= this.#options.clock ? this.#options.clock() : Number(replies.at(-1)?.[0]?.[0])
      const rows = step.value.map(({ kind }, index) => {
        const table = tables[loads[kind].table]
        const found = replies.splice(0, asked[index]?.length).flat()
        return found.map((values) => decodeRow(table, values))
      })
      for (const each of rows) for (const row of each) stored.add(row)
      before = []
      step = batch.next({ now, rows })
    }
    const { outcomes, changes } = step.value
    await send([...this.#statements.writes(changes, stored), ...last])
    return outcomes
  }

  async #transaction<Result>(work: (client: PostgresClient) => Promise<Result>, begin = BEGIN.text): Promise<Result> {
    return this.#withClient(async (client) => {
      await client.query({ text: begin })
      try {
        const result = await work(client)
        await client.query({ text: 'COMMIT' })
        return result
      } catch (error) {
        await client.query(ROLLBACK).catch(() => undefined)
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
    const { default: pg } = await import('pg').catch((error: unknown) => {
      throw new LedgerUnavailableError('pg cannot be loaded: install it beside @farebox/ledger', error)
    })
    const pool = new pg.Pool({
      connectionString: this.#options.connectionString,
      max: this.#options.poolSize ?? POOL_SIZE,
      connectionTimeoutMillis: 10_000,
      query_timeout: READ_TIMEOUT_MS,
    })
    // A server that goes down may say so in the breath in which it takes a connection, before the one who waits for it can listen.
    pool.on('connect', (client) => client.on('error', () => undefined))
    // An idle connection that the server ends is replaced at the next use; without a listener it would end the process.
    pool.on('error', () => undefined)
    return pool
  }
}
