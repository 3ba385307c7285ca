import {
  type Clock,
  formatQuantity,
  isFareboxError,
  nanoUsd,
  type ProviderAdapter,
  type ProviderRecord,
  type UsageQuantity,
} from '@farebox/core'
import type { Ledger } from '@farebox/ledger'
import { chargeOf } from '@farebox/pricing'
import type { BookPrices } from '../book-prices.ts'
import type { Difference, ReconcileReport } from './difference.ts'
import { type OpenCall, offerRecord, openCalls, resolveCalls } from './open-calls.ts'
import { loadOurRecords, type OurRecord, type OurRecords, recountReason } from './our-records.ts'

/** Which range of time is compared with the records of providers. */
export interface ReconcileOptions {
  /** From when on, epoch milliseconds. @defaultValue three days before `until` */
  from?: number
  /** Until when. @defaultValue now */
  until?: number
  /** Whether differences are only told. @defaultValue false: late prices and found calls are set right */
  isDryRun?: boolean
  /** After how long a price that has not come is told as overdue, milliseconds. @defaultValue 86_400_000 (a day) */
  priceOverdueMs?: number
  /** Stops the work between two records. */
  signal?: AbortSignal
  /** Told of each record of a provider that was looked at. */
  onRecord?: (adapter: string, record: ProviderRecord) => void
}

/** What it works with. */
export interface ReconcileParts {
  ledger: Ledger
  prices: BookPrices
  providers: readonly ProviderAdapter[]
  clock: Clock
}

const DAY_MS = 86_400_000
/** The longest that a call may go on, and be told of under the time at which it began. */
const LONGEST_MS = 5 * 3_600_000
/** What is under way, or not yet in the provider's books, is not missing. */
const SETTLING_MS = 15 * 60_000

/**
 * Compares our usage records with the providers' own, and sets right what was estimated: prices that came late, and telephone calls whose
 * outcome nobody knew. Safe to run at any time, again, and from several processes: each correction has an id of its own.
 */
export async function reconcile(parts: ReconcileParts, options: ReconcileOptions = {}): Promise<ReconcileReport> {
  const now = parts.clock()
  const until = options.until ?? now
  const from = options.from ?? until - 3 * DAY_MS
  const adapters = parts.providers.filter(({ records, availability }) => records && availability.status === 'ready')
  const services = [...new Set(adapters.flatMap(({ offers }) => offers.map(({ service }) => service))), 'phone']
  const ours = await loadOurRecords(parts.ledger, [...new Set(services)], { from: from - LONGEST_MS, until: now + DAY_MS })
  const open = await openCalls(parts.ledger, ours, { from, until })
  const report: ReconcileReport = { from, until, adapters: [], agreed: 0, differences: [] }
  const run: Run = { ...parts, options, now, ours, report, open }

  // One that keeps no records may have placed a call that the others do not know.
  const callers = parts.providers.filter((adapter) => sells(adapter, 'phone') && adapter.availability.status === 'ready')
  let canAskForCalls = callers.length > 0 && callers.every(({ records }) => records)
  for (const adapter of adapters) {
    try {
      await compareAdapter(run, adapter)
    } catch (error) {
      // One that cannot be asked now is asked the next time; the others are not kept waiting.
      if (!isFareboxError(error) || options.signal?.aborted) throw error
      report.differences.push({ type: 'unreachable', adapter: adapter.name, error })
      if (sells(adapter, 'phone')) canAskForCalls = false
    }
  }
  report.differences.push(...(await resolveCalls(run, canAskForCalls)))
  return report
}

/** One comparison under way. */
export interface Run extends ReconcileParts {
  options: ReconcileOptions
  now: number
  ours: OurRecords
  report: ReconcileReport
  open: readonly OpenCall[]
}

