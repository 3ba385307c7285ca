import type { DecisionRecord } from '@farebox/router'
import { expect, it } from 'vitest'
import { decisionJson } from './decision-json.ts'

const candidate = { provider: 'gpt-4o', model: 'gpt-4o', adapter: 'simulated', charge: '3', ceiling: '9', cost: '3035000' }
const decision = {
  version: 1,
  service: 'gpt',
  operation: 'chat',
  outcome: 'planned',
  affordable: '50',
  request: { expected: ['16 tokens input'], most: ['38 tokens input'] },
  configuration: { digest: '971fabbee26e770b', differs: {} },
  candidates: [{ ...candidate, latencyMs: 600, quality: 0.86, score: 0.5, position: 2, why: 'configured first' }],
  rejected: [
    {
      provider: 'gpt-4',
      model: 'gpt-4',
      adapter: 'openai',
      reason: 'provider_disabled',
      detail: 'no API key: set OPENAI_API_KEY',
    },
    { provider: 'gpt-5', model: 'gpt-5', adapter: 'openai', reason: 'excluded', detail: 'the caller excluded it' },
  ],
} as const satisfies DecisionRecord

it('tells a customer neither what providers charge nor how the host is set up', () => {
  const [own, hosts] = [false, true].map((isHost) => decisionJson({ usageId: 'u', provider: 'gpt-4o', decision }, { isHost }))
  expect(own?.rejected.map(({ detail }) => detail)).toEqual(['it is switched off', 'the caller excluded it'])
  expect(own?.candidates[0]).not.toHaveProperty('cost_usd')
  expect(hosts?.rejected[0]?.detail).toBe('no API key: set OPENAI_API_KEY')
  expect(hosts?.candidates[0]?.cost_usd).toBe('0.003035')
})
