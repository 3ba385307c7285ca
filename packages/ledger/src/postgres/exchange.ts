import { hash } from 'node:crypto'
import type { PostgresClient, SendOptions, Statement } from './client.ts'

/** The slice of a `pg` connection that an exchange speaks through: the messages of Postgres' extended query protocol. */
export interface ExchangeConnection {
  stream: { cork(): void; uncork(): void }
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: readonly (string | null)[] }): void
  execute(message: Record<string, never>): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/**
 * Sends statements as one message to the server, and gets their rows as one: `pg` itself writes, flushes and describes each statement
 * apart, which for a batch of ours costs more than running them. The server runs them in order, and none after one that failed.
 *
 * @param options.prepares  whether the server keeps each statement under a name, for the next time on the same connection
 * @returns                 the rows of each statement, all values as Postgres' text; booleans are `t` and `f`
 */
export function exchange(
  client: PostgresClient,
  statements: readonly Statement[],
  { prepares, timeoutMs }: SendOptions,
): Promise<string[][][]> {
  return new Promise((resolve, reject) => {
    const query = new Exchange(statements, prepares ? preparedOn(client) : undefined, resolve, reject)
    query.query_timeout = timeoutMs
    // A query class of one's own, as pg-cursor and pg-query-stream are: it speaks for itself, and `pg` waits for its turn.
    void (client.query as unknown as (query: Exchange) => void).call(client, query)
  })
}

/** One exchange, in the words in which `pg` tells a query what arrives for it. */
class Exchange {
  /** What `pg` sets to be told that the query is over, when it has a time limit of its own. */
  callback: (() => void) | undefined
  /** Where `pg` looks for a time limit of this query's own. */
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
        // After a failure it is not known whether the server has kept it; to close one that is not there is no error.
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
    this.callback?.()
    this.#resolve(this.#replies)
  }

  handleError(error: unknown): void {
    this.callback?.()
    this.#reject(error)
  }
}

const preparedStatements = new WeakMap<object, Set<string>>()

/** The names that are known to be prepared on a client's connection. */
function preparedOn(client: object): Set<string> {
  const known = preparedStatements.get(client) ?? new Set()
  preparedStatements.set(client, known)
  return known
}

const names = new Map<string, string>()

/** The text's own digest: two versions of this package on one connection cannot mean different statements by one name. */
function nameOf(text: string): string {
  let name = names.get(text)
  if (name === undefined) {
    name = `farebox_${hash('sha256', text).slice(0, 40)}`
    names.set(text, name)
  }
  return name
}
