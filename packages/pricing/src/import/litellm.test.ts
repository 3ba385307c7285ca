import { quantity, type UsageQuantity } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { PriceBook } from '../price-book.ts'
import { rate } from '../rate.ts'
import { nanoUsdOf } from '../rating.ts'
import { importedBook } from './imported-prices.ts'
import { importLitellm } from './litellm.ts'

const options = { source: 'model_prices_and_context_window.json', checked: '2026-11-20' }
const at = Date.parse('2026-11-21T00:00:00Z')

/** In the fields of LiteLLM's file. */
const file = {
  sample_spec: { litellm_provider: 'one of …', mode: 'one of: chat, embedding', input_cost_per_token: 0 },
  'gpt-4o-mini': {
    litellm_provider: 'openai',
    mode: 'chat',
    max_input_tokens: 128_000,
    input_cost_per_token: 1.5e-7,
    cache_read_input_token_cost: 7.5e-8,
    output_cost_per_token: 6e-7,
    input_cost_per_token_batches: 7.5e-8,
    search_context_cost_per_query: { search_context_size_low: 0.025 },
    supports_vision: true,
    deprecation_date: '2027-01-14',
  },
  'claude-sonnet-4-5': {
    litellm_provider: 'anthropic',
    mode: 'chat',
    input_cost_per_token: 3e-6,
    input_cost_per_token_above_200k_tokens: 6e-6,
    output_cost_per_token: 1.5e-5,
    output_cost_per_token_above_200k_tokens: 2.25e-5,
    cache_creation_input_token_cost: 3.75e-6,
    cache_creation_input_token_cost_above_1hr: 6e-6,
    cache_creation_input_token_cost_above_200k_tokens: 7.5e-6,
    cache_creation_input_token_cost_above_1hr_above_200k_tokens: 1.2e-5,
    cache_read_input_token_cost_above_200k_tokens: 6e-7,
    cache_read_input_token_cost: 3e-7,
  },
  'openai/whisper-1': {
    litellm_provider: 'openai',
    mode: 'audio_transcription',
    input_cost_per_second: 0.0001,
    output_cost_per_second: 0.0001,
  },
  'tts-1': { litellm_provider: 'openai', mode: 'audio_speech', input_cost_per_character: 1.5e-5 },
  'ollama/llama3': { litellm_provider: 'ollama', mode: 'chat', input_cost_per_token: 0, output_cost_per_token: 0 },
  'dall-e-3': { litellm_provider: 'openai', mode: 'image_generation', input_cost_per_pixel: 1.9e-8 },
  broken: { litellm_provider: 'openai', mode: 'chat', input_cost_per_token: '1e-6', output_cost_per_token: -1 },
  text: 'no model',
}

