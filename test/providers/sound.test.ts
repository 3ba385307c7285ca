import type { ProviderAdapter } from '@farebox/core'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { openai } from '@farebox/providers/openai'
import { expect, it } from 'vitest'
import { startCartesiaLoopback } from '../loopback/cartesia.ts'
import { startDeepgramLoopback } from '../loopback/deepgram.ts'
import { startElevenlabsLoopback } from '../loopback/elevenlabs.ts'
import type { Loopback } from '../loopback/loopback-server.ts'
import { startOpenaiLoopback } from '../loopback/openai.ts'
import { failureOf } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }

it.each<[string, () => Promise<[Loopback, ProviderAdapter]>]>([
  [
    'openai',
    async () => {
      const server = await startOpenaiLoopback()
      return [server, openai({ apiKey: server.apiKey, baseURL: server.url })]
    },
  ],
  [
    'elevenlabs',
    async () => {
      const server = await startElevenlabsLoopback()
      return [server, elevenlabs({ apiKey: server.apiKey, baseUrl: server.url })]
    },
  ],
  [
    'deepgram',
    async () => {
      const server = await startDeepgramLoopback()
      return [server, deepgram({ apiKey: server.apiKey, baseUrl: server.url })]
    },
  ],
  [
    'cartesia',
    async () => {
      const server = await startCartesiaLoopback()
      return [server, cartesia({ apiKey: server.apiKey, baseURL: server.url })]
    },
  ],
])('words are no speech: %s that answers well, but in JSON, is not heard, and nothing is known to be owed', async (_, open) => {
  const [server, adapter] = await open()
  try {
    server.fail({ type: 'garbage' })
    const model = adapter.offers.find(({ service }) => service === 'voice_tts')?.model ?? ''
    const error = await failureOf(adapter.speak?.({ model, text: 'Hello there', format: 'mp3' }, context))
    expect(error.kind).toBe('malformed')
    expect(error.usage).toBeUndefined()
  } finally {
    await server.close()
  }
})
