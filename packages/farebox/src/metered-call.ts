import {
  CREDITS_MAX,
  type Credits,
  type FareboxError,
  formatCredits,
  formatQuantity,
  isFareboxError,
  microCredits,
  type Offer,
  type ProviderErrorKind,
  type Usage,
} from '@farebox/core'
import {
  type AuthenticatedKey,
  type ChargedOutcome,
  keyPermission,
  type Ledger,
  type Refusal,
  UsageSpooledError,
} from '@farebox/ledger'
import { chargeOf, explain } from '@farebox/pricing'
import {
  type AttemptOutcome,
  type AttemptRecord,
  type BeforeAttemptRefusal,
  type Candidate,
  type Catalog,
  type Health,
  type Operation,
  type PhoneNumbers,
  type PricePredictor,
  plan,
  type Route,
  type RouteRequest,
  type ServiceConfiguration,
} from '@farebox/router'
import type { BookPrices } from './book-prices.ts'
import {
  CallerLeftError,
  errorOfRefusal,
  errorOfRoute,
  ProvidersFailedError,
  RequestLimitError,
  ServiceNotAllowedError,
} from './errors.ts'

/** What metering needs of a Farebox. */
export interface MeterParts {
  ledger: Ledger
  catalog: Catalog
  prices: BookPrices
  health: Health
}

/** Who pays, under which rules. */
export interface Payer {
  accountId: string
  workflowId: string
  configuration: ServiceConfiguration
  apiKey?: AuthenticatedKey
  userId?: string
}

/** A route whose money is set aside. */
export interface HeldRoute {
  route: Route
  holdId: string
  numbers: PhoneNumbers | undefined
  /** The moment that prices the call, from its hold to its charge. */
  at: number
  /** For the router: fits the hold to a dearer candidate before it is called. */
  beforeAttempt(candidate: Candidate): Promise<BeforeAttemptRefusal<Refusal> | undefined>
}

/** Failures of which a provider says that no telephone rang. */
const NOT_DIALLED: ReadonlySet<ProviderErrorKind> = new Set([
  'rate_limited',
  'authentication',
  'quota_exhausted',
  'model_not_found',
  'unsupported',
  'invalid_request',
  'content_policy',
])

/** The route changes at most this often because the ledger affords less than was thought. */
const REPLANS_MAX = 3
const RAW_LENGTH_MAX = 16_384
const SETTLE_WAITS_MS = [50, 200, 800]

/**
 * Chooses a route and sets its price aside as one decision. It plans as if everything could be paid, so that the usual case asks
 * the ledger once; a refusal says what is affordable, and the next plan finds what costs less, or says that nothing does.
 *
 * @param open  opens the workflow; not called for what no provider may serve anyway
 */
export async function holdRoute(
  parts: MeterParts,
  payer: Payer,
  request: RouteRequest,
  { ttlMs, open }: { ttlMs: number; open: () => Promise<void> },
): Promise<HeldRoute> {
  const at = parts.prices.now()
  const prices = parts.prices.asOf(at)
  const allowed = allowedRequest({ catalog: parts.catalog, prices }, payer, request)
  let affordable: Credits = CREDITS_MAX
  let refusal: Refusal | undefined
  for (let round = 0; round < REPLANS_MAX; round++) {
    const route = plan({
      ...parts,
      prices,
      configuration: payer.configuration,
      request: allowed,
      affordable,
      random: Math.random,
    })
    if (route.status === 'refused') {
      if (refusal && route.reason === 'insufficient_credits') throw errorOfRefusal(refusal, route.needed)
      throw errorOfRoute(route)
    }
    const [first] = route.candidates
    if (!first) throw new Error('a route without candidates')
    await open()
    const outcome = await parts.ledger.placeHold({
      accountId: payer.accountId,
      workflowId: payer.workflowId,
      apiKeyId: payer.apiKey?.apiKeyId,
      userId: payer.userId,
      service: request.service,
      provider: first.offer.provider,
      amount: atLeastOne(first.chargeCeiling),
      ttlMs,
    })
    if (outcome.status === 'held') {
      return heldRoute(parts, payer, { route, first, numbers: request.numbers, at }, outcome.holdId)
    }
    if (!('available' in outcome) || outcome.available >= affordable) throw errorOfRefusal(outcome)
    refusal = outcome
    affordable = outcome.available
  }
  throw errorOfRefusal(refusal as Refusal)
}

