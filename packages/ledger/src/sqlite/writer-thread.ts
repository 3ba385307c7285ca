import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { type Clock, InvalidOptionError } from '@farebox/core'
import { LedgerClosedError, LedgerInternalError, LedgerUnavailableError } from '../errors.ts'
import type { Operation } from '../operations.ts'
import type { Written } from './connection.ts'
import { type SentError, unpackError } from './errors-across-threads.ts'

/** What the writer thread is started with. */
export interface WriterOptions {
  filename: string
  synchronous: 'full' | 'normal'
  busyTimeoutMs: number
  prefix: string
}

export type ToWriter = { close?: false; id: number; operations: readonly Operation[]; now: number | undefined } | { close: true }
export type FromWriter = { ready: true } | ({ ready?: false; id: number } & (Written | { error: SentError }))

interface Pending {
  resolve(written: Written): void
  reject(error: unknown): void
}

/**
 * Writes on a thread of its own, so that neither SQLite nor the disk blocks the event loop. It takes whole batches and sends
 * their outcomes back, so the file is never locked while it waits for the event loop. To the rest of the system it is one more
 * connection to the file, like another process's.
 */
export class WriterThread {
  readonly #worker: Worker
  readonly #clock: Clock | undefined
  readonly #pending = new Map<number, Pending>()
  readonly #ready: Promise<void>
  #ids = 0
  #isClosing = false
  #isEnded = false

  /**
   * @param program  from {@link writerProgram}
   * @param clock  a clock other than the system's. The thread cannot call it, so it is read when a batch is sent.
   */
  constructor(program: URL, options: WriterOptions, clock: Clock | undefined) {
    this.#clock = clock
    this.#worker = new Worker(program, { workerData: options })
    this.#ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromWriter) => {
        if (!message.ready) return this.#answer(message)
        resolve()
      })
      this.#worker.on('error', (error) => {
        reject(error)
        this.#end(error)
      })
      this.#worker.on('exit', () => {
        reject(new LedgerClosedError('the ledger is closed'))
        this.#end(undefined)
      })
    })
    this.#ready.catch(() => undefined)
    // Must come last: adding a message listener refs the worker again.
    this.#worker.unref()
  }

  /** Whether the thread has ended. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  commit(operations: readonly Operation[]): Promise<Written> {
    if (this.#isEnded) return Promise.reject(new LedgerUnavailableError('the thread that writes has ended'))
    return new Promise((resolve, reject) => {
      const id = this.#ids++
      const now = this.#clock?.()
      try {
        this.#post({ id, operations, now })
      } catch (error) {
        // Nothing was sent, so no answer will come.
        reject(new LedgerInternalError('a change cannot be sent to the thread that writes', error))
        return
      }
      if (this.#pending.size === 0) this.#worker.ref()
      this.#pending.set(id, { resolve, reject })
    })
  }

  /** Ends the thread after the batches it was sent. */
  async close(): Promise<void> {
    // Ref first: a process kept alive by nothing else would exit while the thread starts, without awaiting this.
    this.#isClosing = true
    this.#worker.ref()
    await this.#ready.catch(() => undefined)
    if (this.#isEnded) return
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#post({ close: true })
    await exited
  }

  #post(message: ToWriter): void {
    this.#worker.postMessage(message)
  }

  #answer(message: Exclude<FromWriter, { ready: true }>): void {
    const pending = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if (this.#pending.size === 0 && !this.#isClosing) this.#worker.unref()
    if ('error' in message) pending?.reject(unpackError(message.error))
    else pending?.resolve(message)
  }

  /** Batches under way may or may not have been committed. */
  #end(cause: unknown): void {
    this.#isEnded = true
    for (const { reject } of this.#pending.values()) reject(new LedgerUnavailableError('the thread that writes has ended', cause))
    this.#pending.clear()
  }
}

/**
 * Finds the file that the thread runs.
 *
 * @throws {InvalidOptionError} this module was bundled, which leaves the file behind
 */
export function writerProgram(): URL {
  // A program bundled as CommonJS has no `import.meta.url`.
  const here: string | undefined = import.meta.url
  const program = here && new URL(`./writer.thread.${here.endsWith('.ts') ? 'ts' : 'js'}`, here)
  if (program && existsSync(program)) return program
  throw new InvalidOptionError(
    "sqlite({ writer: 'thread' }) cannot be bundled: leave @farebox/ledger out of the bundle, or use the default, 'event loop'",
  )
}
