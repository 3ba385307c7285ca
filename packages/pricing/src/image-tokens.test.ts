import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ImageFacts, imageTokens } from './image-tokens.ts'

it.each<[string, ImageFacts, number]>([
  // As OpenAI's guide reckons.
  ['gpt-4o', { width: 1_024, height: 1_024 }, 765],
  ['gpt-4o', { width: 2_048, height: 4_096 }, 1_105],
  ['gpt-4o', { width: 4_096, height: 8_192, detail: 'low' }, 85],
  ['gpt-4.1-mini', { width: 1_024, height: 1_024 }, 1_659],
  // As was billed, less the twelve tokens of the question.
  ['gpt-4o-2024-11-20', { width: 128, height: 64 }, 255],
  ['gpt-4o-mini-2024-07-18', { width: 128, height: 64 }, 8_500],
  ['gpt-4o-mini-2024-07-18', { width: 128, height: 64, detail: 'low' }, 2_833],
  ['gpt-4.1-mini', { width: 4_000, height: 1_474 }, 2_489],
  ['ft:gpt-4o:acme::8abc', { width: 1_024, height: 1_024 }, 765],
])('%s counts %j as %i tokens', (model, image, tokens) => {
  expect(imageTokens(model, image)).toEqual({ low: tokens, expected: tokens, high: tokens })
})

it.each<[string, { low: number; tokens: number; most: number }]>([
  ['gpt-4o-mini', { low: 2_833, tokens: 2_833 + 4 * 5_667, most: 2_833 + 8 * 5_667 }],
  ['gpt-4o', { low: 85, tokens: 85 + 4 * 170, most: 85 + 8 * 170 }],
  ['chatgpt-4o-latest', { low: 85, tokens: 765, most: 1_445 }],
  ['gpt-4.5-preview', { low: 85, tokens: 765, most: 1_445 }],
  ['gpt-4.1-2025-04-14', { low: 85, tokens: 765, most: 1_445 }],
  ['gpt-4-turbo', { low: 85, tokens: 765, most: 1_445 }],
  ['o1', { low: 75, tokens: 75 + 4 * 150, most: 75 + 8 * 150 }],
  ['o3-pro', { low: 75, tokens: 675, most: 1_275 }],
  ['gpt-5', { low: 70, tokens: 70 + 4 * 140, most: 70 + 8 * 140 }],
  ['gpt-5-2025-08-07', { low: 70, tokens: 630, most: 1_190 }],
  ['gpt-5-chat-latest', { low: 70, tokens: 630, most: 1_190 }],
  ['gpt-5-codex', { low: 70, tokens: 630, most: 1_190 }],
  ['computer-use-preview', { low: 65, tokens: 65 + 4 * 129, most: 65 + 8 * 129 }],
])('%s: its base alone at low detail, squares otherwise, and never more than eight', (model, { low, tokens, most }) => {
  const side = 1_024
  const same = (count: number) => ({ low: count, expected: count, high: count })
  const tile = (tokens - low) / 4
  for (const name of [model, model.toUpperCase(), `openai/${model}`, `openrouter/openai/${model}`]) {
    expect(imageTokens(name, { width: side, height: side, detail: 'low' }), name).toEqual(same(low))
    expect(imageTokens(name, { detail: 'low' }), name).toEqual(same(low))
    expect(imageTokens(name, { width: side, height: side, detail: 'auto' }), name).toEqual(same(tokens))
    expect(imageTokens(name, { width: 4_096, height: 1_024, detail: 'high' }), name).toEqual(same(low + 4 * tile))
    expect(imageTokens(name, {}), name).toEqual({ low: low + tile, expected: tokens, high: most })
    expect(imageTokens(name, { width: side }), name).toEqual(imageTokens(name, {}))
    expect(imageTokens(name, { height: side }), name).toEqual(imageTokens(name, {}))
  }
})

it.each<[string, number, number]>([
  ['gpt-4.1-mini-2025-04-14', 1_659, 2_489],
  ['gpt-5-mini', 1_659, 2_489],
  ['gpt-4.1-nano', 2_520, 3_779],
  ['gpt-5-nano-2025-08-07', 2_520, 3_779],
  ['o4-mini', 1_762, 2_642],
])('%s counts squares of 32 pixels, and at most 1,536 of them', (model, tokens, most) => {
  const each = Math.ceil(tokens / 1_024)
  expect(imageTokens(model, { width: 1_024, height: 1_024 }).high).toBe(tokens)
  expect(imageTokens(model, { width: 1, height: 33 })).toEqual(imageTokens(model, { width: 32, height: 64 }))
  expect(imageTokens(model, { width: 1, height: 1 }).low).toBe(each)
  expect(imageTokens(model, { width: 1_536, height: 1_024 }).high).toBe(most)
  expect(imageTokens(model, { width: 4_096, height: 4_096 })).toEqual({ low: most, expected: most, high: most })
  expect(imageTokens(model, {})).toEqual({ low: each, expected: most, high: most })
  for (const half of [{ width: 10 }, { height: 10 }]) expect(imageTokens(model, half)).toEqual(imageTokens(model, {}))
})

