import { credits, type Offer, type ProviderAdapter, ProviderError, quantity, type Usage } from '@farebox/core'
import { anthropic } from '@farebox/providers/anthropic'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { defineBusinessAdapter, presets } from 'farebox'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openAccount } from '../farebox/open-box.ts'
import { openLoopback } from '../farebox/parties.ts'
import { startAnthropicLoopback } from '../loopback/anthropic.ts'
import { clients, openaiOver, openCompat } from './open-compat.ts'

const messages = [{ role: 'user' as const, content: 'hello' }]

async function servedBy(
  { api }: Awaited<ReturnType<typeof openCompat>>,
  model: string,
  headers: Record<string, string> = {},
): Promise<unknown> {
  const { status, body } = await api.post('/v1/chat/completions', { model, messages }, headers)
  return status === 200 ? body.model : body.error
}

describe('a model', () => {
  it('is a provider, the model behind one, auto, an agent, a preset or a business adapter, in this order', async () => {
    const compat = await openCompat({
      configuration: presets.balanced({ primaryAiModel: 'claude-3-haiku' }),
      businessAdapters: [defineBusinessAdapter({ name: 'auto', description: '', configuration: { primaryAiModel: 'gpt-4' } })],
    })
    const { box, account } = compat
    const { accountId } = account
    const serviceConfiguration = { primary_ai_model: 'gpt-4' }
    await box.agents.create({ accountId, agentId: 'costOptimized', serviceConfiguration })
    await box.agents.create({ accountId, agentId: 'gpt-4o', serviceConfiguration })
    const stranger = await openAccount(box)
    await box.agents.create({ accountId: stranger.accountId, agentId: 'theirs', serviceConfiguration })

    expect(await servedBy(compat, 'gpt-4o')).toBe('gpt-4o')
    expect(await servedBy(compat, 'auto')).toBe('claude-3-haiku')
    expect(await servedBy(compat, 'costOptimized')).toBe('gpt-4')
    expect(await servedBy(compat, 'premiumQuality')).toBe('gpt-4')
    expect(await servedBy(compat, 'languagelearning')).toBe('gpt-4o-mini')
    for (const unknown of ['theirs', 'openai-tts', 'toString', '']) {
      expect(await servedBy(compat, unknown)).toMatchObject({ param: 'model' })
    }
  })

  it('that is a provider is served by no other', async () => {
    const failures = { 'gpt-4o': { kind: 'unavailable' as const } }
    const { openai } = await openCompat({ provider: simulated({ failures }) })
    await expect(openai().chat.completions.create({ model: 'gpt-4o', messages })).rejects.toMatchObject({ status: 502 })
  })
})

