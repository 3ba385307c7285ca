import type { Socket } from 'node:net'
import { inspect } from 'node:util'
import type { RealtimeEvent, RealtimeInput, RealtimeRequest, SoundFormat } from '@farebox/core'
import { type OpenaiOptions, openai } from '@farebox/providers/openai'
import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { type OpenaiLoopback, type OpenaiLoopbackOptions, startOpenaiLoopback } from '../loopback/openai.ts'
import { at } from './openai-harness.ts'
import { collect, failureOf, meters, settle } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const PCM: SoundFormat = { encoding: 'pcm_s16le', sampleRate: 24_000 }
const PHONE: SoundFormat = { encoding: 'mulaw', sampleRate: 8_000 }
const words = new Uint8Array(800).fill(0x55)
const silence = new Uint8Array(4_000).fill(0xff)

let loopback: OpenaiLoopback | undefined
afterEach(() => {
  vi.useRealTimers()
  return loopback?.close()
})

async function open(given: OpenaiLoopbackOptions = {}, options: (server: OpenaiLoopback) => OpenaiOptions = at) {
  loopback = await startOpenaiLoopback(given)
  return { server: loopback, adapter: openai(options(loopback)) }
}

/** A conversation in which `given` is said. */
function talk(
  given: Iterable<RealtimeInput> | AsyncIterable<RealtimeInput>,
  more: Partial<RealtimeRequest> = {},
): RealtimeRequest {
  const input = (async function* () {
    yield* given
  })()
  return { model: 'gpt-realtime', input, inputFormat: PHONE, outputFormat: PHONE, ...more }
}

const hello: RealtimeInput[] = [{ type: 'text', text: 'Hello there' }, { type: 'respond' }]
/** Words, and the pause that the server answers. */
const aloud: RealtimeInput[] = [
  { type: 'audio', audio: words },
  { type: 'audio', audio: silence },
]
/** Asks for what the user says in writing. */
const written = { audio: { input: { transcription: { model: 'gpt-transcribe' } } } }
const typesOf = (events: readonly RealtimeEvent[]) => events.map(({ type }) => type)

