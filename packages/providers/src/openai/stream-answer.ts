import { type CallContext, type ChatEvent, type FinishReason, ProviderError, type Usage } from '@farebox/core'
import { malformed } from '../adapter/answer.ts'
import type { OpenaiClient, OpenaiConnection, OpenaiRequestOptions } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { openOpenaiCall, send } from './send.ts'

/** What is known of a streamed answer so far. */
export interface StreamedAnswer {
  model: string
  finishReason: FinishReason | undefined
  usage: Usage | undefined
  /** Whether all that the answer holds has arrived, its usage too: then a connection that breaks after it takes nothing away. */
  isWhole: boolean
}

/** How one of OpenAI's APIs streams an answer. */
export interface StreamedApi {
  create(client: OpenaiClient, options: OpenaiRequestOptions): PromiseLike<unknown>
  /** Reads one event of the stream into `answer`. What it throws ends the answer. */
  read(event: unknown, answer: StreamedAnswer): ChatEvent[]
}

/**
 * One answer, as it is written. The SDK ends a stream silently when the connection closes early and when it is aborted, so an
 * answer counts as whole only after its finish reason was seen.
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
  try {
    const opened = await send(connection, call, api.create)
    requestId = opened.requestId
    if (!isAsyncIterable(opened.data)) throw malformed(connection.name, 'a stream', requestId)
    const events = opened.data[Symbol.asyncIterator]()
    for (;;) {
      const step = await call.race(events.next())
      if (step.done) break
      for (const event of api.read(step.value, answer)) {
        isAnswering = true
        yield event
      }
    }
    if (context.signal.aborted) throw context.signal.reason
    if (answer.finishReason === undefined) throw incomplete(connection.name, knownUsage(answer), requestId)
  } catch (thrown) {
    // All that the answer holds had arrived; only its closing mark was lost.
    if (!answer.isWhole) {
      throw openaiError(connection, thrown, { signal: context.signal, isAnswering, usage: knownUsage(answer) })
    }
  } finally {
    call.end()
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

/** Usage of a part of the answer is the least that was consumed. */
function knownUsage({ usage, isWhole }: StreamedAnswer): Usage | undefined {
  return usage && (isWhole ? usage : { ...usage, certainty: 'floor' })
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
