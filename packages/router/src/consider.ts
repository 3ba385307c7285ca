import { type Credits, credits, isFareboxError, type NanoUsd, type Offer, type Quantity, type UsageQuantity } from '@farebox/core'
import { MaximumChargeError, type OtherMeters } from '@farebox/pricing'
import type { Draft } from './candidate-order.ts'
import type { CatalogEntry } from './catalog.ts'
import { type Demands, lackingCapability, tooLong, tooSlow } from './eligibility.ts'
import type { HealthCondition, HealthView } from './health.ts'
import { Rejection } from './route.ts'
import type { PhoneNumbers, RouteRequest, RouteSession } from './route-request.ts'
import { isSessionWith, withCachedInput } from './session.ts'

/** What planning asks of price books. */
export interface PricePredictor {
  /**
   * What `quantities` of `offer` would be charged, and what they would cost us where that is known. Pure.
   *
   * @param numbers  of a phone call
   *
   * @throws {FareboxError} with code `PRICE_NOT_FOUND`, when the offer has no price
   * @throws {MaximumChargeError} when its price book refuses so dear a call
   */
  predict(offer: Offer, quantities: readonly UsageQuantity[], numbers?: PhoneNumbers): Prediction

  /**
   * What a call that uses no more than `most` may be charged, however its provider counts it. Throws as `predict`. @defaultValue what `predict` says
   *
   * @param otherMeters  by which the provider may count it
   */
  predictMost?(offer: Offer, most: readonly UsageQuantity[], numbers?: PhoneNumbers, otherMeters?: OtherMeters): Credits
}

/** What a call of an offer may be charged at most: what is held for it. Throws as {@link PricePredictor.predict}. */
export function predictCeiling(
  prices: PricePredictor,
  offer: Offer,
  request: RouteRequest,
  { ceiling, otherMeters }: Pick<RouteRequest, 'ceiling' | 'otherMeters'> = request.usageOf?.(offer) ?? request,
): Credits {
  const most = (quantities: readonly UsageQuantity[]) =>
    prices.predictMost?.(offer, quantities, request.numbers, otherMeters) ??
    prices.predict(offer, quantities, request.numbers).charge
  if (!request.ceilingIfPriced?.length) return most(ceiling)
  try {
    return most([...ceiling, ...request.ceilingIfPriced])
  } catch (error) {
    if (!isPriceMissing(error)) throw error
    return most(ceiling)
  }
}

/** What a usage would be charged, and what it would cost us where that is known. */
export interface Prediction {
  charge: Credits
  cost?: NanoUsd
}

/** What offers are considered by. */
export interface Consideration {
  readonly request: RouteRequest
  readonly demands: Demands
  readonly lastResort: boolean
  /** The session of the request, while it lasts. */
  readonly session: RouteSession | undefined
  readonly prices: PricePredictor
  readonly health: HealthView | undefined
}

/** What was measured shuts nobody out of whom nothing was seen for so long: as long as a breaker stays open at most. */
const FORGIVEN_MS = 120_000

/**
 * One offer on its own merits: everything but money and order.
 *
 * @param rank  its place in the configured order, -1 when it is named nowhere
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
  let latencyMs = (demands.needs.streaming ? reading?.firstEventMs : reading?.answerMs) ?? offer.latencyMs
  let slow = tooSlow(latencyMs, demands)
  // Whoever was too slow is asked for nothing, so that nobody would ever find out that it is not any more.
  if (slow && (reading?.seenMs ?? 0) >= FORGIVEN_MS) {
    latencyMs = offer.latencyMs
    slow = tooSlow(latencyMs, demands)
  }
  if (slow) return new Rejection(entry, 'capability', slow)
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

/** `ceiling` is never below the charge. */
type Priced = Prediction & { ceiling: Credits; cachedInput: Quantity | undefined }

function price(entry: CatalogEntry, { request, prices, session }: Consideration): Priced | Rejection {
  const { offer } = entry
  const usage = request.usageOf?.(offer) ?? request
  try {
    const { charge, cost } = prices.predict(offer, usage.expected, request.numbers)
    // What is expected at most may still end sooner, and be dearer for it.
    const isCeiling = usage.ceiling === usage.expected && !prices.predictMost
    let ceiling = isCeiling ? charge : predictCeiling(prices, offer, request, usage)
    if (ceiling < charge) ceiling = charge
    const cached = session && isSessionWith(session, entry) ? priceCached(offer, usage.expected, session, prices) : undefined
    // A price book may ask more for what is cached than for what is not; nothing is kept for the sake of that.
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

/** With what is cached counted as such; `undefined` where the books have no price for that. */
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
