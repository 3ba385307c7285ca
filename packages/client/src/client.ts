import { type ConnectionOptions, type RequestOptions, segment, Transport } from './transport.ts'
import type {
  Agent,
  Budgets,
  CallAnswer,
  CallRequest,
  ChatAnswer,
  ChatRequest,
  CreateAgentRequest,
  Credits,
  Estimate,
  EstimateRequest,
  KeyUsageReport,
  OpenedWorkflow,
  OpenWorkflowRequest,
  OwnKeys,
  PriceList,
  ProviderStatus,
  Receipt,
  Recommendations,
  ServiceConfiguration,
  StatementEntry,
  StatementPage,
  UsageCharged,
  UsageQuery,
  UsageReport,
  UsageRequest,
  UsageSeries,
  UsageSeriesQuery,
  VoiceAnswer,
  VoiceRequest,
  WorkflowDetails,
  WorkflowPage,
  WorkflowsQuery,
} from './wire.ts'

export interface ClientOptions extends ConnectionOptions {
  /** A key of the account that pays: `fbx_…`. */
  apiKey: string
}

/** What {@link FareboxClient.estimateWorkflowCost} is told. Absent is none. */
export interface PlannedWork {
  aiTokens?: number
  voiceMinutes?: number
  ttsCharacters?: number
  phoneMinutes?: number
}

export interface StatementFilter {
  /** The `next` of an earlier page. @defaultValue the newest */
  cursor?: string
  /** Entries of one page. @defaultValue 100 */
  limit?: number
}

/** What a phone call takes beside its talk: ringing, and the server's own work. */
const CALL_MARGIN_MS = 180_000
const CALL_MINUTES = 10

/**
 * A client of a Farebox server, for one account.
 *
 * Each POST carries an idempotency key, so that sending it again after a dropped connection charges once.
 *
 * @example
 * const client = createClient({ baseUrl: 'https://example.com', apiKey: 'fbx_your_key' })
 * const agent = await client.agents.create({ business_logic_adapter: 'languagelearning' })
 * const { text, receipt } = await client.agents.chat(agent.agent_id, { message: 'Hola' })
 */
export function createClient(options: ClientOptions): FareboxClient {
  return new FareboxClient(options)
}

/** Every route of the API that an API key opens. Made by {@link createClient}. */
export class FareboxClient {
  readonly agents: AgentsClient
  readonly workflows: WorkflowsClient
  readonly #transport: Transport

