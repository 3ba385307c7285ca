import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { openai } from '@farebox/providers/openai'
import { undiciFetch } from '@farebox/providers/undici-fetch'
import { expect, it, onTestFinished } from 'vitest'
import { collectSpeech } from '../../packages/providers/src/adapter/collect-speech.ts'
import { failureOf } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const chat = { model: 'm', messages: [{ role: 'user' as const, content: 'hello' }], outputTokensMax: 10 }
const recording = { model: 'm', audio: { data: new Uint8Array(100), mediaType: 'audio/wav' } }
const apiKey = 'key'

it.each([
  ['OpenAI', (url: string) => openai({ apiKey, baseURL: url }).chat?.(chat, context)],
  ['OpenAI by fetch alone', (url: string) => openai({ apiKey, baseURL: url, transport: 'fetch' }).chat?.(chat, context)],
  [
    'OpenAI by undici',
    (url: string) => {
      const fetch = undiciFetch()
      onTestFinished(() => fetch.close())
      return openai({ apiKey, baseURL: url, transport: 'fetch', fetch }).chat?.(chat, context)
    },
  ],
  ['Anthropic', (url: string) => anthropic({ apiKey, baseURL: url }).chat?.(chat, context)],
  ['Deepgram', (url: string) => deepgram({ apiKey, baseUrl: url }).transcribe?.(recording, context)],
  ['Cartesia', (url: string) => cartesia({ apiKey, baseURL: url }).transcribe?.(recording, context)],
  ['ElevenLabs', (url: string) => elevenlabs({ apiKey, baseUrl: url }).transcribe?.(recording, context)],
])('an answer of %s that does not end is malformed, and its connection is closed', async (_, ask) => {
  const { url, sent, closed } = await startEndless()
  expect(await failureOf(ask(url))).toMatchObject({ kind: 'malformed' })
  await closed
  expect(sent()).toBeLessThan(200)
})

it.each(['sdk', 'fetch'] as const)(
  'an answer without a web stream, which a fetch may give, is read by its own methods: %s',
  async (transport) => {
    const message = { role: 'assistant', content: 'hello' }
    const headers = new Headers({ 'content-type': 'application/json' })
    const answer = JSON.stringify({ model: 'm', choices: [{ message, finish_reason: 'stop' }] })
    // As from node-fetch, and as a host's tests make one up.
    const bodies = [Readable.from([answer]), undefined]
    for (const body of bodies) {
      const own = {
        status: 200,
        ok: true,
        headers,
        body,
        text: async () => answer,
        json: async () => JSON.parse(answer),
      }
      const adapter = openai({ apiKey, transport, fetch: async () => own as unknown as Response })
      expect(await adapter.chat?.(chat, context)).toMatchObject({ text: 'hello' })
    }
  },
)

it('a whole speech that does not end is malformed', async () => {
  let pieces = 0
  const audio = new Uint8Array(16 * 1_024 * 1_024)
  const endless = async function* () {
    for (; pieces < 1_000; pieces += 1) yield { type: 'audio' as const, audio }
  }
  expect(await failureOf(collectSpeech('some', 'pcm', endless()))).toMatchObject({ kind: 'malformed' })
  expect(pieces).toBe(32)
})

/** A server that answers with a JSON text that never ends, as fast as it is read. */
async function startEndless() {
  const piece = Buffer.alloc(1_024 * 1_024, ' ')
  let sent = 0
  const closed = Promise.withResolvers<void>()
  const write = (response: ServerResponse) => {
    while (!response.destroyed && sent < 400) {
      sent += 1
      if (!response.write(piece)) return void response.once('drain', () => write(response))
    }
  }
  const server = createServer((request, response) => {
    request.resume()
    response.on('close', closed.resolve)
    response.writeHead(200, { 'content-type': 'application/json' })
    write(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sent: () => sent, closed: closed.promise }
}
