import { type Credits, microCredits, nanoUsd, type Quantity, type Usage, type UsageQuantity } from '@farebox/core'
import {
  type ChargedOutcome,
  type ExtendHoldOutcome,
  keepAlive,
  type PlaceHoldOutcome,
  type SettleHoldInput,
  type UsageRow,
  UsageSpooledError,
} from '@farebox/ledger'
import { chargeOf, explain } from '@farebox/pricing'
import type { AttemptRecord } from '@farebox/router'
import { checkReported, isUnpriceable, type PricedSource } from '../book-prices.ts'
import type { MeterParts, Payer } from '../hold-route.ts'
import { knownPart } from '../known-part.ts'
import { quantitiesJson, settleInput, tellSpooled } from '../settle-call.ts'
import type { SpentReason } from '../workflow-calls.ts'
import type { LiveLimit } from './live-limit.ts'

/** What is kept of a part of live work, beside its price. */
export interface LivePart {
  usage: Usage
  /** What is charged where it cannot be priced: what was measured here. */
  fallback?: () => Usage
  requestId?: string
}

/** Work that goes on, whose hold is placed. */
export interface LiveWork {
  holdId: string
  /** Whose price it has, as of the moment at which it began. */
  source: PricedSource & { at: number }
  /** What its records call the model, if not as its price does. */
  model?: string
  /** The most that the whole may cost. @defaultValue what there is */
  limit?: LiveLimit
  /** What is kept of a part. */
  details(part: LivePart, attempts: readonly AttemptRecord[]): object
}

/** Whether what comes next is paid for, and what may be spent beside it; or why it is not. */
export type CoverOutcome = { status: 'held'; affordable: Credits } | { status: 'spent'; reason: SpentReason }

/** The id of the usage record of one part; the last part has the hold's. */
function livePartId(holdId: string, count: number): string {
  return `${holdId}.part${count}`
}

/** The usage record of the last part of live work, of which this record is an earlier part; `undefined` where it is none. */
export function lastPartOf({ usageId }: Pick<UsageRow, 'usageId'>): string | undefined {
  return /^(.+)\.part\d+$/.exec(usageId)?.[1]
}

/** How long the hold of live work outlives the process that kept it alive. */
export const LIVE_HOLD_TTL_MS = 300_000

/**
 * Meters one piece of work that goes on for as long as people talk. It is charged part by part, so that a crash loses little, and the parts
 * cost what the whole would; its hold is made to cover what comes next before that comes, and kept alive meanwhile.
 */
