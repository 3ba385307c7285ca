import { credits, type ProviderAdapter, ProviderError, quantity, type Usage } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { openKey } from '../farebox/open-box.ts'
import { openLoopback } from '../farebox/parties.ts'
import { openaiOver, openCompat, pairs } from './open-compat.ts'

const ask = { model: 'auto', messages: [{ role: 'user' as const, content: 'hello' }] }

describe.each(pairs)('$sdk at $name is told in its own words', ({ host, Client }) => {
  it('that its key is bad', async () => {
    const { openai } = await openCompat({ host, Client })
    const refused = openai({ apiKey: 'fbx_nothing' }).chat.completions.create(ask)
    await expect(refused).rejects.toMatchObject({
      constructor: Client.AuthenticationError,
      status: 401,
      code: 'invalid_api_key',
      type: 'invalid_request_error',
      param: null,
    })
  })

  it('that its credits do not suffice, streamed or not, and how many would', async () => {
    const { openai, spent } = await openCompat({ host, Client, balance: 500_000n })
    for (const stream of [false, true]) {
      const refused = openai().chat.completions.create({ ...ask, stream })
      await expect(refused).rejects.toMatchObject({ status: 402, type: 'insufficient_quota', code: 'insufficient_credits' })
      await expect(refused).rejects.toThrow(/needs \d credits, 0\.5 are available/)
    }
    expect(await spent()).toBe(0n)
  })

  it('that there is no such model', async () => {
    const { openai } = await openCompat({ host, Client })
    const refused = openai().chat.completions.create({ ...ask, model: 'gpt-99' })
    await expect(refused).rejects.toMatchObject({
      constructor: Client.NotFoundError,
      code: 'model_not_found',
      param: 'model',
      message: expect.stringContaining('"gpt-99"'),
    })
  })

  it('when to come back, where every provider is busy', async () => {
    const provider = simulated({ failures: () => ({ kind: 'rate_limited', status: 429, retryAfterMs: 90_000 }) })
    const { openai, spent } = await openCompat({ host, Client, provider })
    const refused = await openai()
      .chat.completions.create({ ...ask, model: 'gpt-4o' })
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ constructor: Client.RateLimitError, code: 'rate_limit_exceeded', type: 'rate_limit_error' })
    expect((refused as { headers: Headers }).headers.get('retry-after')).toBe('90')
    expect(await spent()).toBe(0n)
  })
})

it.each([
  ['messages', {}],
  ['messages', { messages: [] }],
  ['messages.0.role', { messages: [{ role: 'function', content: 'x', name: 'f' }] }],
  [
    'messages.0.content.1.type',
    { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, { type: 'input_audio' }] }] },
  ],
  [
    'messages.0.content.0.image_url.url',
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://10.0.0.1/' } }] }] },
  ],
  ['tools.0.type', { ...ask, tools: [{ type: 'custom', custom: { name: 'x' } }] }],
  ['n', { ...ask, n: 2 }],
  ['functions', { ...ask, functions: [] }],
  [
    'messages.1.function_call',
    { messages: [...ask.messages, { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } }] },
  ],
  ['modalities.1', { ...ask, modalities: ['text', 'audio'] }],
  ['web_search_options', { ...ask, web_search_options: {} }],
  ['service_tier', { ...ask, service_tier: 'priority' }],
  ['prediction', { ...ask, prediction: { type: 'content', content: 'x' } }],
  ['moderation', { ...ask, moderation: { model: 'omni-moderation-latest' } }],
  ['temperature', { ...ask, temperature: 3 }],
  ['max_completion_tokens', { ...ask, max_completion_tokens: 0 }],
])('a chat refuses a wrong %s by name', async (param, body) => {
  const { api } = await openCompat()
  const refused = await api.post('/v1/chat/completions', { model: 'auto', ...body })
  expect(refused).toMatchObject({ status: 422, body: { error: { param, type: 'invalid_request_error', code: 'invalid_body' } } })
  expect(Object.keys(refused.body.error ?? {})).toEqual(['message', 'type', 'param', 'code'])
})

