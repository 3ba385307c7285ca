import { type Credits, microCredits, type NanoUsd, nanoUsd, type Quantity, type Usage, type UsageQuantity } from '@farebox/core'
import {
  type ExtendHoldOutcome,
  keepAlive,
  type PlaceHoldOutcome,
  type Refusal,
  type SettleHoldInput,
  type UsageRow,
  UsageSpooledError,
} from '@farebox/ledger'
import { chargeOf, explain } from '@farebox/pricing'
import type { AttemptRecord } from '@farebox/router'
import { checkReported, isUnpriceable, type PricedSource, type Pricing } from '../book-prices.ts'
import { atLeastOne, type MeterParts, type Payer } from '../hold-route.ts'
import { knownPart } from '../known-part.ts'
import type { RequestLimit } from '../request-limit.ts'
import { patiently, quantitiesJson, settleInput, tellSpooled } from '../settle-call.ts'
import type { SpendingBlock, SpentReason } from '../workflow-calls.ts'

/** One part of live work, as it is charged. */
export interface LivePart {
  usage: Usage
  /** The usage to charge if `usage` cannot be priced: what Farebox measured itself. */
  fallback?: () => Usage
  requestId?: string
}

/** Live work whose hold is placed. */
export interface LiveWork {
  holdId: string
  /** What it is priced by, as of the time when it began. */
  source: PricedSource & { at: number }
  /** The model's name in usage records, if it differs from the name in the price book. */
  model?: string
  /** The most that the whole work may cost. @defaultValue no limit but the credits available */
  limit?: RequestLimit
  /**
   * Whether to retry an extension of the hold if the database is unavailable for a moment, because the work would end without it.
   * @defaultValue false
   */
  isPatient?: boolean
  /** What must be written before the hold is extended or charged. It does not reject. */
  after?: Promise<unknown>
  /** The details that the usage record of a part keeps. */
  details(part: LivePart, attempts: readonly AttemptRecord[]): object
}

/** Why the next part cannot be paid. */
export interface Spent {
  reason: SpentReason
  blockedBy?: SpendingBlock
}

/** Whether the next part is paid for. If so, what may still be spent in addition; if not, why. */
export type CoverOutcome = { status: 'held'; affordable: Credits } | ({ status: 'spent' } & Spent)

/** The id of a part's usage record. The last part has the hold's id instead. */
function livePartId(holdId: string, count: number): string {
  return `${holdId}.part${count}`
}

/**
 * If this is the record of an earlier part of live work, returns the id of the last part's record. Otherwise `undefined`. Live work
 * is charged against holds: what the host charges without one may have any id.
 */
export function lastPartOf({ usageId, holdId }: Pick<UsageRow, 'usageId' | 'holdId'>): string | undefined {
  return holdId === null ? undefined : /^(.+)\.part\d+$/.exec(usageId)?.[1]
}

/** How long the hold of live work outlives a crash of the process that keeps it alive. */
export const LIVE_HOLD_TTL_MS = 300_000

/**
 * Meters live work of unknown length. It charges the work part by part, so that a crash loses little, and the parts together cost
 * what the whole would. It extends the hold before each next part begins, and keeps it alive meanwhile.
 */
export class LiveMeter {
  readonly #parts: MeterParts
  readonly #payer: Payer
  readonly #work: LiveWork
  /** Replaced by a new hold if the first one expires. Record ids keep that of the first. */
  #holdId: string
  #heartbeat: { stop(): Promise<void> }
  #total: UsageQuantity[] = []
  /**
   * Parts that could not be written. They are retried first and unchanged, because the ledger may have one whose response was
   * lost.
   */
  #waiting: { input: SettleHoldInput; charge: bigint }[] = []
  /** What the cost is computed of, if that is not the total: what has no price in credits may still have a cost. */
  #counted: UsageQuantity[] | undefined
  #rated = 0n
  #cost = 0n
  #charged = 0n
  /** What of it waits in the spool: the hold must still cover that. */
  #spooled = 0n
  #count = 0
  /** Whether `finish` was called: only the last part is still to be charged. */
  #isEnding = false
  /** Whether the last part is rated. It may still wait to be written. */
  #isFinal = false
  /** Parts are charged, and holds extended, one after another. */
  #turn: Promise<unknown>

  constructor(parts: MeterParts, payer: Payer, work: LiveWork) {
    this.#parts = parts
    this.#payer = payer
    this.#work = work
    this.#holdId = work.holdId
    this.#turn = work.after ?? Promise.resolve()
    this.#heartbeat = this.#keepAlive()
  }

