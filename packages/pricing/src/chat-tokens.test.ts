import { formatQuantity, microUnits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { type ChatMeasure, chatUsageRange } from './chat-tokens.ts'
import { imageTokens } from './image-tokens.ts'

const nothing = { asciiCharacters: 0, otherBytes: 0, tokens: {} }
const counted = (tokens: number) => ({ asciiCharacters: tokens * 4, otherBytes: 0, tokens: { o200k_base: tokens } })
/** Two messages of a hundred tokens, of which a model whose vocabulary is known may make two more. */
const chat: ChatMeasure = {
  text: counted(100),
  messages: 2,
  images: [],
  tools: { text: nothing, count: 0 },
  other: nothing,
  outputTokensMax: 1_000,
}

/** Input and output, at least, as expected, and at most. */
function rangeOf(more: Partial<ChatMeasure> = {}, imageTokensMax?: number) {
  const { low, expected, high } = chatUsageRange({ ...chat, ...more }, 'gpt-4o', imageTokensMax)
  return [low, expected, high].map((usage) => {
    expect(usage.map(({ meter, unit }) => `${meter} ${unit}`)).toEqual(['input tokens', 'output tokens'])
    return usage.map(({ quantity }) => Number(formatQuantity(quantity)))
  })
}

describe('what a chat will consume', () => {
  it('is its text, a frame around each message and the answer, and as much of an answer as is usual', () => {
    expect(rangeOf()).toEqual([
      [100 + 2 * 3 + 3, 50],
      [100 + 2 * 4 + 3, 300],
      [102 + 2 * 8 + 16, 1_000],
    ])
  })

  it('is no longer an answer than it may be, and all the answers that are asked for', () => {
    expect(rangeOf({ outputTokensMax: 40 }).map(([, output]) => output)).toEqual([40, 40, 40])
    expect(rangeOf({ answers: 3 }).map(([, output]) => output)).toEqual([150, 900, 3_000])
  })

  it('has the definitions of tools in it, shorter or longer than their JSON, each in a frame', () => {
    const inputs = rangeOf({ tools: { text: counted(20), count: 2 } }).map(([input]) => input)
    expect(inputs).toEqual([109 + 2 * 3 + 10, 111 + 2 * 8 + 16, Math.ceil(134 + 2 * 24 + 21 * 1.25)])
  })

  it("has what Anthropic says of tools in it, once for all of them, with Anthropic's models alone", () => {
    const inputsOf = (model: string, count: number) => {
      const { low, expected, high } = chatUsageRange({ ...chat, tools: { text: counted(20), count } }, model)
      return [low, expected, high].map(([input]) => Number(formatQuantity(input?.quantity ?? microUnits(0n))))
    }
    for (const count of [1, 2]) {
      const [claude, other] = [inputsOf('anthropic/claude-haiku-5-5', count), inputsOf('gemini-3-flash', count)]
      expect(claude.map((input, index) => input - (other[index] ?? 0))).toEqual([0, 350, 1_000])
    }
    expect(inputsOf('claude-haiku-5-5', 0)).toEqual(inputsOf('gemini-3-flash', 0))
  })

  it('counts what else is sent, but not at least: it may be free', () => {
    expect(rangeOf({ other: counted(10) }).map(([input]) => input)).toEqual([109, 111 + 10, 134 + 11])
  })

  it('counts each image by the rule of the model', () => {
    const image = { width: 800, height: 600, detail: 'high' } as const
    const { low, expected, high } = imageTokens('gpt-4o', image)
    expect(low).toBeGreaterThan(0)
    const inputs = rangeOf({ images: [image, image] }).map(([input]) => input)
    expect(inputs).toEqual([109 + 2 * low, 111 + 2 * expected, 134 + 2 * high])
  })
})
