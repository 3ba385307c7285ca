import { InvalidOptionError } from '@farebox/core'
import { NotFoundError } from '../errors.ts'
import type { Ledger } from '../ledger.ts'
import type { UsageRow } from '../rows.ts'
import { unthrowing } from '../unthrowing.ts'
import { ATTEMPTS_MAX, attemptDelivery, checkWhole, delayAfter, doubling, wordsOf } from './delivery-options.ts'
import { DeliveryRefusedError } from './outbox.ts'
import { Repeated } from './repeated.ts'

/** Tells a usage record to whoever is to know. */
export type DeliverUsage = (record: UsageRow, signal: AbortSignal) => Promise<void> | void

/** Who is told of usage records, and how often it is tried. */
export interface UsageOutboxOptions {
  /** Names this receiver: what it has been told is kept under it, so a name is never changed. Lower-case letters, digits and `_`. */
  name: string
  /**
   * Tells one record. It counts as told when this returns; when it throws it is tried again later, and the records after it in its
   * account wait, unless the error is a {@link DeliveryRefusedError}. It may be called again for a record that was told: what it does should be
   * safe to repeat under the ids of account and record.
   */
  deliver: DeliverUsage
  /** Records that were written before are not told, epoch milliseconds on the store's clock. @defaultValue 0: all are */
  from?: number
  /** How often to look for records, in milliseconds, give or take a quarter. @defaultValue 5_000 */
  pollMs?: number
  /** Accounts that are told about at once. @defaultValue 8 */
  concurrency?: number
  /** How long one delivery may take. @defaultValue 30_000 */
  timeoutMs?: number
  /** How often a record is tried before it is given up. @defaultValue 19: about a day */
  attemptsMax?: number
  /** Milliseconds from a failed attempt, the first being 1, to the next. @defaultValue from 2 seconds doubling to 4 hours, ±25 % */
  retryDelayMs?(attempt: number): number
  /** Hears of every failed attempt, and of a database that cannot be read, which has no record. */
  onError?(error: unknown, record?: UsageRow): void
}

/** What one look did. */
export interface UsageOutboxReport {
  delivered: number
  /** To be tried again. */
  failed: number
  /** Not to be tried again by itself: see {@link UsageOutbox.givenUp} and {@link UsageOutbox.retryUsage}. */
  givenUp: number
}

/** A record that could not be told. */
export interface UndeliveredUsage {
  accountId: string
  usageId: string
  error: string
  givenUpAt: number
}

/** Records of one account that share a note of what was told. */
const BATCH = 100
/** A change may be written later than it says by this much, for it waits for its transaction. */
const MARGIN_MS = 600_000
/**
 * All accounts are looked at this often, and when the host's clock was set back: what is written by a clock that was set back seems to have been
 * there before.
 */
const WHOLE_LOOK_MS = 3_600_000
/** The note of how far an account was told about, by its id. */
const NOTE = 'through'
/** Above any other: what was told stays so, whatever another process says. */
const TOLD = Number.MAX_SAFE_INTEGER

/**
 * Tells every usage record and correction to a receiver, at least once each and in the order of its account, across restarts: it follows the
 * accounts' journals, and keeps one note in each account of how far it came.
 *
 * Several processes may each run one of the same name, so that one goes on where another died. Each reads how far the others came
 * before it tells an account's records, so what one has told the others pass; nothing is claimed, so what two are at in the same moment is
 * told by both, under the same ids. To be told each record once, receivers compare the ids of account and record, as Stripe does with the identifiers of
 * `stripeMeterEvents` and receivers of `cloudEvents` with `source` and `id`.
 *
 * Each look reads through the rows of all accounts for those that have changed, which takes about a millisecond for two thousand accounts on Postgres
 * and a tenth of that on SQLite: choose a longer `pollMs` where there are millions. An index would make looks cheap and every charge dearer, since each
 * writes the time of its account's last change.
 *
 * @example
 * const outbox = new UsageOutbox(ledger, { name: 'stripe', deliver: stripeMeterEvents({ stripe, eventName: 'credits', customerOf }) })
 * outbox.start()
 * // … and before the process ends:
 * await outbox.stop()
 */
export class UsageOutbox {
  readonly #ledger: Ledger<never>
  readonly #options: Required<UsageOutboxOptions>
  /** How far each account that has changed was told about, by its changes. */
  readonly #told = new Map<string, number>()
  /** Accounts whose next record failed, how often, and when it is tried again: by the time of this process, which nobody sets back. */
  readonly #waiting = new Map<string, { attempts: number; until: number }>()
  /** Accounts of which something could not be read or noted: they are looked at again. */
  readonly #failed = new Set<string>()
  #lookedAt = 0
  /** When it last looked, and when at all accounts, by the host's clock. */
  #begunAt = 0
  #wholeAt = 0
  readonly #looking: Repeated

