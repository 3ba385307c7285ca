import { LedgerUnavailableError } from './errors.ts'

/** A finished transaction of the commit queue. Times are in milliseconds. */
export interface CommitReport {
  /** How many changes shared it. */
  operations: number
  /** The longest time that one of them had waited. */
  waitMsMax: number
  waitMsMean: number
  /** The time from the first statement until the transaction was durable or had failed. */
  durationMs: number
  /** Why none of its changes was made. Absent if all were. */
  error?: unknown
}

/** The commit queue of one ledger now, and its totals since it was created. Times are in milliseconds. */
export interface QueueStats {
  /** How many changes are waiting for a transaction. */
  waiting: number
  /** How many transactions are running. */
  underWay: number
  /** How many transactions have finished, including the failed ones. */
  batches: number
  failedBatches: number
  /**
   * The changes in all of them, so that `operations / batches` is the mean size. A change that was retried alone counts twice.
   */
  operations: number
  /** The sum of all changes' waiting times. */
  waitMsSum: number
  /** The longest waiting time of a change. */
  waitMsMax: number
  /** The sum of all transactions' durations. */
  durationMsSum: number
}

/** The weight of the newest batch in the moving average that predicts the next. */
const NEWEST_SHARE = 0.2
const RETRY_AFTER_MS = { min: 50, max: 30_000 }

/** Counts what goes through a commit queue. */
export class QueueWatch {
  readonly #onCommit: ((report: CommitReport) => void) | undefined
  readonly #sums = { batches: 0, failedBatches: 0, operations: 0, waitMsSum: 0, waitMsMax: 0, durationMsSum: 0 }
  #msPerOperation = 0
  /** Whether the database was unavailable for the newest transaction. */
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
      // A failing watcher must not fail the changes that it watches.
    }
  }

  stats(waiting: number, underWay: number): QueueStats {
    return { waiting, underWay, ...this.#sums }
  }

  /** How long this many changes will probably take, in milliseconds, judging by the newest batches. */
  timeFor(operations: number): number {
    const { min, max } = RETRY_AFTER_MS
    return Math.round(Math.min(Math.max(operations * this.#msPerOperation, min), max))
  }
}
