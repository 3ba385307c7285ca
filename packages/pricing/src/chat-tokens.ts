import { quantity, type UsageQuantity } from '@farebox/core'
import { type ImageFacts, imageTokens } from './image-tokens.ts'
import { type TextMeasure, type TokenRange, textTokens } from './measure-text.ts'
import type { OtherMeters } from './rate-most.ts'

/** What is known about a chat before it runs. */
export interface ChatMeasure {
  /** The text of all messages, including tool calls. */
  text: TextMeasure
  messages: number
  images: readonly ImageFacts[]
  /** The tool definitions as JSON, and their number. */
  tools: { text: TextMeasure; count: number }
  /** Anything else sent that may count as input, such as a response schema. */
  other: TextMeasure
  /** The most tokens that one answer may have. */
  outputTokensMax: number
  /** Number of answers requested, each of which is billed. @defaultValue 1 */
  answers?: number
  /** Whether the request asks the provider to cache part of the prompt. @defaultValue false */
  asksForCache?: boolean
}

/** Tokens that OpenAI adds around each message and before the answer. Other vendors, and names in messages, add more. */
const MESSAGE: TokenRange = { low: 3, expected: 4, high: 8 }
const ANSWER: TokenRange = { low: 3, expected: 3, high: 16 }
/** Providers rewrite tool definitions: usually shorter than JSON, with a frame around each. */
const TOOL: TokenRange = { low: 3, expected: 8, high: 24 }
const TOOL_TEXT: TokenRange = { low: 0.5, expected: 0.8, high: 1.25 }
/**
 * The system prompt that Anthropic adds once if there are tools: 159 to 530 tokens, and possibly more with the newest models.
 *
 * @source https://docs.anthropic.com/en/docs/tool-use-pricing-and-tokens
 */
const CLAUDE_TOOLS: TokenRange = { low: 0, expected: 350, high: 1_000 }
/** Answers are usually far shorter than the limit. */
const OUTPUT: Pick<TokenRange, 'low' | 'expected'> = { low: 50, expected: 300 }

/** The least, the expected and the most usage. */
export interface UsageRange {
  readonly low: UsageQuantity[]
  expected: UsageQuantity[]
  /** What a hold must cover. */
  high: UsageQuantity[]
  /** Other meters by which the provider may count the usage, for {@link rateMost}. */
  otherMeters: OtherMeters
}

/** Many providers cache on their own, and count separately what they read from the cache and what they store there. */
const CACHED: OtherMeters = { input: ['cached_input', 'cache_write'], output: ['reasoning'] }
/** Anthropic stores nothing unless asked. */
const NOT_KEPT: OtherMeters = { input: ['cached_input'], output: ['reasoning'] }
const KEPT: OtherMeters = { input: ['cached_input', 'cache_write', 'cache_write_5m', 'cache_write_1h'], output: ['reasoning'] }

/**
 * Estimates how many tokens a chat will use with one model.
 *
 * @param model  the provider's name for it; `undefined` means any model
 * @param imageTokensMax  the most tokens that one image counts as, for models whose rule is not known
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

/** Computes `low` lazily, because only estimates need it. */
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
