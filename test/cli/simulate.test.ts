import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, defaultPriceBook, presets } from 'farebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseRange } from '../../packages/farebox/src/cli/parse-range.ts'
import { databaseFolder } from '../support/database-folder.ts'
import { farebox } from './run-farebox.ts'

let folder: string
let at: string[]
let spent: number
beforeAll(async () => {
  folder = databaseFolder('simulate')
  at = ['--store', join(folder, 'credits.db')]
  const box = createFarebox({
    store: sqlite({ filename: join(folder, 'credits.db') }),
    providers: [simulated()],
    configuration: presets.premiumQuality(),
  })
  await box.migrate()
  await box.ledger.openAccount({ accountId: 'ada', name: 'Ada' })
  await box.ledger.grant({ accountId: 'ada', amount: credits(1_000) })
  const workflow = box.workflow({ accountId: 'ada', name: 'lesson' })
  await workflow.chat({ messages: [{ role: 'user', content: 'Which train leaves first? '.repeat(40) }] })
  await workflow.speak({ text: 'The train to Bath leaves first. '.repeat(90) })
  await workflow.record('voice_stt', 'openai-whisper', 10, 'minutes')
  spent = (await workflow.close()).total_credits_used
  await box.close()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const simulate = (...parameters: string[]) => farebox('simulate', '--month', 'this', ...at, ...parameters)

async function json(...parameters: string[]) {
  const { lines, errors, code } = await simulate('--json', ...parameters)
  expect([errors, code]).toEqual([[], 0])
  return JSON.parse(lines.join('\n'))
}

test('simulate says what a month would have cost with another configuration, field or price book', async () => {
  const one = await json('--set', 'stt_provider=deepgram')
  expect(one).toMatchObject({
    accounts: 1,
    workflows: 1,
    calls: 3,
    credits_then: String(spent),
    difference: '-20',
    not_replayed: [],
  })
  expect(one.lines).toContainEqual({
    workflow_name: 'lesson',
    service_type: 'voice_stt',
    workflows: 1,
    calls: 1,
    credits_then: '100',
    credits_now: '80',
    difference: '-20',
    moved: [{ from_provider: 'openai-whisper', to_provider: 'deepgram', calls: 1 }],
  })
  expect(one.assumptions.join()).toContain('work that was done outside Farebox')
  const file = join(folder, 'configuration.json')
  await writeFile(file, JSON.stringify({ stt_provider: 'deepgram', tts_provider: 'openai-tts' }))
  const [preset, own] = [await json('--configuration', 'balanced', '--account', 'ada'), await json('--configuration', file)]
  expect(Number(preset.difference)).toBeLessThan(-20)
  expect(own.difference).toBe(preset.difference)
  expect(await json('--configuration', 'premiumQuality')).toMatchObject({ difference: '0' })
  const book = join(folder, 'book.json')
  await writeFile(book, JSON.stringify(defaultPriceBook.document).replaceAll('"amount":"10"', '"amount":"11"'))
  expect(await json('--prices', book, '--workflow', 'lesson')).toMatchObject({ difference: '10' })
  expect(await json('--prices', book, '--workflow', 'another')).toMatchObject({ workflows: 0, credits_then: '0' })

  const { tables, lines, code } = await simulate('--set', 'stt_provider=deepgram', 'fallback_ai_model=null')
  expect(code).toBe(0)
  expect(tables[0]).toContainEqual(
    expect.objectContaining({ service: 'voice_stt', difference: '-20', moved: 'openai-whisper → deepgram: 1' }),
  )
  expect(lines.join('\n')).toMatch(new RegExp(`${spent} credits then, ${spent - 20} now: -20 \\(-[\\d.]+ %\\)`))
  expect(await farebox('simulate', '--month', 'last', '--set', 'stt_provider=deepgram', ...at)).toMatchObject({
    code: 0,
    tables: [],
    lines: expect.arrayContaining([expect.stringContaining('0 workflows with 0 calls')]),
  })
})

test.each([
  [[], /nothing is different: give --configuration, --set or --prices/],
  [['--set', 'stt_provider'], /--set must be field=value/],
  [['--set', 'colour=red'], /colour/],
  [['--set', 'exploration=2'], /from 0 to 1/],
  [['--configuration', 'cheapest'], /--configuration must be a preset .* received cheapest/],
  [['--prices', 'no-such-file.json'], /no-such-file/],
  [['--set', 'stt_provider=deepgram', '--account', 'nobody'], /no account "nobody"/],
  [['--set', 'stt_provider=deepgram', '--from', '2026-01-01'], /either --month/],
])('simulate %j says what is wrong in one line, and leaves exit code 1', async (parameters, problem) => {
  const { code, errors } = await simulate(...parameters)
  expect(code).toBe(1)
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatch(problem)
})

test('usage can be asked for in part, and over time', async () => {
  const ask = async (...parameters: string[]) => {
    const { lines, code, errors } = await farebox('usage', 'ada', '--json', ...at, ...parameters)
    expect([errors, code]).toEqual([[], 0])
    return JSON.parse(lines.join('\n'))
  }
  expect(await ask('--service', 'voice_stt')).toMatchObject({ total_credits: 100 })
  expect(await ask('--workflow', 'another')).toMatchObject({ total_credits: 0 })
  expect(await ask('--month', 'last')).toMatchObject({ total_credits: 0 })
  expect(await ask('--by', 'service', '--service', 'voice_stt')).toMatchObject([
    { name: 'voice_stt', credits: '100', usage_count: 1 },
  ])
  expect(await ask('--granularity', 'month', '--month', 'this')).toMatchObject([{ credits: String(spent), usage_count: 3 }])
  expect((await farebox('usage', 'ada', '--key', 'abcdefgh', ...at)).errors[0]).toMatch(/no API key "abcdefgh"/)
})

test('a month is one of UTC, and times have a zone', () => {
  const now = Date.UTC(2026, 0, 15)
  expect(parseRange({ month: 'last' }, now)).toEqual({ from: Date.UTC(2025, 11, 1), to: Date.UTC(2026, 0, 1) })
  expect(parseRange({ month: '2024-02' }, now)).toEqual({ from: Date.UTC(2024, 1, 1), to: Date.UTC(2024, 2, 1) })
  expect(parseRange({ from: '2026-01-01', to: '2026-01-01T12:00+01:00' }, now)).toEqual({
    from: Date.UTC(2026, 0, 1),
    to: Date.UTC(2026, 0, 1, 11),
  })
  for (const wrong of [
    { month: '2026-13' },
    { month: '0001-01' },
    { month: '1969-12' },
    { month: '2255-01' },
    { from: 'yesterday' },
    { from: '2026-01-01T12:00' },
    { from: '2026-02-01' },
    { from: '2026-13-45' },
    { from: '2025-02-30' },
  ]) {
    expect(() => parseRange(wrong, now)).toThrow(/--(month|from)/)
  }
})
