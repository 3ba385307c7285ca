import type { RealtimeInput } from '@farebox/core'

/** The most inputs that are read ahead while a request for an answer waits. */
const WAITING_MAX = 1_000

/**
 * Lets only one answer be requested at a time. A further `respond`, and all input after it, waits until the current answer has
 * ended and the next one is paid for. A `cancel` takes back the `respond`s that wait. The answer that it stops is billed too, so
 * its turn is awaited.
 */
export class AnswerQueue {
  #isUnderWay = false
  /** Whether the answer under way was told to stop. */
  #isStopped = false
  /** Answers that have ended, after each of which the next one is not paid for yet. */
  #unpaid = 0
  #paid = Promise.withResolvers<undefined>()
  #owed = new AbortController()

  /**
   * Aborts when a request waits for the end of an answer that was told to stop, or all other input has ended. Another signal once
   * that end has come.
   */
  get owed(): AbortSignal {
    return this.#owed.signal
  }

  /** Whether an answer has ended, and the next one is not paid for yet. */
  get isUnpaid(): boolean {
    return this.#unpaid > 0
  }

  /** Notes that an answer is being given, whether it was requested or not. */
  begun(): void {
    this.#isUnderWay = true
  }

  /** Notes that an answer has ended. Call `paid` when the next one is paid for. */
  ended(): void {
    this.#isUnderWay = false
    this.#isStopped = false
    this.#unpaid += 1
    if (this.owed.aborted) this.#owed = new AbortController()
  }

  /** Notes that the answer after one that has ended is paid for. */
  paid(): void {
    this.#unpaid -= 1
    this.#paid.resolve(undefined)
    this.#paid = Promise.withResolvers()
  }

  /** Yields the inputs as soon as they may be passed on. Reads `inputs` on demand; the caller closes it. */
  async *inTurn(inputs: AsyncIterator<RealtimeInput>): AsyncGenerator<RealtimeInput, void, undefined> {
    let waiting: RealtimeInput[] = []
    let reading: Promise<IteratorResult<RealtimeInput>> | undefined
    let isOver = false
    for (;;) {
      const [first] = waiting
      if (first && !(first.type === 'respond' && (this.#isUnderWay || this.isUnpaid))) {
        waiting.shift()
        if (first.type === 'respond') this.#isUnderWay = true
        if (first.type === 'cancel') this.#isStopped = this.#isUnderWay
        yield first
        continue
      }
      if (isOver && !first) return
      if (first && (this.#isStopped || isOver)) this.#owed.abort()
      if (!isOver && waiting.length < WAITING_MAX) reading ??= inputs.next()
      const step = await Promise.race([...(first ? [this.#paid.promise] : []), ...(reading ? [reading] : [])])
      if (!step) continue
      reading = undefined
      if (step.done) {
        isOver = true
        continue
      }
      if (step.value.type === 'cancel') waiting = waiting.filter(({ type }) => type !== 'respond')
      waiting.push(step.value)
    }
  }
}
