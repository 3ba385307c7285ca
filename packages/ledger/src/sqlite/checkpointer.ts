import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

/**
 * How much is written before the write-ahead log is copied into the file: rows, and so many more for each transaction, which begins
 * its pages anew. It makes some 16 MB of log, so that pages which are written often are copied once.
 */
const ROWS_BETWEEN = 16_000
const ROWS_OF_TRANSACTION = 24
/** Pages that the log may have grown by during a pass for the next one to be the last: a few milliseconds of copying. */
const PAGES_LAST = 400
const PASSES_MAX = 8

/**
 * Copies SQLite's write-ahead log into the file on a thread of its own. SQLite would do it inside some COMMIT and keep the event
 * loop for tens of milliseconds meanwhile.
 *
 * Passes beside the running writer copy almost everything, but the log can start again from its beginning only when a pass has
 * copied all of it. So the last, short pass is made while the writer waits, without blocking its thread.
 */
export class Checkpointer {
  readonly #filename: string
  readonly #onFailure: () => void
  #worker: Worker | undefined
  #rows = 0
  #state: 'idle' | 'copying' | 'nearly done' | 'failed' = 'idle'
  #passes = 0
  #pagesBefore = 0
  #answered: ((pages: number) => void) | undefined
  #lastPass: Promise<void> | undefined

  /** @param onFailure  called once when there can be no such thread: SQLite must then copy by itself */
  constructor(filename: string, onFailure: () => void) {
    this.#filename = filename
    this.#onFailure = onFailure
  }

  /** Counts the rows of a transaction that was committed, and begins to copy when they are many. */
  wrote(rows: number): void {
    this.#rows += rows + ROWS_OF_TRANSACTION
    if (this.#rows < ROWS_BETWEEN || this.#state !== 'idle') return
    this.#rows = 0
    this.#passes = 0
    this.#pagesBefore = 0
    this.#state = 'copying'
    void this.#copy()
  }

  /** Whether the last pass waits for a moment in which nothing is written: {@link beforeWrite} gives it that. */
  get isNearlyDone(): boolean {
    return this.#state === 'nearly done'
  }

  /** To be awaited before each transaction, with none under way. */
  async beforeWrite(): Promise<void> {
    if (!this.isNearlyDone) return
    // Several ledgers may share a driver, and so wait for the same pass.
    this.#lastPass ??= this.#finish()
    await this.#lastPass
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#state = 'failed'
    this.#worker = undefined
    if (!worker) return
    worker.ref()
    const exited = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage('close')
    await exited
  }

  async #copy(): Promise<void> {
    while (this.#state === 'copying') {
      const pages = await this.#pass()
      if (pages - this.#pagesBefore < PAGES_LAST || ++this.#passes === PASSES_MAX) this.#become('nearly done')
      this.#pagesBefore = pages
    }
  }

  async #finish(): Promise<void> {
    this.#worker?.ref()
    await this.#pass()
    this.#worker?.unref()
    this.#become('idle')
    this.#lastPass = undefined
  }

  #become(state: 'idle' | 'nearly done'): void {
    if (this.#state !== 'failed') this.#state = state
  }

  /** One pass. Answers how many pages the log had when it began. */
  #pass(): Promise<number> {
    return new Promise((resolve) => {
      this.#answered = resolve
      try {
        this.#worker ??= this.#start()
        this.#worker.postMessage('copy')
      } catch {
        this.#fail()
      }
    })
  }

  #start(): Worker {
    const worker = new Worker(WORKER, {
      eval: true,
      workerData: { filename: this.#filename, module: createRequire(import.meta.url).resolve('better-sqlite3') },
    })
    worker.on('message', (pages: number) => this.#answered?.(pages))
    worker.on('error', () => this.#fail())
    // Nobody must wait for the end of one that has ended.
    worker.on('exit', () => {
      this.#worker = undefined
    })
    // Only now: a listener of messages keeps the process alive again.
    worker.unref()
    return worker
  }

  #fail(): void {
    const isFirst = this.#state !== 'failed'
    this.#state = 'failed'
    this.#answered?.(0)
    if (isFirst) this.#onFailure()
  }
}

/** As text, so that it needs no file of its own, which a host's bundler would have to know about. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const Database = require(workerData.module)
const database = new Database(workerData.filename, { fileMustExist: true, timeout: 0 })
parentPort.on('message', (message) => {
  if (message === 'close') {
    database.close()
    parentPort.close()
    return
  }
  try {
    parentPort.postMessage(database.pragma('wal_checkpoint(PASSIVE)')[0].log)
  } catch {
    // Another process copies at this moment, or the disk is full: the log stays as it is until the next time.
    parentPort.postMessage(0)
  }
})
`
