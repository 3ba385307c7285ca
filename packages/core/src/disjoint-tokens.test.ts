import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { disjointTokens, InvalidUsageError, type TokenCounts, type TokenSource } from './disjoint-tokens.ts'
import { formatQuantity } from './quantity.ts'
import type { UsageQuantity } from './usage.ts'

const within: TokenSource = { name: 'within', inputIncludes: ['cached_input', 'audio_input'], outputIncludes: ['reasoning'] }
const apart: TokenSource = { name: 'apart', inputIncludes: [], outputIncludes: [] }

const buckets = (quantities: readonly UsageQuantity[]) =>
  Object.fromEntries(quantities.map(({ meter, quantity }) => [meter, Number(formatQuantity(quantity))]))

describe('disjointTokens', () => {
  it('takes out of a total what its source counts within it, and leaves what it counts apart', () => {
    const counts = { input: 1_000, cached_input: 600, output: 500, reasoning: 320 }
    expect(buckets(disjointTokens(counts, within))).toEqual({ input: 400, cached_input: 600, output: 180, reasoning: 320 })
    expect(buckets(disjointTokens(counts, apart))).toEqual({ input: 1_000, cached_input: 600, output: 500, reasoning: 320 })
  })

  it('keeps "not reported" apart from "reported as none"', () => {
    expect(buckets(disjointTokens({ input: 0, output: undefined }, within))).toEqual({ input: 0 })
    expect(disjointTokens({}, within)).toEqual([])
  })

  it.each<[string, TokenCounts, TokenSource]>([
    ['cached_input of 11', { input: 10, cached_input: 11 }, within],
    ['cached_input of 6 and audio_input of 5', { input: 10, cached_input: 6, audio_input: 5 }, within],
    ['reasoning of 3 without the output', { input: 10, reasoning: 3 }, within],
    ['-1 tokens of input', { input: -1 }, apart],
    ['NaN tokens of output', { output: Number.NaN }, apart],
    ['1.5 tokens of input', { input: 1.5 }, apart],
    ['Infinity tokens of cache_write_1h', { cache_write_1h: Number.POSITIVE_INFINITY }, apart],
    ['9007199254740992 tokens of input', { input: 2 ** 53 }, apart],
  ])('refuses %s', (problem, counts, source) => {
    const split = () => disjointTokens(counts, source)
    expect(split).toThrow(InvalidUsageError)
    expect(split).toThrow(problem)
    expect(split).toThrow(expect.objectContaining({ code: 'INVALID_USAGE', source: source.name }))
  })

  it('counts each token once: the buckets add up to the totals, and what was counted apart', () => {
    const count = fc.nat(1_000_000)
    fc.assert(
      fc.property(count, count, count, count, count, (text, cached, audio, answer, reasoning) => {
        const inside = {
          input: text + cached + audio,
          cached_input: cached,
          audio_input: audio,
          output: answer + reasoning,
          reasoning,
        }
        const outside = { input: text, cached_input: cached, audio_input: audio, output: answer, reasoning }
        const split = buckets(disjointTokens(inside, within))
        expect(split).toEqual(buckets(disjointTokens(outside, apart)))
        expect(Object.values(split).reduce((sum, tokens) => sum + tokens, 0)).toBe(text + cached + audio + answer + reasoning)
      }),
    )
  })
})
