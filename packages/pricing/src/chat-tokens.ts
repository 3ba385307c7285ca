import { quantity, type UsageQuantity } from '@farebox/core'
import { type ImageFacts, imageTokens } from './image-tokens.ts'
import { type TextMeasure, type TokenRange, textTokens } from './measure-text.ts'
import type { OtherMeters } from './rate-most.ts'

/** What is known of a chat before it runs. */
export interface ChatMeasure {
  /** All that is said: messages, and the calls of tools in them. */
  text: TextMeasure
  messages: number
  images: readonly ImageFacts[]
  /** The definitions of tools, as JSON, and how many there are. */
  tools: { text: TextMeasure; count: number }
  /** What else is sent that may count as input, such as the schema of an answer. */
  other: TextMeasure
  /** Tokens that one answer may have at most. */
  outputTokensMax: number
  /** Answers that are asked for; all of them are paid for. @defaultValue 1 */
  answers?: number
  /** Whether the provider is asked to keep some of it in its cache. @defaultValue false */
  asksForCache?: boolean
}

/** What OpenAI puts around each message and before the answer; other vendors and names in messages take more. */
const MESSAGE: TokenRange = { low: 3, expected: 4, high: 8 }
const ANSWER: TokenRange = { low: 3, expected: 3, high: 16 }
/** Providers write tools down in their own way: shorter than JSON as a rule, with a frame around each. */
const TOOL: TokenRange = { low: 3, expected: 8, high: 24 }
const TOOL_TEXT: TokenRange = { low: 0.5, expected: 0.8, high: 1.25 }
/**
 * What Anthropic says to its models beside the tools, once for all of them: 159 to 530 tokens, of which the newest models may have more.
 *
 * @source https://docs.anthropic.com/en/docs/tool-use-pricing-and-tokens
 */
const CLAUDE_TOOLS: TokenRange = { low: 0, expected: 350, high: 1_000 }
/** Answers are short where they may be long. */
const OUTPUT: Pick<TokenRange, 'low' | 'expected'> = { low: 50, expected: 300 }

/** A usage at least, as expected, and at most. */
export interface UsageRange {
  readonly low: UsageQuantity[]
  expected: UsageQuantity[]
  /** What a hold must cover. */
  high: UsageQuantity[]
  /** By what other meters the model may count it, for {@link rateMost}. */
  otherMeters: OtherMeters
}

/** What a provider may count by itself: what it read from its cache, and what it keeps there for the next time. */
const CACHED: OtherMeters = { input: ['cached_input', 'cache_write'], output: ['reasoning'] }
/** Anthropic keeps nothing unless it is asked to. */
const NOT_KEPT: OtherMeters = { input: ['cached_input'], output: ['reasoning'] }
const KEPT: OtherMeters = { input: ['cached_input', 'cache_write', 'cache_write_5m', 'cache_write_1h'], output: ['reasoning'] }

/**
 * What a chat will consume of one model.
 *
 * @param model  as the provider names it; `undefined` is any model
 * @param imageTokensMax  the most that an image is counted as, for models whose rule is not known
 */
export function chatUsageRange(chat: ChatMeasure, model?: string, imageTokensMax?: number): UsageRange {
  const text = textTokens(chat.text, model)
  const tools = textTokens(chat.tools.text, model)
  const other = textTokens(chat.other, model)
  const images = chat.images.map((image) => imageTokens(model, image, imageTokensMax))
  const answers = chat.answers ?? 1
  const isClaude = /claude/i.test(model ?? '')
  const at = (level: keyof TokenRange): UsageQuantity[] => {
    const preface = chat.tools.count > 0 && isClaude ? CLAUDE_TOOLS[level] : 0
    const tool = preface + chat.tools.count * TOOL[level] + tools[level] * TOOL_TEXT[level]
    const seen = images.reduce((sum, image) => sum + image[level], 0)
    const input =
      text[level] + chat.messages * MESSAGE[level] + ANSWER[level] + tool + (level === 'low' ? 0 : other[level]) + seen
    const output = level === 'high' ? chat.outputTokensMax : Math.min(chat.outputTokensMax, OUTPUT[level])
    return [tokens('input', input), tokens('output', output * answers)]
  }
  return new ChatUsage(at, chat.asksForCache ? KEPT : isClaude ? NOT_KEPT : CACHED)
}

/** Only estimates ask for the least. */
class ChatUsage implements UsageRange {
  readonly expected: UsageQuantity[]
  readonly high: UsageQuantity[]
  readonly otherMeters: OtherMeters
  readonly #at: (level: keyof TokenRange) => UsageQuantity[]

  constructor(at: (level: keyof TokenRange) => UsageQuantity[], otherMeters: OtherMeters) {
    this.expected = at('expected')
    this.high = at('high')
    this.otherMeters = otherMeters
    this.#at = at
  }

  get low(): UsageQuantity[] {
    return this.#at('low')
  }
}

function tokens(meter: string, count: number): UsageQuantity {
  return { meter, quantity: quantity(Math.ceil(count)), unit: 'tokens' }
}
