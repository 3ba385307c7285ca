import type { ChatEvent, ChatResult, FinishReason, ToolCall } from '@farebox/core'
import { answerLeft } from '../http/stream-response.ts'
import { type TokenCounts, tokenCounts } from './token-counts.ts'

/** The outcome of a chat, as JSON. Both formats of answers are written from it, and it is kept under an idempotency key. */
export interface ChatOutcome {
  /** The unique part of the answer's id, after the prefix. */
  id: string
  /** When it began, in epoch seconds. */
  created: number
  text: string
  /** The text with which the model declined. */
  refusal?: string
  toolCalls: readonly ToolCall[]
  finishReason: FinishReason
  /** Log probabilities of tokens, in OpenAI's format. */
  logprobs?: unknown
  /** Absent where no usage was reported. */
  tokens?: TokenCounts
}

/** What identifies an answer before it exists. */
export type ChatIdentity = Pick<ChatOutcome, 'id' | 'created'>

export function outcomeOf(identity: ChatIdentity, result: ChatResult): ChatOutcome {
  const { text, isRefusal, toolCalls = [], finishReason, logprobs, usage } = result
  const said = isRefusal ? { text: '', refusal: text } : { text }
  return { ...identity, ...said, toolCalls, finishReason, logprobs, tokens: tokenCounts(usage) }
}

/** An event of a chat. The last event of a repeated answer has its tokens counted already. */
export type ChatStreamEvent = ChatEvent | { type: 'finish'; finishReason: FinishReason; tokens: TokenCounts | undefined }

/** The events of a stream that amounts to an outcome. */
export function eventsOf({ text, refusal, toolCalls, finishReason, logprobs, tokens }: ChatOutcome): ChatStreamEvent[] {
  return [
    ...(text === '' ? [] : [{ type: 'text' as const, text, logprobs }]),
    ...(refusal === undefined
      ? []
      : [{ type: 'text' as const, text: refusal, isRefusal: true, ...(text === '' && { logprobs }) }]),
    ...toolCalls.map((call, index) => ({ type: 'tool_call' as const, index, ...call })),
    { type: 'finish', finishReason, tokens },
  ]
}

/** Adds up the events of a stream. */
export class ChatSum {
  #text = ''
  #refusal = ''
  readonly #toolCalls: ToolCall[] = []
  readonly #logprobs: Record<'content' | 'refusal', unknown[]> = { content: [], refusal: [] }
  #finish: Pick<ChatOutcome, 'finishReason' | 'tokens'> | undefined

  add(event: ChatStreamEvent): void {
    if (event.type === 'text') {
      if (event.isRefusal) this.#refusal += event.text
      else this.#text += event.text
      const { content, refusal } = (event.logprobs ?? {}) as { content?: unknown; refusal?: unknown }
      if (Array.isArray(content)) this.#logprobs.content.push(...content)
      if (Array.isArray(refusal)) this.#logprobs.refusal.push(...refusal)
    } else if (event.type === 'tool_call') {
      const call = this.#toolCalls[event.index] ?? { id: '', name: '', arguments: '' }
      this.#toolCalls[event.index] = call
      call.id ||= event.id ?? ''
      call.name ||= event.name ?? ''
      call.arguments += event.arguments
    } else {
      const tokens = 'tokens' in event ? event.tokens : tokenCounts(event.usage)
      this.#finish = { finishReason: event.finishReason, tokens }
    }
  }

  /** @throws {AnswerNotKeptError} the events ended without a finish: their reader left, so the answer is incomplete */
  outcome(identity: ChatIdentity): ChatOutcome {
    if (!this.#finish) throw answerLeft()
    const { content, refusal } = this.#logprobs
    return {
      ...identity,
      ...this.#finish,
      text: this.#text,
      refusal: this.#refusal || undefined,
      toolCalls: this.#toolCalls.filter((call) => call !== undefined),
      logprobs:
        content.length + refusal.length > 0
          ? { content: content.length > 0 ? content : null, refusal: refusal.length > 0 ? refusal : null }
          : undefined,
    }
  }
}
