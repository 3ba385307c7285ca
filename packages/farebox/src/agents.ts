import { isDeepStrictEqual } from 'node:util'
import { checkFieldNames, documentIdOf, type FieldNames, IdempotencyConflictError, type Ledger } from '@farebox/ledger'
import {
  type BusinessAdapter,
  formatServiceConfiguration,
  parseServiceConfiguration,
  type ServiceConfiguration,
} from '@farebox/router'
import type { ProviderNames } from './check-named-providers.ts'
import { AgentNotFoundError } from './errors.ts'

/** A named configuration that is stored in an account. */
export interface Agent {
  agentId: string
  businessAdapter: string | null
  configuration: ServiceConfiguration
}

/** A new agent: a use case, and the settings that differ from it. */
export interface CreateAgentInput {
  accountId: string
  /** The use case it starts from. @defaultValue none: it starts from the Farebox's own `configuration` */
  businessAdapter?: string
  /** The fields of the service configuration that differ, in wire form. */
  serviceConfiguration?: unknown
  idempotencyKey?: string
  /** @defaultValue a new UUIDv7 */
  agentId?: string
}

const known: FieldNames<CreateAgentInput> = {
  accountId: true,
  businessAdapter: true,
  serviceConfiguration: true,
  idempotencyKey: true,
  agentId: true,
}

const KIND = 'agent'

/** An agent, as it is stored. */
interface AgentBody extends Record<string, unknown> {
  business_logic_adapter: string | null
  service_configuration: object
  /** The fields that were asked for, without what the agent started from. */
  asked: unknown
}

/** The agents of all accounts. */
export class Agents {
  readonly #ledger: Ledger
  readonly #configuration: ServiceConfiguration
  readonly #businessAdapter: (name: string) => BusinessAdapter
  readonly #names: ProviderNames

  constructor(
    ledger: Ledger,
    given: { configuration: ServiceConfiguration; businessAdapter: (name: string) => BusinessAdapter; names: ProviderNames },
  ) {
    this.#ledger = ledger
    this.#configuration = given.configuration
    this.#businessAdapter = given.businessAdapter
    this.#names = given.names
  }

  /**
   * Resolves a configuration and stores it. `replayed` tells that the same idempotency key or id has stored it before: the agent is
   * then as it was made, whatever it would start from today.
   *
   * @throws {UnknownBusinessAdapterError} there is no business adapter of that name
   * @throws {InvalidConfigurationError} a field of the configuration is unknown or out of range, or names an unknown provider
   * @throws {InvalidInputError} a field of the input is unknown
   */
  async create(input: CreateAgentInput): Promise<Agent & { replayed: boolean }> {
    checkFieldNames(input, known, 'agents.create()')
    const base =
      input.businessAdapter === undefined ? this.#configuration : this.#businessAdapter(input.businessAdapter).configuration
    const configuration = parseServiceConfiguration(input.serviceConfiguration ?? {}, base)
    this.#names.checkWire(configuration)
    const { accountId, agentId, idempotencyKey, businessAdapter = null } = input
    const body: AgentBody = {
      business_logic_adapter: businessAdapter,
      service_configuration: formatServiceConfiguration(configuration),
      asked: JSON.parse(JSON.stringify(input.serviceConfiguration ?? {})),
    }
    try {
      const saved = await this.#ledger.saveDocument({ accountId, kind: KIND, documentId: agentId, idempotencyKey, body })
      return { agentId: saved.documentId, businessAdapter, configuration, replayed: saved.replayed }
    } catch (error) {
      const id = agentId ?? (idempotencyKey && documentIdOf(accountId, idempotencyKey))
      if (!(error instanceof IdempotencyConflictError) || !id) throw error
      if (await this.#isSame(accountId, id, body)) return { ...(await this.find(accountId, id)), replayed: true }
      // What was asked for is a part of the configuration.
      throw new IdempotencyConflictError(
        error.idempotencyKey,
        error.differs.filter((field) => field !== 'body.asked'),
      )
    }
  }

  /**
   * Whether an agent is what was asked for, or was made by the same input: what that starts from may have changed since. Agents used
   * to be stored without what was asked for.
   */
  async #isSame(accountId: string, agentId: string, asked: AgentBody): Promise<boolean> {
    const made = (await this.#ledger.document(accountId, KIND, agentId))?.body as Partial<AgentBody> | undefined
    if (made?.business_logic_adapter !== asked.business_logic_adapter) return false
    const fields = ['asked', 'service_configuration'] as const
    return fields.some((field) => isDeepStrictEqual(made[field], JSON.parse(JSON.stringify(asked[field]))))
  }

  /**
   * Reads an agent.
   *
   * @throws {AgentNotFoundError} the account has no such agent
   */
  async find(accountId: string, agentId: string): Promise<Agent> {
    const document = await this.#ledger.document(accountId, KIND, agentId)
    if (!document) throw new AgentNotFoundError(`no agent ${JSON.stringify(agentId)}`)
    const { body } = document
    const configuration = parseServiceConfiguration(body.service_configuration)
    this.#names.accept(configuration)
    return { agentId, businessAdapter: (body.business_logic_adapter as string | null) ?? null, configuration }
  }
}
