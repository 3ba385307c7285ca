import { hash } from 'node:crypto'
import type { PostgresClient, SendOptions, Statement } from './client.ts'

/** The part of a `pg` connection that an exchange uses: the messages of Postgres' extended query protocol. */
export interface ExchangeConnection {
  stream: { cork(): void; uncork(): void }
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: readonly (string | null)[] }): void
  execute(message: Record<string, never>): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/**
 * Sends all statements to the server in one write, and reads their rows in one reply. `pg` itself writes, flushes and describes
 * each statement separately, which for a ledger batch costs more than running them. The server runs them in order, and stops at
 * the first failure.
 *
 * @param options.prepares  whether to name each statement, so that the connection can reuse it
 * @returns the rows of each statement. All values are in Postgres' text format; booleans are `t` and `f`
 */
export function exchange(
  client: PostgresClient,
  statements: readonly Statement[],
  { prepares, timeoutMs }: SendOptions,
): Promise<string[][][]> {
  return new Promise((resolve, reject) => {
    const query = new Exchange(statements, prepares ? preparedOn(client) : undefined, resolve, reject)
    query.query_timeout = timeoutMs
    // A custom query class, like pg-cursor and pg-query-stream: `pg` queues it, and then lets it drive the connection.
    void (client.query as unknown as (query: Exchange) => void).call(client, query)
  })
}

/** One exchange, as an object with the methods that `pg` calls on a query. */
class Exchange {
  /** Replaced by `pg` when the query has a timeout, to learn that it is over. Its versions before 8.19 call the replaced one too. */
  callback: () => void = () => {}
  /** Read by `pg` as this query's own timeout, in milliseconds. */
  query_timeout: number | undefined
  readonly statements: readonly Statement[]
  readonly #prepared: Set<string> | undefined
  readonly #resolve: (replies: string[][][]) => void
  readonly #reject: (error: unknown) => void
  readonly #replies: string[][][] = []
  #rows: string[][] = []

  constructor(
    statements: readonly Statement[],
    prepared: Set<string> | undefined,
    resolve: (replies: string[][][]) => void,
    reject: (error: unknown) => void,
  ) {
    this.statements = statements
    this.#prepared = prepared
    this.#resolve = resolve
    this.#reject = reject
  }

  submit(connection: ExchangeConnection): void {
    connection.stream.cork()
    for (const { text, values = [] } of this.statements) {
      const name = this.#prepared ? nameOf(text) : ''
      if (!this.#prepared?.has(name)) {
        // After a failure the server may or may not have kept it. Closing one that does not exist is no error.
        if (name !== '') connection.close({ type: 'S', name })
        connection.parse({ name, text })
      }
      connection.bind({ statement: name, values })
      connection.execute({})
    }
    connection.sync()
    connection.stream.uncork()
  }

  handleDataRow({ fields }: { fields: string[] }): void {
    this.#rows.push(fields)
  }

  handleCommandComplete(): void {
    const statement = this.statements[this.#replies.length]
    if (this.#prepared && statement) this.#prepared.add(nameOf(statement.text))
    this.#replies.push(this.#rows)
    this.#rows = []
  }

  handleReadyForQuery(): void {
    this.callback()
    this.#resolve(this.#replies)
  }

  handleError(error: unknown): void {
    this.callback()
    this.#reject(error)
  }
}

const preparedStatements = new WeakMap<object, Set<string>>()

/** The statement names known to be prepared on a client's connection. */
function preparedOn(client: object): Set<string> {
  const known = preparedStatements.get(client) ?? new Set()
  preparedStatements.set(client, known)
  return known
}

const names = new Map<string, string>()

/** Names a statement by the digest of its text, so that two versions of this package on one connection cannot clash. */
function nameOf(text: string): string {
  let name = names.get(text)
  if (name === undefined) {
    name = `farebox_${hash('sha256', text).slice(0, 40)}`
    names.set(text, name)
  }
  return name
}
