import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InvalidSignatureError, sayTwiml, streamTwiml, type TwilioAdapter } from '@farebox/providers/twilio'
import express from 'express'
import type { Farebox, Receipt } from 'farebox'
import { isUnpaid } from './is-unpaid.ts'
import { serveMediaStreams } from './media-streams.ts'
import { PhoneCall } from './phone-call.ts'

/** Twilio's words for a call that has ended. */
const ENDINGS = new Set(['completed', 'busy', 'no-answer', 'failed', 'canceled'])

export interface AgentOptions {
  box: Farebox
  twilio: TwilioAdapter
  /** How Twilio reaches this server, which it signs: `https://agent.example.com`. */
  site: string
  /** The account that pays for a call to this number; `undefined`: nobody does. */
  accountOf(to: string): Promise<string | undefined>
  print(line: string): void
  /** Hears what a call has cost. */
  onEnded(receipt: Receipt): void
  /** @defaultValue 5_000 */
  statusWaitMs?: number
  /** A call whose stream has not begun by then is given up. @defaultValue 30_000 */
  connectWaitMs?: number
}

/** Serves calls until it is closed: `POST /voice` and `POST /status` for Twilio's webhooks, and its media streams at `/media`. */
export async function startAgent(options: AgentOptions, port = 0) {
  const { box, twilio, site, accountOf, print, onEnded, statusWaitMs = 5_000, connectWaitMs = 30_000 } = options
  const streamUrl = `${site.replace(/^http/, 'ws')}/media`
  const calls = new Map<string, Promise<PhoneCall | undefined>>()

  const app = express().use(express.urlencoded({ extended: false }))
  app.post('/voice', async (request, response) => {
    const { CallSid: callId = '', From: from = '', To: to = '' } = await signed(request)
    // Twilio asks again where it got no answer.
    const call = await (calls.get(callId) ?? begin(callId, from, to))
    response
      .type('text/xml')
      .send(call ? streamTwiml({ url: streamUrl }) : sayTwiml('There is no credit for this call. Goodbye.'))
  })
  app.post('/status', async (request, response) => {
    const { CallSid: callId = '', CallStatus: status = '', CallDuration: seconds } = await signed(request)
    // A length that is not told, or is none, is measured by the sound.
    const duration = /^\d{1,9}$/.test(seconds ?? '') ? Number(seconds) : undefined
    if (ENDINGS.has(status)) (await calls.get(callId))?.hungUp(duration)
    response.sendStatus(204)
  })
  app.use(((error, _request, response, _next) => {
    print(`(refused: ${error.message})`)
    response.sendStatus(error instanceof InvalidSignatureError ? 403 : 500)
  }) as express.ErrorRequestHandler)

  /** The fields of a request that is Twilio's. @throws {InvalidSignatureError} it is somebody else's */
  async function signed(request: express.Request): Promise<Partial<Record<string, string>>> {
    const form = await twilio.webhook({
      url: site + request.originalUrl,
      signature: request.get('x-twilio-signature'),
      form: request.body,
    })
    return Object.fromEntries(Object.entries(form).map(([name, value]) => [name, String(value)]))
  }

  /** @returns nothing where nobody can pay for the call */
  function begin(callId: string, from: string, to: string): Promise<PhoneCall | undefined> {
    const beginning = open(callId, from, to)
    calls.set(callId, beginning)
    follow(beginning)
      .catch((error: Error) => print(`(failed: ${error.message})`))
      .finally(() => calls.delete(callId))
    return beginning
  }

  async function follow(beginning: Promise<PhoneCall | undefined>): Promise<void> {
    const call = await beginning
    if (!call) return
    const timer = setTimeout(() => call.isConnected || call.left(), connectWaitMs)
    onEnded(await call.ended.finally(() => clearTimeout(timer)))
  }

  async function open(callId: string, from: string, to: string): Promise<PhoneCall | undefined> {
    const accountId = await accountOf(to)
    if (accountId === undefined) return undefined
    try {
      return await PhoneCall.begin({ box, twilio, accountId, callId, from, to, print, statusWaitMs })
    } catch (error) {
      if (isUnpaid(error)) return undefined
      throw error
    }
  }

  const server = createServer(app)
  const streams = serveMediaStreams(server, { twilio, url: streamUrl, callOf: (callId) => calls.get(callId) })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    /** Ends every call, settles it, and stops. */
    async close(): Promise<void> {
      server.close()
      // One that cannot begin any more keeps none of the others.
      const ends = [...calls.values()].map(async (beginning) => {
        const call = await beginning
        call?.end('server')
        await call?.ended
      })
      await Promise.allSettled(ends)
      streams.close()
      server.closeAllConnections()
    },
  }
}
