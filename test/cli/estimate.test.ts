import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultPriceBook, presets } from 'farebox'
import { expect, onTestFinished, test } from 'vitest'
import { estimateWorkflow } from '../../packages/farebox/src/estimate-workflow.ts'
import { farebox } from './run-farebox.ts'

const planned = ['--ai-tokens', '1000', '--voice-minutes', '2']

test('says what planned work will cost, as the API does', async () => {
  const { lines, errors, code } = await farebox('estimate', ...planned, '--configuration', 'costOptimized', '--json')
  expect([errors, code]).toEqual([[], 0])
  const expected = estimateWorkflow(defaultPriceBook, presets.costOptimized(), { ai_tokens: 1_000, voice_minutes: 2 }, Date.now())
  expect(JSON.parse(lines.join('\n'))).toEqual(expected)
  expect(expected.services.map(({ provider }) => provider)).toEqual(['gpt-4o-mini', 'deepgram'])
})

test('takes fields that differ, and prints a table and a total for people', async () => {
  const { lines, tables } = await farebox(
    'estimate',
    ...planned,
    '--set',
    'stt_provider=openai-whisper',
    '--configuration',
    'costOptimized',
  )
  expect(tables.flat()).toContainEqual(
    expect.objectContaining({ service_type: 'voice_stt', provider: 'openai-whisper', credits: 20 }),
  )
  expect(lines).toEqual([expect.stringMatching(/^21 credits, from \d+ to \d+, by default@1$/)])
})

test('a condition of the configuration that always holds applies, as in the API', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'farebox-estimate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'configuration.json')
  await writeFile(file, JSON.stringify({ conditions: [{ when: {}, use: { stt_provider: 'openai-whisper' } }] }))
  const { lines, errors } = await farebox('estimate', ...planned, '--configuration', file, '--json')
  expect(errors).toEqual([])
  expect(JSON.parse(lines.join('\n')).services).toContainEqual(expect.objectContaining({ provider: 'openai-whisper' }))
})

test.each([
  [[], 'nothing is planned: give --ai-tokens, --voice-minutes, --tts-characters or --phone-minutes'],
  [['--ai-tokens', '-1'], '--ai-tokens must be a number from 0 to 999999999, received -1'],
  [['--ai-tokens', 'many'], '--ai-tokens must be a number from 0 to 999999999, received many'],
  [['--ai-tokens', '1e12'], '--ai-tokens must be a number from 0 to 999999999, received 1e12'],
  [[...planned, '--configuration', 'cheap'], '--configuration must be a preset'],
  [[...planned, '--book', '/nowhere.json'], 'there is no price book /nowhere.json'],
  [[...planned, '--book', import.meta.dirname], `price book ${import.meta.dirname} cannot be read (EISDIR)`],
])('refuses %j in one line', async (parameters, problem) => {
  const { lines, errors, code } = await farebox('estimate', ...parameters)
  expect([lines, code]).toEqual([[], 1])
  expect(errors[0]).toContain(problem)
})

test('one credit is one credit', async () => {
  const { lines } = await farebox('estimate', '--ai-tokens', '10')
  expect(lines).toEqual(['1 credit, from 1 to 1, by default@1'])
})

test('lines of less than a credit are exact, and come to the total below them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'farebox-estimate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'book.json')
  const entry = (service: string, provider: string, unit: string, amount: string) => ({
    service,
    provider,
    rates: [{ unit, amount }],
  })
  const entries = [
    ...['gpt-4o-mini', 'claude-3-haiku'].map((provider) => entry('gpt', provider, 'tokens', '0.0001')),
    ...['deepgram', 'openai-whisper'].map((provider) => entry('voice_stt', provider, 'minutes', '0.15')),
  ]
  const versions = [{ version: '1', effective_from: '2020-01-01T00:00:00Z', entries }]
  const rounding = { mode: 'up', step: '0.000001', point: 'total' }
  await writeFile(file, JSON.stringify({ name: 'fractions', currency: 'credits', rounding, versions }))
  const asked = ['estimate', ...planned, '--configuration', 'costOptimized', '--book', file]
  const { lines, tables, errors } = await farebox(...asked)
  expect(errors).toEqual([])
  expect(tables[0]).toMatchObject([
    { service_type: 'gpt', credits: '0.1', credits_low: '0.1', credits_high: '0.1' },
    { service_type: 'voice_stt', credits: '0.3', credits_low: '0.3', credits_high: expect.anything() },
  ])
  expect(lines).toEqual([expect.stringMatching(/^0\.4 credits, from 0\.4 to [\d.]+, by fractions@1$/)])
  expect(JSON.parse((await farebox(...asked, '--json')).lines.join('\n'))).toMatchObject({
    services: [
      { credits: 1, credits_exact: '0.1' },
      { credits: 1, credits_exact: '0.3' },
    ],
    total_credits: 1,
    total_credits_exact: '0.4',
  })
})
