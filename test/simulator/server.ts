import type { BatchResult, LoadReply, runBatch } from '../../packages/ledger/src/machine/batch.ts'
import type { LoadRequest } from '../../packages/ledger/src/machine/state.ts'
import type { MemoryDatabase, Transaction } from './memory-database.ts'
import { ConflictError } from './memory-storage.ts'
import type { Question, Reply } from './network.ts'

/** What a server tells of a batch, once it is decided what became of it. */
export interface Committed {
  questions: readonly Question[]
  result: BatchResult
  /** The store's time that the batch went by. */
  now: number
}

/** How a commit goes: well, not at all, or well with nobody learning of it. */
export type CommitFate = 'well' | 'fails before' | 'fails after'

interface Batch {
  questions: readonly Question[]
  transaction: Transaction
  conversation: Generator<LoadRequest[], BatchResult, LoadReply>
  requests: LoadRequest[]
  isLocked: boolean
  result: BatchResult | undefined
  now: number
}

/** An app server with a ledger in it: it gathers questions into batches, and takes each batch through the database step by step. */
export class Server {
  readonly #database: MemoryDatabase
  readonly #runBatch: typeof runBatch
  queue: Question[] = []
  #batch: Batch | undefined

  constructor(database: MemoryDatabase, run: typeof runBatch) {
    this.#database = database
    this.#runBatch = run
  }

  get isIdle(): boolean {
    return this.queue.length === 0 && this.#batch === undefined
  }

  /** Whether its next step is the commit. */
  get isCommitting(): boolean {
    return this.#batch?.result !== undefined
  }

  /** Begins a batch of at most so many questions. */
  begin(sizeMax: number): void {
    if (!this.#batch && this.queue.length > 0) this.#batch = this.#newBatch(this.queue.splice(0, sizeMax))
  }

  /** Locks, or loads one list of rows, or decides. False when it waits for a lock. */
  advance(now: number): boolean {
    const batch = this.#batch
    if (!batch || batch.result) return false
    if (!batch.isLocked) {
      batch.isLocked = batch.transaction.lock()
      return batch.isLocked
    }
    const rows = this.#load(batch)
    if (!rows) return true
    batch.now ||= now
    const step = batch.conversation.next({ now: batch.now, rows })
    if (step.done) batch.result = step.value
    else batch.requests = step.value
    return true
  }

  /** The rows that a batch asks for; none when another transaction came first, and the batch begins again. */
  #load(batch: Batch): object[][] | undefined {
    try {
      return batch.transaction.load(batch.requests)
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
      batch.transaction.rollback()
      this.#batch = this.#newBatch(batch.questions)
      return undefined
    }
  }

  /**
   * Ends the batch.
   *
   * @param committed  told of what is durable now, before anybody else is
   * @returns          the answers to give; none when another transaction came first, or too much was due, and the batch begins again
   */
  commit(fate: CommitFate, committed: (batch: Committed) => void): [Question, Reply][] {
    const batch = this.#batch
    if (!batch?.result) throw new Error('there is nothing to commit')
    const { questions, result, now, transaction } = batch
    const unavailable = questions.map((question): [Question, Reply] => [question, { unavailable: true }])
    this.#batch = undefined
    if (fate === 'fails before') {
      transaction.rollback()
      return unavailable
    }
    try {
      transaction.commit(result.changes)
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
      // As the ledger does with what the database refuses: it may be that an id was used for something else.
      this.#batch = this.#newBatch(questions, true)
      return []
    }
    committed({ questions, result, now })
    if (fate === 'fails after') return unavailable
    const { outcomes } = result
    if (outcomes) return questions.map((question, index) => [question, { outcome: outcomes[index] as never }])
    // Too much was due: that was a part of it.
    this.#batch = this.#newBatch(questions)
    return []
  }

  /** Forgets everything, as a process does that is killed. What was committed stays; what was not never was. */
  crash(): void {
    this.#batch?.transaction.rollback()
    this.#batch = undefined
    this.queue = []
  }

  #newBatch(questions: readonly Question[], isDoubtful = false): Batch {
    const operations = questions.map(({ operation }) => ({ ...operation, isDoubtful }))
    const accountIds = [...new Set(operations.map(({ accountId }) => accountId))].sort()
    const conversation = this.#runBatch(operations, { dueAtOnce: this.#database.dueAtOnce })
    const first = conversation.next()
    if (first.done) throw new Error('a batch that needs nothing')
    const transaction = this.#database.begin(accountIds)
    return { questions, transaction, conversation, requests: first.value, isLocked: false, result: undefined, now: 0 }
  }
}
