import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InvalidSignatureError, sayTwiml, streamTwiml, type TwilioAdapter } from '@farebox/providers/twilio'
import express from 'express'
import type { Farebox, Receipt } from 'farebox'
import { isUnpaid } from './is-unpaid.ts'
import { serveMediaStreams } from './media-streams.ts'
import { PhoneCall } from './phone-call.ts'

/** Twilio's statuses of a call that has ended. */
const ENDINGS = new Set(['completed', 'busy', 'no-answer', 'failed', 'canceled'])

export interface AgentOptions {
  box: Farebox
  twilio: TwilioAdapter
  /** The public URL at which Twilio reaches this server, and which it signs: `https://agent.example.com`. */
  site: string
  /** Looks up the account that pays for calls to a number; `undefined` if none does. */
  accountOf(to: string): Promise<string | undefined>
  print(line: string): void
  /** Called with the receipt when a call has ended. */
  onEnded(receipt: Receipt): void
  /** How long to wait for Twilio to report the length of a call, in milliseconds. @defaultValue 5_000 */
  statusWaitMs?: number
  /** How long to wait for a call's media stream to begin, and for each of its messages, in milliseconds. @defaultValue 30_000 */
  connectWaitMs?: number
}

/** Serves calls until it is closed: `POST /voice` and `POST /status` for Twilio's webhooks, and `/media` for its media streams. */
export async function startAgent(options: AgentOptions, port = 0) {
  const { box, twilio, site, accountOf, print, onEnded, statusWaitMs = 5_000, connectWaitMs = 30_000 } = options
  const streamUrl = `${site.replace(/^http/, 'ws')}/media`
  const calls = new Map<string, Promise<PhoneCall | undefined>>()
  let isClosing = false

  const app = express().use(express.urlencoded({ extended: false }))
  app.post('/voice', async (request, response) => {
    const { CallSid: callId = '', From: from = '', To: to = '' } = await signed(request)
    // Nobody would end a call that begins now. Twilio takes the number's fallback URL, if there is one.
    if (isClosing) return void response.sendStatus(503)
    // Twilio repeats a webhook that got no answer.
    const call = await (calls.get(callId) ?? begin(callId, from, to))
    response
      .type('text/xml')
      .send(call ? streamTwiml({ url: streamUrl }) : sayTwiml('There is no credit for this call. Goodbye.'))
  })
  app.post('/status', async (request, response) => {
    const { CallSid: callId = '', CallStatus: status = '', CallDuration: seconds } = await signed(request)
    // If Twilio reports no valid length, the sound received measures it.
    const duration = /^\d{1,6}$/.test(seconds ?? '') ? Number(seconds) : undefined
    if (ENDINGS.has(status)) (await calls.get(callId))?.hungUp(duration)
    response.sendStatus(204)
  })
  app.use(((error, _request, response, _next) => {
    print(`(refused: ${error.message})`)
    response.sendStatus(error instanceof InvalidSignatureError ? 403 : 500)
  }) as express.ErrorRequestHandler)

  /** Returns the fields of a request that Twilio signed. @throws {InvalidSignatureError} Twilio did not sign it */
  async function signed(request: express.Request): Promise<Partial<Record<string, string>>> {
    const form = await twilio.webhook({
      url: site + request.originalUrl,
      signature: request.get('x-twilio-signature'),
      form: request.body,
    })
    return Object.fromEntries(Object.entries(form).map(([name, value]) => [name, String(value)]))
  }

  /** @returns `undefined` if no account can pay for the call */
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
  const streams = serveMediaStreams(server, {
    twilio,
    url: streamUrl,
    callOf: (callId) => calls.get(callId),
    silenceMs: connectWaitMs,
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    /** Ends and settles every call, then stops the server. */
    async close(): Promise<void> {
      isClosing = true
      server.close()
      // A call that fails to begin must not keep the others from ending.
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
