import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { InvalidOptionError } from '@farebox/core'
import { type OpenaiOptions, openai } from '@farebox/providers/openai'
import { undiciFetch } from '@farebox/providers/undici-fetch'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type OpenaiLoopback, startOpenaiLoopback } from '../loopback/openai.ts'
import { fullChat } from './full-chat.ts'
import { collect } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'wf_1.attempt-2' }
const pooled = undiciFetch()
const texts = { inputs: ['a', 'b'], model: 'text-embedding-3-small' }

/** What the conformance suite does not see: that both transports send and read the same, and what of the SDK is left out. */
describe.each<[string, Pick<OpenaiOptions, 'fetch'>]>([
  ['the global fetch', {}],
  ['undiciFetch', { fetch: pooled }],
])('chats of OpenAI by %s alone', (_, options) => {
  let server: OpenaiLoopback
  beforeAll(async () => {
    server = await startOpenaiLoopback()
  })
  afterAll(() => server.close())
  const adapter = (more: Partial<OpenaiOptions> = {}) =>
    openai({ apiKey: server.apiKey, baseURL: server.url, transport: 'fetch', ...options, ...more })
  const bySdk = (more: Partial<OpenaiOptions> = {}) => adapter({ transport: 'sdk', ...more })
  const lastTwo = () => server.requests.slice(-2)

  it.each(['chat', 'responses'] as const)('are the SDK’s, byte for byte, over the API of %s', async (api) => {
    const request = { ...fullChat, stop: undefined, providerOptions: { metadata: { a: 'é' } } }
    const answers = [await adapter({ api }).chat?.(request, context), await bySdk({ api }).chat?.(request, context)]
    expect(answers[0]).toEqual({ ...answers[1], requestId: answers[0]?.requestId })
    expect(answers[0]?.requestId).toEqual(expect.any(String))
    const [mine, theirs] = lastTwo()
    expect(mine?.body).toEqual(theirs?.body)
    expect(mine?.path).toBe(theirs?.path)

    const events = [
      await collect(adapter({ api }).streamChat?.(request, context)),
      await collect(bySdk({ api }).streamChat?.(request, context)),
    ]
    const said = events.map((each) => each.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join(''))
    expect(said[0]).toBe(said[1])
    expect(lastTwo()[0]?.body).toEqual(lastTwo()[1]?.body)
  })

  it('are incomplete where the answer breaks off after its headers, for then the work was done', async () => {
    const broken = createServer((request, response) => {
      request.resume()
      request.once('end', () => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"id":')
        setImmediate(() => response.destroy())
      })
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void broken.close())
    await once(broken, 'listening')
    const baseURL = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
    for (const make of [adapter, bySdk]) {
      await expect(make({ baseURL }).chat?.(fullChat, context)).rejects.toMatchObject({ kind: 'incomplete', status: undefined })
    }
  })

  it('are embeddings too', async () => {
    const [mine, theirs] = [await adapter().embed?.(texts, context), await bySdk().embed?.(texts, context)]
    expect(mine).toEqual({ ...theirs, requestId: mine?.requestId })
    expect(lastTwo()[0]?.body).toEqual(lastTwo()[1]?.body)
  })

  it('say who asks and for whom, and nothing of the machine', async () => {
    vi.stubEnv('OPENAI_CUSTOM_HEADERS', 'Authorization: Bearer hijack')
    await adapter({ organization: 'org-ours' }).chat?.(fullChat, context)
    vi.unstubAllEnvs()
    const { headers } = server.requests.at(-1) ?? { headers: {} }
    expect(headers).toMatchObject({
      authorization: `Bearer ${server.apiKey}`,
      'content-type': 'application/json',
      'openai-organization': 'org-ours',
      'user-agent': 'farebox',
      'x-client-request-id': 'wf_1.attempt-2',
    })
    expect(headers).not.toHaveProperty('openai-project')
    expect(Object.keys(headers).filter((name) => name.startsWith('x-stainless'))).toEqual([])
  })

  it('go where the address says, however it ends', async () => {
    for (const end of ['', '/', '//']) await adapter({ baseURL: server.url + end }).chat?.(fullChat, context)
    expect(new Set(server.requests.slice(-3).map(({ path }) => path)).size).toBe(1)
  })

  it('keep the query that the address ends in, as Azure’s do, at its end', async () => {
    const paths: (string | undefined)[] = []
    const refusing = await refuse((response) => {
      paths.push(response.req.url)
      response.end()
    })
    for (const make of [adapter, bySdk])
      await expect(make({ baseURL: `${refusing.url}/v1?api-version=2` }).chat?.(fullChat, context)).rejects.toThrow('429')
    expect(paths).toEqual(['/v1/chat/completions?api-version=2', '/v1/chat/completions?api-version=2'])
    await refusing.close()
  })

  it.each([
    ['{"object":"error","message":"no","type":"requests","code":"context_length_exceeded"}', 'context_too_long'],
    ['{"error":"no","code":"context_length_exceeded"}', 'rate_limited'],
    ['<html>no</html>', 'rate_limited'],
  ])('read a refusal of other servers as the SDK does: %s', async (body, kind) => {
    const refusing = await refuse((response) => response.end(body))
    for (const make of [adapter, bySdk]) {
      await expect(make({ baseURL: refusing.url }).chat?.(fullChat, context)).rejects.toMatchObject({ kind, status: 429 })
    }
    await refusing.close()
  })

  it('know a refusal by its status also where the connection breaks before all was said', async () => {
    const refusing = await refuse((response) => {
      response.write('{"error":')
      setTimeout(() => response.destroy(), 5)
    })
    const expected = { kind: 'rate_limited', status: 429, retryAfterMs: 7_000, requestId: 'req_1' }
    for (const make of [adapter, bySdk]) {
      await expect(make({ baseURL: refusing.url }).chat?.(fullChat, context)).rejects.toMatchObject(expected)
      await expect(collect(make({ baseURL: refusing.url }).streamChat?.(fullChat, context))).rejects.toMatchObject(expected)
    }
    await refusing.close()
  })

  it('end when their caller leaves while a refusal is read', async () => {
    const controller = new AbortController()
    const refusing = await refuse((response) => {
      response.write('{"error":')
      setTimeout(() => controller.abort(), 5)
    })
    await expect(
      adapter({ baseURL: refusing.url }).chat?.(fullChat, { ...context, signal: controller.signal }),
    ).rejects.toMatchObject({ kind: 'aborted' })
    await refusing.close()
  })

  it('tell of a refusal what the SDK would: its code, its status, when to come again', async () => {
    const refusal = { error: { message: 'no', type: 'requests', code: 'rate_limit_exceeded', param: null } }
    for (const make of [adapter, bySdk]) {
      server.fail({ type: 'status', status: 429, body: refusal, headers: { 'retry-after': '7' } })
      await expect(make().chat?.(fullChat, context)).rejects.toMatchObject({
        kind: 'rate_limited',
        status: 429,
        providerCode: 'rate_limit_exceeded',
        retryAfterMs: 7_000,
        requestId: expect.any(String),
      })
    }
  })
})

