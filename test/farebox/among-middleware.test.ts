import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import {
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { buffer, json, text } from 'node:stream/consumers'
import { credits } from '@farebox/core'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import type { Farebox, Workflow } from 'farebox'
import { fareboxErrors, farebox as mountExpress, fareboxRoutes as routesInExpress } from 'farebox/express'
import { type FareboxState, farebox as mountKoa, fareboxRoutes as routesInKoa } from 'farebox/koa'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { apiClient } from './api-client.ts'
import { listen } from './hosts.ts'
import { openAccount, openBox } from './open-box.ts'

// Farebox between middleware of the host's that waits, answers, reads bodies and sets headers.

type Before = (request: IncomingMessage, response: ServerResponse) => Promise<void>
type Ask = (workflow: Workflow, response: ServerResponse) => Promise<object>

const question = { messages: [{ role: 'user' as const, content: 'When do you open?' }] }

const mounts: { name: string; mount(box: Farebox, before: Before, ask: Ask): RequestListener }[] = [
  {
    name: 'Express 5',
    mount: (box, before, ask) =>
      express()
        .use((request, response, next) => void before(request, response).then(() => next()))
        .use(mountExpress(box, { workflow: 'ask' }))
        .post('/ask', async (request, response) => void response.json(await ask(request.farebox, response)))
        .use(fareboxErrors()),
  },
  {
    name: 'Koa 3',
    mount(box, before, ask) {
      const app = new Koa<FareboxState>()
      app.silent = true
      app.use((context, next) => before(context.req, context.res).then(next))
      app.use(mountKoa(box, { workflow: 'ask' }))
      app.use(async (context) => {
        context.body = await ask(context.state.farebox, context.res)
      })
      return app.callback()
    },
  },
]

describe.each(mounts)('a workflow mounted in $name', ({ mount }) => {
  it.each(['known', 'not known'])(
    'is not begun for a client that left while an earlier middleware worked, its key being %s',
    async (known) => {
      const box = await openBox()
      const account = await openAccount(box)
      if (known === 'known') await box.authenticate(account.key)
      else expect(box.ledger.knownKey(account.key)).toBeUndefined()
      const came = Promise.withResolvers<void>()
      const passed = Promise.withResolvers<void>()
      let calls = 0
      const before: Before = async (request, response) => {
        if (request.headers['x-slow'] === undefined) return
        came.resolve()
        await once(response, 'close')
        passed.resolve()
      }
      const ask: Ask = async (workflow) => {
        calls += 1
        return { text: (await workflow.chat(question)).text }
      }
      const { url } = await listen(mount(box, before, ask))
      const client = new AbortController()
      const headers = { authorization: `Bearer ${account.key}`, 'x-slow': 'yes' }
      const left = fetch(`${url}/ask`, { method: 'POST', headers, signal: client.signal })
      await came.promise
      client.abort()
      await expect(left).rejects.toThrow()
      await passed.promise
      expect(await apiClient(url, account.key).post('/ask', {})).toMatchObject({ status: 200 })
      expect(calls).toBe(1)
      await expect
        .poll(async () => (await box.ledger.workflows({ accountId: account.accountId })).workflows.map(({ state }) => state), {
          interval: 5,
        })
        .toEqual(['closed'])
      expect(await box.ledger.balance(account.accountId)).toMatchObject({ balance: credits(9_999), held: 0n })
    },
  )

  it('says nothing of an answer that its problem takes the place of', async () => {
    const box = await openBox()
    const poor = await openAccount(box, { balance: credits(1) })
    const ask: Ask = async (workflow, response) => {
      response.setHeader('content-length', '3')
      response.setHeader('content-encoding', 'gzip')
      response.setHeader('content-disposition', 'attachment; filename="answer.mp3"')
      response.setHeader('cache-control', 'public, max-age=3600')
      response.setHeader('x-own', 'stays')
      return { text: (await workflow.chat(question)).text }
    }
    const { url } = await listen(mount(box, async () => undefined, ask))
    const refused = await apiClient(url, poor.key).post('/ask', {})
    expect(refused).toMatchObject({ status: 402, body: { code: 'INSUFFICIENT_CREDITS', available: '1' } })
    expect(refused.headers.get('content-encoding')).toBeNull()
    expect(refused.headers.get('content-disposition')).toBeNull()
    expect(refused.headers.get('cache-control')).toBe('no-store')
    expect(refused.headers.get('x-own')).toBe('stays')
  })
})

describe('a host on Express that has answered while a key is looked up', () => {
  async function open(lookUp: (box: Farebox, key: string) => Promise<never> | ReturnType<Farebox['authenticate']>) {
    const box = await openBox()
    const account = await openAccount(box)
    const answered = Promise.withResolvers<void>()
    const lookedUp = Promise.withResolvers<void>()
    const authenticate = box.authenticate.bind(box)
    box.authenticate = async (secret) => {
      await answered.promise
      try {
        box.authenticate = authenticate
        return await lookUp(box, secret ?? '')
      } finally {
        setImmediate(lookedUp.resolve)
      }
    }
    const told: unknown[] = []
    const thrown: unknown[] = []
    let calls = 0
    const app = express()
      .use('/slow', (_request, response, next) => {
        response.on('close', answered.resolve)
        setImmediate(() => response.status(503).send('too late'))
        next()
      })
      .use(mountExpress(box, { workflow: 'ask', onError: (error) => told.push(error) }))
      .post('/slow', (_request, response) => void response.json({ calls: ++calls }))
      .use(fareboxErrors())
      .use(((error, _request, _response, next) => {
        thrown.push(error)
        next(error)
      }) as express.ErrorRequestHandler)
    const { url } = await listen(app)
    const headers = { authorization: `Bearer ${account.key}` }
    const answer = await fetch(`${url}/slow`, { method: 'POST', headers })
    expect([answer.status, await answer.text()]).toEqual([503, 'too late'])
    await lookedUp.promise
    expect({ calls, thrown }).toEqual({ calls: 0, thrown: [] })
    return told
  }

  it('hears no more of it, whether the key is good', async () => {
    expect(await open((box, key) => box.authenticate(key))).toEqual([])
  })

  it('or not', async () => {
    expect(await open((box) => box.authenticate('fbx_wrong'))).toEqual([])
  })

  it('and is told of what nobody foresaw', async () => {
    const error = new TypeError('a defect')
    expect(await open(() => Promise.reject(error))).toEqual([error])
  })
})

it('what nobody foresaw while a key is looked up goes to the error handler of a host on Express', async () => {
  const box = await openBox()
  const account = await openAccount(box)
  box.authenticate = () => Promise.reject(new TypeError('a defect'))
  const app = express()
    .use(mountExpress(box, { workflow: 'ask' }))
    .use(((error, _request, response, _next) => void response.status(500).send(String(error))) as express.ErrorRequestHandler)
  const answer = await fetch((await listen(app)).url, { headers: { authorization: `Bearer ${account.key}` } })
  expect([answer.status, await answer.text()]).toEqual([500, 'TypeError: a defect'])
})

type Read = (request: IncomingMessage & { body?: unknown; rawBody?: unknown }) => Promise<void>

const routes: { name: string; serve(box: Farebox, read: Read): RequestListener }[] = [
  {
    name: 'Express 5',
    serve: (box, read) =>
      express()
        .use((request, _response, next) => void read(request).then(() => next()))
        .use(routesInExpress(box))
        .use(
          ((error, _request, response, _next) => void response.status(500).send(String(error))) as express.ErrorRequestHandler,
        ),
  },
  {
    name: 'Koa 3',
    serve(box, read) {
      const app = new Koa()
      app.use(async (context, next) => {
        try {
          await read(context.req)
          Object.assign(context.request, { body: (context.req as { body?: unknown }).body })
          await next()
        } catch (error) {
          context.status = 500
          context.body = String(error)
        }
      })
      app.use(routesInKoa(box))
      return app.callback()
    },
  },
]

describe.each(routes)('a body that a middleware before the routes has read, in $name', ({ serve }) => {
  const told = expect.stringMatching(/^Error: a middleware before fareboxRoutes has read the body/)

  it.each(['of a told length', 'in chunks'])(
    'and kept for itself is told to the host, and not taken for an empty one: %s',
    async (how) => {
      const box = await openBox()
      const { key } = await openAccount(box)
      const { url } = await listen(serve(box, async (request) => void (await buffer(request))))
      const asked = JSON.stringify({ business_logic_adapter: 'languagelearning' })
      const body = how === 'in chunks' ? new Blob([asked]).stream() : asked
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
      const answer = await fetch(`${url}/api/v1/agent/create`, { method: 'POST', headers, body, duplex: 'half' } as RequestInit)
      expect([answer.status, await answer.text()]).toEqual([500, told])
      expect(await apiClient(url, key).get('/api/v1/credits')).toMatchObject({ status: 200 })
    },
  )

  it('whose files are elsewhere is told to the host, and not held against its client', async () => {
    const box = await openBox()
    const { key } = await openAccount(box)
    const read: Read = async (request) => {
      await buffer(request)
      request.body = { language: 'en' }
    }
    const { url } = await listen(serve(box, read))
    const body = new FormData()
    body.set('audio', new Blob(['sound']), 'question.wav')
    const answer = await fetch(`${url}/api/v1/agent/any/voice`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body,
    })
    expect([answer.status, await answer.text()]).toEqual([500, told])
  })

  it.each(['audio/wav', 'application/octet-stream', 'multipart/form-data; boundary=b'])(
    'as text is told to the host where it is %s, which no text can hold',
    async (type) => {
      const box = await openBox()
      const { key } = await openAccount(box)
      const read: Read = async (request) => {
        request.body = await text(request)
      }
      const { url } = await listen(serve(box, read))
      const sound = new Uint8Array([0x52, 0x49, 0x46, 0x46, 0xff, 0xfe, 0x80, 0x00])
      const headers = { authorization: `Bearer ${key}`, 'content-type': type }
      const answer = await fetch(`${url}/api/v1/agent/any/voice`, { method: 'POST', headers, body: sound })
      expect([answer.status, await answer.text()]).toEqual([500, told])
      expect((await apiClient(url, key).post('/api/v1/workflows', { workflow_name: 'desk' })).status).toBe(201)
    },
  )

  it('and kept beside what it parsed is taken as it came', async () => {
    const box = await openBox()
    const { key } = await openAccount(box)
    const read: Read = async (request) => {
      request.rawBody = await buffer(request)
      request.body = { other: 'than it came' }
    }
    const { url } = await listen(serve(box, read))
    const answer = await apiClient(url, key).post('/api/v1/agent/create', { business_logic_adapter: 'languagelearning' })
    expect(answer).toMatchObject({ status: 201, body: { business_logic_adapter: 'languagelearning' } })
  })
})