describe('a conversation with OpenAI', () => {
  it('sets the session up in OpenAI’s words, with what was passed through beneath', async () => {
    const { adapter, server } = await open()
    const parameters = { type: 'object', properties: {} }
    await collect(
      adapter.converse?.(
        talk([], {
          instructions: 'Be brief.',
          voice: 'marin',
          outputTokensMax: 200,
          inputFormat: PCM,
          tools: [{ name: 'look', description: 'Looks.', parameters }],
          providerOptions: {
            type: 'transcription',
            reasoning: { effort: 'low' },
            audio: { input: { format: { type: 'audio/pcma' }, turn_detection: null }, output: { speed: 1.2, voice: 'ash' } },
          },
        }),
        context,
      ),
    )
    expect(server.requests[0]).toMatchObject({ path: '/realtime', headers: { 'x-client-request-id': 'a1' } })
    expect(server.requests[0]?.query.get('model')).toBe('gpt-realtime')
    expect(server.heard).toEqual([
      {
        type: 'session.update',
        session: {
          type: 'realtime',
          instructions: 'Be brief.',
          max_output_tokens: 200,
          reasoning: { effort: 'low' },
          tools: [{ type: 'function', name: 'look', description: 'Looks.', parameters }],
          audio: {
            input: { format: { type: 'audio/pcm', rate: 24_000 }, turn_detection: null },
            output: { format: { type: 'audio/pcmu' }, speed: 1.2, voice: 'marin' },
          },
        },
      },
    ])
  })

  it('answers in sound and in writing, and bills the turn as the server counted it', async () => {
    const usage = {
      input_tokens: 300,
      output_tokens: 90,
      input_token_details: {
        audio_tokens: 200,
        text_tokens: 100,
        cached_tokens: 120,
        cached_tokens_details: { audio_tokens: 80, text_tokens: 40 },
      },
      output_token_details: { audio_tokens: 70, text_tokens: 20 },
    }
    const { adapter, server } = await open({ converse: () => ({ text: 'Good day', usage }) })
    const events = await collect(adapter.converse?.(talk(hello), context))
    expect(typesOf(events)).toEqual(['open', 'text', 'audio', 'text', 'audio', 'turn', 'finish'])
    expect(events.flatMap((event) => (event.type === 'text' ? event.text : [])).join('')).toBe('Good day')
    expect(events[2]).toEqual({ type: 'audio', audio: new Uint8Array(800).fill(1) })
    const turn = events.at(-2)
    expect(turn).toMatchObject({
      type: 'turn',
      turnId: 'resp_req_loopback_1_0',
      isComplete: true,
      usage: { certainty: 'exact', raw: usage },
    })
    expect(turn?.type === 'turn' && meters(turn.usage)).toEqual({
      input: '60',
      cached_input: '40',
      cached_audio_input: '80',
      audio_input: '120',
      output: '20',
      audio_output: '70',
    })
    expect(events.at(-1)).toEqual({ type: 'finish', model: 'gpt-realtime', requestId: 'sess_req_loopback_1' })
    expect(server.invoice).toMatchObject([
      { path: '/realtime', input: 'Hello there', quantities: { input_tokens: 300, output_tokens: 90 }, outcome: 'served' },
    ])
  })

  it('answers a pause by itself, and ends only when that answer was given', async () => {
    const { adapter } = await open({ converse: () => ({ text: 'Good day', paceMs: 5 }) })
    const events = await collect(
      adapter.converse?.(
        talk([
          { type: 'audio', audio: words },
          { type: 'audio', audio: silence },
        ]),
        context,
      ),
    )
    expect(typesOf(events).slice(-2)).toEqual(['turn', 'finish'])
    expect(events.at(-2)).toMatchObject({ isComplete: true })
  })

  it('ends without an answer to words that no pause follows, unless one is asked for', async () => {
    const { adapter } = await open()
    const speech: RealtimeInput = { type: 'audio', audio: words }
    expect(typesOf(await collect(adapter.converse?.(talk([speech]), context)))).toEqual(['open', 'finish'])
    expect(typesOf(await collect(adapter.converse?.(talk([speech, { type: 'respond' }]), context)))).toContain('turn')
  })

  it('asks for one answer after the other, as many as the caller asks for', async () => {
    const { adapter, server } = await open({ converse: () => ({ paceMs: 3 }) })
    const events = await collect(
      adapter.converse?.(talk([...hello, { type: 'text', text: 'And now?' }, { type: 'respond' }]), context),
    )
    expect(events.filter(({ type }) => type === 'turn')).toHaveLength(2)
    expect(server.invoice.map(({ input }) => input)).toEqual(['Hello there', 'And now?'])
  })

  it('asks again when the model was quicker to answer a pause', async () => {
    const { adapter } = await open({ converse: () => ({ text: 'Good day', paceMs: 3 }) })
    const input: RealtimeInput[] = [{ type: 'audio', audio: words }, { type: 'audio', audio: silence }, ...hello]
    const events = await collect(adapter.converse?.(talk(input), context))
    expect(events.filter(({ type }) => type === 'turn')).toHaveLength(2)
  })

  it('tells that an answer begins before any of it, requested or not', async () => {
    const { adapter } = await open()
    const told: string[] = []
    const onAnswer = () => void told.push('answer')
    for (const given of [hello, aloud]) {
      for await (const { type } of adapter.converse?.(talk(given, { onAnswer }), context) ?? []) told.push(type)
    }
    const ends = ['open', 'answer', 'turn', 'finish']
    expect(told.filter((type) => ends.includes(type))).toEqual([...ends, ...ends])
    expect(told.slice(0, 3)).toEqual(['open', 'answer', 'text'])
  })

  it('asks for an answer that waits only when its reader goes on after the one before it', async () => {
    const { adapter, server } = await open({ converse: () => ({ paceMs: 3 }) })
    const ended = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield* [...hello, ...hello]
      await ended.promise
      yield { type: 'cancel' }
    }
    for await (const { type } of adapter.converse?.(talk(input()), context) ?? []) {
      if (type !== 'turn') continue
      ended.resolve()
      // Until the cancel is read.
      await new Promise(setImmediate)
    }
    expect(server.invoice).toHaveLength(1)
  })

  it('falls silent when it is told to, and what it had used is told', async () => {
    const { adapter, server } = await open({ converse: () => ({ text: 'one two three four five six', paceMs: 10 }) })
    const events: RealtimeEvent[] = []
    const { promise: heard, resolve: hear } = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield* hello
      await heard
      yield { type: 'cancel' }
    }
    for await (const event of adapter.converse?.(talk(input()), context) ?? []) {
      events.push(event)
      if (event.type === 'audio') hear()
    }
    const turn = events.at(-2)
    expect(turn).toMatchObject({ type: 'turn', isComplete: false, usage: { certainty: 'exact' } })
    expect(events.filter(({ type }) => type === 'audio').length).toBeLessThan(6)
    expect(server.invoice[0]?.outcome).toBe('served')
  })

  it('tells of an answer that reached its limit that it is not complete, with its usage', async () => {
    const { adapter } = await open({ converse: () => ({ status: 'incomplete' }) })
    const events = await collect(adapter.converse?.(talk(hello), context))
    expect(events.at(-2)).toMatchObject({ type: 'turn', isComplete: false, usage: { certainty: 'exact' } })
  })

  it('wishes for tools, and goes on with their results when it is asked to', async () => {
    let turns = 0
    const { adapter, server } = await open({
      converse: () =>
        turns++ === 0 ? { text: 'One moment', toolCalls: [{ id: 'c1', name: 'look', arguments: '{"at":"heron"}' }] } : {},
    })
    const results = new TransformStream<RealtimeInput, RealtimeInput>()
    const writer = results.writable.getWriter()
    const say = (...inputs: RealtimeInput[]) => inputs.forEach((input) => void writer.write(input))
    say(...hello)
    const events: RealtimeEvent[] = []
    for await (const event of adapter.converse?.(talk(results.readable), context) ?? []) {
      events.push(event)
      if (event.type !== 'tool_call') continue
      say({ type: 'tool_result', toolCallId: event.id, content: 'a grey one' }, { type: 'respond' })
      void writer.close()
    }
    expect(events).toContainEqual({ type: 'tool_call', id: 'c1', name: 'look', arguments: '{"at":"heron"}' })
    expect(server.invoice.map(({ input }) => input)).toEqual(['Hello there', 'a grey one'])
  })

  it('writes down what the user said where that is asked for, and tells what it cost apart from the model', async () => {
    const { adapter } = await open()
    const providerOptions = { audio: { input: { transcription: { model: 'gpt-transcribe' } } } }
    const input: RealtimeInput[] = [
      { type: 'audio', audio: words },
      { type: 'audio', audio: silence },
    ]
    const events = await collect(adapter.converse?.(talk([...input, ...input], { providerOptions }), context))
    expect(events).toContainEqual({ type: 'heard', text: 'something aloud' })
    const finish = events.at(-1)
    expect(finish?.type === 'finish' && meters(finish.usage)).toEqual({ transcription: '1.2' })
  })

  it('ends only when it was told what the user said last, which may take longer than the answer', async () => {
    const { adapter } = await open({ transcripts: 'after_answer' })
    const events = await collect(adapter.converse?.(talk(aloud, { providerOptions: written }), context))
    expect(typesOf(events).slice(-3)).toEqual(['turn', 'heard', 'finish'])
    const finish = events.at(-1)
    expect(finish?.type === 'finish' && meters(finish.usage)).toEqual({ transcription: '0.6' })
    expect(finish).toMatchObject({ usage: { certainty: 'exact' } })
  })

  it('ends without what the user said where that cannot be told', async () => {
    const { adapter } = await open({ transcripts: 'failed' })
    const events = await collect(adapter.converse?.(talk(aloud, { providerOptions: written }), context))
    expect(typesOf(events).slice(-2)).toEqual(['turn', 'finish'])
    expect(events.at(-1)).not.toHaveProperty('usage')
  })

  it('does not wait for ever for what the user said, and is whole without it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { adapter } = await open({ transcripts: 'never' })
    const told: RealtimeEvent[] = []
    for await (const event of adapter.converse?.(talk(aloud, { providerOptions: written }), context) ?? []) {
      told.push(event)
      if (event.type === 'turn') setImmediate(() => void vi.advanceTimersByTimeAsync(60_000))
    }
    expect(typesOf(told).slice(-2)).toEqual(['turn', 'finish'])
  })

  it('counts what is told twice once', async () => {
    const { adapter, server } = await open({ repeatsUsage: true })
    const providerOptions = { audio: { input: { transcription: { model: 'gpt-transcribe' } } } }
    const input: RealtimeInput[] = [{ type: 'audio', audio: words }, { type: 'audio', audio: silence }, ...hello, ...hello]
    const events = await collect(adapter.converse?.(talk(input, { providerOptions }), context))
    expect(events.filter(({ type }) => type === 'turn')).toHaveLength(server.invoice.length)
    expect(events.filter(({ type }) => type === 'heard')).toHaveLength(1)
    const finish = events.at(-1)
    expect(finish?.type === 'finish' && meters(finish.usage)).toEqual({ transcription: '0.6' })
  })

  it('counts no sound that comes after the end of its answer, which is billed with that', async () => {
    const { adapter } = await open({ converse: () => ({ text: 'Yes', isLate: true }) })
    const events = await collect(adapter.converse?.(talk([...hello, ...hello]), context))
    expect(typesOf(events)).toEqual(['open', 'text', 'audio', 'turn', 'text', 'audio', 'turn', 'finish'])
    expect(events.at(-1)).not.toHaveProperty('usage')
  })

  it('is told by zeros that the server does not count, but not where the answer said nothing', async () => {
    const zeros = { total_tokens: 0, input_tokens: 0, output_tokens: 0 }
    const { adapter } = await open({ converse: (said) => ({ text: said === 'Hello there' ? 'Yes' : '', usage: zeros }) })
    const input: RealtimeInput[] = [...hello, { type: 'respond' }]
    const turns = (await collect(adapter.converse?.(talk(input), context))).filter((event) => event.type === 'turn')
    expect(turns.map(({ usage }) => usage && meters(usage))).toEqual([undefined, { input: '0', output: '0' }])
  })

  it('is refused before it is opened in a sound that OpenAI does not know', async () => {
    const { adapter, server } = await open()
    const outputFormat = { encoding: 'pcm_s16le', sampleRate: 16_000 } as const
    expect(await failureOf(collect(adapter.converse?.(talk(hello, { outputFormat }), context)))).toMatchObject({
      kind: 'unsupported',
    })
    expect(server.requests).toEqual([])
  })

  it('is held by a client of the host too, with its key, its address and a key that changes', async () => {
    for (const Client of [OpenAI, OpenAI6]) {
      for (const given of ['sk-loopback', async () => 'sk-loopback']) {
        const { adapter, server } = await open({}, (loopback) => ({
          ...at(loopback),
          client: new Client({ apiKey: given, baseURL: loopback.url, logLevel: 'off' }),
        }))
        expect(typesOf(await collect(adapter.converse?.(talk(hello), context)))).toContain('turn')
        await server.close()
      }
    }
    const { server } = await open()
    const { chat, audio } = new OpenAI({ apiKey: server.apiKey, baseURL: server.url })
    const failure = failureOf(collect(openai({ client: { chat, audio } }).converse?.(talk(hello), context)))
    expect(await failure).toMatchObject({ kind: 'unsupported' })
  })
})

