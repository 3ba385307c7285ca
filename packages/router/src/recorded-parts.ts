import { formatCredits, type Offer, type UsageQuantity } from '@farebox/core'
import type { ComplexityDecision } from './complexity.ts'
import type { RecordedCandidate, RecordedComplexity, RecordedRejection } from './decision-record.ts'
import { isLiveSound } from './priced-offer.ts'
import { usageTexts } from './recorded-request.ts'
import type { Candidate, Rejection } from './route.ts'
import type { RouteRequest } from './route-request.ts'

/**
 * A candidate as a record keeps it. Missing facts are `undefined`.
 *
 * @param request  pass it to record the usage of the candidate's model too, where it differs from the request's
 * @param texts    usages already formatted, because many candidates share the same ones
 */
export function recordedCandidate(
  candidate: Candidate,
  request?: RouteRequest,
  texts: UsageTexts = new Map(),
): RecordedCandidate {
  const { offer, adapter, cost, rank, condition, reading } = candidate
  const { regions, serviceLevels } = offer.capabilities
  return {
    provider: offer.provider,
    model: offer.model,
    adapter: adapter.name,
    isSimulated: adapter.isSimulated || undefined,
    liveModel: liveModelOf(offer, request),
    charge: formatCredits(candidate.chargeExpected),
    ceiling: formatCredits(candidate.chargeCeiling),
    cost: cost === undefined ? undefined : String(cost),
    latencyMs: rounded(candidate.latencyMs),
    quality: offer.quality,
    score: rounded(candidate.score),
    rank,
    position: candidate.entry.position,
    condition: condition === 'ok' ? undefined : condition,
    errorRate: roundedIfAny(reading?.errorRate),
    rateLimitedRate: roundedIfAny(reading?.rateLimitedRate),
    samples: roundedIfAny(reading?.samples),
    ...ownUsage(offer, request, texts),
    regions,
    serviceLevels,
    why: candidate.why,
  }
}

function liveModelOf({ liveModel }: Offer, request: RouteRequest | undefined): string | undefined {
  return isLiveSound(request?.operation) ? liveModel : undefined
}

/** The usage of an offer's model, where it differs from the request's. */
function ownUsage(offer: Offer, request: RouteRequest | undefined, texts: UsageTexts) {
  const usage = request?.usageOf?.(offer)
  return {
    expected: usage && usage.expected !== request?.expected ? textsOf(texts, usage.expected) : undefined,
    most: usage && usage.ceiling !== request?.ceiling ? textsOf(texts, usage.ceiling) : undefined,
    otherMeters: usage && usage.otherMeters !== request?.otherMeters ? (usage.otherMeters ?? {}) : undefined,
  }
}

/** Formatted usages, so that each is formatted only once. */
export type UsageTexts = Map<readonly UsageQuantity[], readonly string[]>

function textsOf(texts: UsageTexts, usage: readonly UsageQuantity[]): readonly string[] {
  const known = texts.get(usage) ?? usageTexts(usage)
  texts.set(usage, known)
  return known
}

/** A rejection as a record keeps it. The other parameters are those of {@link recordedCandidate}. */
export function recordedRejection(
  { entry, reason, detail, charge, latencyMs, candidate }: Rejection,
  request?: RouteRequest,
  texts: UsageTexts = new Map(),
): RecordedRejection {
  const { offer, adapter, position } = entry
  return {
    provider: offer.provider,
    model: offer.model,
    adapter: adapter.name,
    reason,
    detail,
    ...(charge !== undefined && { charge: formatCredits(charge) }),
    ...(latencyMs !== undefined && { latencyMs: rounded(latencyMs) }),
    ...(candidate && {
      chargeExpected: candidate.chargeExpected === charge ? undefined : formatCredits(candidate.chargeExpected),
      quality: offer.quality,
      latencyMs: rounded(candidate.latencyMs),
      position,
      ...(adapter.isSimulated && { isSimulated: true }),
      liveModel: liveModelOf(offer, request),
      condition: candidate.condition === 'ok' ? undefined : candidate.condition,
      errorRate: roundedIfAny(candidate.reading?.errorRate),
      rateLimitedRate: roundedIfAny(candidate.reading?.rateLimitedRate),
      ...ownUsage(offer, request, texts),
      regions: offer.capabilities.regions,
      serviceLevels: offer.capabilities.serviceLevels,
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

/** Omits zero, like unknown values. */
function roundedIfAny(value: number | undefined): number | undefined {
  return value ? rounded(value) : undefined
}

/** Rounds to four decimals. More would mean nothing in a prediction. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4
}
