import { credits } from '@farebox/core'
import { presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { type ApiAnswer, serveApi } from './api-client.ts'
import { openAccount, openBox, openExpiredKey, openKey } from './open-box.ts'

const ADMIN = 'admin-token'
const chat = { message: 'hello' }
const usage = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1_000, unit_type: 'tokens' }

/** An account with 10,000 credits, an agent and an open workflow, and everything that could change by mistake. */
async function open(options: Parameters<typeof openBox>[0] = {}) {
  const box = await openBox(options)
  const account = await openAccount(box)
  const api = await serveApi(box, account.key, { adminToken: ADMIN, limits: { requestBytes: 100_000, uploadBytes: 100_000 } })
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'work' })).body
  return {
    box,
    account,
    api,
    admin: api.as(ADMIN),
    agent: `/api/v1/agent/${agent_id}`,
    workflow: `/api/v1/workflows/${workflow_id}`,
    spent: async () => credits(10_000) - (await box.ledger.balance(account.accountId)).balance,
  }
}
type Opened = Awaited<ReturnType<typeof open>>

function fields({ body }: ApiAnswer): string[] {
  return Object.values(body.errors ?? {}).map(({ field }) => String(field))
}

describe('a key', () => {
  const bad: [string, (opened: Opened) => Promise<string | undefined>][] = [
    ['is missing', async () => undefined],
    ['does not exist', async () => 'fbx_0000000000000000000000000000000000000000000'],
    ['has the prefix of another, and another secret', async ({ account }) => `${account.key.slice(0, -4)}0000`],
    ['has expired', async ({ box, account }) => (await openExpiredKey(box, account.accountId)).key],
    [
      'was revoked',
      async ({ box, account, api }) => {
        const { key, apiKeyId } = await openKey(box, account.accountId)
        expect((await api.as(key).get('/api/v1/credits')).status).toBe(200)
        await box.ledger.revokeApiKey({ accountId: account.accountId, apiKeyId })
        return key
      },
    ],
  ]

  it.each(bad)('that %s opens nothing', async (_, makeKey) => {
    const opened = await open()
    const api = opened.api.as(await makeKey(opened))
    const answers = [
      await api.get('/api/v1/credits'),
      await api.get('/api/v1/usage'),
      await api.post('/api/v1/estimate', {}),
      await api.post('/api/v1/workflows', { workflow_name: 'x' }),
      await api.post(`${opened.workflow}/usage`, usage),
      await api.post(`${opened.agent}/chat`, chat),
      await api.post(`${opened.agent}/voice`, new Uint8Array(10)),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } })
    expect(await opened.spent()).toBe(0n)
  })

  it('that is the admin token works for no account, and reads the one that it names', async () => {
    const { admin, agent, workflow, account, spent } = await open()
    const work = [
      await admin.post('/api/v1/estimate', {}),
      await admin.post('/api/v1/workflows', { workflow_name: 'x' }),
      await admin.post(`${workflow}/usage`, usage),
      await admin.post(`${agent}/chat`, chat),
    ]
    for (const answer of work) expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } })
    const unnamed = await admin.get('/api/v1/credits')
    expect([unnamed.status, fields(unnamed)]).toEqual([422, ['account_id']])
    expect(await admin.get(`/api/v1/credits?account_id=${account.accountId}`)).toMatchObject({ status: 200 })
    expect(await spent()).toBe(0n)
  })

  it('of another account finds nothing of this one', async () => {
    const { box, api, account, agent, workflow, spent } = await open()
    const stranger = api.as((await openAccount(box)).key)
    const answers = [
      await stranger.post(`${agent}/chat`, chat),
      await stranger.get(workflow),
      await stranger.post(`${workflow}/usage`, usage),
      await stranger.post(`${workflow}/close`),
      await stranger.get(`/api/v1/usage/keys/${account.prefix}`),
    ]
    expect(answers.map(({ status, body }) => [status, String(body.code)])).toEqual([
      [404, 'AGENT_NOT_FOUND'],
      [404, 'WORKFLOW_NOT_FOUND'],
      [404, 'WORKFLOW_NOT_FOUND'],
      [404, 'WORKFLOW_NOT_FOUND'],
      [404, 'API_KEY_NOT_FOUND'],
    ])
    expect(await spent()).toBe(0n)
    expect((await api.post(`${workflow}/usage`, usage)).status).toBe(200)
  })

  it('may use no other service, or provider, than it was made for', async () => {
    const { box, api, account, agent, workflow, spent } = await open()
    const onlyMini = await openKey(box, account.accountId, { services: [{ service: 'gpt', provider: 'gpt-4o-mini' }] })
    const onlySpeech = await openKey(box, account.accountId, {
      services: [{ service: 'voice_tts' }, { service: 'gpt', enabled: false }],
    })
    const answers = [
      await api.as(onlySpeech.key).post(`${agent}/chat`, chat),
      await api.as(onlySpeech.key).post(`${workflow}/usage`, usage),
      await api.as(onlyMini.key).post(`${workflow}/usage`, usage),
      await api.as(onlyMini.key).post(`${agent}/call`, { to: '+15551234567', message: 'hello' }),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ status: 403, body: { code: 'SERVICE_NOT_ALLOWED' } })
    expect(await spent()).toBe(0n)
    expect((await api.as(onlyMini.key).post(`${agent}/chat`, chat)).body).toMatchObject({ provider: 'gpt-4o-mini' })
    // It is no failure of ours, that somebody should be called for.
    const dear = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }
    expect(await api.as(onlyMini.key).post('/v1/chat/completions', dear)).toMatchObject({
      status: 403,
      body: { error: { code: 'service_not_allowed', message: `API key ${onlyMini.prefix} may not use gpt of gpt-4o` } },
    })
  })

  it('that is one user’s opens no workflow of another’s', async () => {
    const { box, account, api } = await open()
    const grace = api.as((await openKey(box, account.accountId, { userId: 'grace' })).key)
    const users = async () =>
      (await box.ledger.workflows({ accountId: account.accountId })).workflows.flatMap(({ userId }) => userId ?? []).sort()
    expect(fields(await grace.post('/api/v1/workflows', { workflow_name: 'work', user_id: 'ada' }))).toEqual(['user_id'])
    expect(await users()).toEqual([])
    for (const said of [{}, { user_id: 'grace' }]) {
      expect(await grace.post('/api/v1/workflows', { workflow_name: 'work', ...said })).toMatchObject({ status: 201 })
    }
    // The key of nobody in particular may name anybody.
    expect(await api.post('/api/v1/workflows', { workflow_name: 'work', user_id: 'ada' })).toMatchObject({ status: 201 })
    expect(await users()).toEqual(['ada', 'grace', 'grace'])
  })

  it('may not spend more on a request than it is limited to', async () => {
    const { box, api, account, agent, workflow, spent } = await open()
    const limit = credits(1)
    const { key } = await openKey(box, account.accountId, { services: [{ service: 'gpt', costLimitPerRequest: limit }] })
    const answers = [await api.as(key).post(`${agent}/chat`, chat), await api.as(key).post(`${workflow}/usage`, usage)]
    expect(answers).toMatchObject([
      { status: 402, body: { code: 'REQUEST_LIMIT', needed: '2', limit: '1' } },
      { status: 402, body: { code: 'REQUEST_LIMIT', needed: '8', limit: '1' } },
    ])
    expect(await spent()).toBe(0n)
  })

  it('is not made for an account below the minimum, or with an end in the past', async () => {
    const { admin, box } = await open()
    const { account_id } = (await admin.post('/api/v1/admin/accounts', { name: 'Poor', credits: '4999.999999' })).body
    const refused = await admin.post('/api/v1/admin/keys', { account_id })
    expect(refused).toMatchObject({
      status: 402,
      body: { code: 'INSUFFICIENT_CREDITS', needed: '5000', available: '4999.999999' },
    })
    expect(await box.ledger.apiKeys(String(account_id))).toEqual([])
    await admin.post('/api/v1/admin/grants', { account_id, credits: '0.000001' })
    const past = await admin.post('/api/v1/admin/keys', { account_id, expires_at: '2020-01-01T00:00:00Z' })
    expect([past.status, fields(past)]).toEqual([422, ['expires_at']])
    expect((await admin.post('/api/v1/admin/keys', { account_id })).status).toBe(201)
  })
})