/** A server that answers 429, with the rest as `end` has it. */
async function refuse(end: (response: ServerResponse) => void): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(429, { 'retry-after': '7', 'x-request-id': 'req_1' })
    end(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

describe('an address that is none', () => {
  it('is named when the adapter is made', () => {
    for (const baseURL of ['', 'nowhere', '/v1'])
      expect(() => openai({ apiKey: 'k', baseURL, transport: 'fetch' }), baseURL).toThrow(/baseURL/)
    expect(() => openai({ baseURL: 'nowhere', transport: 'fetch' })).toThrow(InvalidOptionError)
  })
})

describe('a client of the host’s own', () => {
  it('is not left aside in silence', () => {
    const client = new OpenAI({ apiKey: 'k' })
    expect(() => openai({ client, transport: 'fetch' })).toThrow(InvalidOptionError)
  })
})

describe('a program that asks by fetch alone', () => {
  it('does not load the SDK', async () => {
    const server = await startOpenaiLoopback()
    const program = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ resolve: (specifier, context, next) => { loaded.push(specifier); return next(specifier, context) } })
      const { openai } = await import('@farebox/providers/openai')
      const adapter = openai({ apiKey: '${server.apiKey}', baseURL: '${server.url}', transport: 'fetch' })
      const request = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }
      await adapter.chat(request, { signal: new AbortController().signal, attemptId: 'a' })
      console.log(JSON.stringify(loaded.filter((name) => name === 'openai')))`
    const folder = join(import.meta.dirname, '../..')
    const flags = ['--conditions=farebox-source', '--input-type=module', '-e', program]
    const child = spawn(process.execPath, flags, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
    await once(child, 'close')
    expect(printed.trim()).toBe('[]')
    await server.close()
  })
})
