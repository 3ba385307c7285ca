import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { compatHosts, openCompat } from '../compat/open-compat.ts'

/** Bytes that are taken at most here. */
const BODY_MAX = 1024 * 1024
const PIECE = Buffer.alloc(256 * 1024, 'x')
/** Longer than Node's adapter reads on by itself after an answer: half a second. */
const PAUSE_MS = 800

/** What a client receives that listens only when it has sent everything, as a busy one does. */
async function sentBy(
  url: string,
  { key, head, pieces }: { key: string; head: string; pieces: readonly (Buffer | string)[] },
): Promise<string> {
  const { hostname, port, pathname } = new URL(`${url}/v1/embeddings`)
  const socket = connect(Number(port), hostname)
  socket.pause()
  onTestFinished(() => void socket.destroy())
  const failed = new Promise<never>((_, reject) => socket.once('error', reject))
  const write = (bytes: Buffer | string) => new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
  const send = async () => {
    const type = 'content-type: application/json'
    await write(`POST ${pathname} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n${type}\r\n${head}\r\n\r\n`)
    for (const [index, piece] of pieces.entries()) {
      if (index === 6) await pause(PAUSE_MS)
      await write(piece)
    }
    for await (const data of socket) return String(data)
    return ''
  }
  return Promise.race([send(), failed])
}

describe.each(compatHosts)('a client of $name that is still sending a body which is too long', (host) => {
  const pieces = Array.from({ length: 8 }, () => PIECE)

  it.each([
    ['whose length it told', `content-length: ${8 * PIECE.length}`, pieces],
    [
      'in chunks',
      'transfer-encoding: chunked',
      [...pieces.map((piece) => Buffer.concat([Buffer.from('40000\r\n'), piece, Buffer.from('\r\n')])), Buffer.from('0\r\n\r\n')],
    ],
  ])('%s is told so when it has sent it', async (_, head, sent) => {
    const { api, account } = await openCompat({ host, routes: { limits: { requestBytes: BODY_MAX } } })
    expect(await sentBy(api.url, { key: account.key, head, pieces: sent })).toMatch(/^HTTP\/1\.1 413 /)
    // Whoever watches the share of requests that fail sees it too.
    const counted = 'farebox_http_requests_total{method="POST",path="/v1/embeddings",status="413"} 1'
    expect(await (await fetch(`${api.url}/metrics`)).text()).toContain(counted)
  })
})

describe.each(compatHosts)('a caller of $name who may ask nothing', (host) => {
  it('is told so before its body has come: nothing of it is kept', async () => {
    const { api } = await openCompat({ host, routes: {} })
    const begun = { key: 'fbx_nobody', head: 'transfer-encoding: chunked', pieces: ['5\r\n{"mod\r\n'] }
    expect(await sentBy(api.url, begun)).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe.each(compatHosts)('a client of $name that leaves while it sends', (host) => {
  it('is no failure of ours, and nobody is woken for it', async () => {
    const errors: unknown[] = []
    const { api, account } = await openCompat({ host, routes: { onError: (error) => errors.push(error) } })
    const { hostname, port } = new URL(api.url)
    const leaveWithin = async (path: string, type: string, head: string, piece: string) => {
      const socket = connect(Number(port), hostname)
      onTestFinished(() => void socket.destroy())
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${account.key}\r\ncontent-type: ${type}\r\n${head}\r\n\r\n${piece}`,
      )
      // Until the server reads the body.
      await pause(100)
      socket.destroy()
    }
    const [json, form] = ['application/json', 'multipart/form-data; boundary=x']
    const [chat, file] = ['/v1/chat/completions', '/v1/audio/transcriptions']
    await leaveWithin(chat, json, 'transfer-encoding: chunked', '5\r\n{"mod\r\n')
    await leaveWithin(file, form, 'transfer-encoding: chunked', '5\r\n--x\r\n\r\n')
    await leaveWithin(file, form, 'content-length: 1000', '--x\r\n')
    await leaveWithin(file, 'audio/wav', 'content-length: 1000', 'RIFF')
    await leaveWithin(chat, json, 'content-length: 1000', '{"mod')
    const answered = /farebox_http_requests_total\{method="POST",path="([^"]+)",status="(\d+)"\} (\d+)/g
    const told = async () => {
      const text = await (await fetch(`${api.url}/metrics`)).text()
      return [...text.matchAll(answered)].map(([, ...facts]) => facts).sort()
    }
    await expect.poll(told).toEqual([
      [file, '499', '3'],
      [chat, '499', '2'],
    ])
    expect(errors).toEqual([])
  })
})