it('speaks OpenAI’s language of errors about everything under /v1, and of nothing else', async () => {
  const { api, box, account } = await openCompat()
  expect(await api.post('/v1/chat/completions', '{', { 'content-type': 'application/json' })).toMatchObject({
    status: 400,
    body: { error: { code: 'malformed_body' } },
  })
  expect(await api.get('/v1/files')).toMatchObject({ status: 404, body: { error: { code: 'unknown_url' } } })
  expect(await api.post('/v1/embeddings', { model: 'auto', input: 'x'.repeat(26 * 1024 * 1024) })).toMatchObject({
    status: 413,
    body: { error: { code: 'body_too_large' } },
  })
  expect((await api.get('/api/v1/nothing')).body).toMatchObject({ code: 'ROUTE_NOT_FOUND' })
  const limited = await openKey(box, account.accountId, { services: [{ service: 'voice_stt' }] })
  expect(await api.as(limited.key).post('/v1/chat/completions', ask)).toMatchObject({
    status: 403,
    body: { error: { type: 'permission_error', code: 'service_not_allowed' } },
  })
  const models = (await api.as(limited.key).get('/v1/models')).body.data as unknown as { id: string }[]
  expect(models.map(({ id }) => id)).not.toContain('gpt-4o')
  expect(models.map(({ id }) => id)).toContain('deepgram')
})

it('says in words that clients know that a request is too long for anybody, and by how much', async () => {
  const { api, box, account } = await openCompat()
  const long = 'heron '.repeat(20_000)
  const messages = [{ role: 'user' as const, content: long }]
  const { status, body } = await api.post('/v1/chat/completions', { model: 'gpt-4', messages })
  expect([status, body.error]).toEqual([
    422,
    {
      message: expect.stringMatching(
        /^too long for any provider of gpt by gpt-4: it has some 4\d{4} tokens with its answer, and they take 8192 at most$/,
      ),
      type: 'invalid_request_error',
      param: null,
      code: 'context_length_exceeded',
    },
  ])
  // Whoever has more room is asked where nobody in particular was wished for.
  expect((await api.post('/v1/chat/completions', { model: 'auto', messages })).status).toBe(200)
  const workflow = box.workflow({ accountId: account.accountId, name: 'work' })
  await expect(workflow.speak({ text: 'a'.repeat(5_000), provider: 'openai-tts' })).rejects.toMatchObject({
    code: 'REQUEST_TOO_LONG',
    unit: 'characters',
    length: 5_000,
    most: 4_096,
  })
  expect((await box.ledger.balance(account.accountId)).held).toBe(0n)
})

it('says of a request that its provider rejects what is wrong with it, by code and parameter', async () => {
  const server = await openLoopback()
  const { api } = await openCompat({ provider: openaiOver(server) })
  const rejected = async (error: Record<string, unknown>) => {
    server.fail({ type: 'status', status: 400, body: { error } })
    return (await api.post('/v1/chat/completions', { ...ask, model: 'gpt-4o' })).body.error?.message
  }
  const schema = { message: 'secret words', type: 'invalid_request_error', code: 'invalid_json_schema', param: 'response_format' }
  const tool = { message: 'secret words', type: 'invalid_request_error', code: null, param: 'tools[0].function.name' }
  const long = { message: 'secret words', type: 'invalid_request_error', code: 'context_length_exceeded', param: 'messages' }
  const words = { message: 'secret words', type: 'secret words', code: 'secret words', param: 'secret words' }
  const said = 'the provider rejected the request'
  expect(await rejected(schema)).toBe(`${said} (gpt-4o invalid_request: invalid_json_schema at response_format)`)
  expect(await rejected(tool)).toBe(`${said} (gpt-4o invalid_request: invalid_request_error at tools[0].function.name)`)
  expect(await rejected(long)).toBe(`${said} (gpt-4o context_too_long: context_length_exceeded at messages)`)
  expect(await rejected(words)).toBe(`${said} (gpt-4o invalid_request)`)
})

