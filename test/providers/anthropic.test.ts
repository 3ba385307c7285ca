import { inspect } from 'node:util'
import Anthropic from '@anthropic-ai/sdk'
import type { ChatMessage, ChatRequest } from '@farebox/core'
import { type AnthropicOptions, anthropic, anthropicOffers } from '@farebox/providers/anthropic'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type AnthropicLoopback, type AnthropicLoopbackOptions, startAnthropicLoopback } from '../loopback/anthropic.ts'
import { errorBody } from '../loopback/anthropic-answers.ts'
import type { Fault } from '../loopback/faults.ts'
import { collect, failureOf, meters } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const MODEL = 'claude-sonnet-5-5'
const hello: ChatRequest = { model: MODEL, messages: [{ role: 'user', content: 'Hello there' }] }

let loopback: AnthropicLoopback | undefined
afterEach(async () => {
  vi.unstubAllEnvs()
  await loopback?.close()
  loopback = undefined
})

async function open(given: AnthropicLoopbackOptions = {}, options: AnthropicOptions = {}) {
  loopback = await startAnthropicLoopback(given)
  return { server: loopback, adapter: anthropic({ apiKey: loopback.apiKey, baseURL: loopback.url, ...options }) }
}

describe('anthropic without a key', () => {
  it('is disabled, says how to enable it, and still lists what it would sell', async () => {
    for (const apiKey of [undefined, '', '  ']) {
      const adapter = anthropic({ apiKey })
      expect(adapter.availability).toEqual({ status: 'disabled', reason: expect.stringContaining('ANTHROPIC_API_KEY') })
      expect(adapter.offers.map(({ service, provider, model }) => `${service} ${provider} ${model}`)).toEqual([
        'gpt claude-3-haiku claude-haiku-5-5',
        'gpt claude-haiku-5-5 claude-haiku-5-5',
        'gpt claude-sonnet-5-5 claude-sonnet-5-5',
        'gpt claude-opus-5-5 claude-opus-5-5',
        'gpt claude-fable-5-1 claude-fable-5-1',
        'gpt claude-haiku-4-5 claude-haiku-4-5',
        'vision claude-3-haiku claude-haiku-5-5',
        'vision claude-haiku-5-5 claude-haiku-5-5',
        'vision claude-sonnet-5-5 claude-sonnet-5-5',
        'vision claude-opus-5-5 claude-opus-5-5',
        'vision claude-fable-5-1 claude-fable-5-1',
        'vision claude-haiku-4-5 claude-haiku-4-5',
      ])
      await expect(adapter.chat?.(hello, context)).rejects.toMatchObject({ kind: 'authentication' })
    }
  })

  it('does not take a key from the environment', async () => {
    vi.stubEnv('ANTHROPIC_API_KEY', 'sk-ant-from-the-environment')
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'token-from-the-environment')
    await expect(anthropic({}).chat?.(hello, context)).rejects.toMatchObject({ kind: 'authentication' })
  })

  it('takes another model behind claude-3-haiku, with the limits that are known of it', () => {
    const role = (haiku?: string) => anthropicOffers({ haiku }).find(({ provider }) => provider === 'claude-3-haiku')
    expect(role('claude-haiku-4-5')).toMatchObject({ model: 'claude-haiku-4-5', capabilities: { contextTokens: 200_000 } })
    expect(role('claude-haiku-9')).toMatchObject({ model: 'claude-haiku-9', capabilities: { outputTokensMax: 64_000 } })
    expect(role()).toMatchObject({ model: 'claude-haiku-5-5', capabilities: { images: true, tools: true, streaming: true } })
  })
})

