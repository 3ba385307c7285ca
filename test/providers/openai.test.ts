import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import type { ChatRequest } from '@farebox/core'
import { type OpenaiOptions, openai } from '@farebox/providers/openai'
import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Fault, type OpenaiLoopback, type OpenaiLoopbackOptions, startOpenaiLoopback } from '../loopback/openai.ts'
import { errorBody } from '../loopback/openai-answers.ts'
import { fullChat } from './full-chat.ts'
import { collect, failureOf, meters } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const hello: ChatRequest = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello there' }] }
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))

let loopback: OpenaiLoopback | undefined
afterEach(async () => {
  vi.unstubAllEnvs()
  await loopback?.close()
  loopback = undefined
})

async function open(given: OpenaiLoopbackOptions = {}, options: OpenaiOptions = {}) {
  loopback = await startOpenaiLoopback(given)
  return { server: loopback, adapter: openai({ apiKey: loopback.apiKey, baseURL: loopback.url, ...options }) }
}

describe('openai without a key', () => {
  it('is disabled, says how to enable it, and still lists what it would sell', async () => {
    for (const apiKey of [undefined, '', '  ']) {
      const adapter = openai({ apiKey })
      expect(adapter.availability).toEqual({ status: 'disabled', reason: expect.stringContaining('OPENAI_API_KEY') })
      expect(adapter.offers.map(({ service, provider, model }) => `${service} ${provider} ${model}`)).toEqual([
        'gpt gpt-4o-mini gpt-4o-mini',
        'gpt gpt-4o gpt-4o',
        'gpt gpt-4 gpt-4',
        'vision gpt-4o-mini gpt-4o-mini',
        'vision gpt-4o gpt-4o',
        'voice_stt openai-whisper gpt-transcribe',
        'voice_tts openai-tts tts-1',
        'realtime gpt-realtime gpt-realtime',
        'realtime gpt-realtime-2.1 gpt-realtime-2.1',
        'embedding text-embedding-3-small text-embedding-3-small',
        'embedding text-embedding-3-large text-embedding-3-large',
      ])
      await expect(adapter.chat?.(hello, context)).rejects.toMatchObject({ kind: 'authentication' })
    }
  })

  it('does not take a key from the environment', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'sk-from-the-environment')
    await expect(openai({}).chat?.(hello, context)).rejects.toMatchObject({ kind: 'authentication' })
  })

  it('takes other models behind the names of its speech services', () => {
    const offers = openai({ apiKey: 'k', models: { transcribe: 'whisper-1', speak: 'gpt-4o-mini-tts' } }).offers
    expect(offers.find(({ provider }) => provider === 'openai-whisper')?.model).toBe('whisper-1')
    expect(offers.find(({ provider }) => provider === 'openai-tts')?.model).toBe('gpt-4o-mini-tts')
  })
})

