import { createAdminClient, createClient, type UsageSeriesQuery } from '@farebox/client'
import { credits, microCredits, quantity } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, withoutCosts } from 'farebox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { apiClient } from './api-client.ts'
import { hono } from './hosts.ts'
import { openAccount, openBox, openKey, type StoreName, storeNames, type TestAccount } from './open-box.ts'

const ADMIN = 'admin-token'

/** One account that has used something, and one beside it, with a client for each and one for the admin token. */
async function openServer(on: StoreName = 'SQLite') {
  const box = await openBox({ on, providers: [simulated()] })
  const { url } = await hono.serveRoutes(box, { adminToken: ADMIN })
  const [ada, eve] = [await openAccount(box), await openAccount(box, { name: 'eve' })]
  return { box, url, ada, eve, own: apiClient(url, ada.key), others: apiClient(url, eve.key), admin: apiClient(url, ADMIN) }
}

/** What a dashboard asks, all of it. */
const reads = (account: TestAccount, workflowId: string) => [
  '/api/v1/usage',
  '/api/v1/usage/series?group_by=api_key',
  '/api/v1/usage/recommendations',
  `/api/v1/usage/keys/${account.prefix}`,
  '/api/v1/workflows',
  `/api/v1/workflows/${workflowId}`,
  '/api/v1/credits',
  '/api/v1/credits/statement',
  '/api/v1/keys',
  '/api/v1/budgets',
]

const withAccount = (path: string, accountId: string) => `${path}${path.includes('?') ? '&' : '?'}account_id=${accountId}`

describe.each(storeNames)('what a dashboard reads, on %s', (on) => {
  it('says exactly what was charged where prices have fractions, and holds are never less than they are', async () => {
    const { box, ada, own, admin } = await openServer(on)
    const { accountId } = ada
    const usage = {
      quantity: quantity(1),
      unit: 'tokens',
      rated: microCredits(100_001n),
      roundingStep: microCredits(1n),
    } as const
    for (const userId of ['u1', 'u2', 'u2'])
      await box.ledger.charge({ accountId, userId, service: 'gpt', provider: 'gpt-4o', usage })
    const { series } = (await own.get('/api/v1/usage/series?group_by=user')).body
    expect(series).toMatchObject([
      { name: 'u1', total_credits: 1, total_credits_exact: '0.100001' },
      { name: 'u2', total_credits: 1, total_credits_exact: '0.200002' },
    ])
    await box.ledger.placeHold({ accountId, holdId: 'half', service: 'gpt', provider: 'gpt-4o', amount: credits('0.5') })
    expect((await own.get('/api/v1/credits')).body).toMatchObject({ held: 1 })
    const { accounts } = (await admin.get('/api/v1/admin/accounts')).body
    expect(accounts).toContainEqual(expect.objectContaining({ account_id: accountId, held: 1 }))
    await box.ledger.releaseHold({ accountId, holdId: 'half' })
  })

  it('an account reads its own, the admin token any that it names, and nobody another', async () => {
    const { box, ada, eve, own, others, admin } = await openServer(on)
    const workflow = box.workflow({ accountId: ada.accountId, name: 'chat', userId: 'u1' })
    await workflow.chat({ messages: [{ role: 'user', content: 'hello' }] })
    const { total_credits_used: spent } = await workflow.close()

    for (const path of reads(ada, workflow.id)) {
      const mine = await own.get(path)
      expect(mine.status, path).toBe(200)
      const named = withAccount(path, ada.accountId)
      const asAdmin = await admin.get(named)
      expect(asAdmin.status, named).toBe(200)
      if (!/series|recommendations/.test(path) && path !== `/api/v1/workflows/${workflow.id}`)
        expect(asAdmin.body, named).toEqual(mine.body)
      // Neither its own account nor another may be named by a key.
      for (const accountId of [ada.accountId, eve.accountId]) {
        const refused = await others.get(withAccount(path, accountId))
        expect(refused, path).toMatchObject({ status: 422, body: { errors: [{ field: 'account_id' }] } })
      }
      expect(await admin.get(path), path).toMatchObject({ status: 422, body: { errors: [{ field: 'account_id' }] } })
      expect((await admin.get(withAccount(path, 'nobody'))).status, path).toBe(404)
      expect((await admin.as('wrong').get(named)).status, path).toBe(401)
      expect((await admin.as(undefined).get(named)).status, path).toBe(401)
      const theirs = await others.get(path)
      if (theirs.status === 200) expect(JSON.stringify(theirs.body), path).not.toContain(workflow.id)
    }
    expect((await others.get(`/api/v1/workflows/${workflow.id}`)).status).toBe(404)
    expect((await others.get(`/api/v1/usage?api_key=${ada.prefix}`)).body).toMatchObject({ code: 'API_KEY_NOT_FOUND' })
    expect((await others.get(`/api/v1/workflows?api_key=${ada.prefix}`)).status).toBe(404)
    expect((await others.get('/api/v1/usage/series')).body).toMatchObject({ series: [], next_cursor: null })

    const series = (await own.get('/api/v1/usage/series?group_by=provider')).body
    expect(series).toMatchObject({
      granularity: 'day',
      group_by: 'provider',
      series: [
        { starts_at: expect.stringMatching(/T00:00:00\.000Z$/), name: 'gpt_gpt-4o-mini', total_credits: spent, usage_count: 1 },
      ],
      next_cursor: null,
    })
    expect((await own.get('/api/v1/workflows?state=closed&workflow_name=chat&user_id=u1')).body.workflows).toEqual([
      {
        workflow_id: workflow.id,
        workflow_name: 'chat',
        state: 'closed',
        total_credits_used: spent,
        held: 0,
        created_at: expect.any(String),
        closed_at: expect.any(String),
        user_id: 'u1',
        api_key: null,
      },
    ])
  })
})