it('names what a provider rejects as the parameter, and nothing that might be words of the prompt', async () => {
  const server = await openLoopback()
  const { openai } = await openCompat({ provider: openaiOver(server, 'responses') })
  const rejected = (param: string | null) => {
    server.fail({ type: 'status', status: 400, body: { error: { message: 'no', type: 'invalid_request_error', param } } })
    return openai().responses.create({ model: 'gpt-4o', input: 'hello' })
  }
  for (const param of ['top_p', 'tools[0].name']) await expect(rejected(param)).rejects.toMatchObject({ status: 422, param })
  for (const param of [null, 'secret words']) await expect(rejected(param)).rejects.toMatchObject({ status: 422, param: null })
  const stopped = openai().chat.completions.create({ ...ask, model: 'gpt-4o', stop: 'END' })
  await expect(stopped).rejects.toMatchObject({ code: 'request_rejected', param: 'stop' })
})

it.each([false, true])(
  'says of a conversation that its provider finds too long the code by which clients know that (streamed: %s)',
  async (stream) => {
    const server = await openLoopback()
    const { openai, box, account } = await openCompat({ provider: openaiOver(server) })
    const rejected = (code: string) => {
      const error = { message: 'no', type: 'invalid_request_error', code, param: 'messages' }
      server.fail({ type: 'status', status: 400, body: { error } })
      return openai().chat.completions.create({ ...ask, model: 'gpt-4o', stream })
    }
    await expect(rejected('context_length_exceeded')).rejects.toMatchObject({ status: 422, code: 'context_length_exceeded' })
    await expect(rejected('invalid_value')).rejects.toMatchObject({ status: 422, code: 'request_rejected' })
    expect((await box.ledger.balance(account.accountId)).held).toBe(0n)
  },
)

it.each([false, true])('says what a provider cannot do, and asks nobody again for it (streamed: %s)', async (stream) => {
  const server = await openLoopback()
  const { openai } = await openCompat({ provider: openaiOver(server, 'responses') })
  const stopped = openai({ maxRetries: 2 }).chat.completions.create({ ...ask, model: 'gpt-4o', stop: 'END', stream })
  await expect(stopped).rejects.toMatchObject({
    status: 422,
    code: 'request_rejected',
    message: expect.stringContaining('(gpt-4o unsupported: at stop)'),
  })
  expect(server.requests).toHaveLength(0)
})

it('tells the SDK what is worth asking again, and what is not', async () => {
  const server = await openLoopback()
  server.fail({ type: 'status', status: 400, body: { error: { message: 'no', code: 'invalid_request_error' } } })
  const { openai, api } = await openCompat({
    provider: openaiOver(server),
    configuration: presets.balanced({ fallbackAiModel: null, lastResort: false }),
  })
  await expect(openai({ maxRetries: 2 }).chat.completions.create(ask)).rejects.toMatchObject({
    status: 422,
    code: 'request_rejected',
  })
  expect(server.requests).toHaveLength(1)
  const conflict = { 'idempotency-key': 'once' }
  await api.post('/v1/chat/completions', ask, conflict)
  const other = await api.post('/v1/chat/completions', { ...ask, temperature: 1 }, conflict)
  expect(other).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining('temperature') } } })
  expect(other.headers.get('x-should-retry')).toBe('false')
})

it.each(['authentication', 'quota_exhausted', 'model_not_found'] as const)(
  'tells nobody to ask again where every provider failed by what lasts: %s',
  async (kind) => {
    let calls = 0
    const failures = () => {
      calls += 1
      return { kind }
    }
    const provider = simulated({ failures })
    const { openai, api } = await openCompat({ provider })
    await expect(openai({ maxRetries: 2 }).chat.completions.create({ ...ask, model: 'gpt-4o' })).rejects.toMatchObject({
      status: 502,
      code: 'providers_failed',
    })
    expect(calls).toBe(1)
    const { headers } = await api.post('/v1/chat/completions', { ...ask, model: 'gpt-4o' })
    expect([headers.get('x-should-retry'), headers.get('retry-after')]).toEqual(['false', null])
  },
)

