export { type SimulatedOptions, simulated } from './simulated.ts'
export type { SimulatedCall, SimulatedFailure, SimulatedFailures } from './simulated-failure.ts'
export type { SimulatedLatency } from './simulated-latency.ts'
export { type OfferPair, simulatedOffers } from './simulated-offers.ts'
