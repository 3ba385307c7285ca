import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import type { SpeechEvent, TranscriptEvent, Usage } from '@farebox/core'
import { defaultCostBook, defaultPriceBook, type PriceBook, rate } from '@farebox/pricing'
import { type CartesiaOptions, cartesia } from '@farebox/providers/cartesia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { WebSocket } from 'ws'
import {
  type CartesiaLoopback,
  type CartesiaLoopbackOptions,
  cartesiaErrorBody,
  cartesiaErrorEvent,
  MISSING_VOICE,
  startCartesiaLoopback,
} from '../loopback/cartesia.ts'
import type { Fault } from '../loopback/faults.ts'
import { optionsFor } from './cartesia-harness.ts'
import { collect, failureOf, meters, settle } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const raw = { model: 'sonic-3', text: 'Héllo', format: 'pcm' as const }
const transports = ['sse', 'websocket'] as const
const at = Date.parse('2026-11-21T00:00:00Z')

let loopback: CartesiaLoopback | undefined
const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', note)
})
afterEach(async () => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
  await loopback?.close()
  loopback = undefined
  // A rejection counts as unhandled when the microtasks are done.
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

async function open(options: CartesiaOptions = {}, given: CartesiaLoopbackOptions = {}) {
  loopback = await startCartesiaLoopback(given)
  return { server: loopback, adapter: cartesia({ ...optionsFor(loopback), ...options }) }
}

describe('cartesia without a key', () => {
  it('is disabled, says how to enable it, and still lists what it would sell', async () => {
    vi.stubEnv('CARTESIA_API_KEY', 'sk_car_from_the_environment')
    for (const apiKey of [undefined, '', '  ']) {
      const adapter = cartesia({ apiKey })
      expect(adapter.availability).toEqual({ status: 'disabled', reason: expect.stringContaining('CARTESIA_API_KEY') })
      expect(adapter.offers.map(({ service, provider, model }) => `${service} ${provider} ${model}`)).toEqual([
        'voice_tts cartesia sonic-3',
        'voice_stt cartesia ink-whisper',
      ])
      await expect(adapter.speak?.(raw, context)).rejects.toMatchObject({ kind: 'authentication' })
    }
  })
})

describe('a request to Cartesia', () => {
  it('cannot be redirected or renamed by the environment, over HTTP or a websocket', async () => {
    vi.stubEnv('CARTESIA_BASE_URL', 'http://127.0.0.1:1')
    vi.stubEnv('CARTESIA_CUSTOM_HEADERS', 'Authorization: Bearer hijack')
    const { adapter, server } = await open({ transport: 'websocket' })
    await adapter.speak?.(raw, context)
    await collect(adapter.streamSpeech?.(raw, context))
    await collect(adapter.streamTranscription?.(live(), context))
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill('Bearer sk_car_loopback'))
  })

  it('keeps the key out of every URL', async () => {
    const { adapter, server } = await open({ transport: 'websocket' })
    await collect(adapter.streamSpeech?.(raw, context))
    await collect(adapter.streamTranscription?.(live(), context))
    for (const { query } of server.requests) expect([...query.values()].join()).not.toContain(server.apiKey)
  })

  it('names the format, the voice and the attempt in Cartesia’s words', async () => {
    const { adapter, server } = await open({ voice: 'v1' })
    await adapter.speak?.({ ...raw, format: 'mp3' }, context)
    await adapter.speak?.({ ...raw, format: 'wav', voice: 'v2' }, context)
    await collect(adapter.streamSpeech?.({ ...raw, providerOptions: { language: 'fr', model_id: 'x' } }, context))
    expect(server.requests.map(({ body }) => body)).toEqual([
      expect.objectContaining({ voice: 'v1', output_format: { container: 'mp3', sample_rate: 44_100, bit_rate: 128_000 } }),
      expect.objectContaining({ voice: 'v2', output_format: { container: 'wav', encoding: 'pcm_s16le', sample_rate: 24_000 } }),
      {
        model_id: 'sonic-3',
        transcript: 'Héllo',
        voice: 'v1',
        output_format: { container: 'raw', encoding: 'pcm_s16le', sample_rate: 24_000 },
        context_id: 'a1',
        language: 'fr',
      },
    ])
  })

  it('can ask for the µ-law of a telephone, but not for another container than the request’s', async () => {
    const { adapter, server } = await open()
    const output_format = { container: 'mp3', encoding: 'pcm_mulaw', sample_rate: 8_000 }
    await collect(adapter.streamSpeech?.({ ...raw, providerOptions: { output_format } }, context))
    expect(server.requests[0]?.body.output_format).toEqual({ ...output_format, container: 'raw' })
  })

  it('speaks to a telephone as telephones hear, whatever its options say', async () => {
    const { adapter, server } = await open()
    const output_format = { container: 'mp3', encoding: 'pcm_s16le', sample_rate: 44_100, bit_rate: 128_000 }
    await collect(adapter.streamSpeech?.({ ...raw, format: 'mulaw', providerOptions: { output_format } }, context))
    expect(server.requests[0]?.body.output_format).toEqual({ container: 'raw', encoding: 'pcm_mulaw', sample_rate: 8_000 })
  })

  it('is not made for a format that Cartesia does not speak in', async () => {
    const { adapter, server } = await open()
    expect(await failureOf(adapter.speak?.({ ...raw, format: 'opus' }, context))).toMatchObject({ kind: 'unsupported' })
    expect(server.requests).toEqual([])
  })
})

