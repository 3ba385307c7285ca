import type { Offer } from '@farebox/core'

/** What Twilio sells here: outbound calls. What a call costs depends on the numbers at both its ends, by the price book. */
export const twilioOffers: readonly Offer[] = [
  { service: 'phone', provider: 'twilio', model: 'outbound', capabilities: {}, quality: 0.9, latencyMs: 3_000 },
]