describe('a header', () => {
  it('names the configuration: a preset, an agent, or fields of one', async () => {
    const compat = await openCompat()
    const chosen = (configuration: string, model = 'auto') =>
      servedBy(compat, model, { 'x-farebox-configuration': configuration })
    await compat.box.agents.create({
      accountId: compat.account.accountId,
      agentId: 'desk',
      serviceConfiguration: { primary_ai_model: 'gpt-4o' },
    })
    expect(await chosen('premiumQuality')).toBe('gpt-4')
    expect(await chosen('desk')).toBe('gpt-4o')
    expect(await chosen('{"primary_ai_model":"gpt-4o"}')).toBe('gpt-4o')
    expect(await chosen('nothing')).toMatchObject({ param: 'x-farebox-configuration' })
    expect(await chosen('{"primary_ai_model":7}')).toMatchObject({ param: 'x-farebox-configuration.primary_ai_model' })
    expect(await chosen('{')).toMatchObject({ param: 'x-farebox-configuration' })
    // A typo would be served by the fallback, at its own price.
    expect(await chosen('{"primary_ai_model":"gtp-4o"}')).toMatchObject({
      param: 'x-farebox-configuration.primary_ai_model',
      message: expect.stringContaining('names "gtp-4o" for gpt, which no adapter offers: offered are gpt-4o-mini'),
    })
    expect(await chosen('{"fallback_providers":{"gpt":["gtp-4o"]}}')).toMatchObject({
      param: 'x-farebox-configuration.fallback_providers',
    })
    expect(await chosen('{"conditions":[{"when":{"tier":"free"},"use":{"primary_ai_model":"gtp-4o"}}]}')).toMatchObject({
      param: 'x-farebox-configuration.conditions.0.use.primary_ai_model',
    })
    expect(await chosen('premiumQuality', 'desk')).toMatchObject({ param: 'x-farebox-configuration' })
    const limited = '{"max_credits_per_request":0}'
    expect(await chosen(limited, 'gpt-4o')).toMatchObject({ type: 'insufficient_quota', code: 'request_limit' })
  })

  it('gives metadata, which the configuration’s conditions look at', async () => {
    const condition = { when: { tier: 'gold', region: 'eu' }, use: { primaryAiModel: 'gpt-4' } }
    const compat = await openCompat({ configuration: presets.balanced({ conditions: [condition] }) })
    const chosen = (metadata: string) => servedBy(compat, 'auto', { 'x-farebox-metadata': metadata })
    expect(await chosen('tier=gold, region=eu')).toBe('gpt-4')
    expect(await chosen('{"tier":"gold","region":"eu","seats":3}')).toBe('gpt-4')
    expect(await chosen('tier=gold')).toBe('gpt-4o-mini')
    expect(await chosen('gold')).toMatchObject({
      param: 'x-farebox-metadata',
      message: 'x-farebox-metadata: must be JSON, or a list such as tier=free, region=eu',
    })
    expect(await chosen('{"tier":["gold"]}')).toMatchObject({ param: 'x-farebox-metadata' })
    expect(await chosen('{"tier"')).toMatchObject({ param: 'x-farebox-metadata' })
  })

  it('gives no metadata that the host knows better', async () => {
    const asked: string[] = []
    const knows = vi.fn(async ({ accountId }: { accountId: string }) => {
      asked.push(accountId)
      return asked.length > 4 ? Promise.reject(new Error('the list of tiers cannot be read')) : { tier: 'free' }
    })
    const configuration = presets.balanced({
      conditions: [
        { when: { tier: 'gold' }, use: { primaryAiModel: 'gpt-4' } },
        { when: { tier: 'free', region: 'eu' }, use: { primaryAiModel: 'claude-3-haiku' } },
      ],
    })
    const onError = vi.fn()
    const compat = await openCompat({ configuration, routes: { metadata: knows, onError } })
    const { api, box, account, spent } = compat
    expect(await servedBy(compat, 'auto', { 'x-farebox-metadata': 'tier=gold' })).toBe('gpt-4o-mini')
    expect(await servedBy(compat, 'auto', { 'x-farebox-metadata': 'tier=gold, region=eu' })).toBe('claude-3-haiku')
    expect(await servedBy(compat, 'auto')).toBe('gpt-4o-mini')
    // An agent's conditions look at it too, where a caller can say nothing.
    const { accountId } = account
    await box.agents.create({
      accountId,
      agentId: 'desk',
      serviceConfiguration: { conditions: [{ when: { tier: 'free' }, use: { primary_ai_model: 'gpt-4' } }] },
    })
    const chat = await api.post('/api/v1/agent/desk/chat', { message: 'hello' })
    expect(chat.body).toMatchObject({ receipt: { services_used: [{ provider: 'gpt-4' }] } })
    expect(asked).toEqual([accountId, accountId, accountId, accountId])

    const before = await spent()
    expect(await api.post('/v1/chat/completions', { model: 'auto', messages })).toMatchObject({ status: 500 })
    expect(await spent()).toBe(before)
    expect(onError).toHaveBeenCalledWith(
      expect.objectContaining({ message: 'the list of tiers cannot be read' }),
      expect.anything(),
    )
  })

  it('names the workflow, and says what it may cost', async () => {
    const { api, box, account } = await openCompat()
    const post = (headers: Record<string, string>) => api.post('/v1/chat/completions', { model: 'gpt-4', messages }, headers)
    const named = await post({ 'x-farebox-workflow': 'night_shift', 'x-farebox-max-credits': '30' })
    expect(named.status).toBe(200)
    expect(await post({ 'x-farebox-workflow': 'night_shift', 'x-farebox-max-credits': '1' })).toMatchObject({
      status: 402,
      body: { error: { type: 'insufficient_quota', code: 'workflow_ceiling' } },
    })
    const { workflow_breakdown } = await box.usage({ accountId: account.accountId })
    expect(workflow_breakdown.night_shift).toMatchObject({ total_credits: Number(named.headers.get('x-farebox-credits-used')) })
    expect(await post({ 'x-farebox-max-credits': 'much' })).toMatchObject({
      status: 422,
      body: { error: { param: 'x-farebox-max-credits' } },
    })
  })

  it('joins an open workflow of the account, and of no other', async () => {
    const { api, box } = await openCompat()
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'shift', max_credits: 3 })).body
    const headers = { 'x-farebox-workflow-id': String(workflow_id) }
    const ask = { model: 'gpt-4o-mini', messages }
    for (const stream of [false, true, false]) {
      const joined = await api.post('/v1/chat/completions', { ...ask, stream }, headers)
      expect(joined.status).toBe(200)
      expect(joined.headers.get('x-farebox-workflow-id')).toBe(workflow_id)
    }
    // Calls of one workflow are rounded up together: three small ones cost one credit.
    expect((await api.get(`/api/v1/workflows/${workflow_id}`)).body).toMatchObject({
      total_credits_used: 1,
      services_used: [{ service_type: 'gpt', units_consumed: 120 }],
    })
    const over = await api.post('/v1/chat/completions', { ...ask, model: 'gpt-4' }, headers)
    expect(over).toMatchObject({ status: 402, body: { error: { code: 'workflow_ceiling' } } })
    const stranger = api.as((await openAccount(box)).key)
    expect(await stranger.post('/v1/chat/completions', ask, headers)).toMatchObject({ status: 404 })
    await api.post(`/api/v1/workflows/${workflow_id}/close`, {})
    expect(await api.post('/v1/chat/completions', ask, headers)).toMatchObject({
      status: 409,
      body: { error: { code: 'workflow_closed' } },
    })
    expect(await api.post('/v1/chat/completions', ask, { ...headers, 'x-farebox-max-credits': '9' })).toMatchObject({
      status: 422,
      body: { error: { param: 'x-farebox-max-credits' } },
    })
  })
})

