import { type ChatEvent, credits, type ProviderAdapter } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import type OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { clients, openaiOver, openCompat, pairs } from './open-compat.ts'

const ask = { model: 'gpt-4o-mini', input: 'When do you open?', instructions: 'Be brief.' }
const tools: OpenAI.Responses.FunctionTool[] = [
  { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} }, strict: false },
]

describe.each(pairs)('responses of $sdk at $name', ({ host, Client }) => {
  it('come as a whole', async () => {
    const { openai, spent } = await openCompat({ host, Client })
    const { data: response, response: http } = await openai().responses.create(ask).withResponse()
    expect(response.output_text).toContain('When do you open?')
    expect(response).toMatchObject({
      id: expect.stringMatching(/^resp_/),
      object: 'response',
      status: 'completed',
      model: 'gpt-4o-mini',
      instructions: 'Be brief.',
      store: false,
      output: [{ type: 'message', role: 'assistant', status: 'completed' }],
      usage: { input_tokens: 16, input_tokens_details: { cached_tokens: 0 }, output_tokens: expect.any(Number) },
    })
    expect(http.headers.get('x-farebox-credits-used')).toBe('1')
    expect(await spent()).toBe(credits(1))
  })

  it('come bit by bit, and amount to the same', async () => {
    const { openai, spent } = await openCompat({ host, Client })
    const events: OpenAI.Responses.ResponseStreamEvent[] = []
    const stream = openai().responses.stream(ask)
    for await (const event of stream) events.push(event)
    const response = await stream.finalResponse()
    const whole = await openai().responses.create(ask)
    expect(response.output_text).toBe(whole.output_text)
    expect(response.usage).toEqual(whole.usage)
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index))
    const types = events.map(({ type }) => type).filter((type) => type !== 'response.output_text.delta')
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.at(-1)).toMatchObject({ response: { farebox: { credits_used: 1, provider: 'gpt-4o-mini' } } })
    expect(await spent()).toBe(credits(2))
  })
})

describe.each(clients)('responses of $sdk', ({ Client }) => {
  it.each(['chat', 'responses'] as const)('pass tools, images and formats on over a provider’s %s', async (api) => {
    const server = await openLoopback({
      chat: ({ messages }) =>
        JSON.stringify(messages).includes('sunny')
          ? { text: '{"sky":"blue"}' }
          : { text: '{"wait":true}', toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{}' }] },
    })
    const { openai } = await openCompat({ Client, provider: openaiOver(server, api) })
    const input: OpenAI.Responses.ResponseInput = [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is this, and the weather there?' },
          { type: 'input_image', image_url: 'https://pictures.example/graz.png', detail: 'low' },
        ],
      },
    ]
    const format = { type: 'json_schema' as const, name: 'sky', schema: { type: 'object' }, strict: true }
    const asked = { model: 'gpt-4o', tools, text: { format } }
    const stream = openai().responses.stream({ ...asked, input })
    const first = await stream.finalResponse()
    expect(first.output).toMatchObject([
      { type: 'message', content: [{ text: '{"wait":true}' }] },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{}' },
    ])
    input.push(...(first.output as OpenAI.Responses.ResponseInput), {
      type: 'function_call_output',
      call_id: 'call_1',
      output: 'sunny',
    })
    const second = await openai().responses.create({ ...asked, input })
    expect(second.output_text).toBe('{"sky":"blue"}')
    const [, sent] = server.requests
    if (api === 'responses') {
      expect(sent?.body).toMatchObject({ text: { format }, tools, store: false })
      expect(sent?.body.input).toMatchObject([
        { role: 'user', content: [{ type: 'input_text' }, { type: 'input_image', detail: 'low' }] },
        { role: 'assistant', content: '{"wait":true}' },
        { type: 'function_call', call_id: 'call_1' },
        { type: 'function_call_output', call_id: 'call_1', output: 'sunny' },
      ])
    } else {
      const { type, ...json_schema } = format
      expect(sent?.body).toMatchObject({ response_format: { type, json_schema } })
      expect(sent?.body.messages).toMatchObject([
        { role: 'user', content: [{ type: 'text' }, { type: 'image_url', image_url: { detail: 'low' } }] },
        { role: 'assistant', content: '{"wait":true}', tool_calls: [{ id: 'call_1' }] },
        { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
      ])
    }
  })
})

