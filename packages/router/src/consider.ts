import { type Credits, credits, isFareboxError, type NanoUsd, type Offer, type Quantity, type UsageQuantity } from '@farebox/core'
import { MaximumChargeError, type OtherMeters } from '@farebox/pricing'
import type { Draft } from './candidate-order.ts'
import type { CatalogEntry } from './catalog.ts'
import { type Demands, lackingCapability, tooLong, tooSlow } from './eligibility.ts'
import type { HealthCondition, HealthView } from './health.ts'
import { pricedOffer } from './priced-offer.ts'
import { Rejection } from './route.ts'
import type { PhoneNumbers, RouteRequest, RouteSession } from './route-request.ts'
import { isSessionWith, withCachedInput } from './session.ts'

/** Predicts charges and costs for planning. */
export interface PricePredictor {
  /**
   * Predicts the charge for `quantities` of `offer`, and their cost to you where that is known. Pure.
   *
   * @param offer  for live sound with a price of its own, under its `liveModel`
   * @param numbers  the numbers of a phone call
   *
   * @throws {FareboxError} with code `PRICE_NOT_FOUND`, if the offer has no price
   * @throws {MaximumChargeError} if its price book refuses such an expensive call
   */
  predict(offer: Offer, quantities: readonly UsageQuantity[], numbers?: PhoneNumbers): Prediction

  /**
   * The maximum charge for a call that uses no more than `most`, however its provider counts it. Throws like `predict`.
   * @defaultValue the charge that `predict` gives
   *
   * @param otherMeters  other meters by which the provider may count the usage
   */
  predictMost?(offer: Offer, most: readonly UsageQuantity[], numbers?: PhoneNumbers, otherMeters?: OtherMeters): Credits
}

/** The maximum charge for a call of an offer, which a hold must cover. Throws like {@link PricePredictor.predict}. */
function predictCeiling(
  prices: PricePredictor,
  offer: Offer,
  request: RouteRequest,
  { ceiling, otherMeters }: Pick<RouteRequest, 'ceiling' | 'otherMeters'> = request.usageOf?.(offer) ?? request,
): Credits {
  const priced = pricedOffer(offer, request.operation)
  const most = (quantities: readonly UsageQuantity[]) =>
    prices.predictMost?.(priced, quantities, request.numbers, otherMeters) ??
    prices.predict(priced, quantities, request.numbers).charge
  if (!request.ceilingIfPriced?.length) return most(ceiling)
  try {
    return most([...ceiling, ...request.ceilingIfPriced])
  } catch (error) {
    if (!isPriceMissing(error)) throw error
    return most(ceiling)
  }
}

/**
 * The maximum charge for a call of an offer, which a hold must cover. `undefined`: the offer has no price, or its price book refuses
 * such an expensive call.
 */
export function predictCeilingIfPriced(
  prices: PricePredictor,
  offer: Offer,
  request: RouteRequest,
  usage?: Pick<RouteRequest, 'ceiling' | 'otherMeters'>,
): Credits | undefined {
  try {
    return predictCeiling(prices, offer, request, usage)
  } catch (error) {
    if (isPriceMissing(error) || (isFareboxError(error) && error.code === 'MAXIMUM_CHARGE')) return undefined
    throw error
  }
}

/** The predicted charge for a usage, and its cost to you where that is known. */
export interface Prediction {
  charge: Credits
  cost?: NanoUsd
}

/** The inputs that are the same for all offers of a request. */
export interface Consideration {
  readonly request: RouteRequest
  readonly demands: Demands
  readonly lastResort: boolean
  /** The session of the request, unless it has expired. */
  readonly session: RouteSession | undefined
  readonly prices: PricePredictor
  readonly health: HealthView | undefined
}

/** After this long unmeasured, a latency no longer excludes an offer. As long as a breaker stays open at most. */
const FORGIVEN_MS = 120_000

/**
 * Judges one offer by itself and prices it. Limits, balance and order come later.
 *
 * @param rank  its place in the configured order, or -1 if the configuration does not name it
 */
