import type { Offer } from '@farebox/core'
import { type ClaudeModel, CURRENT_HAIKU, claudeModels } from './claude-models.ts'

/** The model that stands behind a name that Anthropic no longer serves. */
export interface AnthropicModels {
  /** What `claude-3-haiku` asks for. @defaultValue `claude-haiku-5-5` */
  haiku?: string
}

/**
 * What Anthropic sells, for chat and for vision. Names of providers are roles: `claude-3-haiku` is whatever small model is current,
 * because configurations and the default price book name it. The other models go by their own names, which only price books of a
 * team's own know.
 */
export function anthropicOffers({ haiku = CURRENT_HAIKU }: AnthropicModels = {}): readonly Offer[] {
  const role = claudeModels.find(({ id }) => id === haiku) ?? { ...smallest(), id: haiku }
  const named = [{ provider: 'claude-3-haiku', model: role }, ...claudeModels.map((model) => ({ provider: model.id, model }))]
  return (['gpt', 'vision'] as const).flatMap((service) => named.map((given) => ({ service, ...offer(given) })))
}

function offer({ provider, model }: { provider: string; model: ClaudeModel }): Omit<Offer, 'service'> {
  const { id, quality, latencyMs, contextTokens, outputTokensMax, imageTokensMax } = model
  const limits = { contextTokens, outputTokensMax, imageTokensMax }
  return { provider, model: id, quality, latencyMs, capabilities: { streaming: true, tools: true, images: true, ...limits } }
}

/** The model with the least limits: what a model of which nothing is known can do too. */
function smallest(): ClaudeModel {
  return claudeModels.reduce((least, model) => (model.contextTokens < least.contextTokens ? model : least))
}
