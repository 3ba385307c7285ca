import { type Quantity, quantity, type UsageQuantity, units } from '@farebox/core'
import type { Ledger, UsageRow } from '@farebox/ledger'
import { lastPartOf, sumOf } from '../live/live-meter.ts'

/** What we know of one request of a provider, with what it cost us after all corrections. */
export interface OurRecord {
  /** The usage record that names the request: of live work, that of its last part. */
  row: UsageRow
  adapter: string
  requestId: string
  /** The usage records that it was charged by: `row`, and before it in time the other parts of live work, the latest first. */
  charges: OurCharge[]
  /** Whether the cost is what the provider billed, not an estimate. */
  isBilled: boolean
  /** Whether its charge is by what the provider counted, after an earlier comparison. */
  isRecounted: boolean
  /** Whether somebody has set its charge right or given it back: what was decided so is not charged again. */
  isDecided: boolean
  /** How often it was corrected. */
  corrections: number
  quantities: readonly UsageQuantity[]
  /** The moment that prices it. */
  at: number
  numbers: { to?: string; from?: string }
}

/** One usage record's share of a request. */
export interface OurCharge {
  usageId: string
  /** As it was charged, and could not be: what was due. */
  due: bigint
  cost: bigint | null
}

/** Our records of some services, by whom they were made at and the id that they have there. */
export interface OurRecords {
  find(adapter: string, requestId: string): OurRecord | undefined
  /** Whether the host's own code has recorded the request, by its id alone: then we know of it, and have nothing to compare. */
  isMentioned(requestId: string): boolean
  /** Whether there is a usage record of that id, whatever it tells. */
  has(accountId: string, usageId: string): boolean
  all(): Iterable<OurRecord>
}

/** Reads them into memory: one range of time at a time is what a comparison takes. */
export async function loadOurRecords(
  ledger: Ledger,
  services: readonly string[],
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
      const ours = ourRecord(row)
      byUsage.set(key(row.accountId, row.usageId), ours)
      if (ours) byRequest.set(key(ours.adapter, ours.requestId), ours)
      else if (lastPartOf(row) !== undefined) parts.push(row)
      const { adapter, requestId } = detailsOf(row)
      if (adapter === undefined && typeof requestId === 'string') mentioned.add(requestId)
    }
  }
  for (const part of parts.sort((left, right) => right.sequence - left.sequence)) {
    const ours = byUsage.get(key(part.accountId, lastPartOf(part) ?? ''))
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

/** What a request has cost us, all its parts together; `null` when that of one is not known. */
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

function correct(ours: OurRecord, { corrects, charged, shortfall, cost, details }: UsageRow): void {
  const charge = ours.charges.find(({ usageId }) => usageId === corrects)
  if (!charge) return
  ours.corrections += 1
  charge.due += charged + shortfall
  if (isRecount(details)) ours.isRecounted = true
  else if (charged !== 0n || shortfall !== 0n) ours.isDecided = true
  if (cost === null) return
  charge.cost = (charge.cost ?? 0n) + cost
  ours.isBilled = true
}

function ourCharge({ usageId, charged, shortfall, cost }: UsageRow): OurCharge {
  return { usageId, due: charged + shortfall, cost }
}

function detailsOf({ details }: UsageRow): Record<string, unknown> {
  return (details ?? {}) as Record<string, unknown>
}

function quantitiesOf(row: UsageRow): UsageQuantity[] {
  const { usage } = detailsOf(row)
  return Array.isArray(usage) ? usage.flatMap(usageOf) : []
}

/** The reason of a correction by what a provider counted. */
export function recountReason(adapter: string): string {
  return `${RECOUNTED} ${adapter}`
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
  return [{ meter, quantity: quantity(amount) as Quantity, unit: known }]
}

function key(first: string, second: string): string {
  return `${first}\0${second}`
}
