import { once } from 'node:events'
import { connect } from 'node:net'
import { credits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import type OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { hosts } from '../farebox/hosts.ts'
import { openLoopback } from '../farebox/parties.ts'
import type { Fault } from '../loopback/openai.ts'
import { compatHosts, openaiOver, openCompat, pairs } from './open-compat.ts'

const WORDS = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')
const ask = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Tell me a long story.' }], stream: true as const }

describe.each(pairs)('$sdk at $name', ({ host, Client }) => {
  it('that leaves half-way stops the provider, and pays for what was produced', async () => {
    const server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    const stall = server.fail({ type: 'stall', after: 10 })
    const { box, account, openai, spent } = await openCompat({ host, Client, provider: openaiOver(server) })
    const { data: stream, response } = await openai().chat.completions.create(ask).withResponse()
    await stall.struck
    let text = ''
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      if (text.includes('word3')) break
    }
    expect(await server.requests[0]?.abandoned).toBe(true)
    await expect.poll(spent, { interval: 5 }).toBe(credits(1))
    const workflowId = response.headers.get('x-farebox-workflow-id') ?? ''
    const [record] = await box.ledger.usageOf(account.accountId, workflowId)
    expect(record).toMatchObject({ certainty: 'floor', charged: credits(1) })
  })

  it('that leaves before the answer stops the provider, and pays nothing', async () => {
    const server = await openLoopback()
    const silence = server.fail({ type: 'silence' })
    const { box, account, openai, spent } = await openCompat({ host, Client, provider: openaiOver(server) })
    const client = new AbortController()
    const left = openai().chat.completions.create({ ...ask, stream: false }, { signal: client.signal })
    await silence.struck
    client.abort()
    await expect(left).rejects.toBeInstanceOf(Client.APIUserAbortError)
    expect(await server.requests[0]?.abandoned).toBe(true)
    await expect.poll(async () => (await box.ledger.balance(account.accountId)).held, { interval: 5 }).toBe(0n)
    expect(await spent()).toBe(0n)
  })

  const cuts: Fault[] = [
    { type: 'cut', after: 6 },
    { type: 'event_error', after: 6, error: { message: 'The server had an error', type: 'server_error' } },
  ]
  it.each(cuts)('is told within the stream that it broke off by $type', async (fault) => {
    const server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    server.fail(fault)
    const { openai, spent } = await openCompat({ host, Client, provider: openaiOver(server) })
    const chunks: OpenAI.ChatCompletionChunk[] = []
    const read = async () => {
      for await (const chunk of await openai().chat.completions.create(ask)) chunks.push(chunk)
    }
    await expect(read()).rejects.toMatchObject({ code: 'stream_cut', type: 'server_error' })
    expect(chunks.length).toBeGreaterThan(1)
    await expect.poll(spent, { interval: 5 }).toBe(credits(1))
  })
})

describe.each(compatHosts)('a stream at $name', (host) => {
  it('is not held back: each word is there before the provider says the next', async () => {
    // A provider that says nothing more before its listener has had the last word.
    const base = simulated()
    let next = Promise.withResolvers<void>()
    const { api, account } = await openCompat({
      host,
      provider: {
        ...base,
        async *streamChat(request) {
          for (const text of ['one', 'two', 'three']) {
            yield { type: 'text', text }
            await next.promise
            next = Promise.withResolvers()
          }
          yield { type: 'finish', finishReason: 'stop', model: request.model }
        },
      },
    })
    const response = await fetch(`${api.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(ask),
    })
    const decoder = new TextDecoder()
    let text = ''
    const heard: string[] = []
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true })
      for (const word of ['one', 'two', 'three']) {
        if (heard.includes(word) || !text.includes(`"${word}"`)) continue
        heard.push(word)
        next.resolve()
      }
    }
    expect(heard).toEqual(['one', 'two', 'three'])
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  it('that broke off ends with the error, and without a mark that it is whole', async () => {
    const server = await openLoopback({ chat: () => ({ text: WORDS }) })
    server.fail({ type: 'reset', after: 6 })
    const told: unknown[] = []
    const routes = { onError: (error: unknown) => void told.push(error) }
    const { api } = await openCompat({ host, provider: openaiOver(server), routes })
    const events = String((await api.post('/v1/chat/completions', ask)).body)
      .trim()
      .split('\n\n')
    expect(JSON.parse(events.at(-1)?.slice('data: '.length) ?? '')).toEqual({
      error: { message: expect.stringContaining('gpt-4o ended early'), type: 'server_error', param: null, code: 'stream_cut' },
    })
    expect(events).not.toContain('data: [DONE]')
    await expect.poll(() => told, { interval: 5 }).toMatchObject([{ code: 'STREAM_CUT', cause: { kind: 'incomplete' } }])
  })

  it('of an agent that broke off ends with the problem, which the host is told too', async () => {
    const server = await openLoopback({ chat: () => ({ text: WORDS }) })
    server.fail({ type: 'reset', after: 6 })
    const told: unknown[] = []
    const routes = { onError: (error: unknown) => void told.push(error) }
    const { api } = await openCompat({ host, provider: openaiOver(server), routes })
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const { body } = await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Tell me a long story.', stream: true })
    const last = String(body).trim().split('\n\n').at(-1)
    expect(last).toMatch(/^event: error\ndata: .*"code":"STREAM_CUT"/)
    await expect.poll(() => told, { interval: 5 }).toMatchObject([{ code: 'STREAM_CUT' }])
  })

  it('of a response that broke off ends with an event of its own for it', async () => {
    const server = await openLoopback({ chat: () => ({ text: WORDS }) })
    server.fail({ type: 'reset', after: 6 })
    const { api } = await openCompat({ host, provider: openaiOver(server) })
    const { body } = await api.post('/v1/responses', { model: 'gpt-4o', input: 'Tell me a long story.', stream: true })
    const events = String(body).trim().split('\n\n')
    const [name, data = ''] = events.at(-1)?.split('\n') ?? []
    const told = { message: expect.stringContaining('gpt-4o ended early'), param: null, code: 'stream_cut' }
    expect(name).toBe('event: error')
    expect(JSON.parse(data.slice('data: '.length))).toEqual({
      type: 'error',
      ...told,
      sequence_number: events.length - 1,
      error: { ...told, type: 'server_error' },
    })
  })

  it('of sound that broke off breaks the connection, so that nobody takes it for whole', async () => {
    const server = await openLoopback({ speak: () => [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)] })
    server.fail({ type: 'reset', after: 1 })
    const { openai } = await openCompat({ host, provider: openaiOver(server) })
    const speech = await openai().audio.speech.create({ model: 'tts-1', input: 'hello', voice: 'alloy', stream_format: 'audio' })
    await expect(speech.arrayBuffer()).rejects.toThrow()
  })
})

it.each(hosts.slice(0, 2))(
  'sound that broke off resets a connection of HTTP/1.0, as nginx makes by default, at $name',
  async (host) => {
    const server = await openLoopback({ speak: () => [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)] })
    server.fail({ type: 'reset', after: 1 })
    const { account, baseURL } = await openCompat({ host, provider: openaiOver(server) })
    const body = JSON.stringify({ model: 'tts-1', input: 'hello', voice: 'alloy', stream_format: 'audio' })
    const { port, pathname } = new URL(baseURL)
    const socket = connect(Number(port), '127.0.0.1')
    const headers = { authorization: `Bearer ${account.key}`, 'content-type': 'application/json', 'content-length': body.length }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`POST ${pathname}/audio/speech HTTP/1.0\r\n${lines.join('')}\r\n${body}`)
    socket.resume()
    await expect(once(socket, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' })
  },
)
