import {
  CREDITS_MAX,
  type Credits,
  formatCredits,
  isFareboxError,
  microCredits,
  type Offer,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
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
  predictCeilingIfPriced,
  pricedOffer,
  type Route,
  type RouteRefusal,
  type RouteRequest,
  type ServiceConfiguration,
} from '@farebox/router'
import { type BookPrices, checkReported, isUnpriceable } from './book-prices.ts'
import type { Envelope } from './envelope.ts'
import { errorOfRefusal, errorOfRoute, RequestLimitError, ServiceNotAllowedError } from './errors.ts'
import { knownPart } from './known-part.ts'
import { renewKey } from './renew-key.ts'
import { requestLimit } from './request-limit.ts'
import type { CallObserver } from './telemetry/call-observer.ts'

/** The parts of a Farebox that metering uses. */
export interface MeterParts {
  ledger: Ledger
  catalog: Catalog
  prices: BookPrices
  health: Health
  /** The source of randomness in routing: numbers from 0 up to 1. */
  random(): number
  /** Judges the complexity of chats with `complexity: 'auto'`. */
  classifier?: ComplexityClassifier
  /** Who pays for failed attempts that their provider bills all the same. */
  failedAttempts: FailedAttempts
  /** Called with errors that nobody awaits. */
  onError(error: unknown): void
  /** Observers of calls. */
  observers: readonly CallObserver[]
}

/**
 * Who pays for what failed attempts used. `ours`: you do. The ledger records it as cost, and customers pay for answers only.
 * `charged`: the customer pays for the usage that providers are known to have counted. Before each further attempt, the hold is
 * extended to cover that usage as well. If the account cannot pay for both, no other provider is asked. A limit per request
 * applies to each attempt by itself.
 */
export type FailedAttempts = 'ours' | 'charged'

/** The account that pays, and the rules that apply. */
export interface Payer {
  accountId: string
  workflowId: string
  /** The workflow in the ledger. */
  envelope: Envelope
  configuration: ServiceConfiguration
  apiKey?: AuthenticatedKey
  userId?: string
}

/** A route whose hold is placed. */
export interface HeldRoute {
  route: Route
  holdId: string
  /** The initial amount of the hold. */
  amount: Credits
  /** What may still be spent in addition to the hold. */
  affordable: Credits
  /** The account's balance when the hold was placed. */
  balance: Credits
  numbers: PhoneNumbers | undefined
  /** The configuration of the call: the payer's, with the conditions applied that were met. */
  configuration(): ServiceConfiguration
  /** The time whose prices apply to the call, from its hold to its charge, in epoch milliseconds. */
  at: number
  /** The decision for this route, in the form that usage records keep. Computed on demand. */
  decision(): PackedDecision
  /** What the call is expected to use of an offer, and the most that it may use. */
  usageOf(offer: Offer): Pick<RouteRequest, 'expected' | 'ceiling'>
  /** Tells that the next candidate is to continue an answer that was cut. It is held for what `longer` then asks of it. */
  continues(longer: () => Promise<RouteRequest>): void
  /** For the router: extends the hold before it calls a more expensive candidate. */
  beforeAttempt(candidate: Candidate, facts: BeforeAttemptFacts): Promise<BeforeAttemptRefusal<Refusal> | undefined>
}

/** How many plans are tried at most, each for the smaller amount that the ledger has found affordable. */
const REPLANS_MAX = 3

/**
 * Chooses a route and places the hold for its price, as one decision. The first plan assumes that everything is affordable, so
 * that the usual case asks the ledger only once. If the ledger refuses, it says what is affordable, and the next plan looks for a
 * cheaper route. The workflow opens with the hold, and so stays unopened if no provider can serve the request.
 *
 * @throws {UnauthorizedError} the API key was revoked or has expired
 */