describe('a request to OpenAI', () => {
  it('cannot be redirected or renamed by the environment', async () => {
    vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:1/v1')
    vi.stubEnv('OPENAI_ORG_ID', 'org-hijack')
    vi.stubEnv('OPENAI_PROJECT_ID', 'proj-hijack')
    vi.stubEnv('OPENAI_CUSTOM_HEADERS', 'Authorization: Bearer hijack\nOpenAI-Organization: org-hijack')
    const { adapter, server } = await open({}, { organization: 'org-ours' })
    await adapter.chat?.(hello, context)
    expect(server.requests[0]?.headers).toMatchObject({ authorization: 'Bearer sk-loopback', 'openai-organization': 'org-ours' })
    expect(server.requests[0]?.headers).not.toHaveProperty('openai-project')
  })

  it('carries images, tools, limits and the history of tool calls in OpenAI’s words', async () => {
    const { adapter, server } = await open()
    await adapter.chat?.({ ...fullChat, stop: ['.'], providerOptions: { seed: 7, stream: true } }, context)
    expect(server.requests[0]?.body).toEqual({
      model: 'gpt-4o',
      seed: 7,
      stream: false,
      max_completion_tokens: 50,
      temperature: 0,
      stop: ['.'],
      tools: [{ type: 'function', function: fullChat.tools[0] }],
      tool_choice: { type: 'function', function: { name: 'look' } },
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: 'Let me look.',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } }],
        },
        { role: 'tool', content: 'a heron', tool_call_id: 'c1' },
      ],
    })
  })

  it('asks a model that refuses a temperature without one, so that a fallback to it works', async () => {
    for (const [settings, reasoning] of [
      [{}, { reasoning_effort: 'none' }],
      [{ api: 'responses' as const }, { reasoning: { effort: 'none' } }],
    ] as const) {
      const { adapter, server } = await open({}, settings)
      const ask = (model: string, providerOptions = {}) =>
        adapter.chat?.({ ...hello, model, temperature: 0, providerOptions }, context)
      for (const model of ['o1', 'o3-2025-04-16', 'o4-mini', 'gpt-5', 'gpt-5-nano', 'gpt-5.2-pro', 'gpt-6-luna']) await ask(model)
      await ask('ft:o4-mini-2025-04-16:acme::B1x')
      for (const model of ['gpt-4o', 'gpt-4.1', 'gpt-5-chat-latest', 'omni-1', 'gpt-oss-120b']) await ask(model)
      await ask('gpt-5.2', reasoning)
      const asked = server.requests.map(({ body }) => body.temperature)
      expect(asked).toEqual([...Array.from({ length: 8 }), ...Array.from({ length: 6 }, () => 0)])
    }
  })

  it('asks a model with a temperature that Azure calls by a name of its own', async () => {
    const { adapter, server } = await open()
    for (const model of ['gpt-35-turbo', 'gpt-35-turbo-16k', 'gpt-45-preview', 'gpt-10', 'gpt-10.5-mini']) {
      await adapter.chat?.({ ...hello, model, temperature: 0 }, context)
    }
    expect(server.requests.map(({ body }) => body.temperature)).toEqual([0, 0, 0, undefined, undefined])
  })

  it('is not made where the model is known to refuse stop sequences, which another model may take', async () => {
    const { adapter, server } = await open()
    const ask = async (model: string, stop = ['END']) => adapter.chat?.({ ...hello, model, stop }, context)
    const refusing = ['o3', 'o3-pro', 'o4-mini-2025-04-16', 'ft:o4-mini-2025-04-16:acme::B1x', 'gpt-5', 'gpt-5-mini', 'gpt-5.2']
    for (const model of refusing) {
      const failure = { kind: 'unsupported', providerParameter: 'stop', status: undefined }
      expect(await failureOf(ask(model))).toMatchObject(failure)
      expect(await failureOf(collect(adapter.streamChat?.({ ...hello, model, stop: ['END'] }, context)))).toMatchObject(failure)
      await ask(model, [])
    }
    expect(server.requests).toHaveLength(refusing.length)
    for (const model of ['o1', 'o3-mini', 'gpt-4o', 'ft:gpt-4o-mini:acme::B1x', 'gpt-5-chat-latest', 'o30', 'gpt-50'])
      await ask(model)
    expect(server.requests).toHaveLength(refusing.length + 7)
  })

  it('names the options that its model refuses, and only those', () => {
    const { refusedOptions } = openai({ apiKey: 'k' })
    const sampling = { top_p: 0.5, frequency_penalty: 1, presence_penalty: 1, logprobs: true, top_logprobs: 2 }
    const refused = (model: string, options: object, service = 'gpt') =>
      refusedOptions?.({ service, provider: 'x', model } as never, { ...options })
    expect(refused('gpt-5-mini', { ...sampling, seed: 7 })).toEqual(Object.keys(sampling))
    expect(refused('ft:o4-mini:acme::B1x', { top_p: 1, logit_bias: {} })).toEqual(['logit_bias', 'top_p'])
    expect(refused('gpt-5.2', { ...sampling, reasoning_effort: 'none', logit_bias: {} })).toEqual(['logit_bias'])
    expect(refused('gpt-5.2', { top_p: 1, reasoning: { effort: 'none' } })).toEqual([])
    for (const model of ['gpt-4o-mini', 'gpt-5-chat-latest', 'mistral-large', 'grok-4', 'gpt-oss-120b', 'my-deployment'])
      expect(refused(model, { ...sampling, logit_bias: {} })).toEqual([])
    expect(refused('gpt-5', sampling, 'voice_tts')).toEqual([])
  })

  it('is named by its attempt in the provider’s logs, where a header can carry the name', async () => {
    const { adapter, server } = await open()
    await adapter.chat?.(hello, { ...context, attemptId: 'wf_1.attempt-2' })
    await adapter.chat?.(hello, { ...context, attemptId: 'näh\n' })
    expect(server.requests.map(({ headers }) => headers['x-client-request-id'])).toEqual(['wf_1.attempt-2', undefined])
  })

  it('asks a stream for its usage, whatever was passed through', async () => {
    const { adapter, server } = await open()
    await collect(adapter.streamChat?.({ ...hello, providerOptions: { stream_options: { include_usage: false } } }, context))
    expect(server.requests[0]?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } })
  })

  it('is made once, by a client of the host too, however often that would retry', async () => {
    for (const Client of [OpenAI, OpenAI6]) {
      const server = await startOpenaiLoopback()
      const client = new Client({ apiKey: server.apiKey, baseURL: server.url, maxRetries: 5, logLevel: 'off' })
      server.fail({ type: 'status', status: 500 })
      await expect(openai({ client }).chat?.(hello, context)).rejects.toMatchObject({ kind: 'unavailable' })
      expect(server.requests).toHaveLength(1)
      await server.close()
    }
  })

  it('is not made when the signal has already fired', async () => {
    const { adapter, server } = await open()
    await expect(adapter.chat?.(hello, { ...context, signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'aborted' })
    expect(server.requests).toHaveLength(0)
  })

  it('ends with the signal though the SDK hangs and pays no heed to it', async () => {
    const hanging = { create: () => new Promise<never>(() => {}) }
    const stuck = { create: async () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }) }
    for (const completions of [hanging, stuck]) {
      const adapter = openai({ client: { chat: { completions }, audio: { transcriptions: hanging, speech: hanging } } })
      const controller = new AbortController()
      const failure = failureOf(collect(adapter.streamChat?.(hello, { ...context, signal: controller.signal })))
      await new Promise(setImmediate)
      controller.abort()
      expect((await failure).kind).toBe('aborted')
    }
  })

  it('works through a client whose methods return plain promises', async () => {
    const { server } = await open()
    const inner = new OpenAI({ apiKey: server.apiKey, baseURL: server.url })
    const create = async (body: object, options?: object) => inner.chat.completions.create(body as never, options)
    const adapter = openai({ client: { chat: { completions: { create } }, audio: inner.audio } })
    expect(await adapter.chat?.(hello, context)).toMatchObject({ text: 'You said: Hello there', requestId: 'req_loopback_1' })
    expect((await collect(adapter.streamChat?.(hello, context))).at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' })
  })
})