  /** @throws {InvalidOptionError} names the option that is missing or wrong */
  constructor(ledger: Ledger<never>, options: UsageOutboxOptions) {
    this.#ledger = ledger
    this.#options = resolve(options)
    const { pollMs, onError } = this.#options
    this.#looking = new Repeated((signal) => this.#look(signal), { pauseMs: pollMs, onError })
  }

  /** Looks for records from now on. Does not keep the process alive. */
  start(): void {
    this.#looking.start()
  }

  /** Stops looking, waits for the deliveries under way, whose signal is aborted, and notes how far it came. */
  stop(): Promise<void> {
    return this.#looking.stop()
  }

  /**
   * Tells what there is to be told now, and says how it went, whether or not it was started, or stopped before. An account that cannot be
   * read, or whose note cannot be written, holds up no other: its error is thrown when all have been looked at, and it is looked at again.
   */
  deliverDue(): Promise<UsageOutboxReport> {
    return this.#looking.once((signal) => this.#look(signal))
  }

  /** Records that were given up and not told since, for somebody to look at: of all accounts, in a range of time. */
  async *givenUp({ from = 0, until = Number.MAX_SAFE_INTEGER } = {}): AsyncGenerator<UndeliveredUsage, void, undefined> {
    for await (const document of this.#ledger.documentsBetween({ from, until, kind: this.#deadKind })) {
      const { error, isTold } = document.body as unknown as DeadBody
      if (isTold) continue
      yield { accountId: document.accountId, usageId: document.documentId, error, givenUpAt: document.createdAt }
    }
  }

