import { checkCount } from './check-input.ts'
import type { LedgerDriver } from './driver.ts'
import { LedgerClosedError, LedgerInternalError, LedgerOverloadedError } from './errors.ts'
import type { Operation, Outcome } from './operations.ts'
import { type CommitReport, type QueueStats, QueueWatch } from './queue-watch.ts'
import { RefusedChangeError } from './refused-change-error.ts'

export interface CommitQueueOptions {
  /** The most changes in one transaction. @defaultValue 1_000 */
  batchMax?: number
  /** The most changes that may wait. Further ones fail with {@link LedgerOverloadedError}. @defaultValue 20_000 */
  waitingMax?: number
  /**
   * Called after every transaction with how many changes shared it, how long they had waited and how long it took. It runs before
   * their callers go on, so it should do no more than count. What it throws is ignored.
   *
   * @defaultValue none
   */
  onCommit?: (report: CommitReport) => void
}

interface Waiting {
  operation: Operation
  since: number
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/** Fewer changes than this share one transaction even if several could run, since each costs as much as some twenty changes. */
const WORTH_SHARING = 64
/**
 * With an ordered driver, a batch starts beside another only with at least this many changes. It would have to wait for the other
 * anyway, and grows meanwhile.
 */
const WORTH_WAITING = 32

/**
 * Group commit: changes that arrive while a transaction is running share the next one, so a busy ledger pays for one disk flush
 * per batch. A lone caller waits for nobody. Each change is answered when its own batch is durable. Batch sizes adapt by
 * themselves, since a batch takes what arrived during the last one.
 *
 * An account's changes are applied in the order of their arrival. Its account is in one batch at a time, so that concurrent
 * batches never wait for each other's rows, or in several if the driver keeps them in order. There is one exception: the changes
 * of a batch that the database could not store are retried one by one. An ordered driver already has the next batch by then, so
 * they come after it. Each of them still happens once or fails.
 */
export class CommitQueue {
  readonly #driver: LedgerDriver
  readonly #batchMax: number
  readonly #waitingMax: number
  readonly #batchesMax: number
  readonly #accountsMax: number
  readonly #isOrdered: boolean
  readonly #watch: QueueWatch
  /** The waiting changes, by account. */
  readonly #waiting = new Map<string, Waiting[]>()
  /** Accounts whose waiting changes may join a batch, the longest waiting first. */
  readonly #ready = new Set<string>()
  readonly #underWay = new Set<string>()
  #readyCount = 0
  #waitingCount = 0
  #batches = 0
  #isTurnTaken = false
  #closed: PromiseWithResolvers<void> | undefined

  constructor(driver: LedgerDriver, options: CommitQueueOptions = {}) {
    this.#driver = driver
    this.#batchMax = checkCount('batchMax', options.batchMax ?? 1_000)
    this.#waitingMax = checkCount('waitingMax', options.waitingMax ?? 20_000)
    this.#batchesMax = driver.batches?.atOnce ?? 1
    this.#accountsMax = driver.batches?.accountsMax ?? Number.POSITIVE_INFINITY
    this.#isOrdered = driver.batches?.isOrdered ?? false
    this.#watch = new QueueWatch(options.onCommit)
  }

