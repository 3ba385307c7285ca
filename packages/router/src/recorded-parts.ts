import { formatCredits } from '@farebox/core'
import type { ComplexityDecision } from './complexity.ts'
import type { RecordedCandidate, RecordedComplexity, RecordedRejection } from './decision-record.ts'
import { usageTexts } from './recorded-request.ts'
import type { Candidate, Rejection } from './route.ts'
import type { RouteRequest } from './route-request.ts'

/** @param request  where what its model uses is to be recorded too, if that is not what the request says of all */
export function recordedCandidate(candidate: Candidate, request?: RouteRequest): RecordedCandidate {
  const { offer, adapter, cost, rank, condition, reading } = candidate
  const usage = request?.usageOf?.(offer)
  return {
    provider: offer.provider,
    model: offer.model,
    adapter: adapter.name,
    ...(adapter.isSimulated && { isSimulated: true }),
    charge: formatCredits(candidate.chargeExpected),
    ceiling: formatCredits(candidate.chargeCeiling),
    ...(cost !== undefined && { cost: String(cost) }),
    latencyMs: rounded(candidate.latencyMs),
    quality: offer.quality,
    score: rounded(candidate.score),
    ...(rank !== undefined && { rank }),
    position: candidate.entry.position,
    ...(condition !== 'ok' && { condition }),
    ...(reading?.errorRate && { errorRate: rounded(reading.errorRate) }),
    ...(reading?.rateLimitedRate && { rateLimitedRate: rounded(reading.rateLimitedRate) }),
    ...(reading?.samples && { samples: rounded(reading.samples) }),
    ...(usage && usage.expected !== request?.expected && { expected: usageTexts(usage.expected) }),
    ...(usage && usage.ceiling !== request?.ceiling && { most: usageTexts(usage.ceiling) }),
    ...(offer.capabilities.regions && { regions: offer.capabilities.regions }),
    ...(offer.capabilities.serviceLevels && { serviceLevels: offer.capabilities.serviceLevels }),
    why: candidate.why,
  }
}

export function recordedRejection({ entry, reason, detail, charge }: Rejection): RecordedRejection {
  const { offer, adapter, position } = entry
  return {
    provider: offer.provider,
    model: offer.model,
    adapter: adapter.name,
    reason,
    detail,
    ...(charge !== undefined && {
      charge: formatCredits(charge),
      quality: offer.quality,
      latencyMs: offer.latencyMs,
      position,
      ...(adapter.isSimulated && { isSimulated: true }),
    }),
  }
}

export function recordedComplexity({ complexity, by, classifier, features, verdict }: ComplexityDecision): RecordedComplexity {
  if (!verdict || !features) return { value: complexity, by }
  return {
    value: complexity,
    by,
    classifier,
    features: Object.fromEntries(
      Object.entries(features).flatMap(([name, value]) => (value === 0 ? [] : [[name, rounded(value)]])),
    ),
    score: rounded(verdict.score),
    contributions: Object.fromEntries(
      verdict.contributions.map(({ feature, value, weight, contribution }) => [
        feature,
        [rounded(value), weight, rounded(contribution)],
      ]),
    ),
    ...(verdict.guard && { guard: verdict.guard }),
  }
}

/** To four decimals: more say nothing about a prediction. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4
}
