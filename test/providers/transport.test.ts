import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ProviderAdapter } from '@farebox/core'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { openai } from '@farebox/providers/openai'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

const apiKey = 'a-key-that-nobody-else-may-see'
const context = { signal: new AbortController().signal, attemptId: 'a1' }
const recording = {
  data: new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url))),
  mediaType: 'audio/wav',
}

/** What each of them understands. */
const anyAnswer = {
  text: 'late',
  words: [],
  language_code: 'en',
  language_probability: 1,
  content: [],
  results: { channels: [] },
  metadata: {},
}

type Fetch = typeof globalThis.fetch
type Make = (url: string, fetch?: Fetch) => ProviderAdapter

const adapters: Record<string, Make> = {
  openai: (baseURL, fetch) => openai({ apiKey, baseURL, ...(fetch && { fetch }) }),
  anthropic: (baseURL, fetch) => anthropic({ apiKey, baseURL, ...(fetch && { fetch }) }),
  deepgram: (baseUrl, fetch) => deepgram({ apiKey, baseUrl, ...(fetch && { fetch }) }),
  cartesia: (baseURL, fetch) => cartesia({ apiKey, baseURL, ...(fetch && { fetch }) }),
  elevenlabs: (baseUrl, fetch) => elevenlabs({ apiKey, baseUrl, ...(fetch && { fetch }) }),
}

function ask(adapter: ProviderAdapter, signal = context.signal): Promise<unknown> | undefined {
  return adapter.transcribe
    ? adapter.transcribe({ model: 'a-model', audio: recording }, { ...context, signal })
    : adapter.chat?.({ model: 'a-model', messages: [{ role: 'user', content: 'Hello' }] }, { ...context, signal })
}

describe.each(Object.entries(adapters))('a request of %s', (_, make) => {
  it('takes its key to nobody else, though it is sent there', async () => {
    const seen: IncomingHttpHeaders[] = []
    const other = await serve((response, headers) => {
      seen.push(headers)
      response.end('{}')
    })
    for (const status of [302, 307]) {
      const server = await serve((response) => response.writeHead(status, { location: other }).end())
      await expect(ask(make(server))).rejects.toMatchObject({ kind: 'malformed' })
    }
    expect(JSON.stringify(seen)).not.toContain(apiKey)
  })

  it('that is refused is known by its status also where the connection breaks before all was said', async () => {
    const server = await serve((response) => {
      response.writeHead(429, { 'content-length': '1000', 'retry-after': '7' }).write('{"error":')
      setTimeout(() => response.destroy(), 5)
    })
    await expect(ask(make(server))).rejects.toMatchObject({ kind: 'rate_limited', status: 429, retryAfterMs: 7_000 })
  })

  it('that failed leaves no timer, which would keep the process from ending', async () => {
    const begun = vi.spyOn(globalThis, 'setTimeout')
    const ended = vi.spyOn(globalThis, 'clearTimeout')
    onTestFinished(() => void vi.restoreAllMocks())
    const server = await serve((response) => response.destroy())
    await expect(ask(make(server))).rejects.toMatchObject({ kind: 'network' })
    const controller = new AbortController()
    const hanging = await serve(() => controller.abort())
    await expect(ask(make(hanging), controller.signal)).rejects.toMatchObject({ kind: 'aborted' })
    await new Promise(setImmediate)
    const stopped = new Set(ended.mock.calls.map(([timer]) => timer))
    const left = begun.mock.calls.filter(([, ms = 0], index) => ms > 30_000 && !stopped.has(begun.mock.results[index]?.value))
    expect(left.map(([, ms]) => ms)).toEqual([])
  })

  it('waits as long as its caller does', async () => {
    const server = await serve((response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(anyAnswer)),
    )
    const arrived = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const slow: Fetch = async (...given) => {
      // By this SDKs find out whether it takes forms.
      if (given[0] === 'data:,') return fetch(...given)
      arrived.resolve()
      await released.promise
      return fetch(...given)
    }
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const answer = ask(make(server, slow))
    await arrived.promise
    vi.advanceTimersByTime(9 * 60_000)
    vi.useRealTimers()
    released.resolve()
    await expect(answer).resolves.toMatchObject({ model: 'a-model' })
  })
})

async function serve(answer: (response: ServerResponse, headers: IncomingHttpHeaders) => void): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.resume()
    request.once('end', () => answer(response, request.headers))
  })
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
