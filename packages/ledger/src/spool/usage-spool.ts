import { LedgerClosedError, LedgerOverloadedError, LedgerUnavailableError, SchemaVersionError } from '../errors.ts'
import { getOrInsert } from '../machine/get-or-insert.ts'
import type { Operation, Outcome, Refusal } from '../operations.ts'
import { unthrowing } from '../unthrowing.ts'
import type { UsageOperation } from './operation-json.ts'
import { Spool, type SpooledOperation, type SpoolOptions } from './spool.ts'

/** Where usage is kept while the database is away, and who hears of it. */
export interface UsageSpoolOptions extends SpoolOptions {
  /** How often to try again while usage waits, in milliseconds. @defaultValue 5_000 */
  retryMs?: number
  /** Hears of usage that the ledger would not take, which is kept in the folder `refused` with the reason. */
  onRefused?(operation: UsageOperation, reason: string): void
}

/** What sending the spool to the ledger did. */
export interface SpoolReport {
  /** The ledger has it now, once. */
  sent: number
  /** The ledger would not take it. */
  refused: number
  /** Still here, because the database cannot be reached. */
  waiting: number
}

/** What became of a change that was sent. */
type End = 'sent' | 'refused' | 'waits'

/** Sent together: they share a transaction. */
const SENT_AT_ONCE = 100

/** Keeps usage while the database is away, and sends it when it is back. */
export class UsageSpool {
  readonly #spool: Spool
  readonly #submit: (operation: Operation) => Promise<Outcome>
  readonly #options: UsageSpoolOptions
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<SpoolReport> | undefined
  #closed = false
  /** The holds that a kept settlement may be about, until nothing waits, and how often something was kept. */
  readonly #holds = new Set<string>()
  #kept = 0
  #isRead: Promise<void> | undefined

  constructor(options: UsageSpoolOptions, submit: (operation: Operation) => Promise<Outcome>) {
    this.#spool = new Spool(options)
    this.#options = options
    this.#submit = submit
  }

