import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { formatUsd, quantity, type UsageQuantity } from '@farebox/core'
import { build } from 'tsup'
import { describe, expect, it } from 'vitest'
import { defaultCostBook } from '../default-cost-book.ts'
import type { PriceBookData } from '../document/price-book-document.ts'
import { readPriceBook } from '../document/read-price-book.ts'
import { PriceBook } from '../price-book.ts'
import { rate } from '../rate.ts'
import { nanoUsdOf } from '../rating.ts'
import { retirements } from '../retirements.ts'
import { listPrices } from './list-prices.ts'

const at = Date.parse('2026-11-21T00:00:00Z')
const folder = new URL('../..', import.meta.url)

const cost = (
  query: { service: string; provider: string; model?: string },
  meter: string,
  count: number,
  unit: UsageQuantity['unit'],
) => formatUsd(nanoUsdOf(rate(defaultCostBook, { ...query, at }, [{ meter, quantity: quantity(count), unit }])))

describe('the list prices', () => {
  it('are what the committed script makes of its sources', async () => {
    const script = new URL('scripts/build-list-prices.ts', folder).pathname
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, script, '--check'])
    expect(stdout).toMatch(/nothing changed/)
  })

  it('keep the rules of a price book, and hold all that the schema would fill in', () => {
    expect(readPriceBook(listPrices())).toEqual(listPrices())
  })

  it('say of each row where and when it was read, and how sure it is', () => {
    const { entries } = defaultCostBook.entries(at)
    expect(entries.length).toBeGreaterThan(400)
    for (const { provider, source, checked, confidence } of entries) {
      expect(source, provider).toMatch(/\w{4}/)
      expect(checked, provider).toMatch(/^202\d-/)
      expect(confidence, provider).toBeDefined()
    }
    const weak = entries.filter(({ confidence }) => confidence === 'weak').map(({ provider }) => provider)
    expect(new Set(weak)).toEqual(new Set(['cartesia', 'deepgram', 'livekit', 'twilio']))
  })

  it.each<[Parameters<typeof cost>[0], string, number, UsageQuantity['unit'], string]>([
    [{ service: 'gpt', provider: 'gpt-4o-mini' }, 'input', 1_000_000, 'tokens', '0.15'],
    [{ service: 'gpt', provider: 'gpt-4o-mini-2024-07-18' }, 'cached_input', 1_000_000, 'tokens', '0.075'],
    [{ service: 'vision', provider: 'gpt-4o-2024-11-20' }, 'reasoning', 1_000_000, 'tokens', '10'],
    [{ service: 'gpt', provider: 'claude-3-haiku-20240307' }, 'cache_write_5m', 1_000_000, 'tokens', '0.3'],
    [{ service: 'gpt', provider: 'claude-3-haiku', model: 'claude-haiku-5-5' }, 'reasoning', 1_000_000, 'tokens', '0.5'],
    [{ service: 'gpt', provider: 'claude-3-haiku', model: 'claude-haiku-5-5' }, 'web_searches', 3, 'requests', '0.03'],
    [{ service: 'vision', provider: 'claude-haiku-5-5' }, 'web_searches', 3, 'requests', '0.03'],
    [{ service: 'gpt', provider: 'claude-haiku-5-5-20261007' }, 'input', 1_000_000, 'tokens', '0.5'],
    [{ service: 'gpt', provider: 'claude-3-haiku', model: 'claude-haiku-5-5-20261007' }, 'output', 1_000, 'tokens', '0.0005'],
    [{ service: 'gpt', provider: 'claude-3-haiku', model: 'claude-haiku-4-5' }, 'output', 1_000, 'tokens', '0.005'],
    [{ service: 'vision', provider: 'claude-3-haiku', model: 'claude-haiku-4-5-20251001' }, 'input', 1_000, 'tokens', '0.001'],
    [{ service: 'gpt', provider: 'claude-sonnet-5-20260630' }, 'cached_input', 1_000_000, 'tokens', '0.2'],
    [{ service: 'gpt', provider: 'claude-sonnet-5-5-20260928' }, 'cached_input', 1_000_000, 'tokens', '0.1'],
    [{ service: 'gpt', provider: 'claude-sonnet-4-5-20250929' }, 'cache_write_1h', 1_000, 'tokens', '0.006'],
    [{ service: 'gpt', provider: 'gpt-5.4-2026-03-05' }, 'input', 271_999, 'tokens', '0.6799975'],
    [{ service: 'gpt', provider: 'gpt-5.4-2026-03-05' }, 'input', 272_000, 'tokens', '1.36'],
    [{ service: 'realtime', provider: 'gpt-realtime' }, 'audio_input', 1_000_000, 'tokens', '32'],
    [{ service: 'realtime', provider: 'gpt-realtime' }, 'cached_audio_input', 1_000_000, 'tokens', '0.4'],
    [{ service: 'embedding', provider: 'text-embedding-3-small' }, 'input', 1_000_000, 'tokens', '0.02'],
    [{ service: 'voice_stt', provider: 'openai-whisper' }, 'duration', 60, 'seconds', '0.0045'],
    [{ service: 'voice_stt', provider: 'openai-whisper', model: 'whisper-1' }, 'duration', 9.5, 'seconds', '0.00095'],
    [{ service: 'voice_stt', provider: 'deepgram', model: 'nova-3' }, 'duration', 1, 'minutes', '0.0077'],
    [{ service: 'voice_stt', provider: 'groq', model: 'whisper-large-v3' }, 'duration', 1, 'seconds', '0.000308334'],
    [{ service: 'voice_tts', provider: 'openai-tts', model: 'tts-1-hd' }, 'characters', 1_000_000, 'characters', '30'],
    [{ service: 'voice_tts', provider: 'elevenlabs', model: 'eleven_turbo_v2' }, 'characters', 54, 'characters', '0.0027'],
    [{ service: 'voice_tts', provider: 'elevenlabs', model: 'eleven_turbo_v2' }, 'billed_characters', 27, 'characters', '0.0027'],
    [{ service: 'voice_tts', provider: 'cartesia', model: 'infill' }, 'characters', 100, 'characters', '0.02'],
    [{ service: 'voice_stt', provider: 'cartesia', model: 'ink-2' }, 'duration', 60, 'seconds', '0.009'],
    [{ service: 'phone', provider: 'twilio' }, 'duration', 61, 'seconds', '0.028'],
    [{ service: 'phone', provider: 'twilio', model: 'conversation-relay' }, 'duration', 30, 'seconds', '0.07'],
    [{ service: 'realtime', provider: 'livekit', model: 'agent-session' }, 'duration', 61, 'seconds', '0.02'],
  ])('%j: %s of %d %s costs %s', (query, meter, count, unit, usd) => {
    expect(cost(query, meter, count, unit)).toBe(usd)
  })

  it('keep what a price was before it fell', () => {
    const read = [{ meter: 'cached_input', quantity: quantity(1_000_000), unit: 'tokens' as const }]
    const costOn = (day: string) =>
      formatUsd(nanoUsdOf(rate(defaultCostBook, { service: 'gpt', provider: 'claude-sonnet-5-5', at: Date.parse(day) }, read)))
    expect([costOn('2026-10-06T23:59:59Z'), costOn('2026-10-07T00:00:00Z')]).toEqual(['0.2', '0.1'])
  })

  it.each([
    [{ service: 'gpt', provider: 'gpt-4o-mini' }, 'audio_input'],
    [{ service: 'gpt', provider: 'gpt-99' }, 'input'],
  ])('have no price for %j, %s, rather than zero', (query, meter) => {
    expect(() => cost(query, meter, 1, 'tokens')).toThrow(expect.objectContaining({ code: 'PRICE_NOT_FOUND' }))
  })

  it('carry the days on which models end, and warn of them', () => {
    const ends = retirements(defaultCostBook, at, 100).map(
      ({ entry, daysLeft }) => `${entry.model ?? entry.provider} ${daysLeft}`,
    )
    expect(ends).toEqual(expect.arrayContaining(['tts-1 46', 'gpt-4o 54', 'gpt-realtime 60', 'whisper-1 97']))
    expect(retirements(defaultCostBook, at, 40)).toEqual([])
    expect(retirements(defaultCostBook, Date.parse('2027-01-06T12:00:00Z'), 0).map(({ daysLeft }) => daysLeft)).toContain(0)
  })

  it('are read once, when they are first asked', () => {
    let reads = 0
    const book = new PriceBook({
      name: 'list-prices',
      currency: 'usd',
      read() {
        reads += 1
        return listPrices() as PriceBookData
      },
    })
    expect([book.name, reads]).toEqual(['list-prices', 0])
    book.lookUp({ service: 'gpt', provider: 'gpt-4o', at })
    book.lookUp({ service: 'gpt', provider: 'gpt-4o', at })
    expect(Object.isFrozen(book.document.versions[0]?.entries[0]?.rates[0])).toBe(true)
    expect(reads).toBe(1)
  })

  it('weigh at most 40 kilobytes, compressed, with the whole of the package', async () => {
    expect(gzipSync(await bundled(), { level: 9 }).length).toBeLessThan(40 * 1024)
  })
})

/** Everything that `import '@farebox/pricing'` brings of ours, as one file that is made small. */
async function bundled(): Promise<Uint8Array> {
  const outDir = new URL('node_modules/.cache/bundle/', folder).pathname
  await build({
    config: false,
    entry: { index: new URL('src/index.ts', folder).pathname },
    outDir,
    format: 'esm',
    platform: 'neutral',
    minify: true,
    skipNodeModulesBundle: true,
    silent: true,
  })
  return readFile(`${outDir}index.js`)
}
