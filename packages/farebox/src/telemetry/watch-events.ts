import type { StreamEvent } from '@farebox/router'
import type { AnswerFacts, AttemptWatcher } from './call-observer.ts'

/**
 * Yields the events of an attempt, and requests each one inside the attempt's context: a generator runs in the context of its
 * consumer.
 *
 * @param answered  called when the last event has arrived
 */
export function watchEvents<Event extends StreamEvent>(
  answered: AttemptWatcher['answered'],
  inside: <T>(work: () => T) => T,
  events: AsyncIterable<Event>,
): AsyncIterable<Event> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = events[Symbol.asyncIterator]()
      const said: string[] = []
      return {
        async next() {
          const step = await inside(() => iterator.next())
          if (step.done) return step
          const { type, text } = step.value
          if (type === 'text' && text !== undefined) said.push(text)
          if (type === 'finish') answered({ ...answerFacts(step.value), text: () => said.join('') })
          return step
        },
        return: async () => (await inside(() => iterator.return?.())) ?? { done: true, value: undefined },
      }
    },
  }
}

/** Reads the facts of an answer from a result, or from the last event of a stream. */
export function answerFacts(result: unknown): AnswerFacts {
  if (typeof result !== 'object' || result === null) return {}
  const { model, finishReason, text } = result as Record<string, unknown>
  return {
    ...(typeof model === 'string' && { model }),
    ...(typeof finishReason === 'string' && { finishReason }),
    ...(typeof text === 'string' && { text: () => text }),
  }
}