describe.each(transports)('speech streamed by %s', (transport) => {
  it('counts the characters of the text, as the invoice does', async () => {
    const { adapter, server } = await open({ transport })
    const events = await collect(adapter.streamSpeech?.(raw, context))
    expect(events.at(-1)).toMatchObject({ type: 'finish', model: 'sonic-3', usage: { certainty: 'derived' } })
    expect(meters(finishOf(events).usage)).toEqual({ characters: '5' })
    await expect
      .poll(() => server.invoice)
      .toMatchObject([{ model: 'sonic-3', quantities: { characters: 5 }, outcome: 'served' }])
    expect(server.requests[0]?.path).toBe(transport === 'sse' ? '/tts/sse' : '/tts/websocket')
    expect(await server.requests[0]?.abandoned).toBe(false)
  })

  it('is incomplete when an error comes inside it after sound, and of the error’s kind before', async () => {
    const { adapter, server } = await open({ transport })
    const error = cartesiaErrorEvent(429, 'concurrency_limited', 'Héllo')
    server.fail({ type: 'event_error', after: 1, error })
    const late = await failureOf(collect(adapter.streamSpeech?.(raw, context)))
    expect(late).toMatchObject({ kind: 'incomplete', providerCode: 'concurrency_limited', usage: { certainty: 'ceiling' } })
    server.fail({ type: 'event_error', after: 0, error })
    const early = await failureOf(collect(adapter.streamSpeech?.(raw, context)))
    expect(early).toMatchObject({ kind: 'rate_limited', status: 429, requestId: error.request_id, isRetryable: true })
    // Cartesia bills no errors.
    expect(early.usage).toBeUndefined()
    expect(inspect([late, early], { depth: 9 })).not.toContain('Héllo')
  })

  it('ends when the socket drops, whenever that is', async () => {
    const { adapter, server } = await open({ transport })
    server.fail({ type: 'reset', after: 1 })
    expect(await failureOf(collect(adapter.streamSpeech?.(raw, context)))).toMatchObject({
      kind: 'incomplete',
      usage: { certainty: 'ceiling' },
    })
    server.fail({ type: 'reset', after: 0 })
    expect(await failureOf(collect(adapter.streamSpeech?.(raw, context)))).toMatchObject({ kind: 'network', isRetryable: true })
  })

  it('stops the provider at an abort, and when the reader leaves', async () => {
    const { adapter, server } = await open({ transport })
    const end = async (isAbort: boolean) => {
      server.fail({ type: 'stall', after: 1 })
      const controller = new AbortController()
      const events = adapter.streamSpeech?.(raw, { ...context, signal: controller.signal })[Symbol.asyncIterator]()
      expect((await events?.next())?.value).toMatchObject({ type: 'audio' })
      if (isAbort) {
        const rest = failureOf(events?.next())
        controller.abort()
        expect(await rest).toMatchObject({ kind: 'aborted', usage: { certainty: 'ceiling' } })
      } else await events?.return?.()
      expect(await server.requests.at(-1)?.abandoned).toBe(true)
    }
    await end(true)
    await end(false)
    expect(server.invoice.map(({ outcome }) => outcome)).toEqual(['broken', 'broken'])
  })
})