describe("LiteLLM's prices", () => {
  const imported = importLitellm(file, options)
  const book = new PriceBook(importedBook(imported, { name: 'litellm', version: '1', effectiveFrom: '2026-01-01T00:00:00Z' }))
  const cost = (
    service: string,
    provider: string,
    usage: Partial<Record<string, number>>,
    unit: UsageQuantity['unit'] = 'tokens',
  ) =>
    nanoUsdOf(
      rate(
        book,
        { service, provider, at },
        Object.entries(usage).map(([meter, count = 0]) => ({ meter, quantity: quantity(count), unit })),
      ),
    )

  it('become rates by the million, exact to the digit that was written', () => {
    expect(cost('gpt', 'gpt-4o-mini', { input: 1_000_000 })).toBe(150_000_000n)
    expect(cost('vision', 'gpt-4o-mini', { cached_input: 1_000_000, reasoning: 1_000_000 })).toBe(675_000_000n)
    expect(cost('voice_stt', 'whisper-1', { duration: 60 }, 'seconds')).toBe(6_000_000n)
    expect(cost('voice_tts', 'tts-1', { characters: 1_000 }, 'characters')).toBe(15_000_000n)
  })

  it('become tiers where the length of the prompt matters, and that of the whole prompt', () => {
    expect(cost('gpt', 'claude-sonnet-4-5', { input: 200_000, output: 1_000 })).toBe(615_000_000n)
    expect(cost('gpt', 'claude-sonnet-4-5', { input: 100_000, cached_input: 100_001, output: 1_000 })).toBe(
      600_000_000n + 60_000_600n + 22_500_000n,
    )
    expect(cost('gpt', 'claude-sonnet-4-5', { cache_write_5m: 100_000, cache_write_1h: 1_000 })).toBe(381_000_000n)
    expect(cost('gpt', 'claude-sonnet-4-5', { cache_write_5m: 200_000, cache_write_1h: 1_000 })).toBe(1_512_000_000n)
  })

  it('are those of another meter where a provider bills one as the other', () => {
    for (const meter of ['cache_write', 'cache_write_5m', 'cache_write_1h', 'image_input']) {
      expect(cost('gpt', 'gpt-4o-mini', { [meter]: 1_000_000 }), meter).toBe(150_000_000n)
    }
    expect(cost('gpt', 'gpt-4o-mini', { cached_image_input: 1_000_000 })).toBe(75_000_000n)
    expect(() => cost('gpt', 'gpt-4o-mini', { audio_input: 1 })).toThrow(expect.objectContaining({ code: 'PRICE_NOT_FOUND' }))
  })

  it.each(['image_input', 'cached_image_input', 'audio_input', 'cached_audio_input'])(
    'count %s to the length of the prompt',
    (meter) => {
      const heard = {
        litellm_provider: 'gemini',
        mode: 'chat',
        input_cost_per_token: 1e-6,
        input_cost_per_token_above_200k_tokens: 2e-6,
        input_cost_per_audio_token: 3e-6,
        cache_read_input_audio_token_cost: 3e-6,
        input_cost_per_image_token: 3e-6,
        cache_read_input_token_cost: 3e-6,
      }
      const prices = importedBook(importLitellm({ heard }, options), {
        name: 'litellm',
        version: '1',
        effectiveFrom: '2026-01-01T00:00:00Z',
      })
      const usage = Object.entries({ input: 1_000, [meter]: 199_001 }).map(([name, count]) => {
        return { meter: name, quantity: quantity(count), unit: 'tokens' as const }
      })
      const rating = rate(new PriceBook(prices), { service: 'gpt', provider: 'heard', at }, usage)
      expect(nanoUsdOf(rating)).toBe(2_000_000n + 199_001n * 3_000n)
    },
  )

  it('keep the tiers of a prompt’s length, in whatever order they are written', () => {
    const long = {
      litellm_provider: 'openai',
      mode: 'chat',
      input_cost_per_token_above_272k_tokens: 4e-6,
      input_cost_per_token_above_128k_tokens: 2e-6,
      input_cost_per_token: 1e-6,
    }
    const { entries, notTaken } = importLitellm({ long }, options)
    expect(notTaken).toEqual([])
    expect(entries[0]?.rates[0]?.tiers?.steps).toEqual([
      { amount: '1' },
      { above: '128000', amount: '2' },
      { above: '272000', amount: '4' },
    ])
  })

  it('carry the day on which a model ends', () => {
    expect(book.entries(at).entries.find(({ provider }) => provider === 'gpt-4o-mini')?.retires).toBe('2027-01-14')
  })

  it.each(['2026-13-45', '2026-02-30', 'next year', 20270114])('lose no book to a day that there is not: %j', (day) => {
    const row = { litellm_provider: 'openai', mode: 'chat', input_cost_per_token: 1e-6, deprecation_date: day }
    const { entries, notTaken } = importLitellm({ m: row }, options)
    expect(notTaken).toEqual([{ row: 'm', field: 'deprecation_date', reason: `${JSON.stringify(day)} is no day` }])
    const made = importedBook({ entries }, { name: 'litellm', version: '1', effectiveFrom: '2026-01-01T00:00:00Z' })
    expect(new PriceBook(made).entries(at).entries).toHaveLength(1)
  })

  it('are told of where they could not be taken, and unknown never becomes zero', () => {
    expect(imported.notTaken).toEqual([
      { row: 'gpt-4o-mini', field: 'input_cost_per_token_batches', reason: 'it is of another service tier' },
      { row: 'gpt-4o-mini', field: 'search_context_cost_per_query', reason: 'a book has no unit for it' },
      { row: 'openai/whisper-1', field: 'output_cost_per_second', reason: 'a book has no unit for it' },
      {
        row: 'ollama/llama3',
        field: 'input_cost_per_token',
        reason: 'it is zero, which the file writes for unknown as well as for free',
      },
      {
        row: 'ollama/llama3',
        field: 'output_cost_per_token',
        reason: 'it is zero, which the file writes for unknown as well as for free',
      },
      { row: 'ollama/llama3', reason: 'it has no price that a book can hold' },
      { row: 'dall-e-3', reason: 'its mode is image_generation, which is no service of ours' },
      { row: 'broken', field: 'input_cost_per_token', reason: '"1e-6" is no price' },
      { row: 'broken', field: 'output_cost_per_token', reason: '-1 is no price' },
      { row: 'broken', reason: 'it has no price that a book can hold' },
      { row: 'text', reason: 'it is no model' },
    ])
    for (const { rates } of imported.entries) for (const { amount } of rates) expect(amount).not.toBe('0')
  })

  it('leave out the row that a book would refuse, and keep the others', () => {
    const model = { litellm_provider: 'openai', mode: 'chat', input_cost_per_token: 1e-6 }
    const { entries, notTaken } = importLitellm(
      {
        'gpt-5': model,
        'azure/*': { ...model, supports_vision: true },
        'gpt-tiers': { ...model, input_cost_per_token_above_0k_tokens: 2e-6 },
        [`gpt-${'x'.repeat(200)}`]: model,
      },
      options,
    )
    const priced = new PriceBook(
      importedBook({ entries }, { name: 'litellm', version: '1', effectiveFrom: '2026-01-01T00:00:00Z' }),
    )
    expect(priced.entries(at).entries.map(({ provider }) => provider)).toEqual(['gpt-5'])
    expect(notTaken.map(({ row, field }) => [row.slice(0, 10), field])).toEqual([
      ['azure/*', 'aliases'],
      ['gpt-tiers', 'rates.0.tiers.steps.1.above'],
      ['gpt-xxxxxx', 'provider'],
    ])
  })

  it('can be taken of some vendors alone', () => {
    const { entries } = importLitellm(file, { ...options, vendors: ['anthropic'] })
    expect(entries.map(({ provider }) => provider)).toEqual(['claude-sonnet-4-5'])
  })
})
