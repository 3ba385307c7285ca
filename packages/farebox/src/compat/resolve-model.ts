import { isFareboxError, type Service } from '@farebox/core'
import { presets, type ServiceConfiguration } from '@farebox/router'
import type { Farebox } from '../farebox.ts'
import { ModelNotFoundError } from '../http/http-errors.ts'

/** Leaves the choice of the provider to the configuration. */
export const AUTO = 'auto'

/** What a caller's `model` stands for. */
export interface ResolvedModel {
  /** The only provider that may serve. */
  provider?: string
  /** The configuration that chooses the provider. */
  configuration?: ServiceConfiguration
  businessAdapter?: string
}

/** A configuration that has a name, with its business adapter if it has one. */
export type NamedConfiguration = ResolvedModel & { configuration: ServiceConfiguration }

/**
 * Finds what `model` stands for. The first match wins: a provider of this service by its wire name, or by the model behind it;
 * `auto`; an agent of the account; a preset or a business adapter.
 *
 * @throws {ModelNotFoundError} it is none of them
 */
export async function resolveModel(
  box: Farebox,
  accountId: string,
  { model, service }: { model: string; service: Service },
): Promise<ResolvedModel> {
  const offers = box.catalog.forService(service).map(({ offer }) => offer)
  const offer = offers.find(({ provider }) => provider === model) ?? offers.find((each) => each.model === model)
  if (offer) return { provider: offer.provider }
  if (model === AUTO) return {}
  const named = await findConfiguration(box, accountId, model)
  if (named) return named
  throw new ModelNotFoundError(`there is no model ${JSON.stringify(model)} for this: GET /v1/models lists what there is`)
}

/** Finds the configuration of an agent, a preset or a business adapter, in this order. */
export async function findConfiguration(box: Farebox, accountId: string, name: string): Promise<NamedConfiguration | undefined> {
  const agent = await box.agents.find(accountId, name).catch((error: unknown) => {
    if (isFareboxError(error) && (error.code === 'AGENT_NOT_FOUND' || error.code === 'INVALID_INPUT')) return undefined
    throw error
  })
  if (agent) return { configuration: agent.configuration, businessAdapter: agent.businessAdapter ?? undefined }
  if (Object.hasOwn(presets, name)) return { configuration: presets[name as keyof typeof presets]() }
  const adapter = box.businessAdapters.find((each) => each.name === name)
  return adapter && { configuration: adapter.configuration, businessAdapter: adapter.name }
}
