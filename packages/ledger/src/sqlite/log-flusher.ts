import fs from 'node:fs'
import { LedgerUnavailableError } from '../errors.ts'
import { messageOf } from './classify-error.ts'

/** How much the newest flush counts in what the next is expected to take. */
const NEWEST_SHARE = 0.2
/** A disk that flushes within this long may hold up the thread. To have it done on another one takes as long as a third of a short flush. */
const BRIEF_MS = 1

/**
 * Makes what SQLite has written to its write-ahead log durable, which SQLite itself would do within each COMMIT, with the file locked and the
 * thread at a stand. Committed here is what other connections see; durable, and so acknowledged, is what was flushed after it. The log only
 * grows at its end, whoever writes to it, and is flushed by whoever copies it before it begins anew: what is durable is always all up
 * to some commit.
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
   * @param filename  the log's own
   * @param isWholeAgain  copies the whole log into the file and begins it anew; whether that could be done
   */
  constructor(filename: string, isWholeAgain: () => boolean) {
    this.#filename = filename
    this.#isWholeAgain = isWholeAgain
  }

  /** Whether a flush is so short that it had better be waited for where one is. */
  get isBrief(): boolean {
    return this.#underWay === undefined && this.#expectedMs < BRIEF_MS
  }

  /**
   * To be called when SQLite has opened the log, which is there from then on for as long as the database is open. A system tells of a failure
   * those alone who had the file open then, and what another process has lost is lost with all that is written after it.
   */
  open(): void {
    try {
      this.#open()
    } catch {
      // The first flush says why, if it comes to that: whoever may not write can still read.
    }
  }

  /**
   * To be called before each transaction. After a flush that failed, the system takes what it could not write for written, so another flush
   * would say nothing; only what is copied into the file is then written again, and flushed with it.
   *
   * @throws {LedgerUnavailableError} the disk still fails
   */
  check(): void {
    if (this.#failure === undefined) return
    if (!this.#isWholeAgain()) throw this.#unavailable()
    this.#failure = undefined
  }

  /**
   * Flushes what was committed before this call. One flush at a time, and one for all that wait for the next.
   *
   * @throws {LedgerUnavailableError} the disk failed, so that nobody knows what of it is kept
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

  /** The same, while the thread waits. */
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
   * Waits for the flushes under way. Before SQLite is closed, which may delete the log, and when nothing more is written: what was written and
   * is yet to be flushed is so here, so that whoever asks for it afterwards is told what is so.
   */
  async close(): Promise<void> {
    while (this.#underWay) await Promise.allSettled([this.#next ?? this.#underWay])
    if (this.#isClosed) return
    try {
      this.flushNow()
    } catch {
      // Told to those whose changes they are.
    }
    this.#isClosed = true
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #start(): Promise<void> {
    this.#next = undefined
    const flush = this.#run().finally(() => {
      // Where another waits to begin, it is the next at once: there are never two at a time, of which only one would be told of a failure.
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
    // Told late where the event loop had other work, so it may take less than it seemed to, and never more.
    this.#learn(Math.min(performance.now() - started, this.#expectedMs))
  }

  #open(): number {
    this.#descriptor ??= fs.openSync(this.#filename, 'r+')
    return this.#descriptor
  }

  /** What was committed after what a flush has lost is lost with it. */
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
