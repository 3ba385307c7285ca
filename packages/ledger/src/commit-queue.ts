import type { LedgerDriver } from './driver.ts'
import { LedgerClosedError, LedgerInternalError, LedgerOverloadedError } from './errors.ts'
import type { Operation, Outcome } from './operations.ts'

export interface CommitQueueOptions {
  /** Changes in one transaction at most. @defaultValue 1_000 */
  batchMax?: number
  /** Changes waiting at most; more are refused with {@link LedgerOverloadedError}. @defaultValue 20_000 */
  waitingMax?: number
}

interface Waiting {
  operation: Operation
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/**
 * Group commit: changes that arrive while a transaction is under way share the next one, so a busy ledger pays for one disk
 * flush per batch. A lone caller waits for nobody. Each is answered when its own batch is durable.
 */
export class CommitQueue {
  readonly #driver: LedgerDriver
  readonly #batchMax: number
  readonly #waitingMax: number
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #closed = false

  constructor(driver: LedgerDriver, options: CommitQueueOptions = {}) {
    this.#driver = driver
    this.#batchMax = options.batchMax ?? 1_000
    this.#waitingMax = options.waitingMax ?? 20_000
  }

  submit(operation: Operation): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new LedgerClosedError('the ledger is closed'))
    if (this.#waiting.length >= this.#waitingMax) {
      return Promise.reject(new LedgerOverloadedError(`${this.#waiting.length} changes are waiting for the database`))
    }
    const answer = new Promise<Outcome>((resolve, reject) => this.#waiting.push({ operation, resolve, reject }))
    this.#running ??= this.#run()
    return answer
  }

  /** Takes no more changes, and waits for those that were taken. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #run(): Promise<void> {
    // One turn of the event loop lets the callers of this turn into the first batch, and costs a lone caller microseconds.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, this.#batchMax))
    this.#running = undefined
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#driver.commit(batch.map(({ operation }) => operation))
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as Outcome)
    } catch (error) {
      // One change that cannot be applied must not take its neighbours with it.
      if (error instanceof LedgerInternalError && batch.length > 1) for (const one of batch) await this.#commit([one])
      else for (const { reject } of batch) reject(error)
    }
  }
}
