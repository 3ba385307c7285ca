import { type ExchangeConnection, exchange } from './exchange.ts'

/** One statement as `pg` takes it: its values are texts, whatever the type of their columns. */
export interface Statement {
  text: string
  values?: (string | null)[]
  rowMode?: 'array'
  /** How long `pg` waits for its answer, in milliseconds. @defaultValue what its client was given */
  query_timeout?: number
}

/** The longest that a timer of Node knows; one that is set longer goes off at once. */
export const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** How statements are sent. */
export interface SendOptions {
  /** Whether the server may keep them prepared on this connection. */
  prepares: boolean
  /** How long the answer may take. @defaultValue what the client was given */
  timeoutMs?: number
}

/** The slice of a `pg` client that the ledger uses. */
export interface PostgresClient {
  query(statement: {
    text: string
    values?: unknown[]
    rowMode?: 'array'
    query_timeout?: number
  }): Promise<{ rows: unknown[][] }>
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

/** What a client of `pg` has beside that, and another one may lack. */
interface PgClient extends PostgresClient {
  connection?: Partial<ExchangeConnection>
  /** Whether it sends each query without waiting for the answers to earlier ones. */
  pipeline?: boolean
  /** The process of the server that answers it, as the server said when it connected. */
  processID?: number | null
}

/**
 * Sends statements in order and returns their rows, in one round trip where the client is one of `pg`'s. The first error wins, and
 * the statements after it are not run.
 */
export async function sendAll(
  client: PgClient,
  statements: readonly Statement[],
  { prepares, timeoutMs }: SendOptions,
): Promise<readonly unknown[][][]> {
  if (isOfPg(client)) return exchange(client, statements, { prepares, timeoutMs })
  const limit = timeoutMs === undefined ? undefined : { query_timeout: timeoutMs }
  const replies: unknown[][][] = []
  for (const statement of statements) replies.push((await client.query(limit ? { ...statement, ...limit } : statement)).rows)
  return replies
}

/** Whether it speaks the protocol by itself, and one query after another: `pg.native` does not, a pipelining client neither. */
function isOfPg(client: PgClient): client is PgClient & { connection: ExchangeConnection } {
  const { connection, pipeline } = client
  return !pipeline && typeof connection?.parse === 'function' && typeof connection.stream?.cork === 'function'
}

const OWN_PROCESS: Statement = { text: 'SELECT pg_backend_pid()', rowMode: 'array' }

/** The clients that are known to talk to one server process all the time, or known not to. */
const direct = new WeakMap<object, boolean>()

/**
 * Whether this client has a server process of its own for as long as it is connected, which is what prepared statements need. Behind a
 * pooler such as PgBouncer it has not: there the process that answers is another than the one that was announced.
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
