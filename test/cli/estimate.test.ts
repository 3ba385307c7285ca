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
