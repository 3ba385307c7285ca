import { type SimulatedCall, simulated } from '@farebox/providers/simulated'
import type { ProvidersFailedError } from 'farebox'
import { expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

it('when every provider is at its limit of requests, the answer is 429 and says how long to wait', async () => {
  const failures = () => ({ kind: 'rate_limited', status: 429, retryAfterMs: 20_000 }) as const
  const box = await openBox({ providers: [simulated({ failures })], deadlines: { totalMs: 2_000 } })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const busy = await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello?' })
  expect(busy).toMatchObject({ status: 429, body: { code: 'PROVIDERS_BUSY', retry_after: 20 } })
  expect(busy.headers.get('retry-after')).toBe('20')
})

it.each([
  ['a day or years ask for five minutes', { 'gpt-4o': 86_400_000, others: Date.UTC(2099, 0, 1) }, 300],
  ['several times ask for the shortest', { 'gpt-4o': 86_400_000, others: 40_000 }, 40],
  ['one that asks for no time may be asked again at once', { 'gpt-4o': 86_400_000, others: undefined }, 1],
])('providers whose limits last for %s', async (_, waits, seconds) => {
  const failures = ({ offer }: SimulatedCall) =>
    ({ kind: 'rate_limited', status: 429, retryAfterMs: offer.provider === 'gpt-4o' ? waits['gpt-4o'] : waits.others }) as const
  const box = await openBox({ providers: [simulated({ failures })], deadlines: { totalMs: 2_000 } })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  const busy = await api.post('/v1/chat/completions', { model: 'auto', messages: [{ role: 'user', content: 'Hello?' }] })
  expect(busy.status).toBe(429)
  expect(busy.headers.get('retry-after')).toBe(String(seconds))
  const workflow = await box.workflowOf(account.key, { name: 'work' })
  const again = workflow.chat({ messages: [{ role: 'user', content: 'Hello?' }] })
  await expect(again).rejects.toMatchObject({ code: 'PROVIDERS_BUSY' })
  const { retryAfterMs } = (await again.catch((error: unknown) => error)) as ProvidersFailedError
  expect(retryAfterMs).toBeLessThanOrEqual(300_000)
})