describe('the admin token', () => {
  it.each([undefined, 'wrong', `${ADMIN}x`, ''])('%s opens no admin route', async (token) => {
    const { api, account, box } = await open()
    const admin = api.as(token)
    const { accountId: account_id, prefix } = account
    const answers = [
      await admin.post('/api/v1/admin/accounts', { name: 'x', credits: 1 }),
      await admin.post('/api/v1/admin/grants', { account_id, credits: 1 }),
      await admin.post('/api/v1/admin/keys', { account_id }),
      await admin.post(`/api/v1/admin/keys/${prefix}/services`, { services: [] }),
      await admin.post(`/api/v1/admin/keys/${prefix}/revoke`),
      await admin.post('/api/v1/admin/budgets', { account_id, period: 'day', credits: 1 }),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } })
    expect(await box.ledger.accounts()).toHaveLength(1)
    expect((await api.get('/api/v1/credits')).body.credit_balance).toBe(10_000)
  })

  it('that is not configured opens nothing to anybody', async () => {
    const box = await openBox()
    const api = await serveApi(box)
    for (const token of [undefined, '', 'undefined']) {
      expect((await api.as(token).post('/api/v1/admin/accounts', { name: 'x' })).status).toBe(401)
    }
  })
})

describe('too little credit', () => {
  it('is refused with what is needed and what is there, and changes nothing', async () => {
    const { box, api, agent: _, ...rest } = await open({ configuration: presets.balanced({ lastResort: false }) })
    const poor = await openAccount(box, { balance: credits('1.5') })
    const own = api.as(poor.key)
    const { agent_id } = (await own.post('/api/v1/agent/create', {})).body
    const { workflow_id } = (await own.post('/api/v1/workflows', { workflow_name: 'work' })).body
    const answers = [
      await own.post(`/api/v1/workflows/${workflow_id}/usage`, usage),
      await own.post(`/api/v1/agent/${agent_id}/chat`, chat),
      await own.post(`/api/v1/agent/${agent_id}/call`, { to: '+15551234567', message: 'hello', max_minutes: 5 }),
    ]
    expect(answers).toMatchObject([
      { status: 402, body: { code: 'INSUFFICIENT_CREDITS', needed: '8', available: '1.5' } },
      { status: 402, body: { code: 'INSUFFICIENT_CREDITS', needed: '2', available: '1.5' } },
      { status: 402, body: { code: 'INSUFFICIENT_CREDITS', available: '1.5' } },
    ])
    expect((await box.ledger.balance(poor.accountId)).balance).toBe(credits('1.5'))
    expect(await rest.spent()).toBe(0n)
  })
})

