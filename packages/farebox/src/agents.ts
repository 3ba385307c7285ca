import { checkFieldNames, type FieldNames, type Ledger } from '@farebox/ledger'
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
   * Resolves a configuration and stores it. `replayed` tells that the same idempotency key or id has stored it before.
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
    const businessAdapter = input.businessAdapter ?? null
    const { documentId, replayed } = await this.#ledger.saveDocument({
      accountId: input.accountId,
      kind: KIND,
      documentId: input.agentId,
      idempotencyKey: input.idempotencyKey,
      body: { business_logic_adapter: businessAdapter, service_configuration: formatServiceConfiguration(configuration) },
    })
    return { agentId: documentId, businessAdapter, configuration, replayed }
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
