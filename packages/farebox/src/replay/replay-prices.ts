import {
  type Credits,
  InvalidOptionError,
  isFareboxError,
  microCredits,
  type Offer,
  type Quantity,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import {
  chargeOf,
  creditsOf,
  hasPeriods,
  type PriceBook,
  type Rating,
  refuseAboveMaximum,
  rerate,
  totalQuantity,
} from '@farebox/pricing'
import type { PhoneNumbers, PricePredictor } from '@farebox/router'
import { roundingStepOf } from '../book-prices.ts'
import type { RecordedCall } from './recorded-call.ts'

/** What a usage would be rated at. */
export interface ReplayedPrice {
  rated: Credits
  /** What the sum of its line is rounded up to. */
  step: Credits
  unit: Unit
  /** Whether its meters had to be read as others, which the book has rates for. */
  isTranslated: boolean
}

/** Who did, or would have done, something. */
type Source = PhoneNumbers & { service: string; provider: string; model?: string; at: number }

/**
 * A price book as calls of the past are priced by it: by the version that was in force at the moment of the call, or by one for all.
 * Time windows and tiers go by the call itself.
 */
export class ReplayPrices {
  readonly book: PriceBook
  readonly #versionAt: number | undefined

  /** @param versionAt  the moment whose version prices every call. @defaultValue that of each call */
  constructor(book: PriceBook, versionAt?: number) {
    this.book = book
    this.#versionAt = versionAt
  }

  /** As routing asks. */
  asOf(at: number): PricePredictor {
    return {
      predict: ({ service, provider, model }, quantities, numbers = {}) => {
        const rating = this.#rate({ service, provider, model, at, ...numbers }, quantities)
        refuseAboveMaximum(rating)
        return { charge: chargeOf(rating) }
      },
    }
  }

  /** `undefined` where the book has no price for it, however its meters are read. */
  priceOf(source: Source, quantities: readonly UsageQuantity[]): ReplayedPrice | undefined {
    const asRecorded = this.#tryRate(source, quantities)
    if (asRecorded) return priceOf(asRecorded, quantities, false)
    const folded = foldMeters(quantities)
    const rating = folded && this.#tryRate(source, folded)
    return rating && priceOf(rating, folded, true)
  }

  /** What the line of a call was rounded up to; where the book has no price for it any more, as the amounts look. */
  stepOf({ service, provider, model, at, numbers, quantities, due, rated }: RecordedCall): Credits {
    const step = this.priceOf({ service, provider, model, at, ...numbers }, quantities)?.step
    return step ?? (due !== rated && due % WHOLE_CREDIT === 0n ? WHOLE_CREDIT : microCredits(1n))
  }

  /** Whether an offer is priced otherwise at `at` than at `now`: by another version of the book. */
  differs(at: number, now: number): boolean {
    return this.#versionAt === undefined && this.book.entries(at).version !== this.book.entries(now).version
  }

  /** The version that prices every call, or the book where each has its own. */
  versions(): string {
    return this.#versionAt === undefined ? this.book.name : this.book.entries(this.#versionAt).version
  }

  #rate({ service, provider, model, at, ...numbers }: Source, quantities: readonly UsageQuantity[]): Rating {
    const query = { service, provider, ...(model !== undefined && { model }), at, ...numbers }
    return rerate({ query, quantities }, this.book, this.#versionAt ?? at)
  }

  #tryRate(source: Source, quantities: readonly UsageQuantity[]): Rating | undefined {
    try {
      const rating = this.#rate(source, quantities)
      // What was used in its period before is not known.
      return hasPeriods(rating.price.entry) ? undefined : rating
    } catch (error) {
      if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
      throw error
    }
  }
}

/**
 * The prices that calls of the past are replayed by: `book` as it was at each call, or one version of another book for all of them.
 *
 * @param at  the moment whose version counts; where none is in force then, the nearest one does
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

/** What is read as plain input or output where a book has no rate of its own for it. */
const FOLDS: Readonly<Record<string, string>> = {
  cached_input: 'input',
  cache_write: 'input',
  cache_write_5m: 'input',
  cache_write_1h: 'input',
  reasoning: 'output',
}

/** Caches and reasoning read as plain input and output; `undefined` where there is nothing of the kind. */
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

/** The model by which an offer is priced for an operation: what is heard live may have a price of its own. */
export function pricedModel({ model, liveModel }: Offer, operation: string | undefined): string {
  return operation === 'listen' || operation === 'converse' ? (liveModel ?? model) : model
}

/** Rounds up to a step; a step of a micro-credit rounds nothing. */
export function roundUpTo(step: Credits, amount: bigint): Credits {
  return microCredits(step <= 1n ? amount : ((amount + step - 1n) / step) * step)
}