  submit(operation: Operation): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new LedgerClosedError('the ledger is closed'))
    if (this.#waitingCount >= this.#waitingMax) {
      const retryAfterMs = this.#watch.timeFor(this.#waitingCount)
      return Promise.reject(new LedgerOverloadedError(`${this.#waitingCount} changes are waiting for the database`, retryAfterMs))
    }
    return new Promise<Outcome>((resolve, reject) => {
      const { accountId } = operation
      const one = { operation, since: performance.now(), resolve, reject }
      const waiting = this.#waiting.get(accountId)
      if (waiting) waiting.push(one)
      else this.#waiting.set(accountId, [one])
      this.#waitingCount++
      if (!this.#underWay.has(accountId)) {
        this.#ready.add(accountId)
        this.#readyCount++
      }
      this.#takeTurn()
    })
  }

  stats(): QueueStats {
    return this.#watch.stats(this.#waitingCount, this.#batches)
  }

  /** Whether the database failed the last transaction, and has accepted nothing since. */
  get isFailing(): boolean {
    return this.#watch.isFailing
  }

  /** Notes that the database has accepted another write. */
  recovered(): void {
    this.#watch.isFailing = false
  }

  /** Accepts no more changes, and waits for those that were accepted. */
  async close(): Promise<void> {
    this.#closed ??= Promise.withResolvers()
    if (this.#batches + this.#waitingCount === 0) this.#closed.resolve()
    await this.#closed.promise
  }

  /**
   * Starts batches one turn of the event loop later. That costs a lone caller microseconds, and lets all callers of this turn
   * join the first batch. Callers that the last batch has just answered can join the next one, with those that arrived meanwhile.
   */
  #takeTurn(): void {
    if (this.#isTurnTaken || !this.#isWorthABatch) return
    this.#isTurnTaken = true
    setImmediate(() => {
      this.#isTurnTaken = false
      const share = Math.max(Math.ceil(this.#readyCount / (this.#batchesMax - this.#batches)), WORTH_SHARING)
      while (this.#isWorthABatch) void this.#run(this.#nextBatch(share))
    })
  }

  get #isWorthABatch(): boolean {
    if (this.#batches >= this.#batchesMax) return false
    const isBeside = this.#isOrdered && this.#batches > 0
    return this.#readyCount >= (isBeside ? WORTH_WAITING : 1)
  }

  /**
   * @param share  how many changes are enough; the changes of one account are split between batches only if the driver is ordered
   */
  #nextBatch(share: number): Waiting[] {
    const batch: Waiting[] = []
    const enough = Math.min(share, this.#batchMax, this.#driver.batches?.changesMax?.() ?? this.#batchMax)
    let accounts = 0
    for (const accountId of this.#ready) {
      if (batch.length >= enough || accounts === this.#accountsMax) break
      const waiting = this.#waiting.get(accountId) ?? []
      const taken = waiting.splice(0, (this.#isOrdered ? enough : this.#batchMax) - batch.length)
      batch.push(...taken)
      if (waiting.length === 0) this.#waiting.delete(accountId)
      this.#ready.delete(accountId)
      this.#readyCount -= taken.length
      accounts++
      if (this.#isOrdered) {
        if (waiting.length > 0) this.#ready.add(accountId)
        continue
      }
      this.#underWay.add(accountId)
      this.#readyCount -= waiting.length
    }
    this.#waitingCount -= batch.length
    return batch
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    this.#batches++
    await this.#commit(batch)
    this.#batches--
    for (const { operation } of batch) {
      if (!this.#underWay.delete(operation.accountId)) continue
      const waiting = this.#waiting.get(operation.accountId)
      if (!waiting) continue
      this.#ready.add(operation.accountId)
      this.#readyCount += waiting.length
    }
    this.#takeTurn()
    if (this.#batches + this.#waitingCount === 0) this.#closed?.resolve()
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now()
    const report = (error?: unknown) =>
      this.#watch.record(
        batch.map(({ since }) => started - since),
        performance.now() - started,
        error,
      )
    try {
      const outcomes = await this.#driver.commit(batch.map(({ operation }) => operation))
      report()
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as Outcome)
    } catch (error) {
      report(error)
      const [only] = batch
      const isOfOne =
        batch.length > 1
          ? error instanceof LedgerInternalError || error instanceof RefusedChangeError
          : error instanceof LedgerInternalError && !only?.operation.isDoubtful
      if (!isOfOne) {
        for (const { reject } of batch) reject(error)
        return
      }
      // One change that cannot be applied must not fail its neighbours. A change that fails alone is tried once more, as doubtful.
      for (const one of batch) {
        await this.#commit([batch.length > 1 ? one : { ...one, operation: { ...one.operation, isDoubtful: true } }])
      }
    }
  }
}
