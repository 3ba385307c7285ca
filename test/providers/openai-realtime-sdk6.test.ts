import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exerciseProviderAdapter } from '@farebox/providers/conformance'
import { openai } from '@farebox/providers/openai'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fullChat } from './full-chat.ts'
import { at, failureKinds, openOpenai, SECRET } from './openai-harness.ts'

// What a host has that installed version 6: both names lead there.
vi.mock('openai', () => import('openai6'))
vi.mock('openai/realtime/ws', () => import('openai6/realtime/ws'))

exerciseProviderAdapter('openai, SDK 6 that it loads by itself', () => openOpenai(at), {
  methods: ['chat', 'streamChat', 'transcribe', 'speak', 'streamSpeech', 'converse', 'embed'],
  failureKinds,
  secrets: [SECRET],
})

describe('other servers that SDK 6 reaches', () => {
  const context = { signal: new AbortController().signal, attemptId: 'wf_1.attempt-2' }
  const paths: (string | undefined)[] = []
  let refusal = '{}'
  const server = createServer((request, response) => {
    paths.push(request.url)
    request.resume()
    response.writeHead(429).end(refusal)
  })
  beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)))
  afterAll(() => server.close())
  const chat = (query: string, transport: 'sdk' | 'fetch') => {
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1${query}`
    return openai({ apiKey: SECRET, baseURL, transport }).chat?.(fullChat, context)
  }

  it.each([
    ['?api-version=2', '/v1/chat/completions?api-version=2'],
    ['/?a=%C3%A9&b', '/v1/chat/completions?a=%C3%A9&b='],
  ])('get the query that their address ends in, at its end: %s', async (query, expected) => {
    await expect(chat(query, 'sdk')).rejects.toThrow('429')
    expect(paths.at(-1)).toBe(expected)
  })

  it('are known by the status alone where they send no `error` object, unlike by fetch', async () => {
    refusal = '{"object":"error","message":"no","code":"context_length_exceeded"}'
    await expect(chat('', 'sdk')).rejects.toMatchObject({ kind: 'rate_limited', status: 429 })
    await expect(chat('', 'fetch')).rejects.toMatchObject({ kind: 'context_too_long', status: 429 })
  })
})