describe('an answer of OpenAI', () => {
  it('is metered as the server counted it', async () => {
    const { adapter, server } = await open({
      chat: () => ({ promptTokens: 2_000, cachedTokens: 1_500, completionTokens: 500, reasoningTokens: 100 }),
    })
    const answer = await adapter.chat?.(hello, context)
    expect(meters(answer?.usage)).toEqual({ input: '500', cached_input: '1500', output: '400', reasoning: '100' })
    expect(answer).toMatchObject({ requestId: 'req_loopback_1', model: 'gpt-4o-mini', finishReason: 'stop' })
    expect(server.invoice).toEqual([
      {
        path: '/chat/completions',
        model: 'gpt-4o-mini',
        requestId: 'req_loopback_1',
        input: 'Hello there',
        quantities: { prompt_tokens: 2_000, completion_tokens: 500 },
        outcome: 'served',
      },
    ])
  })

  it('wishes for tools alike, plain and streamed', async () => {
    const { adapter } = await open({ chat: () => ({ toolCalls: [{ id: 'c1', name: 'look', arguments: '{"at":"heron"}' }] }) })
    const plain = await adapter.chat?.(hello, context)
    expect(plain).toMatchObject({
      text: '',
      finishReason: 'tool_calls',
      toolCalls: [{ id: 'c1', name: 'look', arguments: '{"at":"heron"}' }],
    })
    const events = await collect(adapter.streamChat?.(hello, context))
    expect(events).toEqual([
      { type: 'tool_call', index: 0, id: 'c1', name: 'look', arguments: '' },
      { type: 'tool_call', index: 0, arguments: '{"at":"heron"}' },
      expect.objectContaining({ type: 'finish', finishReason: 'tool_calls', usage: plain?.usage }),
    ])
  })

  it('transcribes a file, and says how long it is', async () => {
    const { adapter, server } = await open()
    const audio = { data: question, mediaType: 'audio/wav' }
    const result = await adapter.transcribe?.(
      { model: 'gpt-transcribe', audio, language: 'en', providerOptions: { response_format: 'srt', prompt: 'credits' } },
      context,
    )
    expect(result).toMatchObject({ text: 'How many minutes of talking do one hundred credits buy?', durationSeconds: 4.0845 })
    expect(meters(result?.usage)).toEqual({ duration: '4.0845' })
    const [request] = server.requests
    expect(request?.body).toEqual({
      model: 'gpt-transcribe',
      language: 'en',
      prompt: 'credits',
      response_format: 'json',
      stream: 'false',
    })
    expect(request?.file).toMatchObject({ name: 'audio.wav', mediaType: 'audio/wav' })
    expect(request?.file?.data).toEqual(question)
  })

  it('names a file by what its first bytes say it is', async () => {
    const { adapter, server } = await open()
    for (const mediaType of ['audio/mpeg', 'audio/webm;codecs=opus', 'audio/x-m4a', 'audio/ogg', 'application/octet-stream']) {
      await adapter.transcribe?.({ model: 'gpt-transcribe', audio: { data: question, mediaType } }, context)
    }
    expect(server.requests.map(({ file }) => file?.name)).toEqual([
      'audio.mp3',
      'audio.webm',
      'audio.m4a',
      'audio.ogg',
      'audio.wav',
    ])
  })

  it('speaks, counting code points', async () => {
    const { adapter, server } = await open()
    const text = 'Hi 👋🏽'
    const result = await adapter.speak?.({ model: 'tts-1', text, format: 'wav' }, context)
    expect(meters(result?.usage)).toEqual({ characters: '5' })
    expect(result?.usage?.certainty).toBe('derived')
    expect(server.requests[0]?.body).toMatchObject({ voice: 'alloy', response_format: 'wav', stream_format: 'audio' })
    expect(server.invoice).toMatchObject([{ path: '/audio/speech', model: 'tts-1', quantities: { characters: 5 } }])
  })

  it('speaks in events where the model can, and keeps the tokens that it reports', async () => {
    const { adapter, server } = await open()
    const result = await adapter.speak?.({ model: 'gpt-4o-mini-tts', text: 'Hello', format: 'mp3', voice: 'ash' }, context)
    expect(meters(result?.usage)).toEqual({ characters: '5' })
    expect(result?.usage).toMatchObject({ certainty: 'derived', raw: { total_tokens: 152 } })
    expect(Buffer.from(result?.audio ?? []).toString()).toBe('sound 0 of Hello;sound 1 of Hello;sound 2 of Hello;')
    expect(server.requests[0]?.body).toMatchObject({ voice: 'ash', stream_format: 'sse' })
  })
})

