import {
  type Credits,
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
import { type AttemptRecord, type Candidate, pricedOffer } from '@farebox/router'
import type { KeptAttempt } from './attempt-details.ts'
import { checkReported, isUnpriceable, type Pricing } from './book-prices.ts'
import { errorOfRefusal } from './errors.ts'
import { type HeldRoute, type MeterParts, type Payer, release } from './hold-route.ts'
import { knownPart } from './known-part.ts'
import { type CallWatch, quietly } from './telemetry/watch-call.ts'

const RAW_LENGTH_MAX = 16_384
const RETRY_WAITS_MS = [50, 200, 800]

/**
 * Failures after which a provider may bill without having reported any usage: it had the request, and may have done the work. All
 * other failures mean that it did none. A connection that broke is taken for that too: mostly it had been idle for too long.
 */
const MAY_BE_BILLED: ReadonlySet<ProviderErrorKind> = new Set([
  'timeout',
  'incomplete',
  'malformed',
  'aborted',
  'outcome_unknown',
])

/** The answer that a call is charged for. */
export interface Answer {
  candidate: Candidate
  attemptId: string
  /** The usage that the provider reported. */
  usage: Usage | undefined
  /** The usage to charge if the provider reported none, or none that can be priced. */
  fallback: () => Usage | Promise<Usage>
  /** The provider's id of the request. */
  requestId?: string
  /** What the provider has billed for it, if it says so at once. @defaultValue rated by the cost book */
  cost?: NanoUsd
}

/** How a call went, from its hold to its end. */
export interface CallEnding {
  answer?: Answer
  attempts: readonly AttemptRecord[]
  /** The least that attempts have used, by attempt id, if their providers reported nothing. */
  floors?: ReadonlyMap<string, Usage>
  /** Is told of every charge. */
  watch: Pick<CallWatch, 'charged'>
}

/**
 * What the answer of a call was charged, and the balance after it, if the ledger has returned one. For a call without an answer,
 * what its failed attempts were charged.
 */
export type CallCharge = Pick<ChargedOutcome, 'charged'> & Partial<Pick<ChargedOutcome, 'balance'>>

/**
 * Settles a call that has ended. It charges the answer against the hold and releases the rest. It records each failed attempt
 * that its provider may bill, with its cost. Customers are not charged for those, unless `failedAttempts` is `charged`.
 *
 * If the database is unavailable and the charge is spooled, the result is what will be charged: the rounded price of the answer.
 */
export async function settleCall(parts: MeterParts, payer: Payer, held: HeldRoute, ending: CallEnding): Promise<CallCharge> {
  const { answer, attempts, floors, watch } = ending
  const failed = attempts.filter(({ attemptId }) => attemptId !== answer?.attemptId)
  let lost = 0n
  for (const attempt of failed)
    lost += await settleFailedAttempt(parts, payer, held, { attempt, floor: floors?.get(attempt.attemptId), watch })
  if (!answer) {
    await endHold(parts, payer, held, attempts)
    return { charged: microCredits(lost) }
  }
  const charge = await settleAnswer(parts, payer, held, answer, attempts)
  watch.charged(charge.charged)
  return charge
}

/** Charges an answer, and records the attempts that led to it. */
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
        // Kept if usage and price version alone cannot explain the charge, because of tiers, time windows or another provider's
        // price.
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

/** The details that a usage record keeps of an answer and its attempts. */
export function answerDetails(
  held: HeldRoute,
  { candidate, attemptId, usage, requestId }: Pick<Answer, 'candidate' | 'requestId'> & { attemptId?: string; usage: Usage },
  attempts: readonly AttemptRecord[],
) {
  return {
    usage: quantitiesJson(usage),
    at: held.at,
    raw: keepIfShort(usage.raw),
    adapter: candidate.adapter.name,
    requestId: keepIfShort(requestId),
    numbers: held.numbers,
    attempt: attemptId,
    attempts: attempts.map((attempt) => describeAttempt(attempt, attemptId)),
    decision: held.decision(),
    simulated: candidate.adapter.isSimulated || undefined,
  }
}

/**
 * Records a failed attempt that its provider may bill. By default the customer consumed none of it: the record's quantity is
 * zero, and its details have what the provider counted. Returns what the customer is charged for it.
 */
export async function settleFailedAttempt(
  parts: MeterParts,
  payer: Payer,
  held: HeldRoute,
  { attempt, floor, watch }: { attempt: AttemptRecord; floor?: Usage | undefined; watch: CallEnding['watch'] },
): Promise<Credits> {
  const usage = failedUsage(held, attempt, floor)
  if (!usage) return microCredits(0n)
  try {
    const charged = await writeFailedAttempt(parts, payer, held, attempt, usage)
    watch.charged(charged)
    return charged
  } catch (error) {
    // A failed attempt that cannot be recorded must not keep the answer from being settled.
    parts.onError(error)
    return microCredits(0n)
  }
}

/** Writes the record of a failed attempt. Returns what the customer is charged for it. */
async function writeFailedAttempt(
  parts: MeterParts,
  payer: Payer,
  held: HeldRoute,
  attempt: AttemptRecord,
  usage: Usage,
): Promise<Credits> {
  const { candidate, attemptId } = attempt
  const isCharged = parts.failedAttempts === 'charged' && usage.certainty !== 'ceiling'
  const own = await priceUsage(parts, held, candidate, usage, () => usage)
  const { priced, rating, insteadOf } = isCharged
    ? await atMostAsReplaced(parts, held, candidate, own)
    : { ...own, insteadOf: undefined }
  const ours = { quantity: 0n as Quantity, rated: microCredits(0n), roundingStep: microCredits(1n) }
  const { charged } = await settleInput(payer.envelope, () => ({
    accountId: payer.accountId,
    holdId: held.holdId,
    usageId: attemptId,
    final: false,
    // Another process may have ended the call, where its run was taken for dead.
    ...(isCharged && { partOf: held.holdId }),
    provider: candidate.offer.provider,
    usage: {
      ...priced,
      ...(!isCharged && ours),
      model: candidate.offer.model,
      certainty: usage.certainty,
      details: {
        usage: quantitiesJson(usage),
        at: held.at,
        raw: keepIfShort(usage.raw),
        adapter: candidate.adapter.name,
        requestId: keepIfShort(attempt.requestId),
        attempt: attemptId,
        attempts: [describeAttempt(attempt, attemptId)],
        pricedAs: insteadOf,
        // Live sound may be priced by another model than the record names.
        explanation:
          isCharged && (insteadOf !== undefined || rating.query.model !== candidate.offer.model) ? explain(rating) : undefined,
      },
    },
  })).catch((error: unknown) => {
    if (!(error instanceof UsageSpooledError)) throw error
    return { charged: isCharged ? chargeOf(rating) : microCredits(0n) }
  })
  return charged
}

/** Ends the hold of a call without an answer. Charges nothing, but records the attempts for the receipt. */
async function endHold(parts: MeterParts, payer: Payer, held: HeldRoute, attempts: readonly AttemptRecord[]): Promise<void> {
  const last = attempts.at(-1)
  if (!last) return release(parts, payer, held)
  await settleInput(payer.envelope, () => ({
    accountId: payer.accountId,
    holdId: held.holdId,
    provider: last.candidate.offer.provider,
    usage: {
      quantity: 0n as Quantity,
      unit: 'requests',
      rated: microCredits(0n),
      roundingStep: microCredits(1n),
      model: last.candidate.offer.model,
      details: { at: held.at, attempts: attempts.map((attempt) => describeAttempt(attempt)) },
    },
  })).catch((error: unknown) => {
    if (!isFareboxError(error)) throw error
    // What is spooled ends the hold itself.
    if (!(error instanceof UsageSpooledError)) parts.ledger.releaseHoldLater({ accountId: payer.accountId, holdId: held.holdId })
  })
}

/** What a failed attempt used: as reported, or else the most that it can have used if its provider may bill it. */
function failedUsage(held: HeldRoute, { usage, errorKind, outcome, candidate }: AttemptRecord, floor?: Usage): Usage | undefined {
  if (usage ?? floor) return usage ?? floor
  const isUnknown =
    outcome === 'left' || outcome === 'cut' || outcome === 'lost' || (errorKind !== undefined && MAY_BE_BILLED.has(errorKind))
  return isUnknown ? { quantities: held.usageOf(candidate.offer).ceiling, certainty: 'ceiling' } : undefined
}

/** Prices an answer, as {@link atMostAsReplaced} does. */
async function priceAnswer(parts: MeterParts, held: HeldRoute, { candidate, usage, fallback }: Answer) {
  return atMostAsReplaced(parts, held, candidate, await priceUsage(parts, held, candidate, usage ?? (await fallback()), fallback))
}

/**
 * If the router tried out a candidate at the host's expense, the customer pays no more for the usage than at the candidate that it
 * replaced. The cost is still that of the one that was called.
 */
async function atMostAsReplaced(
  parts: MeterParts,
  held: HeldRoute,
  candidate: Candidate,
  own: Awaited<ReturnType<typeof priceUsage>>,
) {
  const { exploration } = held.route
  if (exploration?.candidate !== candidate) return { ...own, insteadOf: undefined }
  const other = await priceUsage(parts, held, exploration.insteadOf, own.usage, () => own.usage)
  if (other.priced.rated >= own.priced.rated) return { ...own, insteadOf: undefined }
  const { rated, roundingStep, priceVersion } = other.priced
  return {
    ...own,
    rating: other.rating,
    priced: { ...own.priced, rated, roundingStep, priceVersion },
    insteadOf: exploration.insteadOf.offer.provider,
  }
}

/**
 * Prices a usage. If the price book cannot price the whole report, the answer must still be charged: by the fallback, or by the
 * part of the report that has a price, whichever is more. That part may be the larger one: next to web searches without a price,
 * a report counts all the tokens of what they found. A report that counts nothing is treated as missing, not as a free answer.
 */
async function priceUsage(
  { prices }: MeterParts,
  { numbers, at, route }: HeldRoute,
  candidate: Candidate,
  usage: Usage,
  fallback: Answer['fallback'],
) {
  const { service, provider, model } = pricedOffer(candidate.offer, route.operation)
  const source = { service, provider, model, at, ...numbers, serviceTier: usage.serviceTier }
  const price = (quantities: readonly UsageQuantity[]) => prices.priceReported(source, quantities)
  let known: ReturnType<typeof knownPart<Pricing>>
  /** The cost of the whole report: usage that customers pay nothing for may still have one. */
  let cost: NanoUsd | undefined
  const atCost = <Priced extends Pricing>(pricing: Priced): Priced => {
    const { priced } = pricing
    if (cost !== undefined && cost > (priced.cost ?? -1n)) priced.cost = cost
    return pricing
  }
  try {
    checkReported(usage)
    if (usage.quantities.length > 0) return { ...price(usage.quantities), usage }
  } catch (error) {
    if (!isUnpriceable(error)) throw error
    known = knownPart(error, usage, price)
    if (error.code === 'PRICE_NOT_FOUND') cost = prices.costOf(source, usage.quantities)
  }
  const other = await fallback()
  // A failed attempt has no other measurement, so there is no other price to compare with.
  if (known && other === usage) return atCost(known)
  const expected = { ...prices.price(source, other.quantities), usage: { ...other, raw: usage.raw } }
  return atCost(known && known.priced.rated > expected.priced.rated ? known : expected)
}

/**
 * Settles a hold. Retries if the database is unavailable for a moment, because the work is done and its price is known.
 *
 * @param make  makes the input, the same each time: so the ledger recognizes a try that did get through. It is made anew for each
 * try and not kept, because it is a tenth of the memory that a call takes while its charge waits
 */
export function settleInput(ledger: Pick<Ledger, 'settleHold'>, make: () => SettleHoldInput): Promise<ChargedOutcome> {
  return patiently(async () => {
    const outcome = await ledger.settleHold(make())
    if (outcome.status === 'refused') throw errorOfRefusal(outcome)
    return outcome
  })
}

/** Retries what is safe to repeat, for about a second, while the database is unavailable. */
export async function patiently<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
  for (let tries = 0; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const waitMs = RETRY_WAITS_MS[tries]
      if (waitMs === undefined || !isFareboxError(error) || !error.isRetryable) throw error
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
}

/**
 * Drops a usage block or request id that is far too long. They take a few hundred characters, and a huge one must not prevent the
 * charge.
 */
export function keepIfShort(raw: unknown): unknown {
  try {
    return (JSON.stringify(raw) ?? '').length <= RAW_LENGTH_MAX ? raw : undefined
  } catch {
    return undefined
  }
}

/** The quantities of a usage, in the form that record details keep. */
export function quantitiesJson({ quantities }: Usage) {
  return quantities.map(({ meter, quantity, unit }) => ({ meter, quantity: formatQuantity(quantity), unit }))
}

/** @param own  the id of the record's own attempt: the record itself has its provider, model and adapter */
function describeAttempt(attempt: AttemptRecord, own?: string): KeptAttempt {
  const { attemptId, candidate, cause, startedAt, endedAt, outcome, errorKind, providerCode, status } = attempt
  const { provider, model } = candidate.offer
  const rest = { why: candidate.why, cause, startedAt, endedAt, outcome, error: errorKind, status, code: providerCode }
  return attemptId === own ? rest : { id: attemptId, provider, model, adapter: candidate.adapter.name, ...rest }
}