  /** Credits charged to the account so far. */
  get charged(): Credits {
    return microCredits(this.#charged)
  }

  /** What `more` would cost beyond what has been charged. */
  priceOf(more: readonly UsageQuantity[]): Credits {
    return this.#beyondCharged(this.#price(sumOf(this.#total, more)).charge)
  }

  /** The most that anything up to `more` may cost beyond what has been charged. */
  mostOf(more: readonly UsageQuantity[]): Credits {
    return this.#beyondCharged(this.#parts.prices.mostOf(this.#work.source, sumOf(this.#total, more)))
  }

  /** Caps an amount at what the limit still allows to be charged. */
  withinLimit(amount: Credits): Credits {
    const { limit } = this.#work
    const left = limit && limit.amount - this.#charged
    return left === undefined || amount <= left ? amount : microCredits(left > 0n ? left : 0n)
  }

  /** Extends the hold to cover anything up to `more` beyond what has been charged, unless the limit forbids it. */
  cover(more: readonly UsageQuantity[]): Promise<CoverOutcome> {
    return this.#next(async () => {
      const price = this.mostOf(more)
      const { limit, isPatient } = this.#work
      if (limit && price > this.withinLimit(price)) return { status: 'spent', reason: limit.reason }
      const next = atLeastOne(price)
      const amount = microCredits(next + (await this.#stillSpooled()))
      const { accountId } = this.#payer
      const extend = () => this.#parts.ledger.extendHold({ accountId, holdId: this.#holdId, amount })
      const extended = await (isPatient ? patiently(extend) : extend())
      const outcome = isExpired(extended) && !this.#isEnding ? await this.#holdAnew(amount) : extended
      if (outcome.status === 'refused') return { status: 'spent', ...spentBy(outcome) }
      const spendable = this.withinLimit(microCredits(next + outcome.affordable))
      return { status: 'held', affordable: microCredits(spendable > next ? spendable - next : 0n) }
    })
  }

  /**
   * Charges a part of the work, unless it has ended. Reports a failure to `onError`, and writes the part along with the next one.
   */
  async charge(part: LivePart): Promise<void> {
    if (this.#isEnding) return
    return this.#next(async () => {
      this.#count += 1
      const usageId = livePartId(this.#work.holdId, this.#count)
      await this.#settle(part, { usageId, final: false }).catch((error: unknown) => this.#parts.onError(error))
    })
  }

  /**
   * Charges the last part, releases the rest of the hold, and returns the cost of the whole. If it fails, it may be called again.
   */
  async finish(part: LivePart, attempts: readonly AttemptRecord[]): Promise<Credits> {
    this.#isEnding = true
    await this.#heartbeat.stop()
    return this.#next(async () => {
      // The turn before may have placed a new hold, which has a heartbeat of its own.
      await this.#heartbeat.stop()
      if (this.#isFinal) await this.#write()
      else await this.#settle(part, { usageId: this.#work.holdId, final: true }, attempts)
      return this.charged
    })
  }

  /**
   * Places a new hold if the last one expired while the machine or the database was down. Otherwise the credits would seem to be
   * spent.
   */
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
    const { usage, unpriced, total, counted, priced, rating, charge } = this.#pricePart(part)
    const { quantities, certainty } = usage
    // With volume tiers, more may cost less. Earlier charges stand then, and nothing is added until the whole costs more than
    // they do.
    const beyond = (whole: bigint, before: bigint) => (whole > before ? whole - before : 0n)
    const rated = beyond(priced.rated, this.#rated)
    const cost = priced.cost === undefined ? undefined : beyond(priced.cost, this.#cost)
    const input: SettleHoldInput = {
      accountId,
      holdId: this.#holdId,
      usageId,
      final,
      // Reconciliation may have ended the work of a process that was only asleep.
      ...(!final && { partOf: this.#work.holdId }),
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
          // Also kept if the record names another model than the one that priced it.
          explanation: rating.isPlain && model === source.model ? undefined : explain(rating),
        },
      },
    }
    this.#total = total
    this.#counted = counted
    this.#rated += rated
    this.#cost += cost ?? 0n
    this.#waiting.push({ input, charge })
    this.#isFinal = final
    await this.#write()
  }

  async #write(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const { input, charge } = next
      const outcome = await settleInput(this.#payer.envelope, () => input).catch((error: unknown) => {
        if (!(error instanceof UsageSpooledError)) throw error
        tellSpooled(this.#parts, this.#payer, this.#work)
        return undefined
      })
      const charged = outcome?.charged ?? (charge > this.#charged ? charge - this.#charged : 0n)
      this.#charged += charged
      // Parts are written in order: where this one was, those before it are.
      this.#spooled = outcome ? 0n : this.#spooled + charged
      this.#waiting.shift()
    }
  }

