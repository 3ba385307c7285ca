import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { DeepgramClient, DeepgramError } from '@deepgram/sdk'
import type { SpeakRequest, TranscribeRequest } from '@farebox/core'
import { defaultCostBook, rate } from '@farebox/pricing'
import { type DeepgramOptions, deepgram, deepgramOffers } from '@farebox/providers/deepgram'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type DeepgramLoopback, type DeepgramLoopbackOptions, startDeepgramLoopback } from '../loopback/deepgram.ts'
import { legacyError, modernError } from '../loopback/deepgram-answers.ts'
import { failureOf, meters } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const recording: TranscribeRequest = { model: 'nova-3', audio: { data: question, mediaType: 'audio/wav' } }
const speech: SpeakRequest = { model: 'aura-2-thalia-en', text: 'Hi 👋🏽', format: 'mp3' }

let loopback: DeepgramLoopback | undefined
afterEach(async () => {
  vi.unstubAllEnvs()
  await loopback?.close()
  loopback = undefined
})

async function open(given: DeepgramLoopbackOptions = {}, options: DeepgramOptions = {}) {
  loopback = await startDeepgramLoopback(given)
  return { server: loopback, adapter: deepgram({ apiKey: loopback.apiKey, baseUrl: loopback.url, ...options }) }
}

describe('deepgram without a key', () => {
  it('is disabled, says how to enable it, and still lists what it would sell', async () => {
    for (const apiKey of [undefined, '', '  ']) {
      const adapter = deepgram({ apiKey })
      expect(adapter.availability).toEqual({ status: 'disabled', reason: expect.stringContaining('DEEPGRAM_API_KEY') })
      expect(adapter.offers.map(({ service, provider, model }) => `${service} ${provider} ${model}`)).toEqual([
        'voice_stt deepgram nova-3',
        'voice_tts deepgram aura-2-thalia-en',
      ])
      await expect(adapter.transcribe?.(recording, context)).rejects.toMatchObject({ kind: 'authentication' })
    }
  })

  it('takes neither a key nor a token from the environment', async () => {
    vi.stubEnv('DEEPGRAM_API_KEY', 'from-the-environment')
    vi.stubEnv('DEEPGRAM_ACCESS_TOKEN', 'from-the-environment')
    await expect(deepgram({}).speak?.(speech, context)).rejects.toMatchObject({ kind: 'authentication' })
    const { adapter, server } = await open()
    await adapter.speak?.(speech, context)
    expect(server.requests[0]?.headers.authorization).toBe('Token dg-loopback')
  })

  it('takes other models behind its name', () => {
    const models = { transcribe: 'nova-2', speak: 'aura-asteria-en' }
    expect(deepgram({ models }).offers.map(({ model }) => model)).toEqual(['nova-2', 'aura-asteria-en'])
    expect(deepgram({ offers: deepgramOffers(models).slice(0, 1) }).offers).toHaveLength(1)
  })
})

