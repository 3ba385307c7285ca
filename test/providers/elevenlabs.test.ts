import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { type CharacterCounting, formatQuantity, type SpeechEvent, type Usage } from '@farebox/core'
import { defaultCostBook, defaultPriceBook, rate } from '@farebox/pricing'
import { type ElevenlabsOptions, elevenlabs } from '@farebox/providers/elevenlabs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type ElevenlabsLoopback,
  elevenlabsErrorBody,
  elevenlabsTypedErrorBody,
  elevenlabsValidationBody,
  MISSING_VOICE,
  startElevenlabsLoopback,
} from '../loopback/elevenlabs.ts'
import type { Fault } from '../loopback/faults.ts'
import { failureOf, meters } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const audio = {
  data: new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url))),
  mediaType: 'audio/wav',
}
const hello = { model: 'eleven_multilingual_v2', text: 'Hello there', format: 'mp3' as const }
const at = Date.parse('2026-11-21T00:00:00Z')

let loopback: ElevenlabsLoopback | undefined
afterEach(async () => {
  vi.unstubAllEnvs()
  await loopback?.close()
  loopback = undefined
})

async function open(options: ElevenlabsOptions = {}) {
  loopback = await startElevenlabsLoopback()
  return { server: loopback, adapter: elevenlabs({ apiKey: loopback.apiKey, baseUrl: loopback.url, ...options }) }
}

describe('elevenlabs before its first call', () => {
  it('is disabled without a key, says how to enable it, and still lists what it would sell', async () => {
    vi.stubEnv('ELEVENLABS_API_KEY', 'sk_from_the_environment')
    for (const apiKey of [undefined, '', '  ']) {
      const adapter = elevenlabs({ apiKey })
      expect(adapter.availability).toEqual({ status: 'disabled', reason: expect.stringContaining('ELEVENLABS_API_KEY') })
      expect(adapter.offers.map(({ service, provider, model }) => `${service} ${provider} ${model}`)).toEqual([
        'voice_tts elevenlabs eleven_multilingual_v2',
        'voice_stt elevenlabs scribe_v2',
      ])
      await expect(adapter.speak?.(hello, context)).rejects.toMatchObject({ kind: 'authentication' })
    }
  })

  it('knows how long a text its model takes', () => {
    const charactersMax = (speak: string) => elevenlabs({ models: { speak } }).offers[0]?.capabilities.charactersMax
    expect(['eleven_flash_v2_5', 'eleven_flash_v2', 'eleven_multilingual_v2', 'eleven_v9'].map(charactersMax)).toEqual([
      40_000,
      30_000,
      10_000,
      undefined,
    ])
  })
})

describe('a speech by ElevenLabs', () => {
  it.each(['speak', 'streamSpeech'] as const)(
    'costs the characters of its text, with what is billed kept beside (%s)',
    async (method) => {
      const { adapter, server } = await open()
      const request = { ...hello, model: 'eleven_flash_v2_5' }
      const usage =
        method === 'speak'
          ? (await adapter.speak?.(request, context))?.usage
          : await streamed(adapter.streamSpeech?.(request, context))
      expect(meters(usage)).toEqual({ characters: '11' })
      expect(usage).toMatchObject({ certainty: 'derived', raw: { 'character-cost': '6', 'request-id': 'req_loopback_1' } })
      expect(server.invoice).toMatchObject([{ quantities: { characters: 11, billed_characters: 6 } }])
      expect(server.requests[0]?.path).toMatch(method === 'speak' ? /JBFqnCBsd6RMkjVDRZzb$/ : /\/stream$/)
    },
  )

  it('is paid for once, by the customer and by us, and costs us what ElevenLabs bills', async () => {
    const { adapter } = await open()
    const text = 'x'.repeat(1_000)
    for (const [model, usd] of [
      ['eleven_multilingual_v2', '0.1'],
      ['eleven_flash_v2_5', '0.05'],
    ] as const) {
      const usage = (await adapter.speak?.({ ...hello, text, model }, context))?.usage
      const total = (book: typeof defaultCostBook) =>
        rate(book, { service: 'voice_tts', provider: 'elevenlabs', model, at }, usage?.quantities ?? []).total
      expect(Number(total(defaultPriceBook).numerator) / Number(total(defaultPriceBook).denominator)).toBe(2)
      expect(Number(total(defaultCostBook).numerator) / Number(total(defaultCostBook).denominator)).toBe(Number(usd))
    }
  })

  it('counts characters in each way that a price may', async () => {
    const { adapter } = await open()
    const [characters] = (await adapter.speak?.({ ...hello, text: 'é😀' }, context))?.usage?.quantities ?? []
    const counted = (way: CharacterCounting) => characters?.counts?.[way] && formatQuantity(characters.counts[way])
    expect([counted('code_points'), counted('utf16_units'), counted('utf8_bytes')]).toEqual(['2', '3', '6'])
  })

  it('does not depend on the header that tells what is billed', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'no_usage' })
    const usage = (await adapter.speak?.(hello, context))?.usage
    expect(meters(usage)).toEqual({ characters: '11' })
    expect(usage).not.toHaveProperty('raw')
  })

  it('is asked for in ElevenLabs’ words, and what its options say of the format must fit the request', async () => {
    const { adapter, server } = await open({ voice: 'v1' })
    const formats = [
      { format: 'mp3' },
      { format: 'wav' },
      { format: 'opus' },
      { format: 'pcm' },
      { format: 'pcm', providerOptions: { outputFormat: 'ulaw_8000', modelId: 'other', voiceSettings: { stability: 0.5 } } },
      { format: 'mp3', providerOptions: { outputFormat: 'pcm_8000' }, voice: 'v 2' },
    ] as const
    for (const given of formats) await adapter.speak?.({ ...hello, ...given }, context)
    expect(server.requests.map(({ query }) => query.get('output_format'))).toEqual([
      'mp3_44100_128',
      'wav_24000',
      'opus_48000_64',
      'pcm_24000',
      'ulaw_8000',
      'mp3_44100_128',
    ])
    expect(server.requests[4]?.body).toEqual({
      text: 'Hello there',
      model_id: 'eleven_multilingual_v2',
      voice_settings: { stability: 0.5 },
    })
    expect(server.requests.at(-1)?.path).toBe('/v1/text-to-speech/v%202')
  })

  it('stops the provider at an abort, and when the reader leaves', async () => {
    const { adapter, server } = await open()
    await adapter.speak?.(hello, context)
    const end = async (isAbort: boolean) => {
      server.fail({ type: 'stall', after: 1 })
      const controller = new AbortController()
      const events = adapter.streamSpeech?.(hello, { ...context, signal: controller.signal })[Symbol.asyncIterator]()
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
    expect(server.invoice.map(({ outcome }) => outcome)).toEqual(['served', 'broken', 'broken'])
  })
})

