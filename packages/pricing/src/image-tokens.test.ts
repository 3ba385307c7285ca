import fc from 'fast-check'
import { expect, it } from 'vitest'
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
])('%s counts %j as %i tokens', (model, image, tokens) => {
  expect(imageTokens(model, image)).toEqual({ low: tokens, expected: tokens, high: tokens })
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
  expect(imageTokens('unheard-of', {}).high).toBeGreaterThan(imageTokens('gpt-4o', {}).high)
})
