import { type Credits, microCredits } from '@farebox/core'
import { seconds } from '../call-routes.ts'
import type { LiveMeter, Spent } from './live-meter.ts'

export interface PaidTimeOptions {
  /** Seconds to pay for at once, in the order to try. The last one determines how closely credits are used up. */
  parts: readonly number[]
  /** How many seconds must pass between two charges. */
  chargeSeconds: number
  /** Credits run low when they last for fewer seconds than this. */
  lowSeconds: number
  onLow?: (facts: { secondsLeft: number }) => void
}

/** What the account could spend at a point of the work, including its hold. */
interface Observation {
  at: number
  amount: bigint
}

/**
 * Charges stay this far behind: the provider may count a little less than Farebox, and an overcharge would have to be refunded.
 */
const LAG_SECONDS = 5
/** The period to measure a rate over: long enough that rounding up to whole credits does not matter. */
const RATE_SECONDS = 600
/** The shortest and the longest period over which to measure how fast other work spends. */
const PACE_SECONDS_MIN = 30
const PACE_SECONDS_MAX = 180

/**
 * Time that is paid for in advance. Warns once when credits run low. How long they last is computed from the rate of this work,
 * and from how fast the account's other work was seen to spend.
 */
export class PaidTime {
  readonly #options: PaidTimeOptions
  #meter: LiveMeter | undefined
  /** The second up to which the hold pays. */
  #covered = 0
  #charged = 0
  /** The second up to which all remaining credits last. */
  #affordable = Number.POSITIVE_INFINITY
  #isWarned = false
  #seen: Observation[] = []

  constructor(options: PaidTimeOptions) {
    this.#options = options
  }

  /** The second up to which the time is paid for. */
  get covered(): number {
    return this.#covered
  }

  /** The seconds charged so far. */
  get charged(): number {
    return this.#charged
  }

  /**
   * Begins with a meter whose hold pays until `until`. The amount alone does not tell how long it lasts, because it may include a
   * fee.
   */
  begin(meter: LiveMeter, { amount, affordable }: { amount: Credits; affordable: Credits }, until: number): void {
    this.#meter = meter
    this.#covered = until
    const whole = microCredits(amount + affordable)
    const beside = meter.withinLimit(whole) - amount
    this.#affordable = until + secondsFor(beside > 0n ? beside : 0n, this.#rate())
  }

  /**
   * Charges the time passed at `now`, and pays until at least `until`. Resolves to `undefined`, or to the reason why that cannot
   * be paid.
   */
  async cover(now: number, until: number): Promise<Spent | undefined> {
    const meter = this.#meter
    if (!meter) return { reason: 'credits' }
    const { parts, chargeSeconds } = this.#options
    const due = Math.floor(now - LAG_SECONDS)
    if (due > 0 && due >= this.#charged + chargeSeconds) {
      const usage = { quantities: seconds(due - this.#charged), certainty: 'derived' as const }
      // Set before the charge is written: if the work ends meanwhile, it must not charge this time again.
      this.#charged = due
      await meter.charge({ usage })
    }
    let spent: Spent = { reason: 'credits' }
    for (const part of parts) {
      const outcome = await meter.cover(seconds(until + part - this.#charged))
      if (outcome.status === 'spent') {
        spent = outcome
        continue
      }
      this.#covered = until + part
      this.#affordable = now + this.#secondsLeft(now, outcome.affordable)
      return undefined
    }
    return spent
  }

  /** Calls `onLow` once, if credits run low at `now`. */
  warn(now: number): void {
    const secondsLeft = this.#affordable - now
    if (this.#isWarned || secondsLeft >= this.#options.lowSeconds) return
    this.#isWarned = true
    this.#options.onLow?.({ secondsLeft: Math.max(0, secondsLeft) })
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

  /** The price of {@link RATE_SECONDS} of this work. */
  #rate(): bigint {
    return this.#meter?.priceOf(seconds(RATE_SECONDS)) ?? 0n
  }
}

/** How many seconds an amount lasts, at a price of `rate` per {@link RATE_SECONDS}. */
function secondsFor(amount: bigint, rate: bigint): number {
  return rate > 0n ? Number((amount * 1_000n * BigInt(RATE_SECONDS)) / rate) / 1_000 : Number.POSITIVE_INFINITY
}