  constructor({ apiKey, ...connection }: ClientOptions) {
    this.#transport = new Transport(connection, apiKey)
    this.agents = new AgentsClient(this.#transport)
    this.workflows = new WorkflowsClient(this.#transport)
  }

  /** What planned work will cost, by service, before any call. */
  estimate(body: EstimateRequest, options?: RequestOptions): Promise<Estimate> {
    return this.#transport.send({ method: 'POST', path: '/estimate', body }, options)
  }

  /** The same in words of TypeScript: `estimateWorkflowCost({ aiTokens: 3000, phoneMinutes: 5 }, ServicePresets.balanced())`. */
  estimateWorkflowCost(
    { aiTokens, voiceMinutes, ttsCharacters, phoneMinutes }: PlannedWork,
    configuration?: Partial<ServiceConfiguration>,
    options?: RequestOptions,
  ): Promise<Estimate> {
    const planned = {
      ai_tokens: aiTokens,
      voice_minutes: voiceMinutes,
      tts_characters: ttsCharacters,
      phone_minutes: phoneMinutes,
    }
    return this.estimate({ ...planned, service_configuration: configuration }, options)
  }

  /** Where credits went, by workflow and by service. */
  usage(query?: UsageQuery, options?: RequestOptions): Promise<UsageReport> {
    return this.#transport.send({ method: 'GET', path: '/usage', query }, options)
  }

  /** Where credits went over time: one page, by time and then by name. */
  usageSeries(query?: UsageSeriesQuery, options?: RequestOptions): Promise<UsageSeries> {
    return this.#transport.send({ method: 'GET', path: '/usage/series', query }, options)
  }

  /** Where the credits of one key went. */
  keyUsage(prefix: string, options?: RequestOptions): Promise<KeyUsageReport> {
    return this.#transport.send({ method: 'GET', path: `/usage/keys/${segment(prefix)}` }, options)
  }

  /** Where credits could be saved. */
  recommendations(query?: UsageQuery, options?: RequestOptions): Promise<Recommendations> {
    return this.#transport.send({ method: 'GET', path: '/usage/recommendations', query }, options)
  }

  /** Balance and grants. */
  credits(options?: RequestOptions): Promise<Credits> {
    return this.#transport.send({ method: 'GET', path: '/credits' }, options)
  }

  /** One page of the journal, newest first. */
  statement(query?: StatementFilter, options?: RequestOptions): Promise<StatementPage> {
    return this.#transport.send({ method: 'GET', path: '/credits/statement', query }, options)
  }

  /** The whole journal, newest first, fetched page by page as it is read. */
  async *statementEntries(query?: StatementFilter, options?: RequestOptions): AsyncGenerator<StatementEntry, void, undefined> {
    let cursor = query?.cursor
    do {
      const page = await this.statement({ ...query, cursor }, options)
      yield* page.entries
      cursor = page.next
    } while (cursor !== undefined)
  }

  /** The account's keys, newest first, with what each may use and spend. */
  keys(options?: RequestOptions): Promise<OwnKeys> {
    return this.#transport.send({ method: 'GET', path: '/keys' }, options)
  }

  /** What the account, its users and its keys may spend, and have spent. */
  budgets(options?: RequestOptions): Promise<Budgets> {
    return this.#transport.send({ method: 'GET', path: '/budgets' }, options)
  }

  /** How the providers are doing. */
  status(options?: RequestOptions): Promise<ProviderStatus> {
    return this.#transport.send({ method: 'GET', path: '/status' }, options)
  }

  /** What everything costs. */
  prices(options?: RequestOptions): Promise<PriceList> {
    return this.#transport.send({ method: 'GET', path: '/prices' }, options)
  }
}

class AgentsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** Makes an agent from a business adapter and settings of its own. */
  create(body: CreateAgentRequest = {}, options?: RequestOptions): Promise<Agent> {
    return this.#transport.send({ method: 'POST', path: '/agent/create', body }, options)
  }

  /** Asks an agent in writing. */
  chat(agentId: string, body: ChatRequest, options?: RequestOptions): Promise<ChatAnswer> {
    return this.#transport.send({ method: 'POST', path: `/agent/${segment(agentId)}/chat`, body }, options)
  }

  /** Asks an agent by voice, and is answered by voice. */
  voice(agentId: string, { audio, ...fields }: VoiceRequest, options?: RequestOptions): Promise<VoiceAnswer> {
    const body = new FormData()
    body.set('audio', audio instanceof Blob ? audio : new Blob([audio as BlobPart]), 'audio')
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value)
    return this.#transport.send({ method: 'POST', path: `/agent/${segment(agentId)}/voice`, body }, options)
  }

  /**
   * Lets an agent call a telephone; answers when the call has ended. A telephone should ring once, so this is not sent again
   * by itself, unless `retries` asks for it here.
   *
   * Node's own `fetch` gives up on an answer after five minutes, whatever `timeoutMs` says. Where calls may be longer, give the
   * client a `fetch` that waits, such as undici's with an agent of `headersTimeout: 0`.
   */
  call(agentId: string, body: CallRequest, options: RequestOptions = {}): Promise<CallAnswer> {
    const timeoutMs = (body.max_minutes ?? CALL_MINUTES) * 60_000 + CALL_MARGIN_MS
    return this.#transport.send(
      { method: 'POST', path: `/agent/${segment(agentId)}/call`, body },
      { ...options, retries: options.retries ?? 0, timeoutMs: options.timeoutMs ?? timeoutMs },
    )
  }
}

class WorkflowsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** Opens a workflow for work that is done elsewhere. */
  open(body: OpenWorkflowRequest, options?: RequestOptions): Promise<OpenedWorkflow> {
    return this.#transport.send({ method: 'POST', path: '/workflows', body }, options)
  }

  /** The account's workflows, newest first: one page. */
  list(query?: WorkflowsQuery, options?: RequestOptions): Promise<WorkflowPage> {
    return this.#transport.send({ method: 'GET', path: '/workflows', query }, options)
  }

  /** What a workflow has cost so far, what was tried for it, and how its providers were chosen. */
  get(workflowId: string, options?: RequestOptions): Promise<WorkflowDetails> {
    return this.#transport.send({ method: 'GET', path: `/workflows/${segment(workflowId)}` }, options)
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
