import { readFileSync } from 'node:fs'
import { credits, type ProviderAdapter, quantity } from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { type SimulatedCall, simulated } from '@farebox/providers/simulated'
import type { Farebox } from 'farebox'
import { describe, expect, it } from 'vitest'
import { type ApiAnswer, serveApi } from './api-client.ts'
import { openAccount, openBox, openKey, storeNames } from './open-box.ts'

const ADMIN = 'admin-token'
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const usage = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1_000, unit_type: 'tokens' }
const underOneKey = { 'idempotency-key': 'order-66' }

async function open(options: Parameters<typeof openBox>[0] = {}) {
  const box = await openBox(options)
  const account = await openAccount(box)
  const api = await serveApi(box, account.key, { adminToken: ADMIN })
  const made = async (path: string, field: string, body: unknown) =>
    `${path}/${(await api.post(path.replace(/agent$/, 'agent/create'), body)).body[field]}`
  const names: Record<string, string> = {
    account: account.accountId,
    prefix: account.prefix,
    spare: (await openKey(box, account.accountId)).prefix,
    agent: await made('/api/v1/agent', 'agent_id', {}),
    otherAgent: await made('/api/v1/agent', 'agent_id', {}),
    workflow: await made('/api/v1/workflows', 'workflow_id', { workflow_name: 'work' }),
    otherWorkflow: await made('/api/v1/workflows', 'workflow_id', { workflow_name: 'work' }),
    ...(await madeForAnother(box)),
  }
  const named = <Value>(value: Value): Value =>
    value instanceof Uint8Array
      ? value
      : JSON.parse(JSON.stringify(value).replace(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole))
  return {
    box,
    account,
    api,
    names,
    spent: async () => credits(10_000) - (await box.ledger.balance(account.accountId)).balance,
    /** Posts under one idempotency key, to a path and with a body that may name what was made above. */
    post: (path: string, body: unknown): Promise<ApiAnswer> =>
      (path.includes('/admin/') ? api.as(ADMIN) : api).post(
        named(path),
        named(body),
        body instanceof Uint8Array ? { ...underOneKey, 'content-type': 'audio/wav' } : underOneKey,
      ),
  }
}

/** Another account, with charges and grants to take back. */
async function madeForAnother({ ledger }: Farebox): Promise<Record<string, string>> {
  const { accountId } = await ledger.openAccount({ name: 'Lin' })
  const grants = [await ledger.grant({ accountId, amount: credits(20) }), await ledger.grant({ accountId, amount: credits(20) })]
  for (const usageId of ['usage', 'otherUsage']) {
    const usage = { quantity: quantity(1_000), unit: 'tokens', rated: credits(8) } as const
    await ledger.charge({ accountId, usageId, service: 'gpt', provider: 'gpt-4o', usage })
  }
  return { lin: accountId, grant: grants[1]?.grantId ?? '', otherGrant: grants[0]?.grantId ?? '' }
}

interface Post {
  path: string
  body: unknown
  /** The same request in all but one thing, by the name of that. */
  others: readonly (readonly [differs: string, body: unknown, path?: string])[]
  /** What it costs. */
  cost?: number
}

