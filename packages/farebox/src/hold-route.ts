import { CREDITS_MAX, type Credits, formatCredits, isFareboxError, microCredits, type Offer } from '@farebox/core'
import { type AuthenticatedKey, type HeldOutcome, keyPermission, type Ledger, type Refusal } from '@farebox/ledger'
import { chargeOf } from '@farebox/pricing'
import {
  type AttemptRecord,
  applyConditions,
  type BeforeAttemptFacts,
  type BeforeAttemptRefusal,
  type Candidate,
  type Catalog,
  type ComplexityClassifier,
  decisionRecord,
  type Health,
  holdFor,
  type PackedDecision,
  type PhoneNumbers,
  type PlanInput,
  type PricePredictor,
  packDecision,
  plan,
  predictCeiling,
  type Route,
  type RouteRefusal,
  type RouteRequest,
  type ServiceConfiguration,
} from '@farebox/router'
import { type BookPrices, checkReported, isUnpriceable } from './book-prices.ts'
import type { Envelope } from './envelope.ts'
import { errorOfRefusal, errorOfRoute, RequestLimitError, ServiceNotAllowedError } from './errors.ts'
import type { CallObserver } from './telemetry/call-observer.ts'

/** What metering needs of a Farebox. */
export interface MeterParts {
  ledger: Ledger
  catalog: Catalog
  prices: BookPrices
  health: Health
  /** From 0 up to 1: chance, in routing. */
  random(): number
  /** Judges chats of complexity `auto`. */
  classifier?: ComplexityClassifier
  /** Who pays for attempts that failed at a provider which bills them all the same. */
  failedAttempts: FailedAttempts
  /** Told of failures that nobody awaits. */
  onError(error: unknown): void
  /** Who hears of calls. */
  observers: readonly CallObserver[]
}

/**
 * Who pays for what failed attempts used: `ours` writes it down as our cost, and the customer pays for answers alone; `charged` charges the
 * customer what providers are known to have counted. That is charged first, and the hold is made to cover it and the next attempt before that is made:
 * where the account cannot pay for both, nobody else is asked. A limit per request is of one attempt.
 */
export type FailedAttempts = 'ours' | 'charged'

/** Who pays, under which rules. */
export interface Payer {
  accountId: string
  workflowId: string
  /** The workflow in the ledger. */
  envelope: Envelope
  configuration: ServiceConfiguration
  apiKey?: AuthenticatedKey
  userId?: string
}

/** A route whose money is set aside. */
export interface HeldRoute {
  route: Route
  holdId: string
  /** What is set aside to begin with. */
  amount: Credits
  /** What may still be spent beside it. */
  affordable: Credits
  /** What the account had when it was placed. */
  balance: Credits
  numbers: PhoneNumbers | undefined
  /** What governs the call: the payer's configuration, with those of its conditions that were met. */
  configuration(): ServiceConfiguration
  /** The moment that prices the call, from its hold to its charge. */
  at: number
  /** The decision for this route, as usage records keep it. Made when it is asked for. */
  decision(): PackedDecision
  /** What the call will use of one offer, and at most. */
  usageOf(offer: Offer): Pick<RouteRequest, 'expected' | 'ceiling'>
  /** For the router: fits the hold to a dearer candidate before it is called. */
  beforeAttempt(candidate: Candidate, facts: BeforeAttemptFacts): Promise<BeforeAttemptRefusal<Refusal> | undefined>
}

/** The route changes at most this often because the ledger affords less than was thought. */
const REPLANS_MAX = 3

/**
 * Chooses a route and sets its price aside as one decision. It plans as if everything could be paid, so that the usual case asks
 * the ledger once; a refusal says what is affordable, and the next plan finds what costs less, or says that nothing does. The workflow
 * opens with the hold, and not for what no provider may serve anyway.
 */