describe('a conversation that breaks', () => {
  it('is incomplete, and tells how much sound it had given at least', async () => {
    for (const fault of [
      { type: 'reset', after: 7 },
      { type: 'close', after: 7, code: 1011 },
      { type: 'cut', after: 7 },
    ] as const) {
      const { adapter, server } = await open()
      server.fail(fault)
      const error = await failureOf(collect(adapter.converse?.(talk(hello), context)))
      // Created, updated, item, response, text, sound, text: 0.1 seconds had been heard.
      expect(error).toMatchObject({ kind: 'incomplete', usage: { certainty: 'floor' } })
      expect(meters(error.usage)).toEqual({ audio_output: '2' })
      await server.close()
    }
  })

  it('is closed at an abort, at the provider too', async () => {
    const { adapter, server } = await open({ converse: () => ({ text: 'one two three four five six', paceMs: 50 }) })
    const controller = new AbortController()
    const work = failureOf(
      (async () => {
        for await (const event of adapter.converse?.(talk(hello), { ...context, signal: controller.signal }) ?? []) {
          if (event.type !== 'audio') continue
          controller.abort()
        }
      })(),
    )
    expect(await work).toMatchObject({ kind: 'aborted', usage: { certainty: 'floor' } })
    await server.requests[0]?.abandoned
    await new Promise(setImmediate)
    expect(server.invoice[0]?.outcome).toBe('broken')
  })

  it('because the server takes no more of it, though it stays connected, does not wait for ever', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let end = () => {}
    const { adapter } = await open({
      onSocket: (socket) => {
        socket.on('message', (data) => String(data).includes('append') && socket.pause())
        end = () => socket.terminate()
      },
    })
    let pieces = 0
    const plenty = async function* (): AsyncGenerator<RealtimeInput> {
      for (; pieces < 1_000; pieces += 1) yield { type: 'audio', audio: new Uint8Array(65_536) }
    }
    const failure = failureOf(collect(adapter.converse?.(talk(plenty()), context)))
    await expect.poll(() => pieces).toBeGreaterThan(5)
    expect(await settle(() => pieces)).toBeLessThan(1_000)
    await vi.advanceTimersByTimeAsync(35_000)
    expect(await failure).toMatchObject({ kind: 'incomplete', providerCode: 'ETIMEDOUT' })
    expect(vi.getTimerCount()).toBe(0)
    end()
  })

  it('never, while a little of a long piece of sound leaves now and then', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let held: WebSocket | undefined
    let read = () => 0
    const { adapter } = await open({
      onSocket: (socket) => {
        held = socket
        read = () => (socket as unknown as { _socket: Socket })._socket.bytesRead
        socket.on('message', (data) => String(data).includes('session.update') && socket.pause())
      },
    })
    const long = async function* (): AsyncGenerator<RealtimeInput> {
      yield { type: 'audio', audio: new Uint8Array(24_000_000) }
    }
    const events = collect(adapter.converse?.(talk(long()), context))
    await expect.poll(() => held?.isPaused).toBe(true)
    for (let rounds = 0; rounds < 3; rounds += 1) {
      await settle(() => 0)
      await vi.advanceTimersByTimeAsync(25_000)
      const before = read()
      held?.resume()
      await expect.poll(read, { interval: 1 }).toBeGreaterThan(before + 2_000_000)
      held?.pause()
    }
    held?.resume()
    expect((await events).at(-1)?.type).toBe('finish')
  })

  it('sends nothing of what its input gives after the reader has left, and waits for nothing', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const { adapter } = await open()
    const late = Promise.withResolvers<IteratorResult<RealtimeInput>>()
    const given = hello.values()
    const next = async () => {
      const step = given.next()
      return step.done ? late.promise : step
    }
    const input = { [Symbol.asyncIterator]: () => ({ next }) }
    for await (const event of adapter.converse?.({ ...talk([]), input }, context) ?? []) {
      if (event.type === 'audio') break
    }
    late.resolve({ done: false, value: { type: 'audio', audio: words } })
    await settle(() => vi.getTimerCount())
    expect(vi.getTimerCount()).toBe(0)
  })

  it('lets go of its input when the reader leaves', async () => {
    const { adapter, server } = await open()
    let isReturned = false
    const given = hello.values()
    const input: AsyncIterable<RealtimeInput> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const step = given.next()
          return step.done ? new Promise<never>(() => {}) : step
        },
        return: async () => {
          isReturned = true
          return { done: true, value: undefined }
        },
      }),
    }
    for await (const event of adapter.converse?.({ ...talk([]), input }, context) ?? []) {
      if (event.type === 'audio') break
    }
    expect(isReturned).toBe(true)
    await server.requests[0]?.abandoned
  })

  it('by an input that fails has been left by its caller', async () => {
    const { adapter } = await open()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'text', text: 'Hello there' }
      throw new Error('the microphone is gone')
    }
    const error = await failureOf(collect(adapter.converse?.(talk(input()), context)))
    expect(error).toMatchObject({ kind: 'aborted', cause: { message: 'the microphone is gone' } })
  })

  it.each([
    ['rate_limit_exceeded', 'rate_limited'],
    ['insufficient_quota', 'quota_exhausted'],
    ['server_error', 'unavailable'],
  ] as const)('because an answer failed with %s is %s before the first sound, and tells no words', async (failsWith, kind) => {
    const { adapter } = await open({ converse: () => ({ failsWith }) })
    const error = await failureOf(collect(adapter.converse?.(talk(hello), context)))
    expect(error).toMatchObject({ kind, providerCode: failsWith })
    expect(inspect(error)).not.toContain('Hello there')
  })

  it('because an answer failed without usage tells of its sound, beside what was written down', async () => {
    const { adapter, server } = await open({ converse: () => ({ status: 'failed' }) })
    server.fail({ type: 'no_usage' })
    const providerOptions = { audio: { input: { transcription: { model: 'gpt-transcribe' } } } }
    const input: RealtimeInput[] = [
      { type: 'audio', audio: words },
      { type: 'audio', audio: silence },
    ]
    const error = await failureOf(collect(adapter.converse?.(talk(input, { providerOptions }), context)))
    expect(error).toMatchObject({ kind: 'incomplete', usage: { certainty: 'floor' } })
    // "You said: something aloud", a tenth of a second each.
    expect(meters(error.usage)).toEqual({ transcription: '0.6', audio_output: '8' })
  })

  it('by an error event is classified before the first sound, and incomplete after it', async () => {
    const error = { type: 'error', error: { type: 'server_error', code: 'slow_down', message: 'Hello there' } }
    for (const [after, kind] of [
      [1, 'overloaded'],
      [4, 'overloaded'],
      [6, 'incomplete'],
    ] as const) {
      const { adapter, server } = await open()
      server.fail({ type: 'event_error', after, error })
      expect(await failureOf(collect(adapter.converse?.(talk(hello), context)))).toMatchObject({
        kind,
        providerCode: 'slow_down',
      })
      await server.close()
    }
  })

  it('is not the fault of OpenAI where the session has lasted as long as one may', async () => {
    const expired = { type: 'invalid_request_error', code: 'session_expired', message: 'x' }
    const { adapter, server } = await open()
    server.fail({ type: 'event_error', after: 6, error: { type: 'error', error: expired } })
    const error = await failureOf(collect(adapter.converse?.(talk(hello), context)))
    expect(error).toMatchObject({ kind: 'invalid_request', providerCode: 'session_expired' })
  })

  it.each([1, 6])('is not the fault of OpenAI where a message was too large for it, after %i events', async (after) => {
    const { adapter, server } = await open()
    server.fail({ type: 'close', after, code: 1009 })
    const error = await failureOf(collect(adapter.converse?.(talk(hello), context)))
    expect(error).toMatchObject({ kind: 'invalid_request', providerCode: 'websocket_closed_1009' })
  })

  it('at the door is classified by status, code and headers', async () => {
    const { adapter, server } = await open()
    server.fail({
      type: 'status',
      status: 429,
      body: { error: { message: 'Hello there', type: 'requests', code: 'rate_limit_exceeded' } },
      headers: { 'retry-after': '7', 'x-request-id': 'req_7' },
    })
    expect(await failureOf(collect(adapter.converse?.(talk(hello), context)))).toMatchObject({
      kind: 'rate_limited',
      status: 429,
      retryAfterMs: 7_000,
      requestId: 'req_7',
    })
    const stranger = openai({ ...at(server), apiKey: 'sk-proj-secret' })
    expect(await failureOf(collect(stranger.converse?.(talk(hello), context)))).toMatchObject({
      kind: 'authentication',
      status: 401,
    })
    await server.close()
    const failure = await failureOf(collect(adapter.converse?.(talk(hello), context)))
    expect(failure.kind).toBe('network')
    expect(failure.message).toContain('ECONNREFUSED')
  })
})