/** The refusal of a request that costs more than its key allows. */
export function overKeyLimit(apiKey: AuthenticatedKey, service: string, charge: Credits, limit: Credits): RequestLimitError {
  const cost = `${service} may cost ${formatCredits(charge)} credits`
  return new RequestLimitError(`${cost}, API key ${apiKey.prefix} allows ${formatCredits(limit)} a request`, charge, limit)
}

/**
 * Charges an answer against its hold, and gives the rest back. Where the database is away and the charge was spooled, it is told as it
 * will be: its own price, rounded.
 */
export async function settle(
  parts: MeterParts,
  payer: Payer,
  held: HeldRoute,
  facts: { candidate: Candidate; usage: Usage; fallback: Usage; attempts: readonly AttemptRecord[] },
): Promise<Pick<ChargedOutcome, 'charged'>> {
  const { candidate, attempts } = facts
  const { priced, rating, usage } = priceUsage(parts.prices, candidate, held, facts.usage, facts.fallback)
  return persist(async () => {
    const outcome = await parts.ledger.settleHold({
      accountId: payer.accountId,
      holdId: held.holdId,
      provider: candidate.offer.provider,
      usage: {
        ...priced,
        model: candidate.offer.model,
        certainty: usage.certainty,
        details: {
          usage: usage.quantities.map(({ meter, quantity, unit }) => ({ meter, quantity: formatQuantity(quantity), unit })),
          at: held.at,
          // What cannot be worked out again from usage and version alone, such as the tiers and windows that were met.
          explanation: rating.isPlain ? undefined : explain(rating),
          raw: shortEnough(usage.raw),
          attempts: attempts.map(describeAttempt),
          route: held.route.candidates.map(({ offer, why }) => ({ provider: offer.provider, why })),
          simulated: candidate.adapter.isSimulated || undefined,
        },
      },
    })
    if (outcome.status === 'refused') throw errorOfRefusal(outcome)
    return outcome
  }).catch((error: unknown) => {
    if (error instanceof UsageSpooledError) return { charged: chargeOf(rating) }
    throw error
  })
}

/** Gives a whole hold back. If even that fails, the hold goes back by itself when its time is up. */
export async function release(parts: MeterParts, payer: Payer, held: HeldRoute): Promise<void> {
  await parts.ledger.releaseHold({ accountId: payer.accountId, holdId: held.holdId }).catch((error: unknown) => {
    if (!isFareboxError(error)) throw error
  })
}

/** The error of a route that brought no answer. */
export function failureOf(
  outcome: Exclude<AttemptOutcome<unknown, Refusal>, { status: 'succeeded' }>,
  operation: Operation,
): FareboxError {
  const attempts = outcome.attempts.map(({ candidate, errorKind }) => ({
    provider: candidate.offer.provider,
    kind: errorKind ?? 'failed',
  }))
  switch (outcome.status) {
    case 'left':
      if (operation === 'call' && attempts.length > 0) return new ProvidersFailedError('OUTCOME_UNKNOWN', attempts, undefined)
      return new CallerLeftError('the caller left before an answer began')
    case 'refused':
      return outcome.error
        ? new ProvidersFailedError('PROVIDERS_FAILED', attempts, outcome.error)
        : errorOfRefusal(outcome.refusal)
    case 'failed': {
      const { kind } = outcome.error
      if (operation === 'call' && !NOT_DIALLED.has(kind))
        return new ProvidersFailedError('OUTCOME_UNKNOWN', attempts, outcome.error)
      if (kind === 'invalid_request' || kind === 'content_policy' || kind === 'context_too_long') {
        return new ProvidersFailedError('REQUEST_REJECTED', attempts, outcome.error)
      }
      if (attempts.every((attempt) => attempt.kind === 'rate_limited')) {
        return new ProvidersFailedError('PROVIDERS_BUSY', attempts, outcome.error)
      }
      const isTimeout = outcome.cause === 'deadline' || kind === 'timeout'
      return new ProvidersFailedError(isTimeout ? 'PROVIDER_TIMEOUT' : 'PROVIDERS_FAILED', attempts, outcome.error)
    }
  }
}

