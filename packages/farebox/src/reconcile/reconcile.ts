import {
  type Clock,
  type Credits,
  checkOptionNames,
  formatQuantity,
  InvalidOptionError,
  isFareboxError,
  microCredits,
  type NanoUsd,
  nanoUsd,
  type ProviderAdapter,
  type ProviderRecord,
  type Quantity,
  type UsageQuantity,
} from '@farebox/core'
import type { Ledger } from '@farebox/ledger'
import { chargeOf } from '@farebox/pricing'
import type { BookPrices } from '../book-prices.ts'
import { correctionIdOf } from '../correction-id.ts'
import { lastPartOf } from '../live/live-meter.ts'
import { isPossible } from '../phone-call.ts'
import type { Difference, ReconcileReport } from './difference.ts'
import { isWithin, type OpenCalls, openCalls, resolveCalls } from './open-calls.ts'
import { costOf, isDecision, loadOurRecords, type OurRecord, type OurRecords, recountReason } from './our-records.ts'

/** The options of a comparison with the providers' records. */
export interface ReconcileOptions {
  /** Start of the time range, in epoch milliseconds. @defaultValue three days before `until` */
  from?: number
  /** End of the time range, in epoch milliseconds. @defaultValue now */
  until?: number
  /** Whether to report differences without correcting them. @defaultValue false: differences are corrected where possible */
  isDryRun?: boolean
  /** How long to wait for a price before it is reported as overdue, in milliseconds. @defaultValue 86_400_000 (a day) */
  priceOverdueMs?: number
  /** Aborts the comparison between two records. */
  signal?: AbortSignal
  /** Called with each record of a provider. */
  onRecord?: (adapter: string, record: ProviderRecord) => void
}

/** The parts of a Farebox that reconciliation uses. */
export interface ReconcileParts {
  ledger: Ledger
  prices: BookPrices
  providers: readonly ProviderAdapter[]
  clock: Clock
}

const known: Readonly<Record<keyof ReconcileOptions, true>> = {
  from: true,
  until: true,
  isDryRun: true,
  priceOverdueMs: true,
  signal: true,
  onRecord: true,
}

const DAY_MS = 86_400_000
/** How far before the range to read as well: a long call is listed under the time when it began. */
const LONGEST_MS = 5 * 3_600_000
/** A record newer than this is not reported as missing: it may still be in progress, or not yet listed by the provider. */
const SETTLING_MS = 15 * 60_000

/**
 * Compares the ledger's usage records with the providers' own, and corrects what was estimated: prices that arrived late, and
 * phone calls whose outcome was unknown. It is safe to run at any time, repeatedly, and from several processes, because each
 * correction has its own id.
 *
 * @throws {InvalidOptionError} an option is unknown, `isDryRun` is not true or false, `priceOverdueMs` is no number from 0, or `from`
 *   is not before `until`
 */
export async function reconcile(parts: ReconcileParts, options: ReconcileOptions = {}): Promise<ReconcileReport> {
  // A misspelt `isDryRun` would otherwise correct, and a misspelt `until` compare another range.
  checkOptionNames(options, known, 'reconcile()')
  const { isDryRun = false } = options
  if (typeof isDryRun !== 'boolean')
    throw new InvalidOptionError(`isDryRun must be true or false, received ${JSON.stringify(isDryRun)}`)
  const { priceOverdueMs = DAY_MS } = options
  if (!(typeof priceOverdueMs === 'number' && priceOverdueMs >= 0))
    throw new InvalidOptionError(`priceOverdueMs must be milliseconds from 0, received ${priceOverdueMs}`)
  const now = parts.clock()
  const until = options.until ?? now
  const from = options.from ?? until - 3 * DAY_MS
  if (!(from < until)) {
    throw new InvalidOptionError(`from must be before until, in epoch milliseconds: received ${from} and ${until}`)
  }
  const adapters = parts.providers.filter(({ records, availability }) => records && availability.status === 'ready')
  // Otherwise usage that was spooled while the database was away would come in after its request was corrected.
  await parts.ledger.sendSpooled().catch(() => undefined)
  const services = new Set([...adapters.flatMap(({ offers }) => offers.map(({ service }) => service)), 'phone'])
  const range = { from: from - LONGEST_MS, until: now + DAY_MS }
  const ours = await loadOurRecords(parts.ledger, services, range)
  const open = await openCalls(parts.ledger, ours, range)
  const report: ReconcileReport = { from, until, adapters: [], agreed: 0, differences: [] }
  const run: Run = { ...parts, options, now, ours, report, open }

  // An adapter without records may have placed a call that the other providers do not list.
  const callers = parts.providers.filter((adapter) => sells(adapter, 'phone') && adapter.availability.status === 'ready')
  let canAskForCalls = callers.length > 0 && callers.every(({ records }) => records)
  for (const adapter of adapters) {
    try {
      await compareAdapter(run, adapter)
    } catch (error) {
      // A provider that cannot be asked now is asked the next time, and must not hold up the others.
      if (!isFareboxError(error) || options.signal?.aborted) throw error
      report.differences.push({ type: 'unreachable', adapter: adapter.name, error })
      if (sells(adapter, 'phone')) canAskForCalls = false
    }
  }
  report.differences.push(...(await resolveCalls(run, canAskForCalls)))
  return report
}

