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
  type PriceEntry,
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

/** A usage in the form of the ledger: one quantity, its exact price, and its cost if known. */
export interface PricedUsage {
  quantity: Quantity
  unit: Unit
  /** The price, rounded up to the next micro-credit. */
  rated: Credits
  /** The step that the sum of a receipt's line is rounded up to. */
  roundingStep: Credits
  cost?: NanoUsd
  priceVersion: string
}

/** A {@link PricedUsage} and the rating behind it. */
export interface Pricing {
  priced: PricedUsage
  rating: Rating
}

/** The service, provider and model that a price depends on, and the numbers of a phone call. */
export type PricedSource = PhoneNumbers & {
  service: string
  provider: string
  model?: string
  /** The time whose prices apply to the whole call, in epoch milliseconds. @defaultValue now */
  at?: number
  /** See {@link Usage.serviceTier}. */
  serviceTier?: string | undefined
}

/** The two price books of a Farebox: what its customers pay in credits, and what its providers charge in US dollars. */
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

  /** The current time, which selects the prices of a call that begins now. */
  now(): number {
    return this.#clock()
  }

  /**
   * Predicts the charge and the cost of a call.
   *
   * @throws {PriceNotFoundError} the offer has no price in credits
   * @throws {MaximumChargeError} the charge exceeds the maximum of the price book
   */
  predict(offer: Offer, quantities: readonly UsageQuantity[], numbers?: PhoneNumbers): Prediction {
    return this.asOf(this.#clock()).predict(offer, quantities, numbers)
  }

  /** The amount to hold for a call that uses no more than `most`. Throws like {@link predict}. */
  predictMost(offer: Offer, most: readonly UsageQuantity[], numbers?: PhoneNumbers, otherMeters?: OtherMeters): Credits {
    return this.asOf(this.#clock()).predictMost(offer, most, numbers, otherMeters)
  }

  /** A predictor with the prices of one time, so that the hold of a call uses the same prices as its charge. */
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

  /** The version of the credit book in force at a time, as usage records name it. */
  versionAt(at: number): string | undefined {
    return this.book.versions().find(({ from, until }) => from <= at && at < (until ?? Number.POSITIVE_INFINITY))?.version
  }

  /**
   * Prices a usage.
   *
   * @throws {PriceNotFoundError} the provider, or one of the units, has no price in credits
   */
  price(source: PricedSource, quantities: readonly UsageQuantity[]): Pricing {
    const query = queryOf(source.at ?? this.#clock(), source, source)
    const rating = rate(this.book, query, quantities)
    const { quantity, unit } = totalQuantity(quantities) ?? NOTHING
    const { version: priceVersion } = rating
    const rated = creditsOf(rating)
    const cost = this.#costOf(query, quantities, source.serviceTier)
    return { priced: { quantity, unit, rated, roundingStep: roundingStepOf(rating), cost, priceVersion }, rating }
  }

  /**
   * Does the same as {@link price}, for a usage that a provider reported.
   *
   * @throws {PriceNotFoundError} the provider, or one of the units, has no price in credits
   * @throws {InvalidQuantityError} the usage is too large to be a real measurement
   */
  priceReported(source: PricedSource, quantities: readonly UsageQuantity[]): Pricing {
    const pricing = this.price(source, quantities)
    checkMeasured(source, pricing.priced)
    return pricing
  }

  /**
   * The highest price of work that uses no more than `most`: work that ends sooner may cost more, as in a dearer lower tier.
   *
   * @throws {PriceNotFoundError} the provider, or one of the units, has no price in credits
   */
  mostOf(source: PricedSource, most: readonly UsageQuantity[]): Credits {
    return chargeOf(rateMost(this.book, queryOf(source.at ?? this.#clock(), source, source), most))
  }

  /** The day on which a provider retires an offer's model, by the cost book. */
  retirementOf({ service, provider, model }: Offer): string | undefined {
    const at = this.#clock()
    const entry = this.#costs.lookUp({ service, provider, model, at })?.entry
    if (entry?.model !== undefined || model === provider) return entry?.retires
    // An entry without a model is about the model that the provider is named after. Another model retires on its own day.
    return this.#costs.lookUp({ service, provider: model, at })?.entry.retires
  }

  /** The cost of a usage. `undefined` if the cost book has no price for it, or if the cost is more than one record may have. */
  costOf(source: PricedSource, quantities: readonly UsageQuantity[]): NanoUsd | undefined {
    const cost = this.#costOf(queryOf(source.at ?? this.#clock(), source, source), quantities, source.serviceTier)
    return cost !== undefined && cost <= COST_MAX ? cost : undefined
  }

  /**
   * `undefined` if the cost book has no price: an unknown cost must not count as zero. Nor must a tier of service with its own prices
   * count as the usual one: its price is what the book's multiplier `service_tier` says.
   */
  #costOf(query: PriceQuery, quantities: readonly UsageQuantity[], tier?: string): NanoUsd | undefined {
    const price = this.#costs.lookUp(query)
    if (!price || (tier !== undefined && !isByTier(price))) return undefined
    const asked = tier === undefined ? query : { ...query, attributes: { service_tier: tier } }
    const rating = rateIfPriced(price, asked, quantities)
    return rating && nanoUsdOf(rating)
  }
}

const NOTHING = { quantity: 0n as Quantity, unit: 'requests' as const }

function isByTier({ entry: { multipliers } }: { entry: PriceEntry }): boolean {
  return multipliers?.some(({ attribute }) => attribute === 'service_tier') ?? false
}

/** Not a spread, which takes as long as everything else that a simple price needs. */
function queryOf(
  at: number,
  { service, provider, model }: Pick<PricedSource, 'service' | 'provider' | 'model'>,
  numbers?: PhoneNumbers,
): PriceQuery {
  return { service, provider, model, at, to: numbers?.to, from: numbers?.from }
}

/** A prediction that looks its cost up lazily: nobody reads the cost of a ceiling. */
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
 * Whether an error means that a reported usage cannot be priced: one of its units has no price, or its counts are implausible.
 * Then what Farebox measured itself is charged.
 */
export function isUnpriceable(error: unknown): error is FareboxError {
  return isFareboxError(error) && (error.code === 'PRICE_NOT_FOUND' || error.code === 'INVALID_QUANTITY')
}

const CERTAINTIES: ReadonlySet<unknown> = new Set<Certainty>(['exact', 'derived', 'floor', 'ceiling'])

/** @throws {InvalidQuantityError} the report is not a valid usage: see {@link isUsage} */
export function checkReported(usage: Usage): void {
  if (isUsage(usage)) return
  throw new InvalidQuantityError('a usage must be quantities of 0 or more in millionths of a unit, with a certainty')
}

/** Whether an adapter's report is a valid usage. A custom adapter may report anything, such as negative counts. */
export function isUsage({ quantities, certainty }: Usage): boolean {
  return Array.isArray(quantities) && quantities.every(isCount) && CERTAINTIES.has(certainty)
}

/** Whether a report is missing or counts nothing: then what was measured here counts. An invalid report is not missing. */
export function isUnreported(usage: Usage | undefined): usage is undefined {
  return !usage || (Array.isArray(usage.quantities) && usage.quantities.length === 0)
}

function isCount(used: Partial<UsageQuantity> | null): boolean {
  return (
    typeof used?.quantity === 'bigint' && used.quantity >= 0n && typeof used.meter === 'string' && typeof used.unit === 'string'
  )
}

/** The most that one usage record may be rated at. The ledger accepts no more. */
const RATED_MAX = credits(1_000_000_000)
/** The most that one usage record may cost, in nano-USD. The ledger accepts no more. */
export const COST_MAX = 1_000_000_000n * 1_000_000_000n

/** Checks the total: even if each count is valid, their sum or price may be implausible. */
function checkMeasured({ service, provider }: PricedSource, { quantity, unit, rated, cost }: PricedUsage): void {
  if (quantity <= QUANTITY_MAX && rated <= RATED_MAX && (cost === undefined || cost <= COST_MAX)) return
  const much = `${formatQuantity(quantity)} ${unit} at ${formatCredits(rated)} credits`
  throw new InvalidQuantityError(`one usage of ${service} by ${provider} cannot be as much as ${much}`)
}

/**
 * The step that a receipt's line is rounded up to. If the book has already rounded each line or call, the sum is left as it is.
 */
export function roundingStepOf({ rounding }: Rating): Credits {
  let step = roundingSteps.get(rounding)
  if (step === undefined) {
    step = rounding.point === 'total' ? credits(rounding.step) : microCredits(1n)
    roundingSteps.set(rounding, step)
  }
  return step
}

/** Cached, because parsing a step's decimal takes as long as the rest of pricing. */
const roundingSteps = new WeakMap<Rounding, Credits>()