describe('a service that is switched off', () => {
  it('is refused by whichever route asks for it', async () => {
    const { api, spent } = await open()
    const off = { voice_enabled: false, phone_enabled: false }
    const { agent_id } = (await api.post('/api/v1/agent/create', { custom_settings: { service_configuration: off } })).body
    const lesson = (await api.post('/api/v1/agent/create', { business_logic_adapter: 'languagelearning' })).body.agent_id
    const call = { to: '+15551234567', message: 'hello' }
    const answers = [
      await api.post(`/api/v1/agent/${agent_id}/voice`, wav(1)),
      await api.post(`/api/v1/agent/${agent_id}/call`, call),
      await api.post(`/api/v1/agent/${lesson}/call`, call),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ status: 403, body: { code: 'SERVICE_NOT_ALLOWED' } })
    expect(await spent()).toBe(0n)
  })
})

describe('a body', () => {
  const posts = [
    '/api/v1/agent/create',
    '/api/v1/workflows',
    '/api/v1/estimate',
    '{agent}/chat',
    '{agent}/call',
    '{workflow}/usage',
    '{workflow}/close',
  ]
  const adminPosts = ['accounts', 'grants', 'keys', 'keys/fbx_0000/services', 'budgets'].map((path) => `/api/v1/admin/${path}`)
  const at = ({ agent, workflow }: Opened, path: string) => path.replace('{agent}', agent).replace('{workflow}', workflow)

  it.each([...posts, ...adminPosts])('that is not JSON is malformed, at %s', async (path) => {
    const opened = await open()
    const api = path.includes('/admin/') ? opened.admin : opened.api
    for (const body of ['{"a":', 'hello', '\u0000', '{"a": NaN}', "{'a': 1}"]) {
      const answer = await api.post(at(opened, path), body, { 'content-type': 'application/json' })
      expect(answer, body).toMatchObject({ status: 400, body: { code: 'MALFORMED_BODY' } })
    }
    for (const body of ['[]', 'null', '1', '"a"', 'true']) {
      const answer = await api.post(at(opened, path), body, { 'content-type': 'application/json' })
      expect([answer.status, fields(answer)], body).toEqual([422, ['body']])
    }
    const unknown = await api.post(at(opened, path), { surprise: 1 })
    expect(unknown.status).toBe(422)
    expect(fields(unknown)).toContain('surprise')
    expect(await opened.spent()).toBe(0n)
  })

  const invalid: [path: string, body: Record<string, unknown>, fields: string[]][] = [
    ['/api/v1/workflows', {}, ['workflow_name']],
    ['/api/v1/workflows', { workflow_name: '' }, ['workflow_name']],
    ['/api/v1/workflows', { workflow_name: 'x'.repeat(201) }, ['workflow_name']],
    ['/api/v1/workflows', { workflow_name: 'a\u0000b' }, ['workflow_name']],
    ['/api/v1/workflows', { workflow_name: 'x', max_credits: -1 }, ['max_credits']],
    ['/api/v1/workflows', { workflow_name: 'x', max_credits: 1e300 }, ['max_credits']],
    ['/api/v1/workflows', { workflow_name: 'x', max_credits: 'NaN' }, ['max_credits']],
    ['/api/v1/workflows', { workflow_name: 'x', max_credits: '9999999999' }, ['max_credits']],
    ['/api/v1/workflows', { workflow_name: 'x', business_adapter: '' }, ['business_adapter']],
    ['{workflow}/usage', {}, ['service_type', 'provider', 'units_consumed', 'unit_type']],
    ['{workflow}/usage', { ...usage, service_type: 'GPT!' }, ['service_type']],
    ['{workflow}/usage', { ...usage, provider: 'gpt-9' }, ['provider']],
    ['{workflow}/usage', { ...usage, service_type: 'telepathy' }, ['provider']],
    ['{workflow}/usage', { ...usage, unit_type: 'fathoms' }, ['unit_type']],
    ['{workflow}/usage', { ...usage, unit_type: 'minutes' }, ['unit_type']],
    ['{workflow}/usage', { ...usage, units_consumed: -1 }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: '-1' }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: 1e300 }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: 'NaN' }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: 'Infinity' }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: '1e9' }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: '0.0000001' }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: null }, ['units_consumed']],
    ['{workflow}/usage', { ...usage, units_consumed: '999999999999' }, ['units_consumed']],
    ['{agent}/chat', {}, ['message']],
    ['{agent}/chat', { message: '' }, ['message']],
    ['{agent}/chat', { message: 'a', messages: [{ role: 'user', content: 'a' }] }, ['message']],
    ['{agent}/chat', { messages: [] }, ['messages']],
    ['{agent}/chat', { messages: [{ role: 'king', content: 'a' }] }, ['messages.0.role']],
    ['{agent}/chat', { message: 'a', max_output_tokens: 0 }, ['max_output_tokens']],
    ['{agent}/chat', { message: 'a', complexity: 'impossible' }, ['complexity']],
    ['{agent}/call', { to: '911', message: 'a' }, ['to']],
    ['{agent}/call', { to: '+15551234567' }, ['message']],
    ['{agent}/call', { to: '+15551234567', url: 'http://example.com' }, ['url']],
    ['{agent}/call', { to: '+15551234567', message: 'a', max_minutes: 0 }, ['max_minutes']],
    ['/api/v1/agent/create', { business_logic_adapter: 'nobody' }, ['business_logic_adapter']],
    [
      '/api/v1/agent/create',
      { custom_settings: { service_configuration: { voice_enabled: 'yes', colour: 'red' } } },
      ['service_configuration.colour', 'service_configuration.voice_enabled'],
    ],
    [
      '/api/v1/agent/create',
      { custom_settings: { service_configuration: { max_credits_per_request: -1 } } },
      ['service_configuration.max_credits_per_request'],
    ],
    ['/api/v1/estimate', { ai_tokens: -1 }, ['ai_tokens']],
    ['/api/v1/estimate', { ai_tokens: 'many' }, ['ai_tokens']],
    ['/api/v1/estimate', { voice_minutes: 1e18 }, ['voice_minutes']],
    ['/api/v1/admin/accounts', { name: 'x', credits: -5 }, ['credits']],
    ['/api/v1/admin/accounts', { name: 'x', credits: 0.5 }, ['credits']],
    ['/api/v1/admin/accounts', { credits: 5 }, ['name']],
    ['/api/v1/admin/grants', { account_id: 'x', credits: 0 }, ['credits']],
    ['/api/v1/admin/grants', { account_id: 'x', credits: '-1' }, ['credits']],
    ['/api/v1/admin/grants', { account_id: 'x', credits: '1e3' }, ['credits']],
    ['/api/v1/admin/grants', { account_id: 'x', credits: '9999999999' }, ['credits']],
    ['/api/v1/admin/grants', { account_id: 'x', credits: 1, source: 'theft' }, ['source']],
    ['/api/v1/admin/grants', { account_id: 'x', credits: 1, expires_at: 'tomorrow' }, ['expires_at']],
    [
      '/api/v1/admin/grants',
      { account_id: 'x', credits: 1, effective_at: '2030-01-01T00:00:00Z', expires_at: '2029-01-01T00:00:00Z' },
      ['expires_at'],
    ],
    [
      '/api/v1/admin/keys',
      { account_id: 'x', services: [{ service_type: 'gpt', cost_limit_per_request: -1 }] },
      ['services.0.cost_limit_per_request'],
    ],
    ['/api/v1/admin/keys', { account_id: 'x', services: ['GPT'] }, ['services.0']],
    ['/api/v1/admin/budgets', { account_id: 'x', period: 'eon', credits: 1 }, ['period']],
    ['/api/v1/admin/budgets', { account_id: 'x', period: 'day', credits: -1 }, ['credits']],
    ['/api/v1/admin/budgets', { account_id: 'x', period: 'day', credits: 1, time_zone: 'Atlantis' }, ['time_zone']],
    ['/api/v1/admin/budgets', { account_id: 'x', period: 'day', credits: 1, alerts_at_percent: [0] }, ['alerts_at_percent.0']],
  ]
  it.each(invalid)('at %s that is %j is invalid for %j', async (path, body, expected) => {
    const opened = await open()
    const answer = await (path.includes('/admin/') ? opened.admin : opened.api).post(at(opened, path), body)
    expect(answer.body).toMatchObject({ status: 422, code: expect.any(String) })
    expect(fields(answer).sort()).toEqual(expected.sort())
    expect(await opened.spent()).toBe(0n)
  })

  it('longer than is taken is refused, however it is sent', async () => {
    const { api, account, agent, spent } = await open()
    const large = JSON.stringify({ message: 'x'.repeat(200_000) })
    const chunked = await fetch(`${api.url}${agent}/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
      body: new Blob([large]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(413)
    const answers = [
      await api.post(`${agent}/chat`, large),
      await api.post(`${agent}/voice`, wav(10), { 'content-type': 'audio/wav' }),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } })
    expect(await spent()).toBe(0n)
  })
})

describe('a query', () => {
  it.each([
    ['/api/v1/usage?from=yesterday', 'from'],
    ['/api/v1/usage?colour=red', 'colour'],
    ['/api/v1/credits/statement?limit=0', 'limit'],
    ['/api/v1/credits/statement?limit=many', 'limit'],
    ['/api/v1/credits/statement?cursor=x', 'cursor'],
    ['/api/v1/export?to=1970-01-01T00:00:00Z', 'to'],
    ['/api/v1/export?kind=purchases&to=0001-01-01T00:00:00Z', 'to'],
  ])('%s is invalid for %s', async (path, field) => {
    const { api } = await open()
    const answer = await api.get(path)
    expect([answer.status, fields(answer)]).toEqual([422, [field]])
  })
})

describe('an upload', () => {
  const form = (name: string, value: string | Uint8Array<ArrayBuffer>) => {
    const data = new FormData()
    if (typeof value === 'string') data.set(name, value)
    else data.set(name, new Blob([value]), 'x.wav')
    return data
  }
  const uploads: [string, BodyInit, Record<string, string>?][] = [
    ['is empty', new Uint8Array(0)],
    ['is an empty file', form('audio', new Uint8Array(0))],
    ['is text', 'this is no sound'],
    ['is text that is called sound', 'this is no sound', { 'content-type': 'audio/wav' }],
    ['is a picture', form('audio', Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13]))],
    ['is a WAV header without sound', wav(0)],
    ['is noise', Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7_919) % 251)],
    ['has another field', form('sound', wav(0.1))],
    ['is text in the field', form('audio', 'this is no sound')],
  ]

  it.each(uploads)('that %s is invalid for `audio`, and charges nothing', async (_, body, headers) => {
    const { api, agent, spent } = await open()
    const answer = await api.post(`${agent}/voice`, body, headers)
    expect([answer.status, fields(answer)]).toEqual([422, ['audio']])
    expect(await spent()).toBe(0n)
  })

  it('of two files is refused, instead of hearing the first one alone', async () => {
    const { api, agent, spent } = await open()
    const data = form('audio', wav(0.1))
    data.append('audio', new Blob([wav(0.2)]), 'y.wav')
    const answer = await api.post(`${agent}/voice`, data)
    const errors = [{ field: 'audio', problem: 'must be one file: the form has 2' }]
    expect(answer).toMatchObject({ status: 422, body: { code: 'INVALID_BODY', errors } })
    expect(await spent()).toBe(0n)
  })

  it('whose form is broken is malformed', async () => {
    const { api, agent } = await open()
    const answer = await api.post(`${agent}/voice`, 'no parts', { 'content-type': 'multipart/form-data; boundary=x' })
    expect(answer).toMatchObject({ status: 400, body: { code: 'MALFORMED_BODY' } })
  })
})

describe('what does not exist', () => {
  it('is not found, whoever asks', async () => {
    const { api, admin, box, account, spent } = await open()
    const account_id = 'nobody'
    // A key that is another's cannot be limited here, and a limit on it would limit nobody.
    const others = { account_id: account.accountId, key_prefix: (await openAccount(box)).prefix }
    const answers = [
      await api.post('/api/v1/agent/nobody/chat', chat),
      await api.post('/api/v1/agent/nobody/voice', wav(0.1)),
      await api.post('/api/v1/workflows/nothing/usage', usage),
      await api.post('/api/v1/workflows/nothing/close'),
      await api.get('/api/v1/workflows/nothing'),
      await api.get('/api/v1/usage/keys/fbx_0000'),
      await admin.post('/api/v1/admin/grants', { account_id, credits: 1 }),
      await admin.post('/api/v1/admin/keys', { account_id }),
      await admin.post('/api/v1/admin/budgets', { account_id, period: 'day', credits: 1 }),
      await admin.post('/api/v1/admin/budgets', { ...others, period: 'day', credits: 1 }),
      await admin.post('/api/v1/admin/keys/fbx_0000/services', { services: ['gpt'] }),
      await admin.post('/api/v1/admin/keys/fbx_0000/revoke'),
      await admin.post('/api/v1/admin/keys/fbx_0000/rotate'),
      await api.get('/api/v1/'),
    ]
    expect(answers.map(({ status, body }) => `${status} ${body.code}`)).toEqual([
      '404 AGENT_NOT_FOUND',
      '404 AGENT_NOT_FOUND',
      '404 WORKFLOW_NOT_FOUND',
      '404 WORKFLOW_NOT_FOUND',
      '404 WORKFLOW_NOT_FOUND',
      '404 API_KEY_NOT_FOUND',
      '404 ACCOUNT_NOT_FOUND',
      '404 ACCOUNT_NOT_FOUND',
      '404 ACCOUNT_NOT_FOUND',
      '404 API_KEY_NOT_FOUND',
      '404 API_KEY_NOT_FOUND',
      '404 API_KEY_NOT_FOUND',
      '404 API_KEY_NOT_FOUND',
      '404 ROUTE_NOT_FOUND',
    ])
    expect(await spent()).toBe(0n)
  })
})

/** Silence of 16 kHz mono. */
function wav(seconds: number): Uint8Array<ArrayBuffer> {
  const samples = Math.round(seconds * 16_000)
  const file = Buffer.alloc(44 + samples * 2)
  file.write('RIFF', 0)
  file.writeUInt32LE(36 + samples * 2, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(16_000, 24)
  file.writeUInt32LE(32_000, 28)
  file.writeUInt16LE(2, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36)
  file.writeUInt32LE(samples * 2, 40)
  return new Uint8Array(file)
}
