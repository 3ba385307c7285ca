import type { Credits, Unit, UsageQuantity } from '@farebox/core'
import { inTurns } from '../in-turns.ts'
import { isGone, type RecordedCall } from './recorded-call.ts'
import { type ReplayedPrice, roundUpTo } from './replay-prices.ts'

/** A provider, and its model if known. */
export interface Seller {
  provider: string
  model: string | undefined
}

/**
 * The result of replaying a call: it stays as it was, with a reason unless nothing changed for it, or it has a new provider or
 * price.
 */
export type Replayed =
  | {
      isSame: true
      because?: string
      /** Whether the call would in fact be refused, or its cost be unknown. */
      isLost?: boolean
    }
  | (Seller & {
      isSame: false
      quantities: readonly UsageQuantity[]
      /** The one that it is tried out instead of: it costs no more than there. */
      insteadOf: Seller | undefined
      /** What each slice is rated, where slices of the call are on several lines. */
      slices?: readonly RatedSlice[]
    } & ReplayedPrice)

/** A slice of a call with its price before rounding: what the call so far comes to, less what its earlier slices did. */
export interface RatedSlice {
  sequence: number
  /** The unit of its line on the receipt. */
  unit: Unit
  rated: bigint
}

/** A call and the result of its replay. */
export interface ReplayedCall {
  call: RecordedCall
  replayed: Replayed
}

/** What one service of a workflow cost, and would have cost. */
export interface ServiceDifference {
  creditsThen: bigint
  creditsNow: bigint
}

interface Line {
  /** What it cost, without what was refunded in full. */
  due: bigint
  charges: LineCharge[]
  /** Whether nothing on the line changes, so that it costs what it did. */
  isSame: boolean
}

/** A charge that the ledger makes on a line, at its place among the records of the account. */
interface LineCharge {
  sequence: number
  rated: bigint
  /** The step that the line is rounded up to. */
  step: () => Credits
  takenBackAt: readonly number[]
}

/**
 * Computes what a workflow cost and would have cost, by service. Calls of one service, provider and unit form a line and are
 * rounded up together, as on the receipt. A line without changes costs what it did.
 *
 * @param stepOf  the step that the line of a call was rounded up to
 */
export async function replayWorkflow(
  calls: readonly ReplayedCall[],
  stepOf: (call: RecordedCall) => Credits,
): Promise<Map<string, ServiceDifference>> {
  const services = new Map<string, ServiceDifference>()
  const lines = new Map<string, { service: string; line: Line }>()
  const lineOf = (service: string, provider: string, unit: string) => {
    const name = [service, provider, unit].join('\0')
    const known = lines.get(name)
    if (known) return known.line
    const line: Line = { due: 0n, charges: [], isSame: true }
    lines.set(name, { service, line })
    return line
  }
  await inTurns(calls, ({ call, replayed }) => {
    const sums = services.get(call.service) ?? { creditsThen: 0n, creditsNow: 0n }
    sums.creditsThen += call.due + call.corrected
    sums.creditsNow += call.corrected
    services.set(call.service, sums)
    if (replayed.isSame) {
      const step = () => stepOf(call)
      for (const part of call.parts) {
        const line = lineOf(call.service, call.provider, part.unit)
        line.charges.push({ ...part, step })
        // Its refund is one of the corrections.
        if (isGone(part)) sums.creditsNow += part.due
        else line.due += part.due
      }
      return
    }
    for (const { unit } of call.parts) lineOf(call.service, call.provider, unit).isSame = false
    const { step, unit, rated } = replayed
    const whole = { sequence: call.parts[0]?.sequence ?? 0, unit, rated }
    for (const slice of replayed.slices ?? [whole]) {
      const after = lineOf(call.service, replayed.provider, slice.unit)
      after.isSame = false
      after.charges.push({ ...slice, step: () => step, takenBackAt: [] })
    }
  })
  for (const { service, line } of lines.values()) {
    const sums = services.get(service)
    const due = line.isSame ? line.due : await dueOn(line.charges)
    if (sums) sums.creditsNow += due
  }
  return services
}

/**
 * What the ledger charges on a line. Each charge rounds up the line as it is by then. A charge that is refunded in full later does
 * not count in those that follow until it is charged again, but those before it stay as they were rounded.
 */
async function dueOn(charges: readonly LineCharge[]): Promise<bigint> {
  const events = charges.flatMap((charge) =>
    [charge.sequence, ...charge.takenBackAt].map((sequence, turn) => ({ sequence, charge, turn })),
  )
  const dues = new Map<LineCharge, bigint>()
  let [rated, due] = [0n, 0n]
  const inOrder = events.sort((a, b) => a.sequence - b.sequence)
  await inTurns(inOrder, ({ charge, turn }) => {
    const before = dues.get(charge)
    if (before !== undefined) {
      const times = turn % 2 === 1 ? -1n : 1n
      rated += times * charge.rated
      due += times * before
      return
    }
    rated += charge.rated
    const more = roundUpTo(charge.step(), rated) - due
    dues.set(charge, more > 0n ? more : 0n)
    if (more > 0n) due += more
  })
  return due
}
