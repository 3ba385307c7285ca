import { type ExchangeConnection, exchange } from './exchange.ts'

/** One statement as `pg` takes it. Values are text, whatever the type of their columns. */
export interface Statement {
  text: string
  values?: (string | null)[]
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

const AS_TEXT = { types: { getTypeParser: () => (text: string) => text } }

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

/**
 * Sends statements in order and returns their rows. With `pg`'s own client this is one round trip. The first error rejects, and
 * the statements after it do not run.
 */
export async function sendAll(
  client: PgClient,
  statements: readonly Statement[],
  { prepares, timeoutMs }: SendOptions,
): Promise<readonly unknown[][][]> {
  if (isOfPg(client)) return exchange(client, statements, { prepares, timeoutMs })
  const limit = timeoutMs === undefined ? undefined : { query_timeout: timeoutMs }
  const replies: unknown[][][] = []
  for (const statement of statements) replies.push(await ask(client, limit ? { ...statement, ...limit } : statement))
  return replies
}

/** Whether the client speaks the protocol in JavaScript, one query at a time. `pg.native` and pipelining clients do not. */
function isOfPg(client: PgClient): client is PgClient & { connection: ExchangeConnection } {
  const { connection, pipeline } = client
  return !pipeline && typeof connection?.parse === 'function' && typeof connection.stream?.cork === 'function'
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
