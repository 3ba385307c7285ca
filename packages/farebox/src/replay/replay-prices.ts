import {
  type Credits,
  InvalidOptionError,
  isFareboxError,
  microCredits,
  type Quantity,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import {
  chargeOf,
  creditsOf,
  hasPeriods,
  type PriceBook,
  type PriceQuery,
  type Rating,
  rateEntry,
  rateEntryMost,
  refuseAboveMaximum,
  totalQuantity,
} from '@farebox/pricing'
import type { PhoneNumbers, PricePredictor } from '@farebox/router'
import { roundingStepOf } from '../book-prices.ts'
import type { RecordedCall } from './recorded-call.ts'

/** What a usage would cost. */
export interface ReplayedPrice {
  rated: Credits
  /** The step that the sum of its line is rounded up to. */
  step: Credits
  unit: Unit
  /** Whether meters had to be read as others that the book has rates for. */
  isTranslated: boolean
}

/** What did the work, or would have done it. */
type Source = PhoneNumbers & { service: string; provider: string; model?: string; at: number }

/**
 * Prices past calls with a price book: with the version in force at the time of each call, or with one version for all. Time
 * windows and tiers always depend on the call itself.
 */
export class ReplayPrices {
  readonly book: PriceBook
  readonly #versionAt: number | undefined

  /** @param versionAt  the time whose version prices every call. @defaultValue the time of each call */
  constructor(book: PriceBook, versionAt?: number) {
    this.book = book
    this.#versionAt = versionAt
  }

  /** The predictor for routing at a time. */
  asOf(at: number): Required<PricePredictor> {
    return {
      predict: ({ service, provider, model }, quantities, numbers = {}) => {
        const rating = this.#rate({ service, provider, model, at, ...numbers }, quantities)
        refuseAboveMaximum(rating)
        return { charge: chargeOf(rating) }
      },
      predictMost: ({ service, provider, model }, most, numbers = {}, otherMeters = {}) => {
        const query = { service, provider, model, at, ...numbers }
        const rating = rateEntryMost(this.#find(query), query, most, otherMeters)
        refuseAboveMaximum(rating)
        return chargeOf(rating)
      },
    }
  }

  /** Prices a usage. `undefined` if the book has no price for it, even with its meters read as others. */
  priceOf(source: Source, quantities: readonly UsageQuantity[]): ReplayedPrice | undefined {
    const asRecorded = this.#tryRate(source, quantities)
    if (asRecorded) return priceOf(asRecorded, quantities, false)
    const folded = foldMeters(quantities)
    const rating = folded && this.#tryRate(source, folded)
    return rating && priceOf(rating, folded, true)
  }

  /** The step that the line of a call was rounded up to. If the book no longer has its price, guessed from the amounts. */
  stepOf({ service, provider, pricedModel: model, at, numbers, quantities, due, rated }: RecordedCall): Credits {
    const step = this.priceOf({ service, provider, model, at, ...numbers }, quantities)?.step
    return step ?? (due !== rated && due % WHOLE_CREDIT === 0n ? WHOLE_CREDIT : microCredits(1n))
  }

  /** Whether `at` and `now` have different versions of the book. */
  differs(at: number, now: number): boolean {
    return this.#versionAt === undefined && this.book.entries(at).version !== this.book.entries(now).version
  }

  /** Names the version that prices every call, or the book if each call has its own version. */
  versions(): string {
    return this.#versionAt === undefined ? this.book.name : this.book.entries(this.#versionAt).version
  }

  #rate({ service, provider, model, at, ...numbers }: Source, quantities: readonly UsageQuantity[]): Rating {
    const query = { service, provider, ...(model !== undefined && { model }), at, ...numbers }
    return rateEntry(this.#find(query), query, quantities)
  }

  /** The price of a call, in the version that applies to it. Its time windows follow the call's own time. */
  #find(query: PriceQuery) {
    return this.book.find({ ...query, at: this.#versionAt ?? query.at })
  }

  #tryRate(source: Source, quantities: readonly UsageQuantity[]): Rating | undefined {
    try {
      const rating = this.#rate(source, quantities)
      // A price by period needs the earlier usage of the period, which is unknown.
      return hasPeriods(rating.price.entry) ? undefined : rating
    } catch (error) {
      if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
      throw error
    }
  }
}

/**
 * The prices to replay past calls with: `book` in the version of each call, or one version of another book for all calls.
 *
 * @param at  the time whose version of the other book applies, or its first version if none is in force then
 */
export function replayPrices(book: PriceBook, { other, at }: { other: PriceBook | undefined; at: number }): ReplayPrices {
  if (!other) return new ReplayPrices(book)
  if (other.currency !== 'credits')
    throw new InvalidOptionError(`prices must be a book in credits, ${other.name} is in ${other.currency}`)
  const [first] = other.versions()
  return new ReplayPrices(other, Math.max(at, first?.from ?? at))
}

function priceOf(rating: Rating, quantities: readonly UsageQuantity[], isTranslated: boolean): ReplayedPrice {
  const unit = totalQuantity(quantities)?.unit ?? 'requests'
  return { rated: creditsOf(rating), step: roundingStepOf(rating), unit, isTranslated }
}

const WHOLE_CREDIT = microCredits(1_000_000n)

/** Meters that are read as plain input or output if the book has no rate for them. */
const FOLDS: Readonly<Record<string, string>> = {
  cached_input: 'input',
  cache_write: 'input',
  cache_write_5m: 'input',
  cache_write_1h: 'input',
  reasoning: 'output',
}

/** Folds cache and reasoning meters into plain input and output. `undefined` if there are none. */
function foldMeters(quantities: readonly UsageQuantity[]): UsageQuantity[] | undefined {
  if (!quantities.some(({ meter }) => Object.hasOwn(FOLDS, meter))) return undefined
  const sums = new Map<string, UsageQuantity>()
  for (const usage of quantities) {
    const meter = Object.hasOwn(FOLDS, usage.meter) ? (FOLDS[usage.meter] ?? usage.meter) : usage.meter
    const name = `${meter} ${usage.unit}`
    const before = sums.get(name)?.quantity ?? 0n
    sums.set(name, { meter, unit: usage.unit, quantity: (before + usage.quantity) as Quantity })
  }
  return [...sums.values()]
}

/** Rounds up to a multiple of `step`. A step of one micro-credit changes nothing. */
export function roundUpTo(step: Credits, amount: bigint): Credits {
  return microCredits(step <= 1n ? amount : ((amount + step - 1n) / step) * step)
}
