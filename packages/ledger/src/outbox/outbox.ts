import { FareboxError } from '@farebox/core'
import type { Ledger } from '../ledger.ts'
import type { LedgerEvent } from '../reader.ts'
import { unthrowing } from '../unthrowing.ts'
import { ATTEMPTS_MAX, attemptDelivery, checkWhole, delayAfter, doubling, wordsOf } from './delivery-options.ts'
import { Repeated } from './repeated.ts'

/** Who is told of events, and how often it is tried. */
export interface OutboxOptions {
  /**
   * Tells an event to whoever is to know. It counts as told when this returns; when it throws it is tried again later, unless the
   * error is a {@link DeliveryRefusedError}. It may be called again for an event that was told, and by several processes: what it does
   * should be safe to repeat under `event.id`.
   */
  deliver(event: LedgerEvent, signal: AbortSignal): Promise<void> | void
  /** How often to look for events, in milliseconds, give or take a quarter. @defaultValue 1_000 */
  pollMs?: number
  /** Deliveries under way at once, of one account at most half of them: one whose receiver hangs leaves the others their turn. @defaultValue 8 */
  concurrency?: number
  /** How long one delivery may take; then another process may try. @defaultValue 30_000 */
  timeoutMs?: number
  /** How often an event is tried before it is given up. @defaultValue 19: about a day */
  attemptsMax?: number
  /** Milliseconds from a failed attempt, the first being 1, to the next. @defaultValue from 2 seconds doubling to 4 hours, ±25 % */
  retryDelayMs?(attempt: number): number
  /** Hears of every failed attempt, and of a database that cannot be read, which has no event. */
  onError?(error: unknown, event?: LedgerEvent): void
}

/** Events that are looked through for some that are not of a busy account. */
const LOOKED_THROUGH_MAX = 5_000

/** What one look at the outbox did. */
export interface OutboxReport {
  delivered: number
  /** To be tried again. */
  failed: number
  /** Not to be tried again: see `ledger.events({ isGivenUp: true })`. */
  givenUp: number
}

/** The receiver will never take this event: it is given up at once. */
export class DeliveryRefusedError extends FareboxError {
  override readonly code = 'DELIVERY_REFUSED'
}

/**
 * Tells what the ledger has to tell, at least once each, with retries. Any number of processes may each run one on the same
 * database: each event is delivered by one of them at a time.
 *
 * @example
 * const outbox = new Outbox(ledger, { deliver: webhook({ url, secret }) })
 * outbox.start()
 * // … and before the process ends:
 * await outbox.stop()
 */
export class Outbox {
  readonly #ledger: Ledger<never>
  readonly #options: Required<OutboxOptions>
  readonly #looking: Repeated
  /** Deliveries under way, with their accounts. They never reject. */
  readonly #underWay = new Map<Promise<void>, string>()

