import { inspect } from 'node:util'
import { type ChatRequest, credits } from '@farebox/core'
import { type OpenaiOptions, openai } from '@farebox/providers/openai'
import { type ChatInput, PriceBook, presets } from 'farebox'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { type OpenaiLoopback, type OpenaiLoopbackOptions, startOpenaiLoopback } from '../loopback/openai.ts'
import { fullChat } from './full-chat.ts'
import { collect, failureOf, meters } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const hello: ChatRequest = { model: 'gpt-5', messages: [{ role: 'user', content: 'Hello there' }] }

let loopback: OpenaiLoopback | undefined
afterEach(() => loopback?.close())

async function open(given: OpenaiLoopbackOptions = {}, options: OpenaiOptions = {}) {
  loopback = await startOpenaiLoopback(given)
  const adapter = openai({ apiKey: loopback.apiKey, baseURL: loopback.url, api: 'responses', ...options })
  return { server: loopback, adapter }
}

describe('a chat over the Responses API', () => {
  it('goes there for the models that were named, and nowhere else', async () => {
    const { adapter, server } = await open({}, { api: (model) => (model.startsWith('gpt-5') ? 'responses' : 'chat') })
    await adapter.chat?.(hello, context)
    await adapter.chat?.({ ...hello, model: 'gpt-4o' }, context)
    await collect(adapter.streamChat?.(hello, context))
    expect(server.requests.map(({ path }) => path)).toEqual(['/responses', '/chat/completions', '/responses'])
  })

  it('carries images, tools, limits and the history of tool calls in its own words', async () => {
    const { adapter, server } = await open()
    await adapter.chat?.({ ...fullChat, model: 'gpt-5', providerOptions: { reasoning: { effort: 'low' } } }, context)
    expect(server.requests[0]?.body).toEqual({
      model: 'gpt-5',
      background: false,
      store: false,
      stream: false,
      max_output_tokens: 50,
      reasoning: { effort: 'low' },
      tools: [{ type: 'function', strict: false, ...fullChat.tools[0] }],
      tool_choice: { type: 'function', name: 'look' },
      input: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is it?' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low' },
          ],
        },
        { role: 'assistant', content: 'Let me look.' },
        { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'a heron' },
      ],
    })
  })

  it('is metered whatever was passed through', async () => {
    const { adapter, server } = await open()
    const providerOptions = { background: true, store: true, stream: true, model: 'gpt-0', input: 'Something else' }
    expect((await adapter.chat?.({ ...hello, providerOptions }, context))?.usage).toMatchObject({ certainty: 'exact' })
    const events = await collect(
      adapter.streamChat?.({ ...hello, providerOptions: { ...providerOptions, stream: false } }, context),
    )
    expect(events.at(-1)).toMatchObject({ type: 'finish', usage: { certainty: 'exact' } })
    for (const { body } of server.requests) expect(body).toMatchObject({ model: 'gpt-5', background: false, store: false })
  })

  it('is refused before it is sent when it has stop sequences, which this API lacks', async () => {
    const { adapter, server } = await open()
    expect(await failureOf(adapter.chat?.({ ...hello, stop: ['.'] }, context))).toMatchObject({ kind: 'unsupported' })
    expect(await failureOf(collect(adapter.streamChat?.({ ...hello, stop: ['.'] }, context)))).toMatchObject({
      kind: 'unsupported',
    })
    expect(server.requests).toEqual([])
  })

  it('is refused by a client of the host that comes without it, and so is an embedding', async () => {
    const { server } = await open()
    const { chat, audio } = new OpenAI({ apiKey: server.apiKey, baseURL: server.url })
    const adapter = openai({ client: { chat, audio }, api: 'responses' })
    expect((await failureOf(adapter.chat?.(hello, context))).message).toContain('has no responses')
    expect(await failureOf(adapter.embed?.({ model: 'text-embedding-3-small', inputs: ['a'] }, context))).toMatchObject({
      kind: 'unsupported',
    })
  })
})

