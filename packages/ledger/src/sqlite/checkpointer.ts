// Renamed, since many bundles declare a `createRequire` of their own in their banner.
import { createRequire as requireFrom } from 'node:module'
import { Worker } from 'node:worker_threads'

/**
 * How many rows are written before the write-ahead log is copied into the file. Each transaction counts as some rows more,
 * because it logs whole pages again. The total is about 16 MB of log, so that a page written often is copied once.
 */
const ROWS_BETWEEN = 16_000
const ROWS_OF_TRANSACTION = 24
/** When the log grew by fewer pages than this during a pass, the next pass is the last: a few milliseconds of copying. */
const PAGES_LAST = 400
const PASSES_MAX = 8

/**
 * Copies SQLite's write-ahead log into the file on a thread of its own. SQLite itself would copy it inside a COMMIT and block the
 * event loop for tens of milliseconds.
 *
 * Passes made while the writer runs copy almost everything, but the log can restart from its beginning only after a pass has
 * copied all of it. So the writer waits for the last, short pass, without blocking its thread.
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

  /** @param onFailure  called once if the thread cannot run: SQLite must then copy the log itself */
  constructor(filename: string, onFailure: () => void) {
    this.#filename = filename
    this.#onFailure = onFailure
  }

  /** Counts the rows of a committed transaction, and starts copying once there are enough. */
  wrote(rows: number): void {
    this.#rows += rows + ROWS_OF_TRANSACTION
    if (this.#rows < ROWS_BETWEEN || this.#state !== 'idle') return
    this.#rows = 0
    this.#passes = 0
    this.#pagesBefore = 0
    this.#state = 'copying'
    void this.#copy()
  }

  /** Whether the last pass waits for a moment without writes, which {@link beforeWrite} provides. */
  get isNearlyDone(): boolean {
    return this.#state === 'nearly done'
  }

  /** Await this before each transaction, while none is under way. */
  async beforeWrite(): Promise<void> {
    if (!this.isNearlyDone) return
    // Ledgers that share a driver wait for the same pass.
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

  /** Runs one pass. Resolves with the number of pages in the log when it began. */
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
    // A program bundled as CommonJS has no `import.meta.url`, and finds its packages from its own file.
    const module = requireFrom(import.meta.url ?? __filename).resolve('better-sqlite3')
    const worker = new Worker(WORKER, { eval: true, workerData: { filename: this.#filename, module } })
    worker.on('message', (pages: number) => this.#answered?.(pages))
    worker.on('error', () => this.#fail())
    // `close` must not wait for a thread that has already ended.
    worker.on('exit', () => {
      this.#worker = undefined
    })
    // Must come last: adding a message listener refs the worker again.
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

/** The worker's source is a string, because a host's bundler would have to know about a separate file. */
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
    // Another process is copying, or the disk is full: the log stays as it is until the next pass.
    parentPort.postMessage(0)
  }
})
`
