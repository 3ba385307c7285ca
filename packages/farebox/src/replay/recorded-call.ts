import {
  type CharacterCounting,
  type Credits,
  microCredits,
  type Quantity,
  quantity,
  type Unit,
  type UsageQuantity,
  units,
} from '@farebox/core'
import { isTakenBack, type UsageRow } from '@farebox/ledger'
import type { DecisionRecord, PhoneNumbers } from '@farebox/router'
import { inTurns } from '../in-turns.ts'
import { decisionOf } from '../kept-decisions.ts'
import { lastPartOf } from '../live/live-meter.ts'
import { pricedModelOf } from '../priced-model.ts'

/** One usage record of a call. */
export interface RecordedPart {
  /** Its place among all records of the account. */
  sequence: number
  /** The unit of its line on the receipt. Slices of one call may differ in it. */
  unit: Unit
  quantities: readonly UsageQuantity[]
  rated: Credits
  due: Credits
  /**
   * The places of the corrections that took it back whole, and of those that charged it again, in turns. In between, its line is
   * rounded without it.
   */
  takenBackAt: readonly number[]
}

/** Whether it is taken back whole by now. */
export function isGone({ takenBackAt }: RecordedPart): boolean {
  return takenBackAt.length % 2 === 1
}

/** One call, put together from its usage records: all slices or parts, and all corrections. */
export interface RecordedCall {
  service: string
  /** The provider that served it. */
  provider: string
  model: string | undefined
  /** The model whose price was charged. For live sound, it may be another one. */
  pricedModel: string | undefined
  /** The unit of the call's line on the receipt, that of its first slice. */
  unit: Unit
  quantities: readonly UsageQuantity[]
  /** The time whose prices applied to it, in epoch milliseconds. */
  at: number
  numbers: PhoneNumbers
  /** The exact price before rounding. */
  rated: Credits
  /** What was due for it, rounded with its line: the amount charged plus the shortfall. */
  due: Credits
  /** The sum of later corrections to `due`. */
  corrected: Credits
  /** Its usage records, without corrections. */
  parts: RecordedPart[]
  /** The routing decision. `undefined` if the work was done outside Farebox. */
  decision: DecisionRecord | undefined
  isSimulated: boolean
  /** Whether the provider counted the usage. */
  isExact: boolean
  apiKeyId: string | undefined
  /** The provider whose price was charged, if it is another one. */
  pricedAs: string | undefined
  /** Why it is impossible to tell what it would have cost elsewhere. */
  fixedBecause: 'failed_attempt' | 'corrected' | undefined
}

/** Whether conditions had set some of the configuration under which a call was routed. */
export function isConditioned({ decision }: Pick<RecordedCall, 'decision'>): boolean {
  return (decision?.configuration.conditions?.length ?? 0) > 0
}

/** Groups the records of one workflow into calls. Leaves out failed attempts that cost nothing, even after corrections. */
export async function recordedCalls(records: readonly UsageRow[]): Promise<RecordedCall[]> {
  const calls = new Map<string, RecordedCall>()
  const callOf = new Map<string, RecordedCall>()
  const corrections = new Map<string, UsageRow[]>()
  for (const record of records) {
    if (record.corrects !== null) corrections.set(record.corrects, [...(corrections.get(record.corrects) ?? []), record])
  }
  await inTurns(records, (record) => {
    if (record.corrects !== null) return
    const isCorrected = corrections.get(record.usageId)?.some(({ charged, shortfall }) => charged + shortfall !== 0n)
    const isNothing = record.quantity === 0n && record.rated === 0n && record.charged + record.shortfall === 0n
    if (isNothing && !isCorrected) return
    const details = detailsOf(record.details)
    const name = nameOf(record, details)
    const before = calls.get(name)
    const decision = decisionOf(details)
    const part = partOf(record, quantitiesOf(record, details, decision), corrections.get(record.usageId) ?? [])
    const call = before ? joined(before, record, decision, part) : newCall(record, details, decision, part)
    if (!before) calls.set(name, call)
    callOf.set(record.usageId, call)
  })
  for (const record of records) {
    const [call, of] = [callOf.get(record.usageId), corrections.get(record.usageId)]
    if (!call || !of) continue
    for (const { charged, shortfall } of of) {
      call.corrected = microCredits(call.corrected + charged + shortfall)
      if (charged + shortfall !== 0n) call.fixedBecause = 'corrected'
    }
  }
  for (const call of calls.values()) {
    if (call.parts.some(isGone)) call.fixedBecause = 'corrected'
  }
  return [...calls.values()]
}