export async function holdRoute(
  parts: MeterParts,
  payer: Payer,
  request: RouteRequest,
  { ttlMs }: { ttlMs: number },
): Promise<HeldRoute> {
  const at = parts.prices.now()
  const prices = parts.prices.asOf(at)
  const allowed = allowedRequest({ catalog: parts.catalog, prices }, payer, request)
  let affordable: Credits = CREDITS_MAX
  let refusal: Refusal | undefined
  for (let round = 0; round < REPLANS_MAX; round++) {
    const input: PlanInput = {
      catalog: parts.catalog,
      health: parts.health,
      classifier: parts.classifier,
      prices,
      configuration: payer.configuration,
      request: allowed,
      affordable,
      random: parts.random,
      now: at,
    }
    const route = plan(input)
    if (route.status === 'refused') {
      if (refusal && route.reason === 'insufficient_credits') throw errorOfRefusal(refusal, route.needed)
      throw errorOfRoute(route)
    }
    const [first] = route.candidates
    if (!first) throw new Error('a route without candidates')
    const outcome = await payer.envelope.placeHold({
      accountId: payer.accountId,
      apiKeyId: payer.apiKey?.apiKeyId,
      userId: payer.userId,
      service: request.service,
      provider: first.offer.provider,
      amount: atLeastOne(holdFor(route, first)),
      ttlMs,
    })
    if (outcome.status === 'held') {
      return heldRoute(parts, payer, { route, input, at }, outcome)
    }
    if (!('available' in outcome) || outcome.available >= affordable) throw errorOfRefusal(outcome)
    refusal = outcome
    affordable = outcome.available
  }
  throw errorOfRefusal(refusal as Refusal)
}

/**
 * The plan that {@link holdRoute} makes of a request, of who can spend so much. Asks no ledger.
 *
 * @throws {ServiceNotAllowedError} the key may not use the service at all, or not the provider that was asked for
 * @throws {RequestLimitError} everybody whom the key may use costs more than its limit per request
 */
export function planOnly(
  parts: Omit<MeterParts, 'ledger' | 'random' | 'observers' | 'onError' | 'failedAttempts'>,
  payer: Pick<Payer, 'configuration' | 'apiKey'>,
  request: RouteRequest,
  affordable: Credits,
): Route | RouteRefusal {
  const now = parts.prices.now()
  const prices = parts.prices.asOf(now)
  const { catalog, health, classifier } = parts
  const { configuration } = payer
  const allowed = allowedRequest({ catalog, prices }, payer, request)
  const input = { catalog, health, classifier, prices, configuration, request: allowed, affordable, random: () => 0, now }
  return plan(input)
}

/** The refusal of a request that costs more than its key allows. */
export function overKeyLimit(apiKey: AuthenticatedKey, service: string, charge: Credits, limit: Credits): RequestLimitError {
  const cost = `${service} may cost ${formatCredits(charge)} credits`
  return new RequestLimitError(`${cost}, API key ${apiKey.prefix} allows ${formatCredits(limit)} a request`, charge, limit)
}

/** Gives a whole hold back. If even that fails, the hold goes back by itself when its time is up. */
export async function release(
  { ledger }: Pick<MeterParts, 'ledger'>,
  { accountId }: Pick<Payer, 'accountId'>,
  { holdId }: Pick<HeldRoute, 'holdId'>,
): Promise<void> {
  await ledger.releaseHold({ accountId, holdId }).catch((error: unknown) => {
    if (!isFareboxError(error)) throw error
  })
}

function heldRoute(
  parts: MeterParts,
  payer: Payer,
  { route, input, at }: Pick<HeldRoute, 'route' | 'at'> & { input: PlanInput },
  { holdId, amount, affordable, balance }: HeldOutcome,
): HeldRoute {
  const { request } = input
  let held = amount
  // Those that have ended are charged before the answer.
  const chargedFor = (attempts: readonly AttemptRecord[]) =>
    parts.failedAttempts === 'charged' ? attempts.reduce((sum, one) => sum + reportedCharge(parts, one, { at, request }), 0n) : 0n
  return {
    route,
    holdId,
    amount,
    affordable,
    balance,
    numbers: request.numbers,
    configuration: () => applyConditions(input.configuration, request.metadata).configuration,
    at,
    usageOf: (offer) => request.usageOf?.(offer) ?? request,
    decision: () => packDecision(decisionRecord(route, input, { at, priceVersion: parts.prices.versionAt(at) })),
    async beforeAttempt(candidate, { cause, attempts }) {
      const needed = microCredits(holdFor(route, candidate) + chargedFor(attempts))
      // Where failed attempts are charged, one that runs beside or after another is charged with it.
      const isBoth = parts.failedAttempts === 'charged' && (cause === 'hedge' || cause === 'continuation')
      const amount = isBoth ? microCredits(held + needed) : needed
      if (amount <= held) return undefined
      const outcome = await parts.ledger.extendHold({ accountId: payer.accountId, holdId, amount })
      if (outcome.status === 'refused') return { refused: outcome }
      held = amount
      return undefined
    },
  }
}

