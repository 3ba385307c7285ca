export { type AnthropicOptions, anthropic } from './anthropic.ts'
export type { AnthropicClient, AnthropicRequestOptions } from './anthropic-client.ts'
export { type AnthropicModels, anthropicOffers } from './anthropic-offers.ts'