const posts: readonly Post[] = [
  {
    path: '/api/v1/admin/accounts',
    body: { name: 'Grace', credits: 10 },
    others: [
      ['name', { name: 'Ada', credits: 10 }],
      ['credits', { name: 'Grace', credits: 11 }],
      ['credits', { name: 'Grace' }],
      ['credits', { name: 'Grace', credits: 0 }],
    ],
  },
  { path: '/api/v1/admin/accounts', body: { name: 'Grace' }, others: [['credits', { name: 'Grace', credits: 10 }]] },
  {
    path: '/api/v1/admin/grants',
    body: { account_id: '{account}', credits: 5 },
    others: [
      ['credits', { account_id: '{account}', credits: 6 }],
      ['source', { account_id: '{account}', credits: 5, source: 'promo' }],
      ['expires_at', { account_id: '{account}', credits: 5, expires_at: '2099-01-01T00:00:00Z' }],
    ],
    cost: -5,
  },
  {
    path: '/api/v1/admin/refunds',
    body: { account_id: '{lin}', usage_id: 'usage', credits: '1.5', reason: 'cut' },
    others: [
      ['credits', { account_id: '{lin}', usage_id: 'usage', credits: 2, reason: 'cut' }],
      ['credits', { account_id: '{lin}', usage_id: 'usage', reason: 'cut' }],
      ['usage_id', { account_id: '{lin}', usage_id: 'otherUsage', credits: '1.5', reason: 'cut' }],
      ['reason', { account_id: '{lin}', usage_id: 'usage', credits: '1.5' }],
    ],
  },
  { path: '/api/v1/admin/refunds', body: { account_id: '{lin}', usage_id: 'usage' }, others: [] },
  {
    path: '/api/v1/admin/grants/{grant}/revoke',
    body: { account_id: '{lin}' },
    others: [
      ['grant_id', { account_id: '{lin}' }, '/api/v1/admin/grants/{otherGrant}/revoke'],
      ['path', { account_id: '{lin}' }, '/api/v1/admin/grants/{grant}/chargeback'],
    ],
  },
  {
    path: '/api/v1/admin/grants/{grant}/chargeback',
    body: { account_id: '{lin}' },
    others: [
      ['grant_id', { account_id: '{lin}' }, '/api/v1/admin/grants/{otherGrant}/chargeback'],
      ['reason', { account_id: '{lin}', reason: 'disputed' }],
    ],
  },
  {
    path: '/api/v1/admin/accounts/{lin}/freeze',
    body: {},
    others: [
      ['reason', { reason: 'disputed' }],
      ['path', {}, '/api/v1/admin/accounts/{lin}/unfreeze'],
    ],
  },
  {
    path: '/api/v1/admin/accounts/{lin}/unfreeze',
    body: { reason: 'settled' },
    others: [['path', { reason: 'settled' }, '/api/v1/admin/accounts/{lin}/freeze']],
  },
  {
    path: '/api/v1/admin/keys/{prefix}/services',
    body: { services: ['gpt'] },
    others: [['services', { services: ['gpt', 'phone'] }]],
  },
  {
    path: '/api/v1/admin/budgets',
    body: { account_id: '{account}', period: 'day', credits: 5 },
    others: [
      ['credits', { account_id: '{account}', period: 'day', credits: 6 }],
      ['mode', { account_id: '{account}', period: 'day', credits: 5, mode: 'warn' }],
    ],
  },
  {
    path: '/api/v1/agent/create',
    body: { business_logic_adapter: 'languagelearning' },
    others: [
      [
        'service_configuration',
        { business_logic_adapter: 'languagelearning', custom_settings: { service_configuration: { voice_enabled: false } } },
      ],
    ],
  },
  {
    path: '{agent}/chat',
    body: { message: 'hello' },
    others: [
      ['message', { message: 'good bye' }],
      ['complexity', { message: 'hello', complexity: 'low' }],
      ['agent_id', { message: 'hello' }, '{otherAgent}/chat'],
    ],
    cost: 1,
  },
  {
    path: '{agent}/voice',
    body: question,
    others: [
      ['audio', question.slice(0, 64_044)],
      ['agent_id', question, '{otherAgent}/voice'],
    ],
    cost: 3,
  },
  {
    path: '{agent}/call',
    body: { to: '+15551234567', message: 'hello' },
    others: [
      ['to', { to: '+15557654321', message: 'hello' }],
      ['max_minutes', { to: '+15551234567', message: 'hello', max_minutes: 2 }],
    ],
    cost: 20,
  },
  {
    path: '/api/v1/workflows',
    body: { workflow_name: 'work' },
    others: [
      ['workflow_name', { workflow_name: 'play' }],
      ['max_credits', { workflow_name: 'work', max_credits: 5 }],
      ['user_id', { workflow_name: 'work', user_id: 'grace' }],
    ],
  },
  {
    path: '{workflow}/usage',
    body: usage,
    others: [
      ['units_consumed', { ...usage, units_consumed: 999 }],
      ['provider', { ...usage, provider: 'gpt-4' }],
      ['workflow_id', usage, '{otherWorkflow}/usage'],
    ],
    cost: 8,
  },
  {
    path: '/api/v1/admin/keys/{spare}/revoke',
    body: {},
    others: [['prefix', {}, '/api/v1/admin/keys/{prefix}/revoke']],
  },
  { path: '{workflow}/close', body: {}, others: [['workflow_id', {}, '{otherWorkflow}/close']] },
]