function heldRoute(
  parts: MeterParts,
  payer: Payer,
  { route, first, numbers, at }: Pick<HeldRoute, 'route' | 'numbers' | 'at'> & { first: Candidate },
  holdId: string,
): HeldRoute {
  let held = atLeastOne(first.chargeCeiling)
  return {
    route,
    holdId,
    numbers,
    at,
    async beforeAttempt(candidate) {
      if (candidate.chargeCeiling <= held) return undefined
      const outcome = await parts.ledger.extendHold({ accountId: payer.accountId, holdId, amount: candidate.chargeCeiling })
      if (outcome.status === 'refused') return { refused: outcome }
      held = candidate.chargeCeiling
      return undefined
    },
  }
}

/**
 * Leaves out the providers that a key may not use, or not for this price.
 *
 * @throws {ServiceNotAllowedError} the key may not use the service at all
 * @throws {RequestLimitError} every provider that it may use costs more than its limit per request
 */
function allowedRequest(
  { catalog, prices }: { catalog: Catalog; prices: PricePredictor },
  { apiKey }: Payer,
  request: RouteRequest,
): RouteRequest {
  if (!apiKey || apiKey.services.length === 0) return request
  const excludes = new Set(request.excludes)
  let tooDear: { charge: Credits; limit: Credits } | undefined
  let isAllowed = false
  for (const { offer } of catalog.forService(request.service)) {
    const permission = keyPermission(apiKey, request.service, offer.provider)
    if (!permission) {
      excludes.add(offer.provider)
      continue
    }
    const limit = permission.costLimitPerRequest
    const charge = limit === null ? undefined : chargeCeilingOf(prices, offer, request)
    if (limit === null || charge === undefined || charge <= limit) {
      isAllowed = true
    } else {
      excludes.add(offer.provider)
      if (!tooDear || charge < tooDear.charge) tooDear = { charge, limit }
    }
  }
  if (!isAllowed && tooDear) {
    throw overKeyLimit(apiKey, request.service, tooDear.charge, tooDear.limit)
  }
  if (!isAllowed && !keyPermission(apiKey, request.service)) {
    throw new ServiceNotAllowedError(request.service, `API key ${apiKey.prefix} may not use service ${request.service}`)
  }
  return { ...request, excludes: [...excludes] }
}

/** Why an offer cannot be planned with, whatever the caller may spend. */
const UNPRICEABLE: ReadonlySet<string> = new Set(['PRICE_NOT_FOUND', 'MAXIMUM_CHARGE'])

/** What an offer may cost at most; `undefined` when it has no price, which is for the plan to reject. */
function chargeCeilingOf(prices: PricePredictor, offer: Offer, request: RouteRequest): Credits | undefined {
  try {
    return prices.predict(offer, (request.usageOf?.(offer) ?? request).ceiling, request.numbers).charge
  } catch (error) {
    if (isFareboxError(error) && UNPRICEABLE.has(error.code)) return undefined
    throw error
  }
}

/** A unit that the provider reports and nobody priced must not lose the charge: what was expected is charged then, as derived. */
function priceUsage(prices: BookPrices, candidate: Candidate, { numbers, at }: HeldRoute, usage: Usage, fallback: Usage) {
  const { service, provider, model } = candidate.offer
  const source = { service, provider, model, at, ...numbers }
  try {
    return { ...prices.price(source, usage.quantities), usage }
  } catch (error) {
    if (!isFareboxError(error) || error.code !== 'PRICE_NOT_FOUND') throw error
    return { ...prices.price(source, fallback.quantities), usage: { ...fallback, raw: usage.raw } }
  }
}

/** A provider's usage block is a few hundred characters; one that is huge must not keep the charge from being made. */
function shortEnough(raw: unknown): unknown {
  try {
    return (JSON.stringify(raw) ?? '').length <= RAW_LENGTH_MAX ? raw : undefined
  } catch {
    return undefined
  }
}

/** The work is done and its price is known: a database that is away for a moment must not lose it. */
async function persist<Result>(work: () => Promise<Result>): Promise<Result> {
  for (const wait of SETTLE_WAITS_MS) {
    try {
      return await work()
    } catch (error) {
      if (!isFareboxError(error) || !error.isRetryable) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
  return work()
}

function describeAttempt({ attemptId, candidate, startedAt, endedAt, outcome, errorKind }: AttemptRecord) {
  return {
    id: attemptId,
    provider: candidate.offer.provider,
    adapter: candidate.adapter.name,
    startedAt,
    endedAt,
    outcome,
    error: errorKind,
  }
}

function atLeastOne(amount: Credits): Credits {
  return amount > 0n ? amount : microCredits(1n)
}
