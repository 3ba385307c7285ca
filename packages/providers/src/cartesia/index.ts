export { type CartesiaOptions, cartesia } from './cartesia.ts'
export type { CartesiaClient, CartesiaRequestOptions } from './cartesia-client.ts'
export { type CartesiaModels, cartesiaOffers } from './cartesia-offers.ts'