describe('a request to Deepgram', () => {
  it('asks for the language that the caller names, and to find it out where nobody names one', async () => {
    const { adapter, server } = await open()
    await adapter.transcribe?.(recording, context)
    await adapter.transcribe?.(
      { ...recording, language: 'de', providerOptions: { language: 'fr', detect_language: true } },
      context,
    )
    await adapter.transcribe?.({ ...recording, providerOptions: { language: 'multi', smart_format: false } }, context)
    expect(server.requests.map(({ query }) => Object.fromEntries(query))).toEqual([
      { model: 'nova-3', smart_format: 'true', detect_language: 'true' },
      { model: 'nova-3', smart_format: 'true', language: 'de' },
      { model: 'nova-3', smart_format: 'false', language: 'multi' },
    ])
    expect(server.requests[0]?.bytes).toEqual(question)
  })

  it('passes options of the API through, those too that the SDK does not know, but none that undoes metering', async () => {
    const { adapter, server } = await open()
    const providerOptions = { keyterm: ['heron', 'dusk'], new_feature: 'yes', callback: 'https://example.com', model: 'base' }
    const answer = await adapter.transcribe?.({ ...recording, providerOptions }, context)
    const { query } = server.requests[0] ?? {}
    expect([query?.getAll('keyterm'), query?.get('new_feature'), query?.get('model')]).toEqual([
      ['heron', 'dusk'],
      'yes',
      'nova-3',
    ])
    expect(query?.has('callback')).toBe(false)
    expect(meters(answer?.usage)).toEqual({ duration: '4.0845' })
    await adapter.speak?.({ ...speech, providerOptions: { ...providerOptions, container: 'wav', bit_rate: 32_000 } }, context)
    expect(Object.fromEntries(server.requests[1]?.query ?? [])).toEqual({
      keyterm: 'dusk',
      new_feature: 'yes',
      model: 'aura-2-thalia-en',
      encoding: 'mp3',
      bit_rate: '32000',
    })
    expect(server.requests[1]?.body).toEqual({ text: speech.text })
  })

  it.each([
    ['mp3', { encoding: 'mp3' }],
    ['wav', { encoding: 'linear16', container: 'wav' }],
    ['opus', { encoding: 'opus', container: 'ogg' }],
    ['pcm', { encoding: 'linear16', container: 'none' }],
  ] as const)('for %s says %j', async (format, expected) => {
    const { adapter, server } = await open()
    expect(await adapter.speak?.({ ...speech, format }, context)).toMatchObject({ format })
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({ model: 'aura-2-thalia-en', ...expected })
  })

  it('finds the model of a voice, and none of another family, which has another price', async () => {
    const { adapter, server } = await open()
    for (const voice of ['apollo-en', 'aura-2-luna-en']) await adapter.speak?.({ ...speech, voice }, context)
    await adapter.speak?.({ ...speech, model: 'aura-asteria-en', voice: 'luna-en' }, context)
    expect(server.requests.map(({ query }) => query.get('model'))).toEqual(['aura-2-apollo-en', 'aura-2-luna-en', 'aura-luna-en'])
    for (const request of [
      { ...speech, voice: 'aura-luna-en' },
      { ...speech, model: 'my-model', voice: 'luna-en' },
    ]) {
      await expect(adapter.speak?.(request, context)).rejects.toMatchObject({ kind: 'unsupported' })
    }
    expect(server.requests).toHaveLength(3)
  })

  it('is made once, by a client of the host too, however often that would retry', async () => {
    const { server } = await open()
    const client = new DeepgramClient({ apiKey: server.apiKey, baseUrl: server.url, maxRetries: 5 })
    server.fail({ type: 'status', status: 500 })
    await expect(deepgram({ client }).transcribe?.(recording, context)).rejects.toMatchObject({ kind: 'unavailable' })
    expect(server.requests).toHaveLength(1)
  })

  it('works through a client whose methods return plain promises', async () => {
    const { server } = await open()
    const inner = new DeepgramClient({ apiKey: server.apiKey, baseUrl: server.url })
    const plain = {
      listen: {
        v1: {
          media: {
            transcribeFile: async (data: Uint8Array, body: object, o?: object) =>
              inner.listen.v1.media.transcribeFile(data, body, o),
          },
          connect: inner.listen.v1.connect.bind(inner.listen.v1) as never,
        },
      },
      speak: {
        v1: { audio: { generate: async (body: { text: string }, o?: object) => inner.speak.v1.audio.generate(body, o) } },
      },
      manage: inner.manage,
    }
    const adapter = deepgram({ client: plain })
    expect(await adapter.transcribe?.(recording, context)).toMatchObject({
      durationSeconds: 4.0845,
      requestId: '00000000-0000-4000-8000-000000000001',
    })
    expect(await adapter.speak?.(speech, context)).toMatchObject({ usage: { certainty: 'derived' }, model: 'aura-2-thalia-en' })
  })

  it('ends with the signal though the SDK hangs and pays no heed to it', async () => {
    const hanging = () => new Promise<never>(() => {})
    const adapter = deepgram({
      client: {
        listen: { v1: { media: { transcribeFile: hanging }, connect: hanging } },
        speak: { v1: { audio: { generate: hanging } } },
        manage: { v1: { projects: { list: hanging, requests: { list: hanging, get: hanging } } } },
      },
    })
    const controller = new AbortController()
    const failures = [
      adapter.transcribe?.(recording, { ...context, signal: controller.signal }),
      adapter.speak?.(speech, { ...context, signal: controller.signal }),
    ].map(failureOf)
    await new Promise(setImmediate)
    controller.abort()
    expect((await Promise.all(failures)).map(({ kind }) => kind)).toEqual(['aborted', 'aborted'])
  })

  it.each(['aborted', 'refused'])('leaves no timer running when it was %s', async (how) => {
    const { adapter, server } = await open()
    const before = timers()
    const controller = new AbortController()
    const fault = server.fail(how === 'aborted' ? { type: 'silence' } : { type: 'destroy' })
    const failure = failureOf(adapter.transcribe?.(recording, { ...context, signal: controller.signal }))
    await fault.struck
    if (how === 'aborted') controller.abort()
    expect((await failure).kind).toBe(how === 'aborted' ? 'aborted' : 'network')
    fault.release()
    // Sockets have timers of their own, for a moment.
    while (timers() > before) await new Promise(setImmediate)
  })
})