/** The state of one comparison. */
export interface Run extends ReconcileParts {
  options: ReconcileOptions
  now: number
  ours: OurRecords
  report: ReconcileReport
  /** Also those dialled before and after the range: a record may be theirs. */
  open: OpenCalls
}

async function compareAdapter(run: Run, adapter: ProviderAdapter): Promise<void> {
  const { report, options, open, ours, now } = run
  /** The requests of the provider that are known here, and the ids of the others. */
  const [seen, unknown] = [new Set<OurRecord>(), new Set<string>()]
  const signal = options.signal ?? new AbortController().signal
  const context = { signal, attemptId: `reconcile-${adapter.name}` }
  const until = endOfRecords(run)
  for await (const record of adapter.records?.({ from: report.from - LONGEST_MS, until }, context) ?? []) {
    if (signal.aborted) throw signal.reason
    options.onRecord?.(adapter.name, record)
    const known = ours.find(adapter.name, record.requestId)
    // A request that begins meanwhile may move another to the next page, which then lists it again.
    if (known ? seen.has(known) : unknown.has(record.requestId)) continue
    if (known) seen.add(known)
    else unknown.add(record.requestId)
    // Those of another range are told of in its report. What came too late for it is still to be corrected.
    const isEarlier = record.at < report.from
    if (known && (record.at >= report.until || (isEarlier && options.isDryRun))) continue
    if (known && !(await isComparable(run, known, record))) continue
    const differences = known ? await compare(run, known, record) : undefined
    if (differences) {
      report.differences.push(...(isEarlier ? differences.filter(isLate) : differences))
      if (differences.length === 0 && !isEarlier) report.agreed += 1
    } else if (ours.isMentioned(record.requestId)) {
      // The host's own code recorded it, without anything to compare.
    } else if (record.service === 'phone' && open.offer(adapter, record)) {
      // It is settled once the records of all providers are known.
    } else if (record.status === 'final' && record.at >= report.from && record.at < Math.min(report.until, now - SETTLING_MS)) {
      const { requestId, at, cost } = record
      report.differences.push({ type: 'not_recorded', adapter: adapter.name, requestId, at, cost })
    }
  }
  // An adapter that was aborted may just end, and what it did not tell is no proof.
  if (signal.aborted) throw signal.reason
  report.adapters.push({ name: adapter.name, records: seen.size + unknown.size })
  for (const record of ours.of(adapter.name)) {
    const { requestId, row, at, unfinishedHoldId } = record
    const isDue =
      unfinishedHoldId === undefined && row.createdAt >= report.from && row.createdAt < Math.min(report.until, now - SETTLING_MS)
    // What a spool kept was charged long after its request, which the provider lists under a time that was not asked for.
    const isAsked = at >= report.from - LONGEST_MS
    if (seen.has(record) || !isDue || !isAsked || !sells(adapter, row.service)) continue
    const { accountId, usageId } = row
    report.differences.push({ type: 'not_at_provider', accountId, usageId, adapter: adapter.name, requestId })
  }
}

/** Whether a difference was corrected just now, or could not be. */
function isLate(difference: Difference): boolean {
  return difference.type === 'failed' || ('isApplied' in difference && difference.isApplied)
}

/** The end of the records to ask for: a call that was dialled within the range may have begun after its end. */
function endOfRecords({ report, open, now }: Run): number {
  const ends = open.calls.filter((call) => isWithin(report, call)).map(({ note }) => note.until + 1)
  return ends.reduce((last, end) => Math.max(last, Math.min(end, now)), report.until)
}

/**
 * Whether a request may be compared. Live work without a last part may be once it has ended at the provider, and its hold has
 * expired: its process keeps that alive.
 */
