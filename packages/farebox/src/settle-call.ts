import {
  formatQuantity,
  isFareboxError,
  microCredits,
  type NanoUsd,
  type ProviderErrorKind,
  type Quantity,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import { type ChargedOutcome, type Ledger, type SettleHoldInput, UsageSpooledError } from '@farebox/ledger'
import { chargeOf, explain } from '@farebox/pricing'
import type { AttemptRecord, Candidate } from '@farebox/router'
import type { KeptAttempt } from './attempt-details.ts'
import { checkReported, isUnpriceable, type Pricing } from './book-prices.ts'
import { errorOfRefusal } from './errors.ts'
import { type HeldRoute, type MeterParts, type Payer, release } from './hold-route.ts'
import { knownPart } from './known-part.ts'
import { quietly } from './telemetry/watch-call.ts'

const RAW_LENGTH_MAX = 16_384
const SETTLE_WAITS_MS = [50, 200, 800]

/**
 * Failures after which a provider may bill although it said nothing: it had the request, and may have done the work. All others say that it
 * did none.
 */
const MAY_BE_BILLED: ReadonlySet<ProviderErrorKind> = new Set([
  'timeout',
  'incomplete',
  'malformed',
  'aborted',
  'outcome_unknown',
])

/** The answer that a call is charged by. */
export interface Answer {
  candidate: Candidate
  attemptId: string
  /** As the provider reported it. */
  usage: Usage | undefined
  /** What is charged where the provider did not say, or what it said cannot be priced. */
  fallback: () => Usage | Promise<Usage>
  /** The provider's id of the request. */
  requestId?: string
  /** What the provider has billed for it, where it says so at once. @defaultValue by the cost book */
  cost?: NanoUsd
}

/** How a call went, from its hold to its end. */
export interface CallEnding {
  answer?: Answer
  attempts: readonly AttemptRecord[]
  /** What attempts are known to have used at least, by their ids, where their providers did not say. */
  floors?: ReadonlyMap<string, Usage>
}

/** What a call was charged, and what is left then, where the ledger has said so. */
export type CallCharge = Pick<ChargedOutcome, 'charged'> & Partial<Pick<ChargedOutcome, 'balance'>>

/**
 * Accounts a call that has ended: its answer is charged against the hold, and what is left goes back. Each failed attempt that its
 * provider may bill is written down with what it cost us, and charged to nobody, unless the policy says otherwise.
 *
 * Where the database is away and the charge was spooled, it is told as it will be: its own price, rounded.
 */
export async function settleCall(parts: MeterParts, payer: Payer, held: HeldRoute, ending: CallEnding): Promise<CallCharge> {
  const { answer, attempts, floors } = ending
  const lost = attempts.filter(({ attemptId }) => attemptId !== answer?.attemptId)
  for (const attempt of lost) await settleLost(parts, payer, held, attempt, floors?.get(attempt.attemptId))
  return answer ? settleAnswer(parts, payer, held, answer, attempts) : endHold(parts, payer, held, attempts)
}

/** Charges an answer, with the story of how it came about. */
async function settleAnswer(
  parts: MeterParts,
  payer: Payer,
  held: HeldRoute,
  answer: Answer,
  attempts: readonly AttemptRecord[],
): Promise<CallCharge> {
  const { candidate, cost } = answer
  const { priced, rating, usage, insteadOf } = await priceAnswer(parts, held, answer)
  const make = (): SettleHoldInput => ({
    accountId: payer.accountId,
    holdId: held.holdId,
    provider: candidate.offer.provider,
    usage: {
      ...priced,
      ...(cost !== undefined && { cost }),
      model: candidate.offer.model,
      certainty: usage.certainty,
      details: {
        ...answerDetails(held, { ...answer, usage }, attempts),
        isBilled: cost !== undefined || undefined,
        pricedAs: insteadOf,
        // What cannot be worked out again from usage and version alone, such as the tiers and windows that were met, or another's price.
        explanation: rating.isPlain && insteadOf === undefined ? undefined : explain(rating),
      },
    },
  })
  return settleInput(payer.envelope, make).catch((error: unknown) => {
    if (!(error instanceof UsageSpooledError)) throw error
    tellSpooled(parts, payer, held)
    return { charged: chargeOf(rating) }
  })
}

/** Tells observers that the usage of a hold waits in the spool. */
export function tellSpooled(
  { observers }: MeterParts,
  { accountId, workflowId }: Payer,
  { holdId }: Pick<HeldRoute, 'holdId'>,
): void {
  for (const observer of observers) quietly(() => observer.spooled?.({ accountId, workflowId, holdId }))
}

/** What a usage record keeps of an answer, and of how it came about. */
export function answerDetails(
  held: HeldRoute,
  { candidate, attemptId, usage, requestId }: Pick<Answer, 'candidate' | 'requestId'> & { attemptId?: string; usage: Usage },
  attempts: readonly AttemptRecord[],
) {
  return {
    usage: quantitiesJson(usage),
    at: held.at,
    raw: shortEnough(usage.raw),
    adapter: candidate.adapter.name,
    requestId: shortEnough(requestId),
    numbers: held.numbers,
    attempt: attemptId,
    attempts: attempts.map((attempt) => describeAttempt(attempt, attemptId)),
    decision: held.decision(),
    simulated: candidate.adapter.isSimulated || undefined,
  }
}

/**
 * Writes a failed attempt down that may cost us something. By default the customer consumed nothing of it, so its quantity is zero and
 * what the provider counted is in its details.
 */
export async function settleLost(
  parts: MeterParts,
  payer: Payer,
  held: HeldRoute,
  attempt: AttemptRecord,
  floor?: Usage,
): Promise<void> {
  const usage = lostUsage(held, attempt, floor)
  if (!usage) return
  try {
    await writeLost(parts, payer, held, attempt, usage)
  } catch (error) {
    // It costs its customer nothing, so it must not cost the answer either.
    if (!(error instanceof UsageSpooledError)) parts.onError(error)
  }
}

async function writeLost(parts: MeterParts, payer: Payer, held: HeldRoute, attempt: AttemptRecord, usage: Usage): Promise<void> {
  const { candidate, attemptId } = attempt
  const { priced } = await priceUsage(parts, held, candidate, usage, () => usage)
  const isCharged = parts.failedAttempts === 'charged' && usage.certainty !== 'ceiling'
  const ours = { quantity: 0n as Quantity, rated: microCredits(0n), roundingStep: microCredits(1n) }
  await settleInput(payer.envelope, () => ({
    accountId: payer.accountId,
    holdId: held.holdId,
    usageId: attemptId,
    final: false,
    provider: candidate.offer.provider,
    usage: {
      ...priced,
      ...(!isCharged && ours),
      model: candidate.offer.model,
      certainty: usage.certainty,
      details: {
        usage: quantitiesJson(usage),
        at: held.at,
        raw: shortEnough(usage.raw),
        adapter: candidate.adapter.name,
        requestId: shortEnough(attempt.requestId),
        attempt: attemptId,
        attempts: [describeAttempt(attempt, attemptId)],
      },
    },
  }))
}

/** Ends the hold of a call that brought no answer. What was tried is written down, for the receipt; nothing is charged. */
async function endHold(
  parts: MeterParts,
  payer: Payer,
  held: HeldRoute,
  attempts: readonly AttemptRecord[],
): Promise<CallCharge> {
  const charged = microCredits(0n)
  const last = attempts.at(-1)
  if (!last) {
    await release(parts, payer, held)
    return { charged }
  }
  await settleInput(payer.envelope, () => ({
    accountId: payer.accountId,
    holdId: held.holdId,
    provider: last.candidate.offer.provider,
    usage: {
      quantity: 0n as Quantity,
      unit: 'requests',
      rated: charged,
      roundingStep: microCredits(1n),
      model: last.candidate.offer.model,
      details: { at: held.at, attempts: attempts.map((attempt) => describeAttempt(attempt)) },
    },
  })).catch((error: unknown) => {
    // The hold goes back by itself when its time is up.
    if (!isFareboxError(error)) throw error
  })
  return { charged }
}

/** What a failed attempt used: as reported, else the most that it can have used where its provider may bill it. */
function lostUsage(held: HeldRoute, { usage, errorKind, outcome, candidate }: AttemptRecord, floor?: Usage): Usage | undefined {
  if (usage ?? floor) return usage ?? floor
  const isUnknown =
    outcome === 'left' || outcome === 'cut' || outcome === 'lost' || (errorKind !== undefined && MAY_BE_BILLED.has(errorKind))
  return isUnknown ? { quantities: held.usageOf(candidate.offer).ceiling, certainty: 'ceiling' } : undefined
}

/**
 * The price of an answer. Of a candidate that was tried out at our expense, it is no more than the one that it replaced would have charged for
 * the same usage; what it costs us stays its own.
 */
async function priceAnswer(parts: MeterParts, held: HeldRoute, { candidate, usage, fallback }: Answer) {
  const own = { ...(await priceUsage(parts, held, candidate, usage ?? (await fallback()), fallback)), insteadOf: undefined }
  const { exploration } = held.route
  if (exploration?.candidate !== candidate) return own
  const other = await priceUsage(parts, held, exploration.insteadOf, own.usage, () => own.usage)
  if (other.priced.rated >= own.priced.rated) return own
  const { rated, roundingStep, priceVersion } = other.priced
  return {
    ...own,
    rating: other.rating,
    priced: { ...own.priced, rated, roundingStep, priceVersion },
    insteadOf: exploration.insteadOf.offer.provider,
  }
}

/**
 * What the provider reports and nobody can price must not lose the charge: what was expected is charged then, as derived, or that part of the
 * report which has a price, whichever is more: searches of the web that no book knows come beside all the tokens of what was found. Nor is a
 * usage that counts nothing a free answer: nothing was reported.
 */
async function priceUsage(
  { prices }: MeterParts,
  { numbers, at }: HeldRoute,
  candidate: Candidate,
  usage: Usage,
  fallback: Answer['fallback'],
) {
  const { service, provider, model } = candidate.offer
  const source = { service, provider, model, at, ...numbers }
  const price = (quantities: readonly UsageQuantity[]) => prices.priceReported(source, quantities)
  let known: ReturnType<typeof knownPart<Pricing>>
  try {
    checkReported(usage)
    if (usage.quantities.length > 0) return { ...price(usage.quantities), usage }
  } catch (error) {
    if (!isUnpriceable(error)) throw error
    known = knownPart(error, usage, price)
    // What customers pay nothing for may cost us something.
    if (known) known.priced.cost = prices.costOf(source, usage.quantities) ?? known.priced.cost
  }
  const other = await fallback()
  // Where nothing else was measured, as of an attempt that failed, there is no other price of it.
  if (known && other === usage) return known
  const expected = { ...prices.price(source, other.quantities), usage: { ...other, raw: usage.raw } }
  return known && known.priced.rated > expected.priced.rated ? known : expected
}

/**
 * Settles a hold, again where the database is away for a moment: the work is done, and its price is known.
 *
 * @param make  makes the same each time, which a try that was made all the same is known by. Nobody keeps it meanwhile: a tenth of what a call holds while its charge waits
 */
export async function settleInput(ledger: Pick<Ledger, 'settleHold'>, make: () => SettleHoldInput): Promise<ChargedOutcome> {
  for (let tries = 0; ; tries++) {
    try {
      const outcome = await ledger.settleHold(make())
      if (outcome.status === 'refused') throw errorOfRefusal(outcome)
      return outcome
    } catch (error) {
      const waitMs = SETTLE_WAITS_MS[tries]
      if (waitMs === undefined || !isFareboxError(error) || !error.isRetryable) throw error
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
}

/** A provider's usage block is a few hundred characters, and its id of a request less; one that is huge must not keep the charge from being made. */
function shortEnough(raw: unknown): unknown {
  try {
    return (JSON.stringify(raw) ?? '').length <= RAW_LENGTH_MAX ? raw : undefined
  } catch {
    return undefined
  }
}

/** The quantities of a usage, as details keep them. */
export function quantitiesJson({ quantities }: Usage) {
  return quantities.map(({ meter, quantity, unit }) => ({ meter, quantity: formatQuantity(quantity), unit }))
}

/** @param own  the attempt of which the record says the rest itself */
function describeAttempt(attempt: AttemptRecord, own?: string): KeptAttempt {
  const { attemptId, candidate, cause, startedAt, endedAt, outcome, errorKind, providerCode, status } = attempt
  const { provider, model } = candidate.offer
  const rest = { why: candidate.why, cause, startedAt, endedAt, outcome, error: errorKind, status, code: providerCode }
  return attemptId === own ? rest : { id: attemptId, provider, model, adapter: candidate.adapter.name, ...rest }
}
