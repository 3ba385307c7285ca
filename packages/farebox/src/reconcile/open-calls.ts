import { isFareboxError, microCredits, type ProviderAdapter, type ProviderRecord, type Quantity, type Usage } from '@farebox/core'
import type { DocumentRow, Ledger } from '@farebox/ledger'
import { chargeOf } from '@farebox/pricing'
import { PHONE_CALL, PHONE_CALL_UNKNOWN, type PhoneCallNote } from '../phone-call.ts'
import { quantitiesJson } from '../settle-call.ts'
import type { Difference } from './difference.ts'
import type { OurRecords } from './our-records.ts'
import type { Run } from './reconcile.ts'

/** A provider lists a call within seconds of its beginning; whoever dialled it may have asked a little later, or by another clock. */
const CLOCKS_MS = 60_000
/** After this time a call that the provider does not list was not placed. */
const PLACED_MS = 5 * 60_000

/** A telephone call that was written down before it was dialled, and has no usage record yet. */
export interface OpenCall {
  accountId: string
  holdId: string
  note: PhoneCallNote
  /** Whether whoever dialled it has said that it does not know how it went. */
  isGivenUp: boolean
  /** The provider's id of it, where whoever dialled it was told that much. */
  callId: string | undefined
  /** Records of providers that it may be. */
  candidates: FoundRecord[]
  couldBe(record: ProviderRecord): boolean
}

interface FoundRecord {
  adapter: ProviderAdapter
  record: ProviderRecord
}

/** The calls of a range of time that are open. */
export async function openCalls(ledger: Ledger, ours: OurRecords, range: { from: number; until: number }): Promise<OpenCall[]> {
  const unknown = new Map<string, string | null>()
  for await (const { accountId, documentId, body } of ledger.documentsBetween({ ...range, kind: PHONE_CALL_UNKNOWN })) {
    unknown.set(`${accountId}\0${documentId}`, (body as { call_id: string | null }).call_id)
  }
  const open: OpenCall[] = []
  for await (const document of ledger.documentsBetween({ ...range, kind: PHONE_CALL })) {
    if (ours.has(document.accountId, document.documentId)) continue
    open.push(openCall(document, unknown.get(`${document.accountId}\0${document.documentId}`)))
  }
  return open.sort((left, right) => left.note.at - right.note.at)
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

/** Offers a record to the one call that it is known to be of, else to every call that it could be of. */
export function offerRecord(open: readonly OpenCall[], adapter: ProviderAdapter, record: ProviderRecord): void {
  const owner = open.find(({ callId }) => callId === record.requestId)
  for (const call of owner ? [owner] : open) if (call.couldBe(record)) call.candidates.push({ adapter, record })
}

/** Which record is which call's. Each is one call's only, and that is the one nearest in time that has no nearer one. */
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

/** Charges the calls that did take place, and closes those that did not. */
export async function resolveCalls(run: Run, canAsk: boolean): Promise<Difference[]> {
  const differences: Difference[] = []
  const matched = matchCalls(run.open)
  for (const call of run.open) {
    const isOver = call.isGivenUp || run.now > call.note.until + CLOCKS_MS
    if (!isOver) continue
    const found = matched.get(call)
    // One whose records were all nearer to others may be any of those.
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
    if (found && isSure) {
      const { adapter, record } = found
      // It rings, or is being talked on.
      if (record.usage === undefined) return []
      const charged = await chargeCall(run, call, adapter, record, record.usage)
      return [{ type: 'call_found', ...of, adapter: adapter.name, requestId: record.requestId, charged, isApplied }]
    }
    if (!isSure) return ageMs > PLACED_MS ? [{ type: 'call_unknown', ...of, ageMs }] : []
    if (ageMs <= PLACED_MS) return []
    if (isApplied) await settle(run, call, nothing())
    return [{ type: 'call_not_placed', ...of, isApplied }]
  } catch (error) {
    if (!isFareboxError(error)) throw error
    return [{ type: 'failed', accountId, usageId: holdId, error }]
  }
}

/** Settles against the hold where that is still open, and as a late charge where it has gone back. */
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