describe('a request sent again under its idempotency key', () => {
  it.each(posts)('at $path gets the first answer, and happens once', async ({ path, body, cost = 0 }) => {
    const { box, post, spent } = await open({ providers: [simulated({ callSeconds: 60 })] })
    const first = await post(path, body)
    expect([200, 201]).toContain(first.status)
    const accounts = await box.ledger.accounts()
    const again = [await post(path, body), await post(path, body)]
    for (const { status, body } of again) expect({ status, body }).toEqual({ status: first.status, body: first.body })
    // As the OpenAPI document has it of every POST that takes a key.
    expect([first, ...again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true', 'true'])
    expect(await spent()).toBe(credits(cost))
    expect(await box.ledger.accounts()).toEqual(accounts)
  })

  const changes = posts.flatMap(({ path, body, others }) =>
    others.map(([differs, other, otherPath = path]) => ({ path, body, otherPath, other, differs })),
  )
  it.each(changes)(
    'at $path with another $differs is a conflict that names it',
    async ({ path, body, otherPath, other, differs }) => {
      const { post, spent } = await open({ providers: [simulated({ callSeconds: 60 })] })
      const first = await post(path, body)
      const before = await spent()
      const conflict = await post(otherPath, other)
      expect(conflict).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT', differs: [differs] } })
      expect(conflict.body.detail).toContain(underOneKey['idempotency-key'])
      expect(await spent()).toBe(before)
      expect((await post(path, body)).body).toEqual(first.body)
    },
  )

  it('with a recording in a form under another workflow_name is a conflict that names it', async () => {
    const { api, names } = await open()
    const ask = (workflowName: string) => {
      const form = new FormData()
      form.set('audio', new Blob([question]))
      form.set('workflow_name', workflowName)
      return api.post(`${names.agent}/voice`, form, underOneKey)
    }
    const first = await ask('lesson')
    expect(first).toMatchObject({ status: 200, body: { receipt: { workflow_name: 'lesson' } } })
    expect(await ask('exam')).toMatchObject({ status: 409, body: { differs: ['workflow_name'] } })
    expect((await ask('lesson')).body).toEqual(first.body)
  })

  it('shows the secret of an API key only once', async () => {
    const { box, account, post } = await open()
    const body = { account_id: account.accountId, name: 'server' }
    const first = await post('/api/v1/admin/keys', body)
    const again = await post('/api/v1/admin/keys', body)
    expect(first.body).toEqual({ key: expect.stringMatching(/^fbx_/), prefix: expect.any(String) })
    expect(again).toMatchObject({ status: 201 })
    expect(again.body).toEqual({ prefix: first.body.prefix })
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(await box.ledger.apiKeys(account.accountId)).toHaveLength(3)
    const other = await post('/api/v1/admin/keys', { ...body, name: 'client' })
    expect(other).toMatchObject({ status: 409, body: { differs: ['name'] } })
  })

  it('rotates an API key once, and shows its secret only once', async () => {
    const { box, account, post } = await open()
    const path = `/api/v1/admin/keys/${account.prefix}/rotate`
    const first = await post(path, { grace_seconds: 60 })
    const again = await post(path, { grace_seconds: 60 })
    const { key, ...kept } = first.body
    expect(key).toMatch(/^fbx_/)
    expect(again).toMatchObject({ status: 200, body: kept })
    expect(again.body).not.toHaveProperty('key')
    expect(await box.ledger.apiKey(account.prefix)).toMatchObject({ prefix: kept.prefix, previousPrefix: account.prefix })
    expect(await post(path, { grace_seconds: 0 })).toMatchObject({ status: 409, body: { differs: ['grace_seconds'] } })
  })

  it('whose caller was lost half-way says that it was charged and has no answer', async () => {
    const chatting = Promise.withResolvers<void>()
    const adapter = simulated()
    const waiting: ProviderAdapter = {
      ...adapter,
      chat: (_, { signal }) => {
        chatting.resolve()
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    }
    const { api, account, post, names, spent } = await open({ providers: [waiting] })
    const line = new AbortController()
    const cut = fetch(`${api.url}${names.agent}/voice`, {
      method: 'POST',
      headers: { ...underOneKey, authorization: `Bearer ${account.key}`, 'content-type': 'audio/wav' },
      body: question,
      signal: line.signal,
    })
    await chatting.promise
    line.abort()
    await expect(cut).rejects.toMatchObject({ name: 'AbortError' })
    const code = async () => (await post('{agent}/voice', question)).body.code
    await expect.poll(code).not.toBe('IDEMPOTENCY_IN_PROGRESS')
    const again = await post('{agent}/voice', question)
    expect(again).toMatchObject({ status: 409, body: { code: 'ANSWER_NOT_KEPT' } })
    expect(again.body.detail).toContain('was cut short')
    expect(await spent()).toBe(credits(1))
  })

  it('that failed with a charge which could not be refunded does not say to try again', async () => {
    const failures = ({ offer }: SimulatedCall) => (offer.service === 'gpt' ? ({ kind: 'unavailable' } as const) : undefined)
    const { box, post, spent } = await open({ providers: [simulated({ failures })] })
    const { refund } = box.ledger
    box.ledger.refund = () => Promise.reject(new LedgerUnavailableError('the database is away', { cause: undefined }))
    expect(await post('{agent}/voice', question)).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
    box.ledger.refund = refund
    const again = await post('{agent}/voice', question)
    expect(again).toMatchObject({ status: 409, body: { code: 'ANSWER_NOT_KEPT' } })
    expect(again.headers.get('retry-after')).toBeNull()
    expect(await spent()).toBe(credits(1))
  })

  it('that failed with a charge says why it failed, without a key too', async () => {
    const failures = ({ offer }: SimulatedCall) => (offer.service === 'gpt' ? ({ kind: 'unavailable' } as const) : undefined)
    const { box, api, names } = await open({ providers: [simulated({ failures })] })
    box.ledger.refund = () => Promise.reject(new LedgerUnavailableError('the database is away', { cause: undefined }))
    const answer = await api.post(`${names.agent}/voice`, question, { 'content-type': 'audio/wav' })
    expect(answer).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
  })

  it.each([
    ['/v1/chat/completions', { model: 'auto', messages: [{ role: 'user', content: 'hello' }] }],
    ['/v1/audio/speech', { model: 'auto', input: 'hello' }],
  ])('whose charge got through although the database could not say so is not made again, at %s', async (path, body) => {
    const { box, api, spent } = await open()
    const { ledger } = box
    const settleHold = ledger.settleHold.bind(ledger)
    ledger.settleHold = async (input) => {
      await settleHold(input)
      throw new LedgerUnavailableError('the connection broke', { cause: undefined })
    }
    const first = await api.post(path, body, underOneKey)
    expect(first.status).toBe(503)
    ledger.settleHold = settleHold
    const cost = await spent()
    expect(cost).toBeGreaterThan(0n)
    const again = await api.post(path, body, underOneKey)
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'answer_not_kept' } } })
    const workflowIds = [first, again].map(({ headers }) => headers.get('x-farebox-workflow-id'))
    expect(workflowIds).toEqual(Array(2).fill(expect.any(String)))
    expect(workflowIds[1]).toBe(workflowIds[0])
    expect(await spent()).toBe(cost)
  })

  it('whose answer is too long to keep was charged and has none, without a wait', async () => {
    const adapter = simulated()
    const text = 'x'.repeat(9 * 1024 * 1024)
    const chat = async (...asked: Parameters<NonNullable<ProviderAdapter['chat']>>) => {
      return { ...(await (adapter.chat as NonNullable<ProviderAdapter['chat']>)(...asked)), text }
    }
    const { post, spent } = await open({ providers: [{ ...adapter, chat }] })
    const first = await post('{agent}/chat', { message: 'hello' })
    expect([first.status, String(first.body.text).length]).toEqual([200, text.length])
    expect(await post('{agent}/chat', { message: 'hello' })).toMatchObject({ status: 409, body: { code: 'ANSWER_NOT_KEPT' } })
    expect(await spent()).toBe(credits(1))
  })

  it('that failed for want of credit is tried again', async () => {
    const { box, account, post } = await open()
    const all = { service_type: 'phone', provider: 'twilio', units_consumed: 500, unit_type: 'minutes' }
    await box.workflow({ accountId: account.accountId, name: 'spend' }).record('phone', 'twilio', 499.95, 'minutes')
    const call = { to: '+15551234567', message: 'hello' }
    expect([(await post('{agent}/call', call)).status, (await post('{workflow}/usage', all)).status]).toEqual([402, 402])
    await box.ledger.grant({ accountId: account.accountId, amount: credits(20_000) })
    expect([(await post('{agent}/call', call)).status, (await post('{workflow}/usage', all)).status]).toEqual([200, 200])
  })

  it('under another key closes and revokes what is closed and revoked, as if for the first time', async () => {
    const box = await openBox()
    const { key, prefix } = await openAccount(box)
    const api = await serveApi(box, key, { adminToken: ADMIN })
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'work' })).body
    for (const [path, client] of [
      [`/api/v1/workflows/${workflow_id}/close`, api],
      [`/api/v1/admin/keys/${prefix}/revoke`, api.as(ADMIN)],
    ] as const) {
      const first = await client.post(path)
      expect(first.status).toBe(200)
      for (const again of ['a', 'b']) {
        const { body, headers } = await client.post(path, {}, { 'idempotency-key': `${path} ${again}` })
        expect([body, headers.get('idempotency-replayed')]).toEqual([first.body, null])
      }
    }
  })

  it('is answered as before though its workflow was closed meanwhile', async () => {
    const { api, names, post, spent } = await open()
    const first = await post('{workflow}/usage', usage)
    await api.post(`${names.workflow}/close`)
    expect((await post('{workflow}/usage', usage)).body).toEqual(first.body)
    expect(await spent()).toBe(credits(8))
  })

  it('at another route is a conflict that names the path', async () => {
    const { post } = await open()
    await post('/api/v1/workflows', { workflow_name: 'work' })
    const conflict = await post('{workflow}/usage', usage)
    expect(conflict).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT', differs: ['path'] } })
  })

  it('gives no key of an account what another one was answered', async () => {
    const { api, box, account, post } = await open({ providers: [simulated()] })
    const other = api.as((await openKey(box, account.accountId, { services: [{ service: 'voice_tts' }] })).key)
    const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }
    const answer = await post('/v1/chat/completions', chat)
    expect(await other.post('/v1/chat/completions', chat, underOneKey)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('another api_key') } },
    })
    expect((await post('/v1/chat/completions', chat)).body).toEqual(answer.body)
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const asAgent = [`/api/v1/agent/${agent_id}/chat`, { message: 'hello' }, { 'idempotency-key': 'order-67' }] as const
    expect((await api.post(...asAgent)).status).toBe(200)
    expect(await other.post(...asAgent)).toMatchObject({ status: 409, body: { differs: ['api_key'] } })
    expect((await api.post(...asAgent)).headers.get('idempotency-replayed')).toBe('true')
  })

  it('that two accounts happen to name alike is two requests', async () => {
    const box = await openBox()
    const api = await serveApi(box)
    const ids = []
    for (const { key } of [await openAccount(box), await openAccount(box)]) {
      ids.push((await api.as(key).post('/api/v1/workflows', { workflow_name: 'work' }, underOneKey)).body.workflow_id)
    }
    expect(new Set(ids).size).toBe(2)
  })

  it('blocks no change that the operator makes, whatever a customer calls it', async () => {
    const box = await openBox()
    const { accountId, key } = await openAccount(box)
    const api = await serveApi(box, key)
    const under = (key: string, path: string, body: object) => api.post(path, body, { 'idempotency-key': key })
    const other = await box.ledger.grant({ accountId, amount: credits(5) })
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'work' })).body
    const record = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1, unit_type: 'tokens' }
    // A customer sees the ids of grants and workflows.
    const { grantId } = await box.ledger.grant({ accountId, amount: credits(5) })
    expect(JSON.stringify((await api.get('/api/v1/credits')).body)).toContain(grantId)
    const taken = [`chargeback:${grantId}`, `revokeGrant:${other.grantId}`, `closeWorkflow:${workflow_id}`, 'evt_1']
    for (const name of taken) expect((await under(name, '/api/v1/workflows', { workflow_name: 'work' })).status).toBe(201)
    for (const name of ['usage:u', 'grant:g']) expect((await under(name, '/api/v1/agent/create', {})).status).toBe(201)
    for (const name of ['usage:v', 'x'.repeat(180)])
      expect((await under(name, `/api/v1/workflows/${workflow_id}/usage`, record)).status).toBe(200)

    const work = { accountId, service: 'gpt', provider: 'gpt-4o' }
    const usage = { quantity: quantity(1), unit: 'tokens' as const, rated: credits(1) }
    for (const usageId of ['u', 'v'])
      expect(await box.ledger.charge({ ...work, usageId, usage })).toMatchObject({ status: 'charged' })
    await box.ledger.grant({ accountId, grantId: 'g', amount: credits(5) })
    await box.ledger.grant({ accountId, idempotencyKey: 'evt_1', amount: credits(5) })
    await box.ledger.closeWorkflow({ accountId, workflowId: String(workflow_id) })
    expect(await box.ledger.revokeGrant({ accountId, grantId: other.grantId })).toMatchObject({ status: 'revoked' })
    expect(await box.ledger.chargeback({ accountId, grantId })).toMatchObject({ replayed: false })
  })

  it.each(['', 'x'.repeat(181), 'a\tb', 'a\x85b'])('must name itself well, not by %j', async (key) => {
    const box = await openBox()
    const api = await serveApi(box, (await openAccount(box)).key)
    const answer = await api.post('/api/v1/workflows', { workflow_name: 'work' }, { 'idempotency-key': key })
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'Idempotency-Key' }] } })
  })

  it('means nothing to what only reads, even one that would be refused', async () => {
    const box = await openBox()
    const api = await serveApi(box, (await openAccount(box)).key, { adminToken: 'admin-token' })
    const paths = ['/healthz', '/readyz', '/openapi.json', '/api/v1/credits', '/v1/models']
    const answers = paths.map((path) => api.get(path, { 'idempotency-key': 'x'.repeat(181) }))
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  })
})

