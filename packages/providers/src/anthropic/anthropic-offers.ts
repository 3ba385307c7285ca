import type { Offer } from '@farebox/core'
import { type ClaudeModel, CURRENT_HAIKU, claudeModels } from './claude-models.ts'

/** The model behind the provider `claude-3-haiku`, which Anthropic itself no longer serves. */
export interface AnthropicModels {
  /** The model of `claude-3-haiku`. @defaultValue `claude-haiku-5-5` */
  haiku?: string
}

/**
 * What Anthropic sells, for chat and vision. Provider names are roles: `claude-3-haiku` is the current small model, because
 * configurations and the default price book use that name. Other models go by their own names, which the default price book
 * lacks.
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

/** The model with the smallest limits, whose limits we assume for an unknown model. */
function smallest(): ClaudeModel {
  return claudeModels.reduce((least, model) => (model.contextTokens < least.contextTokens ? model : least))
}
