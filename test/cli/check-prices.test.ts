import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PriceBookDocument } from '@farebox/pricing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { farebox } from './run-farebox.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farebox-prices-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function bookFile(name: string, currency: 'credits' | 'usd', amount: string): Promise<string> {
  const document: PriceBookDocument = {
    name,
    currency,
    versions: [
      {
        version: '1',
        effective_from: '2026-01-01T00:00:00Z',
        entries: [
          {
            service: 'voice_tts',
            provider: 'openai-tts',
            rates: [{ unit: 'characters', amount, per: '1000' }],
            source: 'a contract',
            confidence: 'official',
          },
        ],
      },
    ],
  }
  const file = join(folder, `${name}.json`)
  await writeFile(file, JSON.stringify(document))
  return file
}

test('prices lists every rate with its rules', async () => {
  const { code, lines } = await farebox('prices', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(lines.join('\n'))).toContainEqual({
    service: 'phone',
    provider: 'twilio',
    model: '',
    meter: '',
    price: '20',
    per: '1 minutes',
    rules: '',
  })
})

describe('prices check', () => {
  test('finds that the default book sells speech below its list price, and says what would cover it', async () => {
    const { code, lines } = await farebox('prices', 'check', '--json')
    expect(code).toBe(2)
    const { rows } = JSON.parse(lines.join('\n'))
    for (const provider of ['openai-tts', 'elevenlabs', 'cartesia']) {
      const lost = expect.objectContaining({ provider, status: 'below_cost', breakEven: expect.anything() })
      expect(rows).toContainEqual(lost)
    }
  })

  test('is content with a book that covers its costs, for people as for scripts', async () => {
    const [book, costs] = [await bookFile('prices', 'credits', '20'), await bookFile('costs', 'usd', '0.015')]
    const checked = await farebox('prices', 'check', '--book', book, '--costs', costs)
    expect(checked).toMatchObject({
      code: 0,
      lines: ['nothing found', '0 of 1 rates fail: prices@1 against costs@1, a credit at $0.001'],
    })
    expect((await farebox('prices', 'check', '--book', book, '--costs', costs, '--strict')).code).toBe(0)
    const cheaper = await farebox('prices', 'check', '--book', book, '--costs', costs, '--credit-value-usd', '0.0005')
    expect(cheaper.code).toBe(2)
    expect(cheaper.tables[0]).toMatchObject([{ status: 'below_cost', covers_at: '30 per 1000', margin: '-50%' }])
  })

  test.each([
    ['no version in force', ['--at', '1990-01-01']],
    ['--at must be a day', ['--at', 'yesterday']],
    ['--at must be a day', ['--at', '2026-02-30']],
    ['cannot be read', ['--book', '/nowhere/book.json']],
    ['creditValueUsd must be a decimal above 0', ['--credit-value-usd', '0']],
  ])('%s: one line, and exit code 1', async (problem, options) => {
    const { code, errors } = await farebox('prices', 'check', ...options)
    expect(code).toBe(1)
    expect(errors).toEqual([expect.stringContaining(problem)])
  })
})