describe('a transcription by ElevenLabs', () => {
  it('reports the seconds that it is priced by, the language and its id', async () => {
    const { adapter, server } = await open()
    const result = await adapter.transcribe?.({ model: 'scribe_v1', audio, language: 'en' }, context)
    const seconds = server.invoice[0]?.quantities.seconds
    expect(result).toMatchObject({
      model: 'scribe_v1',
      language: 'eng',
      durationSeconds: seconds,
      requestId: 'req_loopback_1',
      usage: { certainty: 'exact', raw: { audio_duration_secs: seconds } },
    })
    expect(server.requests[0]?.body).toEqual({ model_id: 'scribe_v1', language_code: 'en' })
    expect(server.requests[0]?.file).toMatchObject({ name: 'audio.wav', data: audio.data })
    const { total } = rate(
      defaultCostBook,
      { service: 'voice_stt', provider: 'elevenlabs', model: 'scribe_v1', at },
      result?.usage?.quantities ?? [],
    )
    expect(total.numerator).toBeGreaterThan(0n)
  })

  it('is not asked for in ways that answer without a transcript', async () => {
    const { adapter, server } = await open()
    const providerOptions = { webhook: true, useMultiChannel: true, diarize: true }
    await adapter.transcribe?.({ model: 'scribe_v2', audio, providerOptions }, context)
    expect(server.requests[0]?.body).toEqual({ model_id: 'scribe_v2', diarize: 'true' })
  })
})

