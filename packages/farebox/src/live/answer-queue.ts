import type { RealtimeInput } from '@farebox/core'

/** What is read ahead at most while a wish for an answer waits. */
const WAITING_MAX = 1_000

/**
 * Lets one answer be asked for at a time: a wish for the next one waits, with all that was said after it, until the answer under way has ended
 * and the next is paid. `cancel` overtakes them, and takes wishes back.
 */
export class AnswerQueue {
  #isUnderWay = false
  /** Something of it was told, so that its end will be too. */
  #hasBegun = false
  #ended = Promise.withResolvers<undefined>()

  /** An answer is being given, also one that nobody asked for. */
  begun(): void {
    this.#isUnderWay = true
    this.#hasBegun = true
  }

  /** It has ended, and the next one is paid. */
  ended(): void {
    this.#isUnderWay = false
    this.#hasBegun = false
    this.#ended.resolve(undefined)
    this.#ended = Promise.withResolvers()
  }

  /** The inputs, as they may be passed on. They are read as they are asked for, and closing them is for the caller. */
  async *inTurn(inputs: AsyncIterator<RealtimeInput>): AsyncGenerator<RealtimeInput, void, undefined> {
    let waiting: RealtimeInput[] = []
    let reading: Promise<IteratorResult<RealtimeInput>> | undefined
    let isOver = false
    for (;;) {
      const [first] = waiting
      if (first && !(first.type === 'respond' && this.#isUnderWay)) {
        waiting.shift()
        if (first.type === 'respond') this.#isUnderWay = true
        // An answer that had not begun may never be ended by a turn.
        if (first.type === 'cancel' && !this.#hasBegun) this.#isUnderWay = false
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
