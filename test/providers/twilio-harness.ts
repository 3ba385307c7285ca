import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CallContext, PhoneRequest, ProviderErrorKind } from '@farebox/core'
import type { Arranged, ProviderUnderTest, Situation } from '@farebox/providers/conformance'
import { InvalidSignatureError, type TwilioAdapter, type TwilioOptions, twilio } from '@farebox/providers/twilio'
import type { Fault } from '../loopback/faults.ts'
import { startTwilioLoopback, type TwilioLoopback, type TwilioLoopbackOptions, twilioErrorBody } from '../loopback/twilio.ts'
import { createPatientServer } from '../support/patient-server.ts'

/** The token of the loopback, which no error may tell. */
export const SECRET = '0123456789abcdefTHISISTHETOKEN'

/** Answers that must be classified as the kind. The words quote what must not be told. */
export const faultByKind = {
  rate_limited: refusal(429, 20429),
  quota_exhausted: refusal(403, 10001),
  authentication: refusal(401, 20003),
  unsupported: refusal(400, 21215),
  invalid_request: refusal(400, 21211),
  outcome_unknown: refusal(500, 20500),
} satisfies Partial<Record<ProviderErrorKind, Fault>>

export interface OpenTwilio extends ProviderUnderTest {
  adapter: TwilioAdapter
  loopback: TwilioLoopback
  /** Lets nobody listen where the adapter connects to, or somebody again. */
  unplug(isUnplugged: boolean): void
}

/** Starts a loopback, and an adapter in front of it. */
export async function openTwilio(
  configure: (loopback: TwilioLoopback) => TwilioOptions = () => ({}),
  options: TwilioLoopbackOptions = {},
): Promise<OpenTwilio> {
  const loopback = await startTwilioLoopback({ authToken: SECRET, ...options })
  const nobody = await closedPort()
  let isUnplugged = false
  const adapter = twilio({
    accountSid: loopback.accountSid,
    authToken: SECRET,
    baseUrl: loopback.url,
    from: '+15557654321',
    pollMs: 10,
    fetch: (input, init) => fetch(isUnplugged ? `http://127.0.0.1:${nobody}/` : input, init),
    ...configure(loopback),
  })
  const unplug = (value: boolean) => {
    isUnplugged = value
  }
  return {
    loopback,
    adapter,
    unplug,
    arrange: (_, situation) => arrange(loopback, unplug, situation),
    close: () => loopback.close(),
  }
}

/** Where the loopback sends status callbacks: a server of the host's that hands them to `adapter`. */
export async function startCallbackHost(): Promise<{ url: string; serve(adapter: TwilioAdapter): void; close(): Promise<void> }> {
  let adapter: TwilioAdapter | undefined
  const server = createPatientServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    try {
      await adapter?.statusCallback({
        url: `http://${request.headers.host}${request.url}`,
        signature: request.headers['x-twilio-signature']?.toString(),
        form: new URLSearchParams(Buffer.concat(chunks).toString()),
      })
      response.writeHead(adapter ? 204 : 503).end()
    } catch (error) {
      response.writeHead(error instanceof InvalidSignatureError ? 403 : 400).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callbacks?tenant=7`,
    serve: (given) => {
      adapter = given
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** A call that says hello. */
export function phoneRequest(given: Partial<PhoneRequest> = {}): PhoneRequest {
  return { to: '+15551234567', instructions: { type: 'say', text: 'Hello' }, durationSecondsMax: 300, ...given }
}

export function callContext(signal: AbortSignal = new AbortController().signal, attemptId = 'attempt-1'): CallContext {
  return { signal, attemptId }
}

/** A refusal in Twilio's words, which quote the key and what was to be said. */
export function refusal(status: number, code: number, headers?: Record<string, string>): Fault {
  const body = twilioErrorBody(status, code, `the token ${SECRET} may not say "the heron sleeps on one leg" to +15551234567`)
  return { type: 'status', status, body, headers }
}

function arrange(loopback: TwilioLoopback, unplug: (isUnplugged: boolean) => void, situation: Situation): Arranged {
  const placing = { path: loopback.callsPath, method: 'POST', isDone: true }
  switch (situation.type) {
    case 'no_answer':
      return loopback.fail({ type: 'silence' }, placing)
    case 'stalled_answer':
      return loopback.fail({ type: 'headers_then_hang' }, placing)
    case 'failure':
      if (situation.kind in faultByKind) {
        const isDone = situation.kind === 'outcome_unknown'
        return loopback.fail(faultByKind[situation.kind as keyof typeof faultByKind], { ...placing, isDone })
      }
      unplug(true)
      return { struck: Promise.resolve(), release: () => unplug(false) }
    default:
      throw new Error(`a phone call has no ${situation.type}`)
  }
}

async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
