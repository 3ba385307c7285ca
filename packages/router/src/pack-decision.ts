import { CREDITS_MAX, formatCredits } from '@farebox/core'
import type { OtherMeters } from '@farebox/pricing'
import type { DecisionRecord, RecordedCandidate, RecordedRejection } from './decision-record.ts'

/**
 * A decision record in the form stored with each call, where it is most of the data. It has the same facts in two thirds of the
 * space: candidates and rejections are tuples, and shared values are written once. {@link unpackDecision} reads it.
 */
export interface PackedDecision extends Omit<DecisionRecord, 'version' | 'affordable' | 'candidates' | 'rejected'> {
  readonly version: 2
  /** Absent: the maximum, more than any account can have. */
  readonly affordable?: string
  readonly candidates: readonly PackedCandidate[]
  /** The expected and maximum usages, and other meters, that differ from the request's. Offers refer to them by index. */
  readonly usages?: readonly PackedUsage[]
  readonly rejected?: readonly PackedRejections[]
}

type PackedUsage = readonly [expected: readonly string[] | null, most: readonly string[] | null, otherMeters?: OtherMeters]

/** `model` is 0 where it has the same name as the provider. */
type PackedCandidate = readonly [
  provider: string,
  model: string | 0,
  adapter: string,
  position: number,
  rank: number | null,
  quality: number,
  latencyMs: number,
  score: number,
  charge: string,
  ceiling: string,
  cost: string | null,
  why: string,
  further?: Omit<RecordedCandidate, keyof CandidateFields> & { readonly usage?: number },
]

/** Consecutive rejections of one adapter with the same reason and detail. */
type PackedRejections = readonly [
  adapter: string,
  reason: RecordedRejection['reason'],
  detail: string,
  offers: readonly (readonly [provider: string, model: string | 0, money?: MoneyFields])[],
]

type CandidateFields = Pick<
  RecordedCandidate,
  | 'provider'
  | 'model'
  | 'adapter'
  | 'position'
  | 'rank'
  | 'quality'
  | 'latencyMs'
  | 'score'
  | 'charge'
  | 'ceiling'
  | 'cost'
  | 'why'
  | 'expected'
  | 'most'
  | 'otherMeters'
>
type UsageFields = 'expected' | 'most' | 'otherMeters'
type MoneyFields = Omit<RecordedRejection, 'provider' | 'model' | 'adapter' | 'reason' | 'detail' | UsageFields> & {
  readonly usage?: number
}

const UNLIMITED = formatCredits(CREDITS_MAX)

/** Packs a record for storage as JSON. */
export function packDecision(record: DecisionRecord): PackedDecision {
  const usages: PackedUsage[] = []
  const candidates = record.candidates.map((candidate) => packCandidate(candidate, usages))
  const { affordable } = record
  const rejected = packRejections(record.rejected, usages)
  return {
    ...record,
    version: 2,
    affordable: affordable === UNLIMITED ? undefined : affordable,
    candidates,
    usages: usages.length > 0 ? usages : undefined,
    rejected: rejected.length > 0 ? rejected : undefined,
  }
}

/**
 * Unpacks a record. Also accepts an unpacked record, as earlier versions of this package stored it.
 *
 * @returns `undefined` for anything else, and for later versions
 */
export function unpackDecision(packed: unknown): DecisionRecord | undefined {
  if (typeof packed !== 'object' || packed === null) return undefined
  const decision = packed as PackedDecision | DecisionRecord
  if (!Array.isArray(decision.candidates)) return undefined
  if (decision.version === 1) return decision
  if (decision.version !== 2) return undefined
  const { affordable = UNLIMITED, candidates, usages = [], rejected = [], ...same } = decision
  if (![candidates, usages, rejected].every((list) => Array.isArray(list) && list.every(Array.isArray))) return undefined
  return {
    ...same,
    version: 1,
    affordable,
    candidates: candidates.map((candidate) => unpackCandidate(candidate, usages)),
    rejected: rejected.flatMap((together) => unpackRejections(together, usages)),
  }
}

function packCandidate(candidate: RecordedCandidate, usages: PackedUsage[]): PackedCandidate {
  const { provider, model, adapter, position, rank, quality, latencyMs, score, charge, ceiling, cost, why } = candidate
  const { isSimulated, liveModel, condition, errorRate, rateLimitedRate, samples, regions, serviceLevels } = candidate
  const usage = placeOf(usages, candidate)
  const further = { isSimulated, liveModel, condition, errorRate, rateLimitedRate, samples, usage, regions, serviceLevels }
  return [
    provider,
    model === provider ? 0 : model,
    adapter,
    position,
    rank ?? null,
    quality,
    latencyMs,
    score,
    charge,
    ceiling,
    cost ?? null,
    why,
    further,
  ]
}

function placeOf(usages: PackedUsage[], offer: Pick<RecordedCandidate, UsageFields>): number | undefined {
  const { expected = null, most = null, otherMeters } = offer
  if (!expected && !most && !otherMeters) return undefined
  const known = usages.findIndex(
    (usage) => isSame(usage[0], expected) && isSame(usage[1], most) && isSameMeters(usage[2], otherMeters),
  )
  return known >= 0 ? known : usages.push(otherMeters ? [expected, most, otherMeters] : [expected, most]) - 1
}

function isSame(one: PackedUsage[0], other: PackedUsage[0]): boolean {
  return one === other || (one !== null && other !== null && one.join() === other.join())
}

function isSameMeters(one: PackedUsage[2], other: PackedUsage[2]): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}

function unpackCandidate(packed: PackedCandidate, usages: readonly PackedUsage[]): RecordedCandidate {
  const [provider, model, adapter, position, rank, quality, latencyMs, score, charge, ceiling, cost, why, further] = packed
  const { usage, ...rest } = further ?? {}
  return {
    provider,
    model: model === 0 ? provider : model,
    adapter,
    charge,
    ceiling,
    ...(cost !== null && { cost }),
    latencyMs,
    quality,
    score,
    ...(rank !== null && { rank }),
    position,
    ...rest,
    ...usageAt(usages, usage),
    why,
  }
}

function usageAt(usages: readonly PackedUsage[], place: number | undefined): Pick<RecordedCandidate, UsageFields> {
  const [expected, most, otherMeters] = place === undefined ? [] : (usages[place] ?? [])
  return { ...(expected && { expected }), ...(most && { most }), ...(otherMeters && { otherMeters }) }
}

function packRejections(rejected: readonly RecordedRejection[], usages: PackedUsage[]): PackedRejections[] {
  const packed: [string, RecordedRejection['reason'], string, [string, string | 0, MoneyFields?][]][] = []
  for (const { provider, model, adapter, reason, detail, expected, most, otherMeters, ...money } of rejected) {
    const last = packed.at(-1)
    const offer: [string, string | 0, MoneyFields?] = [provider, model === provider ? 0 : model]
    if (money.charge !== undefined || money.latencyMs !== undefined)
      offer.push({ ...money, usage: placeOf(usages, { expected, most, otherMeters }) })
    if (last && last[0] === adapter && last[1] === reason && last[2] === detail) last[3].push(offer)
    else packed.push([adapter, reason, detail, [offer]])
  }
  return packed
}

function unpackRejections(
  [adapter, reason, detail, offers]: PackedRejections,
  usages: readonly PackedUsage[],
): RecordedRejection[] {
  return offers.map(([provider, model, { usage, ...money } = {}]) => ({
    provider,
    model: model === 0 ? provider : model,
    adapter,
    reason,
    detail,
    ...money,
    ...usageAt(usages, usage),
  }))
}