async function isComparable(
  { ledger, now }: Run,
  { row, unfinishedHoldId }: OurRecord,
  { status }: ProviderRecord,
): Promise<boolean> {
  if (unfinishedHoldId === undefined) return true
  if (status !== 'final') return false
  const { state, expiresAt, graceMs } = await ledger.hold(row.accountId, unfinishedHoldId)
  return state === 'expired' || (state === 'open' && now > expiresAt + graceMs)
}

/** Finds the differences between the two records of one request, and corrects them unless this is a dry run. */
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
  const known = costOf(ours)
  const billed = theirs.cost !== undefined && theirs.cost !== known ? theirs.cost : undefined
  // A failed attempt is at the operator's expense: it is rated at nothing.
  const isSold = ours.charges.some(({ due, rated }) => due > 0n || rated > 0n)
  const isBelievable = row.service !== 'phone' || isPossible(theirs.usage)
  const recounted =
    differsInUsage && isEstimate && isSold && isBelievable && !ours.isDecided
      ? priceOf(run, ours, theirs.usage?.quantities ?? [])
      : undefined
  const charge = recounted?.charge
  // A provider that tells no price is estimated by its own count.
  const cost = theirs.cost === undefined && !ours.isBilled && known !== null ? recounted?.cost : billed
  const differences: Difference[] = []
  const isApplied = !run.options.isDryRun
  if (differsInUsage) {
    const [mine = '', yours = ''] = [ours.quantities, theirs.usage?.quantities ?? []].map(describe)
    differences.push({ type: 'usage_differs', ...of, ours: mine, theirs: yours, isApplied: isApplied && charge !== undefined })
  }
  if (billed !== undefined) {
    differences.push({ type: 'late_price', ...of, estimated: known === null ? null : nanoUsd(known), billed, isApplied })
  }
  if (!isApplied || (cost === undefined && charge === undefined)) return differences
  try {
    const isRight = await setRight(run, ours, { charge, cost })
    return isRight ? differences : differences.map((one) => ({ ...one, isApplied: false }))
  } catch (error) {
    return [...differences.map((one) => ({ ...one, isApplied: false })), { type: 'failed', accountId, usageId, error }]
  }
}

/**
 * Corrects the records of a request so that together they charge and cost what they should. The record that names the request
 * comes last: its reason marks the correction as complete, and without it the next comparison continues. Live work without a last
 * part is ended if it is charged by the provider's count. If only its cost is another, parts that still wait in a spool are due.
 *
 * @returns whether it is right now. If not, parts or somebody's corrections were added meanwhile: the next comparison counts them
 */
async function setRight(
  { ledger }: Run,
  ours: OurRecord,
  { charge, cost }: { charge?: Credits; cost?: NanoUsd },
): Promise<boolean> {
  const { row, adapter, corrections, unfinishedHoldId } = ours
  const { accountId } = row
  const isOpen = unfinishedHoldId !== undefined && charge === undefined
  const charges = isOpen ? ours.charges.slice(1) : ours.charges
  const dues = charges.map(({ due }) => due)
  const costs = charges.map((one) => one.cost ?? 0n)
  const newDues = charge === undefined ? dues : spread(charge, dues)
  const newCosts = cost === undefined ? costs : spread(cost, costs)
  // Reading the provider's records takes a while, in which somebody may have given the charge back.
  if (charge !== undefined && (await isDecidedNow(ledger, ours))) return false
  if (unfinishedHoldId !== undefined && !isOpen) {
    await endUnfinished(ledger, ours, unfinishedHoldId)
    if (await hasMoreParts(ledger, ours)) return false
  }
  const reason = charge === undefined ? `price as billed by ${adapter}` : recountReason(adapter)
  for (const [index, { usageId, cost: itsOwn }] of [...charges.entries()].reverse()) {
    const [due = 0n, itsCost = 0n] = [newDues[index], newCosts[index]]
    const isTold = charge !== undefined && usageId === row.usageId
    const share = {
      charge: isTold || due !== dues[index] ? microCredits(due) : undefined,
      // A cost that nobody knew is known from now on, even if it is nothing.
      cost: itsCost === costs[index] && (cost === undefined || itsOwn !== null) ? undefined : nanoUsd(itsCost),
    }
    if (share.charge === undefined && share.cost === undefined) continue
    // The id includes the amounts and the number of corrections so far: a price that changes back needs a new correction.
    const times = corrections > 0 ? [String(corrections)] : []
    const correctionId = correctionIdOf('reconciled', usageId, share.charge ?? '', share.cost ?? '', ...times)
    await ledger.adjust({ accountId, usageId, ...share, correctionId, reason })
  }
  return true
}

