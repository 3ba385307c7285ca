import { type CallContext, type ChatEvent, type ChatRequest, ProviderError, type Usage } from '@farebox/core'
import { asCount, asRecord, asText } from '../adapter/answer.ts'
import { sdkEvents } from '../adapter/sdk-answer.ts'
import { finishReason } from './chat.ts'
import { streamChatBody } from './chat-body.ts'
import type { OpenaiConnection } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { chatUsage } from './openai-usage.ts'
import { openOpenaiCall, send } from './send.ts'

/**
 * One chat completion, as it is written. The SDK ends a stream silently when the connection closes early and when it is
 * aborted, so an answer counts as whole only after its finish reason was seen.
 */
export async function* streamChat(
  connection: OpenaiConnection,
  request: ChatRequest,
  context: CallContext,
): AsyncGenerator<ChatEvent, void, undefined> {
  const call = openOpenaiCall(connection, context)
  const answer: Answer = {
    model: request.model,
    finishReason: undefined,
    usage: undefined,
    isUsageFinal: false,
    isAnswering: false,
  }
  try {
    const given = await send(connection, call, (client, options) =>
      client.chat.completions.create(streamChatBody(request), options),
    )
    answer.requestId = given.requestId
    for await (const chunk of sdkEvents(connection.name, call, given)) {
      for (const event of readChunk(chunk, answer)) {
        answer.isAnswering = true
        yield event
      }
    }
    if (context.signal.aborted) throw context.signal.reason
    if (answer.finishReason === undefined) throw incomplete(connection.name, answer)
  } catch (thrown) {
    // All that the answer holds had arrived; only its closing mark was lost.
    if (!(answer.finishReason !== undefined && answer.isUsageFinal)) {
      throw openaiError(connection, thrown, {
        signal: context.signal,
        isAnswering: answer.isAnswering,
        usage: knownUsage(answer),
      })
    }
  } finally {
    call.end()
  }
  const { model, usage, requestId } = answer
  yield {
    type: 'finish',
    finishReason: finishReason(answer.finishReason ?? ''),
    model,
    ...(usage === undefined ? {} : { usage }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

/** What is known of an answer so far. */
interface Answer {
  model: string
  finishReason: string | undefined
  usage: Usage | undefined
  /** Whether the usage is that of the whole request: it comes in a chunk without choices. */
  isUsageFinal: boolean
  isAnswering: boolean
  requestId?: string
}

function readChunk(value: unknown, answer: Answer): ChatEvent[] {
  const chunk = asRecord(value)
  if (!chunk) return []
  answer.model = asText(chunk.model) || answer.model
  const choices = Array.isArray(chunk.choices) ? chunk.choices : []
  const usage = chatUsage(chunk.usage)
  if (usage) {
    answer.usage = usage
    answer.isUsageFinal = choices.length === 0
  }
  return choices.flatMap((given: unknown) => readChoice(given, answer))
}

function readChoice(given: unknown, answer: Answer): ChatEvent[] {
  const choice = asRecord(given)
  // A request may ask for several answers; they are all paid for, and the first is the one that a plain chat returns.
  if (!choice || (choice.index !== undefined && choice.index !== 0)) return []
  answer.finishReason = asText(choice.finish_reason) ?? answer.finishReason
  const delta = asRecord(choice.delta)
  const events: ChatEvent[] = []
  const text = asText(delta?.content) || asText(delta?.refusal)
  if (text) events.push({ type: 'text', text })
  for (const part of Array.isArray(delta?.tool_calls) ? delta.tool_calls : []) {
    const call = asRecord(part)
    const named = asRecord(call?.function)
    events.push({
      type: 'tool_call',
      index: asCount(call?.index) ?? 0,
      ...(asText(call?.id) ? { id: asText(call?.id) } : {}),
      ...(asText(named?.name) ? { name: asText(named?.name) } : {}),
      arguments: asText(named?.arguments) ?? '',
    })
  }
  return events
}

function incomplete(provider: string, answer: Answer): ProviderError {
  return new ProviderError(`${provider} ended its stream without finishing the answer`, {
    provider,
    kind: 'incomplete',
    usage: knownUsage(answer),
    requestId: answer.requestId,
  })
}

/** Usage of a part of the answer is the least that was consumed. */
function knownUsage(answer: Answer): Usage | undefined {
  return answer.usage && (answer.isUsageFinal ? answer.usage : { ...answer.usage, certainty: 'floor' })
}
