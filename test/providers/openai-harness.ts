import { connect } from 'node:net'
import type { ProviderErrorKind } from '@farebox/core'
import type { Arranged, Method, ProviderUnderTest, Situation } from '@farebox/providers/conformance'
import { type OpenaiOptions, openai } from '@farebox/providers/openai'
import { type Fault, type OpenaiLoopback, type OpenaiLoopbackOptions, startOpenaiLoopback } from '../loopback/openai.ts'
import { errorBody } from '../loopback/openai-answers.ts'
import { arrangeFault } from './arrange.ts'

/** The key of the loopback, which no error may tell. */
export const SECRET = 'sk-proj-0123456789abcdefTHISISTHESECRET'

/** An answer of OpenAI's that must be classified as the kind. The words quote what must not be told. */
export const faultByKind = {
  rate_limited: status(429, 'requests', 'rate_limit_exceeded'),
  quota_exhausted: status(429, 'insufficient_quota', 'insufficient_quota'),
  overloaded: status(503, 'server_error', 'slow_down'),
  unavailable: status(500, 'server_error', null),
  network: { type: 'destroy' },
  authentication: status(401, 'invalid_request_error', 'invalid_api_key'),
  model_not_found: status(404, 'invalid_request_error', 'model_not_found'),
  context_too_long: status(400, 'invalid_request_error', 'context_length_exceeded'),
  content_policy: status(400, 'invalid_request_error', 'content_policy_violation'),
  invalid_request: status(400, 'invalid_request_error', null),
} satisfies Partial<Record<ProviderErrorKind, Fault>>

export const failureKinds = Object.keys(faultByKind) as (keyof typeof faultByKind)[]

/** The options of an adapter that reaches a loopback, over websockets too, which the SDK would encrypt. */
export function at({ apiKey, url, port }: OpenaiLoopback): OpenaiOptions {
  return { apiKey, baseURL: url, websocket: { createConnection: () => connect(port, '127.0.0.1') } }
}

/** Starts a loopback, and an adapter in front of it. */
export async function openOpenai(
  configure: (loopback: OpenaiLoopback) => OpenaiOptions = at,
  options: OpenaiLoopbackOptions = {},
): Promise<ProviderUnderTest & { loopback: OpenaiLoopback }> {
  const loopback = await startOpenaiLoopback({ apiKey: SECRET, ...options })
  return {
    loopback,
    adapter: openai(configure(loopback)),
    arrange: (method, situation) => arrange(loopback, method, situation),
    close: () => loopback.close(),
  }
}

const PLAIN: ReadonlySet<Method> = new Set(['chat', 'transcribe', 'embed'])

/** Events of a stream by which something was heard: those before name the role, and in responses what is being filled. */
const FIRST_WORD_AFTER = 5

function arrange(loopback: OpenaiLoopback, method: Method, situation: Situation): Arranged {
  return arrangeFault(loopback, situation, {
    stalled: PLAIN.has(method) ? { type: 'headers_then_hang' } : { type: 'stall', after: FIRST_WORD_AFTER },
    // Bytes that end early are told from an end only by a connection that breaks.
    truncated: method === 'streamSpeech' ? { type: 'reset', after: 2 } : { type: 'cut', after: FIRST_WORD_AFTER + 1 },
    failure: (kind) => (kind in faultByKind ? faultByKind[kind as keyof typeof faultByKind] : { type: 'html' }),
  })
}

function status(code: number, type: string, errorCode: string | null): Fault {
  const words = `the key ${SECRET} may not say "the heron sleeps on one leg"`
  return { type: 'status', status: code, body: errorBody(words, type, errorCode) }
}
