import { quantity, type UsageQuantity, units } from '@farebox/core'
import type { Ledger, UsageRow } from '@farebox/ledger'
import { lastPartOf, sumOf } from '../live/live-meter.ts'

/** What the ledger knows of one request at a provider, with its cost after all corrections. */
export interface OurRecord {
  /** The usage record that names the request. For live work, this is the record of the last part. */
  row: UsageRow
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
  numbers: { to?: string; from?: string }
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
  all(): Iterable<OurRecord>
}

/** Reads the records of a time range into memory. */
export async function loadOurRecords(
  ledger: Ledger,
  services: Iterable<string>,
  range: { from: number; until: number },
): Promise<OurRecords> {
  const byRequest = new Map<string, OurRecord>()
  const byUsage = new Map<string, OurRecord | undefined>()
  const mentioned = new Set<string>()
  const corrections: UsageRow[] = []
  const parts: UsageRow[] = []
  for (const service of services) {
    for await (const row of ledger.usageBetween({ ...range, service })) {
      if (row.corrects !== null) {
        corrections.push(row)
        continue
      }
      // The parts of a conversation have the ids of its turns, which providers do not list.
      const isPart = lastPartOf(row) !== undefined
      if (isPart) parts.push(row)
      const ours = isPart ? undefined : ourRecord(row)
      byUsage.set(key(row.accountId, row.usageId), ours)
      if (ours) byRequest.set(key(ours.adapter, ours.requestId), ours)
      const { adapter, requestId } = detailsOf(row)
      if (adapter === undefined && typeof requestId === 'string') mentioned.add(requestId)
    }
  }
  const unfinished = new Map<string, OurRecord>()
  for (const part of parts.sort((left, right) => right.sequence - left.sequence)) {
    const last = key(part.accountId, lastPartOf(part) ?? '')
    if (!byUsage.has(last) && !unfinished.has(last)) {
      const latest = unfinishedRecord(part)
      if (latest) {
        unfinished.set(last, latest)
        byRequest.set(key(latest.adapter, latest.requestId), latest)
      }
    }
    const ours = byUsage.get(last) ?? unfinished.get(last)
    if (!ours) continue
    byUsage.set(key(part.accountId, part.usageId), ours)
    ours.charges.push(ourCharge(part))
    ours.quantities = sumOf(ours.quantities, quantitiesOf(part))
  }
  for (const correction of corrections) {
    const ours = byUsage.get(key(correction.accountId, correction.corrects ?? ''))
    if (ours) correct(ours, correction)
  }
  return {
    find: (adapter, requestId) => byRequest.get(key(adapter, requestId)),
    isMentioned: (requestId) => mentioned.has(requestId),
    has: (accountId, usageId) => byUsage.has(key(accountId, usageId)),
    all: () => byRequest.values(),
  }
}

/** The cost of a request with all its parts. `null` if the cost of any part is unknown. */
export function costOf({ charges }: OurRecord): bigint | null {
  return charges.reduce<bigint | null>((sum, { cost }) => (sum === null || cost === null ? null : sum + cost), 0n)
}

function ourRecord(row: UsageRow): OurRecord | undefined {
  const { adapter, requestId, at, isBilled, numbers } = detailsOf(row)
  if (typeof adapter !== 'string' || typeof requestId !== 'string') return undefined
  return {
    row,
    adapter,
    requestId,
    charges: [ourCharge(row)],
    isBilled: isBilled === true,
    isRecounted: false,
    isDecided: false,
    corrections: 0,
    quantities: quantitiesOf(row),
    at: typeof at === 'number' ? at : row.createdAt,
    numbers: typeof numbers === 'object' && numbers !== null ? numbers : {},
  }
}

/** What is known of live work by its latest part. */
function unfinishedRecord(part: UsageRow): OurRecord | undefined {
  const { streamId: requestId, ...details } = detailsOf(part)
  const usageId = lastPartOf(part)
  if (usageId === undefined || part.holdId === null) return undefined
  const ours = ourRecord({ ...part, usageId, details: { ...details, requestId } })
  const none = { usageId, due: 0n, dueAtFirst: 0n, rated: 0n, cost: 0n }
  return ours && { ...ours, unfinishedHoldId: part.holdId, charges: [none], quantities: [] }
}

function correct(ours: OurRecord, correction: UsageRow): void {
  const { corrects, charged, shortfall, cost, details } = correction
  const charge = ours.charges.find(({ usageId }) => usageId === corrects)
  if (!charge) return
  ours.corrections += 1
  charge.due += charged + shortfall
  // The record that names the request is corrected last: without that, a comparison was stopped half-way.
  if (isRecount(details)) ours.isRecounted ||= corrects === ours.row.usageId
  else if (isDecision(correction)) ours.isDecided = true
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

function quantitiesOf(row: UsageRow): UsageQuantity[] {
  const { usage } = detailsOf(row)
  return Array.isArray(usage) ? usage.flatMap(usageOf) : []
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

function usageOf(value: unknown): UsageQuantity[] {
  const { meter, quantity: amount, unit } = (value ?? {}) as Record<string, unknown>
  const known = units.find((one) => one === unit)
  if (typeof meter !== 'string' || typeof amount !== 'string' || !known) return []
  return [{ meter, quantity: quantity(amount), unit: known }]
}

function key(first: string, second: string): string {
  return `${first}\0${second}`
}
