import { type Credits, microCredits } from '@farebox/core'
import type { RecordedCall } from './recorded-call.ts'
import { type ReplayedPrice, roundUpTo } from './replay-prices.ts'

/** What becomes of a call: it stays as it was, and why where that is not because nothing is different; or another price for it. */
export type Replayed = { isSame: true; because?: string } | ({ isSame: false; provider: string } & ReplayedPrice)

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

const WHOLE_CREDIT = microCredits(1_000_000n)

interface Line {
  rated: bigint
  due: bigint
  step: Credits
  /** Whether it is as it was, so that it costs what it cost. */
  isSame: boolean
}

/**
 * What a workflow cost by service, and would have cost. Calls of one service, provider and unit are rounded up together, as they are on its
 * receipt; a line of which nothing is different costs what it cost.
 */
export function replayWorkflow(calls: readonly ReplayedCall[]): Map<string, ServiceDifference> {
  const services = new Map<string, ServiceDifference>()
  const lines = new Map<string, { service: string; line: Line }>()
  const lineOf = (service: string, provider: string, unit: string) => {
    const name = [service, provider, unit].join('\0')
    const known = lines.get(name)
    if (known) return known.line
    const line = { rated: 0n, due: 0n, step: microCredits(1n), isSame: true }
    lines.set(name, { service, line })
    return line
  }
  for (const { call, replayed } of calls) {
    const sums = services.get(call.service) ?? { creditsThen: 0n, creditsNow: 0n }
    sums.creditsThen += call.due + call.corrected
    // Corrections are no part of a line's rounding.
    sums.creditsNow += call.corrected
    services.set(call.service, sums)
    const before = lineOf(call.service, call.provider, call.unit)
    if (replayed.isSame) {
      before.rated += call.rated
      before.due += call.due
      before.step = larger(before.step, stepOf(call))
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
    if (sums) sums.creditsNow += line.isSame ? line.due : roundUpTo(line.step, line.rated)
  }
  return services
}

/** A call that was due in whole credits was rounded to them. */
function stepOf({ due, rated }: RecordedCall): Credits {
  return due !== rated && due % WHOLE_CREDIT === 0n ? WHOLE_CREDIT : microCredits(1n)
}

function larger(left: Credits, right: Credits): Credits {
  return left > right ? left : right
}