describe('a websocket to Cartesia', () => {
  const refusals: { fault: Fault; kind: string; status?: number }[] = [
    { fault: { type: 'status', status: 401 }, kind: 'authentication', status: 401 },
    { fault: { type: 'status', status: 402 }, kind: 'quota_exhausted', status: 402 },
    { fault: { type: 'status', status: 429 }, kind: 'rate_limited', status: 429 },
    { fault: { type: 'html' }, kind: 'unavailable', status: 502 },
    { fault: { type: 'destroy' }, kind: 'network' },
  ]

  it.each(refusals)('that is refused with $fault is $kind, and crashes nothing', async ({ fault, ...facts }) => {
    const { adapter, server } = await open({ transport: 'websocket' })
    for (const make of [() => adapter.streamSpeech?.(raw, context), () => adapter.streamTranscription?.(live(), context)]) {
      server.fail(fault)
      expect(await failureOf(collect<unknown>(make()))).toMatchObject({ provider: 'cartesia', usage: undefined, ...facts })
    }
  })

  it('that nobody listens to is a network failure', async () => {
    const { adapter, server } = await open({ transport: 'websocket' })
    await server.close()
    for (const make of [() => adapter.streamSpeech?.(raw, context), () => adapter.streamTranscription?.(live(), context)]) {
      const error = await failureOf(collect<unknown>(make()))
      expect(error.kind).toBe('network')
      expect(error.message).toContain('ECONNREFUSED')
    }
  })

  it.each(['null', '{"type":"chunk"}', '{"type":"chunk","data":5}', '[]', '7'])(
    'over which %s comes crashes nothing',
    async (message) => {
      const onSocket = (socket: WebSocket) => socket.once('message', () => socket.send(message))
      const { adapter } = await open({ transport: 'websocket' }, { onSocket })
      for (const make of [() => adapter.streamSpeech?.(raw, context), () => adapter.streamTranscription?.(live(), context)]) {
        const kind = await collect<unknown>(make()).then(
          () => 'served',
          (error) => error.kind,
        )
        expect(kind).toMatch(/^(served|malformed)$/)
      }
    },
  )

  it.each([1001, 1008, 1011, 4000])('that is closed with %i while sound is sent is unavailable', async (code) => {
    const onSocket = (socket: WebSocket) => socket.once('message', () => socket.close(code))
    const { adapter } = await open({}, { onSocket })
    const endless = async function* () {
      for (;;) {
        yield new Uint8Array(160)
        await new Promise(setImmediate)
      }
    }
    const error = await failureOf(collect(adapter.streamTranscription?.({ ...live(), audio: endless() }, context)))
    expect(['unavailable', 'incomplete']).toContain(error.kind)
    expect(error.message).toContain(String(code))
  })

  it('that is closed half-way says with which code', async () => {
    const { adapter, server } = await open({ transport: 'websocket' })
    server.fail({ type: 'close', after: 1, code: 1011 })
    const late = await failureOf(collect(adapter.streamSpeech?.(raw, context)))
    expect(late).toMatchObject({ kind: 'incomplete', message: expect.stringContaining('1011') })
    server.fail({ type: 'close', after: 0, code: 1011 })
    expect(await failureOf(collect(adapter.streamSpeech?.(raw, context)))).toMatchObject({ kind: 'unavailable' })
    server.fail({ type: 'close', after: 0, code: 1000 })
    expect(await failureOf(collect(adapter.streamSpeech?.(raw, context)))).toMatchObject({ kind: 'incomplete' })
    // The text was too large for its message.
    server.fail({ type: 'close', after: 0, code: 1009 })
    expect(await failureOf(collect(adapter.streamSpeech?.(raw, context)))).toMatchObject({ kind: 'invalid_request' })
  })
})

