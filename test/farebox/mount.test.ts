import { credits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { presets, type Receipt, type Workflow } from 'farebox'
import { describe, expect, it } from 'vitest'
import { apiClient } from './api-client.ts'
import { type Handler, hosts } from './hosts.ts'
import { openAccount, openBox } from './open-box.ts'
import { openLoopback, sdks } from './parties.ts'

const answer: Handler = async (workflow, { message }) => {
  const { text, provider } = await workflow.chat({ messages: [{ role: 'user', content: String(message) }] })
  return { text, provider, receipt: await workflow.receipt() }
}

const stream: Handler = async (workflow, { message }) => {
  const { events } = await workflow.streamChat({ messages: [{ role: 'user', content: String(message) }] })
  return (async function* () {
    for await (const event of events) if (event.type === 'text') yield event.text
  })()
}

const mount = { workflow: 'ask' }

describe.each(hosts)('a workflow mounted in $name', ({ serveHandler }) => {
  it('is paid by the key of its request, and closed with its response', async () => {
    const box = await openBox()
    const account = await openAccount(box, { userId: 'grace' })
    const api = apiClient((await serveHandler(box, mount, answer)).url, account.key)
    const { status, body } = await api.post('/ai/ask', { message: 'What is a farebox?' })
    expect(status).toBe(200)
    expect(body.text).toContain('What is a farebox?')
    const receipt = body.receipt as unknown as Receipt
    expect(receipt).toMatchObject({ workflow_name: 'ask', total_credits_used: 1, services_used: [{ provider: 'gpt-4o-mini' }] })
    await expect
      .poll(async () => (await box.ledger.workflow(account.accountId, receipt.workflow_id)).state, { interval: 5 })
      .toBe('closed')
    const { apiKeyId, userId, spent } = await box.ledger.workflow(account.accountId, receipt.workflow_id)
    expect({ apiKeyId, userId, spent }).toEqual({ apiKeyId: account.apiKeyId, userId: 'grace', spent: credits(1) })
  })

  it.each([
    ['no messages', undefined, 'messages'],
    ['a text for messages', 'Hello', 'messages'],
    ['a role that there is not', [{ role: 'boss', content: 'Hello' }], 'messages.0.role'],
    ['a number for a content', [{ role: 'user', content: 5 }], 'messages.0.content'],
    ['nothing for a content', [{ role: 'user' }], 'messages.0.content'],
  ])('refuses by name %s that its caller sent, and charges nothing', async (_, messages, field) => {
    const box = await openBox()
    const account = await openAccount(box)
    const handOn: Handler = async (workflow, body) => ({ text: (await workflow.chat({ messages: body.messages as never })).text })
    const refused = await apiClient((await serveHandler(box, mount, handOn)).url, account.key).post('/ai/ask', { messages })
    expect(refused).toMatchObject({ status: 422, body: { code: 'INVALID_INPUT', errors: [{ field }] } })
    expect(await box.ledger.balance(account.accountId)).toMatchObject({ balance: credits(10_000), held: 0n })
  })

  it('writes nothing down for a request that uses no service', async () => {
    const box = await openBox()
    const account = await openAccount(box)
    const api = apiClient((await serveHandler(box, mount, async () => ({ text: 'from a cache' }))).url, account.key)
    expect(await api.post('/ai/ask', {})).toMatchObject({ status: 200, body: { text: 'from a cache' } })
    expect((await box.usage({ accountId: account.accountId })).workflow_breakdown).toEqual({})
  })

  it.each([
    ['nothing', undefined],
    ['a key that does not exist', 'fbx_wrong'],
    ['far too long a key', 'x'.repeat(600)],
  ])('is refused to whoever presents %s', async (_, key) => {
    const box = await openBox()
    let calls = 0
    const handler: Handler = async () => ({ calls: ++calls })
    const refused = await apiClient((await serveHandler(box, mount, handler)).url, key).post('/ai/ask', {})
    expect(refused).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED', status: 401, title: 'No or bad API key' } })
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.headers.get('www-authenticate')).toBe('Bearer')
    expect(calls).toBe(0)
  })

  it('turns what its handler throws into problem documents', async () => {
    const box = await openBox({ providers: [simulated({ failures: () => ({ kind: 'malformed' }) })] })
    const poor = await openAccount(box, { balance: credits(1) })
    const rich = await openAccount(box)
    const api = apiClient((await serveHandler(box, mount, answer)).url, poor.key)
    const refused = await api.post('/ai/ask', { message: 'hello' })
    expect(refused).toMatchObject({ status: 402, body: { code: 'INSUFFICIENT_CREDITS', needed: '2', available: '1' } })
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    const failed = await api.as(rich.key).post('/ai/ask', { message: 'hello' })
    expect(failed).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
    expect(failed.headers.get('retry-after')).toBe('1')
    expect(JSON.stringify(failed.body)).not.toContain('on request')
  })

  it('may cost no more than the mount allows', async () => {
    const box = await openBox()
    const account = await openAccount(box)
    const url = (await serveHandler(box, { ...mount, maxCredits: credits(1) }, answer)).url
    const refused = await apiClient(url, account.key).post('/ai/ask', { message: 'hello' })
    expect(refused).toMatchObject({ status: 402, body: { code: 'WORKFLOW_CEILING', needed: '2', available: '1' } })
  })

  it('passes an answer on as it comes', async () => {
    const box = await openBox()
    const account = await openAccount(box)
    const api = apiClient((await serveHandler(box, mount, stream)).url, account.key)
    expect(await api.post('/ai/ask', { message: 'Tell me a story' })).toMatchObject({
      status: 200,
      body: expect.stringContaining('Tell me a story'),
    })
    await expect.poll(() => balanceOf(box, account.accountId), { interval: 5 }).toBe(credits(9_999))
  })

  it('stops the provider when its client leaves, and charges what was produced', async () => {
    const text = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')
    const server = await openLoopback({ chat: () => ({ text, promptTokens: 2_000, completionTokens: 500 }) })
    server.fail({ type: 'stall', after: 10 })
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o' })
    const box = await openBox({ providers: sdks.slice(0, 1).map(({ adapter }) => adapter(server)), configuration })
    const account = await openAccount(box)
    const workflows: Workflow[] = []
    const { url } = await serveHandler(box, mount, (workflow, body) => {
      workflows.push(workflow)
      return stream(workflow, body)
    })
    const client = new AbortController()
    const response = await fetch(`${url}/ai/ask`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'Tell me a story' }),
      signal: client.signal,
    })
    await response.body?.getReader().read()
    client.abort()
    expect(await server.requests[0]?.abandoned).toBe(true)
    await expect.poll(() => balanceOf(box, account.accountId), { interval: 5 }).toBe(credits(9_999))
    const records = await box.ledger.usageOf(account.accountId, workflows[0]?.id ?? '')
    expect(records).toMatchObject([{ provider: 'gpt-4o', certainty: 'floor', details: { attempts: [{ outcome: 'left' }] } }])
  })
})

