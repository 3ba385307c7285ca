import { quantity, type UsageQuantity, units } from '@farebox/core'
import type { Ledger, UsageRow } from '@farebox/ledger'
import { lastPartOf, sumOf } from '../live/live-meter.ts'
import { pricedModelOf } from '../priced-model.ts'

/** What a comparison keeps of a usage record: there may be very many, and their details are most of them. */
export type OurRow = Pick<
  UsageRow,
  'accountId' | 'usageId' | 'workflowId' | 'service' | 'provider' | 'model' | 'unit' | 'certainty' | 'priceVersion' | 'createdAt'
>

/** What the ledger knows of one request at a provider, with its cost after all corrections. */
export interface OurRecord {
  /** The usage record that names the request. For live work, this is the record of the last part. */
  row: OurRow
  /** The model whose price it was charged. */
  pricedModel: string | undefined
  /**
   * Live work without a last part: it is in progress, or its process died. `row` is then its latest part, under the id that the
   * last one would have, and this is that part's hold.
   */
  unfinishedHoldId?: string
  adapter: string
  requestId: string
  /** The usage records that charge the request: `row`, then the earlier parts of live work, latest first. */
  charges: OurCharge[]
  /** Whether the cost is what the provider billed rather than an estimate. */
  isBilled: boolean
  /** Whether an earlier comparison has already charged what the provider counted. */
  isRecounted: boolean
  /** Whether somebody has corrected or refunded its charge. Reconciliation does not override that decision. */
  isDecided: boolean
  /** The number of its corrections. */
  corrections: number
  quantities: readonly UsageQuantity[]
  /** The time whose prices apply to it, in epoch milliseconds. */
  at: number
  numbers: Numbers
}

interface Numbers {
  to?: string
  from?: string
}

/** One usage record's share of a request. */
export interface OurCharge {
  usageId: string
  /** What is due: the amount charged plus the shortfall, with all corrections. */
  due: bigint
  /** What was due before any correction. */
  dueAtFirst: bigint
  /** Its price before rounding. */
  rated: bigint
  cost: bigint | null
}

/** The ledger's records of some services, indexed by adapter and the provider's request id. */
export interface OurRecords {
  find(adapter: string, requestId: string): OurRecord | undefined
  /** Whether the host's own code has recorded the request by id only. Then it is known, but has nothing to compare. */
  isMentioned(requestId: string): boolean
  /** Whether there is a usage record of that id, whatever its content. */
  has(accountId: string, usageId: string): boolean
  /** The requests at one adapter. */
  of(adapter: string): Iterable<OurRecord>
}

/** A part of live work: its share, and what is known of the whole if no last part is written. */
interface OurPart {
  accountId: string
  sequence: number
  last: string
  charge: OurCharge
  quantities: readonly UsageQuantity[]
  unfinished: OurRecord | undefined
}

/** What counts of a correction. */
type OurCorrection = Pick<UsageRow, 'accountId' | 'charged' | 'shortfall' | 'cost'> & {
  corrects: string
  isRecount: boolean
  isDecision: boolean
}

/** Reads what a comparison needs of the records of a time range into memory. */
export async function loadOurRecords(
  ledger: Ledger,
  services: Iterable<string>,
  range: { from: number; until: number },
): Promise<OurRecords> {
  const byRequest = new TwoKeys<OurRecord>()
  const byUsage = new TwoKeys<OurRecord | undefined>()
  const mentioned = new Set<string>()
  const corrections: OurCorrection[] = []
  const parts: OurPart[] = []
  const words = new Words()
  for (const service of services) {
    for await (const row of ledger.usageBetween({ ...range, service })) {
      if (row.corrects !== null) {
        corrections.push(ourCorrection(row, row.corrects))
        continue
      }
      // The parts of a conversation have the ids of its turns, which providers do not list.
      const last = lastPartOf(row)
      if (last !== undefined) parts.push(ourPart(row, last, words))
      const ours = last === undefined ? ourRecord(row, words) : undefined
      byUsage.set(words.same(row.accountId), row.usageId, ours)
      if (ours) byRequest.set(ours.adapter, ours.requestId, ours)
      const { adapter, requestId } = detailsOf(row)
      if (adapter === undefined && typeof requestId === 'string') mentioned.add(requestId)
    }
  }
  const unfinished = new TwoKeys<OurRecord>()
  for (const { accountId, last, charge, quantities, unfinished: latest } of parts.sort(
    (left, right) => right.sequence - left.sequence,
  )) {
    if (latest && !byUsage.has(accountId, last) && !unfinished.has(accountId, last)) {
      unfinished.set(accountId, last, latest)
      byRequest.set(latest.adapter, latest.requestId, latest)
    }
    const ours = byUsage.get(accountId, last) ?? unfinished.get(accountId, last)
    if (!ours) continue
    byUsage.set(accountId, charge.usageId, ours)
    ours.charges.push(charge)
    ours.quantities = sumOf(ours.quantities, quantities)
  }
  for (const correction of corrections) {
    const ours = byUsage.get(correction.accountId, correction.corrects)
    if (ours) correct(ours, correction)
  }
  return {
    find: (adapter, requestId) => byRequest.get(adapter, requestId),
    isMentioned: (requestId) => mentioned.has(requestId),
    has: (accountId, usageId) => byUsage.has(accountId, usageId),
    of: (adapter) => byRequest.of(adapter),
  }
}

/** The cost of a request with all its parts. `null` if the cost of any part is unknown. */
export function costOf({ charges }: OurRecord): bigint | null {
  return charges.reduce<bigint | null>((sum, { cost }) => (sum === null || cost === null ? null : sum + cost), 0n)
}

