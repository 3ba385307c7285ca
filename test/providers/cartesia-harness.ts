import { connect } from 'node:net'
import type { ProviderErrorKind } from '@farebox/core'
import { type CartesiaOptions, cartesia } from '@farebox/providers/cartesia'
import type { Arranged, Method, ProviderUnderTest, Situation } from '@farebox/providers/conformance'
import {
  type CartesiaLoopback,
  type CartesiaLoopbackOptions,
  cartesiaErrorBody,
  cartesiaErrorEvent,
  startCartesiaLoopback,
} from '../loopback/cartesia.ts'
import type { Fault } from '../loopback/faults.ts'
import { arrangeFault } from './arrange.ts'

/** The key of the loopback, which no error may tell. */
export const SECRET = 'sk_car_0123456789abcdefTHISISTHESECRET'

/** What Cartesia answers with for each kind: a status and a code. The words quote what must not be told. */
const errorByKind = {
  rate_limited: [429, 'concurrency_limited'],
  quota_exhausted: [402, 'quota_exceeded'],
  unavailable: [500, null],
  authentication: [401, 'unauthorized'],
  model_not_found: [404, 'model_not_found'],
  invalid_request: [400, 'invalid_request'],
} as const satisfies Partial<Record<ProviderErrorKind, readonly [number, string | null]>>

export const failureKinds = [...(Object.keys(errorByKind) as (keyof typeof errorByKind)[]), 'network'] as const

/** The adapter in front of a loopback, as a host would configure it. */
export function optionsFor({ apiKey, url, port }: CartesiaLoopback): CartesiaOptions {
  // The SDK forces `wss:` where it speaks, so the loopback is reached below TLS.
  return { apiKey, baseURL: url, websocket: { createConnection: () => connect(port, '127.0.0.1') } }
}

/** Starts a loopback, and an adapter in front of it. */
export async function openCartesia(
  configure: (loopback: CartesiaLoopback) => CartesiaOptions = optionsFor,
  options: CartesiaLoopbackOptions = {},
): Promise<ProviderUnderTest & { loopback: CartesiaLoopback }> {
  const loopback = await startCartesiaLoopback({ apiKey: SECRET, ...options })
  const configured = configure(loopback)
  return {
    loopback,
    adapter: cartesia(configured),
    arrange: (method, situation) => arrange(loopback, method, situation, configured.transport),
    close: () => loopback.close(),
  }
}

function arrange(
  loopback: CartesiaLoopback,
  method: Method,
  situation: Situation,
  transport: CartesiaOptions['transport'],
): Arranged {
  const isSocket = method === 'streamTranscription' || (method === 'streamSpeech' && transport === 'websocket')
  return arrangeFault(loopback, situation, {
    stalled: method === 'transcribe' ? { type: 'headers_then_hang' } : { type: 'stall', after: 1 },
    // Bytes that end early are told from an end only by a connection that breaks; events and messages by their closing mark.
    truncated: transport === undefined && method === 'streamSpeech' ? { type: 'reset', after: 2 } : { type: 'cut', after: 1 },
    failure: (kind) => failure(kind, isSocket),
  })
}

function failure(kind: ProviderErrorKind, isSocket: boolean): Fault {
  if (!(kind in errorByKind)) return { type: 'destroy' }
  const [status, code] = errorByKind[kind as keyof typeof errorByKind]
  const words = `the key ${SECRET} may not say "the heron sleeps on one leg"`
  if (isSocket) return { type: 'event_error', after: 0, error: cartesiaErrorEvent(status, code, words) }
  return { type: 'status', status, body: cartesiaErrorBody(code, words) }
}