describe.each([false, true])('the id of the workflow, under which what a failure cost is found (streamed: %s)', (stream) => {
  const body = { ...ask, model: 'gpt-4o', stream }
  const alone = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: null, lastResort: false })
  const usage: Usage = { quantities: [{ meter: 'input', quantity: quantity(1_000), unit: 'tokens' }], certainty: 'exact' }
  const fail = (): never => {
    throw new ProviderError('half an answer', { provider: 'gpt-4o', kind: 'malformed', usage })
  }
  const provider: ProviderAdapter = {
    ...simulated(),
    chat: async () => fail(),
    streamChat: async function* () {
      yield fail()
    },
  }

  it.each([false, true])('comes with the failure, and again with it (joined: %s)', async (isJoined) => {
    const { api, openai, box, account, spent } = await openCompat({ provider, configuration: alone, failedAttempts: 'charged' })
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'work' })).body
    const joins = isJoined && { 'x-farebox-workflow-id': String(workflow_id) }
    const failed = async (headers: Record<string, string>) => {
      const error: unknown = await openai()
        .chat.completions.create(body, { headers: { ...joins, ...headers } })
        .catch((thrown: unknown) => thrown)
      const { status, headers: answered } = error as { status: number; headers: Headers }
      return { status, id: answered.get('x-farebox-workflow-id') ?? '' }
    }
    const once = { 'idempotency-key': 'once' }
    const answers = [await failed(once), await failed(once), await failed({})]
    expect(answers.map(({ status }) => status)).toEqual([502, 409, 502])
    const ids = answers.map(({ id }) => id)
    expect(ids[1]).toBe(ids[0])
    if (isJoined) expect(ids).toEqual(Array(3).fill(workflow_id))
    const costs = await Promise.all([...new Set(ids)].map((id) => box.ledger.workflow(account.accountId, id)))
    expect(costs.reduce((sum, cost) => sum + cost.spent, 0n)).toBe(await spent())
    expect(await spent()).toBe(credits(16))
  })

  it('comes with one that nobody waited for', async () => {
    const server = await openLoopback()
    server.fail({ type: 'silence' })
    const { api, box, account } = await openCompat({ provider: openaiOver(server), routes: { limits: { timeoutMs: 500 } } })
    const late = await api.post('/v1/chat/completions', body)
    expect(late).toMatchObject({ status: 504, body: { error: { code: 'request_timeout' } } })
    const id = late.headers.get('x-farebox-workflow-id') ?? ''
    expect(await box.ledger.workflow(account.accountId, id)).toMatchObject({ name: 'chat' })
  })

  it('comes with the answer of a process that died after it had charged, which was not kept', async () => {
    let now = Date.now()
    const { api, box } = await openCompat({ clock: () => now })
    const { saveDocument } = box.ledger
    box.ledger.saveDocument = (input, call) =>
      input.kind === 'run_end' ? Promise.reject(new Error('the process died')) : saveDocument.call(box.ledger, input, call)
    const send = () => api.post('/v1/chat/completions', body, { 'idempotency-key': 'once' })
    const first = await send()
    expect(first.status).toBe(200)
    now += 11 * 60_000
    const again = await send()
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'answer_not_kept' } } })
    expect(again.headers.get('x-farebox-workflow-id')).toBe(first.headers.get('x-farebox-workflow-id'))
  })

  it('is missing where there is none', async () => {
    const { api } = await openCompat({ balance: 500_000n })
    const idOf = async (given: object) => (await api.post('/v1/chat/completions', given)).headers.get('x-farebox-workflow-id')
    expect([await idOf(body), await idOf({ ...body, model: 'gpt-99' }), await idOf({ ...body, messages: [] })]).toEqual(
      Array(3).fill(null),
    )
  })
})