describe('a request to Anthropic', () => {
  it('cannot be redirected, renamed or laden by the environment', async () => {
    vi.stubEnv('ANTHROPIC_BASE_URL', 'http://127.0.0.1:1')
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'hijack')
    vi.stubEnv('ANTHROPIC_LOG', 'debug')
    vi.stubEnv('ANTHROPIC_PROFILE', 'hijack')
    vi.stubEnv(
      'ANTHROPIC_CUSTOM_HEADERS',
      'Authorization: Bearer hijack\nx-api-key: hijack\nanthropic-version: 1999-01-01\nx-tell: hijack',
    )
    const log = vi.spyOn(console, 'debug')
    const { adapter, server } = await open()
    await adapter.chat?.(hello, context)
    const sent = server.requests[0]?.headers
    // SDKs before 1 send the key by itself.
    expect(sent?.authorization ?? `Bearer ${sent?.['x-api-key']}`).toBe('Bearer sk-ant-loopback')
    expect(sent?.['anthropic-version']).toMatch(/^202/)
    expect(inspect(sent)).not.toContain('hijack')
    expect(log).not.toHaveBeenCalled()
  })

  it('carries what the system says, images, tools, limits and the history of tool calls in Anthropic’s words', async () => {
    const { adapter, server } = await open()
    const parameters = { type: 'object' as const, properties: {}, required: [] }
    await adapter.chat?.(
      {
        model: 'claude-haiku-4-5',
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'developer', content: 'Be brief.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What are they?' },
              { type: 'image', url: 'data:image/png;base64,AA==', detail: 'low' },
              { type: 'image', url: 'https://example.com/heron.jpg' },
            ],
          },
          {
            role: 'assistant',
            content: 'I look.',
            toolCalls: [
              { id: 'c1', name: 'look', arguments: '{"at":1}' },
              { id: 'c2', name: 'look', arguments: 'not json' },
              { id: 'c3', name: 'rest', arguments: '' },
            ],
          },
          { role: 'tool', content: 'a heron', toolCallId: 'c1' },
          { role: 'tool', content: 'a stork', toolCallId: 'c2' },
          { role: 'tool', content: '', toolCallId: 'c3' },
          { role: 'user', content: 'And now?' },
        ],
        outputTokensMax: 50,
        temperature: 1.5,
        stop: ['.'],
        tools: [{ name: 'look', description: 'Looks.', parameters }],
        toolChoice: { name: 'look' },
        providerOptions: { metadata: { user_id: 'u1' }, stream: true, max_tokens: 9_999, model: 'dearest' },
      },
      context,
    )
    expect(server.requests[0]?.path).toBe('/v1/messages')
    expect(server.requests[0]?.body).toEqual({
      model: 'claude-haiku-4-5',
      metadata: { user_id: 'u1' },
      stream: false,
      max_tokens: 50,
      temperature: 1,
      stop_sequences: ['.'],
      tools: [{ name: 'look', description: 'Looks.', input_schema: parameters }],
      tool_choice: { type: 'tool', name: 'look' },
      system: 'Be kind.\n\nBe brief.',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What are they?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
            { type: 'image', source: { type: 'url', url: 'https://example.com/heron.jpg' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'c1', name: 'look', input: { at: 1 } },
            { type: 'tool_use', id: 'c2', name: 'look', input: { arguments: 'not json' } },
            { type: 'tool_use', id: 'c3', name: 'rest', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c1', content: 'a heron' },
            { type: 'tool_result', tool_use_id: 'c2', content: 'a stork' },
            { type: 'tool_result', tool_use_id: 'c3', content: '' },
            { type: 'text', text: 'And now?' },
          ],
        },
      ],
    } satisfies Anthropic.MessageCreateParams & { temperature: number })
  })

  it.each([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
  ] as const)('words the choice of tools %s', async (toolChoice, tool_choice) => {
    const { adapter, server } = await open()
    await adapter.chat?.({ ...hello, tools: [{ name: 'look', parameters: {} }], toolChoice }, context)
    expect(server.requests[0]?.body).toMatchObject({
      tool_choice,
      tools: [{ name: 'look', input_schema: { type: 'object' } }],
    })
  })

  it('chooses among no tools only where a tool is demanded, for Anthropic to refuse', async () => {
    const { adapter, server } = await open()
    for (const toolChoice of ['auto', 'none', 'required'] as const) await adapter.chat?.({ ...hello, toolChoice }, context)
    expect(server.requests.map(({ body }) => body.tool_choice)).toEqual([undefined, undefined, { type: 'any' }])
  })

  it('gives calls of another model ids that Claude takes, and leaves others theirs', async () => {
    const { adapter, server } = await open()
    const ids = ['functions.look:0', 'functions.look:1', 'call_1|fc_2', 'toolu_01-a']
    const toolCalls = ids.map((id) => ({ id, name: 'look', arguments: '' }))
    const results = ids.map((toolCallId) => ({ role: 'tool' as const, content: 'a heron', toolCallId }))
    const messages = [...hello.messages, { role: 'assistant' as const, content: null, toolCalls }, ...results]
    const sent = async (model: string) => {
      await adapter.chat?.({ ...hello, model, messages }, context)
      const [, calls, answers] = Object(server.requests.at(-1)?.body.messages) as { content: Record<string, string>[] }[]
      const taken = calls?.content.map(({ id = '' }) => id) ?? []
      expect(answers?.content.map(({ tool_use_id }) => tool_use_id)).toEqual(taken)
      return taken
    }
    const taken = await sent('claude-haiku-5-5')
    expect(new Set(taken).size).toBe(ids.length)
    for (const id of taken) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/)
    expect(taken.at(-1)).toBe('toolu_01-a')
    expect(await sent('kimi-k2')).toEqual(ids)
  })

  it('asks for one call at a time beside any choice of tools but none', async () => {
    const { adapter, server } = await open()
    const one = { disable_parallel_tool_use: true }
    const providerOptions = { tool_choice: { type: 'auto', ...one } }
    const tools = [{ name: 'look', parameters: {} }]
    for (const toolChoice of [undefined, 'auto', 'required', { name: 'look' }, 'none'] as const)
      await adapter.chat?.({ ...hello, tools, toolChoice, providerOptions }, context)
    expect(server.requests.map(({ body }) => body.tool_choice)).toEqual([
      { type: 'auto', ...one },
      { type: 'auto', ...one },
      { type: 'any', ...one },
      { type: 'tool', name: 'look', ...one },
      { type: 'none' },
    ])
  })

  it('leaves out a message that says nothing, which Anthropic would refuse', async () => {
    const { adapter, server } = await open()
    const messages: ChatMessage[] = [
      { role: 'system', content: '' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '' },
          { type: 'text', text: 'Hello' },
        ],
      },
      { role: 'assistant', content: null },
      { role: 'assistant', content: '' },
      { role: 'user', content: 'there' },
    ]
    await adapter.chat?.({ model: MODEL, messages }, context)
    expect(server.requests[0]?.body).not.toHaveProperty('system')
    expect(server.requests[0]?.body.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hello' },
          { type: 'text', text: 'there' },
        ],
      },
    ])
  })

  it('that only the system says anything in is left to providers that answer it, and not sent', async () => {
    const { adapter, server } = await open()
    const messages: ChatMessage[] = [
      { role: 'system', content: 'Greet whoever comes.' },
      { role: 'user', content: ' ' },
    ]
    for (const ask of [
      () => adapter.chat?.({ model: MODEL, messages }, context),
      () => collect(adapter.streamChat?.({ model: MODEL, messages }, context)),
    ]) {
      expect(await failureOf(ask())).toMatchObject({ kind: 'unsupported', providerParameter: 'messages' })
    }
    expect(server.requests).toEqual([])
  })

  it('limits the answer to what its model can write, and to what needs no stream where nothing is said', async () => {
    const { adapter, server } = await open()
    for (const [model, outputTokensMax] of [
      ['claude-haiku-4-5', undefined],
      ['claude-haiku-4-5', 100_000],
      ['claude-opus-5-5', undefined],
      ['claude-opus-5-5', 100_000],
      ['claude-unheard-of', undefined],
    ] as const) {
      await adapter.chat?.({ ...hello, model, outputTokensMax }, context)
    }
    expect(server.requests.map(({ body }) => body.max_tokens)).toEqual([21_333, 64_000, 21_333, 100_000, 4_096])
  })

  it('asks a model that refuses a temperature without one, so that a fallback to it works', async () => {
    const { adapter, server } = await open()
    for (const model of ['claude-haiku-5-5', 'claude-sonnet-5', 'claude-opus-4-8', 'claude-fable-5-1']) {
      await adapter.chat?.({ ...hello, model, temperature: 0 }, context)
    }
    for (const model of ['claude-haiku-4-5', 'claude-opus-4-6', 'claude-sonnet-4-6', 'claude-3-haiku-20240307', 'kimi-k2']) {
      await adapter.chat?.({ ...hello, model, temperature: 0 }, context)
    }
    expect(server.requests.map(({ body }) => body.temperature)).toEqual([
      ...Array<undefined>(4).fill(undefined),
      ...Array<number>(5).fill(0),
    ])
  })

  it('knows a model by whatever name another cloud or server has for it', async () => {
    const { adapter, server } = await open()
    const today = [
      'us.anthropic.claude-opus-4-8-v1:0',
      'anthropic/claude-opus-4.8',
      'anthropic.claude-haiku-5-5',
      'claude-opus-4-7@20260401',
    ]
    for (const model of today) await adapter.chat?.({ ...hello, model, temperature: 0 }, context)
    const former = ['global.anthropic.claude-haiku-4-5-20251001-v1:0', 'claude-haiku-4-5@20251001', 'anthropic/claude-sonnet-4.6']
    for (const model of former) await adapter.chat?.({ ...hello, model, temperature: 0 }, context)
    const asked = server.requests.map(({ body }) => [body.temperature, body.thinking])
    expect(asked).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      [undefined, { type: 'disabled' }],
      [undefined, undefined],
      ...former.map(() => [0, undefined]),
    ])
    expect(server.requests.map(({ body }) => body.model)).toEqual([...today, ...former])
  })

  it('tells the small model not to think, unless the caller says how', async () => {
    const { adapter, server } = await open()
    const ask = (model: string, providerOptions?: Record<string, unknown>) =>
      adapter.chat?.({ ...hello, model, providerOptions }, context)
    await ask('claude-haiku-5-5')
    await ask('claude-haiku-5-5', { thinking: { type: 'adaptive' } })
    await ask('claude-haiku-5-5', { output_config: { effort: 'max' } })
    await ask('claude-sonnet-5-5')
    expect(server.requests.map(({ body }) => body.thinking)).toEqual([
      { type: 'disabled' },
      { type: 'adaptive' },
      undefined,
      undefined,
    ])
  })

  it('takes the words of its own API for models that can be held to a schema', () => {
    const service = 'gpt'
    const speaks = (model: string) => anthropic({}).dialectOf?.({ service, provider: model, model } as never)
    for (const model of [
      'claude-haiku-4-5',
      'claude-sonnet-4-5-20250929',
      'claude-opus-4-8',
      'claude-sonnet-5',
      'claude-opus-5-5',
    ]) {
      expect(speaks(model), model).toBe('anthropic-messages')
    }
    for (const model of [
      'claude-sonnet-4-20250514',
      'claude-opus-4-1',
      'claude-3-haiku-20240307',
      'claude-fable-5-1',
      'kimi-k2',
    ]) {
      expect(speaks(model), model).toBeUndefined()
    }
  })

  it.each(['ftp://example.com/a.png', 'data:image/svg+xml;base64,AA==', 'data:image/png,raw', 'heron.png'])(
    'is not made for an image at %s, and another provider may try',
    async (url) => {
      const { adapter, server } = await open()
      const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image', url }] }]
      for (const method of ['chat', 'streamChat'] as const) {
        const error = await failureOf(
          method === 'chat'
            ? adapter.chat?.({ model: MODEL, messages }, context)
            : collect(adapter.streamChat?.({ model: MODEL, messages }, context)),
        )
        expect(error.kind).toBe('unsupported')
      }
      expect(server.requests).toHaveLength(0)
    },
  )

  it('names the format of an image as Anthropic does', async () => {
    const { adapter, server } = await open()
    const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image', url: 'data:image/jpg;base64,AA==' }] }]
    await adapter.chat?.({ ...hello, messages }, context)
    const source = { type: 'base64', media_type: 'image/jpeg', data: 'AA==' }
    expect(server.requests[0]?.body.messages).toEqual([{ role: 'user', content: [{ type: 'image', source }] }])
  })

  it('is not made for an image with millions of parameters, which is the caller’s mistake and not the provider’s', async () => {
    const { server, adapter } = await open()
    for (const parameters of [';'.repeat(6_000_000), ';a'.repeat(3_000_000), `${';'.repeat(6_000_000)};base64`]) {
      const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image', url: `data:image/png${parameters}` }] }]
      expect(await failureOf(adapter.chat?.({ ...hello, messages }, context))).toMatchObject({ kind: 'unsupported' })
    }
    expect(server.requests).toEqual([])
  })

  it('is made once, by a client of the host too, however often that would retry, and however long its answer may be', async () => {
    const server = await startAnthropicLoopback()
    loopback = server
    const client = new Anthropic({ apiKey: server.apiKey, baseURL: server.url, maxRetries: 5, logLevel: 'off' })
    server.fail({ type: 'status', status: 500 })
    await expect(anthropic({ client }).chat?.(hello, context)).rejects.toMatchObject({ kind: 'unavailable' })
    expect(server.requests).toHaveLength(1)
    expect(await anthropic({ client }).chat?.({ ...hello, outputTokensMax: 128_000 }, context)).toMatchObject({
      finishReason: 'stop',
    })
    expect(server.requests[1]?.body.max_tokens).toBe(128_000)
  })

  it('ends with the signal though the SDK hangs and pays no heed to it', async () => {
    const hanging = { create: () => new Promise<never>(() => {}) }
    const stuck = { create: async () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }) }
    for (const messages of [hanging, stuck]) {
      const controller = new AbortController()
      const adapter = anthropic({ client: { messages } })
      const failure = failureOf(collect(adapter.streamChat?.(hello, { ...context, signal: controller.signal })))
      await new Promise(setImmediate)
      controller.abort()
      expect((await failure).kind).toBe('aborted')
    }
  })

  it('goes through the fetch that was given, and its errors carry the name that was given', async () => {
    const urls: string[] = []
    const counted: typeof fetch = (url, init) => {
      urls.push(String(url))
      return fetch(url, init)
    }
    const { adapter, server } = await open({}, { fetch: counted, name: 'claude of the team' })
    await adapter.chat?.(hello, context)
    expect(urls).toEqual([`${server.url}/v1/messages`])
    server.fail({ type: 'status', status: 529 })
    expect(await failureOf(adapter.chat?.(hello, context))).toMatchObject({ provider: 'claude of the team', kind: 'overloaded' })
  })

  it('works through a client whose methods return plain promises', async () => {
    const { server } = await open()
    const inner = new Anthropic({ apiKey: server.apiKey, baseURL: server.url })
    const create = async (body: object, options?: object) => inner.messages.create(body as never, options)
    const adapter = anthropic({ client: { messages: { create } } })
    expect(await adapter.chat?.(hello, context)).toMatchObject({ text: 'You said: Hello there', requestId: 'req_loopback_1' })
    expect((await collect(adapter.streamChat?.(hello, context))).at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' })
  })
})

