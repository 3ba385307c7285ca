import { AccountReader } from './account-reader.ts'
import { AgentsClient } from './agents-client.ts'
import { type ConnectionOptions, type RequestOptions, Transport } from './transport.ts'
import type {
  Estimate,
  EstimateRequest,
  Health,
  PriceList,
  ProviderStatus,
  Readiness,
  ServiceConfiguration,
} from './wire/index.ts'
import { WorkflowsClient } from './workflows-client.ts'

/** The options of {@link createClient}. */
export interface ClientOptions extends ConnectionOptions {
  /** An API key of the account that pays: `fbx_…`. */
  apiKey: string
}

/** The work that {@link FareboxClient.estimateWorkflowCost} estimates. An absent field counts as none. */
export interface PlannedWork {
  aiTokens?: number
  voiceMinutes?: number
  ttsCharacters?: number
  phoneMinutes?: number
}

/**
 * Creates a client of a Farebox server, for one account.
 *
 * Each POST carries an idempotency key, so a retry after a dropped connection does not charge twice.
 *
 * @throws {TypeError} an option is unknown or wrong, `baseUrl` is not an address, or `apiKey` is missing or malformed
 * @example
 * const client = createClient({ baseUrl: 'https://example.com', apiKey: 'fbx_your_key' })
 * const agent = await client.agents.create({ business_logic_adapter: 'languagelearning' })
 * const { text, receipt } = await client.agents.chat(agent.agent_id, { message: 'Hola' })
 */
export function createClient(options: ClientOptions): FareboxClient {
  return new FareboxClient(options)
}

/** Every route of the API that an API key can use. Made by {@link createClient}. */
export class FareboxClient extends AccountReader {
  readonly agents: AgentsClient
  override readonly workflows: WorkflowsClient
  readonly #transport: Transport

  constructor({ apiKey, ...connection }: ClientOptions) {
    const transport = new Transport(connection, 'apiKey', apiKey)
    super(transport, {})
    this.#transport = transport
    this.agents = new AgentsClient(transport)
    this.workflows = new WorkflowsClient(transport)
  }

  /** Estimates what planned work will cost, by service, without calling a provider. */
  estimate(body: EstimateRequest, options?: RequestOptions): Promise<Estimate> {
    return this.#transport.send({ method: 'POST', path: '/estimate', body }, options)
  }

  /** {@link estimate} in camelCase: `estimateWorkflowCost({ aiTokens: 3000, phoneMinutes: 5 }, ServicePresets.balanced())`. */
  estimateWorkflowCost(
    { aiTokens, voiceMinutes, ttsCharacters, phoneMinutes, ...others }: PlannedWork,
    configuration?: Partial<ServiceConfiguration>,
    options?: RequestOptions,
  ): Promise<Estimate> {
    const planned = {
      // None, unless a name is misspelt: then the server says so.
      ...others,
      ai_tokens: aiTokens,
      voice_minutes: voiceMinutes,
      tts_characters: ttsCharacters,
      phone_minutes: phoneMinutes,
    }
    return this.estimate({ ...planned, service_configuration: configuration }, options)
  }

  /** Checks that the server process answers. */
  health(options?: RequestOptions): Promise<Health> {
    return this.#transport.send({ method: 'GET', path: '/healthz', root: true }, options)
  }

  /** Checks whether the store answers, and lists which providers take calls. */
  readiness(options?: RequestOptions): Promise<Readiness> {
    return this.#transport.send({ method: 'GET', path: '/readyz', root: true }, options)
  }

  /** Fetches the health of the providers. */
  status(options?: RequestOptions): Promise<ProviderStatus> {
    return this.#transport.send({ method: 'GET', path: '/status' }, options)
  }

  /** Fetches the current price list. */
  prices(options?: RequestOptions): Promise<PriceList> {
    return this.#transport.send({ method: 'GET', path: '/prices' }, options)
  }
}
