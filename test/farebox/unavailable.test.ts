import { createServer } from 'node:net'
import { postgres } from '@farebox/ledger/postgres'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox } from 'farebox'
import { expect, it, onTestFinished } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

it('without its database nothing is served that costs, and operators are told', async () => {
  let calls = 0
  const failures = () => {
    calls += 1
    return undefined
  }
  const box = createFarebox({
    store: postgres({ connectionString: `postgres://nobody@127.0.0.1:${await closedPort()}/nothing` }),
    providers: [simulated({ failures })],
  })
  onTestFinished(() => box.close())
  const api = await serveApi(box, 'fbx_a_key', { adminToken: 'admin-token' })
  const answers = [
    await api.get('/readyz'),
    await api.get('/api/v1/credits'),
    await api.post('/api/v1/workflows', { workflow_name: 'work' }),
    await api.post('/api/v1/agent/a/chat', { message: 'hello' }),
    await api.as('admin-token').post('/api/v1/admin/accounts', { name: 'Ada', credits: 5 }),
  ]
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'LEDGER_UNAVAILABLE' } })
    expect(answer.headers.get('retry-after')).toBe('1')
  }
  expect((await api.get('/healthz')).status).toBe(200)
  expect((await api.get('/api/v1/prices')).status).toBe(200)
  expect(calls).toBe(0)
})

it('a Farebox that was closed refuses new work', async () => {
  const box = await openBox()
  const { accountId } = await openAccount(box)
  await box.close()
  const work = box.workflow({ accountId, name: 'late' }).chat({ messages: [{ role: 'user', content: 'hello' }] })
  await expect(work).rejects.toMatchObject({ code: 'LEDGER_CLOSED' })
})

/** A port of this machine on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 1
}
