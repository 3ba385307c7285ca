import type { ProviderAdapter, SpeechEvent } from '@farebox/core'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startCartesiaLoopback } from '../loopback/cartesia.ts'
import { startDeepgramLoopback } from '../loopback/deepgram.ts'
import { startElevenlabsLoopback } from '../loopback/elevenlabs.ts'
import type { Loopback, SeenRequest } from '../loopback/loopback-server.ts'
import { startOpenaiLoopback } from '../loopback/openai.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const TEXT = 'We open at nine in the morning.'
/** Sound that every loopback answers with: bytes of no meaning. */
const SOUND = [Uint8Array.from({ length: 960 }, (_, index) => index % 251), new Uint8Array(961).fill(7)]

interface Speaker {
  adapter: ProviderAdapter
  loopback?: Loopback
}

const speakers: Record<string, () => Promise<Speaker>> = {
  async openai() {
    const loopback = await startOpenaiLoopback({ speak: () => SOUND })
    return { loopback, adapter: openai({ apiKey: loopback.apiKey, baseURL: loopback.url }) }
  },
  async 'openai by events'() {
    const loopback = await startOpenaiLoopback({ speak: () => SOUND })
    const models = { speak: 'gpt-4o-mini-tts' }
    return { loopback, adapter: openai({ apiKey: loopback.apiKey, baseURL: loopback.url, models }) }
  },
  async deepgram() {
    const loopback = await startDeepgramLoopback({ speak: () => SOUND })
    return { loopback, adapter: deepgram({ apiKey: loopback.apiKey, baseUrl: loopback.url }) }
  },
  async cartesia() {
    const loopback = await startCartesiaLoopback({ speak: () => SOUND })
    return { loopback, adapter: cartesia({ apiKey: loopback.apiKey, baseURL: loopback.url }) }
  },
  async elevenlabs() {
    const loopback = await startElevenlabsLoopback()
    return { loopback, adapter: elevenlabs({ apiKey: loopback.apiKey, baseUrl: loopback.url }) }
  },
  async simulated() {
    return { adapter: simulated() }
  },
}

/** How each is asked for 8-bit µ-law at 8,000 samples per second. */
const asked: Record<string, (request: SeenRequest) => unknown> = {
  openai: ({ body }) => expect(body.response_format).toBe('pcm'),
  'openai by events': ({ body }) => expect(body).toMatchObject({ response_format: 'pcm', stream_format: 'sse' }),
  deepgram: ({ query }) =>
    expect(Object.fromEntries(query)).toMatchObject({ encoding: 'mulaw', container: 'none', sample_rate: '8000' }),
  cartesia: ({ body }) => expect(body.output_format).toEqual({ container: 'raw', encoding: 'pcm_mulaw', sample_rate: 8_000 }),
  elevenlabs: ({ query }) => expect(query.get('output_format')).toBe('ulaw_8000'),
}

describe.each(Object.entries(speakers))('%s, for a telephone', (name, open) => {
  it('is asked for µ-law, and gives it in pieces and whole', async () => {
    const { adapter, loopback } = await open()
    onTestFinished(() => loopback?.close())
    const model = adapter.offers.find(({ service }) => service === 'voice_tts')?.model ?? ''
    const request = { model, text: TEXT, format: 'mulaw' as const }
    const events: SpeechEvent[] = []
    for await (const event of adapter.streamSpeech?.(request, context) ?? []) events.push(event)
    const whole = await adapter.speak?.(request, context)
    const streamed = Buffer.concat(events.flatMap((event) => (event.type === 'audio' ? [event.audio] : [])))
    expect(whole?.format).toBe('mulaw')
    expect(streamed.length).toBeGreaterThan(0)
    expect(Buffer.from(whole?.audio ?? [])).toEqual(streamed)
    // OpenAI's 24,000 samples of 16 bits become 8,000 of 8; what others send is passed on as it is.
    const sent = SOUND.reduce((sum, { length }) => sum + length, 0)
    if (name.startsWith('openai')) expect(Math.abs(streamed.length - sent / 6)).toBeLessThan(20)
    else if (name === 'deepgram' || name === 'cartesia') expect(streamed.length).toBe(sent)
    for (const seen of loopback?.requests ?? []) asked[name]?.(seen)
  })
})
