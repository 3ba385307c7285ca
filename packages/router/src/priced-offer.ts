import type { Offer } from '@farebox/core'
import type { Operation } from './route.ts'

/** The offer under the model that prices it: live sound may have a price of its own. */
export function pricedOffer<Priced extends Pick<Offer, 'model' | 'liveModel'>>(
  offer: Priced,
  operation: Operation | undefined,
): Priced {
  const { liveModel } = offer
  return liveModel !== undefined && isLiveSound(operation) ? { ...offer, model: liveModel } : offer
}

/** Whether an operation takes sound while it is heard. */
export function isLiveSound(operation: Operation | undefined): boolean {
  return operation === 'listen' || operation === 'converse'
}