  /**
   * Tells a record that was given up, once and now, for its receiver was mended: what came after it in its account may have been told before it.
   * When that fails too it stays with {@link givenUp}, with the new error, of which `onError` hears.
   *
   * @returns whether it was told, now or by an earlier call
   * @throws {NotFoundError} no such record of this account was given up
   */
  retryUsage({ accountId, usageId }: { accountId: string; usageId: string }): Promise<{ isDelivered: boolean }> {
    return this.#looking.once(async (stopping) => {
      const document = await this.#ledger.document(accountId, this.#deadKind, usageId)
      const [record] = document ? await this.#ledger.history.usageOf(accountId, [usageId]) : []
      if (!document || !record) throw new NotFoundError('USAGE_NOT_FOUND', usageId)
      const { isTold, error: before, version } = document.body as unknown as DeadBody
      if (isTold) return { isDelivered: true }
      const { deliver, timeoutMs, onError } = this.#options
      const error = await attemptDelivery((signal) => deliver(record, signal), { stopping, timeoutMs })
      if (error === undefined) {
        await this.#keepDead(record, { error: before, isTold: true, version: TOLD })
        return { isDelivered: true }
      }
      // What was stopped has not failed.
      if (!stopping.aborted) {
        onError(error, record)
        await this.#keepDead(record, { error: wordsOf(error), version: version + 1 })
      }
      return { isDelivered: false }
    })
  }

  async #look(signal: AbortSignal): Promise<UsageOutboxReport> {
    const report: UsageOutboxReport = { delivered: 0, failed: 0, givenUp: 0 }
    const { history } = this.#ledger
    const now = Date.now()
    const due = [...this.#waiting].filter(([, { until }]) => until <= performance.now()).map(([accountId]) => accountId)
    const changed = new Set([...due, ...this.#failed])
    const errors: unknown[] = []
    const isWhole = now < this.#begunAt || now >= this.#wholeAt + WHOLE_LOOK_MS
    const since = isWhole ? 0 : Math.max(0, this.#lookedAt - MARGIN_MS)
    let newest = isWhole ? 0 : this.#lookedAt
    for await (const page of history.changedSince(since)) {
      for (const { accountId, sequence, updatedAt } of page) {
        newest = Math.max(newest, updatedAt)
        if (sequence > (this.#told.get(accountId) ?? 0) && !this.#waiting.has(accountId)) changed.add(accountId)
      }
      if (changed.size >= 500) errors.push(...(await this.#tellAll(changed, { report, signal })))
    }
    errors.push(...(await this.#tellAll(changed, { report, signal })))
    // Where it was stopped, accounts may be left that were not come to.
    if (!signal.aborted) {
      this.#lookedAt = newest
      this.#begunAt = now
      if (isWhole) this.#wholeAt = now
    }
    if (errors.length > 0) throw errors[0]
    return report
  }

  get #kind(): string {
    return `told_${this.#options.name}`
  }

  get #deadKind(): string {
    return `untold_${this.#options.name}`
  }

  /** @returns what failed, when nothing is under way any more */
  async #tellAll(accounts: Set<string>, look: Look): Promise<unknown[]> {
    const queue = [...accounts]
    const errors: unknown[] = []
    accounts.clear()
    const work = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (look.signal.aborted) return
        try {
          await this.#tellAccount(next, look)
          this.#failed.delete(next)
        } catch (error) {
          this.#failed.add(next)
          errors.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: this.#options.concurrency }, work))
    return errors
  }

  async #tellAccount(accountId: string, look: Look): Promise<void> {
    let from = await this.#cursorOf(accountId)
    for (;;) {
      const { records, through, hasMore } = await this.#ledger.history.usageAfter(accountId, from, BATCH)
      let cursor = from
      let isStuck = false
      for (const record of records) {
        if (look.signal.aborted || (record.createdAt >= this.#options.from && !(await this.#tell(record, look)))) {
          isStuck = true
          break
        }
        cursor = record.sequence
      }
      if (!isStuck) cursor = through
      // Changes that are no usage are not worth a note of their own: they are looked through again after a restart.
      if (records.length > 0 && cursor > from) await this.#note(accountId, cursor)
      if (isStuck) return
      this.#told.set(accountId, cursor)
      from = cursor
      if (!hasMore) return
    }
  }

  /** @returns whether to go on with the next record */
  async #tell(record: UsageRow, { report, signal: stopping }: Look): Promise<boolean> {
    const { accountId } = record
    const { timeoutMs, attemptsMax, onError, retryDelayMs } = this.#options
    const error = await attemptDelivery((signal) => this.#options.deliver(record, signal), { stopping, timeoutMs })
    if (error === undefined) {
      this.#waiting.delete(accountId)
      report.delivered += 1
      return true
    }
    // What was stopped has not failed.
    if (stopping.aborted) return false
    onError(error, record)
    const attempts = (this.#waiting.get(accountId)?.attempts ?? 0) + 1
    if (!(error instanceof DeliveryRefusedError) && attempts < attemptsMax) {
      this.#waiting.set(accountId, { attempts, until: performance.now() + delayAfter(attempts, retryDelayMs) })
      report.failed += 1
      return false
    }
    this.#waiting.delete(accountId)
    report.givenUp += 1
    await this.#keepDead(record, { error: wordsOf(error), version: 1 })
    return true
  }

  async #cursorOf(accountId: string): Promise<number> {
    // Read each time: another process of this name may have told what is new here.
    const last = await this.#ledger.history.lastDocument(accountId, this.#kind)
    const noted = last === undefined ? 0 : (last.body as { version: number }).version
    const told = this.#told.get(accountId) ?? 0
    if (noted <= told) return told
    // It then got past what failed here; once, or what fails next would be tried for the first time for ever.
    this.#waiting.delete(accountId)
    this.#told.set(accountId, noted)
    return noted
  }

  /** One note for each account, of which the furthest counts: another process may have come further meanwhile. */
  async #note(accountId: string, sequence: number): Promise<void> {
    await this.#ledger.saveDocument({ accountId, kind: this.#kind, documentId: NOTE, body: {}, version: sequence })
    this.#told.set(accountId, sequence)
  }

  async #keepDead({ accountId, usageId }: UsageRow, { version, ...body }: DeadBody): Promise<void> {
    await this.#ledger.saveDocument({ accountId, kind: this.#deadKind, documentId: usageId, body, version })
  }
}

/** One look at all accounts that have changed. */
interface Look {
  report: UsageOutboxReport
  signal: AbortSignal
}

/** What is kept of a record that was given up. */
interface DeadBody {
  error: string
  isTold?: boolean
  /** How often it was given up, or {@link TOLD}. */
  version: number
}

function resolve(options: UsageOutboxOptions): Required<UsageOutboxOptions> {
  const resolved = {
    name: options.name,
    deliver: options.deliver,
    from: options.from ?? 0,
    pollMs: options.pollMs ?? 5_000,
    concurrency: options.concurrency ?? 8,
    timeoutMs: options.timeoutMs ?? 30_000,
    attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX,
    retryDelayMs: options.retryDelayMs ?? doubling,
    onError: unthrowing(options.onError),
  }
  if (typeof resolved.name !== 'string' || !/^[a-z0-9_]{1,40}$/.test(resolved.name)) {
    throw new InvalidOptionError(
      `name must be 1 to 40 lower-case letters, digits and _, received ${JSON.stringify(resolved.name)}`,
    )
  }
  checkWhole(resolved, ['pollMs', 'concurrency', 'timeoutMs', 'attemptsMax'], 1)
  checkWhole(resolved, ['from'], 0)
  return resolved
}
