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
} from './wire/index.ts'
import { WorkflowsReader } from './workflows-client.ts'

/** Selects a page of a statement. */
export interface StatementFilter {
  /** The `next` of the page before. @defaultValue the newest page */
  cursor?: string
  /** The most entries on one page. @defaultValue 100 */
  limit?: number
}

/** The account that the admin token reads. Empty for an API key, which reads its own account. */
export interface AccountScope {
  account_id?: string
}

/** Reads everything about one account. Made by {@link createClient} and {@link AdminClient.account}. */
export class AccountReader {
  /** The account's workflows and what they cost. */
  readonly workflows: WorkflowsReader
  readonly #transport: Transport
  readonly #scope: AccountScope

  constructor(transport: Transport, scope: AccountScope) {
    this.workflows = new WorkflowsReader(transport, scope)
    this.#transport = transport
    this.#scope = scope
  }

  /** Reports where credits went, by workflow and by service. */
  usage(query?: UsageQuery, options?: RequestOptions): Promise<UsageReport> {
    return this.#transport.send({ method: 'GET', path: '/usage', query: { ...query, ...this.#scope } }, options)
  }

  /** Reports where credits went over time: one page of entries, ordered by time and then by name. */
  usageSeries(query?: UsageSeriesQuery, options?: RequestOptions): Promise<UsageSeries> {
    return this.#transport.send({ method: 'GET', path: '/usage/series', query: { ...query, ...this.#scope } }, options)
  }

  /** Reports where the credits spent with one key went. */
  keyUsage(prefix: string, options?: RequestOptions): Promise<KeyUsageReport> {
    return this.#transport.send({ method: 'GET', path: `/usage/keys/${segment(prefix)}`, query: this.#scope }, options)
  }

  /** Recommends changes that would save credits. */
  recommendations(query?: UsageQuery, options?: RequestOptions): Promise<Recommendations> {
    return this.#transport.send({ method: 'GET', path: '/usage/recommendations', query: { ...query, ...this.#scope } }, options)
  }

  /** Fetches the balance and the grants behind it. */
  credits(options?: RequestOptions): Promise<Credits> {
    return this.#transport.send({ method: 'GET', path: '/credits', query: this.#scope }, options)
  }

  /** Fetches one page of the journal, newest first. */
  statement(query?: StatementFilter, options?: RequestOptions): Promise<StatementPage> {
    return this.#transport.send({ method: 'GET', path: '/credits/statement', query: { ...query, ...this.#scope } }, options)
  }

  /** Iterates over the whole journal, newest first. Fetches each page as you reach it. */
  statementEntries(query?: StatementFilter, options?: RequestOptions): AsyncGenerator<StatementEntry, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.statement({ ...query, cursor }, options),
      ({ next }) => next,
      query?.cursor,
    )
    return entriesOf(pages, ({ entries }) => entries)
  }

  /** Iterates over all entries of {@link usageSeries}. Fetches each page as you reach it. */
  usageSeriesEntries(query?: UsageSeriesQuery, options?: RequestOptions): AsyncGenerator<UsageSeriesEntry, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.usageSeries({ ...query, cursor }, options),
      ({ next_cursor }) => next_cursor,
      query?.cursor,
    )
    return entriesOf(pages, ({ series }) => series)
  }

  /** Exports usage or purchases as a file, chunk by chunk: `for await (const piece of client.export({ format: 'focus' }))`. */
  export(query?: ExportQuery, options?: RequestOptions): AsyncGenerator<Uint8Array, void, undefined> {
    return readExport(this.#transport, '/export', { ...query, ...this.#scope }, options)
  }

  /** Lists the account's keys, newest first, with what each may use and spend. */
  keys(options?: RequestOptions): Promise<OwnKeys> {
    return this.#transport.send({ method: 'GET', path: '/keys', query: this.#scope }, options)
  }

  /** Lists the budgets of the account, its users and its keys, with what each has spent. */
  budgets(options?: RequestOptions): Promise<Budgets> {
    return this.#transport.send({ method: 'GET', path: '/budgets', query: this.#scope }, options)
  }
}
