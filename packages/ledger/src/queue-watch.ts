import { LedgerUnavailableError } from './errors.ts'

/** One transaction of the commit queue, when it is over. Times are milliseconds. */
export interface CommitReport {
  /** Changes that shared it. */
  operations: number
  /** How long the one that waited longest had waited for its turn. */
  waitMsMax: number
  waitMsMean: number
  /** From the first statement until it was durable, or had failed. */
  durationMs: number
  /** Why none of its changes was made; absent when all were. */
  error?: unknown
}

/** The commit queue of one ledger at this moment, and what went through it since it was made. Times are milliseconds. */
export interface QueueStats {
  /** Changes that wait for a transaction. */
  waiting: number
  /** Transactions under way. */
  underWay: number
  /** Transactions that are over, and those of them that failed. */
  batches: number
  failedBatches: number
  /** Changes in all of them: `operations / batches` is the mean size. One that was tried again without its neighbours counts twice. */
  operations: number
  /** The sum over all changes of how long each waited for its turn. */
  waitMsSum: number
  /** The longest that one waited. */
  waitMsMax: number
  /** The sum over all transactions of how long each took. */
  durationMsSum: number
}

/** How much the newest batch counts in the rate that is expected of the next. */
const NEWEST_SHARE = 0.2
const RETRY_AFTER_MS = { min: 50, max: 30_000 }

/** Counts what goes through a commit queue. */
export class QueueWatch {
  readonly #onCommit: ((report: CommitReport) => void) | undefined
  readonly #sums = { batches: 0, failedBatches: 0, operations: 0, waitMsSum: 0, waitMsMax: 0, durationMsSum: 0 }
  #msPerOperation = 0
  /** Whether the database did not take the newest transaction. */
  isFailing = false

  constructor(onCommit: ((report: CommitReport) => void) | undefined) {
    this.#onCommit = onCommit
  }

  /** @param waits  how long each change of the batch had waited */
  record(waits: readonly number[], durationMs: number, error: unknown): void {
    let sum = 0
    let longest = 0
    for (const wait of waits) {
      sum += wait
      if (wait > longest) longest = wait
    }
    const sums = this.#sums
    sums.batches++
    sums.operations += waits.length
    sums.waitMsSum += sum
    sums.waitMsMax = Math.max(sums.waitMsMax, longest)
    sums.durationMsSum += durationMs
    if (error !== undefined) sums.failedBatches++
    this.isFailing = error instanceof LedgerUnavailableError
    const newest = durationMs / waits.length
    this.#msPerOperation += (newest - this.#msPerOperation) * (sums.batches === 1 ? 1 : NEWEST_SHARE)
    if (!this.#onCommit) return
    const report: CommitReport = { operations: waits.length, waitMsMax: longest, waitMsMean: sum / waits.length, durationMs }
    try {
      this.#onCommit(error === undefined ? report : { ...report, error })
    } catch {
      // A watcher's own failure must not become that of the changes it watches.
    }
  }

  stats(waiting: number, underWay: number): QueueStats {
    return { waiting, underWay, ...this.#sums }
  }

  /** How long so many changes will take, by what the newest batches took; milliseconds. */
  timeFor(operations: number): number {
    const { min, max } = RETRY_AFTER_MS
    return Math.round(Math.min(Math.max(operations * this.#msPerOperation, min), max))
  }
}
