import { readFileSync } from 'node:fs'
import { credits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { type ApiClient, apiClient } from './api-client.ts'
import { OWN_PAGE, routeHosts } from './hosts.ts'
import { openAccount, openBox } from './open-box.ts'
import { openLoopback, sdks } from './parties.ts'

const ADMIN = 'admin-token'
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))

describe.each(routeHosts)('the API in $name', ({ serveRoutes }) => {
  async function open(options: Parameters<typeof openBox>[0] = {}) {
    const box = await openBox(options)
    const { url } = await serveRoutes(box, { adminToken: ADMIN })
    return { box, api: apiClient(url, undefined), admin: apiClient(url, ADMIN) }
  }

  it('opens an account, fills it, gives it keys and limits, and takes them away', async () => {
    const { box, api, admin } = await open()
    const opened = await admin.post('/api/v1/admin/accounts', { name: 'Ada', credits: 6_000 })
    expect(opened).toMatchObject({ status: 201, body: { account_id: expect.any(String) } })
    const { account_id } = opened.body
    const granted = await admin.post('/api/v1/admin/grants', {
      account_id,
      credits: '100.5',
      source: 'promo',
      priority: 1,
      expires_at: '2099-01-01T00:00:00Z',
      services: ['gpt'],
    })
    expect(granted).toMatchObject({ status: 201, body: { grant_id: expect.any(String), credit_balance: 6_100 } })

    const made = await admin.post('/api/v1/admin/keys', { account_id, name: 'server', services: ['gpt'] })
    expect(made).toMatchObject({ status: 201, body: { key: expect.stringMatching(/^fbx_/) } })
    const { key, prefix } = made.body
    const own = api.as(String(key))
    expect((await own.get('/api/v1/credits')).body).toStrictEqual({
      credit_balance: 6_100,
      credit_balance_exact: '6100.5',
      held: 0,
      available: 6_100,
      available_exact: '6100.5',
      grants: [
        expect.objectContaining({ source: 'promo', priority: 1, credits: 100, remaining: 100, services: ['gpt'] }),
        expect.objectContaining({ source: 'purchase', credits: 6_000, remaining: 6_000, expires_at: null, services: null }),
      ],
    })

    const limited = { service_type: 'phone', provider: 'twilio', cost_limit_per_request: 200 }
    expect(await admin.post(`/api/v1/admin/keys/${prefix}/services`, { services: ['gpt', limited] })).toMatchObject({
      status: 200,
      body: {
        prefix,
        services: [
          { service_type: 'gpt', provider: null, enabled: true, cost_limit_per_request: null },
          { ...limited, enabled: true },
        ],
      },
    })
    const half = { service_type: 'sms', cost_limit_per_request: '0.5' }
    expect(await admin.post(`/api/v1/admin/keys/${prefix}/services`, { services: ['gpt', half] })).toMatchObject({
      body: {
        services: expect.arrayContaining([
          expect.objectContaining({ ...half, cost_limit_per_request: 0, cost_limit_per_request_exact: '0.5' }),
        ]),
      },
    })
    expect(await admin.post('/api/v1/admin/budgets', { account_id, period: 'total', credits: 1 })).toMatchObject({
      status: 201,
      body: { budget_id: expect.any(String) },
    })
    await admin.post('/api/v1/admin/budgets', { account_id, period: 'day', credits: '2.5', mode: 'warn' })
    const { budgets } = (await own.get('/api/v1/budgets')).body as unknown as { budgets: { period: string }[] }
    expect(budgets.find(({ period }) => period === 'day')).toMatchObject({
      limit: 2,
      limit_exact: '2.5',
      used: 0,
      used_exact: '0',
    })
    const daily = {
      account_id,
      period: 'day',
      credits: 3,
      time_zone: 'Europe/Berlin',
      alerts_at_percent: [50],
      service_type: 'sms',
    }
    const { budget_id } = (await admin.post('/api/v1/admin/budgets', daily)).body
    const [ofDay] = (await box.ledger.budgets(String(account_id))).filter(({ budgetId }) => budgetId === String(budget_id))
    expect(ofDay).toMatchObject({ timeZone: 'Europe/Berlin', alertsAtPercent: [50] })
    const { agent_id } = (await own.post('/api/v1/agent/create', {})).body
    const over = await own.post(`/api/v1/agent/${agent_id}/chat`, { message: 'hello' })
    expect(over).toMatchObject({ status: 402, body: { code: 'BUDGET_EXCEEDED', needed: '2', available: '1' } })

    expect(await admin.post(`/api/v1/admin/keys/${prefix}/revoke`)).toMatchObject({
      status: 200,
      body: { prefix, revoked: true },
    })
    expect((await own.get('/api/v1/credits')).status).toBe(401)
    expect((await box.ledger.balance(String(account_id))).balance).toBe(credits('6100.5'))
  })

  it('gives credits back, takes grants back and freezes accounts', async () => {
    const { box, api, admin } = await open()
    const { accountId: account_id, key } = await openAccount(box)
    const own = api.as(key)
    const opened = (await own.post('/api/v1/workflows', { workflow_name: 'lesson' })).body
    const usage = { service_type: 'gpt', provider: 'gpt-4', units_consumed: 2_000, unit_type: 'tokens' }
    await own.post(`/api/v1/workflows/${opened.workflow_id}/usage`, usage)
    const { charges } = (await admin.get(`/api/v1/workflows/${opened.workflow_id}?account_id=${account_id}`)).body
    const refund = { account_id, usage_id: charges?.[0]?.usage_id, credits: '0.5' }
    expect(await admin.post('/api/v1/admin/refunds', refund)).toMatchObject({
      status: 201,
      body: { credits_refunded: '0.5', credits_refundable: '49.5', credit_balance: 9_950 },
    })
    const { grant_id } = (await admin.post('/api/v1/admin/grants', { account_id, credits: 5 })).body
    expect(await admin.post(`/api/v1/admin/grants/${grant_id}/revoke`, { account_id })).toMatchObject({
      status: 200,
      body: { grant_id, credits_revoked: '5', credit_balance: 9_950 },
    })
    expect(await admin.post(`/api/v1/admin/accounts/${account_id}/freeze`, {})).toMatchObject({ body: { frozen: true } })
    expect(await own.post(`/api/v1/workflows/${opened.workflow_id}/usage`, usage)).toMatchObject({ status: 403 })
    expect(await admin.post(`/api/v1/admin/accounts/${account_id}/unfreeze`, {})).toMatchObject({ body: { frozen: false } })
  })

  it('makes agents that chat, hear, speak and call', async () => {
    const { box, api } = await open({ providers: [simulated({ callSeconds: 300 })] })
    const account = await openAccount(box)
    const own = api.as(account.key)
    const created = await own.post('/api/v1/agent/create', {
      business_logic_adapter: 'emergencyservices',
      custom_settings: { service_configuration: { primary_ai_model: 'gpt-4o-mini' } },
    })
    expect(created).toMatchObject({
      status: 201,
      body: {
        agent_id: expect.any(String),
        service_configuration: { primary_ai_model: 'gpt-4o-mini', tts_provider: 'openai-tts', max_credits_per_request: null },
      },
    })
    const agent = `/api/v1/agent/${created.body.agent_id}`
    const form = new FormData()
    form.set('audio', new Blob([question]))
    form.set('workflow_name', 'letter')
    const answers = [
      await own.post(`${agent}/chat`, { message: 'hello' }),
      await own.post(`${agent}/chat`, { messages: [{ role: 'user', content: 'hello' }], workflow_name: 'triage' }),
      await own.post(`${agent}/voice`, question, { 'content-type': 'audio/wav' }),
      await own.post(`${agent}/voice`, form),
      await own.post(`${agent}/call`, { to: '+15551234567', message: 'Help is on its way.' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const receipts = answers.map(({ body }) => body.receipt)
    expect(receipts.map((receipt) => receipt?.workflow_name)).toEqual(['chat', 'triage', 'voice_chat', 'letter', 'phone_call'])
    expect(answers[0]?.body.text).toContain('hello')
    expect(answers[4]?.body).toMatchObject({ status: 'completed', duration_seconds: 300, receipt: { total_credits_used: 100 } })
    const spent = receipts.reduce((sum, receipt) => sum + Number(receipt?.total_credits_used), 0)
    expect((await own.get('/api/v1/credits')).body.credit_balance).toBe(10_000 - spent)
  })

  it('sets credits aside for work that happens elsewhere, and gives back what it did not need', async () => {
    const { box, api } = await open()
    const account = await openAccount(box)
    const own = api.as(account.key)
    const asked = { workflow_name: 'call', business_adapter: 'a label of their own', reserve_credits: 9_000 }
    const { body } = await own.post('/api/v1/workflows', asked)
    expect((await own.get('/api/v1/credits')).body).toMatchObject({ credit_balance: 10_000, held: 9_000, available: 1_000 })
    expect(await own.post('/api/v1/workflows', asked)).toMatchObject({ status: 402, body: { available: '1000', needed: '9000' } })
    const usage = { service_type: 'phone', provider: 'twilio', units_consumed: 100, unit_type: 'minutes' }
    await own.post(`/api/v1/workflows/${body.workflow_id}/usage`, usage)
    expect((await own.get('/api/v1/credits')).body).toMatchObject({ credit_balance: 8_000, held: 7_000, available: 1_000 })
    await own.post(`/api/v1/workflows/${body.workflow_id}/close`, {})
    expect((await own.get('/api/v1/credits')).body).toMatchObject({ held: 0, available: 8_000 })
    expect(await own.post('/api/v1/workflows', { ...asked, max_credits: 5 })).toMatchObject({ status: 422 })
  })

  it('tracks work that happens elsewhere, and shows where it went', async () => {
    const { box, api } = await open({ configuration: presets.premiumQuality() })
    const account = await openAccount(box)
    const own = api.as(account.key)
    const opened = await own.post('/api/v1/workflows', {
      workflow_name: 'lesson',
      business_adapter: 'languagelearning',
      max_credits: 60,
    })
    const workflow = `/api/v1/workflows/${opened.body.workflow_id}`
    const used = { service_type: 'gpt', provider: 'gpt-4', units_consumed: 2_000, unit_type: 'tokens' }
    expect((await own.post(`${workflow}/usage`, used)).body).toEqual({ credits_used: 50, credit_balance: 9_950 })
    const over = await own.post(`${workflow}/usage`, used)
    expect(over).toMatchObject({ status: 402, body: { code: 'WORKFLOW_CEILING', needed: '50', available: '10' } })
    expect((await own.get(workflow)).body).toMatchObject({ workflow_name: 'lesson', total_credits_used: 50 })
    expect((await own.post(`${workflow}/close`, {})).body).toMatchObject({ total_credits_used: 50 })
    expect(await own.post(`${workflow}/usage`, used)).toMatchObject({ status: 409, body: { code: 'WORKFLOW_CLOSED' } })

    expect((await own.get('/api/v1/usage')).body).toMatchObject({
      workflow_breakdown: { lesson: { count: 1, total_credits: 50 } },
    })
    expect((await own.get(`/api/v1/usage/keys/${account.prefix}`)).body).toMatchObject({ total_credits: 50 })
    expect((await own.get('/api/v1/usage/recommendations')).body).toMatchObject({
      recommendations: [{ from_provider: 'gpt-4', to_provider: expect.stringMatching(/mini|haiku/), credits_saved: 48 }],
    })
    const plan = { ai_tokens: 1_000, service_configuration: { primary_ai_model: 'gpt-4o' } }
    expect((await own.post('/api/v1/estimate', plan)).body).toMatchObject({ total_credits: 8 })
    const entries = await readStatement(own)
    expect(entries.map(({ type, change }) => `${type} ${change}`)).toEqual(expect.arrayContaining(['charge -50', 'grant 10000']))
    expect(entries[0]?.balance).toBe('9950')
  })

  it('stops the provider when a client leaves, and charges nothing for an answer that did not come', async () => {
    const server = await openLoopback()
    const silence = server.fail({ type: 'silence' })
    const { box, api } = await open({ providers: sdks.slice(0, 1).map(({ adapter }) => adapter(server)) })
    const account = await openAccount(box)
    const { agent_id } = (await api.as(account.key).post('/api/v1/agent/create', {})).body
    const client = new AbortController()
    const left = fetch(`${api.url}/api/v1/agent/${agent_id}/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'hello' }),
      signal: client.signal,
    })
    await silence.struck
    client.abort()
    await expect(left).rejects.toThrow()
    expect(await server.requests[0]?.abandoned).toBe(true)
    await expect.poll(async () => (await box.ledger.balance(account.accountId)).held, { interval: 5 }).toBe(0n)
    expect((await box.ledger.balance(account.accountId)).balance).toBe(credits(10_000))
  })

  it('tells operators and programs about itself', async () => {
    const { api } = await open()
    expect(await api.get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect((await api.get('/readyz')).body).toMatchObject({
      status: 'ok',
      providers: [{ name: 'simulated', simulated: true, status: 'ready' }],
    })
    expect((await api.get('/api/v1/prices')).body).toMatchObject({
      prices: expect.arrayContaining([
        { service_type: 'phone', provider: 'twilio', credits: '20', per: '1', unit_type: 'minutes' },
        { service_type: 'gpt', provider: 'gpt-4o-mini', credits: '1', per: '1000', unit_type: 'tokens' },
      ]),
    })
    const { body: document } = await api.get('/openapi.json')
    expect(document).toMatchObject({
      openapi: '3.1.0',
      paths: {
        '/api/v1/agent/{id}/voice': {},
        '/openapi.json': { get: { operationId: 'getOpenapiDocument' } },
        '/metrics': { get: { security: [], responses: { 200: { content: { 'text/plain': { schema: { type: 'string' } } } } } } },
      },
    })
    expect(String((await api.get('/metrics')).body)).toContain(
      'farebox_http_requests_total{method="GET",path="/healthz",status="200"} 1',
    )
  })

  it('says how long changes wait for the database', async () => {
    const { box, api } = await open()
    await openAccount(box)
    const metrics = String((await api.get('/metrics')).body)
    const value = (name: string) => Number(new RegExp(`^farebox_ledger_${name} (.+)$`, 'm').exec(metrics)?.[1])
    expect(value('changes_total')).toBeGreaterThan(1)
    expect(value('transactions_total')).toBeGreaterThan(0)
    expect(value('transaction_seconds_total')).toBeGreaterThan(0)
    expect(value('wait_seconds_total')).toBeGreaterThan(0)
    expect([value('waiting'), value('failed_transactions_total')]).toEqual([0, 0])
  })

  it('answers what is wrong with problem documents, and leaves other paths to the host', async () => {
    const { box, api } = await open()
    const own = api.as((await openAccount(box)).key)
    for (const refused of [
      await own.get('/api/v1/nothing'),
      await api.get('/api/v1/credits'),
      await own.post('/api/v1/workflows', { workflow_name: '' }),
    ]) {
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
      expect(refused.body).toMatchObject({
        status: refused.status,
        code: expect.any(String),
        type: expect.stringContaining('urn:'),
      })
    }
    const page = await fetch(new URL('/own', api.url))
    expect([page.status, await page.text()]).toEqual([200, OWN_PAGE])
    expect((await fetch(new URL('/nothing', api.url))).status).toBe(404)
  })
})

/** The whole statement, read in pages of two. */
async function readStatement(api: ApiClient): Promise<Record<string, unknown>[]> {
  const entries: Record<string, unknown>[] = []
  let cursor = ''
  do {
    const { body } = await api.get(`/api/v1/credits/statement?limit=2${cursor}`)
    entries.push(...(body.entries as unknown as Record<string, unknown>[]))
    cursor = body.next === undefined ? '' : `&cursor=${body.next}`
  } while (cursor !== '')
  return entries
}