export function consider(entry: CatalogEntry, rank: number, consideration: Consideration): Draft | Rejection {
  const { request, demands } = consideration
  const { offer, adapter } = entry
  if (request.provider !== undefined) {
    if (offer.provider !== request.provider) return new Rejection(entry, 'not_requested', 'the caller asked for another provider')
  } else if (rank < 0 && !consideration.lastResort) {
    return new Rejection(entry, 'not_configured', 'the configuration does not name it')
  }
  if (request.excludes?.includes(offer.provider)) return new Rejection(entry, 'excluded', 'the caller excluded it')
  if (adapter.availability.status === 'disabled') {
    return new Rejection(entry, 'provider_disabled', adapter.availability.reason)
  }
  const lacking = lackingCapability(entry, request, demands)
  if (lacking) return new Rejection(entry, 'capability', lacking)
  const reading = consideration.health?.read(entry.healthKey)
  const condition = reading?.condition ?? 'ok'
  const isStream = demands.needs.streaming === true
  let latencyMs = (isStream ? reading?.firstEventMs : reading?.answerMs) ?? offer.latencyMs
  let slow = tooSlow(latencyMs, demands)
  // An offer that was too slow gets no such requests, so without this its measured latency would never improve. It may still be
  // observed: streams say nothing about whole answers.
  const unmeasuredMs = Math.max(reading?.seenMs ?? 0, (isStream ? reading?.firstEventAgeMs : reading?.answerAgeMs) ?? 0)
  if (slow && unmeasuredMs >= FORGIVEN_MS) {
    latencyMs = offer.latencyMs
    slow = tooSlow(latencyMs, demands)
  }
  if (slow) return new Rejection(entry, 'capability', slow, { latencyMs })
  const long = tooLong(offer, demands)
  if (long) return new Rejection(entry, 'capability', `it takes ${long.most} ${long.unit} at most`, { tooLong: long })

  const priced = price(entry, consideration)
  if (priced instanceof Rejection) return priced
  return {
    offer,
    adapter,
    entry,
    chargeExpected: priced.charge,
    chargeCeiling: priced.ceiling,
    cost: priced.cost,
    latencyMs,
    cachedInput: priced.cachedInput,
    score: 0,
    rank: rank < 0 ? undefined : rank,
    condition,
    reading,
    why: whys[request.provider !== undefined ? 0 : rank < 0 ? 3 : rank === 0 ? 1 : 2][condition],
  }
}

/** A prediction with its ceiling, which is never below the charge. */
type Priced = Prediction & { ceiling: Credits; cachedInput: Quantity | undefined }

function price(entry: CatalogEntry, { request, prices, session }: Consideration): Priced | Rejection {
  const { offer } = entry
  const usage = request.usageOf?.(offer) ?? request
  const sold = pricedOffer(offer, request.operation)
  try {
    const { charge, cost } = prices.predict(sold, usage.expected, request.numbers)
    // Even if the expected usage is the most, `predictMost` may exceed its charge: a call that ends sooner can cost more.
    const isCeiling = usage.ceiling === usage.expected && !prices.predictMost && !request.ceilingIfPriced?.length
    let ceiling = isCeiling ? charge : predictCeiling(prices, offer, request, usage)
    if (ceiling < charge) ceiling = charge
    const cached = session && isSessionWith(session, entry) ? priceCached(sold, usage.expected, session, prices) : undefined
    // A price book may charge more for cached input than for fresh input. Such a cache is no reason to keep a session.
    return cached && cached.charge <= charge ? { ...cached, ceiling } : { charge, cost, ceiling, cachedInput: undefined }
  } catch (error) {
    if (error instanceof MaximumChargeError) {
      const refused = 'its price book refuses more than'
      return new Rejection(entry, 'over_request_limit', refused, {
        charge: credits(error.amount),
        allowed: credits(error.maximum),
      })
    }
    if (!isPriceMissing(error)) throw error
    return new Rejection(entry, 'price_not_found', error.message)
  }
}

/** The prediction with cached input priced as such. `undefined`: there is none, or it has no price. */
function priceCached(
  offer: Offer,
  expected: readonly UsageQuantity[],
  { cachedInput }: RouteSession,
  prices: PricePredictor,
): (Prediction & { cachedInput: Quantity }) | undefined {
  const usage = withCachedInput(expected, cachedInput)
  if (!usage) return undefined
  try {
    return { ...prices.predict(offer, usage), cachedInput: usage.at(-1)?.quantity ?? cachedInput }
  } catch (error) {
    if (isPriceMissing(error)) return undefined
    throw error
  }
}

function isPriceMissing(error: unknown): error is Error {
  return isFareboxError(error) && error.code === 'PRICE_NOT_FOUND'
}

function because(place: string): Record<HealthCondition, string> {
  return {
    ok: place,
    probe: `${place}, recovering`,
    rate_limited: `${place}, but rate limited`,
    sick: `${place}, but failing`,
    refusing: `${place}, but its key, quota or model is refused`,
  }
}

const whys = [
  because('asked for by the caller'),
  because('configured first'),
  because('configured fallback'),
  because('last resort: offered, not configured'),
] as const
