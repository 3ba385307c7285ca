import { simulated } from '@farebox/providers/simulated'
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