describe('parameters of OpenAI’s', () => {
  const own = {
    response_format: { type: 'json_object' },
    seed: 7,
    logprobs: true,
    top_logprobs: 2,
    top_p: 0.5,
    reasoning_effort: 'low',
    some_day: { new: true },
  }

  it('reach OpenAI untouched, beside what everybody understands', async () => {
    const server = await openLoopback()
    const { api } = await openCompat({ provider: openaiOver(server) })
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } }
    const body = {
      model: 'gpt-4o',
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
        { role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] },
      ],
      max_tokens: 9,
      stop: 'END',
      temperature: 0,
      ...own,
    }
    expect((await api.post('/v1/chat/completions', body)).status).toBe(200)
    const { max_tokens, ...rest } = body
    expect(server.requests[0]?.body).toEqual({
      ...rest,
      messages: [{ role: 'developer', content: 'Be brief.' }, body.messages[1]],
      max_completion_tokens: max_tokens,
      stop: ['END'],
      stream: false,
    })
  })

  it('hold Claude to the schema of an answer in its own words, where its model can be held to one', async () => {
    const server = await startAnthropicLoopback({ answer: () => ({ text: '{"grade":1}' }) })
    onTestFinished(() => server.close())
    const { openai } = await openCompat({ provider: anthropic({ apiKey: server.apiKey, baseURL: server.url }) })
    const grade = { type: ['integer', 'null'], description: 'As in school.', minimum: 1, maximum: 5 }
    const schema = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: {
        grade,
        pupil: {
          oneOf: [
            { type: 'object', properties: {} },
            { type: 'string', format: 'email' },
          ],
        },
      },
      required: ['grade'],
    }
    const model = 'claude-3-haiku'
    const response_format = { type: 'json_schema' as const, json_schema: { name: 'report', schema } }
    const { choices } = await openai().chat.completions.parse({ model, messages, response_format })
    expect(choices[0]?.message.parsed).toEqual({ grade: 1 })
    await openai().responses.create({ model, input: 'hello', text: { format: { type: 'json_schema', name: 'report', schema } } })
    await openai().chat.completions.create({ model, messages, response_format: { type: 'json_object' } })
    const held = {
      type: 'object',
      properties: {
        grade: { type: ['integer', 'null'], description: 'As in school.\n{"minimum":1,"maximum":5}' },
        pupil: {
          anyOf: [
            { type: 'object', properties: {}, additionalProperties: false },
            { type: 'string', format: 'email' },
          ],
        },
      },
      required: ['grade'],
      additionalProperties: false,
    }
    const format = { type: 'json_schema', schema: held }
    expect(server.requests.map(({ body }) => body.output_config)).toEqual([{ format }, { format }, undefined])
    // What was asked for is no wish to think.
    expect(server.requests.map(({ body }) => body.thinking)).toEqual(Array(3).fill({ type: 'disabled' }))
  })

  it.each([
    ['of names that it leaves open', { type: 'object', additionalProperties: { type: 'number' } }],
    ['of any kind', { type: 'object' }],
    ['of anything', { type: 'object', properties: {}, additionalProperties: true }],
    ['of names by a pattern', { type: 'object', patternProperties: { '^.*$': { type: 'number' } } }],
    ['of two parts', { allOf: colours('red', 'blue') }],
    ['of the properties of either part', { type: 'object', oneOf: colours('red', 'blue') }],
    ['of its own properties and those of a part', { ...colours('red')[0], anyOf: colours('blue') }],
  ])('hold Claude to no object %s, which closed could hold nothing, so another holds itself to it', async (_, scores) => {
    const server = await openLoopback({ chat: () => ({ text: '{"scores":{"red":1,"blue":2}}' }) })
    const other = await startAnthropicLoopback({ answer: () => ({ text: '{"scores":{}}' }) })
    onTestFinished(() => other.close())
    const providers = [openaiOver(server), anthropic({ apiKey: other.apiKey, baseURL: other.url })]
    const { api } = await openCompat({ providers, configuration: presets.balanced({ primaryAiModel: 'claude-3-haiku' }) })
    const schema = { type: 'object', properties: { scores }, required: ['scores'] }
    const format = { type: 'json_schema', json_schema: { name: 'report', schema } }
    const ask = (model: string) => api.post('/v1/chat/completions', { model, messages, response_format: format })
    const answer = await ask('auto')
    expect([answer.status, answer.headers.get('x-farebox-provider')]).toEqual([200, 'gpt-4o-mini'])
    expect(server.requests[0]?.body).toMatchObject({ response_format: format })
    expect(await ask('claude-3-haiku')).toMatchObject({
      status: 422,
      body: { error: { param: 'response_format', message: expect.stringContaining('unsupported: schema_refused at') } },
    })
  })

  it('hold Claude to no object of two definitions, each of which closed would forbid the other', async () => {
    const server = await openLoopback({ chat: () => ({ text: '{"red":1,"blue":2}' }) })
    const other = await startAnthropicLoopback({ answer: () => ({ text: '{}' }) })
    onTestFinished(() => other.close())
    const providers = [openaiOver(server), anthropic({ apiKey: other.apiKey, baseURL: other.url })]
    const { api } = await openCompat({ providers, configuration: presets.balanced({ primaryAiModel: 'claude-3-haiku' }) })
    const [red, blue] = colours('red', 'blue')
    const $defs = { 'a/red': red, Blue: { $ref: '#/$defs/Other' }, Other: blue, 'a%': { type: 'string' } }
    const ask = (schema: object) => {
      const response_format = { type: 'json_schema', json_schema: { name: 'report', schema } }
      return api.post('/v1/chat/completions', { model: 'auto', messages, response_format })
    }
    const both = await ask({ $defs, allOf: [{ $ref: '#/$defs/a~1red' }, { $ref: '#/$defs/Blue' }] })
    expect([both.status, both.headers.get('x-farebox-provider')]).toEqual([200, 'gpt-4o-mini'])
    // One alone can be closed, and a reference to nowhere is for Claude to judge.
    const one = await ask({ $defs, allOf: [{ $ref: '#/$defs/Other' }, { $ref: '#/$defs/a%/none' }] })
    expect([one.status, one.headers.get('x-farebox-provider')]).toEqual([200, 'claude-3-haiku'])
  })

  const report = { type: 'json_schema', json_schema: { name: 'report', schema: {} } }
  it.each([
    ['response_format', 'json'],
    ['response_format', ['json_object']],
    ['response_format.type', {}],
    ['response_format.type', { json_schema: report.json_schema }],
    ['response_format.json_schema', { type: 'json_schema' }],
    ['response_format.json_schema', { ...report.json_schema, type: 'json_schema' }],
    ['response_format.json_schema', { type: 'json_schema', json_schema: '{}' }],
    ['response_format.json_schema.schema', { type: 'json_schema', json_schema: { name: 'report', schema: '{}' } }],
  ])('of a wrong form are refused by name, whoever would serve: %s of %j', async (param, response_format) => {
    const server = await startAnthropicLoopback()
    onTestFinished(() => server.close())
    const { api } = await openCompat({ provider: anthropic({ apiKey: server.apiKey, baseURL: server.url }) })
    const answer = await api.post('/v1/chat/completions', { model: 'claude-3-haiku', messages, response_format })
    expect(answer).toMatchObject({ status: 422, body: { error: { type: 'invalid_request_error', param } } })
    expect(server.requests).toEqual([])
  })

  it.each([
    ['text', 'json'],
    ['text.format', { format: 'json_object' }],
    ['text.format.type', { format: {} }],
    ['text.format.schema', { format: { type: 'json_schema', name: 'report' } }],
    ['text.format.schema', { format: report }],
  ])('of responses of a wrong form are refused by name: %s of %j', async (param, text) => {
    const { api } = await openCompat()
    const answer = await api.post('/v1/responses', { model: 'auto', input: 'hello', text })
    expect(answer).toMatchObject({ status: 422, body: { error: { param } } })
  })

  it('that only some servers know reach those, and no Claude, which would answer without them', async () => {
    const server = await openLoopback()
    const other = await startAnthropicLoopback()
    onTestFinished(() => other.close())
    const providers = [openaiOver(server), anthropic({ apiKey: other.apiKey, baseURL: other.url })]
    const { api } = await openCompat({ providers, configuration: presets.balanced({ primaryAiModel: 'claude-3-haiku' }) })
    const response_format = { type: 'grammar', grammar: 'root ::= "yes" | "no"' }
    const answer = await api.post('/v1/chat/completions', { model: 'auto', messages, response_format })
    expect([answer.status, answer.headers.get('x-farebox-provider')]).toEqual([200, 'gpt-4o-mini'])
    expect(server.requests.at(-1)?.body).toMatchObject({ response_format })
  })

  it('of the other API are refused by name rather than left out', async () => {
    const { api } = await openCompat()
    expect(
      await api.post('/v1/responses', { model: 'auto', input: 'hello', response_format: { type: 'json_object' } }),
    ).toMatchObject({
      status: 422,
      body: { error: { param: 'response_format', message: expect.stringContaining('text.format') } },
    })
    expect(
      await api.post('/v1/chat/completions', { model: 'auto', messages, text: { format: { type: 'json_object' } } }),
    ).toMatchObject({ status: 422, body: { error: { param: 'text', message: expect.stringContaining('response_format') } } })
  })

  it('stop a response where a chat serves it, which knows stop sequences', async () => {
    const server = await openLoopback()
    const responses = await openLoopback()
    const other = await startAnthropicLoopback()
    onTestFinished(() => other.close())
    const providers = [openaiOver(server), anthropic({ apiKey: other.apiKey, baseURL: other.url })]
    const { api } = await openCompat({ providers })
    const ask = { model: 'gpt-4o', input: 'hello', stop: 'END' }
    expect((await api.post('/v1/responses', ask)).status).toBe(200)
    expect((await api.post('/v1/responses', { ...ask, model: 'claude-3-haiku', stop: ['END'] })).status).toBe(200)
    expect(server.requests[0]?.body).toMatchObject({ stop: ['END'] })
    expect(other.requests[0]?.body).toMatchObject({ stop_sequences: ['END'] })
    const { api: over } = await openCompat({ provider: openaiOver(responses, 'responses') })
    expect(await over.post('/v1/responses', ask)).toMatchObject({
      status: 422,
      body: { error: { param: 'stop', message: expect.stringContaining('unsupported') } },
    })
  })

  it.each([
    { prefixItems: [{ type: 'string' }, { type: 'number' }], items: false },
    { prefixItems: [{ type: 'string' }], items: { type: 'number' } },
    { items: [{ type: 'string' }, { type: 'number' }], additionalItems: false },
  ])('tell Claude of a tuple, whose items it enforces only where all are alike: %j', async (tuple) => {
    const server = await startAnthropicLoopback({ answer: () => ({ text: '{"pair":["a",1]}' }) })
    onTestFinished(() => server.close())
    const { openai } = await openCompat({ provider: anthropic({ apiKey: server.apiKey, baseURL: server.url }) })
    const schema = { type: 'object', properties: { pair: { type: 'array', ...tuple } }, required: ['pair'] }
    const response_format = { type: 'json_schema' as const, json_schema: { name: 'report', schema } }
    await openai().chat.completions.create({ model: 'claude-3-haiku', messages, response_format })
    expect(server.requests[0]?.body).toMatchObject({
      output_config: { format: { schema: { properties: { pair: { type: 'array', description: JSON.stringify(tuple) } } } } },
    })
    expect(JSON.stringify(server.requests[0]?.body.output_config)).not.toContain('"items":')
  })

  it('let Claude call one tool at a time, where the caller takes no more', async () => {
    const server = await startAnthropicLoopback()
    onTestFinished(() => server.close())
    const { openai } = await openCompat({ provider: anthropic({ apiKey: server.apiKey, baseURL: server.url }) })
    const model = 'claude-3-haiku'
    const tools = [{ type: 'function' as const, function: { name: 'weather' } }]
    const one = { model, messages, parallel_tool_calls: false }
    await openai().chat.completions.create({ ...one, tools })
    await openai().chat.completions.create({ ...one, tools, tool_choice: 'required' })
    const ofResponses = [{ type: 'function' as const, name: 'weather', parameters: {}, strict: false }]
    await openai().responses.create({ model, input: 'hello', parallel_tool_calls: false, tools: ofResponses })
    // Anthropic refuses a choice among no tools.
    await openai().chat.completions.create(one)
    await openai().chat.completions.create({ ...one, tools, parallel_tool_calls: true })
    const auto = { type: 'auto', disable_parallel_tool_use: true }
    const sent = server.requests.map(({ body }) => body.tool_choice)
    expect(sent).toEqual([auto, { ...auto, type: 'any' }, auto, undefined, undefined])
  })

  it('say nothing of how tools are called where there are none, which OpenAI refuses in chats', async () => {
    const server = await openLoopback()
    const { openai } = await openCompat({ provider: openaiOver(server) })
    const wish = { model: 'gpt-4o', tool_choice: 'auto' as const, parallel_tool_calls: false }
    await openai().responses.create({ ...wish, input: 'hello' })
    await openai().responses.create({ ...wish, input: 'hello', tools: [] })
    for (const { body } of server.requests) expect(Object.keys(body)).not.toContain('parallel_tool_calls')
    for (const { body } of server.requests) expect(Object.keys(body)).not.toContain('tool_choice')
    const tools = [{ type: 'function' as const, name: 'weather', parameters: {}, strict: false }]
    await openai().responses.create({ ...wish, input: 'hello', tools })
    expect(server.requests).toHaveLength(3)
    expect(server.requests[2]?.body).toMatchObject({ parallel_tool_calls: false, tool_choice: 'auto' })
  })

  it('keep who says something apart from others of the same role', async () => {
    const server = await openLoopback()
    const { api } = await openCompat({ provider: openaiOver(server) })
    const named = [
      { role: 'system', name: 'example_user', content: 'I like tea.' },
      { role: 'user', name: 'Ada', content: 'I like tea.' },
      { role: 'user', name: 'Bob', content: [{ type: 'text', text: 'I like coffee.' }] },
      { role: 'assistant', name: 'butler', content: 'Noted.' },
      { role: 'user', content: 'What does Bob like?' },
    ]
    expect((await api.post('/v1/chat/completions', { model: 'gpt-4o', messages: named })).status).toBe(200)
    expect(server.requests[0]?.body.messages).toEqual(named)
  })

  it('leave the words of an earlier refusal in the conversation, which holds no other', async () => {
    const server = await openLoopback()
    const { api } = await openCompat({ provider: openaiOver(server) })
    const refused = { role: 'assistant', content: null, refusal: 'I will not.' }
    const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Do it.' }, refused, { role: 'user', content: 'Why?' }] }
    expect((await api.post('/v1/chat/completions', body)).status).toBe(200)
    expect(server.requests[0]?.body).toMatchObject({ messages: [{}, { role: 'assistant', content: 'I will not.' }, {}] })
  })

  it.each([[''], [[]]])('leave the words of a refusal in the conversation beside a content of %j', async (content) => {
    const server = await openLoopback()
    const { api } = await openCompat({ provider: openaiOver(server) })
    const said = [...messages, { role: 'assistant', content, refusal: 'I will not.' }, ...messages]
    expect((await api.post('/v1/chat/completions', { model: 'gpt-4o', messages: said })).status).toBe(200)
    expect(server.requests[0]?.body).toMatchObject({ messages: [{}, { role: 'assistant', content: 'I will not.' }, {}] })
  })

  it('reach OpenAI also under names that every object has', async () => {
    const server = await openLoopback()
    const { api } = await openCompat({ provider: openaiOver(server) })
    const odd = { constructor: { name: 'x' }, toString: 1, hasOwnProperty: 2, valueOf: 3 }
    for (const stream of [false, true]) {
      expect((await api.post('/v1/chat/completions', { model: 'gpt-4o', messages, stream, ...odd })).status).toBe(200)
    }
    for (const { body } of server.requests) expect(Object.entries(body)).toEqual(expect.arrayContaining(Object.entries(odd)))
  })

  it('stay behind where another provider takes over, which would refuse them', async () => {
    const server = await openLoopback()
    server.fail({ type: 'status', status: 503 }, { times: 10 })
    const other = await startAnthropicLoopback()
    onTestFinished(() => other.close())
    const providers = [openaiOver(server), anthropic({ apiKey: other.apiKey, baseURL: other.url })]
    const { api } = await openCompat({ providers })
    const tools = [{ type: 'function', function: { name: 'weather', strict: true } }]
    for (const stream of [false, true]) {
      const body = { model: 'auto', messages, tools, max_tokens: 50, temperature: 1.5, stream, ...own }
      const answer = await api.post('/v1/chat/completions', body)
      expect([answer.status, answer.headers.get('x-farebox-provider')]).toEqual([200, 'claude-3-haiku'])
    }
    expect(server.requests[0]?.body).toMatchObject({ ...own, tools })
    expect(other.requests[0]?.body).toMatchObject({
      max_tokens: 50,
      tools: [{ name: 'weather', input_schema: { type: 'object' } }],
    })
    expect(other.requests).toHaveLength(2)
  })

  it('that Anthropic refuses are left out where they say nothing, and else served by who can', async () => {
    const server = await openLoopback()
    const other = await startAnthropicLoopback()
    onTestFinished(() => other.close())
    const providers = [openaiOver(server), anthropic({ apiKey: other.apiKey, baseURL: other.url })]
    const { api } = await openCompat({ providers, configuration: presets.balanced({ primaryAiModel: 'claude-3-haiku' }) })
    const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }
    const talk = [
      { role: 'system', content: ' ' },
      { role: 'user', content: 'Look.' },
      { role: 'assistant', content: '\n\n', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
    ]
    const ask = (model: string, fields: object) => api.post('/v1/chat/completions', { model, messages: talk, ...fields })
    expect((await ask('claude-3-haiku', {})).status).toBe(200)
    expect(other.requests[0]?.body).not.toHaveProperty('system')
    const stopped = await ask('auto', { stop: ['END', '\n'] })
    expect([stopped.status, stopped.headers.get('x-farebox-provider')]).toEqual([200, 'gpt-4o-mini'])
    expect(await ask('claude-3-haiku', { stop: '\n' })).toMatchObject({
      status: 422,
      body: { error: { message: expect.stringContaining('(claude-3-haiku unsupported: at stop)') } },
    })
  })

  it('that a model refuses are left out where the caller named none, and kept for a model named', async () => {
    const server = await openLoopback()
    const offers = ['gpt-5', 'gpt-4o-mini'].map(
      (model, at): Offer => ({
        service: 'gpt',
        provider: at === 0 ? 'gpt-4o' : model,
        model,
        capabilities: { streaming: true },
        quality: 0.9 - at / 10,
        latencyMs: 500,
      }),
    )
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'gpt-4o-mini' })
    const { api } = await openCompat({
      providers: [openai({ apiKey: server.apiKey, baseURL: server.url, offers })],
      configuration,
    })
    const sampling = { top_p: 0.5, frequency_penalty: 1, logprobs: true }
    const ask = (model: string, fields: object) => api.post('/v1/chat/completions', { model, messages, ...fields })
    for (const stream of [false, true]) {
      expect((await ask('auto', { ...sampling, seed: 7, stream })).status).toBe(200)
      expect(server.requests.at(-1)?.body).toMatchObject({ model: 'gpt-5', seed: 7 })
      for (const name of Object.keys(sampling)) expect(server.requests.at(-1)?.body).not.toHaveProperty(name)
    }
    await ask('gpt-5', sampling)
    expect(server.requests.at(-1)?.body).toMatchObject({ model: 'gpt-5', ...sampling })

    const before = server.requests.length
    expect((await ask('auto', { ...sampling, stop: 'END' })).headers.get('x-farebox-provider')).toBe('gpt-4o-mini')
    expect(server.requests).toHaveLength(before + 1)
    expect(server.requests.at(-1)?.body).toMatchObject({ model: 'gpt-4o-mini', stop: ['END'], ...sampling })
    expect(await ask('gpt-5', { stop: 'END' })).toMatchObject({
      status: 422,
      body: { error: { message: expect.stringContaining('(gpt-4o unsupported: at stop)') } },
    })
  })

  it('come back: likelihoods of tokens, plain and streamed', async () => {
    const content = [{ token: 'hi', logprob: -0.1, bytes: [104, 105], top_logprobs: [] }]
    const base = simulated()
    const likely: ProviderAdapter = {
      ...base,
      async chat({ model }) {
        return { text: 'hi', finishReason: 'stop', model, logprobs: { content, refusal: null } }
      },
      async *streamChat({ model }) {
        yield { type: 'text', text: 'hi', logprobs: { content, refusal: null } }
        yield { type: 'finish', finishReason: 'stop', model }
      },
    }
    const { openai } = await openCompat({ provider: likely })
    const ask = { model: 'gpt-4o', messages, logprobs: true }
    const whole = await openai().chat.completions.create(ask)
    const streamed = await openai().chat.completions.stream(ask).finalChatCompletion()
    expect(whole.choices[0]?.logprobs?.content).toEqual(content)
    expect(streamed.choices[0]?.logprobs?.content).toEqual(content)
    // Nobody said what it used, so nothing is said of that.
    expect(whole.usage).toBeUndefined()
  })
})

