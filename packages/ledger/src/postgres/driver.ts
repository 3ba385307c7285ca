import { type Clock, checkOptionNames, checkOptionType, describeOption, InvalidOptionError } from '@farebox/core'
import { checkCount, checkedClock } from '../check-input.ts'
import { type BatchLimits, type LedgerDriver, type Query, ROWS_OF_PAGE, type Snapshot } from '../driver.ts'
import { InvalidInputError, LedgerClosedError } from '../errors.ts'
import { type BatchResult, runBatch } from '../machine/batch.ts'
import type { NewRows } from '../machine/state.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import { loads, tables } from '../tables.ts'
import { forgotPrepared, isConflict, lacksTransaction, notConnected, unavailable } from './classify-error.ts'
import {
  ask,
  hasOwnProcess,
  openSending,
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

/** The Postgres database that keeps the ledger, and how the ledger uses it. */
export interface PostgresOptions {
  /** `postgres://user:password@host/database`. Give this or `pool`. */
  connectionString?: string | undefined
  /** The host's own pool. The host ends it; the ledger never does. */
  pool?: PostgresPool
  /** The schema of the tables, created if absent. @defaultValue `public` */
  schema?: string
  /**
   * Whether `migrate` creates the views `users`, `multi_service_usage_records` and `api_key_services`. Turn it off where the host
   * has tables of those names. @defaultValue true
   */
  views?: boolean
  /** The most connections the ledger opens when it makes its own pool. @defaultValue 4 */
  poolSize?: number
  /**
   * How many transactions of one ledger may run concurrently, each over different accounts. Raise it if the server is far away.
   *
   * @defaultValue 2; as many as `poolSize` when `distributed`
   */
  batchesAtOnce?: number
  /**
   * Whether the tables are distributed over several servers by `account_id`, as with Citus. Each transaction then covers one
   * account, so that a single server can run it, and each statement names that account.
   *
   * @defaultValue false
   */
  distributed?: boolean
  /**
   * Whether to use named prepared statements on each connection. Behind a pooler in transaction mode they work only if the pooler
   * supports them: PgBouncer from 1.21 on with `max_prepared_statements`. If a prepared statement turns out to be missing, the
   * ledger stops using them.
   *
   * @defaultValue only on connections found to have a server process of their own, which connections through a pooler lack
   */
  preparedStatements?: boolean
  /**
   * How long the server may take to answer one round trip of a change, in milliseconds, including any wait for an account that
   * another transaction has locked. After that the ledger drops the connection, so that a server that vanished silently does not
   * block callers. A change that joins a host's transaction waits as long as the host's client does.
   *
   * @defaultValue 30_000; with the host's own `pool`, or a `query_timeout` in `connectionString`, what that sets, if anything
   */
  answerTimeoutMs?: number
  /** Returns epoch milliseconds, as whole numbers. @defaultValue the database server's clock, so that all app servers agree */
  clock?: Clock
}

const known: Record<keyof PostgresOptions, true> = {
  connectionString: true,
  pool: true,
  schema: true,
  views: true,
  poolSize: true,
  batchesAtOnce: true,
  distributed: true,
  preparedStatements: true,
  answerTimeoutMs: true,
  clock: true,
}

/** Timeout of a change, which locks accounts and so blocks others. */
const ANSWER_TIMEOUT_MS = 30_000
/** Timeout of a read, which blocks nobody and may have much to go through. */
const READ_TIMEOUT_MS = 300_000
const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
/** Timeout of a rollback. The connection of one that fails is dropped. */
const ROLLBACK_TIMEOUT_MS = 1_000

/** The statements around those of a batch. */
interface BatchStatements {
  first: readonly Statement[]
  last: readonly Statement[]
  /**
   * Whether new rows may be written before all operations were applied, while further ones are. Not in the transaction of a host,
   * which could commit them after an operation that failed. @defaultValue false
   */
  mayWriteEarly?: boolean
}

/** How long a transaction may wait for its process: one that sleeps, or is gone without a word, must not keep accounts locked. */
const IDLE_TIMEOUT_MS = 5_000

/**
 * Has the server end by itself what nobody else would: a transaction whose process does not go on, and a wait for a lock that its
 * process has given up, during which it would keep other accounts locked. Limits of the role or the host hold instead.
 */
function limits(answerTimeoutMs: number | undefined): Statement {
  const limit = (name: string, ms: number) =>
    `CASE pg_catalog.current_setting('${name}') WHEN '0' THEN pg_catalog.set_config('${name}', '${ms}', true) END`
  const idle = limit('idle_in_transaction_session_timeout', IDLE_TIMEOUT_MS)
  const lock = answerTimeoutMs === undefined ? [] : [limit('lock_timeout', answerTimeoutMs)]
  return { text: `SELECT ${[idle, ...lock].join(', ')}`, rowMode: 'array' }
}

/** Default size of the ledger's own pool. */
const POOL_SIZE = 4

/** How often a transaction is attempted when it keeps conflicting with others. */
const ATTEMPTS_MAX = 5

/**
 * Names the isolation level, since a role or database may default to a stricter one, which would reject what here waits its turn.
 */
const BEGIN = { text: 'BEGIN ISOLATION LEVEL READ COMMITTED' }
const ROLLBACK = { text: 'ROLLBACK', query_timeout: ROLLBACK_TIMEOUT_MS }
const COMMIT = { text: 'COMMIT' }
/** Changes nothing, and fails outside a transaction, where the statements after it would commit one by one. */
const IN_TRANSACTION: readonly Statement[] = [{ text: 'SAVEPOINT farebox' }, { text: 'RELEASE SAVEPOINT farebox' }]
const NOW = { text: 'SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000.0)::bigint', rowMode: 'array' } as const

/**
 * Keeps a ledger in a Postgres database, through `pg`. It connects at the ledger's first call, not here. It needs no session
 * state, so it works behind a pooler in transaction mode.
 *
 * @throws {InvalidOptionError} neither or both of `connectionString` and `pool` are given, `connectionString` is blank, `pool` is none, `schema` is
 *   not a plain name or appears in `connectionString`, a number is not a whole one above zero, or another option is of a wrong type
 */
export function postgres(options: PostgresOptions): LedgerDriver<PostgresClient> {
  checkOptionNames(options ?? {}, known, 'postgres()')
  for (const name of ['views', 'distributed', 'preparedStatements'] as const) checkOptionType(name, options?.[name], 'boolean')
  checkOptionType('clock', options?.clock, 'function')
  if ((options?.connectionString === undefined) === (options?.pool === undefined)) {
    const received = options?.pool === undefined ? 'neither' : 'both'
    throw new InvalidOptionError(
      `postgres() takes either connectionString or pool, received ${received}: postgres({ connectionString: 'postgres://user@host/database' })`,
    )
  }
  checkConnectionString(options.connectionString)
  checkPool(options.pool)
  const schema = options.schema ?? 'public'
  if (typeof schema !== 'string' || !PLAIN_NAME.test(schema)) {
    throw new InvalidOptionError(`schema must be a plain lower-case name, received ${describeOption(schema)}`)
  }
  return new PostgresDriver(options, schema)
}

const PLAIN_NAME = /^[a-z_][a-z0-9_]{0,62}$/

/**
 * Rejects a blank one, for which `pg` takes the database that its environment names, and `?schema=`, which Prisma writes. `pg` ignores
 * what it does not know, so the tables would land in another schema.
 */
function checkConnectionString(connectionString: string | undefined): void {
  if (connectionString !== undefined && (typeof connectionString !== 'string' || connectionString.trim() === '')) {
    throw new InvalidOptionError(
      "postgres({ connectionString }) is blank or not a text: give one such as 'postgres://user@host/database'",
    )
  }
  const [, query = ''] = /\?([^#]*)/.exec(connectionString ?? '') ?? []
  const named = new URLSearchParams(query).get('schema')
  if (named === null) return
  // A value that is not a plain name may be part of an unencoded password, so it is not repeated.
  const schema = PLAIN_NAME.test(named) ? named : 'name'
  throw new InvalidOptionError(
    `connectionString has ?schema=, which Postgres does not know: leave it out, and give schema: '${schema}', or --schema ${schema} on the command line`,
  )
}

/** Rejects null, in whose place the ledger would open a pool on the database that the environment names, and what cannot connect. */
function checkPool(pool: PostgresPool | undefined): void {
  if (pool === undefined || typeof pool?.connect === 'function') return
  // Not quoted if it is the address of a server, which may contain a password.
  const received = typeof pool === 'string' ? 'a text' : describeOption(pool)
  throw new InvalidOptionError(`postgres({ pool }) must be a pool of pg: new pg.Pool({ connectionString }); received ${received}`)
}

function decodeRows(query: Query, rows: readonly unknown[][]): Record<string, unknown>[] {
  const columns = Object.entries(query.columns)
  return rows.map((row) => Object.fromEntries(columns.map(([name, column], at) => [name, decodeValue(name, column, row[at])])))
}

/** The newest batch that joined each client's transaction. A batch reads and then writes, so two must not interleave. */
const joined = new WeakMap<PostgresClient, Promise<unknown>>()

/** The clients that could not roll back, and so may be in a transaction still. */
const unended = new WeakSet<PostgresClient>()

/** Rolls back after an error, which alone matters: the server may be gone, or have rolled back already. */
async function rollBack(client: PostgresClient): Promise<void> {
  await client.query(ROLLBACK).catch(() => unended.add(client))
}

class PostgresDriver implements LedgerDriver<PostgresClient> {
  readonly name = 'postgres'
  readonly clock: Clock | undefined
  readonly batches: BatchLimits
  readonly #options: PostgresOptions
  readonly #schema: string
  readonly #statements: Statements
  readonly #answerTimeoutMs: number | undefined
  readonly #limits: Statement
  #mayPrepare: boolean
  #pool: Promise<PostgresPool> | undefined
  /** What uses a client, or waits for one. */
  readonly #underWay = new Set<Promise<unknown>>()
  /** The connections that the ledger opened. */
  readonly #opened = new Set<object>()
  /** A pool can be ended only once, whoever closes this at the same time. */
  #ending: Promise<void> | undefined
  #closed = false

  constructor(options: PostgresOptions, schema: string) {
    const poolSize = checkCount('poolSize', options.poolSize ?? POOL_SIZE)
    this.#options = options
    this.clock = options.clock && checkedClock(options.clock)
    this.#schema = schema
    this.#statements = new Statements(schema, options.distributed ?? false)
    this.#mayPrepare = options.preparedStatements ?? true
    const isTold = options.pool !== undefined || /[?&]query_timeout=/.test(options.connectionString ?? '')
    const answerTimeoutMs = options.answerTimeoutMs ?? (isTold ? undefined : ANSWER_TIMEOUT_MS)
    this.#answerTimeoutMs =
      answerTimeoutMs === undefined ? undefined : Math.min(checkCount('answerTimeoutMs', answerTimeoutMs), TIMEOUT_MS_MAX)
    this.#limits = limits(this.#answerTimeoutMs)
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
    for (;;) {
      const outcomes = await (transaction ? this.#join(transaction, operations) : this.#commitOnce(operations))
      if (outcomes) return outcomes
    }
  }

  /** Runs a batch in a transaction of its own. None if it has to be run again: see {@link BatchResult}. */
  async #commitOnce(operations: readonly Operation[]): Promise<Outcome[] | undefined> {
    const timeoutMs = this.#answerTimeoutMs
    for (let attempt = 1; ; attempt++) {
      const mayPrepare = this.#mayPrepare
      try {
        return await this.#withClient(async (client) => {
          const prepares = await this.#prepares(client)
          try {
            return await this.#runBatch(client, operations, {
              first: [BEGIN, this.#limits],
              last: [COMMIT],
              mayWriteEarly: true,
              prepares,
              timeoutMs,
            })
          } catch (error) {
            await rollBack(client)
            throw error
          }
        })
      } catch (error) {
        // An undetected pooler, or a DISCARD ALL by the host, lost a prepared statement: do without them from now on.
        // Several batches may notice at once.
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
    await this.#transaction((client) => client.query(this.#statements.read(statement)))
  }

  async selectAll(queries: readonly Query[]): Promise<Record<string, unknown>[][]> {
    return this.#transaction(async (client) => {
      const answers: Record<string, unknown>[][] = []
      for (const query of queries) answers.push(await this.#read(client, query))
      return answers
    }, SNAPSHOT)
  }

  async snapshot<Result>(work: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    // What `work` throws is its own, and no failure of Postgres. What is thrown by `pages` has been translated.
    let thrown: { error: unknown } | undefined
    const reading = this.#transaction((client) => {
      let cursors = 0
      return work({ pages: (query) => this.#pages(client, query, `rows_${++cursors}`) }).catch((error: unknown) => {
        thrown = { error }
        throw error
      })
    }, SNAPSHOT)
    return reading.catch((error: unknown) => {
      throw thrown ? thrown.error : error
    })
  }

  async *#pages(client: PostgresClient, query: Query, cursor: string): AsyncGenerator<Record<string, unknown>[]> {
    try {
      const { text, values } = this.#statements.read(query)
      await client.query({ text: `DECLARE ${cursor} NO SCROLL CURSOR FOR ${text}`, values })
      for (let isLast = false; !isLast; ) {
        if (this.#closed) throw new LedgerClosedError('the ledger is closed')
        const rows = await ask(client, { text: `FETCH ${ROWS_OF_PAGE} FROM ${cursor}`, rowMode: 'array' })
        isLast = rows.length < ROWS_OF_PAGE
        yield decodeRows(query, rows)
      }
      await client.query({ text: `CLOSE ${cursor}` })
    } catch (error) {
      throw unavailable(error)
    }
  }

  async #read(client: PostgresClient, query: Query): Promise<Record<string, unknown>[]> {
    return decodeRows(query, await ask(client, this.#statements.read(query)))
  }

  async now(): Promise<number> {
    if (this.clock) return this.clock()
    const asked = this.#answerTimeoutMs === undefined ? NOW : { ...NOW, query_timeout: this.#answerTimeoutMs }
    const rows = await this.#withClient((client) => ask(client, asked)).catch((error: unknown) => {
      throw unavailable(error)
    })
    return Number(rows[0]?.[0])
  }

  close(): Promise<void> {
    this.#closed = true
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined)
    // A pool that is ending lets whoever asks it for a client wait until that times out.
    if (!this.#options.pool) await Promise.allSettled(this.#underWay)
    this.#pool = undefined
    if (pool && !this.#options.pool) await pool.end()
    // A server that vanished does not take its leave, and must not keep the process alive.
    for (const client of this.#opened as Set<{ unref?(): void }>) client.unref?.()
  }

  /** Applies operations in a transaction that the host has begun. After a conflict, the host must retry it. */
  async #join(client: PostgresClient, operations: readonly Operation[]): Promise<Outcome[] | undefined> {
    const before = joined.get(client) ?? Promise.resolve()
    const run = before.then(() =>
      // Checked again with the writes, so that they are undone if the host has ended its transaction since the reads.
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
   * Runs the batch between `first` and `last`. Each list of loads is one round trip, the first of them together with `first`. All
   * writes are another, together with `last`. So most batches take two round trips, and lock their accounts for one. The server
   * writes the first rows of a long batch while this process applies the rest of it.
   */
  async #runBatch(
    client: PostgresClient,
    operations: readonly Operation[],
    { first, last, mayWriteEarly = false, ...options }: BatchStatements & SendOptions,
  ): Promise<BatchResult['outcomes']> {
    const stored = new Set<object>()
    const writing = openSending(client, options)
    const writeEarly = (rows: NewRows) => {
      writing.send([...this.#statements.writes(rows, stored)])
      for (const row of rows.holds) stored.add(row)
    }
    const batch = runBatch(operations, mayWriteEarly ? { writeEarly } : {})
    try {
      let step = batch.next()
      let before = first
      let now: number | undefined
      while (!step.done) {
        const asked = step.value.map((request) => this.#statements.load(request))
        const asksTime = this.clock === undefined && now === undefined
        const sent = [...before, ...asked.flat(), ...(asksTime ? [NOW] : [])]
        const replies = (await sendAll(client, sent, options)).slice(before.length)
        now ??= this.clock ? this.clock() : Number(replies.at(-1)?.[0]?.[0])
        const rows = step.value.map(({ kind }, index) => {
          const table = tables[loads[kind].table]
          const found = replies.splice(0, asked[index]?.length).flat()
          return found.map((values) => decodeRow(table, values))
        })
        for (const each of rows) for (const row of each) stored.add(row)
        before = []
        step = batch.next({ now, rows })
      }
      await writing.end([...this.#statements.writes(step.value.changes, stored), ...last])
      return step.value.outcomes
    } catch (error) {
      writing.abandon()
      throw error
    }
  }

  async #transaction<Result>(work: (client: PostgresClient) => Promise<Result>, begin = BEGIN.text): Promise<Result> {
    return this.#withClient(async (client) => {
      await client.query({ text: begin })
      try {
        const result = await work(client)
        await client.query(COMMIT)
        return result
      } catch (error) {
        await rollBack(client)
        throw error
      }
    }).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  #withClient<Result>(work: (client: PostgresClient) => Promise<Result>): Promise<Result> {
    const working = this.#lendClient(work)
    const ended = () => void this.#underWay.delete(working)
    this.#underWay.add(working)
    working.then(ended, ended)
    return working
  }

  async #lendClient<Result>(work: (client: PostgresClient) => Promise<Result>): Promise<Result> {
    const pool = await this.#open()
    const client = await pool.connect().catch((error: unknown) => {
      throw notConnected(error)
    })
    // A broken connection rejects its statements, which suffices, but then emits `error`, which needs a listener or ends Node.
    const ignore = () => undefined
    client.on?.('error', ignore)
    try {
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      // A broken connection must not return to the pool. One whose transaction lost a conflict may, once that has ended.
      client.release(!isConflict(error) || unended.has(client))
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
      throw new InvalidOptionError('pg cannot be loaded: install it beside @farebox/ledger', { cause: error })
    })
    const pool = new pg.Pool({
      connectionString: this.#options.connectionString,
      max: this.#options.poolSize ?? POOL_SIZE,
      connectionTimeoutMillis: 10_000,
      query_timeout: READ_TIMEOUT_MS,
    })
    // A server may go down just as it accepts a connection, before the caller waiting for the connection can add a listener.
    pool.on('connect', (client) => {
      client.on('error', () => undefined)
      this.#opened.add(client)
    })
    pool.on('remove', (client) => this.#opened.delete(client))
    // The pool replaces an idle connection that the server ends. Without a listener, its error would end the process.
    pool.on('error', () => undefined)
    return pool
  }
}