async function compareAdapter(run: Run, adapter: ProviderAdapter): Promise<void> {
  const { report, options, open, ours, now } = run
  const seen = new Set<string>()
  const signal = options.signal ?? new AbortController().signal
  const context = { signal, attemptId: `reconcile-${adapter.name}` }
  for await (const record of adapter.records?.({ from: report.from - LONGEST_MS, until: report.until }, context) ?? []) {
    if (signal.aborted) throw signal.reason
    options.onRecord?.(adapter.name, record)
    seen.add(record.requestId)
    const known = ours.find(adapter.name, record.requestId)
    const differences = known ? await compare(run, known, record) : undefined
    if (differences) {
      report.differences.push(...differences)
      if (differences.length === 0) report.agreed += 1
    } else if (record.service === 'phone' && open.some((call) => call.couldBe(record))) {
      offerRecord(open, adapter, record)
    } else if (record.status === 'final' && record.at >= report.from && record.at < now - SETTLING_MS) {
      const { requestId, at, cost } = record
      report.differences.push({ type: 'not_recorded', adapter: adapter.name, requestId, at, cost })
    }
  }
  report.adapters.push({ name: adapter.name, records: seen.size })
  for (const { adapter: name, requestId, row } of ours.all()) {
    const isDue = row.createdAt >= report.from && row.createdAt < Math.min(report.until, now - SETTLING_MS)
    if (name !== adapter.name || seen.has(requestId) || !isDue || !sells(adapter, row.service)) continue
    const { accountId, usageId } = row
    report.differences.push({ type: 'not_at_provider', accountId, usageId, adapter: name, requestId })
  }
}

/** What differs between two records of one request. */
async function compare(run: Run, ours: OurRecord, theirs: ProviderRecord): Promise<Difference[]> {
  const { row, adapter, requestId } = ours
  const { accountId, usageId } = row
  const of = { accountId, usageId, adapter, requestId }
  if (theirs.cost === undefined && !ours.isBilled && theirs.status === 'pending') {
    const ageMs = run.now - row.createdAt
    return ageMs > (run.options.priceOverdueMs ?? DAY_MS) ? [{ type: 'price_overdue', ...of, ageMs }] : []
  }
  const differsInUsage = theirs.usage && !ours.isRecounted && !sameUsage(ours.quantities, theirs.usage.quantities)
  const isEstimate = row.certainty !== 'exact'
  const cost = theirs.cost !== undefined && theirs.cost !== ours.cost ? theirs.cost : undefined
  const charge =
    differsInUsage && isEstimate && row.charged > 0n ? chargeFor(run, ours, theirs.usage?.quantities ?? []) : undefined
  const differences: Difference[] = []
  const isApplied = !run.options.isDryRun
  if (differsInUsage) {
    const [mine = '', yours = ''] = [ours.quantities, theirs.usage?.quantities ?? []].map(describe)
    differences.push({ type: 'usage_differs', ...of, ours: mine, theirs: yours, isApplied: isApplied && charge !== undefined })
  }
  if (cost !== undefined) {
    differences.push({
      type: 'late_price',
      ...of,
      estimated: ours.cost === null ? null : nanoUsd(ours.cost),
      billed: cost,
      isApplied,
    })
  }
  if (!isApplied || (cost === undefined && charge === undefined)) return differences
  // The amounts are part of the id: a price that changes again is another correction.
  const correctionId = `reconciled:${usageId}:${charge ?? ''}:${cost ?? ''}`.slice(0, 200)
  const reason = charge === undefined ? `price as billed by ${adapter}` : recountReason(adapter)
  try {
    await run.ledger.adjust({ accountId, usageId, charge, cost, correctionId, reason })
    return differences
  } catch (error) {
    return [...differences.map((one) => ({ ...one, isApplied: false })), { type: 'failed', accountId, usageId, error }]
  }
}

function chargeFor({ prices }: Run, { row, at, numbers }: OurRecord, quantities: readonly UsageQuantity[]) {
  const { service, provider, model } = row
  return chargeOf(prices.price({ service, provider, model: model ?? undefined, at, ...numbers }, quantities).rating)
}

function sells({ offers }: ProviderAdapter, service: string): boolean {
  return offers.some((offer) => offer.service === service)
}

/** The same amount of each meter. A meter that only one side has is no difference: providers tell some of them in one place only. */
function sameUsage(ours: readonly UsageQuantity[], theirs: readonly UsageQuantity[]): boolean {
  return theirs.every(({ meter, unit, quantity }) => {
    const mine = ours.find((one) => one.meter === meter && one.unit === unit)
    return mine === undefined || mine.quantity === quantity
  })
}

function describe(quantities: readonly UsageQuantity[]): string {
  return quantities.map(({ meter, quantity, unit }) => `${formatQuantity(quantity)} ${unit} of ${meter}`).join(', ')
}
