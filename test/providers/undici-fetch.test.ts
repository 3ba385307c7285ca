import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net'
import type { ChatEvent } from '@farebox/core'
import { exerciseProviderAdapter } from '@farebox/providers/conformance'
import { openai } from '@farebox/providers/openai'
import { undiciFetch } from '@farebox/providers/undici-fetch'
import { Headers as AnotherHeaders } from 'undici'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { boundedFetch } from '../../packages/providers/src/adapter/bounded-fetch.ts'
import { at, failureKinds, openOpenai, SECRET } from './openai-harness.ts'

const pooled = undiciFetch({ connections: 8 })
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})
afterAll(() => pooled.close())

exerciseProviderAdapter('openai through a pooled fetch', () => openOpenai((loopback) => ({ ...at(loopback), fetch: pooled })), {
  methods: ['chat', 'streamChat', 'transcribe', 'speak', 'streamSpeech', 'converse', 'embed'],
  failureKinds,
  secrets: [SECRET],
})

async function serve(answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    answer(request, response, Buffer.concat(chunks))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a pooled fetch', () => {
  it('sends what the global one sends, whatever the body is', async () => {
    const seen: { method: string; path: string; type: string; body: string }[] = []
    const url = await serve((request, response, body) => {
      const type = String(request.headers['content-type']).replace(/boundary=.*/, 'boundary')
      seen.push({
        method: request.method ?? '',
        path: request.url ?? '',
        type,
        body: body.toString('latin1').replace(/-+formdata-\S+/g, '-'),
      })
      response.end('{}')
    })
    const form = () => {
      const fields = new FormData()
      fields.set('model', 'gpt-transcribe')
      fields.set('file', new File([Uint8Array.of(1, 2, 0xff)], 'a.wav', { type: 'audio/wav' }))
      return fields
    }
    const stream = () => new Blob(['streamed']).stream()
    const bodies: (() => RequestInit['body'])[] = [
      () => '{"a":1}',
      () => Uint8Array.of(1, 2, 3),
      () => Uint8Array.of(1, 2, 3).buffer,
      () => new URLSearchParams({ to: '+1 555' }),
      () => new Blob(['a blob'], { type: 'text/csv' }),
      form,
      stream,
      () => undefined,
    ]
    for (const body of bodies) {
      for (const fetch of [globalThis.fetch, pooled]) {
        await (await fetch(`${url}/v1/x?y=1`, { method: 'post', body: body(), duplex: 'half' } as RequestInit)).text()
      }
      expect(seen.at(-1)).toEqual(seen.at(-2))
    }
    await (await pooled(new Request(`${url}/from`, { method: 'PUT', body: 'a request' }), { headers: { 'x-a': 'b' } })).text()
    expect(seen.at(-1)).toMatchObject({ method: 'PUT', path: '/from', body: 'a request' })
  })

  it('asks for a body that is not compressed, and carries headers both ways', async () => {
    const url = await serve((request, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2'])
      response.writeHead(418, { 'x-seen': `${request.headers['accept-encoding']} ${request.headers.authorization}` }).end('short')
    })
    const response = await pooled(url, { headers: { authorization: 'Bearer k', 'accept-encoding': 'gzip' } })
    expect(response).toBeInstanceOf(Response)
    expect(response).toMatchObject({ status: 418, ok: false, bodyUsed: false })
    expect(response.headers.get('x-seen')).toBe('identity Bearer k')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await response.text()).toBe('short')
    expect(response.bodyUsed).toBe(true)
    await expect(response.text()).rejects.toThrow()
  })

  it('sends headers in whatever form they are given, as the global one does', async () => {
    let seen: unknown
    const url = await serve((request, response) => {
      seen = [request.headers.authorization, request.headers['x-b']]
      response.end()
    })
    const given = { Authorization: 'Bearer k', 'X-B': ' c\n' }
    const forms: unknown[] = [
      given,
      Object.entries(given),
      new Headers(given),
      new AnotherHeaders(given),
      new Map(Object.entries(given)),
    ]
    for (const headers of forms) {
      for (const fetch of [globalThis.fetch, pooled]) {
        seen = undefined
        await (await fetch(url, { headers: headers as NonNullable<RequestInit['headers']> })).text()
        expect(seen).toEqual(['Bearer k', 'c'])
      }
    }
    await expect(pooled(url, { headers: { 'x-b': 'c\r\nx-injected: d' } })).rejects.toThrow(TypeError)
  })

  it('gives a body in each of the ways that a Response does', async () => {
    const url = await serve((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}'),
    )
    const get = () => pooled(url)
    expect(await (await get()).json()).toEqual({ a: 1 })
    expect(Buffer.from(await (await get()).arrayBuffer()).toString()).toBe('{"a":1}')
    expect(Buffer.from(await (await get()).bytes()).toString()).toBe('{"a":1}')
    expect((await (await get()).blob()).type).toBe('application/json')
    const response = await get()
    const copy = response.clone()
    expect(await copy.json()).toEqual(await response.json())
    const streamed = await get()
    expect(streamed.body).toBe(streamed.body)
    expect(await streamed.text()).toBe('{"a":1}')
  })

  it('gives whole what came after its web stream was looked at', async () => {
    let end = () => {}
    const url = await serve((_request, response) => {
      response.writeHead(200).write('first')
      end = () => response.end('rest')
    })
    const looked = await boundedFetch(pooled)(url)
    expect(looked.body).not.toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 20))
    end()
    expect(await looked.text()).toBe('firstrest')
  })

  it('has no body where there is none, and does not follow a redirect', async () => {
    const url = await serve((request, response) =>
      response.writeHead(request.url === '/none' ? 204 : 307, { location: 'http://127.0.0.1:1/' }).end(),
    )
    const none = await pooled(`${url}/none`)
    expect([none.status, none.body, await none.text()]).toEqual([204, null, ''])
    const moved = await pooled(url)
    expect([moved.status, await moved.text()]).toEqual([307, ''])
  })

  it('streams a body as it comes, and stops the server when the reader leaves or the signal fires', async () => {
    let closed = 0
    const url = await serve((_request, response) => {
      response.on('close', () => (closed += 1))
      response.writeHead(200).write('first')
    })
    const left = (await pooled(url)).body?.getReader()
    expect(Buffer.from((await left?.read())?.value ?? []).toString()).toBe('first')
    await left?.cancel()
    const controller = new AbortController()
    const reader = (await pooled(url, { signal: controller.signal })).body?.getReader()
    await reader?.read()
    const rest = reader?.read()
    controller.abort(new Error('enough'))
    await expect(rest).rejects.toThrow()
    await expect.poll(() => closed).toBe(2)
  })

  it('keeps the connection of a streamed chat for the next one, and passes on together what came together', async () => {
    const sockets = new Set<unknown>()
    const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`
    const end = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`
    let { promise: isHeard, resolve: hear } = Promise.withResolvers<void>()
    const url = await serve(async (request, response) => {
      sockets.add(request.socket)
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': 'req_1' })
      response.write(chunk('The ') + chunk('heron ') + chunk('sleeps').slice(0, 30))
      await isHeard
      response.end(chunk('sleeps').slice(30) + end)
    })
    const one = undiciFetch({ connections: 1 })
    const adapter = openai({ apiKey: 'sk-test', baseURL: url, fetch: one })
    for (let turn = 0; turn < 3; turn += 1) {
      ;({ promise: isHeard, resolve: hear } = Promise.withResolvers<void>())
      const context = { signal: new AbortController().signal, attemptId: `a${turn}` }
      const request = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'Hello' }] }
      const events: ChatEvent[] = []
      for await (const event of adapter.streamChat?.(request, context) ?? []) {
        events.push(event)
        hear()
      }
      expect(events).toMatchObject([
        { type: 'text', text: 'The heron ' },
        { type: 'text', text: 'sleeps' },
        { type: 'finish', finishReason: 'stop', requestId: 'req_1' },
      ])
    }
    expect(sockets.size).toBe(1)
    await one.close()
  })

  it('rejects with the reason of a signal that fires before an answer, or has fired', async () => {
    const url = await serve(() => {})
    const reason = new Error('enough')
    await expect(pooled(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const answer = pooled(url, { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 10)
    await expect(answer).rejects.toBe(reason)
  })

  it('fails as the global one fails, with the reason beneath', async () => {
    const server = createNetServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await expect(pooled(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ name: 'TypeError', message: 'fetch failed' })
    await new Promise((resolve) => server.close(resolve))
    await expect(pooled(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await expect(pooled('nowhere')).rejects.toThrow(TypeError)
  })

  it('fails as the global one fails where a body breaks off', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"id":')
      setImmediate(() => response.destroy())
    })
    for (const ask of [pooled, fetch]) {
      for (const read of ['text', 'json', 'arrayBuffer'] as const) {
        const response = await ask(url)
        await expect(response[read]()).rejects.toMatchObject({ name: 'TypeError', message: 'terminated' })
      }
    }
    const whole = await serve((_, response) => void response.end('{"id":'))
    for (const ask of [pooled, fetch]) await expect((await ask(whole)).json()).rejects.toThrow(SyntaxError)
  })

  it('says of a stream that breaks off before its first word that it had begun, since its provider may bill it', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
    const endings: ((socket: Socket) => void)[] = [
      (socket) => socket.end(head),
      (socket) => socket.write(head, () => setImmediate(() => socket.resetAndDestroy())),
      (socket) => socket.write(`${head}no length\r\n`),
    ]
    for (const end of endings) {
      const server = createNetServer((socket) => socket.on('error', () => {}).once('data', () => end(socket)))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      closers.push(() => server.close())
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      for (const ask of [pooled, fetch]) {
        const { body } = await ask(url)
        await expect(body?.getReader().read()).rejects.toMatchObject({ name: 'TypeError', message: 'terminated' })
        for (const transport of ['sdk', 'fetch'] as const) {
          const adapter = openai({ apiKey: 'k', baseURL: url, fetch: ask, transport })
          const context = { signal: new AbortController().signal, attemptId: 'a1' }
          const hello = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Hello' }] }
          await expect(adapter.streamChat?.(hello, context)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
            kind: 'incomplete',
          })
        }
      }
    }
  })

  it('opens as many connections as it may, and no more', async () => {
    let open = 0
    let most = 0
    const url = await serve((request, response) => {
      most = Math.max(most, ++open)
      setTimeout(() => {
        open -= 1
        response.end(request.url)
      }, 5)
    })
    const narrow = undiciFetch({ connections: 3 })
    await Promise.all(Array.from({ length: 12 }, async (_, index) => (await narrow(`${url}/${index}`)).text()))
    expect(most).toBe(3)
    await narrow.close()
    await expect(narrow(url)).rejects.toThrow()
  })
})