describe("Anthropic's models", () => {
  /** As its guide reckons: squares of 28 pixels, started ones too. */
  it.each<[width: number, height: number, tokens: number]>([
    [1, 1, 1],
    [28, 28, 1],
    [29, 28, 2],
    [200, 200, 64],
    [1_000, 1_000, 1_296],
    [1_568, 28, 56],
  ])('count %i by %i pixels as %i tokens, and never are less held', (width, height, tokens) => {
    const { low, expected, high } = imageTokens('claude-haiku-4-5', { width, height }, 1_600)
    expect([low, expected]).toEqual([tokens, tokens])
    expect(high).toBeGreaterThanOrEqual(tokens)
    // Until 2026 its guide said so.
    expect(high).toBe(Math.max(tokens, Math.ceil((width * height) / 750)))
  })

  it('make larger images smaller: at most what their offers say', () => {
    const large = { width: 4_000, height: 3_000 }
    expect(imageTokens('claude-haiku-4-5', large, 1_600)).toEqual({ low: 1_500, expected: 1_600, high: 1_600 })
    expect(imageTokens('claude-opus-5-5', large, 4_784)).toEqual({ low: 1_500, expected: 4_784, high: 4_784 })
    expect(imageTokens('us.anthropic.claude-opus-4-7', large)).toEqual({ low: 1_500, expected: 1_600, high: 4_784 })
    // A strip is made shorter, however narrow it is.
    expect(imageTokens('claude-haiku-4-5', { width: 8_000, height: 100 }, 1_600)).toMatchObject({ low: 56, expected: 1_144 })
    expect(imageTokens('claude-haiku-4-5', { width: 8_000, height: 1 }, 1_600)).toMatchObject({ low: 56, expected: 286 })
    expect(imageTokens('claude-haiku-4-5', large, 100)).toEqual({ low: 100, expected: 100, high: 100 })
  })

  it('of unknown size may be the smallest and the largest', () => {
    expect(imageTokens('claude-3-haiku', {})).toEqual({ low: 1, expected: 1_600, high: 4_784 })
    expect(imageTokens('claude-3-haiku', { width: 10 }, 1_600)).toEqual({ low: 1, expected: 1_600, high: 1_600 })
    expect(imageTokens('claude-3-haiku', { height: 10 }, 900)).toEqual({ low: 1, expected: 900, high: 900 })
  })
})

it.each([
  'o1-mini',
  'o3-mini',
  'gpt-ft:4o',
  'gpt-5.4',
  'gpt-5-pro',
  'x-gpt-5',
  'my-gpt-4o',
  'gpt-4',
  'not-o4-mini',
  'x-computer-use',
])('%s is none of those whose rules are known', (model) => {
  const unknown = imageTokens(undefined, {})
  expect(imageTokens(model, { width: 1_024, height: 1_024, detail: 'low' })).toEqual(unknown)
})

it('an image of unknown size is at most what one of any size is', () => {
  const side = fc.integer({ min: 1, max: 20_000 })
  const model = fc.constantFrom('gpt-4o', 'gpt-4o-mini', 'gpt-5', 'o3', 'gpt-5-mini', 'gpt-4.1-nano', 'o4-mini', 'claude-3-haiku')
  fc.assert(
    fc.property(model, side, side, (name, width, height) => {
      const unknown = imageTokens(name, {})
      const known = imageTokens(name, { width, height })
      expect(known.high).toBeLessThanOrEqual(unknown.high)
      expect(unknown.low).toBeLessThanOrEqual(known.low)
    }),
  )
})

it('a model of which nothing is known counts what its offer says at most', () => {
  expect(imageTokens('unheard-of', {}, 1_000)).toEqual({ low: 85, expected: 1_000, high: 1_000 })
  expect(imageTokens('unheard-of', {}, 50)).toEqual({ low: 50, expected: 50, high: 50 })
  expect(imageTokens('unheard-of', {})).toEqual({ low: 85, expected: 1_105, high: 9_568 })
  expect(imageTokens('unheard-of', {}).high).toBeGreaterThan(imageTokens('gpt-4o', {}).high)
})
