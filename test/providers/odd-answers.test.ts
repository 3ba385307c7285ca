import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { openai } from '@farebox/providers/openai'
import { anthropicUsage } from '@farebox/providers/usage'
import { describe, expect, it, onTestFinished } from 'vitest'
import { collect, failureOf, meters } from './outcomes.ts'
import { grokUsageBlock } from './usage-replies.ts'

const apiKey = 'a-key'
const context = { signal: new AbortController().signal, attemptId: 'a1' }
const hello = { model: 'a-model', messages: [{ role: 'user' as const, content: 'Hello' }] }
const speech = { model: 'gpt-4o-mini-tts', text: 'Hello', format: 'mp3' as const }

describe('a request without tools and stop sequences', () => {
  it.each([
    ['OpenAI chat', { choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }] }, openai],
    ['OpenAI responses', { status: 'completed', output: [] }, (options: object) => openai({ ...options, api: 'responses' })],
    ['Anthropic', { content: [], stop_reason: 'end_turn' }, anthropic],
  ] as const)(
    'has no empty list of them for %s, which providers refuse, nor a choice among none',
    async (_, answer, adapterOf) => {
      const bodies: Record<string, unknown>[] = []
      const baseURL = await serve('application/json', (response) => response.end(JSON.stringify(answer)), {}, bodies)
      const { chat } = adapterOf({ apiKey, baseURL })
      const lists = ['tools', 'stop', 'stop_sequences', 'tool_choice']
      const sent = async (given: object) => {
        await chat?.({ ...hello, ...given }, context)
        return lists.filter((name) => name in (bodies.at(-1) ?? {}))
      }
      for (const toolChoice of ['auto', 'none'] as const) expect(await sent({ tools: [], stop: [], toolChoice })).toEqual([])
      // The caller’s mistake, for the provider to refuse.
      expect(await sent({ tools: [], toolChoice: 'required' })).toEqual(['tool_choice'])
      const own = { tools: [{ type: 'web_search' }] }
      expect(await sent({ tools: [], toolChoice: 'auto', providerOptions: own })).toEqual(['tools', 'tool_choice'])
      expect(bodies.at(-1)).toMatchObject(own)
      const tools = [{ name: 'weather', parameters: { type: 'object' } }]
      expect(await sent({ tools, toolChoice: 'none' })).toEqual(['tools', 'tool_choice'])
    },
  )
})

