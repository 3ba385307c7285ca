import { setImmediate } from 'node:timers/promises'
import { checkOptionNames, InvalidOptionError } from '@farebox/core'
import { NotFoundError } from '../errors.ts'
import type { Ledger } from '../ledger.ts'
import type { UsageRow } from '../rows.ts'
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
import { DeliveryRefusedError } from './outbox.ts'
import { Repeated } from './repeated.ts'
import { SlowAccounts } from './slow-accounts.ts'

/** Delivers one usage record. */
export type DeliverUsage = (record: UsageRow, signal: AbortSignal) => Promise<void> | void

/** Where a {@link UsageOutbox} delivers usage records, and how it retries. */
export interface UsageOutboxOptions {
  /** The receiver's name: 1 to 40 lower-case letters, digits and `_`. Its progress is stored under it, so never change it. */
  name: string
  /**
   * Delivers one record. The record counts as delivered when this returns. When it throws, the outbox retries later, and the
   * account's later records wait, unless the error is a {@link DeliveryRefusedError}. A record may be delivered more than once,
   * so make this idempotent by the ids of account and record.
   */
  deliver: DeliverUsage
  /** Skips records written before this time, in epoch milliseconds of the store's clock. @defaultValue 0: delivers all */
  from?: number
  /** Time between polls, in milliseconds, ±25 %. @defaultValue 5_000 */
  pollMs?: number
  /**
   * How many accounts to deliver at once. Accounts whose last delivery was slow get at most half of it together, and one with
   * much to deliver lets others go between, so that receivers that hang cannot block others for long. With 1 they can.
   * @defaultValue 8
   */
  concurrency?: number
  /** How long one delivery may take, in milliseconds. @defaultValue 30_000 */
  timeoutMs?: number
  /** How often to attempt a record before giving it up. @defaultValue 19: about a day */
  attemptsMax?: number
  /** Milliseconds from a failed attempt, counted from 1, to the next. @defaultValue doubling from 2 seconds to 4 hours, ±25 % */
  retryDelayMs?(attempt: number): number
  /** Called for every failed attempt, and without a record when the database cannot be reached. */
  onError?(error: unknown, record?: UsageRow): void
}

const known: Record<keyof UsageOutboxOptions, true> = {
  name: true,
  deliver: true,
  from: true,
  pollMs: true,
  concurrency: true,
  timeoutMs: true,
  attemptsMax: true,
  retryDelayMs: true,
  onError: true,
}

/** What one poll did, in numbers of records. */
export interface UsageOutboxReport {
  delivered: number
  /** Failed, to be retried. */
  failed: number
  /** Failed, and not retried automatically: see {@link UsageOutbox.givenUp} and {@link UsageOutbox.retryUsage}. */
  givenUp: number
}

/** A record that could not be delivered. */
export interface UndeliveredUsage {
  accountId: string
  usageId: string
  error: string
  givenUpAt: number
}

/** Records of one account that are read at once, and share one saved cursor. Then others have their turn. */
const BATCH = 100
/** How many accounts that are not slow may wait for their turn, before a poll looks for more. */
const QUEUE_MAX = 500
/** How far back to look again: a change waits for its transaction, so it may be committed this long after its timestamp. */
const MARGIN_MS = 600_000
/**
 * How often to look at all accounts. This also happens when the host's clock was set back, because changes written by such a
 * clock look old.
 */
const WHOLE_LOOK_MS = 3_600_000
/** Document id of an account's cursor. */
const NOTE = 'through'
/** The highest version, so that no other process can undo a delivery. */
const TOLD = Number.MAX_SAFE_INTEGER

