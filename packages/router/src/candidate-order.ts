import type { HealthCondition } from './health.ts'
import type { Candidate } from './route.ts'
import type { RoutingStrategy } from './strategy.ts'

type Compare = (left: Candidate, right: Candidate) => number

/** A candidate that planning may still change: its score is yet to be computed. */
export type Draft = { -readonly [Field in keyof Candidate]: Candidate[Field] }

/** The order of `strategy` among candidates of equal health. It breaks all ties, so it is total. */
export function compareBy(strategy: Exclude<RoutingStrategy, 'weighted'>): Compare {
  return comparators[strategy]
}

/**
 * A weighted random order: each provider comes first with a probability in proportion to its weight, and so on among the rest
 * (Efraimidis and Spirakis, 2006). Sellers of the same provider with equal health share its weight. Candidates without a weight
 * come last, in configured order. Without `random`, the heaviest comes first.
 */
export function compareByLot(
  drafts: readonly Candidate[],
  weights: Readonly<Record<string, number>>,
  random?: () => number,
): Compare {
  /** Indexed by place in the catalog. */
  const lots: number[] = []
  const sellers = new Map<string, number>()
  // A seller in worse health sorts behind in any case, so it must not take a share of the weight.
  const sellerOf = (draft: Candidate) => `${illnessOf(draft)} ${draft.offer.provider}`
  for (const draft of drafts) sellers.set(sellerOf(draft), (sellers.get(sellerOf(draft)) ?? 0) + 1)
  for (const draft of drafts) {
    const { provider } = draft.offer
    const weight = weightOf(provider, weights)
    const share = weight / (sellers.get(sellerOf(draft)) ?? 1)
    lots[draft.entry.position] = weight > 0 ? (random ? drawLot(random, share) : weight) : UNWEIGHTED
  }
  return (left, right) =>
    compareNumbers(lots[right.entry.position] ?? 0, lots[left.entry.position] ?? 0) || byConfiguration(left, right)
}

/** The weight of a provider. 0: it has none, so planning draws no number for it. */
export function weightOf(provider: string, weights: Readonly<Record<string, number>>): number {
  return Object.hasOwn(weights, provider) ? (weights[provider] ?? 0) : 0
}

const UNWEIGHTED = Number.NEGATIVE_INFINITY

/** `random` may return 0, whose logarithm would equal `UNWEIGHTED`. */
function drawLot(random: () => number, weight: number): number {
  return Math.max(Math.log(random() || Number.MIN_VALUE) / weight, -Number.MAX_VALUE)
}

/**
 * Puts a real candidate before a simulated one of the same provider, which is faster and no more expensive but makes up its
 * answers. Only candidates of the same provider swap places.
 */
export function putRealFirst(candidates: Candidate[]): void {
  const madeUp = new Set<string>()
  for (const { adapter, offer } of candidates) if (adapter.isSimulated) madeUp.add(offer.provider)
  if (madeUp.size === 0) return
  for (let real = 1; real < candidates.length; real += 1) {
    const candidate = candidates[real]
    if (!candidate || candidate.adapter.isSimulated || !madeUp.has(candidate.offer.provider)) continue
    const simulated = candidates.findIndex(
      ({ adapter, offer }) => adapter.isSimulated && offer.provider === candidate.offer.provider,
    )
    const other = simulated < real ? candidates[simulated] : undefined
    if (!other || illnessOf(candidate) > illnessOf(other)) continue
    candidates[simulated] = candidate
    candidates[real] = other
  }
}

/** How far back its condition moves a candidate. A probe keeps its usual place, because one request has to test it. */
export function illnessOf(candidate: Candidate): number {
  return illness[candidate.condition]
}

/** Whether `candidate` is at least as healthy as `other`, and simulated only if that one is too. */
export function isAsWellAs(candidate: Candidate, other: Candidate): boolean {
  return illnessOf(candidate) <= illnessOf(other) && (!candidate.adapter.isSimulated || other.adapter.isSimulated)
}

/** Moves a candidate to the front. The others keep their order. */
export function moveFirst(candidates: Candidate[], candidate: Candidate): void {
  const place = candidates.indexOf(candidate)
  if (place <= 0) return
  candidates.splice(place, 1)
  candidates.unshift(candidate)
}

const illness: Record<HealthCondition, number> = { ok: 0, probe: 0, rate_limited: 1, sick: 2, refusing: 3 }

function byConfiguration(left: Candidate, right: Candidate): number {
  return compareRanks(left, right) || byCatalog(left, right)
}

function byCatalog(left: Candidate, right: Candidate): number {
  return Number(left.adapter.isSimulated) - Number(right.adapter.isSimulated) || left.entry.position - right.entry.position
}

function compareRanks(left: Candidate, right: Candidate): number {
  return compareNumbers(left.rank ?? Number.POSITIVE_INFINITY, right.rank ?? Number.POSITIVE_INFINITY)
}

const comparators: Record<Exclude<RoutingStrategy, 'weighted'>, Compare> = {
  configured: (left, right) =>
    compareRanks(left, right) || (left.rank === undefined ? right.score - left.score : 0) || byCatalog(left, right),
  lowest_cost: (left, right) =>
    compareAmounts(left.chargeExpected, right.chargeExpected) ||
    compareAmounts(left.chargeCeiling, right.chargeCeiling) ||
    byConfiguration(left, right),
  lowest_latency: (left, right) => left.latencyMs - right.latencyMs || byConfiguration(left, right),
  highest_quality: (left, right) => right.offer.quality - left.offer.quality || byConfiguration(left, right),
  balanced: (left, right) => right.score - left.score || byConfiguration(left, right),
}

/** Compares without subtraction, which would give NaN for two infinities. */
function compareNumbers(left: number, right: number): number {
  return left < right ? -1 : left > right ? 1 : 0
}

function compareAmounts(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0
}