describe('an answer of Anthropic', () => {
  const used = {
    inputTokens: 2_000,
    cachedTokens: 1_500,
    cacheWrites: { fiveMinutes: 300, oneHour: 20 },
    outputTokens: 500,
    thinkingTokens: 100,
  }

  it('is metered as the server counted it, plain and streamed: the cache apart from the input', async () => {
    const { adapter, server } = await open({ answer: () => used })
    const plain = await adapter.chat?.(hello, context)
    expect(meters(plain?.usage)).toEqual({
      input: '2000',
      cached_input: '1500',
      cache_write_5m: '300',
      cache_write_1h: '20',
      output: '400',
      reasoning: '100',
    })
    expect(plain).toMatchObject({
      requestId: 'req_loopback_1',
      model: MODEL,
      finishReason: 'stop',
      usage: { certainty: 'exact' },
    })
    const finish = (await collect(adapter.streamChat?.(hello, context))).at(-1)
    expect(finish).toMatchObject({ type: 'finish', requestId: 'req_loopback_2', usage: { certainty: 'exact' } })
    expect(meters(finish?.type === 'finish' ? finish.usage : undefined)).toEqual(meters(plain?.usage))
    expect(server.invoice).toMatchObject(
      [1, 2].map((ordinal) => ({
        path: '/v1/messages',
        model: MODEL,
        requestId: `req_loopback_${ordinal}`,
        input: 'Hello there',
        quantities: { input_tokens: 2_000, output_tokens: 500 },
        outcome: 'served',
      })),
    )
  })

  it('wishes for tools alike, plain and streamed, with and without arguments', async () => {
    const toolCalls = [
      { id: 'toolu_1', name: 'look', input: { at: 'heron' } },
      { id: 'toolu_2', name: 'rest', input: {} },
    ]
    const { adapter } = await open({ answer: () => ({ text: 'I look.', thinking: 'Where?', toolCalls }) })
    const plain = await adapter.chat?.(hello, context)
    expect(plain).toMatchObject({
      text: 'I look.',
      finishReason: 'tool_calls',
      toolCalls: [
        { id: 'toolu_1', name: 'look', arguments: '{"at":"heron"}' },
        { id: 'toolu_2', name: 'rest', arguments: '{}' },
      ],
    })
    expect(await collect(adapter.streamChat?.(hello, context))).toEqual([
      { type: 'text', text: 'I ' },
      { type: 'text', text: 'look.' },
      { type: 'tool_call', index: 0, id: 'toolu_1', name: 'look', arguments: '' },
      { type: 'tool_call', index: 0, arguments: '{"at"' },
      { type: 'tool_call', index: 0, arguments: ':"heron"}' },
      { type: 'tool_call', index: 1, id: 'toolu_2', name: 'rest', arguments: '' },
      { type: 'tool_call', index: 1, arguments: '{}' },
      expect.objectContaining({
        type: 'finish',
        finishReason: 'tool_calls',
        usage: expect.objectContaining({ quantities: plain?.usage?.quantities }),
      }),
    ])
  })

  it('that may be long comes as a stream, and is the same', async () => {
    const toolCalls = ['toolu_1', 'toolu_2'].map((id) => ({ id, name: 'look', input: { at: id } }))
    const { adapter, server } = await open({ answer: () => ({ text: 'I look twice.', toolCalls, ...used }) })
    const [short, long] = await Promise.all(
      [1_000, 100_000].map((outputTokensMax) => adapter.chat?.({ ...hello, outputTokensMax }, context)),
    )
    expect(server.requests.map(({ body }) => body.stream).sort()).toEqual([false, true])
    expect({ ...long, requestId: '', usage: long?.usage?.quantities }).toEqual({
      ...short,
      requestId: '',
      usage: short?.usage?.quantities,
    })
    server.fail({ type: 'cut', after: 4 })
    const error = await failureOf(adapter.chat?.({ ...hello, outputTokensMax: 100_000 }, context))
    expect(error).toMatchObject({ kind: 'incomplete', usage: { certainty: 'floor' } })
  })

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'content_filter'],
    ['pause_turn', 'other'],
  ] as const)('that ended by %s ended by %s, plain and streamed', async (stopReason, finishReason) => {
    const { adapter } = await open({ answer: () => ({ stopReason }) })
    expect(await adapter.chat?.(hello, context)).toMatchObject({ finishReason })
    expect((await collect(adapter.streamChat?.(hello, context))).at(-1)).toMatchObject({ finishReason })
  })

  it('whose counts contradict each other is charged by its two sides, and is not lost', async () => {
    const { adapter } = await open({ answer: () => ({ inputTokens: 7, outputTokens: 3, thinkingTokens: 5 }) })
    const answer = await adapter.chat?.(hello, context)
    expect(meters(answer?.usage)).toEqual({ input: '7', output: '3' })
    expect(answer?.usage).toMatchObject({ certainty: 'floor', raw: { output_tokens_details: { thinking_tokens: 5 } } })
  })
})

