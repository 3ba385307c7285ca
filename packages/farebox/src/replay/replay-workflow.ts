import { type Credits, microCredits, type UsageQuantity } from '@farebox/core'
import type { RecordedCall } from './recorded-call.ts'
import { type ReplayedPrice, roundUpTo } from './replay-prices.ts'

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
  | ({ isSame: false; provider: string; model: string | undefined; quantities: readonly UsageQuantity[] } & ReplayedPrice)

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
  rated: bigint
  due: bigint
  step: Credits
  /** The calls of the line that stay as they were. */
  same: RecordedCall[]
  /** Whether nothing on the line changes, so that it costs what it did. */
  isSame: boolean
}

/**
 * Computes what a workflow cost and would have cost, by service. Calls of one service, provider and unit form a line and are
 * rounded up together, as on the receipt. A line without changes costs what it did.
 *
 * @param stepOf  the step that the line of a call was rounded up to
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
    // The rounding of a line leaves out corrections and what they refunded in full, as the ledger does for later charges of the
    // line.
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
