import { checkOptionNames, FareboxError } from '@farebox/core'
import type { Ledger } from '../ledger.ts'
import type { LedgerEvent } from '../reader.ts'
import { unthrowing } from '../unthrowing.ts'
import {
  ATTEMPTS_MAX,
  attemptDelivery,
  checkCallbacks,
  checkWaits,
  checkWhole,
  delayAfter,
  doubling,
  wordsOf,
} from './delivery-options.ts'
import { Repeated } from './repeated.ts'
import { SlowAccounts } from './slow-accounts.ts'

/** Where an {@link Outbox} delivers events, and how it retries. */
export interface OutboxOptions {
  /**
   * Delivers one event. The event counts as delivered when this returns. When it throws, the outbox retries later, unless the
   * error is a {@link DeliveryRefusedError}. An event may be delivered more than once, also by several processes, so make this
   * idempotent by `event.id`.
   */
  deliver(event: LedgerEvent, signal: AbortSignal): Promise<void> | void
  /** Time between polls, in milliseconds, ±25 %. @defaultValue 1_000 */
  pollMs?: number
  /**
   * Most deliveries at once. One account gets at most half of what the others leave, and accounts whose last delivery was slow
   * get at most half together, so that receivers that hang cannot block others for long. With 1 they can. @defaultValue 8
   */
  concurrency?: number
  /** How long one delivery may take, in milliseconds. After twice that, another process may try. @defaultValue 30_000 */
  timeoutMs?: number
  /** How often to attempt an event before giving it up. @defaultValue 19: about a day */
  attemptsMax?: number
  /** Milliseconds from a failed attempt, counted from 1, to the next. @defaultValue doubling from 2 seconds to 4 hours, ±25 % */
  retryDelayMs?(attempt: number): number
  /** Called for every failed attempt, and without an event when the database cannot be reached. */
  onError?(error: unknown, event?: LedgerEvent): void
}

const known: Record<keyof OutboxOptions, true> = {
  deliver: true,
  pollMs: true,
  concurrency: true,
  timeoutMs: true,
  attemptsMax: true,
  retryDelayMs: true,
  onError: true,
}

/** How many events to look through for one of another account, before the query leaves the busy accounts out. */
const LOOKED_THROUGH_MAX = 500

/** What one poll of the outbox did, in numbers of events. */
export interface OutboxReport {
  delivered: number
  /** Failed, to be retried. */
  failed: number
  /** Failed for good: see `ledger.events({ isGivenUp: true })`. */
  givenUp: number
}

/** Throw this from `deliver` when the receiver will never accept the event. The outbox gives it up at once. */
export class DeliveryRefusedError extends FareboxError {
  override readonly code = 'DELIVERY_REFUSED'
}

