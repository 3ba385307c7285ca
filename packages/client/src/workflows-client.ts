import type { AccountScope } from './account-reader.ts'
import { entriesOf, pagesOf } from './pages.ts'
import { type RequestOptions, segment, type Transport } from './transport.ts'
import type {
  OpenedWorkflow,
  OpenWorkflowRequest,
  Receipt,
  UsageCharged,
  UsageRequest,
  WorkflowDetails,
  WorkflowListing,
  WorkflowPage,
  WorkflowsQuery,
} from './wire.ts'

/** What the workflows of an account have cost. */
export class WorkflowsReader {
  readonly #transport: Transport
  readonly #scope: AccountScope

  constructor(transport: Transport, scope: AccountScope) {
    this.#transport = transport
    this.#scope = scope
  }

  /** The account's workflows, newest first: one page. */
  list(query?: WorkflowsQuery, options?: RequestOptions): Promise<WorkflowPage> {
    return this.#transport.send({ method: 'GET', path: '/workflows', query: { ...query, ...this.#scope } }, options)
  }

  /** What a workflow has cost so far, what was tried for it, and how its providers were chosen. */
  get(workflowId: string, options?: RequestOptions): Promise<WorkflowDetails> {
    return this.#transport.send({ method: 'GET', path: `/workflows/${segment(workflowId)}`, query: this.#scope }, options)
  }

  /** The account's workflows, newest first, fetched page by page as they are read. */
  listAll(query?: WorkflowsQuery, options?: RequestOptions): AsyncGenerator<WorkflowListing, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.list({ ...query, cursor }, options),
      ({ next_cursor }) => next_cursor,
      query?.cursor,
    )
    return entriesOf(pages, ({ workflows }) => workflows)
  }
}

/** Work that is done elsewhere. */
export class WorkflowsClient extends WorkflowsReader {
  readonly #transport: Transport

  constructor(transport: Transport) {
    super(transport, {})
    this.#transport = transport
  }

  /** Opens a workflow for work that is done elsewhere. */
  open(body: OpenWorkflowRequest, options?: RequestOptions): Promise<OpenedWorkflow> {
    return this.#transport.send({ method: 'POST', path: '/workflows', body }, options)
  }

  /** Charges what a service consumed. */
  usage(workflowId: string, body: UsageRequest, options?: RequestOptions): Promise<UsageCharged> {
    return this.#transport.send({ method: 'POST', path: `/workflows/${segment(workflowId)}/usage`, body }, options)
  }

  /** Closes a workflow and answers its receipt. Closing again answers the same. */
  close(workflowId: string, options?: RequestOptions): Promise<Receipt> {
    return this.#transport.send({ method: 'POST', path: `/workflows/${segment(workflowId)}/close` }, options)
  }
}
