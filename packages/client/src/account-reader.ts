import { entriesOf, pagesOf } from './pages.ts'
import { readExport } from './read-export.ts'
import { type RequestOptions, segment, type Transport } from './transport.ts'
import type {
  Budgets,
  Credits,
  ExportQuery,
  KeyUsageReport,
  OwnKeys,
  Recommendations,
  StatementEntry,
  StatementPage,
  UsageQuery,
  UsageReport,
  UsageSeries,
  UsageSeriesEntry,
  UsageSeriesQuery,
} from './wire.ts'
import { WorkflowsReader } from './workflows-client.ts'

/** Which page of a statement is wanted. */
export interface StatementFilter {
  /** The `next` of an earlier page. @defaultValue the newest */
  cursor?: string
  /** Entries of one page. @defaultValue 100 */
  limit?: number
}

/** Which account the admin token reads; empty for an API key, which reads its own. */
export interface AccountScope {
  account_id?: string
}

/** Everything that can be read of one account. Made by {@link createClient} and {@link AdminClient.account}. */
export class AccountReader {
  /** What the account's workflows have cost. */
  readonly workflows: WorkflowsReader
  readonly #transport: Transport
  readonly #scope: AccountScope

  constructor(transport: Transport, scope: AccountScope) {
    this.workflows = new WorkflowsReader(transport, scope)
    this.#transport = transport
    this.#scope = scope
  }

  /** Where credits went, by workflow and by service. */
  usage(query?: UsageQuery, options?: RequestOptions): Promise<UsageReport> {
    return this.#transport.send({ method: 'GET', path: '/usage', query: { ...query, ...this.#scope } }, options)
  }

  /** Where credits went over time: one page, by time and then by name. */
  usageSeries(query?: UsageSeriesQuery, options?: RequestOptions): Promise<UsageSeries> {
    return this.#transport.send({ method: 'GET', path: '/usage/series', query: { ...query, ...this.#scope } }, options)
  }

  /** Where the credits of one key went. */
  keyUsage(prefix: string, options?: RequestOptions): Promise<KeyUsageReport> {
    return this.#transport.send({ method: 'GET', path: `/usage/keys/${segment(prefix)}`, query: this.#scope }, options)
  }

  /** Where credits could be saved. */
  recommendations(query?: UsageQuery, options?: RequestOptions): Promise<Recommendations> {
    return this.#transport.send({ method: 'GET', path: '/usage/recommendations', query: { ...query, ...this.#scope } }, options)
  }

  /** Balance and grants. */
  credits(options?: RequestOptions): Promise<Credits> {
    return this.#transport.send({ method: 'GET', path: '/credits', query: this.#scope }, options)
  }

  /** One page of the journal, newest first. */
  statement(query?: StatementFilter, options?: RequestOptions): Promise<StatementPage> {
    return this.#transport.send({ method: 'GET', path: '/credits/statement', query: { ...query, ...this.#scope } }, options)
  }

  /** The whole journal, newest first, fetched page by page as it is read. */
  statementEntries(query?: StatementFilter, options?: RequestOptions): AsyncGenerator<StatementEntry, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.statement({ ...query, cursor }, options),
      ({ next }) => next,
      query?.cursor,
    )
    return entriesOf(pages, ({ entries }) => entries)
  }

  /** The same, page by page as it is read. */
  usageSeriesEntries(query?: UsageSeriesQuery, options?: RequestOptions): AsyncGenerator<UsageSeriesEntry, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.usageSeries({ ...query, cursor }, options),
      ({ next_cursor }) => next_cursor,
      query?.cursor,
    )
    return entriesOf(pages, ({ series }) => series)
  }

  /** Usage or purchases as a file, piece by piece: `for await (const piece of client.export({ format: 'focus' }))`. */
  export(query?: ExportQuery, options?: RequestOptions): AsyncGenerator<Uint8Array, void, undefined> {
    return readExport(this.#transport, '/export', { ...query, ...this.#scope }, options)
  }

  /** The account's keys, newest first, with what each may use and spend. */
  keys(options?: RequestOptions): Promise<OwnKeys> {
    return this.#transport.send({ method: 'GET', path: '/keys', query: this.#scope }, options)
  }

  /** What the account, its users and its keys may spend, and have spent. */
  budgets(options?: RequestOptions): Promise<Budgets> {
    return this.#transport.send({ method: 'GET', path: '/budgets', query: this.#scope }, options)
  }
}