it.each(clients)('of $sdk keep apart what a model says between calls of tools', async ({ Client }) => {
  const model = 'claude-3-haiku'
  const told: ChatEvent[] = [
    { type: 'text', text: 'Graz first. ' },
    { type: 'tool_call', index: 0, id: 'call_1', name: 'weather', arguments: '{"at":"Graz"}' },
    { type: 'text', text: 'Then Linz.' },
    { type: 'tool_call', index: 1, id: 'call_2', name: 'weather', arguments: '{"at":"Linz"}' },
    { type: 'finish', finishReason: 'tool_calls', model },
  ]
  const provider: ProviderAdapter = {
    ...simulated(),
    async *streamChat() {
      yield* told
    },
  }
  const { openai } = await openCompat({ Client, provider })
  const stream = openai().responses.stream({ ...ask, tools })
  const added: string[] = []
  stream.on('response.output_item.added', ({ output_index, item }) => added.push(`${output_index} ${item.id}`))
  const { output, output_text } = await stream.finalResponse()
  expect(output_text).toBe('Graz first. Then Linz.')
  expect(output).toMatchObject([
    { type: 'message' },
    { type: 'function_call', call_id: 'call_1', arguments: '{"at":"Graz"}' },
    { type: 'message', content: [{ text: 'Then Linz.' }] },
    { type: 'function_call', call_id: 'call_2', arguments: '{"at":"Linz"}' },
  ])
  expect(added).toEqual(output.map(({ id }, index) => `${index} ${id}`))
  expect(new Set(output.map(({ id }) => id)).size).toBe(4)
})

it.each<[name: string, told: ChatEvent[]]>([
  [
    'a text between two calls',
    [
      { type: 'text', text: 'Graz first. ' },
      { type: 'tool_call', index: 0, id: 'call_1', name: 'weather', arguments: '{"at":"Graz"}' },
      { type: 'text', text: 'Then ' },
      { type: 'text', text: 'Linz.' },
      { type: 'tool_call', index: 1, id: 'call_2', name: 'weather', arguments: '{"at":"Linz"}' },
    ],
  ],
  [
    'a refusal before a text',
    [
      { type: 'text', text: 'Not Graz. ', isRefusal: true },
      { type: 'text', text: 'Linz is sunny.' },
    ],
  ],
])('are streamed again as they came under an idempotency key: %s', async (_, told) => {
  const provider: ProviderAdapter = {
    ...simulated(),
    async *streamChat() {
      yield* [...told, { type: 'finish' as const, finishReason: 'stop' as const, model: 'claude-3-haiku' }]
    },
  }
  const { openai } = await openCompat({ provider })
  const output = async () => {
    const stream = openai().responses.stream({ ...ask, tools }, { headers: { 'idempotency-key': 'k' } })
    return (await stream.finalResponse()).output
  }
  const first = await output()
  expect(first.length).toBeGreaterThan(1)
  expect(await output()).toEqual(first)
})

it('of several tools keep their calls apart, also where a server sends the pieces of all in turns', async () => {
  const model = 'claude-3-haiku'
  const piece = (index: number, text: string, first = {}) => ({ type: 'tool_call' as const, index, arguments: text, ...first })
  const told: ChatEvent[] = [
    { type: 'text', text: 'Both. ' },
    piece(0, '{"at":', { id: 'call_1', name: 'weather' }),
    piece(1, '{"at":', { id: 'call_2', name: 'weather' }),
    piece(0, '"Graz"}'),
    piece(1, '"Linz"}'),
    { type: 'finish', finishReason: 'tool_calls', model },
  ]
  const provider: ProviderAdapter = {
    ...simulated(),
    async *streamChat() {
      yield* told
    },
  }
  const { openai } = await openCompat({ provider })
  const stream = openai().responses.stream({ ...ask, tools })
  const events: string[] = []
  stream.on('response.output_item.added', ({ output_index, item }) => events.push(`added ${output_index} ${item.id}`))
  stream.on('response.output_item.done', ({ output_index, item }) => events.push(`done ${output_index} ${item.id}`))
  const { output } = await stream.finalResponse()
  const [message, graz, linz] = output.map(({ id }) => id)
  expect(output).toMatchObject([
    { type: 'message' },
    { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"at":"Graz"}' },
    { type: 'function_call', call_id: 'call_2', name: 'weather', arguments: '{"at":"Linz"}' },
  ])
  expect(events).toEqual([
    `added 0 ${message}`,
    `done 0 ${message}`,
    `added 1 ${graz}`,
    `added 2 ${linz}`,
    `done 1 ${graz}`,
    `done 2 ${linz}`,
  ])
})