describe('a transcription by Cartesia', () => {
  it('of a recording reports the seconds that it is priced by, and the language', async () => {
    const { adapter, server } = await open()
    const audio = { data: question, mediaType: 'audio/wav' }
    const result = await adapter.transcribe?.({ model: 'ink-whisper', audio, language: 'fr' }, context)
    const seconds = server.invoice[0]?.quantities.seconds
    expect(result).toMatchObject({ language: 'fr', durationSeconds: seconds, usage: { certainty: 'exact' } })
    expect(server.requests[0]?.body).toEqual({ model: 'ink-whisper', language: 'fr' })
    expect(server.requests[0]?.file).toMatchObject({ name: 'audio.wav', mediaType: 'audio/wav', data: question })
  })

  it('of live sound tells what it hears while it hears it, and which model did', async () => {
    const { adapter, server } = await open()
    let fed = 0
    const events: TranscriptEvent[] = []
    for await (const event of adapter.streamTranscription?.(live({ onPiece: () => (fed += 1) }), context) ?? []) {
      if (event.type === 'open') expect(fed).toBe(0)
      events.push(event)
    }
    expect(events.map(({ type }) => type)).toEqual(['open', 'transcript', 'transcript', 'finish'])
    expect(events[2]).toMatchObject({ isFinal: true, startSeconds: 0, endSeconds: 1 })
    expect(finishOf(events)).toMatchObject({ model: 'ink-2', durationSeconds: 1, usage: { certainty: 'exact' } })
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toMatchObject({
      model: 'ink-2',
      encoding: 'pcm_mulaw',
      sample_rate: '8000',
    })
    expect(server.invoice).toMatchObject([{ model: 'ink-2', quantities: { seconds: 1 } }])
  })

  it('of live sound hears 16-bit samples, with any model that a host names', async () => {
    const { adapter, server } = await open()
    const request = { ...live({ encoding: 'pcm_s16le' }), model: 'ink-9', language: 'fr' }
    const events = await collect(adapter.streamTranscription?.(request, context))
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toMatchObject({
      model: 'ink-9',
      encoding: 'pcm_s16le',
      language: 'fr',
    })
    expect(meters(finishOf(events).usage)).toEqual({ duration: '0.5' })
  })

  it('of live sound in a language that its model does not know is refused before anything is sent or read', async () => {
    const { adapter, server } = await open()
    let fed = 0
    const request = { ...live({ onPiece: () => (fed += 1) }), language: 'fr' }
    expect(await failureOf(collect(adapter.streamTranscription?.(request, context)))).toMatchObject({ kind: 'unsupported' })
    expect([fed, server.requests]).toEqual([0, []])
  })

  it('of live sound whose durations do not cover what was sent is at least what was sent', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'no_usage' })
    const { usage } = finishOf(await collect(adapter.streamTranscription?.(live(), context)))
    expect(usage).toMatchObject({ certainty: 'floor' })
    expect(meters(usage)).toEqual({ duration: '1' })
  })

  it.each([1, 1_000_000])('of live sound of which it tells %i seconds twice costs what was sent', async (duration) => {
    const told = JSON.stringify({ type: 'transcript', text: 'again', is_final: true, request_id: 'r', duration })
    const onSocket = (socket: WebSocket) =>
      socket.on('message', (_, isBinary) => {
        if (!isBinary) for (let time = 0; time < 2; time += 1) socket.send(told)
      })
    const { adapter } = await open({}, { onSocket })
    const { usage } = finishOf(await collect(adapter.streamTranscription?.(live(), context)))
    expect(usage).toMatchObject({ certainty: 'derived', raw: { duration: 2 * duration + 1 } })
    expect(meters(usage)).toEqual({ duration: '1' })
  })

  it('of live sound that drops is incomplete, and tells what was heard at least', async () => {
    const { adapter, server } = await open()
    for (const type of ['cut', 'reset'] as const) {
      server.fail({ type, after: 1 })
      const error = await failureOf(collect(adapter.streamTranscription?.(live(), context)))
      expect(error).toMatchObject({ kind: 'incomplete', usage: { certainty: 'floor' } })
      expect(meters(error.usage)).toEqual({ duration: '1' })
    }
  })

  it('of live sound that the provider stops taking breaks off, and counts only what it took', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const { held, failure, offered } = await listenToNobody()
    await vi.advanceTimersByTimeAsync(35_000)
    const error = await failure
    expect(error).toMatchObject({ kind: 'network', isRetryable: true, usage: { certainty: 'floor' } })
    const [counted] = Object.values(meters(error.usage))
    // The buffer holds four pieces before it is full.
    expect(Number(counted) * 8_000).toBeLessThanOrEqual((offered - 3) * 65_536)
    expect(vi.getTimerCount()).toBe(0)
    held.terminate()
  })

  it('of live sound counts none that waited to leave when the connection broke', async () => {
    const { held, failure, offered } = await listenToNobody()
    held.terminate()
    const error = await failure
    expect(error).toMatchObject({ kind: 'network', usage: { certainty: 'floor' } })
    // The buffer holds four pieces before it is full.
    const [counted] = Object.values(meters(error.usage))
    expect(Number(counted) * 8_000).toBeLessThanOrEqual((offered - 3) * 65_536)
  })

  it('stops the provider and leaves the sound alone at an abort', async () => {
    const { adapter, server } = await open()
    const end = async () => {
      server.fail({ type: 'stall', after: 1 })
      const controller = new AbortController()
      let isLeft = false
      const endless = async function* () {
        try {
          for (;;) {
            yield new Uint8Array(160)
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        } finally {
          isLeft = true
        }
      }
      const request = { ...live(), audio: endless() }
      const events = adapter.streamTranscription?.(request, { ...context, signal: controller.signal })[Symbol.asyncIterator]()
      await events?.next()
      await events?.next()
      const rest = failureOf(events?.next())
      controller.abort()
      expect(await rest).toMatchObject({ kind: 'aborted', usage: { certainty: 'floor' } })
      expect(await server.requests.at(-1)?.abandoned).toBe(true)
      await expect.poll(() => isLeft, { interval: 5 }).toBe(true)
    }
    await end()
  })

  it('closes the sound where its caller left before that was looked at', async () => {
    const { adapter } = await open()
    const controller = new AbortController()
    const closed = vi.fn(async () => ({ done: true as const, value: undefined }))
    const audio = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: closed }) }
    const request = { ...live(), audio }
    const events = adapter.streamTranscription?.(request, { ...context, signal: controller.signal })[Symbol.asyncIterator]()
    expect(await events?.next()).toMatchObject({ value: { type: 'open' } })
    controller.abort()
    await expect(events?.next()).rejects.toMatchObject({ kind: 'aborted' })
    expect(closed).toHaveBeenCalledOnce()
  })

  it('ends when the sound itself fails, and says that it was not the provider', async () => {
    const { adapter, server } = await open()
    const broken = async function* () {
      yield new Uint8Array(800)
      throw new Error('the microphone is gone')
    }
    const error = await failureOf(collect(adapter.streamTranscription?.({ ...live(), audio: broken() }, context)))
    expect(error).toMatchObject({ kind: 'aborted', isRetryable: false, usage: { certainty: 'floor' } })
    expect(await server.requests[0]?.abandoned).toBe(true)
  })
})