/**
 * Delivers the ledger's events, each at least once, with retries. Any number of processes may run one on the same database: only
 * one of them delivers an event at a time.
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
  /** Deliveries under way, by account. The promises never reject. */
  readonly #underWay = new Map<Promise<void>, string>()
  readonly #slow: SlowAccounts

  constructor(ledger: Ledger<never>, options: OutboxOptions) {
    this.#ledger = ledger
    this.#options = resolve(options)
    this.#slow = new SlowAccounts(this.#options)
    const { pollMs, onError } = this.#options
    // A poll does not wait for the deliveries it began: one that hangs would delay whatever is due next.
    this.#looking = new Repeated((signal) => this.#beginDue({ signal, report: noReport(), errors: [], onError }), {
      pauseMs: pollMs,
      onError,
    })
  }

  /** Starts polling. Does not keep the process alive. */
  start(): void {
    this.#looking.start()
  }

  /** Stops polling, aborts the deliveries under way and waits for them. */
  async stop(): Promise<void> {
    await this.#looking.stop()
    await Promise.all(this.#underWay.keys())
  }

  /** Delivers everything due now, whether or not the outbox is started, and reports the results. */
  deliverDue(): Promise<OutboxReport> {
    return this.#looking.once(async (signal) => {
      const look: Look = { signal, report: noReport(), errors: [], onError: () => undefined }
      await this.#beginDue(look).catch((error: unknown) => look.errors.push(error))
      // Wait for all of them even after an error: once `stop` has returned, the host may close the database.
      await Promise.all(this.#underWay.keys())
      if (look.errors.length > 0) throw look.errors[0]
      return look.report
    })
  }

  /** Begins delivering everything due, as slots become free. */
  async #beginDue(look: Look): Promise<void> {
    const { concurrency, pollMs } = this.#options
    let limit = concurrency
    /** Accounts with more events due than are looked through. They are left out while they are busy, and no longer. */
    const crowded = new Set<string>()
    // After an error, what was not claimed is still due, and left to the next poll.
    while (!look.signal.aborted && look.errors.length === 0) {
      const underWay = [...this.#underWay.keys()]
      if (underWay.length >= concurrency) {
        await Promise.race(underWay)
        continue
      }
      const leftOut = this.#busyAccounts().filter((accountId) => crowded.has(accountId))
      const { now, events } = await this.#ledger.eventsDue(limit, leftOut)
      const taking: Promise<unknown>[] = []
      for (const event of events) {
        const isFull = this.#underWay.size >= concurrency || this.#busyAccounts().includes(event.accountId)
        if (!isFull && !look.signal.aborted) taking.push(this.#begin(event, now, look))
      }
      // Events are listed as due until they are claimed.
      await Promise.all(taking)
      if (events.length < limit && taking.length === events.length && leftOut.length === 0) return
      if (taking.length > 0) continue
      // A busy account's events may fill the list. Those of other accounts come after them.
      const isCutOff = events.length >= limit
      const crowding = this.#busyAccounts().filter((accountId) => !crowded.has(accountId))
      if (isCutOff && limit < LOOKED_THROUGH_MAX) limit = Math.min(limit * 4, LOOKED_THROUGH_MAX)
      else if (isCutOff && crowding.length > 0) {
        for (const accountId of crowding) crowded.add(accountId)
        limit = concurrency
      } else await within(pollMs, Promise.race(underWay))
    }
  }

  /** The accounts that may not begin another delivery now: they use their share, or the slow ones together use theirs. */
  #busyAccounts(): string[] {
    const { concurrency } = this.#options
    const underWay = [...this.#underWay.values()]
    const full = [...Map.groupBy(underWay, (accountId) => accountId)].flatMap(([accountId, { length }]) => {
      const leftByOthers = concurrency - (underWay.length - length)
      return length >= Math.ceil(leftByOthers / 2) ? [accountId] : []
    })
    return [...new Set([...full, ...this.#slow.heldBackBy(underWay)])]
  }

  /** Resolves once the event is claimed, or could not be. The delivery goes on. */
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

  /** @returns `undefined` if another process claimed the event */
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
    const begunAt = performance.now()
    const error = await attemptDelivery((signal) => this.#options.deliver(attempted, signal), { stopping, timeoutMs })
    this.#slow.note(accountId, performance.now() - begunAt)
    if (error === undefined) {
      await this.#ledger.endDelivery({ accountId, eventId })
      return 'delivered'
    }
    this.#options.onError(error, attempted)
    // An attempt cut short by `stop` may never have reached the receiver, so it cannot be the last.
    const isLast = claim.attempts >= attemptsMax && !stopping.aborted
    const isGivenUp = error instanceof DeliveryRefusedError || isLast
    // The delay counts from now, however long the attempt took.
    const delayMs = isGivenUp ? undefined : delayAfter(claim.attempts, this.#options.retryDelayMs)
    await this.#ledger.endDelivery({ accountId, eventId, error: wordsOf(error), delayMs })
    return isGivenUp ? 'givenUp' : 'failed'
  }
}

/** One poll for due events. */
interface Look {
  signal: AbortSignal
  report: OutboxReport
  /** Failures of the database. */
  errors: unknown[]
  onError(error: unknown): void
}

/** Waits for a promise, but at most this long. Does not keep the process alive. */
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
  checkOptionNames(options, known, 'Outbox')
  checkCallbacks(options)
  const resolved = {
    deliver: options.deliver,
    pollMs: options.pollMs ?? 1_000,
    concurrency: options.concurrency ?? 8,
    timeoutMs: options.timeoutMs ?? 30_000,
    attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX,
    retryDelayMs: options.retryDelayMs ?? doubling,
    onError: unthrowing(options.onError),
  }
  checkWaits(resolved, ['pollMs', 'timeoutMs'])
  checkWhole(resolved, ['concurrency', 'attemptsMax'], 1)
  return resolved
}
