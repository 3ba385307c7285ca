import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { dashboard } from '@farebox/dashboard'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox } from 'farebox'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { closeGently, type GatewayServer, gatewayServer } from '../../examples/gateway/src/http-server.ts'
import { databaseFolder } from '../support/database-folder.ts'

/** A server of the gateway's kind with little patience, and what it sends to a client who sends these bytes and no more. */
async function sentTo(bytes: string, headersMs = 5_000): Promise<string> {
  const patience = { headersMs, requestMs: 2 * headersMs, idleMs: 100, untakenMs: 60_000, checkEveryMs: 20 }
  const server = gatewayServer(async (request) => new Response(await request.text()), patience)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  socket.write(bytes)
  let received = ''
  socket.on('data', (data: Buffer) => {
    received += data.toString()
  })
  await once(socket, 'close')
  return received
}

test.each([
  ['begins a header and goes on no more', 'GET / HTTP/1.1\r\nhost: x\r\nx-slow', '408', 100],
  ['sends half a body', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf', '408', 100],
  ['sends headers without an end', `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`, '431', undefined],
  ['says two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', '400', undefined],
])('a client who %s is sent away', async (_, bytes, status, headersMs) => {
  expect(await sentTo(bytes, headersMs)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
})

test('a client who asks and then keeps silent is answered, and let go', async () => {
  expect(await sentTo('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi')).toMatch(/^HTTP\/1\.1 200 OK.*hi$/s)
})

test('a server that closes says so with its last answers, and takes requests that are on their way', async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: answer, resolve } = Promise.withResolvers<Response>()
  const server = gatewayServer(async ({ url }) => {
    if (!url.endsWith('/slow')) return new Response('at once')
    ask()
    return answer
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  expect((await fetch(url)).headers.get('connection')).toBe('keep-alive')
  const answering = fetch(`${url}/slow`)
  await asked
  const idle = connect(port, '127.0.0.1')
  idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(idle, 'data')
  const closed = closeGently(server)
  idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  const [last] = (await once(idle, 'data')) as [Buffer]
  expect(last.toString()).toMatch(/^HTTP\/1\.1 200 OK.*connection: close.*at once$/is)
  resolve(new Response('at last'))
  const { headers } = await answering
  expect(headers.get('connection')).toBe('close')
  await closed
})

// Each request of a few dozen bytes made its answer wait in memory: 64 KiB of them, some two hundred megabytes of the OpenAPI document.
test('a client who sends requests ahead of too many answers has the rest refused, in their turn', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let running = 0
  let most = 0
  const server = gatewayServer(async () => {
    running += 1
    most = Math.max(most, running)
    if (running === 64) setImmediate(release)
    await released
    running -= 1
    return new Response('at last')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1_000))
  let received = ''
  let statuses: string[] = []
  for await (const data of socket) {
    received += String(data)
    statuses = received.match(/HTTP\/1\.1 \d+/g) ?? []
    if (statuses.length === 1_000) break
  }
  expect(most).toBe(64)
  expect(new Set(statuses)).toEqual(new Set(['HTTP/1.1 200', 'HTTP/1.1 429']))
})

// Nothing ended such a connection: a hundred of them, each with 64 requests for the OpenAPI document, kept 770 megabytes for good.
describe('a client who reads nothing', () => {
  const impatient = { headersMs: 5_000, requestMs: 10_000, idleMs: 5_000, untakenMs: 50, checkEveryMs: 20 }

  test('is let go when an answer waits for it', async () => {
    const server = gatewayServer(async () => new Response(new Uint8Array(64 * 1024 * 1024)), impatient)
    const socket = await askOf(server)
    const [taken] = (await once(server, 'connection')) as [Socket]
    await once(taken, 'close')
    socket.resume()
    await once(socket, 'close')
    expect(socket.bytesRead).toBeLessThan(64 * 1024 * 1024)
  })

  test('is not, while its answer is still to come', async () => {
    const { promise: answer, resolve } = Promise.withResolvers<Response>()
    const server = gatewayServer(async () => answer, impatient)
    const socket = await askOf(server)
    for (let times = 0; times < 3; times++) await once(server, 'timeout')
    resolve(new Response('at last'))
    socket.resume()
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1\.1 200 OK.*at last$/s)
  })

  // 64 answers with the OpenAPI document on one connection took 11 megabytes.
  test('does not make the server copy a public file for each answer', async () => {
    const folder = databaseFolder('pages')
    mkdirSync(join(folder, 'assets'))
    writeFileSync(join(folder, 'index.html'), 'page')
    writeFileSync(join(folder, 'assets/app.js'), 'script')
    const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [simulated()] })
    onTestFinished(async () => {
      await box.close()
      rmSync(folder, { recursive: true })
    })
    const [api, pages] = [box.routes(), dashboard({ pagesFolder: folder })]
    const ends = vi.spyOn(ServerResponse.prototype, 'end')
    onTestFinished(() => void ends.mockRestore())
    const server = gatewayServer((request) => (request.url.endsWith('.json') ? api(request) : pages(request)), impatient)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    for (const path of ['/openapi.json', '/dashboard/assets/app.js']) {
      ends.mockClear()
      for (let times = 0; times < 2; times++) await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer()
      const [first, second] = ends.mock.calls.map(([sent]) => sent as unknown)
      expect(first).toBeInstanceOf(Uint8Array)
      expect(second).toBe(first)
    }
  })

  async function askOf(server: GatewayServer): Promise<Socket> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
    socket.on('error', () => undefined)
    onTestFinished(() => {
      socket.destroy()
      server.close()
    })
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    return socket
  }
})

test('an answer that breaks off is reset in HTTP/1.0, where its end would pass for the end of the whole', async () => {
  let isAsked = false
  const body = () =>
    new ReadableStream({
      pull(controller) {
        if (isAsked) return controller.error(new Error('broken'))
        isAsked = true
        controller.enqueue(new TextEncoder().encode('half'))
      },
    })
  const server = gatewayServer(async () => new Response(body()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('GET / HTTP/1.0\r\n\r\n')
  socket.resume()
  await expect(once(socket, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' })
})
