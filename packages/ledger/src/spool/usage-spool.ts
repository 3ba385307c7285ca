import { checkOptionNames, checkOptionType, InvalidOptionError } from '@farebox/core'
import { LedgerClosedError, LedgerOverloadedError, LedgerUnavailableError, SchemaVersionError } from '../errors.ts'
import { getOrInsert } from '../machine/get-or-insert.ts'
import type { Operation, Operations, Outcome } from '../operations.ts'
import { checkWaits } from '../outbox/delivery-options.ts'
import type { Refusal } from '../outcomes.ts'
import { unthrowing } from '../unthrowing.ts'
import type { UsageOperation } from './operation-json.ts'
import { Spool, type SpooledOperation, type SpoolOptions } from './spool.ts'

/** Where to keep usage while the database is unreachable, and how to retry. */
export interface UsageSpoolOptions extends SpoolOptions {
  /** Time between retries while usage waits, in milliseconds. @defaultValue 5_000 */
  retryMs?: number
  /** Called for usage that the ledger refused. It is kept in the folder `refused`, with the reason. */
  onRefused?(operation: UsageOperation, reason: string): void
}

const known: Record<keyof UsageSpoolOptions, true> = { directory: true, entriesMax: true, retryMs: true, onRefused: true }

/** What sending the spool to the ledger did, in numbers of changes. */
export interface SpoolReport {
  /** Now in the ledger, exactly once. */
  sent: number
  /** Refused by the ledger. */
  refused: number
  /** Still in the spool, because the database is unreachable. */
  waiting: number
}

/** The result of sending one change. */
type End = 'sent' | 'refused' | 'waits'

const RETRY_MS = 5_000
/** How many changes to send together, so that they share transactions. */
const SENT_AT_ONCE = 100

/** Keeps usage while the database is unreachable, and sends it once it is back. */
export class UsageSpool {
  readonly #spool: Spool
  readonly #submit: (operation: Operation) => Promise<Outcome>
  readonly #options: UsageSpoolOptions
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<SpoolReport> | undefined
  #closed = false
  /**
   * Work that waiting settlements may concern. Cleared only when nothing waits and, by the counts below, nothing new was kept.
   */
  readonly #work = new Set<string>()
  /** Accounts whose usage may wait. Cleared along with the work. */
  readonly #accounts = new Set<string>()
  #kept = 0
  /** Changes whose files are being written: no run sees them yet. */
  #keeping = 0
  /** How many files were written, now and when the run began: it may miss those written since. */
  #written = 0
  #writtenBefore = 0
  /** Resolved once the spool was read. Absent before, and after a failure. */
  #reading: Promise<void> | undefined

  /** @throws {InvalidOptionError} an option is unknown, or not what {@link UsageSpoolOptions} says */
  constructor(options: UsageSpoolOptions, submit: (operation: Operation) => Promise<Outcome>) {
    checkOptionNames(options, known, 'the spool')
    checkOptionType('onRefused', options.onRefused, 'function')
    checkWaits({ retryMs: options.retryMs ?? RETRY_MS }, ['retryMs'])
    this.#spool = new Spool(options)
    this.#options = options
    this.#submit = submit
  }

  /**
   * Keeps usage that the database could not take.
   *
   * @param failure  the database's error, thrown as it is when the spool is full
   * @throws {LedgerUnavailableError} the disk failed too; the message repeats that of `failure`
   */
  async keep(operation: UsageOperation, failure: KeepableFailure): Promise<void> {
    this.#kept++
    this.#keeping++
    this.#note(operation)
    const isKept = await this.#spool
      .add(operation)
      .catch((error: unknown) => {
        throw new LedgerUnavailableError(`${failure.message}; and the spool could not keep the usage`, error)
      })
      .finally(() => {
        this.#keeping--
      })
    if (!isKept) throw failure
    this.#written++
    this.#sendLater()
  }

