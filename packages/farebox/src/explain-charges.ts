import { type Credits, quantity, type Unit, type UsageQuantity, units } from '@farebox/core'
import type { UsageRow } from '@farebox/ledger'
import { type Explanation, explain, type PriceBook, rerate } from '@farebox/pricing'

/** Why one usage of a workflow was charged as it was. */
export interface ExplainedCharge {
  usageId: string
  service: string
  provider: string
  /** Before a receipt's line is rounded. */
  rated: Credits
  charged: Credits
  /** `name@version` of the price book. */
  priceVersion: string | undefined
  /** The call that it is a slice of: then the explanation is of the call as far as this slice, of which `rated` is the last part. */
  call?: string
  /** Absent where the book in use no longer has the version, or the usage was not priced by a book. */
  explanation?: Explanation
}

/** Explains usage records from what they keep, and from the book where that says the rest. Corrections are left out. */
export function explainCharges(records: readonly UsageRow[], book: PriceBook): ExplainedCharge[] {
  const calls = new Map<string, UsageQuantity[]>()
  return records
    .filter(({ corrects }) => corrects === null)
    .map((record) => {
      const { usageId, service, provider, rated, charged, priceVersion } = record
      const details = detailsOf(record.details)
      const call = typeof details.call === 'string' ? details.call : undefined
      const quantities = quantitiesOf(record, details)
      const name = call === undefined ? usageId : [service, provider, call].join('\0')
      const whole = [...(calls.get(name) ?? []), ...quantities]
      calls.set(name, whole)
      const explanation = (details.explanation as Explanation | undefined) ?? explained(record, details, whole, book)
      return {
        usageId,
        service,
        provider,
        rated,
        charged,
        priceVersion: priceVersion ?? undefined,
        ...(call !== undefined && { call }),
        ...(explanation && { explanation }),
      }
    })
}

function explained(record: UsageRow, details: Details, quantities: UsageQuantity[], book: PriceBook): Explanation | undefined {
  const { service, provider, model, priceVersion, createdAt } = record
  const version = book.versions().find((span) => span.version === priceVersion)
  if (!version) return undefined
  const at = typeof details.at === 'number' ? details.at : createdAt
  const isInForce = version.from <= at && at < (version.until ?? Number.POSITIVE_INFINITY)
  const query = { service, provider, ...(model !== null && { model }), at }
  if (!book.lookUp({ ...query, at: isInForce ? at : version.from })) return undefined
  return explain(rerate({ query, quantities }, book, isInForce ? at : version.from))
}

type Details = Partial<Record<string, unknown>>

function detailsOf(details: unknown): Details {
  return typeof details === 'object' && details !== null ? details : {}
}

/** Every bucket, where the record keeps them; otherwise its one quantity. */
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
