import type { Unit } from '@farebox/core'
import { inTurns } from '../in-turns.ts'
import { isConditioned, type RecordedCall } from './recorded-call.ts'
import { insteadOf } from './replay-call.ts'
import type { ReplayPrices } from './replay-prices.ts'
import { type ReplayedCall, replayWorkflow, type Seller } from './replay-workflow.ts'

/** Calls that would have moved from one provider to another. */
export interface MovedUnits {
  from: string
  to: string
  service: string
  calls: number
  /** Millionths of `unit`. */
  quantity: bigint
  unit: Unit
}

/** The effect of one change on the workflows of one name, summed up so far. */
export class ChangeSums {
  readonly moved = new Map<string, MovedUnits>()
  workflows = 0
  calls = 0
  movedCalls = 0
  creditsThen = 0n
  creditsNow = 0n
  /** Moved calls that were done outside Farebox, that no provider counted exactly, or whose meters were translated. */
  elsewhere = 0
  inexact = 0
  translated = 0
  /** Calls under `accuracyFirst`, whose configuration the change leaves as it is. */
  careful = 0
  /** Calls that would be refused, or whose cost would be unknown. */
  lost = 0
  /** Moved calls whose images the other model counts differently. */
  recounted = 0
  /** Moved calls whose configuration conditions had set in part. */
  conditioned = 0
  /** What moved calls would save at today's prices, before rounding. */
  savedToday = 0n
  isPricedOtherwiseToday = false

  async add(
    calls: readonly ReplayedCall[],
    { prices, today, now }: { prices: ReplayPrices; today: ReplayPrices; now: number },
  ): Promise<void> {
    const services = await replayWorkflow(calls, (call) => prices.stepOf(call))
    for (const { creditsThen, creditsNow } of services.values()) {
      this.creditsThen += creditsThen
      this.creditsNow += creditsNow
    }
    this.workflows += 1
    this.calls += calls.length
    await inTurns(calls, ({ call, replayed }) => {
      if (isCareful(call)) this.careful += 1
      if (replayed.isSame && replayed.isLost) this.lost += 1
      if (replayed.isSame || replayed.provider === call.provider) return
      this.movedCalls += 1
      if (!call.decision) this.elsewhere += 1
      if (isConditioned(call)) this.conditioned += 1
      if (!call.isExact) this.inexact += 1
      if (replayed.isTranslated) this.translated += 1
      if (replayed.quantities !== call.quantities) this.recounted += 1
      const { service, provider: from, unit, quantities, numbers, at } = call
      const key = [service, from, replayed.provider, unit].join('\0')
      const known = this.moved.get(key) ?? { from, to: replayed.provider, service, calls: 0, quantity: 0n, unit }
      known.calls += 1
      for (const usage of quantities) if (usage.unit === unit) known.quantity += usage.quantity
      this.moved.set(key, known)
      if (!prices.differs(at, now)) {
        this.savedToday += call.rated - replayed.rated
        return
      }
      this.isPricedOtherwiseToday = true
      const priceAt = ({ provider, model }: Seller, used: RecordedCall['quantities']) =>
        today.priceOf({ service, provider, model, at, ...numbers }, used)?.rated
      const priceOf = (seller: Seller, used: RecordedCall['quantities'], instead: Seller | undefined) => {
        const [own, other] = [priceAt(seller, used), instead && priceAt(instead, used)]
        return own !== undefined && other !== undefined && other < own ? other : own
      }
      const before = priceOf({ ...call, model: call.pricedModel }, quantities, insteadOf(call))
      const after = priceOf(replayed, replayed.quantities, replayed.insteadOf)
      // Unless both have a price today, the call saves nothing today.
      if (before !== undefined && after !== undefined) this.savedToday += before - after
    })
  }

  get saved(): bigint {
    return this.creditsThen - this.creditsNow
  }

  /** Whether the change saves credits, even at today's prices, and leaves no call unserved. */
  get isSaving(): boolean {
    return this.lost === 0 && this.saved > 0n && this.savedToday > 0n && this.movedCalls > 0
  }
}

/** Whether a call was routed under `accuracyFirst`. */
function isCareful({ decision }: RecordedCall): boolean {
  return decision?.configuration.differs.accuracy_first === true
}
