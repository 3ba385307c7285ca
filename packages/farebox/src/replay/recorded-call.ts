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
import { decisionOf } from '../kept-decisions.ts'

/** One call as usage records tell of it: all slices of it, and all corrections. */
export interface RecordedCall {
  service: string
  /** Who did it. */
  provider: string
  model: string | undefined
  /** The unit of its line on the receipt. */
  unit: Unit
  quantities: readonly UsageQuantity[]
  /** The moment that priced it, epoch milliseconds. */
  at: number
  numbers: PhoneNumbers
  /** The exact price before rounding. */
  rated: Credits
  /** What was due for it once rounded with its line: what was charged, and what could not be taken. */
  due: Credits
  /** What later corrections changed of that. */
  corrected: Credits
  /** The part of `rated` and `due` that was taken back altogether: it is no part of what its line is rounded for. */
  takenBack: { rated: Credits; due: Credits }
  /** Why its provider was chosen; `undefined` where the host did the work by itself. */
  decision: DecisionRecord | undefined
  isSimulated: boolean
  /** Whether its provider counted what was used. */
  isExact: boolean
  apiKeyId: string | undefined
  /** The provider by whose price it was charged, where that is another. */
  pricedAs: string | undefined
  /** What makes it impossible to say what it would have cost elsewhere. */
  fixedBecause: 'failed_attempt' | 'corrected' | undefined
}

/** Puts the records of one workflow together to calls. Attempts that failed and cost nothing are left out. */
export function recordedCalls(records: readonly UsageRow[]): RecordedCall[] {
  const calls = new Map<string, RecordedCall>()
  const callOf = new Map<string, RecordedCall>()
  const corrections = new Map<string, UsageRow[]>()
  for (const record of records) {
    if (record.corrects !== null) {
      corrections.set(record.corrects, [...(corrections.get(record.corrects) ?? []), record])
      continue
    }
    if (record.quantity === 0n && record.rated === 0n) continue
    const details = detailsOf(record.details)
    const name = nameOf(record, details)
    const before = calls.get(name)
    const call = before ? joined(before, record, details) : newCall(record, details)
    if (!before) calls.set(name, call)
    callOf.set(record.usageId, call)
  }
  for (const record of records) {
    const [call, of] = [callOf.get(record.usageId), corrections.get(record.usageId)]
    if (!call || !of) continue
    for (const { charged, shortfall } of of) {
      call.corrected = microCredits(call.corrected + charged + shortfall)
      if (charged + shortfall !== 0n) call.fixedBecause = 'corrected'
    }
    if (record.rated === 0n || !isTakenBack(record, of)) continue
    call.fixedBecause = 'corrected'
    const { rated, due } = call.takenBack
    call.takenBack = { rated: microCredits(rated + record.rated), due: microCredits(due + record.charged + record.shortfall) }
  }
  return [...calls.values()]
}

/** Slices that the host names, and the parts of a live call, are one call each. */
function nameOf({ usageId, holdId, service, provider }: UsageRow, { call }: Details): string {
  if (typeof call === 'string') return ['call', service, provider, call].join('\0')
  return holdId !== null && (usageId === holdId || usageId.startsWith(`${holdId}.part`)) ? `hold\0${holdId}` : usageId
}

function newCall(record: UsageRow, details: Details): RecordedCall {
  const { service, provider, model, unit, rated, charged, shortfall, certainty, apiKeyId, createdAt } = record
  const decision = decisionOf(details)
  return {
    service,
    provider,
    model: model ?? undefined,
    unit,
    quantities: quantitiesOf(record, details, decision),
    at: typeof details.at === 'number' ? details.at : createdAt,
    numbers: numbersOf(details),
    rated,
    due: microCredits(charged + shortfall),
    corrected: microCredits(0n),
    takenBack: { rated: microCredits(0n), due: microCredits(0n) },
    decision,
    isSimulated: details.simulated === true,
    isExact: certainty === 'exact',
    apiKeyId: apiKeyId ?? undefined,
    pricedAs: typeof details.pricedAs === 'string' ? details.pricedAs : undefined,
    fixedBecause: !decision && typeof details.attempt === 'string' ? 'failed_attempt' : undefined,
  }
}

function joined(call: RecordedCall, record: UsageRow, details: Details): RecordedCall {
  const quantities = new Map(call.quantities.map((usage) => [`${usage.meter} ${usage.unit}`, usage]))
  for (const usage of quantitiesOf(record, details, undefined)) {
    const name = `${usage.meter} ${usage.unit}`
    const sum = (quantities.get(name)?.quantity ?? 0n) + usage.quantity
    quantities.set(name, { meter: usage.meter, unit: usage.unit, quantity: sum as Quantity })
  }
  return Object.assign(call, {
    quantities: [...quantities.values()],
    rated: microCredits(call.rated + record.rated),
    due: microCredits(call.due + record.charged + record.shortfall),
    decision: call.decision ?? decisionOf(details),
    isExact: call.isExact && record.certainty === 'exact',
  })
}

type Details = Partial<Record<string, unknown>>

function detailsOf(details: unknown): Details {
  return typeof details === 'object' && details !== null ? details : {}
}

/** Every meter, where the record keeps them; otherwise its one quantity. */
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

/** Other ways to count the same characters, which are known from the decision: what is spoken is known before it is. */
function countsOf(begin: string, decision: DecisionRecord | undefined): UsageQuantity['counts'] {
  const text = decision?.request.expected.find((expected) => expected.startsWith(`${begin} `))
  if (text === undefined) return undefined
  const counts = text.slice(begin.length + 1).split(' ')
  return Object.fromEntries(
    counts.map((each) => each.split('=')).map(([counting, count = '0']) => [counting, quantity(count)]),
  ) as Partial<Record<CharacterCounting, Quantity>>
}

/** Between which numbers a call was, where its price may depend on them. */
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