/**
 * Delivers every usage record and correction to a receiver: each at least once, in order within its account, and across restarts.
 * It follows the accounts' journals, and saves a cursor in each account.
 *
 * Several processes may each run one of the same name, so that one continues where another died. Before each account, a process
 * reads its cursor and skips what others have delivered. It claims nothing, so two processes at the same account may both deliver
 * a record, under the same ids. Receivers must deduplicate by the ids of account and record, as Stripe does by the identifiers of
 * `stripeMeterEvents`, and receivers of `cloudEvents` by `source` and `id`.
 *
 * Each poll scans all accounts for those that changed. That takes about a millisecond for two thousand accounts on Postgres, and
 * a tenth of that on SQLite. With millions of accounts, choose a longer `pollMs`. An index would make polls cheap but every
 * charge dearer, since each charge writes the time of its account's last change. The first poll of a process reads each account's
 * cursor and what its journal has after it: that takes minutes for a million accounts, in the order of their ids.
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
  /** By account, the sequence number up to which its changes were handled. */
  readonly #told = new Map<string, number>()
  /** Accounts whose next record failed: how often, and when to retry it on the process's monotonic clock. */
  readonly #waiting = new Map<string, { attempts: number; until: number }>()
  /** Accounts for the next poll: they could not be read, their cursor could not be saved, or they changed while they were told. */
  readonly #again = new Set<string>()
  /** What the accounts do that are told, or wait for their turn. The promises never reject. */
  readonly #telling = new Map<string, Promise<void>>()
  /** The accounts that have their turn. */
  readonly #underWay = new Set<string>()
  /** What begins the turns of the accounts that wait, the longest waiting first. */
  readonly #queue = new Map<string, () => void>()
  /** Resolved when fewer accounts wait for their turn. */
  #room: PromiseWithResolvers<void> | undefined
  readonly #slow: SlowAccounts
  #lookedAt = 0
  /** When the last poll began, and the last one of all accounts, by the host's clock. */
  #begunAt = 0
  #wholeAt = 0
  readonly #looking: Repeated

  /** @throws {InvalidOptionError} an option is missing or invalid; the message names it */
  constructor(ledger: Ledger<never>, options: UsageOutboxOptions) {
    this.#ledger = ledger
    this.#options = resolve(options)
    this.#slow = new SlowAccounts(this.#options)
    const { pollMs, onError } = this.#options
    // A poll does not wait for the accounts that it began to tell: one whose deliveries hang would delay the others.
    this.#looking = new Repeated((signal) => this.#begin(newLook(signal, onError)), { pauseMs: pollMs, onError })
  }

  /** Starts polling. Does not keep the process alive. */
  start(): void {
    this.#looking.start()
  }

  /** Stops polling, aborts the deliveries under way, waits for them and saves the cursors. */
  async stop(): Promise<void> {
    await this.#looking.stop()
    await Promise.all(this.#telling.values())
  }

  /**
   * Delivers everything due now, whether or not the outbox is started, and reports the results. An account that cannot be read,
   * or whose cursor cannot be saved, holds up no other: its error is thrown after all accounts, and the next poll tries it again.
   */
  deliverDue(): Promise<UsageOutboxReport> {
    return this.#looking.once(async (signal) => {
      const look = newLook(signal, () => undefined)
      await this.#begin(look).catch((error: unknown) => look.errors.push(error))
      await Promise.all(this.#telling.values())
      // Whoever was told meanwhile may have been read before this was called.
      for (const accountId of look.passed.splice(0)) if (this.#isDue(accountId)) await this.#beginOne(accountId, look)
      await Promise.all(this.#telling.values())
      if (look.errors.length > 0) throw look.errors[0]
      return look.report
    })
  }

  /** Lists the records of all accounts given up between `from` and `until` (epoch milliseconds) and not delivered since. */
  async *givenUp({ from = 0, until = Number.MAX_SAFE_INTEGER } = {}): AsyncGenerator<UndeliveredUsage, void, undefined> {
    for await (const document of this.#ledger.documentsBetween({ from, until, kind: this.#deadKind })) {
      const { error, isTold } = document.body as unknown as DeadBody
      if (isTold) continue
      yield { accountId: document.accountId, usageId: document.documentId, error, givenUpAt: document.createdAt }
    }
  }

  /**
   * Attempts a given-up record once more, for example after its receiver was repaired. Later records of its account may have been
   * delivered before it. If this fails too, the record stays in {@link givenUp} with the new error, and `onError` is called.
   *
   * @returns whether it was delivered, now or by an earlier call
   * @throws {NotFoundError} this account has no such given-up record
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
      // A delivery cut short by `stop` has not failed.
      if (!stopping.aborted) {
        onError(error, record)
        await this.#keepDead(record, { error: wordsOf(error), version: version + 1 })
      }
      return { isDelivered: false }
    })
  }

  /** Begins to tell the accounts that have changed. */
  async #begin(look: Look): Promise<void> {
    const { history } = this.#ledger
    const now = Date.now()
    const due = [...this.#waiting.keys(), ...this.#again].filter((accountId) => this.#isDue(accountId))
    for (const accountId of due) await this.#beginOne(accountId, look)
    const isWhole = now < this.#begunAt || now >= this.#wholeAt + WHOLE_LOOK_MS
    const since = isWhole ? 0 : Math.max(0, this.#lookedAt - MARGIN_MS)
    let newest = isWhole ? 0 : this.#lookedAt
    for await (const page of history.changedSince(since)) {
      for (const { accountId, sequence, updatedAt } of page) {
        newest = Math.max(newest, updatedAt)
        const isNew = sequence > (this.#told.get(accountId) ?? 0) && !this.#waiting.has(accountId)
        if (isNew) await this.#beginOne(accountId, look)
      }
    }
    // If it was stopped, some accounts may not have been reached.
    if (look.signal.aborted) return
    // An account may have been written under a clock that ran ahead. What others write now is older, and not to be missed.
    this.#lookedAt = Math.min(newest, now)
    this.#begunAt = now
    if (isWhole) this.#wholeAt = now
  }

  #isDue(accountId: string): boolean {
    return (this.#waiting.get(accountId)?.until ?? 0) <= performance.now()
  }

  /** Begins to tell an account, in its turn. */
  async #beginOne(accountId: string, look: Look): Promise<void> {
    if (look.begun.has(accountId)) return
    while (!this.#hasRoom() && !look.signal.aborted) {
      this.#room ??= Promise.withResolvers()
      await this.#room.promise
    }
    if (this.#telling.has(accountId)) {
      // It may have been read before this change.
      this.#again.add(accountId)
      look.passed.push(accountId)
      return
    }
    look.begun.add(accountId)
    const telling = this.#tellInTurn(accountId, look).finally(() => {
      this.#telling.delete(accountId)
      this.#room?.resolve()
      this.#room = undefined
    })
    this.#telling.set(accountId, telling)
  }

  /** Whether one more account may wait. Slow ones do not count: however many hang, others must come to the turns that are free. */
  #hasRoom(): boolean {
    if (this.#telling.size < QUEUE_MAX) return true
    return [...this.#telling.keys()].filter((accountId) => !this.#slow.has(accountId)).length < QUEUE_MAX
  }

  async #tellInTurn(accountId: string, look: Look): Promise<void> {
    await this.#turn(accountId)
    this.#again.delete(accountId)
    try {
      if (!look.signal.aborted) await this.#tellAccount(accountId, look)
    } catch (error) {
      this.#again.add(accountId)
      if (look.errors.push(error) === 1) look.onError(error)
    }
    if (look.signal.aborted) this.#again.add(accountId)
    // SQLite reads on the event loop. A look at many accounts must leave other work its turn.
    await setImmediate()
    this.#endTurn(accountId)
  }

  /** Resolves when it is the account's turn. */
  #turn(accountId: string): Promise<void> {
    return new Promise((begin) => {
      this.#queue.set(accountId, begin)
      this.#beginTurns()
    })
  }

  #endTurn(accountId: string): void {
    this.#underWay.delete(accountId)
    this.#beginTurns()
  }

  #beginTurns(): void {
    for (const [accountId, begin] of this.#queue) {
      if (this.#underWay.size >= this.#options.concurrency) return
      if (this.#slow.has(accountId) && this.#slow.isFull(this.#underWay)) continue
      this.#queue.delete(accountId)
      this.#underWay.add(accountId)
      begin()
    }
  }

  get #kind(): string {
    return `told_${this.#options.name}`
  }

  get #deadKind(): string {
    return `untold_${this.#options.name}`
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
      // Changes other than usage are not worth saving a cursor for. After a restart they are scanned again.
      if (records.length > 0 && cursor > from) await this.#note(accountId, cursor)
      if (isStuck) return
      this.#told.set(accountId, cursor)
      from = cursor
      if (!hasMore) return
      // Changes other than usage are neither delivered nor noted, and nothing else here leaves other work its turn on SQLite.
      await setImmediate()
      this.#endTurn(accountId)
      await this.#turn(accountId)
    }
  }

  /** @returns whether to continue with the next record */
  async #tell(record: UsageRow, { report, signal: stopping }: Look): Promise<boolean> {
    const { accountId } = record
    const { timeoutMs, attemptsMax, onError, retryDelayMs } = this.#options
    const begunAt = performance.now()
    const error = await attemptDelivery((signal) => this.#options.deliver(record, signal), { stopping, timeoutMs })
    this.#slow.note(accountId, performance.now() - begunAt)
    if (error === undefined) {
      this.#waiting.delete(accountId)
      report.delivered += 1
      return true
    }
    // A delivery cut short by `stop` has not failed.
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
    // At once, or the next process would deliver it again, though it is listed as given up.
    await this.#note(accountId, record.sequence)
    return true
  }

  async #cursorOf(accountId: string): Promise<number> {
    // Read each time, because another process of this name may have delivered what is new here.
    const last = await this.#ledger.history.lastDocument(accountId, this.#kind)
    const noted = last === undefined ? 0 : (last.body as { version: number }).version
    const told = this.#told.get(accountId) ?? 0
    if (noted <= told) return told
    // The other process got past the record that failed here. Clear it only if the cursor moved, or attempts never add up.
    this.#waiting.delete(accountId)
    this.#told.set(accountId, noted)
    return noted
  }

  /** Saves an account's cursor. The furthest one counts, because another process may be ahead. */
  async #note(accountId: string, sequence: number): Promise<void> {
    await this.#ledger.saveDocument({ accountId, kind: this.#kind, documentId: NOTE, body: {}, version: sequence })
    this.#told.set(accountId, sequence)
  }

  async #keepDead({ accountId, usageId }: UsageRow, { version, ...body }: DeadBody): Promise<void> {
    await this.#ledger.saveDocument({ accountId, kind: this.#deadKind, documentId: usageId, body, version })
  }
}

/** One poll of the changed accounts. */
interface Look {
  signal: AbortSignal
  report: UsageOutboxReport
  /** Accounts that it began to tell. */
  begun: Set<string>
  /** Accounts that were being told when it came to them. */
  passed: string[]
  /** What kept accounts from being told. */
  errors: unknown[]
  /** Is told the first of the errors. */
  onError(error: unknown): void
}

function newLook(signal: AbortSignal, onError: (error: unknown) => void): Look {
  return { signal, report: { delivered: 0, failed: 0, givenUp: 0 }, begun: new Set(), passed: [], errors: [], onError }
}

/** What is stored about a given-up record. */
interface DeadBody {
  error: string
  isTold?: boolean
  /** How often it was given up, or {@link TOLD}. */
  version: number
}

function resolve(options: UsageOutboxOptions): Required<UsageOutboxOptions> {
  checkOptionNames(options, known, 'UsageOutbox')
  checkCallbacks(options)
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
  checkWaits(resolved, ['pollMs', 'timeoutMs'])
  checkWhole(resolved, ['concurrency', 'attemptsMax'], 1)
  checkWhole(resolved, ['from'], 0)
  return resolved
}