it.each(storeNames)('a cursor that somebody made up is refused, on %s, and finds nothing of others', async (on) => {
  const { box, ada, own, admin } = await openServer(on)
  await box.workflow({ accountId: ada.accountId, name: 'chat' }).open()
  const made = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url')
  const places = [[1, '\0'], [9e15, 'x'], [9e15, null], [0, '\ud800'], [1, 'x'.repeat(2_000)], [-1, 'x'], ['x'], ['\0'], null]
  for (const place of places) {
    for (const path of ['usage/series?granularity=day&', 'usage/series?granularity=month&group_by=user&', 'workflows?']) {
      const { status, body } = await own.get(`/api/v1/${path}cursor=${made(place)}`)
      expect([200, 422], `${path} ${JSON.stringify(place)} ${JSON.stringify(body)}`).toContain(status)
    }
    const { status } = await admin.get(`/api/v1/admin/accounts?cursor=${made(place)}`)
    expect([200, 422], `accounts ${JSON.stringify(place)}`).toContain(status)
  }
})

it('a refund on a later day takes off that day what it gave back, to the credit', async () => {
  const DAY = 86_400_000
  let now = Date.parse('2026-03-01T12:00:00Z')
  const clock = () => now
  const box = createFarebox({ store: sqlite({ filename: ':memory:', clock }), providers: [simulated()], clock })
  onTestFinished(() => box.close())
  await box.migrate()
  const { url } = await hono.serveRoutes(box)
  const { accountId, key } = await openAccount(box)
  const client = createClient({ baseUrl: url, apiKey: key })
  const workflow = box.workflow({ accountId, name: 'call' })
  await workflow.record('phone', 'twilio', 2, 'minutes')
  await workflow.close()
  now += DAY
  await workflow.refund('the line was bad')
  now += DAY
  const { series } = await client.usageSeries()
  expect(series.map(({ total_credits }) => total_credits)).toEqual([40, -40])
  const later = await client.usage({ from: '2026-03-02T00:00:00Z' })
  expect(later).toMatchObject({ total_credits: -40, service_breakdown: [{ name: 'phone_twilio', total_credits: -40 }] })
})