  constructor(ledger: Ledger<never>, options: OutboxOptions) {
    this.#ledger = ledger
    this.#options = resolve(options)
    const { pollMs, onError } = this.#options
    // A turn does not wait for the deliveries that it began: one that hangs would keep what is due next waiting.
    this.#looking = new Repeated((signal) => this.#beginDue({ signal, report: noReport(), errors: [], onError }), {
      pauseMs: pollMs,
      onError,
    })
  }

  /** Looks for events from now on. Does not keep the process alive. */
  start(): void {
    this.#looking.start()
  }

  /** Stops looking, and waits for the deliveries under way, whose signal is aborted. */
  async stop(): Promise<void> {
    await this.#looking.stop()
    await Promise.all(this.#underWay.keys())
  }

  /** Delivers what is due now, and says how it went, whether or not it was started, or stopped before. */
  deliverDue(): Promise<OutboxReport> {
    return this.#looking.once(async (signal) => {
      const look: Look = { signal, report: noReport(), errors: [], onError: () => undefined }
      await this.#beginDue(look).catch((error: unknown) => look.errors.push(error))
      // Not before all have ended: whoever stops it waits for them, and closes the database then.
      await Promise.all(this.#underWay.keys())
      if (look.errors.length > 0) throw look.errors[0]
      return look.report
    })
  }

  /** Begins to deliver all that is due, as places become free. */
  async #beginDue(look: Look): Promise<void> {
    const { concurrency, pollMs } = this.#options
    let limit = concurrency
    // What could not be taken is still due, and is left to the next look.
    while (!look.signal.aborted && look.errors.length === 0) {
      const underWay = [...this.#underWay.keys()]
      if (underWay.length >= concurrency) {
        await Promise.race(underWay)
        continue
      }
      const { now, events } = await this.#ledger.eventsDue(limit)
      const taking: Promise<unknown>[] = []
      for (const event of events) {
        const isFull = this.#underWay.size >= concurrency || this.#isBusy(event.accountId)
        if (!isFull && !look.signal.aborted) taking.push(this.#begin(event, now, look))
      }
      // Until then they are due.
      await Promise.all(taking)
      if (events.length < limit && taking.length === events.length) return
      if (taking.length > 0) continue
      // What others are to hear is behind all that a busy account is to hear.
      if (events.length === limit && limit < LOOKED_THROUGH_MAX) limit = Math.min(limit * 4, LOOKED_THROUGH_MAX)
      else await within(pollMs, Promise.race(underWay))
    }
  }

  /** Whether an account has as many deliveries under way as one may have. */
  #isBusy(accountId: string): boolean {
    const count = [...this.#underWay.values()].filter((each) => each === accountId).length
    return count >= Math.ceil(this.#options.concurrency / 2)
  }

  /** @returns when the event is taken, or cannot be */
  #begin(event: LedgerEvent, now: number, look: Look): Promise<unknown> {
    const { accountId, id: eventId } = event
    const claiming = this.#ledger.claimEvent({ accountId, eventId, until: now + this.#options.timeoutMs * 2 })
    const delivery = this.#deliver(event, claiming, look.signal)
      .then(
        (end) => {
          if (end) look.report[end] += 1
        },
        (error: unknown) => {
          look.errors.push(error)
          look.onError(error)
        },
      )
      .finally(() => this.#underWay.delete(delivery))
    this.#underWay.set(delivery, accountId)
    return claiming.catch(() => undefined)
  }

  /** @returns undefined when another process took the event */
  async #deliver(
    event: LedgerEvent,
    claiming: ReturnType<Ledger['claimEvent']>,
    stopping: AbortSignal,
  ): Promise<keyof OutboxReport | undefined> {
    const { accountId, id: eventId } = event
    const { timeoutMs, attemptsMax } = this.#options
    const claim = await claiming
    if (!claim.isClaimed) return undefined
    const attempted = { ...event, attempts: claim.attempts }
    const error = await attemptDelivery((signal) => this.#options.deliver(attempted, signal), { stopping, timeoutMs })
    if (error === undefined) {
      await this.#ledger.endDelivery({ accountId, eventId })
      return 'delivered'
    }
    this.#options.onError(error, attempted)
    // What was stopped may not have been told at all, so it was not the last attempt.
    const isLast = claim.attempts >= attemptsMax && !stopping.aborted
    const isGivenUp = error instanceof DeliveryRefusedError || isLast
    // From now on, however long the attempt took.
    const delayMs = isGivenUp ? undefined : delayAfter(claim.attempts, this.#options.retryDelayMs)
    await this.#ledger.endDelivery({ accountId, eventId, error: wordsOf(error), delayMs })
    return isGivenUp ? 'givenUp' : 'failed'
  }
}

/** One look at what is due. */
interface Look {
  signal: AbortSignal
  report: OutboxReport
  /** Of the database. */
  errors: unknown[]
  onError(error: unknown): void
}

/** Waits so long at most. Does not keep the process alive. */
async function within(timeMs: number, promise: Promise<unknown>): Promise<void> {
  const { promise: isOver, resolve: over } = Promise.withResolvers<void>()
  const timer = setTimeout(over, timeMs).unref()
  await Promise.race([promise, isOver])
  clearTimeout(timer)
}

function noReport(): OutboxReport {
  return { delivered: 0, failed: 0, givenUp: 0 }
}

function resolve(options: OutboxOptions): Required<OutboxOptions> {
  const resolved = {
    deliver: options.deliver,
    pollMs: options.pollMs ?? 1_000,
    concurrency: options.concurrency ?? 8,
    timeoutMs: options.timeoutMs ?? 30_000,
    attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX,
    retryDelayMs: options.retryDelayMs ?? doubling,
    onError: unthrowing(options.onError),
  }
  checkWhole(resolved, ['pollMs', 'concurrency', 'timeoutMs', 'attemptsMax'], 1)
  return resolved
}
