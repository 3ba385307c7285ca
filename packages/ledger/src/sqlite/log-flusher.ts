import fs from 'node:fs'
import { LedgerUnavailableError } from '../errors.ts'
import { messageOf } from './classify-error.ts'

/** Weight of the newest flush in the moving average of their durations. */
const NEWEST_SHARE = 0.2
/** A flush expected to take less than this may block the thread. Handing it to another thread costs a third of a short flush. */
const BRIEF_MS = 1

/**
 * Flushes SQLite's write-ahead log to the disk. SQLite itself would flush within each COMMIT, with the file locked and the thread
 * blocked. Other connections see a change once it is committed; it is durable, and acknowledged, only once a later flush has
 * succeeded. Every process only appends to the log, and whoever copies it flushes it before it restarts. So what is durable is
 * always everything up to some commit.
 */
export class LogFlusher {
  readonly #filename: string
  readonly #isWholeAgain: () => boolean
  #descriptor: number | undefined
  #underWay: Promise<void> | undefined
  #next: Promise<void> | undefined
  #failure: unknown
  #expectedMs = 0
  #isClosed = false

  /**
   * @param filename  path of the log itself
   * @param isWholeAgain  copies the whole log into the file and restarts it; returns whether that succeeded
   */
  constructor(filename: string, isWholeAgain: () => boolean) {
    this.#filename = filename
    this.#isWholeAgain = isWholeAgain
  }

  /** Whether the next flush is expected to be short enough to block the thread for. */
  get isBrief(): boolean {
    return this.#underWay === undefined && this.#expectedMs < BRIEF_MS
  }

  /**
   * Opens the log. Call this as soon as SQLite has opened it; it then exists for as long as the database is open. The operating
   * system reports a failed write only to processes that had the file open at the time. If another process loses a write,
   * everything written after it is lost too.
   */
  open(): void {
    try {
      this.#open()
    } catch {
      // The first flush, if there is one, reports why: a process that may not write can still read.
    }
  }

  /**
   * Recovers from a failed flush. Call this before each transaction. After a failure the operating system marks the lost pages as
   * written, so another flush would succeed without them. Only copying the log into the file writes them again.
   *
   * @throws {LedgerUnavailableError} the disk still fails
   */
  check(): void {
    if (this.#failure === undefined) return
    if (!this.#isWholeAgain()) throw this.#unavailable()
    this.#failure = undefined
  }

  /**
   * Flushes everything committed before this call. One flush runs at a time, and all callers that wait share the next one.
   *
   * @throws {LedgerUnavailableError} the disk failed, so it is unknown what was kept
   */
  async flush(): Promise<void> {
    if (this.#isClosed) return this.#checkTrusted()
    if (!this.#underWay) return this.#start()
    this.#next ??= this.#underWay.then(
      () => this.#start(),
      () => this.#start(),
    )
    return this.#next
  }

  /** Like {@link flush}, but blocks the thread. */
  flushNow(): void {
    const started = performance.now()
    this.#checkTrusted()
    if (this.#isClosed) return
    try {
      fs.fdatasyncSync(this.#open())
    } catch (error) {
      throw this.#fail(error)
    }
    this.#learn(performance.now() - started)
  }

  /**
   * Waits for the flushes under way, and flushes what is left, so that callers that ask later get the true result. Call this when
   * nothing writes any more, and before closing SQLite, which may delete the log.
   */
  async close(): Promise<void> {
    while (this.#underWay) await Promise.allSettled([this.#next ?? this.#underWay])
    if (this.#isClosed) return
    try {
      this.flushNow()
    } catch {
      // The callers whose changes these are get the error from their own flush.
    }
    this.#isClosed = true
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #start(): Promise<void> {
    this.#next = undefined
    const flush = this.#run().finally(() => {
      // A waiting flush takes over at once. Two flushes must never overlap, because only one of them would learn of a failure.
      if (this.#underWay === flush && this.#next === undefined) this.#underWay = undefined
    })
    this.#underWay = flush
    return flush
  }

  async #run(): Promise<void> {
    const started = performance.now()
    this.#checkTrusted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    try {
      fs.fdatasync(this.#open(), (error) => (error ? reject(error) : resolve()))
      await promise
    } catch (error) {
      throw this.#fail(error)
    }
    // A busy event loop delays the callback, so this measurement may lower the estimate but never raise it.
    this.#learn(Math.min(performance.now() - started, this.#expectedMs))
  }

  #open(): number {
    this.#descriptor ??= fs.openSync(this.#filename, 'r+')
    return this.#descriptor
  }

  /** Whatever was committed after a lost flush is lost with it. */
  #checkTrusted(): void {
    if (this.#failure !== undefined) throw this.#unavailable()
  }

  #learn(tookMs: number): void {
    this.#expectedMs += (tookMs - this.#expectedMs) * NEWEST_SHARE
  }

  #fail(error: unknown): LedgerUnavailableError {
    this.#failure = error
    return this.#unavailable()
  }

  #unavailable(): LedgerUnavailableError {
    return new LedgerUnavailableError(`the disk did not keep what was written: ${messageOf(this.#failure)}`, this.#failure)
  }
}
