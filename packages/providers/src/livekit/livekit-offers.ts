import type { Offer } from '@farebox/core'

/**
 * What LiveKit sells: the time of each participant in a room. `model` is the item in LiveKit's price list, which the list prices
 * use. For its agents' minutes that item is `agent-session`. LiveKit serves no routed calls, so its quality is 0.
 *
 * @source https://livekit.io/pricing
 */
export function livekitOffers(): readonly Offer[] {
  return [{ service: 'realtime', provider: 'livekit', model: 'webrtc-participant', capabilities: {}, quality: 0, latencyMs: 0 }]
}
