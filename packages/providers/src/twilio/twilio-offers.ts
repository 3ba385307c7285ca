import type { Offer } from '@farebox/core'

/** What Twilio sells: outbound calls. By the price book, a call's price depends on the numbers at both ends. */
export const twilioOffers: readonly Offer[] = [
  { service: 'phone', provider: 'twilio', model: 'outbound', capabilities: {}, quality: 0.9, latencyMs: 3_000 },
]
