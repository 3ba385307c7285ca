import { formatQuantity, type UsageQuantity } from '@farebox/core'
import type { UsageRow } from '@farebox/ledger'
import { rate } from '@farebox/pricing'
import type { Farebox } from 'farebox'
import type { InvoiceLine } from '../loopback/invoice.ts'
import type { Loopback } from '../loopback/loopback-server.ts'
import { prices } from './open-box.ts'
import { type Kind, kindOf, liveSeconds, recordingSeconds } from './work.ts'

/** What the ledger and the invoices of all providers come to, line by line. */
export interface Audit {
  /** Lines of the providers' invoices. */
  lines: number
  /** Lines that the ledger has to the unit. */
  exact: number
  /** Lines of answers that broke, of which the ledger knows at least, or at most, what they cost. */
  bounded: number
  /** Lines of answers that did not say what they cost: charged by our own count, which is not far off. */
  estimated: number
  /** Lines of calls whose process was killed: nobody was charged, and the provider's records tell of them. */
  crashed: number
  /** Records of what a provider may have billed and did not: charged to nobody. */
  presumed: number
  /** Lines that the ledger has, by the kind of work that they are of. */
  kinds: Map<Kind, number>
  /** What is wrong, one line each. */
  misbilled: string[]
  overspent: string[]
  leaked: string[]
  mismatches: string[]
}

/** A line, or a record, by whom it is of, and how much of what unit. */
interface Side {
  workflow: number | undefined
  adapter: string
  unit: 'tokens' | 'seconds' | 'characters'
  amount: number
  requestId: string | undefined
}

type LineSide = Side & { line: InvoiceLine }
type RecordSide = Side & { row: UsageRow }

/** A hundredth of a second is within what providers round to. */
const TOLERANCE = 0.011

export async function audit(
  box: Farebox,
  accountIds: readonly string[],
  loopbacks: Readonly<Record<string, Loopback>>,
  killed: ReadonlySet<number>,
): Promise<Audit> {
  const result: Audit = {
    lines: 0,
    exact: 0,
    bounded: 0,
    estimated: 0,
    crashed: 0,
    presumed: 0,
    kinds: new Map(),
    misbilled: [],
    overspent: [],
    leaked: [],
    mismatches: [],
  }
  const records: RecordSide[] = []
  for (const service of ['gpt', 'voice_stt', 'voice_tts', 'phone', 'embedding', 'realtime']) {
    for await (const row of box.ledger.usageBetween({ from: 0, until: Number.MAX_SAFE_INTEGER, service })) {
      if (row.corrects === null) records.push(...recordSides(row))
    }
  }
  const lines = Object.entries(loopbacks).flatMap(([adapter, { invoice }]) => invoice.flatMap((line) => lineSide(adapter, line)))
  result.lines = lines.length
  compare(lines, records, killed, result)
  checkCharges(records, result)
  for (const accountId of accountIds) await checkAccount(box, accountId, result)
  return result
}

function compare(lines: readonly LineSide[], records: RecordSide[], killed: ReadonlySet<number>, result: Audit): void {
  const free = new Set(records)
  // Those that can be told apart for sure come first, then those that say whose they are: one that does not would take another's record.
  const sureness = (line: LineSide) => (isNamed(line, records) ? 2 : line.workflow === undefined ? 0 : 1)
  const sorted = [...lines].sort((left, right) => sureness(right) - sureness(left))
  for (const line of sorted) {
    const match = matchOf(line, free)
    if (!match) {
      if (isCrashed(line, killed)) result.crashed += 1
      else if (isOfBrokenTalk(line, records)) result.bounded += 1
      else result.misbilled.push(`not in the ledger: ${describe(line)}`)
      continue
    }
    free.delete(match)
    const kind = kindOf(match.workflow ?? 0)
    result.kinds.set(kind, (result.kinds.get(kind) ?? 0) + 1)
    const { certainty } = match.row
    const difference = match.amount - line.amount
    if (Math.abs(difference) <= TOLERANCE) result.exact += 1
    else if ((certainty === 'floor' && difference < 0) || (certainty === 'ceiling' && difference > 0)) result.bounded += 1
    else if (isCountedByUs(match, line)) result.estimated += 1
    else result.misbilled.push(`${match.amount} ${certainty} in the ledger (${match.row.usageId}): ${describe(line)}`)
  }
  for (const record of free) {
    if (record.amount === 0) continue
    if (record.row.charged === 0n && record.row.certainty === 'ceiling') result.presumed += 1
    else if (record.row.charged === 0n && record.row.certainty === 'floor') result.presumed += 1
    else
      result.misbilled.push(
        `no line for ${record.adapter} ${record.amount} ${record.unit} of w${record.workflow} (${record.row.certainty})`,
      )
  }
}

