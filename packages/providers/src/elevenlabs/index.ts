export { type ElevenlabsOptions, elevenlabs } from './elevenlabs.ts'
export type { ElevenlabsClient, ElevenlabsRequestOptions } from './elevenlabs-client.ts'
export { type ElevenlabsModels, elevenlabsOffers } from './elevenlabs-offers.ts'
