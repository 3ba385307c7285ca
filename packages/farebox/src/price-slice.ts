import { microCredits, nanoUsd, type UsageQuantity } from '@farebox/core'
import { chargeIdOf, type Ledger, type UsageRow } from '@farebox/ledger'
import type { PhoneNumbers } from '@farebox/router'
import type { BookPrices, Pricing } from './book-prices.ts'

/** Identifies the call that a slice belongs to. */
export interface SlicedCall {
  accountId: string
  workflowId: string
  service: string
  provider: string
  model?: string
  to?: string
  from?: string
  /** The caller's name for it, unique within the workflow. */
  call: string
  /** The slice's own. A slice that is repeated under it is priced as it was at first. */
  idempotencyKey?: string
}

/** The details that a slice's record keeps to price the next slice. */
interface SliceDetails {
  call: string
  meter: string
  /** When the call began, in epoch milliseconds. */
  at: number
  /** Present if the price may depend on them. */
  numbers?: PhoneNumbers
}

type RecordedSlice = Pick<UsageRow, 'usageId' | 'service' | 'provider' | 'quantity' | 'unit' | 'rated' | 'cost' | 'details'>

/**
 * Prices the next slice of a call: the price of the call so far, minus what its earlier slices were rated at. So slices cost what
 * the whole call would, to the micro-credit: the connect fee and the minimum apply once, and increments and tiers to the whole.
 */
export async function priceSlice(
  { ledger, prices }: { ledger: Ledger; prices: BookPrices },
  { accountId, workflowId, call, idempotencyKey, ...source }: SlicedCall,
  added: UsageQuantity,
): Promise<Pricing & { details: SliceDetails }> {
  const slices = (await recordedSlices(ledger, accountId, workflowId)).flatMap((record) => {
    const details = detailsOf(record.details)
    const isOurs = record.service === source.service && record.provider === source.provider
    return isOurs && details?.call === call ? [{ record, details }] : []
  })
  const at = slices[0]?.details.at ?? prices.now()
  const ownId = idempotencyKey === undefined ? undefined : chargeIdOf(accountId, idempotencyKey)
  const own = slices.findIndex(({ record }) => record.usageId === ownId)
  const earlier = own < 0 ? slices : slices.slice(0, own)
  const { to, from } = source
  const numbers = to === undefined && from === undefined ? undefined : { to, from }
  const before = earlier.map(({ record: { quantity: used, unit }, details: { meter } }) => ({ meter, quantity: used, unit }))
  const { priced: whole, rating } = prices.price({ ...source, at }, [...before, added])
  const rated = difference(
    whole.rated,
    earlier.map(({ record }) => record.rated),
  )
  const cost =
    whole.cost === undefined
      ? undefined
      : difference(
          whole.cost,
          earlier.map(({ record }) => record.cost ?? 0n),
        )
  return {
    priced: {
      ...whole,
      quantity: added.quantity,
      unit: added.unit,
      rated: microCredits(rated),
      cost: cost === undefined ? undefined : nanoUsd(cost),
    },
    rating,
    details: { call, meter: added.meter, at, ...(numbers && { numbers }) },
  }
}

/** The charges of a workflow, those that the spool still has included: the next slice would be priced as if it were the first. */
async function recordedSlices(ledger: Ledger, accountId: string, workflowId: string): Promise<RecordedSlice[]> {
  await ledger.sendSpooled().catch(() => undefined)
  // Read before the records: what is sent meanwhile is then found twice, rather than not at all.
  const spooled = await ledger.spooledCharges(accountId, workflowId)
  const records = (await ledger.usageOf(accountId, workflowId)).filter(({ corrects }) => corrects === null)
  const known = new Set(records.map(({ usageId }) => usageId))
  const waiting = spooled.flatMap(({ usageId, service, provider, usage }) => {
    if (known.has(usageId)) return []
    known.add(usageId)
    const { quantity, unit, rated, cost = null, details } = usage
    return [{ usageId, service, provider, quantity, unit, rated, cost, details: details && JSON.parse(details) }]
  })
  return [...records, ...waiting]
}

/** Never below zero: if more costs less, earlier charges stand. */
function difference(whole: bigint, parts: readonly bigint[]): bigint {
  const rest = parts.reduce((sum, part) => sum - part, whole)
  return rest > 0n ? rest : 0n
}

function detailsOf(details: unknown): SliceDetails | undefined {
  if (typeof details !== 'object' || details === null || !('call' in details)) return undefined
  const { call, meter, at } = details as Partial<Record<keyof SliceDetails, unknown>>
  if (typeof call !== 'string' || typeof meter !== 'string' || typeof at !== 'number') return undefined
  return { call, meter, at }
}