/** What an attempt is charged by what its provider reported of it; nothing where that cannot be priced. */
function reportedCharge(
  { prices }: Pick<MeterParts, 'prices'>,
  { candidate, usage }: AttemptRecord,
  { at, request }: Pick<HeldRoute, 'at'> & Pick<PlanInput, 'request'>,
): Credits {
  const { service, provider, model } = candidate.offer
  if (!usage || usage.certainty === 'ceiling') return microCredits(0n)
  try {
    checkReported(usage)
    return chargeOf(prices.priceReported({ service, provider, model, at, ...request.numbers }, usage.quantities).rating)
  } catch (error) {
    if (!isUnpriceable(error)) throw error
    return microCredits(0n)
  }
}

/**
 * Leaves out the providers that a key may not use, or not for this price.
 *
 * @throws {ServiceNotAllowedError} the key may not use the service at all
 * @throws {RequestLimitError} every provider with a price that it may use, and that was asked for, costs more than its limit per request
 */
function allowedRequest(
  { catalog, prices }: { catalog: Catalog; prices: PricePredictor },
  { apiKey }: Pick<Payer, 'apiKey'>,
  request: RouteRequest,
): RouteRequest {
  if (!apiKey || apiKey.services.length === 0) return request
  const excludes = new Set(request.excludes)
  let tooDear: { charge: Credits; limit: Credits } | undefined
  let isAllowed = false
  let isAffordable = false
  const unlimited: Offer[] = []
  for (const { offer } of catalog.forService(request.service)) {
    const permission = keyPermission(apiKey, request.service, offer.provider)
    if (!permission) {
      excludes.add(offer.provider)
      continue
    }
    isAllowed = true
    const limit = permission.costLimitPerRequest
    const charge = limit === null ? undefined : chargeCeilingOf(prices, offer, request)
    // Who was not asked for is no way out of the limit, and who has no price serves nobody.
    const isAsked = request.provider === undefined || offer.provider === request.provider
    if (limit === null) {
      if (isAsked) unlimited.push(offer)
    } else if (charge !== undefined && charge <= limit) {
      isAffordable ||= isAsked
    } else if (charge !== undefined) {
      excludes.add(offer.provider)
      if (isAsked && (!tooDear || charge < tooDear.charge)) tooDear = { charge, limit }
    }
  }
  if (tooDear && !isAffordable && !unlimited.some((offer) => chargeCeilingOf(prices, offer, request) !== undefined)) {
    throw overKeyLimit(apiKey, request.service, tooDear.charge, tooDear.limit)
  }
  if (!isAllowed && !keyPermission(apiKey, request.service)) {
    throw new ServiceNotAllowedError(request.service, `API key ${apiKey.prefix} may not use service ${request.service}`)
  }
  if (request.provider !== undefined && !keyPermission(apiKey, request.service, request.provider)) {
    const what = `${request.service} of ${request.provider}`
    throw new ServiceNotAllowedError(request.service, `API key ${apiKey.prefix} may not use ${what}`)
  }
  return { ...request, excludes: [...excludes] }
}

/** Why an offer cannot be planned with, whatever the caller may spend. */
const UNPRICEABLE: ReadonlySet<string> = new Set(['PRICE_NOT_FOUND', 'MAXIMUM_CHARGE'])

/** What an offer may cost at most; `undefined` when it has no price, which is for the plan to reject. */
function chargeCeilingOf(prices: PricePredictor, offer: Offer, request: RouteRequest): Credits | undefined {
  try {
    return predictCeiling(prices, offer, request)
  } catch (error) {
    if (isFareboxError(error) && UNPRICEABLE.has(error.code)) return undefined
    throw error
  }
}

function atLeastOne(amount: Credits): Credits {
  return amount > 0n ? amount : microCredits(1n)
}
