import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, type FareboxOptions } from 'farebox'
import { expect, it } from 'vitest'
import { openAccount, openBox } from './open-box.ts'

const messages = [{ role: 'user' as const, content: 'When does the heron hunt?' }]

it.each<[string, Partial<FareboxOptions>]>([
  ['deadlines.totalMs must be milliseconds from 0, received NaN', { deadlines: { totalMs: Number.NaN } }],
  ['deadlines.firstEventMs must be milliseconds from 0, received -1', { deadlines: { firstEventMs: -1 } }],
  ['deadlines.totalMs must be at most 2147483647, received Infinity', { deadlines: { totalMs: Number.POSITIVE_INFINITY } }],
  ['liveDeadlines.finishMs must be milliseconds from 0, received NaN', { liveDeadlines: { finishMs: Number.NaN } }],
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

it('deadlines and telephone calls may last for parts of a millisecond', async () => {
  const box = await openBox({ deadlines: { totalMs: 10_000.25 } })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'work' })
  await workflow.chat({ messages })
  const call = { to: '+4930123456', instructions: { type: 'say' as const, text: 'Hello.' }, durationSecondsMax: 20.0005 }
  expect((await workflow.call(call)).durationSeconds).toBeLessThanOrEqual(20.0005)
})