describe.each(storeNames)('a repeated grant, and a repeated revocation, on %s', (on) => {
  it('tell the balance that they told first, whatever was spent and granted since', async () => {
    const { box, account, api, names } = await open({ on })
    const admin = api.as(ADMIN)
    const under = (key: string, path: string, body: object) => admin.post(path, body, { 'idempotency-key': key })
    const { accountId } = account
    const grant = () => under('grant', '/api/v1/admin/grants', { account_id: accountId, credits: 5 })
    const granted = await grant()
    expect(granted).toMatchObject({ status: 201, body: { credit_balance: 10_005 } })
    const revoke = () => under('revoke', `/api/v1/admin/grants/${granted.body.grant_id}/revoke`, { account_id: accountId })
    const revoked = await revoke()
    expect(revoked).toMatchObject({ status: 200, body: { credits_revoked: '5', credit_balance: 10_000 } })
    await api.post(`${names.workflow}/usage`, usage)
    expect(await grant()).toMatchObject({ status: 201, body: granted.body })
    expect(await revoke()).toMatchObject({ status: 200, body: revoked.body })
    expect((await box.ledger.balance(accountId)).balance).toBe(credits(9_992))
  })
})

describe.each(storeNames)('twenty requests at once under one idempotency key, on %s', (on) => {
  it('charge recorded usage once', async () => {
    const { post, spent } = await open({ on })
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('{workflow}/usage', usage)))
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { credits_used: 8, credit_balance: 9_992 } })
    expect(await spent()).toBe(credits(8))
  })

  it('run an agent once: the others are told so, or to come back', async () => {
    const { box, account, post, spent } = await open({ on, providers: [simulated({ latencyMs: 5 })] })
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('{agent}/chat', { message: 'hello' })))
    const done = answers.filter(({ status }) => status === 200)
    expect(done.length).toBeGreaterThan(0)
    for (const { body } of done) expect(body).toEqual(done[0]?.body)
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    expect(await spent()).toBe(credits(1))
    expect((await box.usage({ accountId: account.accountId })).workflow_breakdown.chat?.count).toBe(1)
    expect((await post('{agent}/chat', { message: 'hello' })).body).toEqual(done[0]?.body)
  })

  it('open one account', async () => {
    const { box, post } = await open({ on })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post('/api/v1/admin/accounts', { name: 'Grace', credits: 7 })),
    )
    expect(new Set(answers.map(({ body }) => String(body.account_id))).size).toBe(1)
    expect((await box.ledger.balance(String(answers[0]?.body.account_id))).balance).toBe(credits(7))
  })
})

