import { CREDITS_MAX, formatCredits } from '@farebox/core'
import type { DecisionRecord, RecordedCandidate, RecordedRejection } from './decision-record.ts'

/**
 * A decision record as it is kept beside each call: the same facts in two thirds of the room, since they are most of what a call leaves behind. What
 * each candidate and each rejection has is told by its place in a list, and what several have in common is written once. {@link unpackDecision} reads it.
 */
export interface PackedDecision extends Omit<DecisionRecord, 'version' | 'affordable' | 'candidates' | 'rejected'> {
  readonly version: 2
  /** Absent: more than any account can have. */
  readonly affordable?: string
  readonly candidates: readonly PackedCandidate[]
  /** What models use that do not use what the request says, with what they use at most. Candidates name their place here. */
  readonly usages?: readonly PackedUsage[]
  readonly rejected?: readonly PackedRejections[]
}

type PackedUsage = readonly [expected: readonly string[] | null, most: readonly string[] | null]

/** `model` is 0 where it is called like its provider. */
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

/** Those of one adapter that follow each other and were rejected for the same reason. */
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
>
type MoneyFields = Omit<RecordedRejection, 'provider' | 'model' | 'adapter' | 'reason' | 'detail'>

const UNLIMITED = formatCredits(CREDITS_MAX)

/** Packs a record, to be written as JSON. */
export function packDecision(record: DecisionRecord): PackedDecision {
  const usages: PackedUsage[] = []
  const candidates = record.candidates.map((candidate) => packCandidate(candidate, usages))
  const { affordable, rejected } = record
  return {
    ...record,
    version: 2,
    affordable: affordable === UNLIMITED ? undefined : affordable,
    candidates,
    usages: usages.length > 0 ? usages : undefined,
    rejected: rejected.length > 0 ? packRejections(rejected) : undefined,
  }
}

/**
 * The record that was packed, or that an earlier version of this package kept as it was.
 *
 * @returns `undefined` for what is neither, or of a later version
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
    rejected: rejected.flatMap(unpackRejections),
  }
}

function packCandidate(candidate: RecordedCandidate, usages: PackedUsage[]): PackedCandidate {
  const { provider, model, adapter, position, rank, quality, latencyMs, score, charge, ceiling, cost, why } = candidate
  const { isSimulated, condition, errorRate, rateLimitedRate, samples, expected, most, regions, serviceLevels } = candidate
  const usage = expected || most ? placeOf(usages, expected ?? null, most ?? null) : undefined
  const further = { isSimulated, condition, errorRate, rateLimitedRate, samples, usage, regions, serviceLevels }
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

function placeOf(usages: PackedUsage[], expected: PackedUsage[0], most: PackedUsage[1]): number {
  const known = usages.findIndex((usage) => isSame(usage[0], expected) && isSame(usage[1], most))
  return known >= 0 ? known : usages.push([expected, most]) - 1
}

function isSame(one: PackedUsage[0], other: PackedUsage[0]): boolean {
  return one === other || (one !== null && other !== null && one.join() === other.join())
}

function unpackCandidate(packed: PackedCandidate, usages: readonly PackedUsage[]): RecordedCandidate {
  const [provider, model, adapter, position, rank, quality, latencyMs, score, charge, ceiling, cost, why, further] = packed
  const { usage, ...rest } = further ?? {}
  const [expected, most] = usage === undefined ? [] : (usages[usage] ?? [])
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
    ...(expected && { expected }),
    ...(most && { most }),
    why,
  }
}

function packRejections(rejected: readonly RecordedRejection[]): PackedRejections[] {
  const packed: [string, RecordedRejection['reason'], string, [string, string | 0, MoneyFields?][]][] = []
  for (const { provider, model, adapter, reason, detail, ...money } of rejected) {
    const last = packed.at(-1)
    const offer: [string, string | 0, MoneyFields?] = [provider, model === provider ? 0 : model]
    if (money.charge !== undefined) offer.push(money)
    if (last && last[0] === adapter && last[1] === reason && last[2] === detail) last[3].push(offer)
    else packed.push([adapter, reason, detail, [offer]])
  }
  return packed
}

function unpackRejections([adapter, reason, detail, offers]: PackedRejections): RecordedRejection[] {
  return offers.map(([provider, model, money]) => ({
    provider,
    model: model === 0 ? provider : model,
    adapter,
    reason,
    detail,
    ...money,
  }))
}
