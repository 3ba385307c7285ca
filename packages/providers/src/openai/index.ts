export { type OpenaiApi, type OpenaiOptions, openai } from './openai.ts'
export type { OpenaiClient, OpenaiRequestOptions, OpenaiResource, OpenaiWebsocketOptions } from './openai-client.ts'
export { type OpenaiModels, openaiOffers } from './openai-offers.ts'
