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
  #ended = Promise.withResolvers<undefined>()

  /** Notes that an answer is being given, whether it was requested or not. */
  begun(): void {
    this.#isUnderWay = true
  }

  /** Notes that the answer has ended and that the next one is paid for. */
  ended(): void {
    this.#isUnderWay = false
    this.#ended.resolve(undefined)
    this.#ended = Promise.withResolvers()
  }

  /** Yields the inputs as soon as they may be passed on. Reads `inputs` on demand; the caller closes it. */
  async *inTurn(inputs: AsyncIterator<RealtimeInput>): AsyncGenerator<RealtimeInput, void, undefined> {
    let waiting: RealtimeInput[] = []
    let reading: Promise<IteratorResult<RealtimeInput>> | undefined
    let isOver = false
    for (;;) {
      const [first] = waiting
      if (first && !(first.type === 'respond' && this.#isUnderWay)) {
        waiting.shift()
        if (first.type === 'respond') this.#isUnderWay = true
        yield first
        continue
      }
      if (isOver && !first) return
      if (!isOver && waiting.length < WAITING_MAX) reading ??= inputs.next()
      const step = await Promise.race([...(first ? [this.#ended.promise] : []), ...(reading ? [reading] : [])])
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
