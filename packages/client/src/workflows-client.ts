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
} from './wire/index.ts'

/** Reads an account's workflows and what they cost. */
export class WorkflowsReader {
  readonly #transport: Transport
  readonly #scope: AccountScope

  constructor(transport: Transport, scope: AccountScope) {
    this.#transport = transport
    this.#scope = scope
  }

  /** Fetches one page of the account's workflows, newest first. */
  list(query?: WorkflowsQuery, options?: RequestOptions): Promise<WorkflowPage> {
    return this.#transport.send({ method: 'GET', path: '/workflows', query: { ...query, ...this.#scope } }, options)
  }

  /** Fetches what a workflow has cost so far, its attempts, and how its providers were chosen. */
  get(workflowId: string, options?: RequestOptions): Promise<WorkflowDetails> {
    return this.#transport.send({ method: 'GET', path: `/workflows/${segment(workflowId)}`, query: this.#scope }, options)
  }

  /** Iterates over all of the account's workflows, newest first. Fetches each page as you reach it. */
  listAll(query?: WorkflowsQuery, options?: RequestOptions): AsyncGenerator<WorkflowListing, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.list({ ...query, cursor }, options),
      ({ next_cursor }) => next_cursor,
      query?.cursor,
    )
    return entriesOf(pages, ({ workflows }) => workflows)
  }
}

/** Reads workflows, and bills work that is done outside Farebox. */
export class WorkflowsClient extends WorkflowsReader {
  readonly #transport: Transport

  constructor(transport: Transport) {
    super(transport, {})
    this.#transport = transport
  }

  /** Opens a workflow for work that is done outside Farebox. */
  open(body: OpenWorkflowRequest, options?: RequestOptions): Promise<OpenedWorkflow> {
    return this.#transport.send({ method: 'POST', path: '/workflows', body }, options)
  }

  /** Charges for what a service consumed. */
  usage(workflowId: string, body: UsageRequest, options?: RequestOptions): Promise<UsageCharged> {
    return this.#transport.send({ method: 'POST', path: `/workflows/${segment(workflowId)}/usage`, body }, options)
  }

  /** Closes a workflow and returns its receipt. Closing it again returns the same receipt. */
  close(workflowId: string, options?: RequestOptions): Promise<Receipt> {
    return this.#transport.send({ method: 'POST', path: `/workflows/${segment(workflowId)}/close` }, options)
  }
}
