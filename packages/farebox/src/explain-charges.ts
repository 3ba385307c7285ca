import { type Credits, quantity, type Unit, type UsageQuantity, units } from '@farebox/core'
import type { UsageRow } from '@farebox/ledger'
import { type Explanation, explain, type PriceBook, rerate } from '@farebox/pricing'
import { inTurns } from './in-turns.ts'
import { lastPartOf, sumOf } from './live/live-meter.ts'
import { numbersOf } from './replay/recorded-call.ts'

/** Explains what one usage of a workflow was charged. */
export interface ExplainedCharge {
  usageId: string
  service: string
  provider: string
  /** The price before the receipt's line is rounded. */
  rated: Credits
  charged: Credits
  /** The price book and version, as `name@version`. */
  priceVersion: string | undefined
  /**
   * Present if the usage is a slice of a call or a part of live work: the caller's name for the call, or the id of the last
   * record of the live work. The explanation then covers the call up to this slice, and `rated` is this slice's share of it.
   */
  call?: string
  /** Absent if the current book no longer has the version, no book priced the usage, or the host bore its cost. */
  explanation?: Explanation
}

/** Explains usage records from their details and, for the rest, from the price book. Leaves out corrections. */
export async function explainCharges(records: readonly UsageRow[], book: PriceBook): Promise<ExplainedCharge[]> {
  const calls = new Map<string, UsageQuantity[]>()
  const charges: ExplainedCharge[] = []
  await inTurns(records, (record) => {
    if (record.corrects !== null) return
    const { usageId, service, provider, rated, charged, priceVersion } = record
    const details = detailsOf(record.details)
    const slice = typeof details.call === 'string' ? details.call : undefined
    const last = lastPartOf(record) ?? usageId
    const name = slice === undefined ? last : [service, provider, slice].join('\0')
    const call = slice ?? (last !== usageId || calls.has(name) ? last : undefined)
    const whole = sumOf(calls.get(name) ?? [], quantitiesOf(record, details))
    calls.set(name, whole)
    const explanation = (details.explanation as Explanation | undefined) ?? explained(record, details, whole, book)
    charges.push({
      usageId,
      service,
      provider,
      rated,
      charged,
      priceVersion: priceVersion ?? undefined,
      ...(call !== undefined && { call }),
      ...(explanation && { explanation }),
    })
  })
  return charges
}

function explained(record: UsageRow, details: Details, quantities: UsageQuantity[], book: PriceBook): Explanation | undefined {
  const { service, provider, model, priceVersion, createdAt } = record
  // A failed attempt records what its provider may bill, but charges the customer nothing.
  if (record.quantity === 0n && record.rated === 0n) return undefined
  const version = book.versions().find((span) => span.version === priceVersion)
  if (!version) return undefined
  const at = typeof details.at === 'number' ? details.at : createdAt
  const isInForce = version.from <= at && at < (version.until ?? Number.POSITIVE_INFINITY)
  const query = { service, provider, ...(model !== null && { model }), at, ...numbersOf(details) }
  if (!book.lookUp({ ...query, at: isInForce ? at : version.from })) return undefined
  return explain(rerate({ query, quantities }, book, isInForce ? at : version.from))
}

type Details = Partial<Record<string, unknown>>

function detailsOf(details: unknown): Details {
  return typeof details === 'object' && details !== null ? details : {}
}

/** All meters, if the record keeps them, or else its one quantity. */
function quantitiesOf(record: UsageRow, { usage, meter }: Details): UsageQuantity[] {
  if (Array.isArray(usage) && usage.every(isUsage)) {
    return usage.map((one) => ({ meter: one.meter, quantity: quantity(one.quantity), unit: one.unit }))
  }
  return [{ meter: typeof meter === 'string' ? meter : 'usage', quantity: record.quantity, unit: record.unit }]
}

function isUsage(value: unknown): value is { meter: string; quantity: string; unit: Unit } {
  if (typeof value !== 'object' || value === null) return false
  const { meter, quantity: amount, unit } = value as Details
  return typeof meter === 'string' && typeof amount === 'string' && units.includes(unit as Unit)
}