describe('arguments of a tool call that are nested without end', () => {
  it('are sent as they were written, for the platform may overflow where it writes them again', async () => {
    const { adapter, server } = await open()
    const depth = 20_000
    const nested = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
    const messages = [
      { role: 'user' as const, content: 'Look.' },
      { role: 'assistant' as const, content: null, toolCalls: [{ id: 'c1', name: 'look', arguments: nested }] },
      { role: 'tool' as const, toolCallId: 'c1', content: 'Seen.' },
    ]
    await adapter.chat?.({ ...hello, messages }, context)
    expect(JSON.stringify(server.requests[0]?.body)).toContain(JSON.stringify({ arguments: nested }))
  })
})

describe('a stream of Anthropic', () => {
  it('is not whole without its message_stop, though all else came; what it used is said to be at least that', async () => {
    const { adapter, server } = await open({ answer: () => ({ text: 'one two', inputTokens: 40, outputTokens: 12 }) })
    // Start, block, two words, end of block and the delta with the usage are six events; message_stop is the seventh.
    for (const type of ['cut', 'reset'] as const) {
      server.fail({ type, after: 6 })
      const error = await failureOf(collect(adapter.streamChat?.(hello, context)))
      expect(error).toMatchObject({ kind: 'incomplete', isRetryable: false, usage: { certainty: 'floor' } })
      expect(meters(error.usage)).toEqual({ input: '40', output: '12' })
    }
  })

  it('is whole when its message_stop came, though the connection then breaks', async () => {
    const { adapter, server } = await open({ answer: () => ({ text: 'one two' }) })
    server.fail({ type: 'reset', after: 7 })
    const events = await collect(adapter.streamChat?.(hello, context))
    expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop', usage: { certainty: 'exact' } })
  })

  it('is whole when its message_stop came, though the provider hangs after it, and lets go of it', async () => {
    const { adapter, server } = await open({ answer: () => ({ text: 'one two' }) })
    server.fail({ type: 'stall', after: 7 })
    const events = await collect(adapter.streamChat?.(hello, context))
    expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop', usage: { certainty: 'exact' } })
    expect(await server.requests[0]?.abandoned).toBe(true)
  })

  it('that is cut tells its input as it was counted, and of its output at least what arrived', async () => {
    const { adapter, server } = await open({ answer: () => ({ text: `${'x'.repeat(399)} and more`, inputTokens: 40 }) })
    server.fail({ type: 'reset', after: 3 })
    const error = await failureOf(collect(adapter.streamChat?.(hello, context)))
    expect(meters(error.usage)).toMatchObject({ input: '40', output: '100' })
    expect(error.usage).toMatchObject({ certainty: 'floor', raw: { output_tokens: 1 } })
  })

  it('passes on what the provider says inside it: its class before the first word, incomplete after it', async () => {
    const { adapter, server } = await open()
    const { error } = errorBody('overloaded_error', 'Hello there is too much')
    for (const [after, kind] of [
      [2, 'overloaded'],
      [4, 'incomplete'],
    ] as const) {
      server.fail({ type: 'event_error', after, error })
      const failure = await failureOf(collect(adapter.streamChat?.(hello, context)))
      expect(failure).toMatchObject({ kind, providerCode: 'overloaded_error' })
      expect(inspect(failure, { depth: 12, showHidden: true })).not.toContain('Hello there')
    }
  })

  it('stops the provider when the reader leaves', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'stall', after: 3 })
    for await (const event of adapter.streamChat?.(hello, context) ?? []) {
      expect(event.type).toBe('text')
      break
    }
    expect(await server.requests[0]?.abandoned).toBe(true)
  })
})