it('of several tools can be answered at a provider whose chats want the results right behind the calls', async () => {
  const server = await openLoopback()
  const { openai } = await openCompat({ provider: openaiOver(server) })
  const call = (call_id: string) => ({ type: 'function_call' as const, call_id, name: 'weather', arguments: '{}' })
  const said = (text: string) => ({ type: 'message' as const, role: 'assistant' as const, content: text })
  const result = (call_id: string) => ({ type: 'function_call_output' as const, call_id, output: 'sunny' })
  const input = [said('Graz first.'), call('call_1'), said('Then Linz.'), call('call_2'), result('call_1'), result('call_2')]
  await openai().responses.create({ ...ask, input })
  expect(server.requests[0]?.body.messages).toEqual([
    { role: 'system', content: 'Be brief.' },
    {
      role: 'assistant',
      content: 'Graz first.\nThen Linz.',
      tool_calls: ['call_1', 'call_2'].map((id) => ({ id, type: 'function', function: { name: 'weather', arguments: '{}' } })),
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
    { role: 'tool', tool_call_id: 'call_2', content: 'sunny' },
  ])
})

describe.each([[], [{ id: 'call_1', name: 'weather', arguments: '{"at":"Gr' }]])(
  'a response that is not whole',
  (...toolCalls) => {
    it.each(['chat', 'responses'] as const)(
      'says of what was being written last that it is not, over a provider’s %s',
      async (api) => {
        const server = await openLoopback({ chat: () => ({ text: 'First', toolCalls, finishReason: 'length' }) })
        const { openai } = await openCompat({ provider: openaiOver(server, api) })
        const asked = { ...ask, model: 'gpt-4o', tools }
        const whole = await openai().responses.create(asked)
        const done: string[] = []
        const stream = openai().responses.stream(asked)
        stream.on('response.output_item.done', ({ item }) => done.push(`${item.type} ${'status' in item && item.status}`))
        const streamed = await stream.finalResponse()
        const expected = toolCalls.length > 0 ? ['message completed', 'function_call incomplete'] : ['message incomplete']
        expect(done).toEqual(expected)
        for (const { status, output } of [whole, streamed]) {
          expect(status).toBe('incomplete')
          const told = output.map((item) => `${item.type} ${'status' in item && item.status}`)
          // Whole chats have no text beside calls at this provider.
          expect(expected.slice(-told.length)).toEqual(told)
        }
      },
    )
  },
)

it('keep what says how their prompt is cached at a provider of chats', async () => {
  const server = await openLoopback()
  const { openai } = await openCompat({ provider: openaiOver(server) })
  const cached = { prompt_cache_key: 'desk', prompt_cache_options: { mode: 'explicit' as const } }
  await openai().responses.create({ ...ask, ...cached })
  expect(server.requests[0]?.body).toMatchObject(cached)
})

const picture = { type: 'input_image', image_url: `data:image/png;base64,${'A'.repeat(400)}` }

it.each([
  ['previous_response_id', { previous_response_id: 'resp_1' }],
  ['background', { background: true }],
  ['conversation', { conversation: 'conv_1' }],
  ['prompt', { prompt: { id: 'pmpt_1' } }],
  ['tools.0.type', { tools: [{ type: 'web_search' }] }],
  ['input.0.type', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
  ['input.0.content.0.type', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file_1' }] }] }],
  ['input.0.output.0.type', { input: [{ type: 'function_call_output', call_id: 'c', output: [picture] }] }],
  ['input.0.content.0.type', { input: [{ role: 'developer', content: [picture] }] }],
  ['input.0.role', { input: [{ role: 'tool', content: 'sunny' }] }],
  ['truncation', { truncation: 'auto' }],
  ['tools.0.defer_loading', { tools: [{ type: 'function', name: 'look', defer_loading: true }] }],
  ['tools.0.allowed_callers.0', { tools: [{ type: 'function', name: 'look', allowed_callers: ['programmatic'] }] }],
  [
    'input.0.content.0.prompt_cache_breakpoint',
    {
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'hello', prompt_cache_breakpoint: { mode: 'explicit' } }] }],
    },
  ],
  ['moderation', { moderation: { model: 'omni-moderation-latest' } }],
  ['context_management', { context_management: [{ type: 'compaction', compact_threshold: 1_000 }] }],
])('a response that needs %s is refused by name', async (param, fields) => {
  const { openai, spent } = await openCompat()
  const refused = openai().responses.create({ ...ask, ...(fields as object) })
  await expect(refused).rejects.toMatchObject({ status: 422, param, code: 'invalid_body', type: 'invalid_request_error' })
  expect(await spent()).toBe(0n)
})