  /** What has been charged and still waits in the spool. */
  async #stillSpooled(): Promise<bigint> {
    if (this.#spooled === 0n) return 0n
    const sent = await this.#parts.ledger.sendSpooled().catch(() => undefined)
    if (sent?.waiting === 0) this.#spooled = 0n
    return this.#spooled
  }

  /**
   * Prices a part. If the price book cannot price the whole report, the part must still be charged: by what Farebox measured, or
   * by what has a price in the report, whichever is more. The pricing error goes to `onError`.
   */
  #pricePart({ usage, fallback }: LivePart) {
    const price = (quantities: readonly UsageQuantity[]) => {
      const total = sumOf(this.#total, quantities)
      return { total, ...this.#price(total) }
    }
    try {
      checkReported(usage)
      const whole = { usage, unpriced: undefined, ...price(usage.quantities) }
      return this.#counted ? this.#atCost(whole, [usage]) : { ...whole, counted: undefined }
    } catch (error) {
      if (!fallback || !isUnpriceable(error)) throw error
      const { raw } = usage
      const known = knownPart(error, usage, price)
      const floor = fallback()
      const measured = { usage: { ...floor, certainty: 'floor' as const, raw }, ...price(floor.quantities) }
      this.#parts.onError(error)
      const charged = known && known.priced.rated > measured.priced.rated ? known : measured
      const isReal = error.code === 'PRICE_NOT_FOUND'
      return this.#atCost({ ...charged, unpriced: reportedJson(usage) }, isReal ? [usage, charged.usage] : [charged.usage])
    }
  }

  /** Adds the cost of the whole work with one of the usages: the one that costs most. */
  #atCost<Priced extends Pick<Pricing, 'priced'> & { usage: Usage }>(part: Priced, usages: readonly Usage[]) {
    const before = this.#counted ?? this.#total
    let counted = sumOf(before, part.usage.quantities)
    let cost: NanoUsd | undefined
    for (const { quantities } of usages) {
      const whole = sumOf(before, quantities)
      const price = this.#parts.prices.costOf(this.#work.source, whole)
      if (price === undefined || price <= (cost ?? -1n)) continue
      counted = whole
      cost = price
    }
    return { ...part, counted, priced: { ...part.priced, cost } }
  }

  #price(quantities: readonly UsageQuantity[]) {
    const pricing = this.#parts.prices.priceReported(this.#work.source, quantities)
    return { ...pricing, charge: chargeOf(pricing.rating) }
  }

  #beyondCharged(price: bigint): Credits {
    return microCredits(price > this.#charged ? price - this.#charged : 0n)
  }

  #next<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work, work)
    this.#turn = result.catch(() => {})
    return result
  }
}

/** The reported quantities, if they can be formatted at all. */
function reportedJson(usage: Usage) {
  try {
    return quantitiesJson(usage)
  } catch {
    return undefined
  }
}

function spentBy({ reason }: Refusal): Spent {
  if (reason === 'account_frozen') return { reason: 'credits', blockedBy: reason }
  // Closing a workflow releases the holds in it, or keeps them as they are.
  const isEnded = reason === 'workflow_closed' || reason === 'hold_not_open'
  return { reason: 'credits', ...(isEnded && { blockedBy: 'ended_elsewhere' }) }
}

function isExpired(outcome: ExtendHoldOutcome): boolean {
  return outcome.status === 'refused' && outcome.reason === 'hold_not_open' && outcome.state === 'expired'
}

/** Adds two usages meter by meter. */
export function sumOf(left: readonly UsageQuantity[], right: readonly UsageQuantity[]): UsageQuantity[] {
  const sums = new Map<string, UsageQuantity>()
  for (const usage of [...left, ...right]) {
    const key = `${usage.meter} ${usage.unit}`
    const before = sums.get(key)?.quantity ?? 0n
    sums.set(key, { ...usage, quantity: (before + usage.quantity) as Quantity })
  }
  return [...sums.values()]
}