describe('an answer of Deepgram', () => {
  it('is metered as the server counted it', async () => {
    const { adapter, server } = await open({ transcribe: () => ({ text: 'Hello.', seconds: 25.933313, language: 'en' }) })
    const answer = await adapter.transcribe?.(recording, context)
    expect(answer).toMatchObject({
      text: 'Hello.',
      language: 'en',
      durationSeconds: 25.933313,
      requestId: '00000000-0000-4000-8000-000000000001',
      usage: { certainty: 'exact', raw: { duration: 25.933313 } },
    })
    expect(meters(answer?.usage)).toEqual({ duration: '25.933313' })
    expect(server.invoice).toMatchObject([
      { path: '/v1/listen', model: 'nova-3', quantities: { seconds: 25.933313 }, outcome: 'served' },
    ])
  })

  it('counts each channel that was transcribed by itself, at most, and joins what they say', async () => {
    const { adapter } = await open({ transcribe: () => ({ seconds: 10, channels: ['Who is there?', 'A heron.'] }) })
    const answer = await adapter.transcribe?.({ ...recording, providerOptions: { multichannel: true } }, context)
    expect(answer).toMatchObject({ text: 'Who is there?\nA heron.', durationSeconds: 10, usage: { certainty: 'ceiling' } })
    expect(meters(answer?.usage)).toEqual({ duration: '20' })
  })

  it('keeps the tokens of a summary beside the seconds, which are then the least that was billed', async () => {
    const { adapter } = await open({ transcribe: () => ({ seconds: 10, summaryTokens: { input: 160, output: 42 } }) })
    const answer = await adapter.transcribe?.({ ...recording, providerOptions: { summarize: 'v2' } }, context)
    expect(meters(answer?.usage)).toEqual({ duration: '10' })
    expect(answer?.usage).toMatchObject({ certainty: 'floor', raw: { summary_info: { input_tokens: 160 } } })
  })

  it('that does not say how long the sound is leaves it to the file, and to nobody where that says nothing', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'no_usage' }, { times: 2 })
    const answer = await adapter.transcribe?.(recording, context)
    expect(answer?.usage?.certainty).toBe('derived')
    expect(meters(answer?.usage)).toEqual({ duration: '4.0845' })
    expect(answer).not.toHaveProperty('durationSeconds')
    const audio = { data: new Uint8Array([1, 2, 3]), mediaType: 'audio/mpeg' }
    const silent = await adapter.transcribe?.({ ...recording, audio }, context)
    expect(silent).not.toHaveProperty('usage')
    expect(silent).not.toHaveProperty('durationSeconds')
  })

  it.each(['dg-char-count', 'x-dg-characters'] as const)('counts the characters of a speech in %s', async (characterHeader) => {
    const { adapter, server } = await open({ characterHeader })
    const result = await adapter.speak?.(speech, context)
    expect(meters(result?.usage)).toEqual({ characters: '5' })
    expect(result?.usage).toMatchObject({ certainty: 'exact', raw: { [characterHeader]: '5' } })
    expect(result?.requestId).toBe('00000000-0000-4000-8000-000000000001')
    expect(server.invoice).toMatchObject([{ path: '/v1/speak', quantities: { characters: 5 }, outcome: 'served' }])
  })

  it('that does not count the characters leaves it to us', async () => {
    const { adapter } = await open({ characterHeader: 'none' })
    const result = await adapter.speak?.(speech, context)
    expect(meters(result?.usage)).toEqual({ characters: '5' })
    expect(result?.usage?.certainty).toBe('derived')
  })

  it('has a cost, for a recording and for a speech, by the default cost book', async () => {
    const { adapter } = await open({ transcribe: () => ({ seconds: 60 }) })
    const [stt, tts] = adapter.offers
    const at = Date.parse('2026-11-21T00:00:00Z')
    const heard = await adapter.transcribe?.(recording, context)
    const said = await adapter.speak?.({ ...speech, text: 'x'.repeat(1_000) }, context)
    const costs = [
      rate(
        defaultCostBook,
        { service: 'voice_stt', provider: stt?.provider ?? '', model: stt?.model, at },
        heard?.usage?.quantities ?? [],
      ),
      rate(
        defaultCostBook,
        { service: 'voice_tts', provider: tts?.provider ?? '', model: tts?.model, at },
        said?.usage?.quantities ?? [],
      ),
    ].map(({ total }) => Number(total.numerator) / Number(total.denominator))
    expect(costs[0]).toBeCloseTo(0.0077, 9)
    expect(costs[1]).toBeCloseTo(0.03, 9)
  })

  it('that breaks off in a speech is incomplete, and costs at most the whole of it', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'reset', after: 1 })
    const error = await failureOf(adapter.speak?.(speech, context))
    expect(error).toMatchObject({ kind: 'incomplete', usage: { certainty: 'ceiling' } })
    expect(meters(error.usage)).toEqual({ characters: '5' })
    const { adapter: mute } = await open({ speak: () => [] })
    expect(await failureOf(mute.speak?.(speech, context))).toMatchObject({ kind: 'incomplete', usage: { certainty: 'ceiling' } })
  })

  it.each([
    ['broken JSON', { type: 'garbage' } as const, 'malformed'],
    ['a page of a proxy', { type: 'html' } as const, 'unavailable'],
    ['an answer without a transcript', { type: 'status', status: 200, body: { request_id: 'r' } } as const, 'malformed'],
  ])('is not taken for one when it is %s', async (_, fault, kind) => {
    const { adapter, server } = await open()
    server.fail(fault)
    expect((await failureOf(adapter.transcribe?.(recording, context))).kind).toBe(kind)
  })
})

