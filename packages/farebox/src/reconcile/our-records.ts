import { type Quantity, quantity, type UsageQuantity, units } from '@farebox/core'
import type { Ledger, UsageRow } from '@farebox/ledger'

/** A usage record of ours that a provider can know, with what it cost us after all corrections. */
export interface OurRecord {
  row: UsageRow
  adapter: string
  requestId: string
  cost: bigint | null
  /** Whether the cost is what the provider billed, not an estimate. */
  isBilled: boolean
  /** Whether its charge is by what the provider counted, after an earlier comparison. */
  isRecounted: boolean
  quantities: readonly UsageQuantity[]
  /** The moment that prices it. */
  at: number
  numbers: { to?: string; from?: string }
}

/** Our records of some services, by whom they were made at and the id that they have there. */
export interface OurRecords {
  find(adapter: string, requestId: string): OurRecord | undefined
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
  const corrections: UsageRow[] = []
  for (const service of services) {
    for await (const row of ledger.usageBetween({ ...range, service })) {
      if (row.corrects !== null) {
        corrections.push(row)
        continue
      }
      const ours = ourRecord(row)
      byUsage.set(key(row.accountId, row.usageId), ours)
      if (ours) byRequest.set(key(ours.adapter, ours.requestId), ours)
    }
  }
  for (const { accountId, corrects, cost, details } of corrections) {
    const corrected = byUsage.get(key(accountId, corrects ?? ''))
    if (!corrected) continue
    if (isRecount(details)) corrected.isRecounted = true
    if (cost === null) continue
    corrected.cost = (corrected.cost ?? 0n) + cost
    corrected.isBilled = true
  }
  return {
    find: (adapter, requestId) => byRequest.get(key(adapter, requestId)),
    has: (accountId, usageId) => byUsage.has(key(accountId, usageId)),
    all: () => byRequest.values(),
  }
}

function ourRecord(row: UsageRow): OurRecord | undefined {
  const details = (row.details ?? {}) as Record<string, unknown>
  const { adapter, requestId, at, isBilled, numbers, usage } = details
  if (typeof adapter !== 'string' || typeof requestId !== 'string') return undefined
  return {
    row,
    adapter,
    requestId,
    cost: row.cost,
    isBilled: isBilled === true,
    isRecounted: false,
    quantities: Array.isArray(usage) ? usage.flatMap(usageOf) : [],
    at: typeof at === 'number' ? at : row.createdAt,
    numbers: typeof numbers === 'object' && numbers !== null ? numbers : {},
  }
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