describe('a stream of OpenAI', () => {
  it('is whole when its finish reason and usage came, though its end did not', async () => {
    const { adapter, server } = await open({ chat: () => ({ text: 'one two' }) })
    // The role, two words, the finish reason and the usage are five chunks; the end mark is the sixth.
    for (const type of ['cut', 'reset'] as const) {
      server.fail({ type, after: 5 })
      const events = await collect(adapter.streamChat?.(hello, context))
      expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop', usage: { certainty: 'exact' } })
    }
  })

  it('is whole when its usage came, though the provider hangs before its closing mark, and lets go of it', async () => {
    for (const transport of ['sdk', 'fetch'] as const) {
      const { adapter, server } = await open({ chat: () => ({ text: 'one two' }) }, { transport })
      server.fail({ type: 'stall', after: 5 })
      const events = await collect(adapter.streamChat?.(hello, context))
      expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop', usage: { certainty: 'exact' } })
      expect(await server.requests[0]?.abandoned).toBe(true)
      await server.close()
    }
  })

  it('ends without usage when it is cut between its finish reason and its usage', async () => {
    const { adapter, server } = await open({ chat: () => ({ text: 'one two' }) })
    server.fail({ type: 'cut', after: 4 })
    expect((await collect(adapter.streamChat?.(hello, context))).at(-1)).toEqual({
      type: 'finish',
      finishReason: 'stop',
      model: 'gpt-4o-mini',
      requestId: 'req_loopback_1',
    })
  })

  it('is incomplete when the socket breaks half-way', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'reset', after: 3 })
    const error = await failureOf(collect(adapter.streamChat?.(hello, context)))
    expect(error).toMatchObject({ kind: 'incomplete', isRetryable: false, usage: undefined })
  })

  it('passes on what the provider says inside it: its class before the first word, incomplete after it', async () => {
    const { adapter, server } = await open()
    const error = { message: 'Hello there', type: 'server_error', code: 'slow_down' }
    server.fail({ type: 'event_error', after: 1, error })
    expect(await failureOf(collect(adapter.streamChat?.(hello, context)))).toMatchObject({
      kind: 'overloaded',
      providerCode: 'slow_down',
    })
    server.fail({ type: 'event_error', after: 3, error })
    expect(await failureOf(collect(adapter.streamChat?.(hello, context)))).toMatchObject({
      kind: 'incomplete',
      providerCode: 'slow_down',
    })
  })

  it('stops the provider when the reader leaves', async () => {
    for (const method of ['streamChat', 'streamSpeech'] as const) {
      const { adapter, server } = await open()
      server.fail({ type: 'stall', after: 2 })
      const request = {
        ...hello,
        text: 'Hello there',
        format: 'mp3' as const,
        ...(method === 'streamSpeech' ? { model: 'tts-1' } : {}),
      }
      for await (const event of adapter[method]?.(request, context) ?? []) {
        expect(event.type).not.toBe('finish')
        break
      }
      expect(await server.requests[0]?.abandoned).toBe(true)
      await server.close()
    }
  })

  it('of speech is whole when its last event came, though the provider breaks or hangs after it', async () => {
    const { adapter, server } = await open()
    for (const type of ['cut', 'reset', 'stall'] as const) {
      server.fail({ type, after: 4 })
      const speech = await collect(adapter.streamSpeech?.({ model: 'gpt-4o-mini-tts', text: 'Hello', format: 'mp3' }, context))
      expect(speech.at(-1)).toMatchObject({ type: 'finish', usage: { certainty: 'derived', raw: { total_tokens: 152 } } })
    }
    expect(await server.requests.at(-1)?.abandoned).toBe(true)
  })

  it('of speech is incomplete when its events end without the last one, and tells what it may have cost', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'cut', after: 3 })
    const error = await failureOf(
      collect(adapter.streamSpeech?.({ model: 'gpt-4o-mini-tts', text: 'Hello', format: 'mp3' }, context)),
    )
    expect(error.kind).toBe('incomplete')
    expect(error.usage?.certainty).toBe('ceiling')
    expect(meters(error.usage)).toEqual({ characters: '5' })
  })
})