export class LiveMeter {
  readonly #parts: MeterParts
  readonly #payer: Payer
  readonly #work: LiveWork
  /** Another than it began with where that expired. The ids of its records stay those of the first. */
  #holdId: string
  #heartbeat: { stop(): Promise<void> }
  #total: UsageQuantity[] = []
  /** Parts that could not be written, and are written first the next time: as they were, since one whose answer was lost may be there. */
  #waiting: { input: SettleHoldInput; charge: bigint }[] = []
  #rated = 0n
  #cost = 0n
  #charged = 0n
  #count = 0
  /** Whether the last part was asked for: it is all that was left to charge. */
  #isEnding = false
  /** Whether the last part was rated, though it may still wait to be written. */
  #isFinal = false
  /** Parts are charged, and holds extended, one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: MeterParts, payer: Payer, work: LiveWork) {
    this.#parts = parts
    this.#payer = payer
    this.#work = work
    this.#holdId = work.holdId
    this.#heartbeat = this.#keepAlive()
  }

  /** Taken from the account so far. */
  get charged(): Credits {
    return microCredits(this.#charged)
  }

  /** What `more` would cost beyond what has been charged. */
  priceOf(more: readonly UsageQuantity[]): Credits {
    const price = this.#price(sumOf(this.#total, more)).charge - this.#charged
    return microCredits(price > 0n ? price : 0n)
  }

  /** The same amount, or as much of it as may be charged beyond what has been. */
  withinLimit(amount: Credits): Credits {
    const { limit } = this.#work
    const left = limit && limit.amount - this.#charged
    return left === undefined || amount <= left ? amount : microCredits(left > 0n ? left : 0n)
  }

  /** Makes the hold cover `more`, beyond what has been charged, unless that is more than the limit allows. */
  cover(more: readonly UsageQuantity[]): Promise<CoverOutcome> {
    return this.#next(async () => {
      const price = this.priceOf(more)
      const { limit } = this.#work
      if (limit && price > this.withinLimit(price)) return { status: 'spent', reason: limit.reason }
      const amount = microCredits(price > 0n ? price : 1n)
      const { accountId } = this.#payer
      const extended = await this.#parts.ledger.extendHold({ accountId, holdId: this.#holdId, amount })
      const outcome = isExpired(extended) && !this.#isEnding ? await this.#holdAnew(amount) : extended
      if (outcome.status === 'refused') return { status: 'spent', reason: 'credits' }
      const spendable = this.withinLimit(microCredits(amount + outcome.affordable))
      return { status: 'held', affordable: microCredits(spendable > amount ? spendable - amount : 0n) }
    })
  }

  /** Charges a part of the work, unless it has ended. Failures are told to the host, and the part is written with the next. */
  async charge(part: LivePart): Promise<void> {
    if (this.#isEnding) return
    return this.#next(async () => {
      this.#count += 1
      const usageId = livePartId(this.#work.holdId, this.#count)
      await this.#settle(part, { usageId, final: false }).catch((error: unknown) => this.#parts.onError(error))
    })
  }

  /** Charges the last part, and gives back what is left of the hold. Answers what the whole has cost. Where it fails, it may be tried again. */
  async finish(part: LivePart, attempts: readonly AttemptRecord[]): Promise<Credits> {
    this.#isEnding = true
    await this.#heartbeat.stop()
    return this.#next(async () => {
      // Of a hold that was placed anew in the turn before.
      await this.#heartbeat.stop()
      if (this.#isFinal) await this.#write()
      else await this.#settle(part, { usageId: this.#work.holdId, final: true }, attempts)
      return this.charged
    })
  }

  /** Its hold went back by itself while this machine or the database was away; what comes next is set aside anew, or the credits would seem gone. */
  async #holdAnew(amount: Credits): Promise<PlaceHoldOutcome> {
    const { envelope, accountId, apiKey, userId } = this.#payer
    const { service, provider } = this.#work.source
    const ttlMs = LIVE_HOLD_TTL_MS
    const outcome = await envelope.placeHold({ accountId, apiKeyId: apiKey?.apiKeyId, userId, service, provider, amount, ttlMs })
    if (outcome.status !== 'held') return outcome
    await this.#heartbeat.stop()
    this.#holdId = outcome.holdId
    this.#heartbeat = this.#keepAlive()
    return outcome
  }

  #keepAlive(): { stop(): Promise<void> } {
    const { ledger, onError } = this.#parts
    const { accountId } = this.#payer
    return keepAlive(ledger, { accountId, holdId: this.#holdId, ttlMs: LIVE_HOLD_TTL_MS, onError: (error) => onError(error) })
  }

  async #settle(
    part: LivePart,
    { usageId, final }: { usageId: string; final: boolean },
    attempts: readonly AttemptRecord[] = [],
  ): Promise<void> {
    const { accountId } = this.#payer
    const { source, model = source.model } = this.#work
    const { usage, unpriced, total, priced, rating, charge } = this.#pricePart(part)
    const { quantities, certainty } = usage
    // Where more costs less, what was charged stays, and nothing is added until the whole costs more than that.
    const beyond = (whole: bigint, before: bigint) => (whole > before ? whole - before : 0n)
    const rated = beyond(priced.rated, this.#rated)
    const cost = priced.cost === undefined ? undefined : beyond(priced.cost, this.#cost)
    const input: SettleHoldInput = {
      accountId,
      holdId: this.#holdId,
      usageId,
      final,
      provider: source.provider,
      usage: {
        ...priced,
        quantity: quantities.reduce((sum, { quantity }) => sum + quantity, 0n) as Quantity,
        rated: microCredits(rated),
        cost: cost === undefined ? undefined : nanoUsd(cost),
        model,
        certainty,
        details: {
          ...this.#work.details({ ...part, usage }, attempts),
          unpriced,
          // Also where the record names another model than the one whose price it has.
          explanation: rating.isPlain && model === source.model ? undefined : explain(rating),
        },
      },
    }
    this.#total = total
    this.#rated += rated
    this.#cost += cost ?? 0n
    this.#waiting.push({ input, charge })
    this.#isFinal = final
    await this.#write()
  }

  async #write(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const { input, charge } = next
      const outcome = await settleInput(this.#parts.ledger, () => input).catch(
        (error: unknown): Pick<ChargedOutcome, 'charged'> => {
          if (!(error instanceof UsageSpooledError)) throw error
          tellSpooled(this.#parts, this.#payer, this.#work)
          return { charged: microCredits(charge > this.#charged ? charge - this.#charged : 0n) }
        },
      )
      this.#charged += outcome.charged
      this.#waiting.shift()
    }
  }

  /**
   * What the provider reports and nobody can price must not lose the part: what was measured is charged then, or that part of the report which
   * has a price, whichever is more. Why it cannot be priced is told to the host.
   */
  #pricePart({ usage, fallback }: LivePart) {
    const price = (quantities: readonly UsageQuantity[]) => {
      const total = sumOf(this.#total, quantities)
      return { total, ...this.#price(total) }
    }
    try {
      checkReported(usage)
      return { usage, unpriced: undefined, ...price(usage.quantities) }
    } catch (error) {
      if (!fallback || !isUnpriceable(error)) throw error
      const { raw } = usage
      const known = knownPart(error, usage, price)
      const floor = fallback()
      const measured = { usage: { ...floor, certainty: 'floor' as const, raw }, ...price(floor.quantities) }
      this.#parts.onError(error)
      return {
        ...(known && known.priced.rated > measured.priced.rated ? known : measured),
        unpriced: reportedJson(usage),
      }
    }
  }

  #price(quantities: readonly UsageQuantity[]) {
    const pricing = this.#parts.prices.priceReported(this.#work.source, quantities)
    return { ...pricing, charge: chargeOf(pricing.rating) }
  }

  #next<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work, work)
    this.#turn = result.catch(() => {})
    return result
  }
}

/** What was reported, where it can be written at all. */
function reportedJson(usage: Usage) {
  try {
    return quantitiesJson(usage)
  } catch {
    return undefined
  }
}

function isExpired(outcome: ExtendHoldOutcome): boolean {
  return outcome.status === 'refused' && outcome.reason === 'hold_not_open' && outcome.state === 'expired'
}

/** What two usages come to, meter by meter. */
export function sumOf(left: readonly UsageQuantity[], right: readonly UsageQuantity[]): UsageQuantity[] {
  const sums = new Map<string, UsageQuantity>()
  for (const usage of [...left, ...right]) {
    const key = `${usage.meter} ${usage.unit}`
    const before = sums.get(key)?.quantity ?? 0n
    sums.set(key, { ...usage, quantity: (before + usage.quantity) as Quantity })
  }
  return [...sums.values()]
}