describe('what a dashboard reads', () => {
  it('says who opened a workflow and when, and whether it is still open', async () => {
    const { box, ada, own, admin } = await openServer()
    const { body: opened } = await own.post('/api/v1/workflows', { workflow_name: 'call', user_id: 'u1' })
    const path = `/api/v1/workflows/${opened.workflow_id}`
    const listed = (await own.get('/api/v1/workflows')).body.workflows?.[0]
    const told = { created_at: listed?.created_at, user_id: 'u1', api_key: ada.prefix }
    expect((await own.get(path)).body).toMatchObject({ ...told, state: 'open', closed_at: null })
    await own.post(`${path}/close`, {})
    expect((await admin.get(withAccount(path, ada.accountId))).body).toMatchObject({
      ...told,
      state: 'closed',
      closed_at: expect.stringMatching(/Z$/),
    })
    const keyless = box.workflow({ accountId: ada.accountId, name: 'keyless' })
    await keyless.open()
    expect((await own.get(`/api/v1/workflows/${keyless.id}`)).body).toMatchObject({ user_id: null, api_key: null })
  })

  it('says how the provider of a call was chosen, and what it costs to the admin token alone', async () => {
    const { box, ada, own: mine, admin } = await openServer()
    const workflow = box.workflow({ accountId: ada.accountId, name: 'chat' })
    await workflow.chat({ messages: [{ role: 'user', content: 'hello' }] })
    await workflow.record('phone', 'twilio', 1, 'minutes')
    const path = `/api/v1/workflows/${workflow.id}`
    const { body } = await mine.get(path)
    expect(body).toMatchObject({
      workflow_name: 'chat',
      attempts: [{ outcome: 'succeeded', provider: 'gpt-4o-mini' }],
      decisions: [
        {
          service_type: 'gpt',
          operation: 'chat',
          answered_by: 'gpt-4o-mini',
          outcome: 'planned',
          candidates: [
            { provider: 'gpt-4o-mini', simulated: true, charge: expect.stringMatching(/^[\d.]+$/) },
            ...Array(3).fill({}),
          ],
        },
      ],
    })
    expect(JSON.stringify(body)).not.toContain('cost_usd')
    const whole = (await admin.get(withAccount(path, ada.accountId))).body
    expect(whole).toMatchObject({ decisions: [{ candidates: [{ cost_usd: expect.any(String) }, ...Array(3).fill({})] }] })
    expect(await workflow.decisions()).toMatchObject([{ decision: { version: 1, service: 'gpt' } }])
    const receipt = await workflow.close()
    expect(receipt.attempts).toMatchObject([{ cost_usd: expect.any(String) }])
    const [{ cost_usd: _, ...attempt } = {}] = receipt.attempts ?? []
    expect(withoutCosts(receipt)).toEqual({ ...receipt, attempts: [attempt] })
  })

  it('filters, pages and refuses, naming the field', async () => {
    const { box, ada, own, url } = await openServer()
    const second = await openKey(box, ada.accountId, { name: 'second' })
    const keys = [await box.authenticate(ada.key), await box.authenticate(second.key)]
    for (let index = 0; index < 5; index++) {
      const apiKey = keys[index % 2]
      const workflow = box.workflow({
        accountId: ada.accountId,
        name: index < 3 ? 'lesson' : 'call',
        userId: `u${index}`,
        apiKey,
      })
      await workflow.record('gpt', 'gpt-4o', 1_000, 'tokens')
      if (index === 4) await workflow.record('phone', 'twilio', 2, 'minutes')
      await workflow.close()
    }
    const client = createClient({ baseUrl: url, apiKey: ada.key })
    const all = await client.usage()
    expect(all.service_breakdown.map(({ name }) => name).sort()).toEqual(['gpt_gpt-4o', 'phone_twilio'])
    const phone = await client.usage({ service: 'phone' })
    expect(phone).toMatchObject({ total_credits: 40, workflow_breakdown: { call: { total_credits: 40, count: 2 } } })
    expect((await client.usage({ api_key: second.prefix })).workflow_breakdown).toMatchObject({
      lesson: { count: 1 },
      call: { count: 1 },
    })

    const pages = async (query: UsageSeriesQuery) => {
      const found: (string | null)[] = []
      for (let cursor: string | undefined; ; ) {
        const page = await client.usageSeries({ ...query, cursor })
        found.push(...page.series.map(({ name }) => name))
        if (page.next_cursor === null) return found
        cursor = page.next_cursor
      }
    }
    expect(await pages({ group_by: 'user', limit: 2 })).toEqual(['u0', 'u1', 'u2', 'u3', 'u4'])
    expect(await pages({ group_by: 'api_key', limit: 1 })).toEqual([ada.prefix, second.prefix].sort())
    expect(await pages({ group_by: 'workflow', provider: 'twilio' })).toEqual(['call'])
    expect(await pages({ granularity: 'month' })).toEqual([null])
    const sum = (await client.usageSeries({ granularity: 'hour' })).series.reduce(
      (total, entry) => total + entry.total_credits,
      0,
    )
    expect(sum).toBe(all.total_credits)

    const first = await client.workflows.list({ limit: 2 })
    await box.workflow({ accountId: ada.accountId, name: 'later' }).close()
    const rest = await client.workflows.list({ limit: 10, cursor: first.next_cursor ?? '' })
    expect([...first.workflows, ...rest.workflows].map(({ user_id }) => user_id)).toEqual(['u4', 'u3', 'u2', 'u1', 'u0'])
    expect(rest.next_cursor).toBeNull()
    expect((await client.workflows.list({ api_key: second.prefix })).workflows).toMatchObject([
      { api_key: second.prefix },
      { api_key: second.prefix },
    ])

    const wrong: [query: string, field: string][] = [
      ['usage?service=Phone!', 'service'],
      ['usage?unknown=1', 'unknown'],
      ['usage/series?granularity=year', 'granularity'],
      ['usage/series?from=2020-01-01T00:00:00Z', 'from'],
      ['usage/series?granularity=hour&from=2020-01-01T00:00:00Z&to=2020-06-01T00:00:00Z', 'from'],
      ['usage/series?from=2020-01-02T00:00:00Z&to=2020-01-01T00:00:00Z', 'from'],
      ['usage/series?limit=0', 'limit'],
      ['usage/series?cursor=!!', 'cursor'],
      ['usage/series?cursor=abc', 'cursor'],
      [`workflows?cursor=${Buffer.from('["x"]').toString('base64url')}`, 'cursor'],
      ['workflows?state=done', 'state'],
      ['workflows?limit=1001', 'limit'],
      ['keys?limit=5', 'limit'],
    ]
    for (const [query, field] of wrong) {
      const answer = await own.get(`/api/v1/${query}`)
      expect(answer, query).toMatchObject({ status: 422, body: { errors: [{ field }] } })
    }
  })

  it('lists keys and budgets with what is used of them, and accounts by pages', async () => {
    const { box, url, ada, eve } = await openServer()
    const admin = createAdminClient({ baseUrl: url, adminToken: ADMIN })
    await admin.setKeyServices(ada.prefix, ['gpt', { service_type: 'phone', provider: 'twilio', cost_limit_per_request: 50 }])
    await admin.setBudget({ account_id: ada.accountId, period: 'day', credits: 100, key_prefix: ada.prefix })
    await admin.setBudget({ account_id: ada.accountId, period: 'total', credits: 1_000, service_type: 'phone', mode: 'warn' })
    const workflow = box.workflow({ accountId: ada.accountId, name: 'call', apiKey: await box.authenticate(ada.key) })
    await workflow.record('phone', 'twilio', 2, 'minutes')
    await workflow.close()
    const client = createClient({ baseUrl: url, apiKey: ada.key })
    const day = {
      period: 'day',
      limit: 100,
      used: 40,
      mode: 'block',
      api_key: ada.prefix,
      resets_at: expect.stringMatching(/T00:00:00\.000Z$/),
    }
    expect((await client.keys()).keys).toMatchObject([
      {
        prefix: ada.prefix,
        revoked_at: null,
        expires_at: null,
        services: [{ service_type: 'gpt' }, { service_type: 'phone', provider: 'twilio', cost_limit_per_request: 50 }],
        budgets: [day],
      },
    ])
    expect((await client.budgets()).budgets.sort((a, b) => a.limit - b.limit)).toMatchObject([
      day,
      { period: 'total', service_type: 'phone', limit: 1_000, used: 40, mode: 'warn', api_key: null, resets_at: null },
    ])
    const first = await admin.accounts({ limit: 1 })
    const second = await admin.accounts({ limit: 1, cursor: first.next_cursor ?? '' })
    expect(second.next_cursor).toBeNull()
    expect([...first.accounts, ...second.accounts]).toEqual(
      [ada, eve]
        .map(({ accountId }) => ({
          account_id: accountId,
          name: 'Ada',
          held: 0,
          ...(accountId === ada.accountId ? { balance: 9_960, available: 9_960 } : { balance: 10_000, available: 10_000 }),
        }))
        .sort((a, b) => (a.account_id < b.account_id ? -1 : 1)),
    )
    expect((await apiClient(url, ada.key).get('/api/v1/admin/accounts')).status).toBe(401)
  })

  it('says how the providers are doing, to whoever has a key', async () => {
    const providers = [simulated({ failures: { 'gpt-4o': { kind: 'authentication' } } }), simulated({ name: 'spare' })]
    const box = await openBox({ providers, concurrency: { byAdapter: { spare: 3 } } })
    const { url } = await hono.serveRoutes(box, { adminToken: ADMIN })
    const { accountId, key } = await openAccount(box)
    const client = createClient({ baseUrl: url, apiKey: key })
    expect((await client.status()).status).toBe('ok')
    const workflow = box.workflow({ accountId, name: 'chat' })
    await workflow.chat({ messages: [{ role: 'user', content: 'hello' }], provider: 'gpt-4o' })
    await workflow.close()
    const { status, adapters } = await client.status()
    expect(status).toBe('degraded')
    expect(adapters).toMatchObject([
      { simulated: true, availability: 'ready' },
      { adapter: 'spare', concurrency: { limit: 3, running: 0, waiting: 0 } },
    ])
    const offers = adapters.map((adapter) =>
      adapter.offers.find(({ model }) => model.startsWith('gpt-4o') && !model.includes('mini')),
    )
    expect(offers).toMatchObject([{ condition: 'refusing' }, { condition: 'ok', answer_ms: expect.any(Number), samples: 1 }])
    expect((await apiClient(url, ADMIN).get('/api/v1/status')).body).toMatchObject({ status: 'degraded' })
    expect((await apiClient(url, 'fbx_wrong').get('/api/v1/status')).status).toBe(401)
  })
})