describe('an answer of a server that speaks a provider’s protocol in its own way', () => {
  it('has not ended with a finish reason that is empty', async () => {
    const piece = (finish_reason: string) => ({ choices: [{ index: 0, delta: { content: 'Hel' }, finish_reason }] })
    const cut = openai({ apiKey, baseURL: await serveEvents([piece('')]) })
    expect(await failureOf(collect(cut.streamChat?.(hello, context)))).toMatchObject({ kind: 'incomplete' })
    const whole = openai({ apiKey, baseURL: await serveEvents([piece(''), piece('stop')]) })
    expect((await collect(whole.streamChat?.(hello, context))).at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' })
  })

  it('is of the model that was asked for, where it names none', async () => {
    const choice = { message: { content: 'Hi' }, finish_reason: 'stop' }
    const vectors = [{ index: 0, embedding: [1] }]
    const blank = { model: '', choices: [choice], data: vectors, status: 'completed', output: [], content: [] }
    const server = await serve('application/json', (response) => response.end(JSON.stringify(blank)))
    expect(await openai({ apiKey, baseURL: server }).chat?.(hello, context)).toMatchObject({ model: 'a-model' })
    expect(await openai({ apiKey, baseURL: server, api: 'responses' }).chat?.(hello, context)).toMatchObject({ model: 'a-model' })
    expect(await openai({ apiKey, baseURL: server }).embed?.({ model: 'a-model', inputs: ['Hello'] }, context)).toMatchObject({
      model: 'a-model',
    })
    expect(await anthropic({ apiKey, baseURL: server }).chat?.(hello, context)).toMatchObject({ model: 'a-model' })
  })

  it('tells the tier of service that answered, where it has prices of its own', async () => {
    const counts = { prompt_tokens: 5, completion_tokens: 3, input_tokens: 5, output_tokens: 3 }
    const choice = { index: 0, message: { content: 'Hi' }, delta: { content: 'Hi' }, finish_reason: 'stop' }
    const tiers = { flex: 'flex', priority: 'priority', default: undefined, on_demand: undefined, standard: undefined }
    for (const [service_tier, serviceTier] of Object.entries(tiers)) {
      const usage = { ...counts, service_tier }
      const answer = { choices: [choice], usage: counts, service_tier, status: 'completed', output: [] }
      const body = JSON.stringify(answer)
      const plain = await serve('application/json', (response) => response.end(body))
      const events = await serveEvents([answer, { type: 'response.completed', response: answer }])
      const message = JSON.stringify({ content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn', usage })
      const ofAnthropic = await serve('application/json', (response) => response.end(message))
      const last = async (baseURL: string, api: 'chat' | 'responses') =>
        (await collect(openai({ apiKey, baseURL, api }).streamChat?.(hello, context))).at(-1)
      const told = [
        await openai({ apiKey, baseURL: plain }).chat?.(hello, context),
        await openai({ apiKey, baseURL: plain, api: 'responses' }).chat?.(hello, context),
        await last(events, 'chat'),
        await last(events, 'responses'),
        await anthropic({ apiKey, baseURL: ofAnthropic }).chat?.(hello, context),
      ]
      expect(told.map((one) => one && 'usage' in one && one.usage?.serviceTier)).toEqual(told.map(() => serviceTier))
    }
  })

  it('is an answer beside an error that says nothing, plain and streamed', async () => {
    const output = [{ type: 'message', content: [{ type: 'output_text', text: 'Hi' }] }]
    const usage = { input_tokens: 5, output_tokens: 1 }
    const response = { status: 'completed', output, usage, error: { code: null, message: '' } }
    const plain = await serve('application/json', (answer) => answer.end(JSON.stringify(response)))
    const told = await openai({ apiKey, baseURL: plain, api: 'responses' }).chat?.(hello, context)
    expect(told).toMatchObject({ text: 'Hi', usage: { certainty: 'exact' } })
    const baseURL = await serveEvents([
      { type: 'response.output_text.delta', delta: 'Hi' },
      { type: 'response.completed', response },
    ])
    const streamed = await collect(openai({ apiKey, baseURL, api: 'responses' }).streamChat?.(hello, context))
    expect(streamed.at(-1)).toMatchObject({ type: 'finish', usage: { certainty: 'exact' } })
  })

  it('is refused as its error says, though its status is that of success, plain and streamed', async () => {
    const json = (body: object) => serve('application/json', (response) => response.end(JSON.stringify(body)))
    const told = { message: 'Slow down', type: 'rate_limit_error' }
    for (const [error, facts] of [
      [
        { ...told, code: 429 },
        { kind: 'rate_limited', status: 429 },
      ],
      [{ ...told, code: 'insufficient_quota' }, { kind: 'quota_exhausted' }],
    ] as const) {
      const baseURL = await json({ error })
      for (const api of ['chat', 'responses'] as const)
        for (const transport of ['sdk', 'fetch'] as const) {
          const adapter = openai({ apiKey, baseURL, api, transport })
          expect(await failureOf(adapter.chat?.(hello, context))).toMatchObject(facts)
          expect(await failureOf(collect(adapter.streamChat?.(hello, context)))).toMatchObject(facts)
        }
    }
    const ofAnthropic = anthropic({ apiKey, baseURL: await json({ type: 'error', error: { type: 'overloaded_error' } }) })
    expect(await failureOf(ofAnthropic.chat?.(hello, context))).toMatchObject({ kind: 'overloaded' })
    const whole = openai({ apiKey, baseURL: await json({ choices: [] }) })
    expect(await failureOf(collect(whole.streamChat?.(hello, context)))).toMatchObject({ kind: 'incomplete' })
    const cut = openai({ apiKey, baseURL: await serve('application/json', (response) => response.end('{"error":')) })
    expect(await failureOf(collect(cut.streamChat?.(hello, context)))).toMatchObject({ kind: 'malformed' })
  })

  it('failed, where its choice says so, though its status is that of success, and tells what it used', async () => {
    const usage = { prompt_tokens: 5, completion_tokens: 3 }
    const said = { message: { content: 'Hel' }, delta: {} }
    const failed = (choice: object) => ({ choices: [{ index: 0, ...said, finish_reason: 'error', ...choice }], usage })
    for (const [choice, facts] of [
      [{ error: { code: 429, message: 'Slow down' } }, { kind: 'rate_limited', status: 429 }],
      [
        { error: { code: 502, message: 'It died' }, finish_reason: 'stop' },
        { kind: 'unavailable', status: 502 },
      ],
      [{}, { kind: 'unavailable' }],
    ] as const) {
      const plain = await serve('application/json', (response) => response.end(JSON.stringify(failed(choice))))
      const events = await serveEvents([failed(choice)])
      const told = [
        await failureOf(openai({ apiKey, baseURL: plain }).chat?.(hello, context)),
        await failureOf(collect(openai({ apiKey, baseURL: events }).streamChat?.(hello, context))),
      ]
      for (const error of told) {
        expect(error).toMatchObject(facts)
        expect(meters(error.usage)).toEqual({ input: '5', output: '3' })
      }
    }
    const silent = failed({ error: { code: null, message: '' }, finish_reason: 'stop' })
    const whole = await serve('application/json', (response) => response.end(JSON.stringify(silent)))
    expect(await openai({ apiKey, baseURL: whole }).chat?.(hello, context)).toMatchObject({ text: 'Hel', finishReason: 'stop' })
    const begun = await serveEvents([{ choices: [{ index: 0, delta: { content: 'Hel' } }] }, failed({})])
    expect(await failureOf(collect(openai({ apiKey, baseURL: begun }).streamChat?.(hello, context)))).toMatchObject({
      kind: 'incomplete',
    })
  })

  it('is an answer where a stream was asked for and it came whole', async () => {
    const usage = { prompt_tokens: 5, completion_tokens: 3, input_tokens: 5, output_tokens: 3 }
    const call = { id: 'call_1', name: 'look', arguments: '{"at":1}' }
    const message = { content: 'Hi', tool_calls: [{ id: call.id, type: 'function', function: call }] }
    const output = [
      { type: 'reasoning', summary: [] },
      { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] },
      { type: 'function_call', call_id: call.id, name: call.name, arguments: call.arguments },
    ]
    const body = { model: 'm', choices: [{ index: 0, message, finish_reason: 'tool_calls' }], status: 'completed', output, usage }
    for (const [api, object] of [
      ['chat', 'chat.completion'],
      ['responses', 'response'],
    ] as const) {
      const json = JSON.stringify({ object, ...body }, null, 2)
      const baseURL = await serve('application/json', (response) => response.end(json))
      for (const transport of ['sdk', 'fetch'] as const) {
        const events = await collect(openai({ apiKey, baseURL, api, transport }).streamChat?.(hello, context))
        expect(events.filter(({ type }) => type === 'text').map((event) => 'text' in event && event.text)).toEqual(['Hi'])
        expect(events.filter(({ type }) => type === 'tool_call')).toMatchObject([{ index: 0, ...call }])
        const end = events.at(-1)
        expect(end).toMatchObject({ type: 'finish', finishReason: 'tool_calls', model: 'm', usage: { certainty: 'exact' } })
        expect(meters(end && 'usage' in end ? end.usage : undefined)).toEqual({ input: '5', output: '3' })
      }
    }
    const failed = JSON.stringify({ object: 'response', status: 'failed', error: { code: 'server_error' }, output: [], usage })
    const failing = openai({
      apiKey,
      baseURL: await serve('application/json', (response) => response.end(failed)),
      api: 'responses',
    })
    expect(await failureOf(collect(failing.streamChat?.(hello, context)))).toMatchObject({
      kind: 'unavailable',
      usage: { raw: usage },
    })
    const refused = { object: 'response', status: 'completed', output: [{ type: 'message', content: [{ refusal: 'No.' }] }] }
    const baseURL = await serve('application/json', (response) => response.end(JSON.stringify(refused)))
    const events = await collect(openai({ apiKey, baseURL, api: 'responses' }).streamChat?.(hello, context))
    expect(events).toMatchObject([{ type: 'text', text: 'No.', isRefusal: true }, { type: 'finish' }])
  })

  it('has its words also where a stream of responses tells them only when they are whole', async () => {
    const usage = { input_tokens: 5, output_tokens: 3 }
    const content = [
      { type: 'output_text', text: 'Hi. ' },
      { type: 'output_text', text: 'I look.' },
    ]
    const call = { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' }
    const completed = (output: object[]) => ({ type: 'response.completed', response: { status: 'completed', output, usage } })
    const told = (type: string, content_index: number, words: object) => ({ type, output_index: 0, content_index, ...words })
    const done = content.map(({ text }, index) => told('response.output_text.done', index, { text }))
    const whole = completed([{ type: 'message', content }])
    const read = async (...events: object[]) => {
      const baseURL = await serveEvents(events)
      const given = await collect(openai({ apiKey, baseURL, api: 'responses' }).streamChat?.(hello, context))
      return given.map((event) => {
        if (event.type === 'text') return `${event.isRefusal ? 'refused: ' : ''}${event.text}`
        return event.type === 'tool_call' ? event.id : event.finishReason
      })
    }
    expect(await read(whole)).toEqual(['Hi. I look.', 'stop'])
    expect((await read(...done, whole)).join('')).toBe('Hi. I look.stop')
    expect((await read(told('response.output_text.delta', 7, { delta: 'Hi. I look.' }), ...done, whole)).join('')).toBe(
      'Hi. I look.stop',
    )
    expect(await read(completed([{ type: 'message', content }, call]))).toEqual(['Hi. I look.', 'c1', 'tool_calls'])
    expect(await read({ type: 'response.output_item.added', output_index: 0, item: call }, completed([call]))).toEqual([
      'c1',
      'tool_calls',
    ])
    const empty = told('response.output_text.delta', 0, { delta: '' })
    expect((await read(empty, ...done, completed([]))).join('')).toBe('Hi. I look.stop')
    const added = { type: 'response.output_item.added', output_index: 1, item: call }
    const both = completed([{ type: 'message', content }, call])
    expect(await read(added, both)).toEqual(['c1', 'Hi. I look.', 'tool_calls'])
    expect(await read(told('response.output_text.delta', 0, { delta: 'Hi. I look.' }), both)).toEqual([
      'Hi. I look.',
      'c1',
      'tool_calls',
    ])
    const refusal = told('response.refusal.done', 0, { refusal: 'No.' })
    expect(await read(refusal, completed([{ type: 'message', content: [{ refusal: 'No.' }] }]))).toEqual(['refused: No.', 'stop'])
  })

  it('is told once where a stream of a chat ends with the whole message, as MiniMax’s do', async () => {
    const call = { index: 0, id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } }
    const whole = { role: 'assistant', content: 'Hi. I look.', tool_calls: [call] }
    const usage = { prompt_tokens: 5, completion_tokens: 3 }
    const last = { object: 'chat.completion', choices: [{ index: 0, message: whole, finish_reason: 'tool_calls' }], usage }
    const piece = (delta: object, more?: object) => ({ choices: [{ index: 0, delta, ...more }] })
    const read = async (...events: object[]) => {
      const baseURL = await serveEvents(events)
      const given = await collect(openai({ apiKey, baseURL }).streamChat?.(hello, context))
      const text = given.map((event) => (event.type === 'text' ? event.text : '')).join('')
      const calls = given.flatMap((event) => (event.type === 'tool_call' ? `${event.id} ${event.arguments}` : []))
      const end = given.at(-1)
      return { text, calls, used: meters(end && 'usage' in end ? end.usage : undefined) }
    }
    const told = { text: 'Hi. I look.', calls: ['c1 {}'], used: { input: '5', output: '3' } }
    const begin = piece({ role: 'assistant', content: '' })
    expect(
      await read(begin, piece({ content: 'Hi. ' }), piece({ content: 'I look.' }), piece({ tool_calls: [call] }), last),
    ).toEqual(told)
    expect(await read(begin, last)).toEqual(told)
  })

  it('of Claude is an answer, or refused as its error says, where a stream was asked for and it came whole', async () => {
    const streamed = async (body: object) => {
      const baseURL = await serve('application/json', (response) => response.end(JSON.stringify(body)))
      return collect(anthropic({ apiKey, baseURL }).streamChat?.(hello, context))
    }
    const usage = { input_tokens: 5, output_tokens: 3 }
    const content = [
      { type: 'text', text: 'Hi' },
      { type: 'tool_use', id: 'c1', name: 'look', input: { at: 1 } },
    ]
    const events = await streamed({ type: 'message', model: 'm', content, stop_reason: 'tool_use', usage })
    expect(events).toMatchObject([
      { type: 'text', text: 'Hi' },
      { type: 'tool_call', index: 0, id: 'c1', name: 'look', arguments: '{"at":1}' },
      { type: 'finish', finishReason: 'tool_calls', model: 'm', usage: { certainty: 'exact', raw: usage } },
    ])
    const pieces = [
      { type: 'message_start', message: { model: 'm', usage } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
      { type: 'message_stop' },
    ]
    const stream = pieces.map((piece) => `event: ${piece.type}\ndata: ${JSON.stringify(piece)}\n\n`).join('')
    const baseURL = await serve('application/json', (response) => response.end(stream))
    expect(await collect(anthropic({ apiKey, baseURL }).streamChat?.(hello, context))).toMatchObject([
      { type: 'text', text: 'Hi' },
      { type: 'finish', finishReason: 'stop', model: 'm' },
    ])
    const refused = failureOf(streamed({ type: 'error', error: { type: 'overloaded_error', message: 'Hello' } }))
    expect(await refused).toMatchObject({ kind: 'overloaded' })
    expect(await failureOf(streamed({ usage }))).toMatchObject({ kind: 'malformed', usage: { certainty: 'exact' } })
  })

  it('that is not understood tells what it used', async () => {
    const usage = { prompt_tokens: 5, completion_tokens: 3, input_tokens: 5, output_tokens: 3 }
    const body = JSON.stringify({ choices: [], data: [], status: 'queued', usage })
    const baseURL = await serve('application/json', (response) => response.end(body))
    const own = openai({ apiKey, baseURL })
    const responses = openai({ apiKey, baseURL, api: 'responses' })
    for (const [work, used] of [
      [() => own.chat?.(hello, context), { input: '5', output: '3' }],
      [() => responses.chat?.(hello, context), { input: '5', output: '3' }],
      [() => anthropic({ apiKey, baseURL }).chat?.(hello, context), { input: '5', output: '3' }],
      [() => own.embed?.({ model: 'a-model', inputs: ['Hello'] }, context), { input: '5' }],
    ] as const) {
      const error = await failureOf(work())
      expect(error).toMatchObject({ kind: 'malformed' })
      expect(meters(error.usage)).toEqual(used)
    }
  })

  it('has not counted what was asked, where its stream begins with zeros and is cut', async () => {
    const cut = async (usage: object) => {
      const lines = [
        { type: 'message_start', message: { usage } },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'A heron, which' } },
      ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      const baseURL = await serve('text/event-stream', (response) => response.end(lines.join('')))
      return failureOf(collect(anthropic({ apiKey, baseURL }).streamChat?.(hello, context)))
    }
    const floor = { certainty: 'floor' }
    expect(await cut({ input_tokens: 0, output_tokens: 0 })).toMatchObject({ kind: 'incomplete', usage: undefined })
    expect(await cut({ input_tokens: 5, output_tokens: 0 })).toMatchObject({ kind: 'incomplete', usage: floor })
    for (const field of ['cache_read_input_tokens', 'cache_creation_input_tokens'])
      expect(await cut({ input_tokens: 0, output_tokens: 0, [field]: 9 })).toMatchObject({ kind: 'incomplete', usage: floor })
  })

  it('has not measured a recording, where it says that it took no time', async () => {
    const audio = { data: readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)), mediaType: 'audio/wav' }
    const answer = { text: 'Hello', usage: { type: 'duration', seconds: 0 }, duration: 0, audio_duration_secs: 0 }
    const baseURL = await serve('application/json', (response) => response.end(JSON.stringify(answer)))
    for (const adapter of [openai({ apiKey, baseURL }), cartesia({ apiKey, baseURL })]) {
      const heard = await adapter.transcribe?.({ model: 'a-model', audio }, context)
      expect(heard?.usage).toMatchObject({
        certainty: 'derived',
        quantities: [{ quantity: expect.toSatisfy((length) => length > 0n) }],
      })
      const unknown = { data: new Uint8Array(64), mediaType: 'audio/mpeg' }
      expect(await adapter.transcribe?.({ model: 'a-model', audio: unknown }, context)).not.toHaveProperty('usage')
    }
  })

  it('of Claude is charged with its searches, where its tokens contradict each other, and without, where they are no count', async () => {
    const impossible = { input_tokens: 7, output_tokens: 3, output_tokens_details: { thinking_tokens: 5 } }
    for (const [web_search_requests, searches] of [
      [2, { web_searches: '2' }],
      [-2, {}],
    ] as const) {
      const usage = { ...impossible, server_tool_use: { web_search_requests } }
      const message = JSON.stringify({ content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn', usage })
      const baseURL = await serve('application/json', (response) => response.end(message))
      const answer = await anthropic({ apiKey, baseURL }).chat?.(hello, context)
      expect(meters(answer?.usage)).toEqual({ input: '7', output: '3', ...searches })
      expect(answer?.usage).toMatchObject({ certainty: 'floor', raw: usage })
    }
  })

  it('of Claude that counts its searches alone is charged with them', () => {
    const usage = anthropicUsage({ input_tokens: 0, output_tokens: 0, server_tool_use: { web_search_requests: 2 } })
    expect(meters(usage)).toEqual({ input: '0', output: '0', web_searches: '2' })
  })

  it('is read where its server writes null for what does not apply', async () => {
    const pieces = [
      { error: null, choices: [{ index: null, delta: { content: 'Hi', tool_calls: null }, finish_reason: null }], usage: null },
      { error: null, choices: [{ index: null, delta: null, finish_reason: 'stop' }], usage: null },
    ]
    const events = await collect(openai({ apiKey, baseURL: await serveEvents(pieces) }).streamChat?.(hello, context))
    expect(events).toMatchObject([
      { type: 'text', text: 'Hi' },
      { type: 'finish', finishReason: 'stop' },
    ])
    const sound = [
      { type: 'speech.audio.delta', audio: 'AAAA', error: null },
      { type: 'speech.audio.done', error: null },
    ]
    const spoken = await collect(openai({ apiKey, baseURL: await serveEvents(sound) }).streamSpeech?.(speech, context))
    expect(spoken).toMatchObject([{ type: 'audio' }, { type: 'finish' }])
  })

  it('tells that Claude answered fast, which has a price of its own', async () => {
    const counts = { input_tokens: 5, output_tokens: 3, service_tier: 'standard' }
    const impossible = { ...counts, output_tokens_details: { thinking_tokens: 4 } }
    for (const [usage, serviceTier] of [
      [{ ...counts, speed: 'fast' }, 'fast'],
      [{ ...impossible, speed: 'fast' }, 'fast'],
      [{ ...counts, speed: 'standard' }, undefined],
      [{ ...counts, speed: null }, undefined],
    ] as const) {
      const message = JSON.stringify({ content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn', usage })
      const plain = await serve('application/json', (response) => response.end(message))
      const told = [await anthropic({ apiKey, baseURL: plain }).chat?.(hello, context)]
      const events = [
        { type: 'message_start', message: { usage } },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } },
        { type: 'message_delta', delta: {}, usage: null },
        { type: 'message_stop' },
      ]
      const lines = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      const stream = await serve('text/event-stream', (response) => response.end(lines.join('')))
      const last = (await collect(anthropic({ apiKey, baseURL: stream }).streamChat?.(hello, context))).at(-1)
      expect([...told, last].map((one) => one && 'usage' in one && one.usage?.serviceTier)).toEqual([serviceTier, serviceTier])
    }
  })

  describe.each(['sdk', 'fetch'] as const)('over %s', (transport) => {
    const open = (baseURL: string) => openai({ apiKey, baseURL, transport })
    const chatOf = async (message: object) => {
      const body = JSON.stringify({ choices: [{ message, finish_reason: 'stop' }] })
      return open(await serve('application/json', (response) => response.end(body))).chat?.(hello, context)
    }
    const streamOf = async (...deltas: object[]) => {
      const events = [...deltas, {}].map((delta, at) => ({
        choices: [{ index: 0, delta, finish_reason: at === deltas.length ? 'stop' : null }],
      }))
      return collect(open(await serveEvents(events)).streamChat?.(hello, context))
    }
    const thought = { type: 'thinking', thinking: [{ type: 'text', text: 'Birds …' }] }
    const parts = [
      { type: 'text', text: 'The her' },
      { type: 'reference', reference_ids: [1] },
      { type: 'text', text: 'on' },
    ]

    it('is read where it comes in parts, without what was thought', async () => {
      expect(await chatOf({ content: [thought, ...parts] })).toMatchObject({ text: 'The heron' })
      expect(await chatOf({ content: [thought] })).toMatchObject({ text: '' })
      expect(await chatOf({ content: { type: 'text', text: 'A heron' } })).toMatchObject({ text: 'A heron' })
      expect(await chatOf({ content: [], refusal: 'No' })).toMatchObject({ text: 'No', isRefusal: true })
      const events = await streamOf({ content: [thought] }, { content: parts }, { content: ' sleeps' })
      const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
      expect(texts.join('')).toBe('The heron sleeps')
    })

    it('has the arguments of its tools as text, and ids for calls that have none', async () => {
      const calls = ['Graz', 'Linz'].map((at, index) => ({ index, function: { name: 'weather', arguments: { at } } }))
      const id = expect.stringMatching(/^[a-z0-9]{9}$/)
      const whole = await chatOf({ content: null, tool_calls: calls })
      expect(whole?.toolCalls).toEqual([
        { id, name: 'weather', arguments: '{"at":"Graz"}' },
        { id, name: 'weather', arguments: '{"at":"Linz"}' },
      ])
      expect(whole?.toolCalls?.[0]?.id).not.toBe(whole?.toolCalls?.[1]?.id)
      const pieces = [
        { index: 0, function: { name: 'weather' } },
        { index: 0, function: { arguments: '{}' } },
      ]
      const streamed = await streamOf({ tool_calls: [calls[1]] }, ...pieces.map((piece) => ({ tool_calls: [piece] })))
      expect(streamed.filter(({ type }) => type === 'tool_call')).toEqual([
        { type: 'tool_call', index: 0, id, name: 'weather', arguments: '{"at":"Linz"}' },
        { type: 'tool_call', index: 1, id, name: 'weather', arguments: '' },
        { type: 'tool_call', index: 1, arguments: '{}' },
      ])
    })

    it('is charged with what the model thought, where that is told outside the completion', async () => {
      const choice = { index: 0, message: { content: 'Hi' }, delta: { content: 'Hi' }, finish_reason: 'stop' }
      const chunks = [{ choices: [choice] }, { choices: [], usage: grokUsageBlock }]
      const body = JSON.stringify({ choices: [choice], usage: grokUsageBlock })
      const plain = await open(await serve('application/json', (response) => response.end(body))).chat?.(hello, context)
      const finish = (await collect(open(await serveEvents(chunks)).streamChat?.(hello, context))).at(-1)
      const expected = { input: '9992', cached_input: '128', output: '1499', reasoning: '2809' }
      expect(meters(plain?.usage)).toEqual(expected)
      expect(finish?.type === 'finish' && meters(finish.usage)).toEqual(expected)
    })

    it('of the API of responses has them too', async () => {
      const item = { type: 'function_call', call_id: '', name: 'weather', arguments: { at: 'Graz' } }
      const body = { status: 'completed', output: [item] }
      const server = await serve('application/json', (response) => response.end(JSON.stringify(body)))
      const adapter = openai({ apiKey, baseURL: server, transport, api: 'responses' })
      const id = expect.stringMatching(/^[a-z0-9]{9}$/)
      const call = { id, name: 'weather', arguments: '{"at":"Graz"}' }
      expect(await adapter.chat?.(hello, context)).toMatchObject({ toolCalls: [call] })
      const events = [
        { type: 'response.output_item.added', output_index: 0, item },
        { type: 'response.completed', response: body },
      ]
      const streaming = openai({ apiKey, baseURL: await serveEvents(events), transport, api: 'responses' })
      expect(await collect(streaming.streamChat?.(hello, context))).toMatchObject([
        { type: 'tool_call', ...call },
        { type: 'finish' },
      ])
    })

    it('of the API of responses has arguments that come whole at the end of their call, once', async () => {
      const item = (output_index: number, text: string) => ({
        output_index,
        item: { type: 'function_call', call_id: `c${output_index}`, name: 'look', arguments: text },
      })
      const events = [
        { type: 'response.output_item.added', ...item(0, '') },
        { type: 'response.function_call_arguments.done', output_index: 0, arguments: '{"at":0}' },
        { type: 'response.output_item.done', ...item(0, '{"at":0}') },
        { type: 'response.output_item.added', ...item(1, '') },
        { type: 'response.output_item.done', ...item(1, '{"at":1}') },
        { type: 'response.output_item.added', ...item(2, '') },
        { type: 'response.function_call_arguments.delta', output_index: 2, delta: '{"at":2}' },
        { type: 'response.function_call_arguments.done', output_index: 2, arguments: '{"at":2}' },
        { type: 'response.output_item.done', ...item(2, '{"at":2}') },
        { type: 'response.output_item.done', ...item(3, '{"at":3}') },
        { type: 'response.completed', response: { status: 'completed', output: [] } },
      ]
      const adapter = openai({ apiKey, baseURL: await serveEvents(events), transport, api: 'responses' })
      const told = ['', '', '', '']
      for (const event of await collect(adapter.streamChat?.(hello, context))) {
        if (event.type === 'tool_call') told[event.index] += event.arguments
      }
      expect(told).toEqual(['{"at":0}', '{"at":1}', '{"at":2}', '{"at":3}'])
    })
  })

  it.each(['sk-1', 'sk_car_1', 'Bearer a-key', 'a page\twith words'])('has no id where it echoes %j', async (echo) => {
    const choice = { message: { content: 'Hi' }, finish_reason: 'stop' }
    const body = JSON.stringify({ choices: [choice], content: [] })
    const headers = { 'x-request-id': echo, 'request-id': echo }
    const server = await serve('application/json', (response) => response.end(body), headers)
    const chunk = { choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }] }
    const events = await serve('text/event-stream', (response) => response.end(`data: ${JSON.stringify(chunk)}\n\n`), headers)
    for (const transport of ['sdk', 'fetch'] as const) {
      expect(await openai({ apiKey, baseURL: server, transport }).chat?.(hello, context)).not.toHaveProperty('requestId', echo)
      const streamed = await collect(openai({ apiKey, baseURL: events, transport }).streamChat?.(hello, context))
      expect(JSON.stringify(streamed)).not.toContain(echo)
    }
    expect(await anthropic({ apiKey, baseURL: server }).chat?.(hello, context)).not.toHaveProperty('requestId', echo)
  })

  it('is an answer that a filter stopped, where it has no message but says so', async () => {
    const choices = [{ index: 0, finish_reason: 'content_filter: PROHIBITED_CONTENT' }]
    const usage = { prompt_tokens: 10, completion_tokens: 0, total_tokens: 10 }
    const server = await serve('application/json', (response) => response.end(JSON.stringify({ choices, usage })))
    for (const transport of ['sdk', 'fetch'] as const) {
      const answer = await openai({ apiKey, baseURL: server, transport }).chat?.(hello, context)
      expect(answer).toMatchObject({ text: '', finishReason: 'content_filter' })
    }
  })

  it.each([
    [400, 'Provider returned error', 'invalid_request'],
    [403, 'x requires moderation on y. Your input was flagged for "violence".', 'content_policy'],
    [429, 'Provider returned error', 'rate_limited'],
    [502, 'Provider returned error', 'unavailable'],
  ])('is the error %i that a success has inside, plain and streamed', async (code, message, kind) => {
    const body = JSON.stringify({ error: { code, message } })
    const plain = await serve('application/json', (response) => response.end(body))
    const events = await serve('text/event-stream', (response) => response.end(`data: ${body}\n\n`))
    for (const transport of ['sdk', 'fetch'] as const) {
      const failures = [
        openai({ apiKey, baseURL: plain, transport }).chat?.(hello, context),
        collect(openai({ apiKey, baseURL: events, transport }).streamChat?.(hello, context)),
      ]
      for (const error of await Promise.all(failures.map(failureOf))) expect(error).toMatchObject({ kind, status: code })
    }
  })

  it.each([undefined, {}, { output_tokens: null }])(
    'is not counted by the token that a stream begins with: %j',
    async (usage) => {
      const message = { model: 'a-model', content: [], usage: { input_tokens: 9, output_tokens: 1 } }
      const events = [
        { type: 'message_start', message },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        {
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'text_delta', text: 'The heron hunts at dusk, and at dawn too.' },
        },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
        { type: 'message_stop' },
      ]
      const named = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
      const server = await serve('text/event-stream', (response) => response.end(named))
      const [, finish] = await collect(anthropic({ apiKey, baseURL: server }).streamChat?.(hello, context))
      expect(finish).toMatchObject({ type: 'finish', finishReason: 'stop' })
      expect(finish).not.toHaveProperty('usage')
    },
  )

  it('is no speech where there is nothing to hear', async () => {
    const done = { type: 'speech.audio.done', usage: { input_tokens: 1, output_tokens: 0, total_tokens: 1 } }
    const adapter = openai({ apiKey, baseURL: await serveEvents([done]) })
    for (const hear of [() => adapter.speak?.(speech, context), () => collect(adapter.streamSpeech?.(speech, context))]) {
      expect(await failureOf(hear())).toMatchObject({ kind: 'incomplete', usage: { certainty: 'ceiling' } })
    }
  })

  it('is no speech where it is a page, and costs nothing, however it was asked for', async () => {
    const page = await serve('text/html', (response) => response.end('<h1>Down for a while</h1>'))
    const adapter = cartesia({ apiKey, baseURL: page })
    for (const format of ['mp3', 'pcm'] as const) {
      const heard = collect(adapter.streamSpeech?.({ model: 'sonic-3', text: 'Hello', format }, context))
      expect(await failureOf(heard)).toMatchObject({ kind: 'malformed', usage: undefined })
    }
  })
})

function serveEvents(events: readonly object[]): Promise<string> {
  return serve('text/event-stream', (response) =>
    response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')),
  )
}

async function serve(
  mediaType: string,
  answer: (response: ServerResponse) => void,
  headers: object = {},
  bodies: object[] = [],
): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request)).toString()
    if (body.startsWith('{')) bodies.push(JSON.parse(body))
    answer(response.writeHead(200, { 'content-type': mediaType, ...headers }))
  })
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
