import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { credits, InvalidOptionError } from '@farebox/core'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import express from 'express'
import type { RoutesOptions } from 'farebox'
import { fareboxRoutes } from 'farebox/express'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Fault } from '../loopback/openai.ts'
import { apiClient, serveApi } from './api-client.ts'
import { listen } from './hosts.ts'
import { openAccount, openBox, openKey, storeNames } from './open-box.ts'
import { openLoopback } from './parties.ts'

const WORDS = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')

/** A served API over OpenAI's loopback, with an account, its agent, and everything that its requests may change. */
async function open(routes: RoutesOptions = {}) {
  const server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
  const box = await openBox({ providers: [openai({ apiKey: server.apiKey, baseURL: server.url })] })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key, { adminToken: 'admin', ...routes })
  const serviceConfiguration = { primary_ai_model: 'gpt-4o', fallback_ai_model: null, last_resort: false }
  const { agentId } = await box.agents.create({ accountId: account.accountId, serviceConfiguration })
  const chat = `/api/v1/agent/${agentId}/chat`
  const spent = async () => credits(10_000) - (await box.ledger.balance(account.accountId)).balance
  /** Asks with the account's key, and may be left. */
  const post = (path: string, body: object, init: RequestInit = {}, url = api.url) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      ...init,
      headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json', ...init.headers },
    })
  return { server, box, account, api, chat, spent, post }
}

const silence: Fault = { type: 'silence' }

describe('requests of one key', () => {
  it('may be so many a minute; the next is told which limit it is and when to come again', async () => {
    const { api, box, account } = await open({ limits: { requestsPerMinutePerKey: 3 } })
    const other = api.as((await openKey(box, account.accountId)).key)
    const first = await api.get('/api/v1/credits')
    expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=60')
    expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=2;t=\d+$/)
    await api.post('/api/v1/workflows', { workflow_name: 'w' })
    // What is invalid was a request too.
    expect((await api.post('/api/v1/workflows', {})).headers.get('ratelimit-policy')).toBe('"requests";q=3;w=60')
    const refused = await api.get('/api/v1/credits')
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'RATE_LIMITED', limit: 3, limit_name: 'requests_per_minute_per_key', retry_after: expect.any(Number) },
    })
    expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=\d+$/)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await api.get('/v1/models')).toMatchObject({ status: 429, body: { error: { code: 'rate_limit_exceeded' } } })
    expect((await other.get('/api/v1/credits')).status).toBe(200)
    expect((await api.as('admin').get('/api/v1/admin/accounts')).status).toBe(200)
    expect((await api.get('/api/v1/prices')).status).toBe(200)
  })

  it('count no more when only the head of a file was asked for, which nobody reads', async () => {
    const { api, account } = await open({ limits: { concurrentRequestsPerKey: 1 } })
    const headers = { authorization: `Bearer ${account.key}` }
    const path = '/api/v1/export?kind=usage&format=csv'
    for (let round = 0; round < 2; round += 1) {
      const head = await fetch(`${api.url}${path}`, { method: 'HEAD', headers })
      expect([head.status, head.headers.get('content-disposition')]).toEqual([200, expect.stringContaining('farebox-usage.csv')])
    }
    expect((await api.get(path)).status).toBe(200)
  })

  it('may be so many at once, streams included, until one ends, is left or fails', async () => {
    const { server, api, chat, post, box, account } = await open({ limits: { concurrentRequestsPerKey: 2 } })
    const hung = server.fail(silence)
    const leaving = new AbortController()
    const first = post(chat, { message: 'one' }, { signal: leaving.signal }).catch(() => undefined)
    await hung.struck
    const stall = server.fail({ type: 'stall', after: 10 })
    const stream = await post(chat, { message: 'two', stream: true })
    await stall.struck
    const refused = await api.post(chat, { message: 'three' })
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'TOO_MANY_AT_ONCE', limit: 2, limit_name: 'concurrent_requests_per_key' },
    })
    expect(refused.headers.get('retry-after')).toBe('1')
    expect((await api.as((await openKey(box, account.accountId)).key).get('/api/v1/credits')).status).toBe(200)
    leaving.abort()
    await first
    await expect.poll(async () => (await api.get('/api/v1/credits')).status).toBe(200)
    await stream.body?.cancel()
    await expect.poll(async () => (await box.ledger.balance(account.accountId)).held).toBe(0n)
    // Both have gone: two more are let in, and after them two more.
    for (let round = 0; round < 2; round++) {
      const both = await Promise.all([api.post(chat, {}), api.post(chat, { message: 'x' })])
      expect(both.map(({ status }) => status)).toEqual([422, 200])
    }
  })
})

