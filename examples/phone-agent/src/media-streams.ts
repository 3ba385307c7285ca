import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { readMediaMessage, type TwilioAdapter } from '@farebox/providers/twilio'
import { type WebSocket, WebSocketServer } from 'ws'
import type { PhoneCall } from './phone-call.ts'

/** The length of each piece of sound that Twilio sends. */
const PIECE_SECONDS = 0.02

export interface MediaStreamOptions {
  twilio: TwilioAdapter
  /** The `wss:` URL that Twilio connects to and signs. */
  url: string
  callOf(callId: string): Promise<PhoneCall | undefined> | undefined
  /** How long a stream may say nothing, in milliseconds. Twilio sends sound all the time, silence as well. */
  silenceMs: number
}

/** Accepts the media streams of calls. A client other than Twilio gets a 403. */
export function serveMediaStreams(server: Server, { twilio, url, callOf, silenceMs }: MediaStreamOptions) {
  const sockets = new WebSocketServer({ noServer: true, autoPong: false })
  server.on('upgrade', async (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    raw.on('error', () => raw.destroy())
    const isTwilio = await twilio.verifyUpgrade(url, request.headers['x-twilio-signature']?.toString())
    if (isTwilio) sockets.handleUpgrade(request, raw, head, serve)
    // Its client may keep its own side open.
    else raw.once('finish', () => raw.destroy()).end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })

  /** Processes the messages of a stream one after another. */
  function serve(socket: WebSocket): void {
    let call: PhoneCall | undefined
    let work = Promise.resolve()
    // A connection that is lost may never say so.
    const silence = setTimeout(() => socket.terminate(), silenceMs)
    const next = (take: () => unknown) => {
      silence.refresh()
      work = work.then(async () => void (await take())).catch(() => socket.close(1003))
    }

    async function receive(text: string): Promise<void> {
      const message = readMediaMessage(text)
      switch (message?.type) {
        case 'start': {
          if (call) return
          const called = await callOf(message.callId)
          // A call has one stream: the end of a second one would be the end of the call.
          if (!called || called.isConnected) return socket.close()
          call = called
          call.connect(message.streamId, (answer) => socket.send(answer))
          call.ended.then(
            () => socket.close(),
            () => socket.close(),
          )
          return
        }
        case 'media':
          return call?.hear(message.audio, message.timestampMs / 1_000 + PIECE_SECONDS)
        case 'mark':
          return call?.mark(message.name)
        case 'stop':
          return call?.left()
      }
    }

    socket.on('message', (data) => next(() => receive(data.toString())))
    // A pong says that everything before the ping has been processed.
    socket.on('ping', (data) => next(() => call?.caughtUp().then(() => socket.pong(data))))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      next(() => call?.left())
      clearTimeout(silence)
    })
  }

  return {
    close() {
      for (const socket of sockets.clients) socket.terminate()
    },
  }
}
