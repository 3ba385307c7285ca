import type { Offer } from '@farebox/core'
import type { Operation } from './route.ts'

/** The offer under the model that prices it: live sound may have a price of its own. */
export function pricedOffer(offer: Offer, operation: Operation | undefined): Offer {
  const { liveModel } = offer
  const isOfLiveSound = liveModel !== undefined && (operation === 'listen' || operation === 'converse')
  return isOfLiveSound ? { ...offer, model: liveModel } : offer
}
