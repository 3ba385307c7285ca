import type { ProviderErrorKind } from '@farebox/core'
import type { Arranged, Method, ProviderUnderTest, Situation } from '@farebox/providers/conformance'
import { type DeepgramOptions, deepgram } from '@farebox/providers/deepgram'
import { type DeepgramLoopback, type DeepgramLoopbackOptions, startDeepgramLoopback } from '../loopback/deepgram.ts'
import { legacyError, modernError } from '../loopback/deepgram-answers.ts'
import type { Fault } from '../loopback/faults.ts'

/** The key of the loopback, which no error may tell. */
export const SECRET = '0123456789abcdef0123456789abcdefTHESECRET'

const WORDS = `the key ${SECRET} may not say "the heron sleeps on one leg"`

/** An answer of Deepgram's that must be classified as the kind. The words quote what must not be told. */
const faultByKind = {
  rate_limited: status(429, legacyError('TOO_MANY_REQUESTS', WORDS), { 'retry-after': '2' }),
  quota_exhausted: status(402, legacyError('ASR_PAYMENT_REQUIRED', WORDS)),
  unavailable: status(500, modernError('INTERNAL_SERVER_ERROR', WORDS, WORDS)),
  network: { type: 'destroy' },
  authentication: status(401, modernError('INVALID_AUTH', WORDS, WORDS)),
  model_not_found: status(
    400,
    legacyError('Bad Request', `Bad Request: No such model/language/tier combination found. ${WORDS}`),
  ),
  context_too_long: status(413, legacyError('Payload Too Large', WORDS)),
  invalid_request: status(400, legacyError('Bad Request', WORDS)),
} satisfies Partial<Record<ProviderErrorKind, Fault>>

export const failureKinds = Object.keys(faultByKind) as (keyof typeof faultByKind)[]

/** Starts a loopback, and an adapter in front of it. */
export async function openDeepgram(
  configure: (loopback: DeepgramLoopback) => DeepgramOptions = ({ apiKey, url }) => ({ apiKey, baseUrl: url }),
  options: DeepgramLoopbackOptions = {},
): Promise<ProviderUnderTest & { loopback: DeepgramLoopback }> {
  const loopback = await startDeepgramLoopback({ apiKey: SECRET, ...options })
  return {
    loopback,
    adapter: deepgram(configure(loopback)),
    arrange: (method, situation) => arrange(loopback, method, situation),
    close: () => loopback.close(),
  }
}

function arrange(loopback: DeepgramLoopback, method: Method, situation: Situation): Arranged {
  switch (situation.type) {
    case 'unreported_usage':
      return loopback.fail({ type: 'no_usage' })
    case 'no_answer':
      return loopback.fail({ type: 'silence' })
    case 'stalled_answer':
      return loopback.fail(method === 'transcribe' ? { type: 'headers_then_hang' } : { type: 'stall', after: 1 })
    case 'truncated_answer':
      // Bytes that end early are told from an end only by a connection that breaks.
      return loopback.fail(method === 'streamSpeech' ? { type: 'reset', after: 2 } : { type: 'cut', after: 1 })
    case 'failure':
      return loopback.fail(failure(method, situation.kind))
  }
}

function failure(method: Method, kind: ProviderErrorKind): Fault {
  // The SDK shows nothing of a refused websocket but its status, and Deepgram words a lack of the model in the body.
  if (method === 'streamTranscription' && kind === 'model_not_found') return status(404, '')
  return kind in faultByKind ? faultByKind[kind as keyof typeof faultByKind] : { type: 'html' }
}

function status(code: number, body: unknown, headers: Record<string, string> = {}): Fault {
  return { type: 'status', status: code, body, headers }
}