function partOf(record: UsageRow, quantities: UsageQuantity[], corrections: readonly UsageRow[]): RecordedPart {
  const { sequence, unit, rated, charged, shortfall } = record
  const takenBackAt: number[] = []
  const inOrder = rated === 0n ? [] : corrections.toSorted((a, b) => a.sequence - b.sequence)
  for (const [index, correction] of inOrder.entries()) {
    const wasGone = takenBackAt.length % 2 === 1
    if (isTakenBack(record, inOrder.slice(0, index + 1)) !== wasGone) takenBackAt.push(correction.sequence)
  }
  return { sequence, unit, quantities, rated, due: microCredits(charged + shortfall), takenBackAt }
}

/** Names the call of a record. Slices with the same name belong to one call, and so do the parts of live work. */
function nameOf(record: UsageRow, { call }: Details): string {
  const { usageId, service, provider } = record
  return typeof call === 'string' ? ['call', service, provider, call].join('\0') : (lastPartOf(record) ?? usageId)
}

function newCall(record: UsageRow, details: Details, decision: DecisionRecord | undefined, part: RecordedPart): RecordedCall {
  const { service, provider, model, unit, rated, certainty, apiKeyId, createdAt } = record
  return {
    service,
    provider,
    model: model ?? undefined,
    pricedModel: pricedModelOf(record),
    unit,
    quantities: part.quantities,
    at: typeof details.at === 'number' ? details.at : createdAt,
    numbers: numbersOf(details),
    rated,
    due: part.due,
    corrected: microCredits(0n),
    parts: [part],
    decision,
    isSimulated: details.simulated === true,
    isExact: certainty === 'exact',
    apiKeyId: apiKeyId ?? undefined,
    pricedAs: typeof details.pricedAs === 'string' ? details.pricedAs : undefined,
    fixedBecause: !decision && typeof details.attempt === 'string' ? 'failed_attempt' : undefined,
  }
}

function joined(call: RecordedCall, record: UsageRow, decision: DecisionRecord | undefined, part: RecordedPart): RecordedCall {
  const quantities = new Map(call.quantities.map((usage) => [`${usage.meter} ${usage.unit}`, usage]))
  for (const { meter, unit, quantity: more } of part.quantities) {
    const name = `${meter} ${unit}`
    const sum = (quantities.get(name)?.quantity ?? 0n) + more
    quantities.set(name, { meter, unit, quantity: sum as Quantity })
  }
  call.parts.push(part)
  return Object.assign(call, {
    quantities: [...quantities.values()],
    rated: microCredits(call.rated + record.rated),
    due: microCredits(call.due + part.due),
    decision: call.decision ?? decision,
    isExact: call.isExact && record.certainty === 'exact',
  })
}

type Details = Partial<Record<string, unknown>>

function detailsOf(details: unknown): Details {
  return typeof details === 'object' && details !== null ? details : {}
}

/** All meters, if the record keeps them, or else its one quantity. */
function quantitiesOf(record: UsageRow, { usage, meter }: Details, decision: DecisionRecord | undefined): UsageQuantity[] {
  if (!Array.isArray(usage) || !usage.every(isUsage)) {
    return [{ meter: typeof meter === 'string' ? meter : 'usage', quantity: record.quantity, unit: record.unit }]
  }
  return usage.map((one) => {
    const used = { meter: one.meter, quantity: quantity(one.quantity), unit: one.unit }
    const counts = one.unit === 'characters' ? countsOf(`${one.quantity} ${one.unit} ${one.meter}`, decision) : undefined
    return counts ? { ...used, counts } : used
  })
}

/** Other counts of the same characters. The decision has them, because a text is counted before it is spoken. */
function countsOf(begin: string, decision: DecisionRecord | undefined): UsageQuantity['counts'] {
  const text = decision?.request.expected.find((expected) => expected.startsWith(`${begin} `))
  if (text === undefined) return undefined
  const counts = text.slice(begin.length + 1).split(' ')
  return Object.fromEntries(
    counts.map((each) => each.split('=')).map(([counting, count = '0']) => [counting, quantity(count)]),
  ) as Partial<Record<CharacterCounting, Quantity>>
}

/** The phone numbers of a call, if its price may depend on them. */
export function numbersOf({ numbers }: Details): PhoneNumbers {
  if (typeof numbers !== 'object' || numbers === null) return {}
  const { to, from } = numbers as Details
  return { ...(typeof to === 'string' && { to }), ...(typeof from === 'string' && { from }) }
}

function isUsage(value: unknown): value is { meter: string; quantity: string; unit: Unit } {
  if (typeof value !== 'object' || value === null) return false
  const { meter, quantity: amount, unit } = value as Details
  return typeof meter === 'string' && typeof amount === 'string' && units.includes(unit as Unit)
}
