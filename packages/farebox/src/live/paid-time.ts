import { type Credits, microCredits } from '@farebox/core'
import { seconds } from '../call-routes.ts'
import type { SpentReason } from '../workflow-calls.ts'
import type { LiveMeter } from './live-meter.ts'

export interface PaidTimeOptions {
  /** Seconds that are paid for at once; where that cannot be, the next is tried, so the last is how closely credits are used up. */
  parts: readonly number[]
  /** Seconds that must have passed since the last charge before the next is made. */
  chargeSeconds: number
  /** Credits run low when they last for less than this many seconds more. */
  lowSeconds: number
  onLow?: (facts: { secondsLeft: number }) => void
}

/** How much could be spent at a moment of the work, what it holds included. */
interface Observation {
  at: number
  amount: bigint
}

/** A provider may count a little less than was measured here, and what was charged too much would have to be given back. */
const LAG_SECONDS = 5
/** Over so much time, rounding up to whole credits does not matter. */
const RATE_SECONDS = 600
/** How long others are watched before it is believed how fast they spend, and for how long at most. */
const PACE_SECONDS_MIN = 30
const PACE_SECONDS_MAX = 180

/**
 * Time that is paid for before it comes. Tells once when credits run low: they last as long as this work alone would let them, or less by what
 * everything else that the account pays for was seen to take.
 */
export class PaidTime {
  readonly #options: PaidTimeOptions
  #meter: LiveMeter | undefined
  /** The hold pays until here. */
  #covered = 0
  #charged = 0
  /** All credits that are left last until here. */
  #affordable = Number.POSITIVE_INFINITY
  #isWarned = false
  #seen: Observation[] = []

  constructor(options: PaidTimeOptions) {
    this.#options = options
  }

  /** Until when it is paid for, in seconds. */
  get covered(): number {
    return this.#covered
  }

  /** Seconds that were charged. */
  get charged(): number {
    return this.#charged
  }

  /** Takes up the meter, whose hold is placed and pays until `until`. Its amount alone does not tell: a fee may be in it. */
  begin(meter: LiveMeter, { amount, affordable }: { amount: Credits; affordable: Credits }, until: number): void {
    this.#meter = meter
    this.#covered = until
    const whole = microCredits(amount + affordable)
    const beside = meter.withinLimit(whole) - amount
    this.#affordable = until + secondsFor(beside > 0n ? beside : 0n, this.#rate())
  }

  /** Charges what has passed at `now`, and pays until at least `until`. Resolves to why that cannot be paid; `undefined` when it is. */
  async cover(now: number, until: number): Promise<SpentReason | undefined> {
    const meter = this.#meter
    if (!meter) return 'credits'
    const { parts, chargeSeconds } = this.#options
    const due = Math.floor(now - LAG_SECONDS)
    if (due > 0 && due >= this.#charged + chargeSeconds) {
      const usage = { quantities: seconds(due - this.#charged), certainty: 'derived' as const }
      // Before it is written: who ends the work meanwhile must not charge it again.
      this.#charged = due
      await meter.charge({ usage })
    }
    let reason: SpentReason = 'credits'
    for (const part of parts) {
      const outcome = await meter.cover(seconds(until + part - this.#charged))
      if (outcome.status === 'spent') {
        reason = outcome.reason
        continue
      }
      this.#covered = until + part
      this.#affordable = now + this.#secondsLeft(now, outcome.affordable)
      return undefined
    }
    return reason
  }

  /** Tells that credits run low, if they do at `now`. */
  warn(now: number): void {
    const secondsLeft = this.#affordable - now
    if (this.#isWarned || secondsLeft >= this.#options.lowSeconds) return
    this.#isWarned = true
    this.#options.onLow?.({ secondsLeft })
  }

  #secondsLeft(now: number, affordable: bigint): number {
    const rate = this.#rate()
    const own = (rate * BigInt(Math.floor((this.#covered - now) * 1_000))) / BigInt(RATE_SECONDS * 1_000)
    const amount = affordable + own
    this.#seen = [...this.#seen.filter(({ at }) => at >= now - PACE_SECONDS_MAX), { at: now, amount }]
    const first = this.#seen[0]
    const alone = secondsFor(amount, rate)
    if (!first || now - first.at < PACE_SECONDS_MIN || first.amount <= amount) return alone
    return Math.min(alone, (Number(amount) * (now - first.at)) / Number(first.amount - amount))
  }

  /** What {@link RATE_SECONDS} of this work cost. */
  #rate(): bigint {
    return this.#meter?.priceOf(seconds(RATE_SECONDS)) ?? 0n
  }
}

/** How long an amount lasts, at what {@link RATE_SECONDS} cost. */
function secondsFor(amount: bigint, rate: bigint): number {
  return rate > 0n ? Number((amount * 1_000n * BigInt(RATE_SECONDS)) / rate) / 1_000 : Number.POSITIVE_INFINITY
}
