import { type CallContext, type ChatEvent, type FinishReason, ProviderError, type Usage } from '@farebox/core'
import { closingMark } from '../adapter/closing-mark.ts'
import { type OpenedEvents, openEvents } from './open-events.ts'
import type { OpenaiConnection, OpenaiRequestOptions, OpenaiTexts } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { openOpenaiCall } from './send.ts'

/** What a streamed answer has reported so far. */
export interface StreamedAnswer {
  model: string
  finishReason: FinishReason | undefined
  usage: Usage | undefined
  /** Whether the whole answer has arrived, usage included. A connection that breaks or hangs after that does no harm. */
  isWhole: boolean
}

/** How one of OpenAI's APIs streams an answer. */
export interface StreamedApi {
  create(client: OpenaiTexts, options: OpenaiRequestOptions): PromiseLike<unknown>
  /** Reads one event of the stream into `answer`. An error that it throws ends the answer. */
  read(event: unknown, answer: StreamedAnswer): ChatEvent[]
}

/**
 * Streams one answer. The SDK ends a stream silently when the connection closes early or is aborted, so an answer is complete
 * only once its finish reason has arrived.
 */
export async function* streamAnswer(
  connection: OpenaiConnection,
  model: string,
  context: CallContext,
  api: StreamedApi,
): AsyncGenerator<ChatEvent, void, undefined> {
  const call = openOpenaiCall(connection, context)
  const answer: StreamedAnswer = { model, finishReason: undefined, usage: undefined, isWhole: false }
  let isAnswering = false
  let requestId: string | undefined
  let opened: OpenedEvents | undefined
  try {
    opened = await openEvents(connection, call, api.create)
    requestId = opened.requestId
    for (;;) {
      const reading = opened.next()
      const step = answer.isWhole ? await closingMark(reading) : await reading
      if (!step || step.done) break
      const { events, failure } = readTogether(api, step.value, answer)
      for (const event of events) {
        isAnswering = true
        yield event
      }
      if (failure) throw failure.thrown
    }
    if (context.signal.aborted) throw context.signal.reason
    if (answer.finishReason === undefined) throw incomplete(connection.name, knownUsage(answer), requestId)
  } catch (thrown) {
    // If the answer is whole, only its closing mark was lost.
    if (!answer.isWhole) {
      throw openaiError(connection, thrown, { signal: context.signal, isAnswering, usage: knownUsage(answer) })
    }
  } finally {
    call.end(opened?.idle())
  }
  const { finishReason = 'other', usage } = answer
  yield {
    type: 'finish',
    finishReason,
    model: answer.model,
    ...(usage === undefined ? {} : { usage }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

function incomplete(provider: string, usage: Usage | undefined, requestId: string | undefined): ProviderError {
  return new ProviderError(`${provider} ended its stream without finishing the answer`, {
    provider,
    kind: 'incomplete',
    usage,
    requestId,
  })
}

/** The usage so far. That of a partial answer is a floor. */
function knownUsage({ usage, isWhole }: StreamedAnswer): Usage | undefined {
  return usage && (isWhole ? usage : { ...usage, certainty: 'floor' })
}

/** Reads events that arrived together, and merges their text, because an event costs the same however long it is. */
function readTogether(api: StreamedApi, given: readonly unknown[], answer: StreamedAnswer) {
  const events: ChatEvent[] = []
  try {
    for (const one of given) {
      for (const event of api.read(one, answer)) {
        const last = events.at(-1)
        if (last?.type === 'text' && event.type === 'text' && isOfOne(last, event)) {
          events[events.length - 1] = { ...last, text: last.text + event.text }
        } else events.push(event)
      }
    }
  } catch (thrown) {
    return { events, failure: { thrown } }
  }
  return { events }
}

/** Whether two text events may be merged. */
function isOfOne(left: Extract<ChatEvent, { type: 'text' }>, right: Extract<ChatEvent, { type: 'text' }>): boolean {
  return !left.logprobs && !right.logprobs && left.isRefusal === right.isRefusal
}
