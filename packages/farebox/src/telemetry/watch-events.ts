import type { StreamEvent } from '@farebox/router'
import type { AnswerFacts, AttemptWatcher } from './call-observer.ts'

/**
 * Events of an attempt, each produced inside it: what an adapter's generator does belongs to whoever asks for its next event.
 *
 * @param answered  is told when the last one has come
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

/** What a result, or the last event of a stream, says of itself. */
export function answerFacts(result: unknown): AnswerFacts {
  if (typeof result !== 'object' || result === null) return {}
  const { model, finishReason, text } = result as Record<string, unknown>
  return {
    ...(typeof model === 'string' && { model }),
    ...(typeof finishReason === 'string' && { finishReason }),
    ...(typeof text === 'string' && { text: () => text }),
  }
}
