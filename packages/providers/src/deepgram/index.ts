export { type DeepgramOptions, deepgram } from './deepgram.ts'
export type { DeepgramClient, DeepgramRequestOptions, DeepgramSocket } from './deepgram-client.ts'
export { type DeepgramModels, deepgramOffers } from './deepgram-offers.ts'