describe('a chat that may search the web over the Responses API', () => {
  it('is held for and charged with its searches, where the book has a price for them', async () => {
    const { adapter } = await open({ chat: () => ({ promptTokens: 500, completionTokens: 500, webSearches: 2 }) })
    const rates = [
      { unit: 'tokens' as const, amount: '1', per: '1000' },
      { unit: 'requests' as const, meter: 'web_searches', amount: '10' },
    ]
    const entries = [{ service: 'gpt', provider: 'gpt-4o-mini', rates }]
    const prices = new PriceBook({
      name: 'test',
      currency: 'credits',
      versions: [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }],
    })
    const box = await openBox({ providers: [adapter], configuration: presets.balanced(), prices })
    const { accountId } = await openAccount(box, { balance: credits(100) })
    const workflow = await box.workflow({ accountId, name: 'support' })
    const chat = (providerOptions?: Record<string, unknown>): ChatInput => ({
      messages: [{ role: 'user', content: 'When?' }],
      ...(providerOptions && { providerOptions }),
    })
    const highOf = async (input: ChatInput) => (await workflow.estimate({ chat: input })).high
    const alone = await highOf(chat())
    for (const type of ['web_search', 'web_search_2025_08_26', 'web_search_preview', 'web_search_preview_2025_03_11']) {
      expect(await highOf(chat({ tools: [{ type }] }))).toBe(alone + credits(50))
      expect(await highOf(chat({ tools: [{ type }], max_tool_calls: 2 }))).toBe(alone + credits(20))
    }
    expect(await highOf(chat({ tools: [{ type: 'web_searcher' }], max_tool_calls: 2 }))).toBe(alone)
    const answer = await workflow.chat(chat({ tools: [{ type: 'web_search' }], max_tool_calls: 2 }))
    expect(answer.creditsUsed).toBe(credits(21))
  })

  it('is held for and charged with its searches by the default book, at 10 credits each', async () => {
    const { adapter } = await open({ chat: () => ({ promptTokens: 500, completionTokens: 500, webSearches: 2 }) })
    const box = await openBox({ providers: [adapter], configuration: presets.balanced() })
    const { accountId } = await openAccount(box, { balance: credits(100) })
    const workflow = await box.workflow({ accountId, name: 'support' })
    const chat: ChatInput = { messages: [{ role: 'user', content: 'When?' }] }
    const searching = { ...chat, providerOptions: { tools: [{ type: 'web_search' }], max_tool_calls: 2 } }
    const { high } = await workflow.estimate({ chat })
    expect((await workflow.estimate({ chat: searching })).high).toBe(high + credits(20))
    expect((await workflow.chat(searching)).creditsUsed).toBe(credits(21))
  })
})

describe('an answer of the Responses API', () => {
  it('is metered as the server counted it, plain and streamed', async () => {
    const { adapter, server } = await open({
      chat: () => ({ promptTokens: 2_000, cachedTokens: 1_500, completionTokens: 500, reasoningTokens: 100 }),
    })
    const answer = await adapter.chat?.(hello, context)
    const expected = { input: '500', cached_input: '1500', output: '400', reasoning: '100' }
    expect(meters(answer?.usage)).toEqual(expected)
    expect(answer).toMatchObject({
      requestId: 'req_loopback_1',
      model: 'gpt-5',
      finishReason: 'stop',
      text: 'You said: Hello there',
    })
    const finish = (await collect(adapter.streamChat?.(hello, context))).at(-1)
    expect(finish?.type === 'finish' && meters(finish.usage)).toEqual(expected)
    expect(server.invoice).toMatchObject([
      { path: '/responses', input: 'Hello there', quantities: { input_tokens: 2_000, output_tokens: 500 }, outcome: 'served' },
      { path: '/responses', input: 'Hello there', outcome: 'served' },
    ])
  })

  it('is metered with the searches of the web that it made, plain and streamed, whatever else becomes of it', async () => {
    const { adapter } = await open({ chat: () => ({ promptTokens: 20, completionTokens: 10, webSearches: 3 }) })
    const request = { ...hello, providerOptions: { tools: [{ type: 'web_search' }] } }
    const expected = { input: '20', output: '10', web_searches: '3' }
    const answer = await adapter.chat?.(request, context)
    expect(meters(answer?.usage)).toMatchObject(expected)
    expect(answer?.usage).toMatchObject({ certainty: 'exact', raw: { tool_usage: { web_search: { num_requests: 3 } } } })
    const finish = (await collect(adapter.streamChat?.(request, context))).at(-1)
    expect(finish?.type === 'finish' && meters(finish.usage)).toMatchObject(expected)
    await loopback?.close()
    const failing = await open({ chat: () => ({ promptTokens: 20, failsWith: 'server_error', webSearches: 3 }) })
    const failure = await failureOf(failing.adapter.chat?.(request, context))
    expect(meters(failure.usage)).toMatchObject({ web_searches: '3' })
  })

  it('wishes for tools alike, plain and streamed', async () => {
    const calls = [
      { id: 'c1', name: 'look', arguments: '{"at":"heron"}' },
      { id: 'c2', name: 'wait', arguments: '{}' },
    ]
    const { adapter } = await open({ chat: () => ({ text: 'One moment.', toolCalls: calls }) })
    expect(await adapter.chat?.(hello, context)).toMatchObject({
      text: 'One moment.',
      finishReason: 'tool_calls',
      toolCalls: calls,
    })
    expect(await collect(adapter.streamChat?.(hello, context))).toEqual([
      { type: 'text', text: 'One ' },
      { type: 'text', text: 'moment.' },
      { type: 'tool_call', index: 0, id: 'c1', name: 'look', arguments: '' },
      { type: 'tool_call', index: 0, arguments: '{"at":"heron"}' },
      { type: 'tool_call', index: 1, id: 'c2', name: 'wait', arguments: '' },
      { type: 'tool_call', index: 1, arguments: '{}' },
      expect.objectContaining({ type: 'finish', finishReason: 'tool_calls' }),
    ])
  })

  it.each([
    ['length', 'length'],
    ['content_filter', 'content_filter'],
  ] as const)('that ended early for %s says so, plain and streamed, and is charged', async (told, finishReason) => {
    const { adapter } = await open({ chat: () => ({ finishReason: told }) })
    expect(await adapter.chat?.(hello, context)).toMatchObject({ finishReason, usage: { certainty: 'exact' } })
    const events = await collect(adapter.streamChat?.(hello, context))
    expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason, usage: { certainty: 'exact' } })
  })

  it('is whole when its last event came, though the connection broke after it', async () => {
    const { adapter, server } = await open({ chat: () => ({ text: 'one two' }) })
    // Two events open it, two the item and its part; two words; text, part and item are done; the tenth is the last.
    for (const type of ['cut', 'reset'] as const) {
      server.fail({ type, after: 10 })
      const events = await collect(adapter.streamChat?.(hello, context))
      expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop', usage: { certainty: 'exact' } })
      server.fail({ type, after: 9 })
      expect(await failureOf(collect(adapter.streamChat?.(hello, context)))).toMatchObject({
        kind: 'incomplete',
        usage: undefined,
      })
    }
  })

  it('is whole when its last event came, though the provider hangs after it', async () => {
    const { adapter, server } = await open({ chat: () => ({ text: 'one two' }) })
    server.fail({ type: 'stall', after: 10 })
    const events = await collect(adapter.streamChat?.(hello, context))
    expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop', usage: { certainty: 'exact' } })
  })

  it('that still runs is no answer', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'status', status: 200, body: { object: 'response', status: 'queued', output: [] } })
    expect(await failureOf(adapter.chat?.(hello, context))).toMatchObject({ kind: 'malformed' })
  })
})