/**
 * A conversation that broke off has one record, of at least so much, for all its answers that had not ended: while the end of one is on
 * its way, the model may begin to answer the next pause.
 */
function isOfBrokenTalk({ adapter, requestId, line: { path, outcome } }: LineSide, records: readonly RecordSide[]): boolean {
  const session = /^resp_(.*)_\d+$/.exec(requestId ?? '')?.[1]
  if (path !== '/realtime' || outcome !== 'broken' || session === undefined) return false
  const isRest = ({ row, adapter: own }: RecordSide) =>
    own === adapter && row.certainty === 'floor' && (row.details as { requestId?: string }).requestId === `sess_${session}`
  return records.some(isRest)
}

/** Providers that did not say are charged by tokens of the model's vocabulary, where the loopbacks count four characters to a token. */
function isCountedByUs({ amount, row }: RecordSide, line: LineSide): boolean {
  return line.unit === 'tokens' && (row.certainty === 'derived' || row.certainty === 'floor') && amount < 1.6 * line.amount
}

function isNamed(line: LineSide, records: readonly RecordSide[]): boolean {
  return records.some(
    ({ requestId, adapter }) => requestId !== undefined && requestId === line.requestId && adapter === line.adapter,
  )
}

function matchOf(line: LineSide, free: ReadonlySet<RecordSide>): RecordSide | undefined {
  let nearest: RecordSide | undefined
  for (const record of free) {
    if (record.adapter !== line.adapter || record.unit !== line.unit) continue
    if (record.requestId !== undefined && record.requestId === line.requestId) return record
    // A record that names a request is of that one and no other.
    if (record.requestId !== undefined && line.line.outcome === 'served') continue
    const isSame = line.workflow === undefined ? isOfUnmarked(record, line) : record.workflow === line.workflow
    if (!isSame) continue
    const distance = (one: RecordSide) => Math.abs(one.amount - line.amount)
    if (!nearest || distance(record) < distance(nearest)) nearest = record
  }
  return nearest
}

/** Live sound that broke, and the rest of an answer that another provider is asked for, do not say whose they are. */
function isOfUnmarked({ workflow = 0 }: RecordSide, { unit }: LineSide): boolean {
  return kindOf(workflow) === (unit === 'tokens' ? 'continue' : 'listen')
}

function isCrashed({ workflow }: LineSide, killed: ReadonlySet<number>): boolean {
  if (workflow !== undefined) return killed.has(workflow)
  return [...killed].some((number) => ['listen', 'continue'].includes(kindOf(number)))
}

/** Nobody is charged anything else than the price of what was counted, rounded up once. */
function checkCharges(records: readonly RecordSide[], result: Audit): void {
  const byWorkflow = new Map<string, RecordSide[]>()
  for (const record of records) {
    const { accountId, workflowId, service, provider } = record.row
    const key = [accountId, workflowId, service, provider].join(' ')
    byWorkflow.set(key, [...(byWorkflow.get(key) ?? []), record])
  }
  for (const [key, group] of byWorkflow) {
    const rows = [...new Set(group.map(({ row }) => row))]
    const charged = rows.reduce((sum, row) => sum + row.charged + row.shortfall, 0n)
    const exact = rows.reduce((sum, row) => sum + (row.quantity > 0n ? ratedOf(row) : 0), 0)
    if (Number(charged) / 1e6 !== Math.ceil(exact - 1e-9))
      result.misbilled.push(`${key} was charged ${charged}, and ${exact} was due`)
  }
}