describe('a failure of Cartesia', () => {
  const cases: { fault: Fault; kind: string; facts?: object }[] = [
    { fault: { type: 'html' }, kind: 'unavailable', facts: { status: 502 } },
    { fault: { type: 'destroy' }, kind: 'network', facts: { isRetryable: true } },
    { fault: { type: 'status', status: 402 }, kind: 'quota_exhausted' },
    { fault: { type: 'status', status: 403, body: cartesiaErrorBody(null) }, kind: 'authentication' },
    { fault: { type: 'status', status: 429, body: cartesiaErrorBody('quota_exceeded') }, kind: 'quota_exhausted' },
    {
      fault: { type: 'status', status: 429, body: cartesiaErrorBody('concurrency_limited'), headers: { 'retry-after': '2' } },
      kind: 'rate_limited',
      facts: { retryAfterMs: 2_000, providerCode: 'concurrency_limited', requestId: '550e8400-e29b-41d4-a716-446655440000' },
    },
  ]

  it.each(cases)('$fault is $kind, over every way of HTTP, and is not tried again', async ({ fault, kind, facts = {} }) => {
    const { adapter, server } = await open()
    const audio = { data: question, mediaType: 'audio/wav' }
    for (const make of [
      () => adapter.speak?.(raw, context),
      () => collect(adapter.streamSpeech?.(raw, context)),
      () => adapter.transcribe?.({ model: 'ink-whisper', audio }, context),
    ]) {
      server.fail(fault)
      expect(await failureOf(make())).toMatchObject({ kind, provider: 'cartesia', ...facts })
    }
    expect(server.requests).toHaveLength(3)
  })

  it('is a model that was not found where the voice is missing, since another provider has others', async () => {
    for (const transport of transports) {
      const { adapter, server } = await open({ transport, voice: MISSING_VOICE })
      const error = await failureOf(collect(adapter.streamSpeech?.(raw, context)))
      expect(error).toMatchObject({ kind: 'model_not_found', providerCode: 'voice_not_found' })
      expect(inspect(error, { depth: 9 })).not.toContain('Héllo')
      await server.close()
    }
  })

  it('is not that of a model where the caller has named the voice, which may be anything', async () => {
    for (const transport of transports) {
      const { adapter, server } = await open({ transport })
      const error = await failureOf(collect(adapter.streamSpeech?.({ ...raw, voice: MISSING_VOICE }, context)))
      expect(error).toMatchObject({ kind: 'unsupported', providerCode: 'voice_not_found', providerParameter: 'voice' })
      await server.close()
    }
  })

  it('is malformed where the answer is none', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'garbage' })
    const audio = { data: question, mediaType: 'audio/wav' }
    expect(await failureOf(adapter.transcribe?.({ model: 'ink-whisper', audio }, context))).toMatchObject({ kind: 'malformed' })
  })
})

