import { setTimeout as wait } from 'node:timers/promises'
import { type ChatStream, createClient, type FareboxClient } from '@farebox/client'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { type Farebox, presets } from 'farebox'
import { beforeEach, describe, expect, it } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { openLoopback } from '../farebox/parties.ts'
import type { OpenaiLoopback } from '../loopback/openai.ts'
import { serve, serveApi } from './serve-api.ts'

const WORDS = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')

describe('an answer that an agent streams', () => {
  let server: OpenaiLoopback
  let box: Farebox
  let accountId: string
  let client: FareboxClient
  let agentId: string
  const balance = async () => Number((await box.ledger.balance(accountId)).balance / 1_000_000n)

  beforeEach(async () => {
    server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    box = await openBox({ providers: [openai({ apiKey: server.apiKey, baseURL: server.url })] })
    const account = await openAccount(box)
    accountId = account.accountId
    client = createClient({ baseUrl: await serveApi(box), apiKey: account.key })
    const only = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: null, lastResort: false })
    const agent = await box.agents.create({
      accountId,
      serviceConfiguration: { primary_ai_model: only.primaryAiModel, fallback_ai_model: null, last_resort: false },
    })
    agentId = agent.agentId
  })

  it('comes as texts, and ends with its receipt when it is paid for', async () => {
    const stream = await client.agents.streamChat(agentId, { message: 'Tell me a story', workflow_name: 'story' })
    const events = await Array.fromAsync(stream)
    const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
    expect(texts.length).toBeGreaterThan(5)
    expect(texts.join('')).toBe(WORDS)
    expect(events.at(-1)).toMatchObject({
      type: 'finish',
      provider: 'gpt-4o',
      receipt: { workflow_name: 'story', total_credits_used: 20, services_used: [{ units_consumed: 2_500 }] },
    })
    expect(events.at(-1)).not.toHaveProperty('receipt.attempts.0.cost_usd')
    expect(await balance()).toBe(9_980)
  })

  it('can be read as a whole, and is answered again under its key without being asked or paid for again', async () => {
    const options = { idempotencyKey: 'once' }
    const first = await (await client.agents.streamChat(agentId, { message: 'Hello' }, options)).answer()
    const again = await (await client.agents.streamChat(agentId, { message: 'Hello' }, options)).answer()
    expect(again).toEqual(first)
    expect(first).toMatchObject({ text: WORDS, receipt: { total_credits_used: 20 } })
    expect(server.invoice).toHaveLength(1)
    expect(await balance()).toBe(9_980)
    await expect(client.agents.streamChat(agentId, { message: 'Bye' }, options)).rejects.toMatchObject({
      status: 409,
      problem: { differs: ['message'] },
    })
  })

  it('stops its provider when its reader goes, and is charged for what was produced', async () => {
    const stall = server.fail({ type: 'stall', after: 10 })
    const stream = await client.agents.streamChat(agentId, { message: 'Hello' })
    await stall.struck
    for await (const text of stream.texts()) if (text !== '') break
    expect(await server.requests[0]?.abandoned).toBe(true)
    await expect.poll(() => balance()).toBe(9_999)
    const { workflows } = await client.workflows.list()
    expect(workflows).toMatchObject([{ total_credits_used: 1 }])
    await expect.poll(async () => (await client.workflows.list()).workflows).toMatchObject([{ state: 'closed', held: 0 }])
  })

  it('stops likewise when a signal fires, and throws its reason', async () => {
    const stall = server.fail({ type: 'stall', after: 10 })
    const leaving = new AbortController()
    const stream = await client.agents.streamChat(agentId, { message: 'Hello' }, { signal: leaving.signal })
    const reading = stream.answer()
    reading.catch(() => undefined)
    await stall.struck
    leaving.abort(new Error('the tab was closed'))
    await expect(reading).rejects.toThrow('the tab was closed')
    expect(await server.requests[0]?.abandoned).toBe(true)
    await expect.poll(() => balance()).toBe(9_999)
  })

  it('that breaks off tells so within, is charged for what was produced, and is not asked for again', async () => {
    server.fail({ type: 'cut', after: 6 })
    const options = { idempotencyKey: 'cut' }
    const stream = await client.agents.streamChat(agentId, { message: 'Hello' }, options)
    await expect(stream.answer()).rejects.toMatchObject({
      name: 'FareboxApiError',
      code: 'STREAM_CUT',
      status: 502,
      idempotencyKey: 'cut',
    })
    await expect.poll(() => balance()).toBe(9_999)
    await expect(client.agents.streamChat(agentId, { message: 'Hello' }, { ...options, retries: 0 })).rejects.toMatchObject({
      code: 'STREAM_CUT',
    })
    expect(server.requests).toHaveLength(1)
  })

  it('has a status where it fails before its first word, and then costs nothing', async () => {
    server.fail({ type: 'garbage' }, { times: 9 })
    await expect(client.agents.streamChat(agentId, { message: 'Hello' }, { retries: 0 })).rejects.toMatchObject({ status: 502 })
    expect(await balance()).toBe(10_000)
    await expect(client.agents.streamChat('nobody', { message: 'Hello' })).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
  })
})

