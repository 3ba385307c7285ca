import { isFareboxError, microCredits, type ProviderAdapter, type ProviderRecord, type Quantity, type Usage } from '@farebox/core'
import type { DocumentRow, Ledger } from '@farebox/ledger'
import { chargeOf } from '@farebox/pricing'
import { isPossible, PHONE_CALL, PHONE_CALL_UNKNOWN, type PhoneCallNote } from '../phone-call.ts'
import { quantitiesJson } from '../settle-call.ts'
import type { Difference } from './difference.ts'
import type { OurRecords } from './our-records.ts'
import type { Run } from './reconcile.ts'

/** Tolerance between the time of a call here and in the provider's list, for delays and differing clocks. */
const CLOCKS_MS = 60_000
/** If the provider does not list a call after this time, the call was not placed. */
const PLACED_MS = 5 * 60_000

/** A phone call that was noted before it was dialled, and has no usage record yet. */
export interface OpenCall {
  accountId: string
  holdId: string
  note: PhoneCallNote
  /** Whether the process that dialled it has reported its outcome as unknown. */
  isGivenUp: boolean
  /** The provider's id of the call, if the process that dialled it learned that much. */
  callId: string | undefined
  /** Provider records that may be of this call. */
  candidates: FoundRecord[]
  couldBe(record: ProviderRecord): boolean
}

interface FoundRecord {
  adapter: ProviderAdapter
  record: ProviderRecord
}

/** Open calls, in the order in which they were dialled. */
export class OpenCalls {
  readonly calls: readonly OpenCall[]
  readonly #byId = new Map<string, OpenCall>()
  readonly #byNumber: ReadonlyMap<string, readonly OpenCall[]>