function ratedOf(row: UsageRow): number {
  const { total } = rate(
    prices,
    { service: row.service, provider: row.provider, model: row.model ?? undefined, at: Date.now() },
    usageOf(row),
  )
  return Number(total.numerator) / Number(total.denominator)
}

async function checkAccount(box: Farebox, accountId: string, result: Audit): Promise<void> {
  const { mismatches } = await box.ledger.verify(accountId)
  result.mismatches.push(...mismatches.map(({ kind, at }) => `${accountId}: ${kind} at ${at}`))
  const { balance, held } = await box.ledger.balance(accountId)
  if (balance < 0n) result.overspent.push(`${accountId} has ${balance}`)
  if (held !== 0n) result.leaked.push(`${accountId} still holds ${held}`)
  const { items } = await box.ledger.statement(accountId, { limit: 10_000_000 })
  let available = 0n
  for (const { postings, sequence } of items.reverse()) {
    for (const [bucket, amount] of postings) if (bucket === 'available') available += amount
    if (available < 0n) result.overspent.push(`${accountId} could spend ${available} after entry ${sequence}`)
  }
}

function lineSide(adapter: string, line: InvoiceLine): LineSide[] {
  const { prompt_tokens, completion_tokens, input_tokens, output_tokens, seconds, characters } = line.quantities
  const tokens = [prompt_tokens, completion_tokens, input_tokens, output_tokens].filter((count) => count !== undefined)
  const amount = seconds ?? characters ?? tokens.reduce((sum, count) => sum + count, 0)
  // A connection over which nothing was heard yet is not billed.
  if (amount === 0) return []
  const unit = seconds !== undefined ? 'seconds' : characters !== undefined ? 'characters' : 'tokens'
  return [{ workflow: workflowOf(line, adapter), adapter, unit, amount, requestId: line.requestId, line }]
}

function workflowOf({ input, quantities: { seconds = 0 } }: InvoiceLine, adapter: string): number | undefined {
  const marked = /#w(\d+)#/.exec(input)?.[1]
  if (marked !== undefined) return Number(marked)
  if (adapter === 'twilio') return Number(input.slice(-7))
  if (seconds === 0) return undefined
  const recorded = Math.round((seconds - recordingSeconds(0)) * 8_000)
  const live = Math.round((seconds - liveSeconds(0)) * 8_000)
  if (input === 'live') return live >= 0 ? live : undefined
  return recorded
}

function recordSides(row: UsageRow): RecordSide[] {
  const { adapter, ...details } = (row.details ?? {}) as { adapter?: string; requestId?: string; streamId?: string }
  if (adapter === undefined) return []
  const usage = usageOf(row)
  const isTalk = row.service === 'realtime'
  // The rest of a conversation names all of it instead of an answer, and may have heard nothing of the one that broke.
  const requestId = isTalk && details.requestId === details.streamId ? undefined : details.requestId
  const unit = isTalk && row.certainty === 'floor' ? 'tokens' : usage[0]?.unit
  if (unit !== 'tokens' && unit !== 'seconds' && unit !== 'characters') return []
  const amount = Number(formatQuantity(usage.reduce((sum, one) => sum + one.quantity, 0n) as UsageQuantity['quantity']))
  return [{ workflow: Number(row.workflowId?.slice(1)), adapter, unit, amount, requestId, row }]
}

function usageOf({ details }: UsageRow): UsageQuantity[] {
  const { usage = [] } = (details ?? {}) as { usage?: { meter: string; quantity: string; unit: UsageQuantity['unit'] }[] }
  return usage.map(({ meter, quantity, unit }) => ({
    meter,
    unit,
    quantity: BigInt(Math.round(Number(quantity) * 1e6)) as UsageQuantity['quantity'],
  }))
}

function describe({ adapter, amount, unit, workflow, line }: LineSide): string {
  return `${adapter} ${line.path} ${amount} ${unit} of w${workflow} (${kindOf(workflow ?? 0)}), ${line.outcome}, ${line.requestId}`
}