describe('a failure of ElevenLabs', () => {
  const typed = (status: number, type: string, code: string): Fault => ({
    type: 'status',
    status,
    body: elevenlabsTypedErrorBody(type, code, 'Hello there', 'model_id'),
  })
  const cases: { fault: Fault; kind: string; facts?: object }[] = [
    { fault: { type: 'html' }, kind: 'unavailable', facts: { status: 502, isRetryable: true } },
    { fault: { type: 'destroy' }, kind: 'network', facts: { isRetryable: true } },
    { fault: { type: 'status', status: 401, body: elevenlabsErrorBody('quota_exceeded') }, kind: 'quota_exhausted' },
    { fault: { type: 'status', status: 402 }, kind: 'quota_exhausted' },
    {
      fault: {
        type: 'status',
        status: 429,
        body: elevenlabsErrorBody('too_many_concurrent_requests'),
        headers: { 'retry-after': '3', 'request-id': 'req_header' },
      },
      kind: 'rate_limited',
      facts: { retryAfterMs: 3_000, requestId: 'req_header', providerCode: 'too_many_concurrent_requests' },
    },
    {
      fault: typed(429, 'rate_limit_error', 'concurrent_limit_exceeded'),
      kind: 'rate_limited',
      facts: { requestId: 'req_typed' },
    },
    { fault: typed(400, 'validation_error', 'text_too_long'), kind: 'context_too_long' },
    {
      fault: typed(400, 'validation_error', 'invalid_parameters'),
      kind: 'invalid_request',
      facts: { message: 'elevenlabs answered 400: invalid_parameters at model_id' },
    },
    {
      fault: { type: 'status', status: 422, body: elevenlabsValidationBody('voice_settings') },
      kind: 'invalid_request',
      facts: { message: 'elevenlabs answered 422: value_error.missing at voice_settings' },
    },
  ]

  it.each(cases)('$fault is $kind for every method, and is not tried again', async ({ fault, kind, facts = {} }) => {
    const { adapter, server } = await open()
    for (const make of [
      () => adapter.speak?.(hello, context),
      () => streamed(adapter.streamSpeech?.(hello, context)),
      () => adapter.transcribe?.({ model: 'scribe_v2', audio }, context),
    ]) {
      server.fail(fault)
      const error = await failureOf(make())
      expect(error).toMatchObject({ kind, provider: 'elevenlabs', ...facts })
      expect(inspect(error, { depth: 9 })).not.toContain('Hello there')
    }
    expect(server.requests).toHaveLength(3)
  })

  it('is a model that was not found where the voice is missing, since another provider has others', async () => {
    const { adapter } = await open({ voice: MISSING_VOICE })
    expect(await failureOf(adapter.speak?.(hello, context))).toMatchObject({
      kind: 'model_not_found',
      providerCode: 'voice_not_found',
    })
  })

  it('is not that of a model where the caller has named the voice, which may be anything', async () => {
    const { adapter, server } = await open()
    const speak = (voice: string) => failureOf(adapter.speak?.({ ...hello, voice }, context))
    expect(await speak(MISSING_VOICE)).toMatchObject({
      kind: 'unsupported',
      providerCode: 'voice_not_found',
      providerParameter: 'voice',
    })
    // These would lead to other paths of the API, or are none.
    for (const voice of ['.', '..', '']) expect(await speak(voice)).toMatchObject({ kind: 'unsupported' })
    expect(await speak('\ud800')).toMatchObject({ kind: 'invalid_request', providerParameter: 'voice' })
    expect(server.requests).toHaveLength(1)
    const unpaid = { type: 'payment_required', code: 'paid_plan_required', message: 'no', status: 'payment_required' }
    server.fail({ type: 'status', status: 402, body: { detail: unpaid } })
    expect(await speak('Rachel')).toMatchObject({ kind: 'unsupported', providerCode: 'paid_plan_required' })
    server.fail({ type: 'status', status: 404, body: elevenlabsErrorBody('model_not_found', 'gone') })
    expect(await speak('Rachel')).toMatchObject({ kind: 'model_not_found' })
  })

  it('is malformed where the answer is none', async () => {
    const { adapter, server } = await open()
    for (const fault of [{ type: 'garbage' }, { type: 'status', status: 200, body: { text: 7 } }] as const) {
      server.fail(fault)
      expect(await failureOf(adapter.transcribe?.({ model: 'scribe_v2', audio }, context))).toMatchObject({ kind: 'malformed' })
    }
  })

  it('is a network failure where nobody listens', async () => {
    const { adapter, server } = await open()
    await server.close()
    const error = await failureOf(adapter.speak?.(hello, context))
    expect(error).toMatchObject({ kind: 'network', message: expect.stringContaining('ECONNREFUSED') })
  })
})

async function streamed(events: AsyncIterable<SpeechEvent> | undefined): Promise<Usage | undefined> {
  let last: SpeechEvent | undefined
  for await (const event of events ?? []) last = event
  return last?.type === 'finish' ? last.usage : undefined
}

describe('options of ElevenLabs', () => {
  it('that an SDK does not take are not sent, and are named', async () => {
    const { adapter, server } = await open()
    const request = { ...hello, providerOptions: { voiceSettings: { stability: 'high' } } }
    const error = await failureOf(adapter.speak?.(request, context))
    expect(error).toMatchObject({ kind: 'invalid_request', providerParameter: 'voiceSettings.stability' })
    expect(inspect(error)).not.toContain('high')
    expect(server.requests).toEqual([])
  })

  it('that the plan lacks are the fault of nobody else', async () => {
    const { adapter, server } = await open()
    server.fail({ type: 'status', status: 403, body: elevenlabsErrorBody('output_format_not_allowed', 'pcm_44100 is for Pro') })
    const request = { ...hello, format: 'pcm' as const, providerOptions: { outputFormat: 'pcm_44100' } }
    expect(await failureOf(adapter.speak?.(request, context))).toMatchObject({
      kind: 'unsupported',
      providerParameter: 'output_format',
    })
  })

  it('such as a voice that the key may not use are not the fault of the key, unless nobody named one', async () => {
    const { adapter, server } = await open()
    const forbidden = { type: 'status' as const, status: 403, body: elevenlabsErrorBody('voice_access_denied', 'x') }
    server.fail(forbidden)
    expect(await failureOf(adapter.speak?.({ ...hello, voice: 'x' }, context))).toMatchObject({
      kind: 'unsupported',
      providerParameter: 'voice',
    })
    server.fail(forbidden)
    expect(await failureOf(adapter.speak?.(hello, context))).toMatchObject({ kind: 'authentication' })
    server.fail({ ...forbidden, status: 401, body: elevenlabsErrorBody('invalid_api_key', 'x') })
    expect(await failureOf(adapter.speak?.({ ...hello, voice: 'x' }, context))).toMatchObject({ kind: 'authentication' })
  })
})