describe('a request that takes too long', () => {
  it('is none where the limit is longer than a timer can wait', async () => {
    const { box, account, chat } = await open()
    const api = await serveApi(box, account.key, { limits: { timeoutMs: 2 ** 31 } })
    expect((await api.post(chat, { message: 'Hello' })).status).toBe(200)
  })

  it('counts as under way until its late answer, a file that nobody reads, is there', async () => {
    const { box, account } = await open()
    const api = await serveApi(box, account.key, { limits: { timeoutMs: 200, concurrentRequestsPerKey: 1 } })
    const path = '/api/v1/export?kind=usage&format=csv'
    const { history } = box.ledger
    const read = history.account
    const { promise: found, resolve: find } = Promise.withResolvers<void>()
    history.account = async (accountId) => {
      await found
      return read.call(history, accountId)
    }
    expect((await api.get(path)).status).toBe(504)
    expect((await api.get(path)).status).toBe(429)
    find()
    await expect.poll(async () => (await api.get(path)).status).toBe(200)
  })

  it('is stopped, charges nothing, and can be sent again under its key; a stream that has begun is none', async () => {
    const { server, chat, post, spent, box, account } = await open()
    const hasty = (await serveApi(box, account.key, { limits: { timeoutMs: 3_000 } })).url
    // What is loaded with the first chat is no part of what follows.
    expect((await post(chat, { message: 'Hello' })).status).toBe(200)
    const stall = server.fail({ type: 'stall', after: 10 })
    const stream = await post(chat, { message: 'Hello', stream: true }, {}, hasty)
    await stall.struck
    const hung = server.fail(silence)
    const headers = { 'idempotency-key': 'slow' }
    const late = post(chat, { message: 'Hello' }, { headers }, hasty)
    await hung.struck
    // A body that never ends takes too long as well.
    const socket = connect(Number(new URL(hasty).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const half = `authorization: Bearer ${account.key}\r\ncontent-length: 100\r\n\r\n{`
    socket.write(`POST /api/v1/estimate HTTP/1.1\r\nhost: x\r\n${half}`)
    const [data] = (await once(socket, 'data')) as [Buffer]
    expect(data.toString()).toMatch(/^HTTP\/1\.1 504 /)
    const answer = await late
    expect([answer.status, await answer.json()]).toMatchObject([504, { code: 'REQUEST_TIMEOUT', retry_after: 1 }])
    expect(await server.requests[2]?.abandoned).toBe(true)
    // The stream is older than that, and still there: it is its reader who stops it.
    const isStopped = await Promise.race([server.requests[1]?.abandoned.then(() => true), Promise.resolve(false)])
    expect(isStopped).toBe(false)
    await stream.body?.cancel()
    expect(await server.requests[1]?.abandoned).toBe(true)
    const held = async () => (await box.ledger.balance(account.accountId)).held
    await expect.poll(() => held()).toBe(0n)
    // A chat, and what the stream had produced.
    expect(await spent()).toBe(credits(21))
    await expect.poll(async () => (await post(chat, { message: 'Hello' }, { headers })).status).toBe(200)
    expect(await spent()).toBe(credits(41))
  })
})

describe('pages of other origins', () => {
  const preflight = {
    origin: 'https://app.example.com',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  }
  const ask = (url: string, headers: Record<string, string>, method = 'GET') => fetch(`${url}/api/v1/prices`, { method, headers })

  it('may ask nothing by default', async () => {
    const { api } = await open()
    for (const answer of [await ask(api.url, preflight), await ask(api.url, preflight, 'OPTIONS')]) {
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
  })

  it('may ask where they are named, one by one, without cookies', async () => {
    const { api } = await open({ cors: { origins: ['https://app.example.com', 'http://localhost:5173'] } })
    const named = await ask(api.url, preflight)
    expect(named.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
    expect(named.headers.get('access-control-expose-headers')).toMatch(/x-farebox-credits-used/)
    expect(named.headers.get('access-control-allow-credentials')).toBeNull()
    expect(named.headers.get('vary')).toMatch(/origin/i)
    const flight = await ask(api.url, preflight, 'OPTIONS')
    expect(flight.status).toBe(204)
    expect(flight.headers.get('access-control-allow-headers')).toMatch(/authorization.*idempotency-key/)
    const failed = await fetch(`${api.url}/api/v1/credits`, { headers: preflight })
    expect([failed.status, failed.headers.get('access-control-allow-origin')]).toEqual([401, 'https://app.example.com'])
    for (const origin of ['https://evil.example', 'https://app.example.com.evil.example', 'http://app.example.com', 'null']) {
      expect((await ask(api.url, { origin })).headers.get('access-control-allow-origin'), origin).toBeNull()
    }
  })

  it.each(['*', 'app.example.com', 'https://app.example.com/', 'null'])('cannot be named by %s', async (origin) => {
    const box = await openBox()
    expect(() => box.routes({ cors: { origins: [origin] } })).toThrow(InvalidOptionError)
  })
})

it.each([{ timeoutMs: 0 }, { requestBytes: -1 }, { uploadBytes: 1.5 }, { perHour: 5 } as object])(
  'limits of %j are refused when the routes are made',
  async (limits) => {
    const box = await openBox()
    expect(() => box.routes({ limits })).toThrow(InvalidOptionError)
  },
)

it('every answer says that it is to be taken for what it says, and not to be kept', async () => {
  const { api, chat, post } = await open()
  const streamed = await post(chat, { message: 'Hello', stream: true })
  await streamed.text()
  const answers = [
    await api.get('/api/v1/credits'),
    await api.get('/api/v1/nothing'),
    await api.get('/healthz'),
    await api.post(chat, {}),
    streamed,
  ]
  for (const { headers } of answers) {
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toMatch(/no-store|no-cache/)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  }
})

describe('a body', () => {
  it('that is meant to do harm is refused, and does none', async () => {
    const { api, spent } = await open()
    const deep = (levels: number) => `{"workflow_name":${'['.repeat(levels)}${']'.repeat(levels)}}`
    const answers = [
      await api.post('/api/v1/workflows', deep(100_000)),
      await api.post('/api/v1/workflows', deep(65)),
      await api.post('/api/v1/workflows', '{"workflow_name":"w","__proto__":{"isAdmin":true}}'),
      await api.post(
        '/v1/chat/completions',
        '{"model":"auto","messages":[{"role":"user","content":"x"}],"metadata":{"__proto__":{"x":1}}}',
      ),
    ]
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400])
    expect(Object.hasOwn(Object.prototype, 'isAdmin')).toBe(false)
    expect((await api.post('/api/v1/workflows', deep(60))).status).toBe(422)
    expect(await spent()).toBe(0n)
  })

  it('of very many wrong fields is told the first of them, and one of more values than any request is none', async () => {
    const { api } = await open()
    const fields = (count: number) => Array.from({ length: count }, (_, index) => `"field${index}":0`).join(',')
    const zeros = (count: number) => Array.from({ length: count }, () => 0).join(',')
    const chat = (parts: string) => `{"model":"auto","messages":[{"role":"user","content":[${parts}]}]}`
    const many = await api.post('/api/v1/workflows', `{${fields(190_000)}}`)
    expect(many).toMatchObject({ status: 422, body: { code: 'INVALID_BODY' } })
    expect(many.body.errors).toHaveLength(100)
    const parts = await api.post('/v1/chat/completions', chat(zeros(190_000)))
    expect(parts).toMatchObject({ status: 422, body: { error: { code: 'invalid_body' } } })
    expect(JSON.stringify(parts.body).length).toBeLessThan(20_000)
    const agent = (settings: string) =>
      api.post('/api/v1/agent/create', `{"custom_settings":{"service_configuration":{${settings}}}}`)
    const unknown = await agent(fields(1_000))
    expect(unknown).toMatchObject({ status: 422, body: { code: 'INVALID_CONFIGURATION' } })
    expect(unknown.body.errors).toHaveLength(100)
    const weights = await agent(`"weights":{${fields(201)}}`)
    expect(weights).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'service_configuration.weights', problem: 'must have at most 200 entries' }] },
    })
    expect(await api.post('/v1/chat/completions', chat(zeros(200_001)))).toMatchObject({ status: 400 })
  })

  it('of more than JSON.parse could read without keeping everybody waiting is not parsed, and one that only looks like it is', async () => {
    const { api } = await open()
    const parse = vi.spyOn(JSON, 'parse')
    onTestFinished(() => void parse.mockRestore())
    const isParsed = (body: string) => parse.mock.calls.some(([text]) => text === body)
    const spaced = (body: string) => `${' '.repeat(20_000)}${body}`
    const names = `{${Array.from({ length: 200_002 }, (_, index) => `"${index.toString(36)}":1`).join(',')}}`
    for (const body of [
      names,
      '['.repeat(100_000),
      spaced('['.repeat(66) + ']'.repeat(66)),
      spaced(`["\\\\",${'['.repeat(65)}`),
    ]) {
      expect(await api.post('/api/v1/workflows', body)).toMatchObject({ status: 400, body: { code: 'MALFORMED_BODY' } })
      expect(isParsed(body)).toBe(false)
    }
    const texts = [`${','.repeat(200_002)}${'['.repeat(66)}`, `\\"${'['.repeat(66)}`, '\\\\', `\\\\\\"${','.repeat(200_002)}`]
    for (const text of texts) {
      const body = spaced(`{"workflow_name":"${text}","other":[${'['.repeat(60)}${']'.repeat(60)},{}]}`)
      expect(await api.post('/api/v1/workflows', body)).toMatchObject({ status: 422 })
      expect(isParsed(body)).toBe(true)
    }
  })

  it('that is a form of very many entries is refused', async () => {
    const { api } = await open()
    const entry = (name: string) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n\r\n`
    const form = (count: number) => `${Array.from({ length: count }, (_, index) => entry(`f${index}`)).join('')}--b--\r\n`
    const send = (count: number) =>
      api.post('/v1/audio/transcriptions', Buffer.from(form(count)), { 'content-type': 'multipart/form-data; boundary=b' })
    expect(await send(1_000)).toMatchObject({ status: 422, body: { error: { param: 'file' } } })
    expect(await send(1_001)).toMatchObject({ status: 400, body: { error: { message: 'the form has more than 1000 entries' } } })
    // Looked through once for each name, as it once was, it would take the best part of an hour.
    expect((await send(200_000)).status).toBe(400)
  })

  it('that is a form is looked over before it is parsed, which takes seconds for many entries or long headers', async () => {
    const { api } = await open()
    const head = '--a b\r\ncontent-disposition: form-data; name="'
    const send = (form: string) =>
      api.post('/v1/audio/transcriptions', Buffer.from(form), { 'content-type': 'multipart/form-data; boundary="a b"' })
    const refused = (message: string) => ({ status: 400, body: { error: { message } } })
    // Without an end, they could not be parsed.
    expect(await send(`${head}f"\r\n\r\n\r\n`.repeat(1_001))).toMatchObject(refused('the form has more than 1000 entries'))
    const long = refused('a part of the form has more than 16384 bytes of headers')
    expect(await send(`${head}${'n'.repeat(20_000)}`)).toMatchObject(long)
    expect(await send(`${head}f"\r\n\r\n\r\n--a b\r\n${'x: y\r\n'.repeat(10_000)}\r\n`)).toMatchObject(long)
  })

  it.each([
    ['in quotes, with an escape', 'boundary="\\q"', 'q'],
    ['after another parameter that names one', 'of="; boundary=other"; boundary=q', 'q'],
    ['beyond ASCII', 'boundary="\u00e9"', '\u00e9'],
  ])('that is a form is looked over by the boundary that it is parsed by: %s', async (_, parameters, boundary) => {
    const { api } = await open()
    const entry = `--${boundary}\r\ncontent-disposition: form-data; name="f"\r\n\r\n\r\n`
    const send = (count: number) =>
      api.post('/v1/audio/transcriptions', Buffer.from(`${entry.repeat(count)}--${boundary}--\r\n`), {
        'content-type': `multipart/form-data; ${parameters}`,
      })
    expect(await send(2)).toMatchObject({ status: 422, body: { error: { message: expect.stringMatching(/^file: /) } } })
    expect(await send(1_001)).toMatchObject({ status: 400, body: { error: { message: 'the form has more than 1000 entries' } } })
  })

  it('that is a form of parts with long headers is refused, as it would be for one of them', async () => {
    const { api } = await open()
    const entry = `--b\r\ncontent-disposition: form-data; name="f"\r\n${'x:\r\n'.repeat(4_000)}\r\n\r\n`
    const answer = await api.post('/v1/audio/transcriptions', Buffer.from(`${entry.repeat(20)}--b--\r\n`), {
      'content-type': 'multipart/form-data; boundary=b',
    })
    const message = 'the parts of the form have more than 262144 bytes of headers'
    expect(answer).toMatchObject({ status: 400, body: { error: { message } } })
  })

  it('of another kind than its route takes is told which', async () => {
    const { api, chat } = await open()
    const form = new FormData()
    form.set('message', 'Hello')
    expect(await api.post(chat, form)).toMatchObject({
      status: 415,
      body: { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'send application/json' },
    })
    expect(await api.post(chat.replace('chat', 'voice'), { audio: 'UklGRg==' })).toMatchObject({
      status: 415,
      body: { detail: 'send multipart/form-data with the file as the field audio' },
    })
    expect(await api.post('/v1/audio/transcriptions', { model: 'auto' })).toMatchObject({ status: 415 })
  })

  it('that is compressed is told so, unless a parser of the host has expanded it', async () => {
    const { api, box, account } = await open()
    const question = gzipSync(JSON.stringify({ workflow_name: 'desk' }))
    const json = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const detail = 'compressed bodies are not supported: send it without a Content-Encoding'
    expect(await api.post('/api/v1/workflows', question, json)).toMatchObject({ status: 415, body: { detail } })
    const form = { 'content-type': 'multipart/form-data; boundary=b', 'content-encoding': 'gzip' }
    expect(await api.post('/v1/audio/transcriptions', question, form)).toMatchObject({
      status: 415,
      body: { error: { message: detail } },
    })
    const { url } = await listen(express().use(express.json()).use(fareboxRoutes(box)))
    expect((await apiClient(url, account.key).post('/api/v1/workflows', question, json)).status).toBe(201)
  })

  it('may be longer where it is a recording', async () => {
    const { api, chat } = await open({ limits: { requestBytes: 1_000, uploadBytes: 50_000 } })
    expect(await api.post(chat, { message: 'x'.repeat(1_000) })).toMatchObject({
      status: 413,
      body: { detail: 'the body is longer than 1000 bytes' },
    })
    const voice = chat.replace('chat', 'voice')
    expect((await api.post(voice, new Uint8Array(20_000), { 'content-type': 'audio/wav' })).status).toBe(422)
    expect((await api.post(voice, new Uint8Array(60_000), { 'content-type': 'audio/wav' })).status).toBe(413)
  })
})