export async function holdRoute(
  parts: MeterParts,
  payer: Payer,
  request: RouteRequest,
  { ttlMs }: { ttlMs: number },
): Promise<HeldRoute> {
  const renewal = renewKey(parts, payer)
  if (renewal) await renewal
  const at = parts.prices.now()
  const prices = parts.prices.asOf(at)
  const allowed = whatIsAllowed({ catalog: parts.catalog, prices }, payer, request)
  let affordable: Credits = CREDITS_MAX
  let refusal: Refusal | undefined
  for (let round = 0; round < REPLANS_MAX; round++) {
    const input: PlanInput = {
      ...allowed,
      health: parts.health,
      classifier: parts.classifier,
      prices,
      configuration: payer.configuration,
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
 * Makes the plan that {@link holdRoute} would, for a payer who can spend `affordable`. Does not touch the ledger.
 *
 * @throws {ServiceNotAllowedError} the key may not use the service at all, or not the requested provider
 * @throws {RequestLimitError} every provider that the key may use costs more than its limit per request
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
  const allowed = whatIsAllowed({ catalog, prices }, payer, request)
  return plan({ ...allowed, health, classifier, prices, configuration, affordable, random: () => 0, now })
}

/** The error for a request that costs more than its API key allows. */
export function overKeyLimit(apiKey: AuthenticatedKey, service: string, charge: Credits, limit: Credits): RequestLimitError {
  const cost = `${service} may cost ${formatCredits(charge)} credits`
  return new RequestLimitError(`${cost}, API key ${apiKey.prefix} allows ${formatCredits(limit)} a request`, charge, limit)
}

/** Releases a whole hold; if the database is away, once it is back. */
export async function release(
  { ledger }: Pick<MeterParts, 'ledger'>,
  { accountId }: Pick<Payer, 'accountId'>,
  { holdId }: Pick<HeldRoute, 'holdId'>,
): Promise<void> {
  await ledger.releaseHold({ accountId, holdId }).catch((error: unknown) => {
    if (!isFareboxError(error)) throw error
    ledger.releaseHoldLater({ accountId, holdId })
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
  let longer: (() => Promise<RouteRequest>) | undefined
  /** The most that candidates may cost which continue an answer. */
  const continued = new Map<Candidate, Credits>()
  const mostOf = (candidate: Candidate) => continued.get(candidate) ?? holdFor(route, candidate)
  const configuration = () => applyConditions(input.configuration, request.metadata).configuration
  // Ended attempts are charged before the answer, so the hold must cover them too.
  const chargedFor = (attempts: readonly AttemptRecord[]) =>
    parts.failedAttempts === 'charged'
      ? attempts.reduce((sum, one) => sum + failedCharge(parts, one, { most: mostOf(one.candidate), route, request, at }), 0n)
      : 0n
  return {
    route,
    holdId,
    amount,
    affordable,
    balance,
    numbers: request.numbers,
    configuration,
    at,
    usageOf: (offer) => request.usageOf?.(offer) ?? request,
    decision: () => packDecision(decisionRecord(route, input, { at, priceVersion: parts.prices.versionAt(at) })),
    continues: (request) => {
      longer = request
    },
    async beforeAttempt(candidate, { cause, attempts }) {
      if (longer) {
        // Its prompt has the answer so far, which may be as long as the rest.
        const most = predictCeilingIfPriced(input.prices, candidate.offer, await longer())
        const limit = requestLimit(payer, configuration(), candidate.offer)?.amount
        if (most !== undefined && limit !== undefined && most > limit) {
          // Nobody is told: an answer that is not continued ends with the error that cut it.
          return { refused: { status: 'refused', reason: 'insufficient_balance', available: held, requested: most } }
        }
        if (most !== undefined && most > mostOf(candidate)) continued.set(candidate, most)
      }
      const needed = microCredits(mostOf(candidate) + chargedFor(attempts))
      // If failed attempts are charged, a hedge is charged along with the attempt that it joins.
      const isBoth = parts.failedAttempts === 'charged' && cause === 'hedge'
      const amount = isBoth ? microCredits(held + needed) : needed
      if (amount <= held) return undefined
      const outcome = await parts.ledger.extendHold({ accountId: payer.accountId, holdId, amount })
      if (outcome.status === 'refused') return { refused: outcome }
      held = amount
      return undefined
    },
  }
}

/** The most that a failed attempt will be charged. What a cut stream produced is counted later, and is at most what it was held for. */
function failedCharge(
  parts: Pick<MeterParts, 'prices'>,
  { candidate, usage, outcome }: AttemptRecord,
  { most, route, request, at }: { most: Credits } & Pick<HeldRoute, 'route' | 'at'> & Pick<PlanInput, 'request'>,
): Credits {
  if (!usage) return outcome === 'cut' ? most : microCredits(0n)
  const { exploration } = route
  const own = reportedCharge(parts, { candidate, usage }, { at, request })
  if (exploration?.candidate !== candidate) return own
  const instead = reportedCharge(parts, { candidate: exploration.insteadOf, usage }, { at, request })
  const isReplacing = instead < own
  return isReplacing ? instead : own
}

/** What a failed attempt is charged for the usage that its provider reported. Nothing if that cannot be priced. */
function reportedCharge(
  { prices }: Pick<MeterParts, 'prices'>,
  { candidate, usage }: { candidate: Candidate; usage: Usage },
  { at, request }: Pick<HeldRoute, 'at'> & Pick<PlanInput, 'request'>,
): Credits {
  const { service, provider, model } = pricedOffer(candidate.offer, request.operation)
  if (usage.certainty === 'ceiling') return microCredits(0n)
  const price = (quantities: readonly UsageQuantity[]) =>
    prices.priceReported({ service, provider, model, at, ...request.numbers }, quantities)
  try {
    checkReported(usage)
    return chargeOf(price(usage.quantities).rating)
  } catch (error) {
    if (!isUnpriceable(error)) throw error
    const known = knownPart(error, usage, price)
    return known ? chargeOf(known.rating) : microCredits(0n)
  }
}

/**
 * Excludes the providers that the key may not use, or not at this price. If other offers of the same provider are within its limit,
 * only the dear ones are left out.
 *
 * @throws {ServiceNotAllowedError} the key may not use the service at all, or not the provider that was asked for
 * @throws {RequestLimitError} every provider that may be used, was asked for and has a price costs more than the key's limit per
 * request
 */
function whatIsAllowed(
  { catalog, prices }: { catalog: Catalog; prices: PricePredictor },
  { apiKey }: Pick<Payer, 'apiKey'>,
  request: RouteRequest,
): Pick<PlanInput, 'catalog' | 'request'> {
  if (!apiKey || apiKey.services.length === 0) return { catalog, request }
  const excludes = new Set(request.excludes)
  const within = new Set<string>()
  const over = new Set<Offer>()
  let cheapestOver: { charge: Credits; limit: Credits } | undefined
  let isServiceAllowed = false
  let isWithinLimit = false
  const unlimited: Offer[] = []
  for (const { offer } of catalog.forService(request.service)) {
    const permission = keyPermission(apiKey, request.service, offer.provider)
    if (!permission) {
      excludes.add(offer.provider)
      continue
    }
    isServiceAllowed = true
    const limit = permission.costLimitPerRequest
    const charge = limit === null ? undefined : predictCeilingIfPriced(prices, offer, request)
    // Only a provider that may be asked and that has a price can still serve the request within the limit.
    const isAsked = request.provider === undefined || offer.provider === request.provider
    if (limit === null) {
      if (isAsked) unlimited.push(offer)
    } else if (charge !== undefined && charge <= limit) {
      isWithinLimit ||= isAsked
      within.add(offer.provider)
    } else if (charge !== undefined) {
      over.add(offer)
      if (isAsked && (!cheapestOver || charge < cheapestOver.charge)) cheapestOver = { charge, limit }
    }
  }
  const hasPrice = (offer: Offer) => predictCeilingIfPriced(prices, offer, request) !== undefined
  if (cheapestOver && !isWithinLimit && !unlimited.some(hasPrice)) {
    throw overKeyLimit(apiKey, request.service, cheapestOver.charge, cheapestOver.limit)
  }
  if (!isServiceAllowed && !keyPermission(apiKey, request.service)) {
    throw new ServiceNotAllowedError(request.service, `API key ${apiKey.prefix} may not use service ${request.service}`)
  }
  if (request.provider !== undefined && !keyPermission(apiKey, request.service, request.provider)) {
    const what = `${request.service} of ${request.provider}`
    throw new ServiceNotAllowedError(request.service, `API key ${apiKey.prefix} may not use ${what}`)
  }
  for (const { provider } of over) if (!within.has(provider)) excludes.add(provider)
  return {
    catalog: [...over].some(({ provider }) => within.has(provider)) ? catalogWithout(over, catalog) : catalog,
    request: { ...request, excludes: [...excludes] },
  }
}

function catalogWithout(offers: ReadonlySet<Offer>, catalog: Catalog): Catalog {
  const forService: Catalog['forService'] = (service) => catalog.forService(service).filter(({ offer }) => !offers.has(offer))
  return { services: catalog.services, forService }
}

/** A hold must be above zero. */
export function atLeastOne(amount: Credits): Credits {
  return amount > 0n ? amount : microCredits(1n)
}
