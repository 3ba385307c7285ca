import { hash } from 'node:crypto'
import type { PostgresClient, Sending, SendOptions, Statement } from './client.ts'
import { Messages } from './messages.ts'

/** The part of a `pg` connection that an exchange uses. */
export interface ExchangeConnection {
  stream: { readonly writable: boolean; write(bytes: Uint8Array): unknown }
  /** Not called. A connection that has it speaks Postgres' extended query protocol. */
  parse: unknown
}

/**
 * Statements sent to the server without waiting for each other, and their rows in one reply. `pg` itself writes, flushes and
 * describes each statement separately, which for a ledger batch costs more than running them. The server runs them in order, and
 * stops at the first failure. All values in the rows are in Postgres' text format; booleans are `t` and `f`.
 *
 * To `pg` this is a query with the methods that it calls, like those of pg-cursor and pg-query-stream: `pg` queues it, and then
 * lets it drive the connection.
 */
export class Exchange implements Sending {
  /** Replaced by `pg` when the query has a timeout, to learn that it is over. Its versions before 8.19 call the replaced one too. */
  callback: () => void = () => {}
  /** Read by `pg` as this query's own timeout, in milliseconds. */
  readonly query_timeout: number | undefined
  readonly #client: PostgresClient
  /** The names of statements that this connection keeps, or `undefined` if it is to keep none. */
  readonly #prepared: Set<string> | undefined
  readonly #answer = Promise.withResolvers<string[][][]>()
  /** What was sent, in order. Read by whoever wraps a client to log its queries, too. */
  readonly statements: Statement[] = []
  #state: 'new' | 'begun' | 'ended' = 'new'
  /** What `pg` lets this write to, once it is this query's turn. */
  #stream: ExchangeConnection['stream'] | undefined
  /** What is to be written until then. */
  #waiting: Uint8Array[] = []
  readonly #replies: string[][][] = []
  #rows: string[][] = []

  constructor(client: PostgresClient, { prepares, timeoutMs }: SendOptions) {
    this.#client = client
    this.#prepared = prepares ? preparedOn(client) : undefined
    this.query_timeout = timeoutMs
  }

  send(statements: readonly Statement[]): void {
    const messages = new Messages()
    this.#encode(messages, statements)
    this.#write(messages, 'begun')
  }

  end(statements: readonly Statement[]): Promise<string[][][]> {
    const messages = new Messages()
    this.#encode(messages, statements)
    messages.sync()
    this.#write(messages, 'ended')
    return this.#answer.promise
  }

  abandon(): void {
    if (this.#state !== 'begun') return
    // Nobody asks for the answer.
    this.#answer.promise.catch(() => undefined)
    const messages = new Messages()
    messages.sync()
    this.#write(messages, 'ended')
  }

  submit({ stream }: ExchangeConnection): void {
    this.#stream = stream
    const waiting = this.#waiting
    this.#waiting = []
    for (const bytes of waiting) this.#writeTo(stream, bytes)
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
    this.#answer.resolve(this.#replies)
  }

  handleError(error: unknown): void {
    this.callback()
    this.#answer.reject(error)
  }

  #encode(messages: Messages, statements: readonly Statement[]): void {
    for (const { text, values = [] } of statements) {
      const name = this.#prepared ? nameOf(text) : ''
      if (!this.#prepared?.has(name)) {
        // After a failure the server may or may not have kept it. Closing one that does not exist is no error.
        if (name !== '') messages.close(name)
        messages.parse(name, text)
      }
      messages.bind(name, values)
      messages.execute()
    }
    this.statements.push(...statements)
  }

  #write(messages: Messages, state: 'begun' | 'ended'): void {
    const bytes = messages.finish()
    if (this.#stream) this.#writeTo(this.#stream, bytes)
    else this.#waiting.push(bytes)
    const isNew = this.#state === 'new'
    this.#state = state
    if (isNew) void (this.#client.query as unknown as (query: Exchange) => void).call(this.#client, this)
  }

  /** A stream that has ended fails its queries by itself. */
  #writeTo(stream: ExchangeConnection['stream'], bytes: Uint8Array): void {
    if (stream.writable) stream.write(bytes)
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