describe.each(storeNames)('an id on %s', (on) => {
  it('that no database takes is invalid, and none that is long or strange finds anything', async () => {
    const box = await openBox({ on, providers: [simulated()] })
    const account = await openAccount(box)
    const api = await serveApi(box, account.key)
    for (const id of ['%00', 'a%00b', '%0A', 'x'.repeat(201)]) {
      expect(await api.get(`/api/v1/workflows/${id}`), id).toMatchObject({ status: 422, body: { errors: [{ field: 'id' }] } })
    }
    for (const id of ["'; drop table accounts; --", '..%2f..', '%F0%9F%98%80', '__proto__', 'constructor']) {
      expect(await api.get(`/api/v1/workflows/${encodeURIComponent(id)}`), id).toMatchObject({ status: 404 })
    }
    const headers = { 'idempotency-key': 'k'.repeat(181) }
    expect(await api.post('/api/v1/workflows', { workflow_name: 'w' }, headers)).toMatchObject({ status: 422 })
  })
})

describe('the URL of an image', () => {
  const see = (url: string) => ({
    model: 'gpt-4o',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url } },
        ],
      },
    ],
  })

  it.each([
    'https://127.0.0.1/x.png',
    'https://localhost/x.png',
    'https://LOCALHOST./x.png',
    'https://2130706433/x.png',
    'https://0x7f.1/x.png',
    'https://0177.0.0.1/x.png',
    'https://10.1.2.3/x.png',
    'https://172.20.0.1/x.png',
    'https://192.168.1.1/x.png',
    'https://169.254.169.254/latest/meta-data',
    'https://100.100.100.200/x.png',
    'https://[::1]/x.png',
    'https://[::ffff:169.254.169.254]/x.png',
    'https://[fd00::1]/x.png',
    'https://[fe80::1]/x.png',
    'https://metadata.google.internal/x.png',
    'https://metadata.goog/x.png',
    'https://intranet/x.png',
    'https://example.com\\@127.0.0.1/x.png',
    'https://exam\tple.com/x.png',
    'https://[::127.0.0.1]/x.png',
    'https://[::ffff:0:127.0.0.1]/x.png',
    'https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/x.png',
    'https://user:password@example.com/x.png',
    'https://localhost.localdomain/x.png',
    'https://localhost6.localdomain6/x.png',
    'https://kubernetes.default.svc/x.png',
    'https://127.0.0.1../x.png',
    'https://168.63.129.16/machine',
  ])('that leads into a network is refused: %s', async (url) => {
    const { api, server, spent } = await open()
    expect(await api.post('/v1/chat/completions', see(url))).toMatchObject({
      status: 422,
      body: {
        error: {
          param: 'messages.0.content.1.image_url.url',
          message: expect.stringContaining('must not lead into a private network'),
        },
      },
    })
    expect(server.requests).toEqual([])
    expect(await spent()).toBe(0n)
  })

  it('is handed to the provider as it is, and fetched by nobody here', async () => {
    const { api, server } = await open()
    const fetched = vi.spyOn(globalThis, 'fetch')
    onTestFinished(() => fetched.mockRestore())
    const url = 'https://images.example.com/x.png?size=large#top'
    expect((await api.post('/v1/chat/completions', see(url))).status).toBe(200)
    expect(JSON.stringify(server.requests[0]?.body)).toContain(url)
    expect(fetched.mock.calls.map(([input]) => String(input)).filter((asked) => asked.includes('images.example.com'))).toEqual([])
  })
})
