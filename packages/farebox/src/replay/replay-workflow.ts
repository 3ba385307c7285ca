import { type Credits, microCredits, type UsageQuantity } from '@farebox/core'
import type { RecordedCall } from './recorded-call.ts'
import { type ReplayedPrice, roundUpTo } from './replay-prices.ts'

/** What becomes of a call: it stays as it was, and why where that is not because nothing is different; or another price for it. */
export type Replayed =
  | {
      isSame: true
      because?: string
      /** Whether it would not be as it was: refused, or at a cost that nobody knows. */
      isLost?: boolean
    }
  | ({ isSame: false; provider: string; quantities: readonly UsageQuantity[] } & ReplayedPrice)

/** One call, with what becomes of it. */
export interface ReplayedCall {
  call: RecordedCall
  replayed: Replayed
}

/** What one service of a workflow cost, and would have. */
export interface ServiceDifference {
  creditsThen: bigint
  creditsNow: bigint
}

interface Line {
  rated: bigint
  due: bigint
  step: Credits
  /** Calls of it that are as they were. */
  same: RecordedCall[]
  /** Whether it is as it was, so that it costs what it cost. */
  isSame: boolean
}

/**
 * What a workflow cost by service, and would have cost. Calls of one service, provider and unit are rounded up together, as they are on its
 * receipt; a line of which nothing is different costs what it cost.
 *
 * @param stepOf  what the line of a call was rounded up to
 */
export function replayWorkflow(
  calls: readonly ReplayedCall[],
  stepOf: (call: RecordedCall) => Credits,
): Map<string, ServiceDifference> {
  const services = new Map<string, ServiceDifference>()
  const lines = new Map<string, { service: string; line: Line }>()
  const lineOf = (service: string, provider: string, unit: string) => {
    const name = [service, provider, unit].join('\0')
    const known = lines.get(name)
    if (known) return known.line
    const line: Line = { rated: 0n, due: 0n, step: microCredits(1n), same: [], isSame: true }
    lines.set(name, { service, line })
    return line
  }
  for (const { call, replayed } of calls) {
    const sums = services.get(call.service) ?? { creditsThen: 0n, creditsNow: 0n }
    sums.creditsThen += call.due + call.corrected
    // Corrections are no part of a line's rounding, nor is what they took back altogether: more of the line cost what it would without it.
    const { takenBack } = call
    sums.creditsNow += call.corrected + takenBack.due
    services.set(call.service, sums)
    const before = lineOf(call.service, call.provider, call.unit)
    if (replayed.isSame) {
      before.rated += call.rated - takenBack.rated
      before.due += call.due - takenBack.due
      before.same.push(call)
      continue
    }
    before.isSame = false
    const after = lineOf(call.service, replayed.provider, replayed.unit)
    after.isSame = false
    after.rated += replayed.rated
    after.step = larger(after.step, replayed.step)
  }
  for (const { service, line } of lines.values()) {
    const sums = services.get(service)
    if (!sums) continue
    const step = () => line.same.reduce((step, call) => larger(step, stepOf(call)), line.step)
    sums.creditsNow += line.isSame ? line.due : roundUpTo(step(), line.rated)
  }
  return services
}

function larger(left: Credits, right: Credits): Credits {
  return left > right ? left : right
}