function ourRecord(row: UsageRow, words: Words): OurRecord | undefined {
  const { adapter, requestId, at, isBilled, numbers } = detailsOf(row)
  if (typeof adapter !== 'string' || typeof requestId !== 'string') return undefined
  return {
    row: ourRow(row, words),
    pricedModel: words.same(pricedModelOf(row)),
    adapter: words.same(adapter),
    requestId,
    charges: [ourCharge(row)],
    isBilled: isBilled === true,
    isRecounted: false,
    isDecided: false,
    corrections: 0,
    quantities: quantitiesOf(row, words),
    at: typeof at === 'number' ? at : row.createdAt,
    numbers: typeof numbers === 'object' && numbers !== null ? numbers : NO_NUMBERS,
  }
}

function ourRow(row: UsageRow, words: Words): OurRow {
  return {
    accountId: words.same(row.accountId),
    usageId: row.usageId,
    workflowId: row.workflowId,
    service: words.same(row.service),
    provider: words.same(row.provider),
    model: words.same(row.model),
    unit: words.same(row.unit),
    certainty: words.same(row.certainty),
    priceVersion: words.same(row.priceVersion),
    createdAt: row.createdAt,
  }
}

function ourPart(row: UsageRow, last: string, words: Words): OurPart {
  return {
    accountId: words.same(row.accountId),
    sequence: row.sequence,
    last,
    charge: ourCharge(row),
    quantities: quantitiesOf(row, words),
    unfinished: unfinishedRecord(row, last, words),
  }
}

/** What is known of live work by its latest part. */
function unfinishedRecord(part: UsageRow, usageId: string, words: Words): OurRecord | undefined {
  const { streamId: requestId, ...details } = detailsOf(part)
  if (part.holdId === null) return undefined
  const ours = ourRecord({ ...part, usageId, details: { ...details, requestId } }, words)
  const none = { usageId, due: 0n, dueAtFirst: 0n, rated: 0n, cost: 0n }
  return ours && { ...ours, unfinishedHoldId: part.holdId, charges: [none], quantities: [] }
}

function ourCorrection(row: UsageRow, corrects: string): OurCorrection {
  const { accountId, charged, shortfall, cost, details } = row
  return { accountId, corrects, charged, shortfall, cost, isRecount: isRecount(details), isDecision: isDecision(row) }
}

function correct(ours: OurRecord, { corrects, charged, shortfall, cost, ...correction }: OurCorrection): void {
  const charge = ours.charges.find(({ usageId }) => usageId === corrects)
  if (!charge) return
  ours.corrections += 1
  charge.due += charged + shortfall
  // The record that names the request is corrected last: without that, a comparison was stopped half-way.
  if (correction.isRecount) ours.isRecounted ||= corrects === ours.row.usageId
  else if (correction.isDecision) ours.isDecided = true
  if (cost === null) return
  charge.cost = (charge.cost ?? 0n) + cost
  ours.isBilled = true
}

function ourCharge({ usageId, charged, shortfall, rated, cost }: UsageRow): OurCharge {
  const due = charged + shortfall
  return { usageId, due, dueAtFirst: due, rated, cost }
}

function detailsOf({ details }: UsageRow): Record<string, unknown> {
  return (details ?? {}) as Record<string, unknown>
}

function quantitiesOf(row: UsageRow, words: Words): UsageQuantity[] {
  const { usage } = detailsOf(row)
  return Array.isArray(usage) ? usage.flatMap((value) => usageOf(value, words)) : []
}

/** The reason to record for a correction to the provider's count. */
export function recountReason(adapter: string): string {
  return `${RECOUNTED} ${adapter}`
}

/** Whether a correction of a charge is somebody's decision, rather than an earlier comparison's. */
export function isDecision({ charged, shortfall, details }: UsageRow): boolean {
  return !isRecount(details) && (charged !== 0n || shortfall !== 0n)
}

const RECOUNTED = 'usage as counted by'

function isRecount(details: unknown): boolean {
  const { reason } = (details ?? {}) as { reason?: unknown }
  return typeof reason === 'string' && reason.startsWith(RECOUNTED)
}

function usageOf(value: unknown, words: Words): UsageQuantity[] {
  const { meter, quantity: amount, unit } = (value ?? {}) as Record<string, unknown>
  const known = units.find((one) => one === unit)
  if (typeof meter !== 'string' || typeof amount !== 'string' || !known) return []
  return [{ meter: words.same(meter), quantity: quantity(amount), unit: known }]
}

const NO_NUMBERS: Numbers = {}

/** Keeps one copy of each word that most rows repeat: every row comes with its own. */
class Words {
  readonly #known = new Map<string, string>()

  same<Word extends string | null | undefined>(word: Word): Word {
    if (typeof word !== 'string') return word
    const known = this.#known.get(word)
    if (known !== undefined) return known as Word
    this.#known.set(word, word)
    return word
  }
}

/** A map by two keys, which keeps no text that joins them. */
class TwoKeys<Value> {
  readonly #values = new Map<string, Map<string, Value>>()

  get(first: string, second: string): Value | undefined {
    return this.#values.get(first)?.get(second)
  }

  has(first: string, second: string): boolean {
    return this.#values.get(first)?.has(second) ?? false
  }

  of(first: string): Iterable<Value> {
    return this.#values.get(first)?.values() ?? []
  }

  set(first: string, second: string, value: Value): void {
    const known = this.#values.get(first)
    if (known) known.set(second, value)
    else this.#values.set(first, new Map([[second, value]]))
  }
}