  /**
   * Retries, and returns whether usage of the same work still waits. Later settlements must then wait too: a final one would end
   * the work, and the ledger would refuse the part. So must the same charge, which would be refused to whoever repeats it, and made.
   */
  async isWaiting(accountId: string, usage: Work): Promise<boolean> {
    await this.#read()
    const mayWait = () => workKeys(accountId, usage).some((key) => this.#work.has(key))
    if (mayWait()) await this.send().catch(() => undefined)
    return mayWait()
  }

  /** Retries, if usage of this account may wait. Returns whatever becomes of it. */
  async sendOf(accountId: string): Promise<void> {
    await this.#read()
    if (!this.#accounts.has(accountId)) return
    await this.send().catch(() => undefined)
  }

  /** The charges of a workflow that wait, oldest first. */
  async chargesOf(accountId: string, workflowId: string): Promise<Operations['charge'][]> {
    await this.#read()
    const charges: Operations['charge'][] = []
    if (!this.#accounts.has(accountId)) return charges
    for await (const { operation } of this.#spool.entries(() => undefined)) {
      const isOurs = operation.verb === 'charge' && operation.accountId === accountId
      if (isOurs && operation.input.workflowId === workflowId) charges.push(operation.input)
    }
    return charges
  }

  /** How many changes wait. */
  waiting(): Promise<number> {
    return this.#spool.size()
  }

  /** Sends the waiting changes, oldest first. Concurrent calls share one run, unless a file was written since it began. */
  send(): Promise<SpoolReport> {
    const sending = this.#sending
    if (sending) return this.#writtenBefore === this.#written ? sending : sending.then(this.#sendAgain, this.#sendAgain)
    this.#writtenBefore = this.#written
    this.#sending = this.#sendNow().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  readonly #sendAgain = () => this.send()

  /** Sends in the background, and retries until nothing waits. */
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

  /**
   * Finds, once, what an earlier process kept. A disk that cannot be read must not block a database that can be reached, so the
   * next call tries again.
   */
  #read(): Promise<void> {
    this.#reading ??= this.#noteAll().catch(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #noteAll(): Promise<void> {
    for await (const { operation } of this.#spool.entries(() => undefined)) this.#note(operation)
  }

  #note({ accountId, input }: UsageOperation): void {
    this.#accounts.add(accountId)
    for (const key of workKeys(accountId, input)) this.#work.add(key)
  }

  #sendLater(): void {
    if (this.#timer || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.sendSoon()
    }, this.#options.retryMs ?? RETRY_MS)
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
      // The unreadable file may be a partial settlement of the same work, which the ledger would refuse after this final one.
      if (mayLackPart && isLast(entry)) continue
      together.push(entry)
      if (together.length < SENT_AT_ONCE) continue
      const isSent = await this.#sendAll(together, report, failures)
      together = []
      if (!isSent) break
    }
    await this.#sendAll(together, report, failures)
    if (failures.length > 0) throw failures[0]
    report.waiting = await this.#spool.size()
    if (report.waiting === 0 && this.#kept === kept && this.#keeping === 0) {
      this.#work.clear()
      this.#accounts.clear()
    }
    return report
  }

  /**
   * Sends each, whatever fails for another.
   *
   * @param failures  takes the errors of files that could not be removed or moved
   * @returns `false` if the database is still unreachable
   */
  async #sendAll(entries: readonly SpooledOperation[], report: SpoolReport, failures: unknown[]): Promise<boolean> {
    const parts = new Map<string, Promise<End>[]>()
    const settled = await Promise.allSettled(
      entries.map((entry) => {
        const { verb, accountId, input } = entry.operation
        if (verb !== 'settleHold') return this.#sendOne(entry)
        const earlier = workKeys(accountId, input).map((key) => getOrInsert(parts, key, () => []))
        const end = input.final ? this.#sendAfter(earlier.flat(), entry) : this.#sendOne(entry)
        for (const ends of earlier) ends.push(end)
        return end
      }),
    )
    failures.push(...settled.flatMap((end) => (end.status === 'rejected' ? [end.reason] : [])))
    const ends = settled.map((end) => (end.status === 'fulfilled' ? end.value : undefined))
    report.sent += ends.filter((end) => end === 'sent').length
    report.refused += ends.filter((end) => end === 'refused').length
    return !ends.includes('waits')
  }

  /** Sends a final settlement after its parts. In another transaction, it could end the work although a part failed. */
  async #sendAfter(parts: readonly Promise<End>[], last: SpooledOperation): Promise<End> {
    const ends = await Promise.allSettled(parts)
    // A part whose file could not be removed or moved is done with all the same.
    return ends.some((end) => end.status === 'fulfilled' && end.value === 'waits') ? 'waits' : this.#sendOne(last)
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

type KeepableFailure = LedgerUnavailableError | LedgerOverloadedError | SchemaVersionError

/** Whether usage is kept after a failure: the database could not take it, or has no tables, as after a failover to an empty one. */
export function mayKeep(error: unknown): error is KeepableFailure {
  return [LedgerUnavailableError, LedgerOverloadedError, SchemaVersionError].some((failure) => error instanceof failure)
}

/** Whether the change ends a hold. */
function isLast({ operation }: SpooledOperation): boolean {
  return operation.verb === 'settleHold' && operation.input.final
}

/** What tells to which work usage belongs. */
type Work = Pick<Operations['charge'], 'usageId'> & Partial<Pick<Operations['settleHold'], 'holdId' | 'partOf'>>

/** The record that ends the work, and a settlement's hold: parts of one work may have different holds. */
function workKeys(accountId: string, { holdId, usageId, partOf = usageId }: Work): string[] {
  return [holdId, partOf].flatMap((id) => (id === undefined ? [] : `${accountId}\0${id}`))
}

/**
 * The forms in which to send a change, the caller's own first. The work is done and can no longer be refused: a shortfall records
 * what the balance lacks, and if the workflow has been closed, the account owes it all the same. Whoever repeats what they asked
 * for gets the outcome of the form that was made.
 */
function formsOf(operation: UsageOperation): UsageOperation[] {
  // Otherwise a hold that rejects overage would be released, and the work done would cost nothing.
  if (operation.verb === 'settleHold') return [operation, { ...operation, input: { ...operation.input, overage: 'cap' } }]
  const { input: asked } = operation
  const capped: UsageOperation = { ...operation, asked, input: { ...asked, overage: 'cap' } }
  return [operation, capped, { ...capped, input: { ...capped.input, workflowId: undefined } }]
}

/** Why the ledger did not accept the change. `undefined` if the ledger has it, now or from before. */
function refusalIn(outcome: Outcome): string | undefined {
  if (outcome.status === 'refused') return `refused: ${(outcome as Refusal).reason}`
  return outcome.status === 'failed' ? JSON.stringify(outcome) : undefined
}

/** Whether the database is at fault, not the change: it is unreachable, its package cannot be loaded, or it is not (yet) migrated. */
function isAway(error: unknown): boolean {
  const faults = [LedgerUnavailableError, LedgerOverloadedError, LedgerClosedError, SchemaVersionError, InvalidOptionError]
  return faults.some((fault) => error instanceof fault)
}