describe('an error of Deepgram', () => {
  it.each([
    [401, legacyError('INVALID_AUTH', 'Invalid credentials.'), 'authentication', 'INVALID_AUTH'],
    [401, modernError('INVALID_AUTH', 'Invalid credentials', 'x'), 'authentication', 'INVALID_AUTH'],
    [402, legacyError('ASR_PAYMENT_REQUIRED', 'Not enough credits.'), 'quota_exhausted', 'ASR_PAYMENT_REQUIRED'],
    [403, legacyError('INSUFFICIENT_PERMISSIONS', 'Not allowed.'), 'authentication', 'INSUFFICIENT_PERMISSIONS'],
    [
      400,
      legacyError('Bad Request', 'Bad Request: No such model/language/tier combination found.'),
      'model_not_found',
      undefined,
    ],
    [
      400,
      modernError('INVALID_REQUEST', 'Invalid', 'No such model/version combination found.'),
      'model_not_found',
      'INVALID_REQUEST',
    ],
    [400, legacyError('Bad Request', 'Bad Request: corrupt or unsupported data'), 'invalid_request', undefined],
    [408, legacyError('SLOW_UPLOAD', 'Timed out waiting for upload'), 'timeout', 'SLOW_UPLOAD'],
    [429, legacyError('TOO_MANY_REQUESTS', 'Too many requests.'), 'rate_limited', 'TOO_MANY_REQUESTS'],
    [504, 'upstream request timeout', 'unavailable', undefined],
  ])('%d %j is %s', async (status, body, kind, providerCode) => {
    const { adapter, server } = await open()
    server.fail({ type: 'status', status, body, headers: { 'retry-after': '3' } })
    const error = await failureOf(adapter.transcribe?.(recording, context))
    expect(error).toMatchObject({ kind, status, providerCode, retryAfterMs: 3_000 })
    if (typeof body !== 'string') expect(error.requestId).toBe(body.request_id)
  })

  it('is not that of a model where the caller has named the voice or the language, which may be anything', async () => {
    const { adapter, server } = await open()
    const body = legacyError('Bad Request', 'Bad Request: No such model/language/tier combination found.')
    const missing = { type: 'status', status: 400, body } as const
    server.fail(missing)
    const spoken = await failureOf(adapter.speak?.({ ...speech, voice: 'nobody' }, context))
    expect(spoken).toMatchObject({ kind: 'unsupported', providerParameter: 'voice' })
    server.fail(missing)
    const heard = await failureOf(adapter.transcribe?.({ ...recording, language: 'tlh' }, context))
    expect(heard).toMatchObject({ kind: 'unsupported', providerParameter: 'language' })
    server.fail({ type: 'status', status: 400, body })
    const optional = await failureOf(adapter.transcribe?.({ ...recording, providerOptions: { language: 'tlh' } }, context))
    expect(optional).toMatchObject({ kind: 'unsupported', providerParameter: 'language' })
    const half = await failureOf(adapter.speak?.({ ...speech, voice: '\ud800' }, context))
    expect(half).toMatchObject({ kind: 'invalid_request', providerParameter: 'voice' })
  })

  it.each(['timeout', '"timeout"'])('%j without a status is the SDK that ran out of time', async (message) => {
    const transcribeFile = () => Promise.reject(new DeepgramError({ message }))
    const inner = new DeepgramClient({ apiKey: 'k' })
    const client = {
      speak: inner.speak,
      manage: inner.manage,
      listen: { v1: { media: { transcribeFile }, connect: undefined as never } },
    }
    expect((await failureOf(deepgram({ client }).transcribe?.(recording, context))).kind).toBe('timeout')
  })

  it('names the host that could not be reached, and no key', async () => {
    const server = await startDeepgramLoopback()
    await server.close()
    const error = await failureOf(deepgram({ apiKey: 'dg-secret', baseUrl: server.url }).transcribe?.(recording, context))
    expect(error).toMatchObject({ kind: 'network', isRetryable: true })
    expect(inspect(error, { depth: 12, showHidden: true })).toContain('ECONNREFUSED')
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain('dg-secret')
  })

  it('refuses a text that is too long, and bills nothing', async () => {
    const { adapter, server } = await open()
    const long = await failureOf(adapter.speak?.({ ...speech, text: 'x'.repeat(2_001) }, context))
    expect(long).toMatchObject({ kind: 'context_too_long', status: 413 })
    expect(server.invoice).toEqual([])
  })
})

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}