describe('a failure of OpenAI', () => {
  const cases: { fault: Fault; kind: string; facts?: object }[] = [
    { fault: { type: 'html' }, kind: 'unavailable', facts: { status: 502, isRetryable: true } },
    { fault: { type: 'garbage' }, kind: 'malformed' },
    { fault: { type: 'status', status: 200, body: {} }, kind: 'malformed' },
    { fault: { type: 'status', status: 200, body: 'hello' }, kind: 'malformed' },
    { fault: { type: 'destroy' }, kind: 'network', facts: { isRetryable: true } },
    { fault: { type: 'status', status: 402 }, kind: 'quota_exhausted' },
    { fault: { type: 'status', status: 403 }, kind: 'authentication' },
    { fault: { type: 'status', status: 404 }, kind: 'model_not_found' },
    { fault: { type: 'status', status: 408 }, kind: 'timeout' },
    {
      fault: { type: 'status', status: 400, body: errorBody('x', 'invalid_request_error', 'unsupported_parameter', 'top_p') },
      kind: 'unsupported',
    },
    {
      fault: { type: 'status', status: 400, body: errorBody('x', 'invalid_request_error', 'unsupported_value', 'temperature') },
      kind: 'unsupported',
    },
    {
      fault: { type: 'status', status: 400, body: errorBody('x', 'invalid_request_error', 'array_above_max_length', 'stop') },
      kind: 'unsupported',
    },
    {
      fault: { type: 'status', status: 422, body: errorBody('x', 'invalid_request_error', null, 'tools[0].name') },
      kind: 'invalid_request',
    },
    { fault: { type: 'status', status: 504 }, kind: 'unavailable' },
    { fault: { type: 'status', status: 529, body: errorBody('x', 'overloaded_error', null) }, kind: 'overloaded' },
    {
      fault: {
        type: 'status',
        status: 429,
        body: errorBody('x', 'requests', 'rate_limit_exceeded'),
        headers: { 'retry-after': '20', 'retry-after-ms': '1234' },
      },
      kind: 'rate_limited',
      facts: { retryAfterMs: 1_234, providerCode: 'rate_limit_exceeded', requestId: 'req_fault' },
    },
    {
      fault: { type: 'status', status: 503, headers: { 'retry-after': '2' } },
      kind: 'unavailable',
      facts: { retryAfterMs: 2_000 },
    },
  ]

  it.each(cases)('$fault is $kind', async ({ fault, kind, facts = {} }) => {
    for (const Client of [OpenAI, OpenAI6]) {
      const server = await startOpenaiLoopback()
      const client = new Client({ apiKey: server.apiKey, baseURL: server.url, logLevel: 'off' })
      server.fail(fault)
      expect(await failureOf(openai({ client }).chat?.(hello, context))).toMatchObject({ kind, provider: 'openai', ...facts })
      await server.close()
    }
  })

  it('is that of the model where its code says so, even if the caller has named a voice', async () => {
    const { adapter, server } = await open()
    const speak = () => failureOf(adapter.speak?.({ model: 'tts-1', text: 'Hello', format: 'mp3', voice: 'ash' }, context))
    for (const providerCode of ['model_not_found', 'model_retired', 'model_deprecated', 'DeploymentNotFound', 'unknown_url']) {
      server.fail({ type: 'status', status: 404, body: errorBody('x', 'invalid_request_error', providerCode) })
      expect(await speak()).toMatchObject({ kind: 'model_not_found', providerCode, providerParameter: undefined })
    }
    server.fail({ type: 'status', status: 404, body: errorBody('x', 'invalid_request_error', null) })
    expect(await speak()).toMatchObject({ kind: 'unsupported', providerParameter: 'voice' })
  })

  it('is that of the model where its parameter or its words say so, as of servers that have no codes', async () => {
    const { adapter, server } = await open()
    const speak = () => failureOf(adapter.speak?.({ model: 'tts-1', text: 'Hello', format: 'mp3', voice: 'ash' }, context))
    const failWith = (error: object) =>
      server.fail({ type: 'status', status: 404, body: { error: { type: 'NotFoundError', param: null, code: 404, ...error } } })
    failWith({ message: 'x', param: 'model' })
    expect(await speak()).toMatchObject({ kind: 'model_not_found', providerParameter: 'model' })
    for (const message of ['The model `tts-1` does not exist.', "model 'tts-1' not found, try pulling it first"]) {
      failWith({ message })
      expect(await speak()).toMatchObject({ kind: 'model_not_found', providerParameter: undefined })
    }
    failWith({ message: 'Voice ash was not found for the model tts-1' })
    expect(await speak()).toMatchObject({ kind: 'unsupported', providerParameter: 'voice' })
  })

  it('is a network failure where nobody listens', async () => {
    const { adapter, server } = await open()
    await server.close()
    const error = await failureOf(adapter.chat?.(hello, context))
    expect(error.kind).toBe('network')
    expect(error.message).toContain('ECONNREFUSED')
  })

  it('names the parameter at fault, without the words around it', async () => {
    const { adapter, server } = await open()
    server.fail({
      type: 'status',
      status: 400,
      body: errorBody('"Hello there" is no tool', 'invalid_request_error', null, 'tools[0].name'),
    })
    const error = await failureOf(adapter.chat?.(hello, context))
    expect(error.message).toBe('openai answered 400: invalid_request_error at tools[0].name')
    expect(inspect(error)).not.toContain('Hello there')
  })

  it('never tells the key that a provider repeats', async () => {
    const { server } = await open()
    const error = await failureOf(openai({ apiKey: 'sk-proj-secret', baseURL: server.url }).chat?.(hello, context))
    expect(error).toMatchObject({ kind: 'authentication', providerCode: 'invalid_api_key', status: 401 })
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain('sk-proj-secret')
  })
})

