import { InvalidOptionError } from '@farebox/core'
import { arrayLiteral, type Parameter } from './codec.ts'
import { Exchange, type ExchangeConnection } from './exchange.ts'

/** One statement of the ledger. */
export interface Statement {
  text: string
  values?: readonly Parameter[]
  rowMode?: 'array'
  /** How long `pg` waits for the answer, in milliseconds. @defaultValue the client's own */
  query_timeout?: number
}

/** The longest delay of a Node timer. A longer one fires at once. */
export const TIMEOUT_MS_MAX = 2 ** 31 - 1

/**
 * Sends one statement and returns its rows. All values are text, since parsers of the host may round large integers:
 * `pg.defaults.parseInt8` does. A client that ignores `types` returns what its own parsers make.
 */
export async function ask(client: PostgresClient, statement: Parameters<PostgresClient['query']>[0]): Promise<unknown[][]> {
  return (await client.query({ ...statement, ...AS_TEXT })).rows
}

const AS_TEXT = {
  types: { getTypeParser: (_: number, format?: string) => (format === 'binary' ? refuseBinary : (text: string) => text) },
}

/** No single query can turn off what the host's pool turned on. Read as text, a time would be `NaN`, which is never past. */
function refuseBinary(): never {
  throw new InvalidOptionError('the pool must read values as text: leave out binary: true, and pg.defaults.binary')
}

/** How statements are sent. */
export interface SendOptions {
  /** Whether to keep them prepared on this connection. */
  prepares: boolean
  /** How long the answer may take, in milliseconds. @defaultValue the client's own */
  timeoutMs?: number
}

/** The part of a `pg` client that the ledger uses. */
export interface PostgresClient {
  query(statement: {
    text: string
    values?: unknown[]
    rowMode?: 'array'
    query_timeout?: number
  }): Promise<{ rows: unknown[][] }>
}

/** A client on loan from a pool. It emits `error` when its connection breaks. */
export interface PooledPostgresClient extends PostgresClient {
  release(error?: Error | boolean): void
  on?(event: 'error', listener: () => void): unknown
  off?(event: 'error', listener: () => void): unknown
}

/** The part of a `pg` pool that the ledger uses. */
export interface PostgresPool {
  connect(): Promise<PooledPostgresClient>
  end(): Promise<void>
}

/** Further members of `pg`'s own client, which other clients may lack. */
interface PgClient extends PostgresClient {
  connection?: Partial<ExchangeConnection>
  /** Whether the client sends each query without waiting for earlier answers. */
  pipeline?: boolean
  /** The server process id, as the server announced it on connecting. */
  processID?: number | null
}

/** Statements that are sent in several parts, and answered together. */
export interface Sending {
  /** Sends statements without waiting for their answers. */
  send(statements: readonly Statement[]): void
  /**
   * Sends the last statements, and returns the rows of all of them in order. The first error rejects, and the statements after it
   * do not run.
   *
   * @throws {LedgerInternalError} a value cannot be sent. Nothing of these statements was, and what was sent before must be abandoned
   */
  end(statements: readonly Statement[]): Promise<readonly unknown[][][]>
  /** Sends nothing more. What was sent may have run. */
  abandon(): void
}

/** Begins to send statements. With `pg`'s own client, all together are one round trip. */
export function openSending(client: PgClient, options: SendOptions): Sending {
  return isOfPg(client) ? new Exchange(client, options) : oneByOne(client, options)
}

/** Sends statements in order and returns their rows. With `pg`'s own client this is one round trip. */
export function sendAll(
  client: PgClient,
  statements: readonly Statement[],
  options: SendOptions,
): Promise<readonly unknown[][][]> {
  return openSending(client, options).end(statements)
}

/** For any other client: waits for each answer before it sends the next statement. */
function oneByOne(client: PostgresClient, { timeoutMs }: SendOptions): Sending {
  const limit = timeoutMs === undefined ? undefined : { query_timeout: timeoutMs }
  const waiting: Statement[] = []
  return {
    send: (statements) => void waiting.push(...statements),
    async end(statements) {
      const replies: unknown[][][] = []
      for (const { values, ...statement } of [...waiting, ...statements]) {
        const literals = values?.map((value) => (typeof value === 'string' || value === null ? value : arrayLiteral(value)))
        replies.push(await ask(client, { ...statement, ...limit, ...(literals && { values: literals }) }))
      }
      return replies
    },
    abandon: () => undefined,
  }
}

/** Whether the client speaks the protocol in JavaScript, one query at a time. `pg.native` and pipelining clients do not. */
function isOfPg(client: PgClient): client is PgClient & { connection: ExchangeConnection } {
  const { connection, pipeline } = client
  return !pipeline && typeof connection?.parse === 'function' && typeof connection.stream?.write === 'function'
}

const OWN_PROCESS: Statement = { text: 'SELECT pg_backend_pid()', rowMode: 'array' }

/** By client, whether it always talks to the same server process. */
const direct = new WeakMap<object, boolean>()

/**
 * Whether this client keeps one server process for as long as it is connected, which prepared statements require. Behind a pooler
 * such as PgBouncer it does not: the process that answers differs from the one announced.
 */
export async function hasOwnProcess(client: PgClient, timeoutMs?: number): Promise<boolean> {
  const known = direct.get(client)
  if (known !== undefined) return known
  if (!isOfPg(client) || typeof client.processID !== 'number') return false
  const [rows] = await sendAll(client, [OWN_PROCESS], { prepares: false, timeoutMs })
  const isDirect = Number(rows?.[0]?.[0]) === client.processID
  direct.set(client, isDirect)
  return isDirect
}
