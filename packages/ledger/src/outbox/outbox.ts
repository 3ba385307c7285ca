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
  /** Deliveries under way at once. @defaultValue 8 */
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

  constructor(ledger: Ledger<never>, options: OutboxOptions) {
    this.#ledger = ledger
    this.#options = resolve(options)
    const { pollMs, onError } = this.#options
    this.#looking = new Repeated(() => this.deliverDue(), { pauseMs: pollMs, onError })
  }

  /** Looks for events from now on. Does not keep the process alive. */
  start(): void {
    this.#looking.start()
  }

  /** Stops looking, and waits for the deliveries under way, whose signal is aborted. */
  stop(): Promise<void> {
    return this.#looking.stop()
  }

  /** Delivers what is due now, and says how it went. */
  async deliverDue(): Promise<OutboxReport> {
    const report: OutboxReport = { delivered: 0, failed: 0, givenUp: 0 }
    for (;;) {
      const { now, events } = await this.#ledger.eventsDue(this.#options.concurrency)
      const ends = await Promise.allSettled(events.map((event) => this.#deliver(event, now)))
      for (const end of ends) if (end.status === 'fulfilled' && end.value) report[end.value] += 1
      // Not before all have ended: whoever stops it waits for them, and closes the database then.
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed) throw failed.reason
      if (events.length < this.#options.concurrency || this.#looking.signal.aborted) return report
    }
  }

  /** @returns undefined when another process took the event, or the outbox is stopping */
  async #deliver(event: LedgerEvent, now: number): Promise<keyof OutboxReport | undefined> {
    const { accountId, id: eventId } = event
    const { timeoutMs, attemptsMax } = this.#options
    if (this.#looking.signal.aborted) return undefined
    const claim = await this.#ledger.claimEvent({ accountId, eventId, until: now + timeoutMs * 2 })
    if (!claim.isClaimed) return undefined
    const attempted = { ...event, attempts: claim.attempts }
    const stopping = this.#looking.signal
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
