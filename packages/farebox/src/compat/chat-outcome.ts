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
  /** The texts and calls as they came. Absent where they are the text, then the refusal, then the calls. */
  parts?: readonly OutcomePart[]
  finishReason: FinishReason
  /** Log probabilities of tokens, in OpenAI's format. */
  logprobs?: unknown
  /** Absent where no usage was reported. */
  tokens?: TokenCounts
}

interface TextPart {
  text: string
  isRefusal: boolean
}

/** A text, or the place of a call among the tool calls. */
type OutcomePart = TextPart | { call: number }

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
export function eventsOf(outcome: ChatOutcome): ChatStreamEvent[] {
  const { text, toolCalls, finishReason, logprobs, tokens } = outcome
  const parts = outcome.parts ?? plainParts(outcome)
  const likely = parts.findIndex((part) => 'text' in part && part.isRefusal === (text === ''))
  return [
    ...(logprobs && likely < 0 ? [{ type: 'text' as const, text: '', logprobs }] : []),
    ...parts.flatMap((part, index): ChatStreamEvent[] => {
      if ('text' in part) return [{ type: 'text', ...part, ...(index === likely && { logprobs }) }]
      const call = toolCalls[part.call]
      return call ? [{ type: 'tool_call', index: part.call, ...call }] : []
    }),
    { type: 'finish', finishReason, tokens },
  ]
}

function plainParts({ text, refusal, toolCalls }: ChatOutcome): OutcomePart[] {
  return [
    ...(text === '' ? [] : [{ text, isRefusal: false }]),
    ...(refusal === undefined ? [] : [{ text: refusal, isRefusal: true }]),
    ...toolCalls.map((_, call) => ({ call })),
  ]
}

/** Adds up the events of a stream. */
export class ChatSum {
  #text = ''
  #refusal = ''
  readonly #toolCalls: ToolCall[] = []
  /** With the indexes of calls, which may have gaps. */
  readonly #parts: OutcomePart[] = []
  /** The part that the next text belongs to. */
  #open: TextPart | undefined
  readonly #logprobs: Record<'content' | 'refusal', unknown[]> = { content: [], refusal: [] }
  #finish: Pick<ChatOutcome, 'finishReason' | 'tokens'> | undefined

  add(event: ChatStreamEvent): void {
    if (event.type === 'text') {
      this.#addText(event.text, event.isRefusal === true)
      const { content, refusal } = (event.logprobs ?? {}) as { content?: unknown; refusal?: unknown }
      if (Array.isArray(content)) this.#logprobs.content.push(...content)
      if (Array.isArray(refusal)) this.#logprobs.refusal.push(...refusal)
    } else if (event.type === 'tool_call') {
      const call = this.#toolCalls[event.index] ?? { id: '', name: '', arguments: '' }
      if (!this.#toolCalls[event.index]) this.#parts.push({ call: event.index })
      this.#toolCalls[event.index] = call
      this.#open = undefined
      call.id ||= event.id ?? ''
      call.name ||= event.name ?? ''
      call.arguments += event.arguments
    } else {
      const tokens = 'tokens' in event ? event.tokens : tokenCounts(event.usage)
      this.#finish = { finishReason: event.finishReason, tokens }
    }
  }

  #addText(text: string, isRefusal: boolean): void {
    if (isRefusal) this.#refusal += text
    else this.#text += text
    if (this.#open?.isRefusal !== isRefusal) {
      this.#open = { text: '', isRefusal }
      this.#parts.push(this.#open)
    }
    this.#open.text += text
  }

  /** @throws {AnswerNotKeptError} the events ended without a finish: their reader left, so the answer is incomplete */
  outcome(identity: ChatIdentity): ChatOutcome {
    if (!this.#finish) throw answerLeft()
    const { content, refusal } = this.#logprobs
    const outcome: ChatOutcome = {
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
    const parts = this.#orderedParts()
    return isPlain(parts, plainParts(outcome)) ? outcome : { ...outcome, parts }
  }

  /** The parts with the places of calls, without gaps. */
  #orderedParts(): OutcomePart[] {
    const places = new Map(Object.keys(this.#toolCalls).map((index, place) => [Number(index), place]))
    return this.#parts.flatMap((part): OutcomePart[] => {
      if ('call' in part) return [{ call: places.get(part.call) ?? 0 }]
      return part.text === '' ? [] : [part]
    })
  }
}

/** Whether parts are the plain ones. Where there is one text of each kind, it is the whole. */
function isPlain(parts: readonly OutcomePart[], plain: readonly OutcomePart[]): boolean {
  const kind = (part: OutcomePart | undefined) => (part && 'call' in part ? part.call : part?.isRefusal)
  return parts.length === plain.length && parts.every((part, index) => kind(part) === kind(plain[index]))
}