  constructor(calls: readonly OpenCall[]) {
    this.calls = calls
    for (const call of calls) if (call.callId !== undefined && !this.#byId.has(call.callId)) this.#byId.set(call.callId, call)
    this.#byNumber = Map.groupBy(calls, ({ note }) => note.to)
  }

  /**
   * Adds a record to the candidates of the call that it belongs to by id, or else of every call that it could belong to.
   *
   * @returns whether there is any
   */
  offer(adapter: ProviderAdapter, record: ProviderRecord): boolean {
    const owner = this.#byId.get(record.requestId)
    const calls = owner ? [owner] : (this.#byNumber.get(record.to ?? '') ?? [])
    const found = calls.filter((call) => call.couldBe(record))
    for (const call of found) call.candidates.push({ adapter, record })
    return found.length > 0
  }
}

/** Reads the open calls of a time range. */
export async function openCalls(ledger: Ledger, ours: OurRecords, range: { from: number; until: number }): Promise<OpenCalls> {
  const unknown = new Map<string, string | null>()
  for await (const { accountId, documentId, body } of ledger.documentsBetween({ ...range, kind: PHONE_CALL_UNKNOWN })) {
    unknown.set(`${accountId}\0${documentId}`, (body as { call_id: string | null }).call_id)
  }
  const open: OpenCall[] = []
  for await (const document of ledger.documentsBetween({ ...range, kind: PHONE_CALL })) {
    if (ours.has(document.accountId, document.documentId)) continue
    open.push(openCall(document, unknown.get(`${document.accountId}\0${document.documentId}`)))
  }
  return new OpenCalls(open.sort((left, right) => left.note.at - right.note.at))
}

function openCall({ accountId, documentId, body }: DocumentRow, callId: string | null | undefined): OpenCall {
  const note = body as PhoneCallNote
  return {
    accountId,
    holdId: documentId,
    note,
    isGivenUp: callId !== undefined,
    callId: callId ?? undefined,
    candidates: [],
    couldBe({ requestId, to, at }) {
      if (typeof callId === 'string') return requestId === callId
      return to === note.to && at >= note.at - CLOCKS_MS && at <= note.until
    },
  }
}

/** Whether a call was dialled within a time range. */
export function isWithin({ from, until }: { from: number; until: number }, { note }: OpenCall): boolean {
  return note.at >= from && note.at < until
}

/** Assigns each record to at most one call, and each call at most one record, nearest in time first. */
function matchCalls(open: readonly OpenCall[]): Map<OpenCall, FoundRecord> {
  const pairs = open.flatMap((call) =>
    call.candidates.map((found) => ({ call, found, distanceMs: Math.abs(found.record.at - call.note.at) })),
  )
  const matched = new Map<OpenCall, FoundRecord>()
  const taken = new Set<string>()
  for (const { call, found } of pairs.sort((left, right) => left.distanceMs - right.distanceMs)) {
    const name = `${found.adapter.name}\0${found.record.requestId}`
    if (matched.has(call) || taken.has(name)) continue
    matched.set(call, found)
    taken.add(name)
  }
  return matched
}

/** Charges the calls of the range that did take place, and closes those that did not. */
export async function resolveCalls(run: Run, canAsk: boolean): Promise<Difference[]> {
  const differences: Difference[] = []
  const { calls } = run.open
  const matched = matchCalls(calls)
  for (const call of calls) {
    const isOver = call.isGivenUp || run.now > call.note.until + CLOCKS_MS
    if (!isOver || !isWithin(run.report, call)) continue
    const found = matched.get(call)
    // If other calls were nearer to all of its records, any of these could still be its own.
    const isSure = canAsk && (found !== undefined || call.candidates.length === 0)
    differences.push(...(await resolveCall(run, call, found, isSure)))
  }
  return differences
}

async function resolveCall(run: Run, call: OpenCall, found: FoundRecord | undefined, isSure: boolean): Promise<Difference[]> {
  const { accountId, holdId, note } = call
  const of = { accountId, holdId, to: note.to }
  const isApplied = !run.options.isDryRun
  const ageMs = run.now - note.at
  try {
    if (found && isSure && isPossible(found.record.usage)) {
      const { adapter, record } = found
      // The call is still ringing or in progress.
      if (record.usage === undefined) return []
      const charged = await chargeCall(run, call, adapter, record, record.usage)
      return [{ type: 'call_found', ...of, adapter: adapter.name, requestId: record.requestId, charged, isApplied }]
    }
    if (!isSure || found) return ageMs > PLACED_MS ? [{ type: 'call_unknown', ...of, ageMs }] : []
    if (ageMs <= PLACED_MS) return []
    if (isApplied) await settle(run, call, nothing())
    return [{ type: 'call_not_placed', ...of, isApplied }]
  } catch (error) {
    if (!isFareboxError(error)) throw error
    // Whoever placed it has settled it meanwhile. The next comparison has that record.
    if (error.code === 'IDEMPOTENCY_CONFLICT') return []
    return [{ type: 'failed', accountId, usageId: holdId, error }]
  }
}

/** Charges a call: against its hold if that is still open, or else as a late charge. */
async function chargeCall(run: Run, call: OpenCall, adapter: ProviderAdapter, record: ProviderRecord, usage: Usage) {
  const { note } = call
  const offer = adapter.offers.find(({ service }) => service === 'phone')
  const provider = offer?.provider ?? adapter.name
  const numbers = { to: note.to, ...(note.from !== null && { from: note.from }) }
  const source = { service: 'phone', provider, model: offer?.model, at: note.at, ...numbers }
  const { priced, rating } = run.prices.price(source, usage.quantities)
  if (run.options.isDryRun) return chargeOf(rating)
  const details = {
    usage: quantitiesJson(usage),
    at: note.at,
    numbers,
    adapter: adapter.name,
    requestId: record.requestId,
    isBilled: record.cost !== undefined || undefined,
    isReconciled: true,
    raw: usage.raw,
  }
  const cost = record.cost ?? priced.cost
  return settle(run, call, { ...priced, cost, model: offer?.model, certainty: usage.certainty, details }, provider)
}

async function settle(
  { ledger }: Run,
  { accountId, holdId }: OpenCall,
  usage: Parameters<Ledger['settleHold']>[0]['usage'],
  provider?: string,
) {
  const outcome = await ledger.settleHold({ accountId, holdId, provider, usage })
  return outcome.status === 'charged' ? outcome.charged : microCredits(0n)
}

function nothing(): Parameters<Ledger['settleHold']>[0]['usage'] {
  return {
    quantity: 0n as Quantity,
    unit: 'seconds',
    rated: microCredits(0n),
    roundingStep: microCredits(1n),
    details: { isReconciled: true },
  }
}
