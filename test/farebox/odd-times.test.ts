import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, credits, type FareboxOptions, PriceBook, presets } from 'farebox'
import { expect, it } from 'vitest'
import { openAccount, openBox } from './open-box.ts'

const messages = [{ role: 'user' as const, content: 'When does the heron hunt?' }]

it.each<[string, Partial<FareboxOptions>]>([
  ['deadlines.totalMs must be milliseconds from 0, received NaN', { deadlines: { totalMs: Number.NaN } }],
  ['deadlines.firstEventMs must be milliseconds from 0, received -1', { deadlines: { firstEventMs: -1 } }],
  ['deadlines.totalMs must be at most 2147483647, received Infinity', { deadlines: { totalMs: Number.POSITIVE_INFINITY } }],
  ['liveDeadlines.finishMs must be milliseconds from 0, received NaN', { liveDeadlines: { finishMs: Number.NaN } }],
  ['hedge.afterMs must be milliseconds from 0, or p95, received NaN', { hedge: { afterMs: Number.NaN } }],
  ['retries.backoffMs must be milliseconds from 0, received -5', { retries: { backoffMs: -5 } }],
  ['retries.triesMax must be at least 1, received NaN', { retries: { triesMax: Number.NaN } }],
])('a Farebox is not made with times that no call could keep to: %s', (message, options) => {
  const store = sqlite({ filename: ':memory:' })
  expect(() => createFarebox({ store, providers: [simulated()], ...options })).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message }),
  )
})

it('a call of which the time is over before anybody is asked was too late, and nobody was busy', async () => {
  const box = await openBox({ deadlines: { totalMs: 0 } })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'work' })
  await expect(workflow.chat({ messages })).rejects.toMatchObject({ code: 'PROVIDER_TIMEOUT', attempts: [] })
})

it('a telephone call is as long as can be paid for at the provider that the metadata of its workflow choose', async () => {
  const entries = ['twilio', 'other'].map((provider, place) => ({
    service: 'phone',
    provider,
    rates: [{ unit: 'minutes' as const, amount: place === 0 ? '20' : '1' }],
  }))
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
  const offer = { service: 'phone', capabilities: {}, quality: 0.9, latencyMs: 100 }
  const offers = ['twilio', 'other'].map((name) => ({ ...offer, provider: name, model: name }))
  const box = await openBox({
    providers: [simulated({ offers })],
    prices: new PriceBook({ name: 'calls', currency: 'credits', versions }),
    configuration: presets.balanced({
      lastResort: false,
      conditions: [{ when: { tier: 'pro' }, use: { phoneProvider: 'other' } }],
    }),
  })
  const { accountId } = await openAccount(box, { balance: credits(5) })
  const workflow = box.workflow({ accountId, name: 'work', metadata: { tier: 'pro' } })
  const call = {
    to: '+4930123456',
    instructions: { type: 'say' as const, text: 'Hello. '.repeat(2_000) },
    durationSecondsMax: 600,
  }
  expect(await workflow.call(call)).toMatchObject({ provider: 'other', durationSeconds: 300, creditsUsed: credits(5) })
})

it('deadlines and telephone calls may last for parts of a millisecond', async () => {
  const box = await openBox({ deadlines: { totalMs: 10_000.25 } })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'work' })
  await workflow.chat({ messages })
  const call = { to: '+4930123456', instructions: { type: 'say' as const, text: 'Hello.' }, durationSecondsMax: 20.0005 }
  expect((await workflow.call(call)).durationSeconds).toBeLessThanOrEqual(20.0005)
})