describe('a response that failed', () => {
  it.each([
    ['server_error', 'unavailable'],
    ['rate_limit_exceeded', 'rate_limited'],
    ['invalid_prompt', 'content_policy'],
    ['invalid_image_url', 'invalid_request'],
  ] as const)('with %s is %s, tells what it used, and none of its words', async (failsWith, kind) => {
    const { adapter } = await open({ respond: () => ({ failsWith, text: '', promptTokens: 20, completionTokens: 1 }) })
    for (const work of [adapter.chat?.(hello, context), collect(adapter.streamChat?.(hello, context))]) {
      const error = await failureOf(work)
      expect(error).toMatchObject({ kind, providerCode: failsWith })
      expect(meters(error.usage)).toEqual({ input: '20', output: '1' })
      expect(inspect(error)).not.toContain('The prompt was')
    }
  })

  it('after its first word is incomplete, with what it used at least', async () => {
    const { adapter } = await open({ respond: () => ({ failsWith: 'server_error' }) })
    const error = await failureOf(collect(adapter.streamChat?.(hello, context)))
    expect(error).toMatchObject({ kind: 'incomplete', providerCode: 'server_error', usage: { certainty: 'floor' } })
  })

  it('inside its stream is classified before the first word', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'event_error', after: 2, error: { message: 'Hello there', code: 'slow_down' } })
    expect(await failureOf(collect(adapter.streamChat?.(hello, context)))).toMatchObject({
      kind: 'overloaded',
      providerCode: 'slow_down',
    })
  })
})

describe('an embedding of OpenAI', () => {
  it('has the vectors in the order of their texts, and is metered by its tokens', async () => {
    const { adapter, server } = await open()
    const inputs = ['a heron', 'two']
    const result = await adapter.embed?.(
      { model: 'text-embedding-3-small', inputs, dimensions: 2, providerOptions: { encoding_format: 'base64', user: 'u1' } },
      context,
    )
    expect(result).toMatchObject({
      embeddings: [
        [0.97, 0.32],
        [0.16, 0.19],
      ],
      model: 'text-embedding-3-small',
      requestId: 'req_loopback_1',
    })
    expect(meters(result?.usage)).toEqual({ input: '3' })
    expect(server.requests[0]?.body).toEqual({
      model: 'text-embedding-3-small',
      input: inputs,
      dimensions: 2,
      encoding_format: 'float',
      user: 'u1',
    })
    expect(server.invoice).toMatchObject([{ path: '/embeddings', quantities: { prompt_tokens: 3 }, outcome: 'served' }])
  })

  it('is put in order by index, and not understood when a vector is missing', async () => {
    const { adapter, server } = await open()
    const item = (index: number) => ({ object: 'embedding', index, embedding: [index] })
    const embed = (data: unknown) => {
      server.fail({ type: 'status', status: 200, body: { object: 'list', model: 'm', data } })
      return adapter.embed?.({ model: 'text-embedding-3-small', inputs: ['a', 'b'] }, context)
    }
    expect(await embed([item(1), item(0)])).toEqual({ embeddings: [[0], [1]], model: 'm', requestId: 'req_fault' })
    for (const data of [[item(0)], [item(1)], [item(1), item(1)], [item(0), item(1), item(2)], 'none', undefined]) {
      expect(await failureOf(embed(data))).toMatchObject({ kind: 'malformed' })
    }
  })
})