describe('a failure of Anthropic', () => {
  const refused = (words: string, details?: Record<string, unknown>) => errorBody('invalid_request_error', words, details)
  const cases: { fault: Fault; kind: string; facts?: object }[] = [
    { fault: { type: 'html' }, kind: 'unavailable', facts: { status: 502, isRetryable: true } },
    { fault: { type: 'garbage' }, kind: 'malformed' },
    { fault: { type: 'status', status: 200, body: {} }, kind: 'malformed' },
    { fault: { type: 'status', status: 200, body: 'hello' }, kind: 'malformed' },
    { fault: { type: 'destroy' }, kind: 'network', facts: { isRetryable: true } },
    { fault: { type: 'status', status: 403, body: errorBody('permission_error', 'x') }, kind: 'authentication' },
    { fault: { type: 'status', status: 413, body: errorBody('invalid_request_error', 'x') }, kind: 'context_too_long' },
    { fault: { type: 'status', status: 503, body: errorBody('overloaded_error', 'x') }, kind: 'overloaded' },
    { fault: { type: 'status', status: 504, body: errorBody('timeout_error', 'x') }, kind: 'timeout' },
    { fault: { type: 'status', status: 529 }, kind: 'overloaded', facts: { isRetryable: true } },
    {
      fault: { type: 'status', status: 400, body: refused('Your credit balance is too low to access the Anthropic API.') },
      kind: 'quota_exhausted',
      facts: { providerCode: 'credit_balance_too_low' },
    },
    {
      fault: {
        type: 'status',
        status: 400,
        body: refused("output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"),
      },
      kind: 'unsupported',
      facts: { providerParameter: 'response_format' },
    },
    {
      fault: {
        type: 'status',
        status: 400,
        body: refused('messages.1: `tool_use` ids were found without `tool_result` blocks: x'),
      },
      kind: 'invalid_request',
      facts: { providerParameter: 'messages' },
    },
    {
      fault: { type: 'status', status: 400, body: refused('tools.0.custom.name: String should match pattern x') },
      kind: 'invalid_request',
      facts: { providerParameter: 'tools' },
    },
    {
      fault: { type: 'status', status: 400, body: refused('secrets: x') },
      kind: 'invalid_request',
      facts: { providerParameter: undefined },
    },
    {
      fault: { type: 'status', status: 400, body: refused('x', { error_code: 'contract_spend_limit_reached' }) },
      kind: 'quota_exhausted',
      facts: { providerCode: 'contract_spend_limit_reached' },
    },
    {
      fault: {
        type: 'status',
        status: 429,
        body: errorBody('rate_limit_error', 'x'),
        headers: { 'retry-after': '20', 'request-id': 'req_limited' },
      },
      kind: 'rate_limited',
      facts: { retryAfterMs: 20_000, providerCode: 'rate_limit_error', requestId: 'req_limited' },
    },
  ]

  it.each(cases)('$fault is $kind', async ({ fault, kind, facts = {} }) => {
    const { adapter, server } = await open()
    server.fail(fault)
    expect(await failureOf(adapter.chat?.(hello, context))).toMatchObject({ kind, provider: 'anthropic', ...facts })
  })

  it('is a network failure where nobody listens', async () => {
    const { adapter, server } = await open()
    await server.close()
    const error = await failureOf(adapter.chat?.(hello, context))
    expect(error.kind).toBe('network')
    expect(error.message).toContain('ECONNREFUSED')
  })

  it('never tells the key that a provider repeats', async () => {
    const { server } = await open()
    const error = await failureOf(anthropic({ apiKey: 'sk-ant-secret', baseURL: server.url }).chat?.(hello, context))
    expect(error).toMatchObject({ kind: 'authentication', providerCode: 'authentication_error', status: 401 })
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain('sk-ant-secret')
  })
})