describe('a workflow that a host opens again under its idempotency key', () => {
  const ask = { messages: [{ role: 'user' as const, content: 'When do you open?' }] }

  it('is the same one, with one receipt and one reserve', async () => {
    const { box, account, spent } = await open()
    const { accountId } = account
    const options = { accountId, name: 'order', idempotencyKey: 'order-66', reserve: credits(20) }
    await box.workflow(options).chat(ask)
    const again = box.workflow(options)
    await again.record('phone', 'twilio', 1, 'minutes')
    expect((await again.receipt()).services_used.map(({ service_type }) => service_type)).toEqual(['gpt', 'phone'])
    expect(await box.ledger.openWorkflow({ ...options })).toMatchObject({ workflowId: again.id, replayed: true })
    await again.close()
    expect(await spent()).toBe(credits(21))
    expect(await box.ledger.balance(accountId)).toMatchObject({ held: 0n })
  })

  it('with another ceiling is a conflict that names it, and so names nothing that nobody gave', async () => {
    const { box, account } = await open()
    const options = { accountId: account.accountId, name: 'order', idempotencyKey: 'order-66' }
    await box.workflow(options).chat(ask)
    await expect(box.workflow({ ...options, maxCredits: credits(5) }).chat(ask)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      differs: ['maxCredits'],
    })
  })

  it('belongs to one account, whoever else names theirs alike', async () => {
    const { box, account } = await open()
    const [one, other] = [account, await openAccount(box)].map(({ accountId }) =>
      box.workflow({ accountId, name: 'order', idempotencyKey: 'order-66' }),
    )
    expect(one?.id).not.toBe(other?.id)
  })
})
