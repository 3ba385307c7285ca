import {
  type Certainty,
  type Clock,
  type Credits,
  credits,
  type FareboxError,
  formatCredits,
  formatQuantity,
  InvalidQuantityError,
  isFareboxError,
  microCredits,
  type NanoUsd,
  type Offer,
  QUANTITY_MAX,
  type Quantity,
  type Unit,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import {
  chargeOf,
  creditsOf,
  nanoUsdOf,
  type OtherMeters,
  type PriceBook,
  type PriceQuery,
  type Rating,
  type Rounding,
  rate,
  rateIfPriced,
  rateMost,
  refuseAboveMaximum,
  totalQuantity,
} from '@farebox/pricing'
import type { PhoneNumbers, Prediction, PricePredictor } from '@farebox/router'
import { checkSettleable } from './check-settleable.ts'

/** A usage as the ledger takes it: one quantity, its exact price, and what it cost us where that is known. */
export interface PricedUsage {
  quantity: Quantity
  unit: Unit
  /** Exact to the micro-credit, and up to the next one. */
  rated: Credits
  /** What the sum of a receipt's line is rounded up to. */
  roundingStep: Credits
  cost?: NanoUsd
  priceVersion: string
}

/** {@link PricedUsage} with how it came about. */
export interface Pricing {
  priced: PricedUsage
  rating: Rating
}

/** Who did something, and for a phone call between which numbers. */
export type PricedSource = PhoneNumbers & {
  service: string
  provider: string
  model?: string
  /** The moment that prices the whole call. @defaultValue now */
  at?: number
}

/** The two price books of a Farebox: what its customers pay in credits, and what its providers charge in dollars. */
export class BookPrices implements PricePredictor {
  readonly book: PriceBook
  readonly #costs: PriceBook
  readonly #clock: Clock

  /** @throws {InvalidOptionError} a book is in the wrong currency, or has a rule that cannot be settled call by call */
  constructor(book: PriceBook, costs: PriceBook, clock: Clock) {
    checkSettleable(book, costs)
    this.book = book
    this.#costs = costs
    this.#clock = clock
  }

  /** The moment that prices a call which begins now. */
  now(): number {
    return this.#clock()
  }

  /**
   * @throws {PriceNotFoundError} the offer has no price in credits
   * @throws {MaximumChargeError} its price book refuses so dear a call
   */
  predict(offer: Offer, quantities: readonly UsageQuantity[], numbers?: PhoneNumbers): Prediction {
    return this.asOf(this.#clock()).predict(offer, quantities, numbers)
  }

  /** What is held for a call that uses no more than `most`. Throws as {@link predict}. */
  predictMost(offer: Offer, most: readonly UsageQuantity[], numbers?: PhoneNumbers, otherMeters?: OtherMeters): Credits {
    return this.asOf(this.#clock()).predictMost(offer, most, numbers, otherMeters)
  }

  /** The predictor of one moment, so that a call is held for by the prices that charge it. */
  asOf(at: number): Required<PricePredictor> {
    return {
      predict: (offer, quantities, numbers) => this.#predict(at, offer, quantities, numbers),
      predictMost: (offer, most, numbers, otherMeters) => this.#predictMost(queryOf(at, offer, numbers), most, otherMeters),
    }
  }

  #predict(at: number, offer: Offer, quantities: readonly UsageQuantity[], numbers?: PhoneNumbers) {
    const query = queryOf(at, offer, numbers)
    const rating = rate(this.book, query, quantities)
    refuseAboveMaximum(rating)
    return new BookPrediction(chargeOf(rating), () => this.#costOf(query, quantities))
  }

  #predictMost(query: PriceQuery, most: readonly UsageQuantity[], otherMeters?: OtherMeters): Credits {
    const rating = rateMost(this.book, query, most, otherMeters)
    refuseAboveMaximum(rating)
    return chargeOf(rating)
  }

  /** The version of the credit book that is in force at a moment, as usage records name it. */
  versionAt(at: number): string | undefined {
    return this.book.versions().find(({ from, until }) => from <= at && at < (until ?? Number.POSITIVE_INFINITY))?.version
  }

  /** @throws {PriceNotFoundError} the provider, or one of the units, has no price in credits */
  price(source: PricedSource, quantities: readonly UsageQuantity[]): Pricing {
    const query = { ...source, at: source.at ?? this.#clock() }
    const rating = rate(this.book, query, quantities)
    const total = totalQuantity(quantities) ?? { quantity: 0n as Quantity, unit: 'requests' as const }
    const { version: priceVersion } = rating
    const rated = creditsOf(rating)
    const cost = this.#costOf(query, quantities)
    return { priced: { ...total, rated, roundingStep: roundingStepOf(rating), cost, priceVersion }, rating }
  }

  /**
   * {@link price} of what a provider reported.
   *
   * @throws {PriceNotFoundError} the provider, or one of the units, has no price in credits
   * @throws {InvalidQuantityError} so much is a mistake, and no measurement
   */
  priceReported(source: PricedSource, quantities: readonly UsageQuantity[]): Pricing {
    const pricing = this.price(source, quantities)
    checkMeasured(source, pricing.priced)
    return pricing
  }

  /** The day on which a provider takes an offer's model out of service, by the cost book. */
  retirementOf({ service, provider, model }: Offer): string | undefined {
    const at = this.#clock()
    const entry = this.#costs.lookUp({ service, provider, model, at })?.entry
    if (entry?.model !== undefined || model === provider) return entry?.retires
    // What is said without a model is of the one that the provider is named after: another behind its name ends by itself.
    return this.#costs.lookUp({ service, provider: model, at })?.entry.retires
  }

  /** What a usage costs us; `undefined` where the cost book does not say. */
  costOf(source: PricedSource, quantities: readonly UsageQuantity[]): NanoUsd | undefined {
    return this.#costOf({ ...source, at: source.at ?? this.#clock() }, quantities)
  }

  /** `undefined` when the list prices do not say: unknown is not free. */
  #costOf(query: PriceQuery, quantities: readonly UsageQuantity[]): NanoUsd | undefined {
    const price = this.#costs.lookUp(query)
    const rating = price && rateIfPriced(price, query, quantities)
    return rating && nanoUsdOf(rating)
  }
}

function queryOf(at: number, { service, provider, model }: Offer, numbers?: PhoneNumbers): PriceQuery {
  return { service, provider, model, at, to: numbers?.to, from: numbers?.from }
}

/** A prediction whose cost is looked up when it is asked for: of a ceiling nobody does. */
class BookPrediction implements Prediction {
  readonly charge: Credits
  readonly #costOf: () => NanoUsd | undefined

  constructor(charge: Credits, costOf: () => NanoUsd | undefined) {
    this.charge = charge
    this.#costOf = costOf
  }

  get cost(): NanoUsd | undefined {
    return this.#costOf()
  }
}

/**
 * Whether a usage cannot be priced as its provider reported it: a unit of it has no price, or it counts more than anybody can have used. What
 * was measured here is charged then.
 */
export function isUnpriceable(error: unknown): error is FareboxError {
  return isFareboxError(error) && (error.code === 'PRICE_NOT_FOUND' || error.code === 'INVALID_QUANTITY')
}

const CERTAINTIES: ReadonlySet<unknown> = new Set<Certainty>(['exact', 'derived', 'floor', 'ceiling'])

/** @throws {InvalidQuantityError} it is no usage: see {@link isUsage} */
export function checkReported(usage: Usage): void {
  if (isUsage(usage)) return
  throw new InvalidQuantityError('a usage must be quantities of 0 or more in millionths of a unit, with a certainty')
}

/** Whether what an adapter says is a usage: a team's own may say anything, such as less than nothing. */
export function isUsage({ quantities, certainty }: Usage): boolean {
  return Array.isArray(quantities) && quantities.every(isCount) && CERTAINTIES.has(certainty)
}

function isCount(used: Partial<UsageQuantity> | null): boolean {
  return (
    typeof used?.quantity === 'bigint' && used.quantity >= 0n && typeof used.meter === 'string' && typeof used.unit === 'string'
  )
}

/** What one usage record may be rated at: the ledger writes no more down. */
const RATED_MAX = credits(1_000_000_000)
/** What one may cost us, in nano-USD: the ledger writes no more down. */
export const COST_MAX = 1_000_000_000n * 1_000_000_000n

/** Each count may be within the maximum of quantities, and their sum or price be above what anybody can have used. */
function checkMeasured({ service, provider }: PricedSource, { quantity, unit, rated, cost }: PricedUsage): void {
  if (quantity <= QUANTITY_MAX && rated <= RATED_MAX && (cost === undefined || cost <= COST_MAX)) return
  const much = `${formatQuantity(quantity)} ${unit} at ${formatCredits(rated)} credits`
  throw new InvalidQuantityError(`one usage of ${service} by ${provider} cannot be as much as ${much}`)
}

/** What a line is rounded up to. Where the book rounds each line or each call, that was done, and the sum is left as it is. */
export function roundingStepOf({ rounding }: Rating): Credits {
  let step = roundingSteps.get(rounding)
  if (step === undefined) {
    step = rounding.point === 'total' ? credits(rounding.step) : microCredits(1n)
    roundingSteps.set(rounding, step)
  }
  return step
}

/** A step is a decimal, and to read one takes as long as the rest of a price. */
const roundingSteps = new WeakMap<Rounding, Credits>()
