import { presets, type ServiceConfiguration } from '@farebox/router'
import { expect, it } from 'vitest'
import { changesFor, wholeChanges } from './configuration-changes.ts'
import type { CallReplay } from './replay-call.ts'

const required = {
  dataRegion: 'eu',
  serviceLevels: ['hipaa'],
  qualityMin: 0.7,
  latencyMsMax: 900,
  voiceEnabled: false,
  phoneEnabled: false,
  visionEnabled: false,
  conditions: [{ when: { tier: 'free' }, use: { primaryAiModel: 'gpt-4o' } }],
} satisfies Partial<ServiceConfiguration>

it('a preset that is recommended keeps what a configuration requires of region, quality and speed, and what it has switched off', () => {
  const then = presets.premiumQuality(required)
  for (const { wire, configure } of wholeChanges) expect(configure(then), JSON.stringify(wire)).toMatchObject(required)
})

it('a provider that is recommended for one service leaves the fallbacks of the others', () => {
  const replay = { standIns: () => [{ offer: { provider: 'small', quality: 0.5 } }] } as unknown as CallReplay
  const [change] = changesFor({ service: 'embedding' } as never, replay)
  const then = presets.balanced({ fallbackProviders: { realtime: ['openai'], embedding: ['large'] } })
  expect(change?.configure(then).fallbackProviders).toEqual({ realtime: ['openai'], embedding: ['small'] })
})
