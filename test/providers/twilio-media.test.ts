import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { soundSeconds } from '@farebox/core'
import {
  clearMessage,
  type MediaMessage,
  markMessage,
  mediaFormat,
  mediaMessage,
  readMediaMessage,
  twilio,
} from '@farebox/providers/twilio'
import sdk from 'twilio'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { SECRET } from './twilio-harness.ts'

const PUBLIC_URL = 'wss://host.test/media'
const phone = twilio({ accountSid: `AC${'a'.repeat(32)}`, authToken: SECRET })
const server = createServer()
const sockets = new WebSocketServer({ noServer: true })
const heard: MediaMessage[] = []

/** A host's server: lets Twilio in, and repeats what it hears until the callee presses a key. */
server.on('upgrade', async (request: IncomingMessage, raw: Duplex, head: Buffer) => {
  if (!(await phone.verifyUpgrade(PUBLIC_URL, request.headers['x-twilio-signature']?.toString()))) {
    raw.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    return
  }
  sockets.handleUpgrade(request, raw, head, (socket) => {
    socket.on('message', (data) => {
      const message = readMediaMessage(data.toString())
      if (message === undefined) return
      heard.push(message)
      if (message.type === 'media') {
        socket.send(mediaMessage(message.streamId, message.audio))
        socket.send(markMessage(message.streamId, `heard ${message.timestampMs}`))
      }
      if (message.type === 'dtmf') socket.send(clearMessage(message.streamId))
    })
  })
})

let port: number
beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterEach(async () => {
  for (const socket of sockets.clients) socket.terminate()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** Twilio's side of a media stream. */
function connect(signature: string): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}/media`, { headers: { 'x-twilio-signature': signature } })
}

describe('a media stream', () => {
  it('is held in both directions with who is signed as Twilio', async () => {
    const socket = connect(sdk.getExpectedTwilioSignature(SECRET, PUBLIC_URL, {}))
    const answers: { event: string; media?: { payload: string }; mark?: { name: string } }[] = []
    socket.on('message', (data) => answers.push(JSON.parse(data.toString())))
    await new Promise((resolve) => socket.once('open', resolve))
    const sound = Buffer.alloc(160, 0xff)
    const stream = { streamSid: 'MZ1', sequenceNumber: '1' }
    for (const message of [
      { event: 'connected', protocol: 'Call', version: '1.0.0' },
      { event: 'start', ...stream, start: { callSid: 'CA1', tracks: ['inbound'], customParameters: { workflow: 'w1' } } },
      { event: 'media', ...stream, media: { track: 'inbound', timestamp: '20', payload: sound.toString('base64') } },
      { event: 'something-new', ...stream },
      { event: 'dtmf', ...stream, dtmf: { digit: '1' } },
      { event: 'stop', ...stream, stop: { callSid: 'CA1' } },
    ]) {
      socket.send(JSON.stringify(message))
    }
    await expect.poll(() => answers.map(({ event }) => event)).toEqual(['media', 'mark', 'clear'])
    expect(Buffer.from(answers[0]?.media?.payload ?? '', 'base64')).toEqual(sound)
    expect(answers[1]?.mark).toEqual({ name: 'heard 20' })
    await expect.poll(() => heard.map(({ type }) => type)).toEqual(['connected', 'start', 'media', 'dtmf', 'stop'])
    const media = heard.find(({ type }) => type === 'media')
    expect(media?.type === 'media' && soundSeconds(media.audio.length, mediaFormat)).toBe(0.02)
    socket.close()
  })

  it('is refused to anybody else', async () => {
    const socket = connect(sdk.getExpectedTwilioSignature('another token', PUBLIC_URL, {}))
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
    expect(error.message).toContain('403')
  })
})