describe.each(hosts.slice(0, 2))('a client of $name that leaves while its key is looked up', ({ serveHandler }) => {
  it('starts no work', async () => {
    const box = await openBox()
    const account = await openAccount(box)
    const lookup = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const authenticate = box.authenticate.bind(box)
    box.authenticate = async (secret) => {
      asked.resolve()
      await lookup.promise
      return authenticate(secret)
    }
    let calls = 0
    const { url } = await serveHandler(box, mount, async () => ({ calls: ++calls }))
    const client = new AbortController()
    const left = fetch(`${url}/ai/ask`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}` },
      signal: client.signal,
    })
    await asked.promise
    client.abort()
    await expect(left).rejects.toThrow()
    // When a later request is answered, the server has seen the earlier client go.
    await apiClient(url, account.key).get('/nothing')
    lookup.resolve()
    expect((await apiClient(url, account.key).post('/ai/ask', {})).body).toEqual({ calls: 1 })
  })
})

it.each(hosts.slice(0, 1))(
  'a client of $name that leaves before the first call leaves nothing open or held',
  async ({ serveHandler }) => {
    const box = await openBox()
    const account = await openAccount(box)
    const asked = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const failed = Promise.withResolvers<unknown>()
    const slow: Handler = async (workflow) => {
      asked.resolve()
      await left.promise
      const call = workflow.chat({ messages: [{ role: 'user', content: 'hello' }] })
      call.then(failed.resolve, failed.resolve)
      return { text: (await call).text }
    }
    const { url } = await serveHandler(box, { ...mount, reserve: credits(100) }, slow)
    const client = new AbortController()
    const headers = { authorization: `Bearer ${account.key}` }
    const asking = fetch(`${url}/ai/ask`, { method: 'POST', headers, signal: client.signal })
    await asked.promise
    client.abort()
    await expect(asking).rejects.toThrow()
    // When a later request is answered, the server has seen the earlier client go.
    await apiClient(url, account.key).get('/nothing')
    left.resolve()
    expect(await failed.promise).toMatchObject({ code: 'CALLER_LEFT' })
    expect((await box.ledger.balance(account.accountId)).held).toBe(0n)
    expect((await box.ledger.workflows({ accountId: account.accountId, state: 'open' })).workflows).toEqual([])
  },
)

it.each(hosts.slice(0, 2))('a handler of $name that begins after its response has ended is told so', async ({ serveHandler }) => {
  const box = await openBox()
  const { accountId, key } = await openAccount(box)
  const workflows: Workflow[] = []
  const { url } = await serveHandler(box, { ...mount, reserve: credits(100) }, async (workflow) => {
    workflows.push(workflow)
    return { text: 'I shall see to it.' }
  })
  const api = apiClient(url, key)
  expect((await api.post('/ai/ask', {})).status).toBe(200)
  // When a later request is answered, the server has seen the earlier response end.
  await api.get('/nothing')
  const [workflow] = workflows
  const closed = { code: 'WORKFLOW_CLOSED' }
  await expect(workflow?.chat({ messages: [{ role: 'user', content: 'hello' }] })).rejects.toMatchObject(closed)
  await expect(workflow?.record('gpt', 'gpt-4o', 1, 'tokens')).rejects.toMatchObject(closed)
  expect(await box.ledger.workflows({ accountId })).toMatchObject({ workflows: [] })
  expect((await box.ledger.balance(accountId)).held).toBe(0n)
})

async function balanceOf(box: Awaited<ReturnType<typeof openBox>>, accountId: string): Promise<bigint> {
  return (await box.ledger.balance(accountId)).balance
}
