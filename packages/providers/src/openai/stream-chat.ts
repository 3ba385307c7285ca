import type { CallContext, ChatEvent, ChatRequest } from '@farebox/core'
import { asCount, asRecord, asText } from '../adapter/answer.ts'
import { choiceError, finishReason } from './chat.ts'
import { streamChatBody } from './chat-body.ts'
import { contentText } from './content-text.ts'
import type { OpenaiConnection } from './openai-client.ts'
import { chatUsage } from './openai-usage.ts'
import { type StreamedAnswer, streamAnswer } from './stream-answer.ts'
import { argumentsText } from './tool-call.ts'
import { ToolCallNumbers } from './tool-call-numbers.ts'

/** Streams a chat completion. See {@link streamAnswer}. */
export function streamChat(
  connection: OpenaiConnection,
  request: ChatRequest,
  context: CallContext,
): AsyncGenerator<ChatEvent, void, undefined> {
  const told: Told = { toolCalls: new ToolCallNumbers(), hasPieces: false }
  return streamAnswer(connection, request.model, context, {
    create: (client, options) => client.chat.completions.create(streamChatBody(connection.name, request), options),
    read: (chunk, answer) => readChunk(chunk, answer, told),
  })
}

/** What a stream has told so far. */
interface Told {
  toolCalls: ToolCallNumbers
  /** Whether any of it came in pieces. Then it is not told again as a whole message. */
  hasPieces: boolean
}

function readChunk(value: unknown, answer: StreamedAnswer, told: Told): ChatEvent[] {
  const chunk = asRecord(value)
  if (!chunk) return []
  answer.model = asText(chunk.model) || answer.model
  const choices = Array.isArray(chunk.choices) ? chunk.choices : []
  const usage = chatUsage(chunk.usage, chunk.service_tier)
  if (usage) answer.usage = usage
  const events = choices.flatMap((given: unknown) => readChoice(given, answer, told))
  // The chunk with the usage of the whole request has no choices.
  if (usage) answer.isWhole = choices.length === 0 && answer.finishReason !== undefined
  return events
}

function readChoice(given: unknown, answer: StreamedAnswer, told: Told): ChatEvent[] {
  const choice = asRecord(given)
  // A request may ask for several answers. The caller pays for all, and gets the first, as in a plain chat.
  if (!choice || (choice.index ?? 0) !== 0) return []
  const failure = choiceError(choice)
  if (failure) throw failure
  const reason = asText(choice.finish_reason)
  // Some servers send an empty reason until the last chunk.
  if (reason) answer.finishReason = finishReason(reason)
  const piece = asRecord(choice.delta)
  // A server that does not stream answers with the whole message. MiniMax ends a stream with it.
  const whole = piece ? undefined : asRecord(choice.message)
  if (whole && told.hasPieces) return []
  const delta = piece ?? whole
  const events: ChatEvent[] = []
  const logprobs = choice.logprobs ? { logprobs: choice.logprobs } : {}
  const text = contentText(delta?.content)
  const refusal = asText(delta?.refusal)
  if (text) events.push({ type: 'text', text, ...logprobs })
  else if (refusal) events.push({ type: 'text', text: refusal, isRefusal: true, ...logprobs })
  // Half a character has no text yet, and a tool call has none, but their tokens have likelihoods.
  else if (isLikely(choice.logprobs)) events.push({ type: 'text', text: '', ...logprobs })
  for (const part of Array.isArray(delta?.tool_calls) ? delta.tool_calls : []) {
    const call = asRecord(part)
    const named = asRecord(call?.function)
    const name = asText(named?.name) || undefined
    const { number, id } = told.toolCalls.take({ index: asCount(call?.index), id: asText(call?.id) || undefined, name })
    events.push({
      type: 'tool_call',
      index: number,
      ...(id === undefined ? {} : { id }),
      ...(name === undefined ? {} : { name }),
      arguments: argumentsText(named?.arguments),
    })
  }
  if (piece && events.length > 0) told.hasPieces = true
  return events
}

/** Whether likelihoods are those of any token. */
function isLikely(given: unknown): boolean {
  const { content, refusal } = asRecord(given) ?? {}
  return [content, refusal].some((tokens) => Array.isArray(tokens) && tokens.length > 0)
}