describe('a request that cannot be written', () => {
  const loop: Record<string, unknown> = {}
  loop.self = loop
  it.each([
    ['a number that JSON does not know', { seed: 1n }],
    ['a value within itself', { metadata: loop }],
  ])('because of %s is not asked, and no failure of OpenAI', async (_, providerOptions) => {
    for (const transport of ['sdk', 'fetch'] as const) {
      const { adapter, server } = await open({}, { transport })
      const work = [
        adapter.chat?.({ ...hello, providerOptions }, context),
        collect(adapter.streamChat?.({ ...hello, providerOptions }, context)),
        adapter.embed?.({ model: 'text-embedding-3-small', inputs: ['a'], providerOptions }, context),
      ]
      const failures = await Promise.all(work.map(failureOf))
      for (const error of failures) expect(error).toMatchObject({ kind: 'invalid_request', status: undefined })
      expect(server.requests).toEqual([])
    }
  })

  it('because its form has a null is not asked, and the field is named', async () => {
    const { adapter, server } = await open()
    const audio = { data: new Uint8Array(44), mediaType: 'audio/wav' }
    const request = { model: 'gpt-transcribe', audio, providerOptions: { prompt: null } }
    const error = await failureOf(adapter.transcribe?.(request, context))
    expect(error).toMatchObject({ kind: 'invalid_request', providerParameter: 'prompt' })
    expect(server.requests).toEqual([])
  })
})