describe('what Cartesia’s work costs', () => {
  it('can be worked out for every method by the default cost book, by the model that served it', async () => {
    const { adapter } = await open()
    const audio = { data: question, mediaType: 'audio/wav' }
    const spoken = await adapter.speak?.({ ...raw, text: 'x'.repeat(1_000) }, context)
    const recorded = await adapter.transcribe?.({ model: 'ink-whisper', audio }, context)
    const heard = finishOf(await collect(adapter.streamTranscription?.(live(), context)))
    const usd = (service: string, result: { model: string; usage?: Usage } | undefined) =>
      total(defaultCostBook, service, result?.model, result?.usage)
    expect(usd('voice_tts', spoken)).toBeCloseTo(0.05, 9)
    expect(usd('voice_stt', recorded)).toBeCloseTo((recorded?.durationSeconds ?? 0) * 0.000_025, 9)
    expect(usd('voice_stt', heard)).toBeCloseTo(0.000_15, 9)
  })

  it('is sold by the default credit book where that has a price, and nowhere else', async () => {
    const { adapter } = await open()
    const spoken = await adapter.speak?.({ ...raw, text: 'x'.repeat(600) }, context)
    expect(total(defaultPriceBook, 'voice_tts', spoken?.model, spoken?.usage)).toBeCloseTo(0.6, 9)
    const heard = finishOf(await collect(adapter.streamTranscription?.(live(), context)))
    expect(() => total(defaultPriceBook, 'voice_stt', heard.model, heard.usage)).toThrow(
      expect.objectContaining({ code: 'PRICE_NOT_FOUND' }),
    )
  })
})

/** Live sound to a provider that takes none: its socket, the failure to come, and how many pieces of 64 KiB were offered. */
async function listenToNobody() {
  const opened = Promise.withResolvers<WebSocket>()
  const onSocket = (socket: WebSocket) => {
    socket.pause()
    opened.resolve(socket)
  }
  const { adapter } = await open({}, { onSocket })
  let pieces = 0
  const plenty = async function* () {
    for (; pieces < 1_000; pieces += 1) yield new Uint8Array(65_536)
  }
  const failure = failureOf(collect(adapter.streamTranscription?.({ ...live(), audio: plenty() }, context)))
  const held = await opened.promise
  return { held, failure, offered: await settle(() => pieces) }
}

function total(book: PriceBook, service: string, model: string | undefined, usage: Usage | undefined): number {
  const { numerator, denominator } = rate(book, { service, provider: 'cartesia', model, at }, usage?.quantities ?? []).total
  return Number(numerator) / Number(denominator)
}

/** One second of a telephone's silence, in ten pieces. */
function live({ onPiece = () => {}, encoding = 'mulaw' as 'mulaw' | 'pcm_s16le' } = {}) {
  async function* pieces() {
    for (let piece = 0; piece < 10; piece += 1) {
      onPiece()
      yield new Uint8Array(800).fill(0xff)
    }
  }
  return { model: 'ink-whisper', audio: pieces(), format: { encoding, sampleRate: 8_000 } }
}

function finishOf<T extends SpeechEvent | TranscriptEvent>(
  events: readonly T[],
): T & { type: 'finish'; model: string; usage?: Usage } {
  const last = events.at(-1)
  if (last?.type !== 'finish') throw new Error(`the last event is ${last?.type}`)
  return last as T & { type: 'finish'; model: string; usage?: Usage }
}