describe.each(routes)('the routes in $name', ({ serve }) => {
  it.each([
    ['without a host, by HTTP/1.0, as load balancers do', 'GET /healthz HTTP/1.0\r\n\r\n'],
    ['by a whole URL, as proxies are', 'GET http://app.test/healthz HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n'],
  ])('may be asked %s', async (_, asked) => {
    const { url } = await listen(serve(await openBox(), async () => undefined))
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(asked)
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /)
  })

  it.each(['GET /api/v1/credits', 'GET /v1/models/gpt-4o', 'POST /v1/chat/completions'])(
    'know no URL that names a user, which nobody can fetch, as in %s',
    async (asked) => {
      const { url } = await listen(serve(await openBox(), async () => undefined))
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.write(`${asked.replace('/', 'http://user:word@app.test/')} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n`)
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 .*no route whose URL names a user/s)
    },
  )
})

describe('over HTTP/2', () => {
  /** A session with an app on Koa, and whether the client's streams have closed there. */
  async function connectTo(app: { callback(): (request: Http2ServerRequest, response: Http2ServerResponse) => unknown }) {
    const closed = Promise.withResolvers<void>()
    const server = createHttp2Server({}, app.callback()).listen(0, '127.0.0.1')
    server.on('stream', (stream) => void stream.on('close', closed.resolve))
    await once(server, 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    return { session, closed: closed.promise }
  }

  it('a body whose length nobody has told is taken from the parser that has read it', async () => {
    const box = await openBox()
    const { key } = await openAccount(box)
    const app = new Koa()
    app.use(async (context, next) => {
      Object.assign(context.request, { body: JSON.parse(await text(context.req)) })
      await next()
    })
    const { session } = await connectTo(app.use(routesInKoa(box)))
    const asked = session.request({ ':method': 'POST', ':path': '/api/v1/agent/create', authorization: `Bearer ${key}` })
    asked.end(JSON.stringify({ business_logic_adapter: 'languagelearning' }))
    expect(await json(asked)).toMatchObject({ business_logic_adapter: 'languagelearning' })
  })

  it.each(['before its workflow has begun', 'while it works'])('a client that leaves %s is noticed', async (when) => {
    const box = await openBox()
    const { key, accountId } = await openAccount(box)
    await box.authenticate(key)
    const came = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const worked = Promise.withResolvers<unknown>()
    const waitIf = async (isNow: boolean) => {
      if (!isNow) return
      came.resolve()
      await left.promise
    }
    const app = new Koa<FareboxState>()
    app.silent = true
    app.use((context, next) => next().then(() => worked.resolve(context.body), worked.resolve))
    app.use((_, next) => waitIf(when !== 'while it works').then(next))
    app.use(mountKoa(box, { workflow: 'ask' }))
    app.use(async (context) => {
      await waitIf(when === 'while it works')
      context.body = (await context.state.farebox.chat(question)).text
    })
    const { session, closed } = await connectTo(app)
    const asked = session.request({ ':path': '/ask', authorization: `Bearer ${key}` })
    asked.on('error', () => undefined)
    await came.promise
    asked.close(constants.NGHTTP2_CANCEL)
    await closed
    left.resolve()
    expect(await worked.promise).toContain('CALLER_LEFT')
    expect(await box.ledger.balance(accountId)).toMatchObject({ balance: credits(10_000), held: 0n })
  })
})

describe('a request whose body a middleware of Hono has read', () => {
  const form = new FormData()
  form.set('audio', new Blob(['sound']), 'question.wav')
  const agent = JSON.stringify({ business_logic_adapter: 'languagelearning' })
  const json = { 'content-type': 'application/json' }

  it.each([
    ['JSON', '/api/v1/agent/create', json, () => agent],
    ['JSON in chunks', '/api/v1/agent/create', json, () => new Blob([agent]).stream()],
    ['a form', '/api/v1/agent/any/voice', {}, () => form],
  ])('is told to the host, and not held against its client: %s', async (_, path, type, body) => {
    const box = await openBox()
    const { key } = await openAccount(box)
    const told: unknown[] = []
    const routes = box.routes({ onError: (error) => told.push(error) })
    const app = new Hono()
      .use((context, next) => context.req.raw.arrayBuffer().then(next))
      .all('*', (context) => routes(context.req.raw))
    const { url } = await listen(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
    const headers = { ...type, authorization: `Bearer ${key}` }
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: body(), duplex: 'half' } as RequestInit)
    expect(answer.status).toBe(500)
    expect(told).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/^a middleware before Farebox has read the body/) }),
    ])
  })
})

it('a streamed answer may be held back by nobody on its way', async () => {
  const box = await openBox()
  const { key } = await openAccount(box)
  const body = JSON.stringify({ model: 'gpt-4o-mini', stream: true, messages: question.messages })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const answer = await box.routes()(new Request('http://app/v1/chat/completions', { method: 'POST', headers, body }))
  // By which `compression` and its like let it pass.
  expect(answer.headers.get('cache-control')).toBe('no-cache, no-transform')
  await answer.text()
})