describe('under one idempotency key', () => {
  const headers = { 'idempotency-key': 'order-66' }
  const posts: readonly [path: string, body: Record<string, unknown>][] = [
    ['/v1/chat/completions', { model: 'auto', messages }],
    ['/v1/chat/completions', { model: 'auto', messages, stream: true, stream_options: { include_usage: true } }],
    ['/v1/responses', { model: 'auto', input: 'hello' }],
    ['/v1/embeddings', { model: 'auto', input: 'hello' }],
    ['/v1/audio/speech', { model: 'auto', input: 'hello' }],
    ['/v1/audio/speech', { model: 'auto', input: 'hello', stream_format: 'audio' }],
  ]
  it.each(posts)('%s %j is done once', async (path, body) => {
    const { api, spent } = await openCompat()
    const first = await api.post(path, body, headers)
    const cost = await spent()
    // What is kept of a stream is written down when it has ended.
    let again: typeof first
    do again = await api.post(path, body, headers)
    while (again.status === 409)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(again.headers.get('x-farebox-workflow-id')).toBe(first.headers.get('x-farebox-workflow-id'))
    // A stream that is given again is not cut where it was before.
    if (body.stream === true) expect(textOf(again.body)).toEqual(textOf(first.body))
    else expect(again.body).toEqual(first.body)
    expect(await spent()).toBe(cost)
    const other = await api.post(path, { ...body, user: 'somebody else' }, headers)
    expect(other).toMatchObject({ status: 409, body: { error: { code: 'idempotency_conflict' } } })
  })

  it.each(['path', 'api_key', 'x-farebox-metadata'])('a field of the body counts, also where it is called %s', async (name) => {
    const { api } = await openCompat()
    const once = { ...headers, 'x-farebox-metadata': 'tier=free' }
    const ask = { model: 'auto', messages }
    expect((await api.post('/v1/chat/completions', { ...ask, [name]: 'one' }, once)).status).toBe(200)
    const again = await api.post('/v1/chat/completions', { ...ask, [name]: 'one' }, once)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    for (const other of [{ [name]: 'two' }, {}]) {
      const { status, body } = await api.post('/v1/chat/completions', { ...ask, ...other }, once)
      expect({ status, body }).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining(name) } } })
    }
  })

  it.each(clients)('what $sdk tries again by itself is charged once, where it sends a key of its own', async ({ Client }) => {
    class Once extends Client {
      protected override idempotencyHeader = 'Idempotency-Key'
    }
    const { account, baseURL, spent } = await openCompat({ Client })
    let sent = 0
    const losing = async (url: string | URL | Request, init?: RequestInit) => {
      const answer = await fetch(url, init)
      sent += 1
      if (sent % 2 === 0) return answer
      await answer.text()
      throw new TypeError('the connection broke')
    }
    const openai = new Once({ apiKey: account.key, baseURL, maxRetries: 10, fetch: losing })
    const ask = { model: 'gpt-4o-mini', messages }
    const { data, response } = await openai.chat.completions.create(ask).withResponse()
    expect([data.choices[0]?.message.content, response.headers.get('idempotency-replayed')]).toEqual([
      expect.stringContaining('hello'),
      'true',
    ])
    await openai.chat.completions.stream(ask).finalChatCompletion()
    // Another request is another one, although it asks the same.
    expect(await spent()).toBe(credits(2))
  })

  it.each([
    { stream: false, isShared: false },
    { stream: true, isShared: false },
    { stream: false, isShared: true },
    { stream: true, isShared: true },
  ])('a request whose failed attempts were charged is not begun again: %j', async ({ stream, isShared }) => {
    const usage: Usage = { quantities: [{ meter: 'input', quantity: quantity(1_000), unit: 'tokens' }], certainty: 'exact' }
    let asked = 0
    const fail = (): never => {
      asked += 1
      throw new ProviderError('half an answer', { provider: 'gpt-4o', kind: 'malformed', usage })
    }
    const { api, spent } = await openCompat({
      provider: {
        ...simulated(),
        chat: async () => fail(),
        streamChat: async function* () {
          yield fail()
        },
      },
      configuration: presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: null, lastResort: false }),
      failedAttempts: 'charged',
    })
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'work' })).body
    const all = { ...headers, ...(isShared && { 'x-farebox-workflow-id': String(workflow_id) }) }
    const send = () => api.post('/v1/chat/completions', { model: 'gpt-4o', messages, stream }, all)
    expect(await send()).toMatchObject({ status: 502, body: { error: { code: 'providers_failed' } } })
    expect(await spent()).toBe(credits(8))
    const again = await send()
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'answer_not_kept' } } })
    expect([again.headers.get('idempotency-replayed'), again.headers.get('x-should-retry')]).toEqual(['true', 'false'])
    expect([asked, await spent()]).toEqual([1, credits(8)])
  })

  it('a stream that broke off is not begun again: it was charged', async () => {
    const server = await openLoopback()
    server.fail({ type: 'cut', after: 3 })
    const { api, spent } = await openCompat({ provider: openaiOver(server) })
    const ask = { model: 'gpt-4o', messages, stream: true }
    await api.post('/v1/chat/completions', ask, headers)
    await expect.poll(spent, { interval: 5 }).toBe(credits(1))
    const again = async () => (await api.post('/v1/chat/completions', ask, headers)).body.error?.code
    await expect.poll(again, { interval: 5 }).toBe('stream_cut')
    expect(server.requests).toHaveLength(1)
  })
})

function textOf(events: unknown): unknown[] {
  const chunks = String(events)
    .split('\n\n')
    .flatMap((event) => (/^data: \{/.test(event) ? [JSON.parse(event.slice('data: '.length))] : []))
  const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
  const { id, usage, farebox } = chunks.at(-1)
  return [id, text, usage, farebox]
}

/** Objects that have one property each. */
function colours(...names: readonly string[]) {
  return names.map((name) => ({ type: 'object', properties: { [name]: { type: 'number' } }, required: [name] }))
}