  /**
   * Keeps usage that the database could not take.
   *
   * @param failure  what the database said, thrown as it is when the spool is full, and as the cause when the disk fails as well
   */
  async keep(operation: UsageOperation, failure: LedgerUnavailableError | LedgerOverloadedError): Promise<void> {
    this.#kept++
    if (operation.verb === 'settleHold') this.#holds.add(holdKey(operation.accountId, operation.input.holdId))
    const isKept = await this.#spool.add(operation).catch((error: unknown) => {
      throw new LedgerUnavailableError(`${failure.message}; and the spool could not keep the usage`, error)
    })
    if (!isKept) throw failure
    this.#sendLater()
  }

  /**
   * Whether a part of a hold that was kept still waits, after another try. What comes after it must wait too: a last settlement would
   * end the hold, and the ledger would not take the part any more.
   */
  async isWaiting(accountId: string, holdId: string): Promise<boolean> {
    // A disk that cannot be read says nothing, and must not be in the way of a database that is there.
    this.#isRead ??= this.#readHolds().catch(() => undefined)
    await this.#isRead
    const key = holdKey(accountId, holdId)
    if (this.#holds.has(key)) await this.send().catch(() => undefined)
    return this.#holds.has(key)
  }

  /** How many changes wait. */
  waiting(): Promise<number> {
    return this.#spool.size()
  }

  /** Sends what waits, oldest first. Calls that meet share the work. */
  send(): Promise<SpoolReport> {
    this.#sending ??= this.#sendNow().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  /** Sends in the background, and again until nothing waits. */
  sendSoon(): void {
    this.send()
      .catch(() => ({ waiting: 1 }))
      .then(({ waiting }) => {
        if (waiting > 0) this.#sendLater()
      })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#sending?.catch(() => undefined)
  }

  /** Learns of the holds that a process before this one kept settlements of. */
  async #readHolds(): Promise<void> {
    for await (const { operation } of this.#spool.entries(() => undefined)) {
      if (operation.verb === 'settleHold') this.#holds.add(holdKey(operation.accountId, operation.input.holdId))
    }
  }

  #sendLater(): void {
    if (this.#timer || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.sendSoon()
    }, this.#options.retryMs ?? 5_000)
    this.#timer.unref()
  }

  async #sendNow(): Promise<SpoolReport> {
    const report: SpoolReport = { sent: 0, refused: 0, waiting: 0 }
    const kept = this.#kept
    const failures: unknown[] = []
    let mayLackPart = false
    const onFailure = (error: unknown, mayBeChange: boolean) => {
      failures.push(error)
      mayLackPart ||= mayBeChange
    }
    let together: SpooledOperation[] = []
    for await (const entry of this.#spool.entries(onFailure)) {
      // What could not be read may be a part of its hold, which the ledger would not take after it.
      if (mayLackPart && isLast(entry)) continue
      together.push(entry)
      if (together.length < SENT_AT_ONCE) continue
      const isSent = await this.#sendAll(together, report)
      together = []
      if (!isSent) break
    }
    await this.#sendAll(together, report)
    if (failures.length > 0) throw failures[0]
    report.waiting = await this.#spool.size()
    if (report.waiting === 0 && this.#kept === kept) this.#holds.clear()
    return report
  }

  /** @returns false when the database is still away */
  async #sendAll(entries: readonly SpooledOperation[], report: SpoolReport): Promise<boolean> {
    const parts = new Map<string, Promise<End>[]>()
    const ends = await Promise.all(
      entries.map((entry) => {
        const { verb, accountId, input } = entry.operation
        if (verb !== 'settleHold') return this.#sendOne(entry)
        const earlier = getOrInsert(parts, holdKey(accountId, input.holdId), () => [])
        const end = input.final ? this.#sendAfter(earlier, entry) : this.#sendOne(entry)
        earlier.push(end)
        return end
      }),
    )
    report.sent += ends.filter((end) => end === 'sent').length
    report.refused += ends.filter((end) => end === 'refused').length
    return !ends.includes('waits')
  }

  /** They may be in transactions of their own, of which the first may fail: a last settlement would then end the hold before its parts. */
  async #sendAfter(parts: readonly Promise<End>[], last: SpooledOperation): Promise<End> {
    return (await Promise.all(parts)).includes('waits') ? 'waits' : this.#sendOne(last)
  }

  async #sendOne({ name, operation }: SpooledOperation): Promise<End> {
    let reason: string | undefined
    try {
      for (const form of formsOf(operation)) {
        const why = refusalIn(await this.#submit(form))
        reason = why && (reason ?? why)
        if (reason === undefined) break
      }
    } catch (error) {
      if (isAway(error)) return 'waits'
      reason = error instanceof Error ? error.message : String(error)
    }
    if (reason === undefined) {
      await this.#spool.remove(name)
      return 'sent'
    }
    await this.#spool.refuse(name, reason)
    unthrowing(this.#options.onRefused)(operation, reason)
    return 'refused'
  }
}

/** Whether it ends a hold. */
function isLast({ operation }: SpooledOperation): boolean {
  return operation.verb === 'settleHold' && operation.input.final
}

function holdKey(accountId: string, holdId: string): string {
  return `${accountId}\0${holdId}`
}

/**
 * The forms in which the ledger may take a change, the caller's own first. Work that was done cannot be refused any more: what the balance
 * lacks is written down as a shortfall, and where the workflow was closed meanwhile the account owes it all the same. What another
 * process has sent in a later form is a conflict in the earlier ones, and a replay in that.
 */
function formsOf(operation: UsageOperation): UsageOperation[] {
  // A hold that rejects what is above it would else give back what it held: work that was done would cost nothing.
  if (operation.verb === 'settleHold') return [operation, { ...operation, input: { ...operation.input, overage: 'cap' } }]
  const capped: UsageOperation = { ...operation, input: { ...operation.input, overage: 'cap' } }
  return [operation, capped, { ...capped, input: { ...capped.input, workflowId: undefined } }]
}

/** Why the ledger did not take it; `undefined` when it has it, now or since before. */
function refusalIn(outcome: Outcome): string | undefined {
  if (outcome.status === 'refused') return `refused: ${(outcome as Refusal).reason}`
  return outcome.status === 'failed' ? JSON.stringify(outcome) : undefined
}

/** Whether it is not the change that is at fault, but the database: it is away, or not (yet) one of a ledger. */
function isAway(error: unknown): boolean {
  const faults = [LedgerUnavailableError, LedgerOverloadedError, LedgerClosedError, SchemaVersionError]
  return faults.some((fault) => error instanceof fault)
}
