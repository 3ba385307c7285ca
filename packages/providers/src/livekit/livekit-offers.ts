import type { Offer } from '@farebox/core'

/**
 * What LiveKit sells: the time of each participant in a room. `model` names the line of its price list, by which list prices know it;
 * minutes of its agents are `agent-session` there. It answers nothing by itself, so it has no quality to be chosen for.
 *
 * @source https://livekit.io/pricing
 */
export function livekitOffers(): readonly Offer[] {
  return [{ service: 'realtime', provider: 'livekit', model: 'webrtc-participant', capabilities: {}, quality: 0, latencyMs: 0 }]
}