/**
 * Writes the last part of live work in its process's stead, without usage. If the process was only asleep, or its parts wait in a
 * spool, they can no longer be charged.
 */
async function endUnfinished(ledger: Ledger, ours: OurRecord, holdId: string): Promise<void> {
  const { row, adapter, requestId, at, numbers, charges } = ours
  const { accountId, usageId, provider, model, unit, certainty, priceVersion } = row
  // After the last part, which is not written, comes the latest one.
  const { record: latest } = await ledger.usageRecord(accountId, charges[1]?.usageId ?? usageId)
  const { explanation } = latest.details as { explanation?: unknown }
  await ledger.settleHold({
    accountId,
    holdId,
    usageId,
    provider,
    usage: {
      quantity: 0n as Quantity,
      unit,
      rated: microCredits(0n),
      roundingStep: microCredits(1n),
      cost: nanoUsd(0n),
      model: model ?? undefined,
      certainty,
      priceVersion: priceVersion ?? undefined,
      details: { usage: [], at, adapter, requestId, numbers, explanation, isReconciled: true },
    },
  })
}

/** Whether live work that was just ended has parts that were written since its records were read. */
async function hasMoreParts(ledger: Ledger, { row, charges }: OurRecord): Promise<boolean> {
  const { accountId, workflowId, usageId } = row
  if (workflowId === null) return false
  const known = new Set(charges.map((charge) => charge.usageId))
  const records = await ledger.usageOf(accountId, workflowId)
  return records.some((record) => lastPartOf(record) === usageId && !known.has(record.usageId))
}

/** Whether somebody has corrected or refunded the charge of a request since its records were read. */
async function isDecidedNow(ledger: Ledger, { row, charges, unfinishedHoldId }: OurRecord): Promise<boolean> {
  // Live work without a last part has no record of it yet.
  const written = unfinishedHoldId === undefined ? charges : charges.slice(1)
  const read = await Promise.all(written.map(({ usageId }) => ledger.usageRecord(row.accountId, usageId)))
  return read.some(({ corrections }) => corrections.some(isDecision))
}

/**
 * Adjusts amounts to add up to `total`. The first takes what is missing. An excess comes off the first, then off the next ones.
 * No amount falls below zero.
 */
function spread(total: bigint, amounts: readonly bigint[]): bigint[] {
  let difference = total - amounts.reduce((sum, amount) => sum + amount, 0n)
  return amounts.map((amount) => {
    const changed = amount + difference > 0n ? amount + difference : 0n
    difference -= changed - amount
    return changed
  })
}

/**
 * What a request should be charged for the provider's count of it: what it was charged at first, and as much more or less as the
 * counts alone would be apart. Its own price may be another, because earlier calls of its line were rounded up and paid for some
 * of it. Its cost is what the cost book makes of that count.
 */
function priceOf({ prices }: Run, ours: OurRecord, theirs: readonly UsageQuantity[]): { charge: Credits; cost?: NanoUsd } {
  const { row, pricedModel, at, numbers, charges, quantities } = ours
  const { service, provider } = row
  const source = { service, provider, model: pricedModel, at, ...numbers }
  const [whole, counted] = [prices.price(source, theirs), prices.price(source, quantities)]
  const due = charges.reduce((sum, { dueAtFirst }) => sum + dueAtFirst, chargeOf(whole.rating) - chargeOf(counted.rating))
  return { charge: microCredits(due > 0n ? due : 0n), cost: whole.priced.cost }
}

function sells({ offers }: ProviderAdapter, service: string): boolean {
  return offers.some((offer) => offer.service === service)
}

/**
 * Compares the amounts of each meter. Ignores a meter that only one side has: providers report some of them in one place only.
 */
function sameUsage(ours: readonly UsageQuantity[], theirs: readonly UsageQuantity[]): boolean {
  return theirs.every(({ meter, unit, quantity }) => {
    const mine = ours.find((one) => one.meter === meter && one.unit === unit)
    return mine === undefined || mine.quantity === quantity
  })
}

function describe(quantities: readonly UsageQuantity[]): string {
  return quantities.map(({ meter, quantity, unit }) => `${formatQuantity(quantity)} ${unit} of ${meter}`).join(', ')
}