describe('the reader of a stream', () => {
  const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`
  const finish = event({ type: 'finish', provider: 'p', receipt: {} })
  /** A server that sends these pieces, and then ends or falls silent. */
  const pieces = (parts: (string | Buffer)[], { ends = true, everyMs = 2 } = {}) =>
    serve(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const part of parts) {
        response.write(part)
        await wait(everyMs)
      }
      if (ends) response.end()
    })
  const read = async (baseUrl: string, timeoutMs?: number) =>
    (await createClient({ baseUrl, apiKey: 'k', timeoutMs, retries: 0 }).agents.streamChat('a', { message: 'm' })).answer()

  it('does not mind how the bytes are cut, how lines end, and what else is sent', async () => {
    const text = `: hello\r\n\r\nevent: text\r\nid: 5\r\ndata: {"type":"text",\r\ndata: "text":"Grüße 😀"}\r\n\r\n${finish}`
    const bytes = Buffer.from(text)
    const one = await read(await pieces([...bytes].map((byte) => Buffer.from([byte]))))
    expect(one).toMatchObject({ text: 'Grüße 😀', provider: 'p' })
    expect(await read(await pieces([bytes]))).toEqual(one)
    expect(await read(await pieces([text.replaceAll('\r\n', '\r').replaceAll('\n', '\r')]))).toEqual(one)
  })

  it('passes over what a newer server tells besides, and hands it on to whoever reads event by event', async () => {
    const newer = event({ type: 'thought', words: 3 })
    const url = await pieces([newer, event({ type: 'text', text: 'Hi' }), newer, finish])
    expect(await read(url)).toEqual({ text: 'Hi', provider: 'p', receipt: {} })
    const stream = await createClient({ baseUrl: url, apiKey: 'k' }).agents.streamChat('a', { message: 'm' })
    const types = (await Array.fromAsync(stream)).map(({ type }) => String(type))
    expect(types).toEqual(['thought', 'text', 'thought', 'finish'])
  })

  it.each(['<html>', 'null', '"text"', '{}', '{"type":"text"}', '{"type":"text","text":7}', '{"type":"error","problem":{}}'])(
    'takes %s, which is no event, for an answer that broke off',
    async (data) => {
      const url = await pieces([`data: ${data}\n\n`, finish])
      await expect(read(url)).rejects.toMatchObject({ name: 'FareboxConnectionError', code: 'STREAM_CUT' })
    },
  )

  it('reads a long line as fast as many short ones', async () => {
    const piece = new Uint8Array(1_024).fill(120)
    const parts = [Buffer.from('data: {"type":"text","text":"'), ...Array.from({ length: 16_384 }, () => piece)]
    parts.push(Buffer.from(`"}\n\n${finish}`))
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of parts) controller.enqueue(part)
        controller.close()
      },
    })
    const answered = new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    const client = createClient({ baseUrl: 'https://api.example', apiKey: 'k', fetch: async () => answered })
    const { text } = await (await client.agents.streamChat('a', { message: 'm' })).answer()
    expect(text.length).toBe(16 * 1_024 * 1_024)
  })

  it('knows a stream however its type is written', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'Text/Event-Stream ; charset=UTF-8' }).end(finish)
    })
    expect(await read(url)).toMatchObject({ provider: 'p' })
  })

  it('takes a connection that ends without an ending for what it is', async () => {
    const url = await pieces([event({ type: 'text', text: 'Half of ' })])
    await expect(read(url)).rejects.toMatchObject({ name: 'FareboxConnectionError', code: 'STREAM_CUT' })
  })

  it.each([
    ['events', (stream: ChatStream) => stream[Symbol.asyncIterator]()],
    ['texts', (stream: ChatStream) => stream.texts()],
  ])('ends also where its %s are left before the first is read', async (_, iteratorOf) => {
    let isEnded = false
    const body = new ReadableStream<Uint8Array>({
      cancel() {
        isEnded = true
      },
    })
    const answered = new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    const client = createClient({ baseUrl: 'https://api.example', apiKey: 'k', fetch: async () => answered })
    await iteratorOf(await client.agents.streamChat('a', { message: 'Hello' })).return()
    expect(isEnded).toBe(true)
  })

  it('takes an error without its problem for what it is', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"type":"error"}\n\n')
    })
    await expect(read(url)).rejects.toMatchObject({ name: 'FareboxConnectionError', code: 'STREAM_CUT' })
  })

  it('gives up when nothing comes for too long, and not because all of it takes long', async () => {
    const slow = await pieces([...Array.from({ length: 24 }, () => event({ type: 'text', text: '.' })), finish], { everyMs: 100 })
    expect((await read(slow, 2_000)).text).toHaveLength(24)
    const silent = await pieces([event({ type: 'text', text: 'Half of ' })], { ends: false })
    await expect(read(silent, 100)).rejects.toMatchObject({ code: 'TIMEOUT' })
  })

  it('may take its time with each piece: only what it waits for must come in time', async () => {
    const url = await pieces([event({ type: 'text', text: 'a' }), event({ type: 'text', text: 'b' }), finish], { everyMs: 20 })
    const csv = await serve(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv' })
      for (const line of ['a\r\n', 'b\r\n']) {
        response.write(line)
        await wait(20)
      }
      response.end()
    })
    const patience = { apiKey: 'k', timeoutMs: 1_000, retries: 0 }
    const heard: string[] = []
    const hear = async () => {
      for await (const { type } of await createClient({ baseUrl: url, ...patience }).agents.streamChat('a', { message: 'm' })) {
        heard.push(type)
        await wait(1_100)
      }
    }
    let text = ''
    const copy = async () => {
      for await (const piece of createClient({ baseUrl: csv, ...patience }).export()) {
        text += Buffer.from(piece)
        await wait(1_100)
      }
    }
    await Promise.all([hear(), copy()])
    expect(heard).toEqual(['text', 'text', 'finish'])
    expect(text).toBe('a\r\nb\r\n')
  })

  it('is told when it is answered by somebody who streams nothing', async () => {
    const url = await serve((_, response) => response.end('{}'))
    await expect(read(url)).rejects.toMatchObject({ name: 'FareboxApiError', code: 'HTTP_200' })
  })
})

it('a simulated answer is marked in a stream too', async () => {
  const box = await openBox({ providers: [simulated()] })
  const { key } = await openAccount(box)
  const client = createClient({ baseUrl: await serveApi(box), apiKey: key })
  const agent = await client.agents.create()
  const stream = await client.agents.streamChat(agent.agent_id, { message: 'Hello' })
  expect(await stream.answer()).toMatchObject({ simulated: true, provider: 'gpt-4o-mini' })
})
