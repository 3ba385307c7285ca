import type { ProviderErrorKind } from '@farebox/core'
import type { Arranged, Method, ProviderUnderTest, Situation } from '@farebox/providers/conformance'
import { type ElevenlabsOptions, elevenlabs } from '@farebox/providers/elevenlabs'
import {
  type ElevenlabsLoopback,
  type ElevenlabsLoopbackOptions,
  elevenlabsErrorBody,
  startElevenlabsLoopback,
} from '../loopback/elevenlabs.ts'
import type { Fault } from '../loopback/faults.ts'
import { arrangeFault } from './arrange.ts'

/** The key of the loopback, which no error may tell. */
export const SECRET = 'sk_0123456789abcdefTHISISTHESECRET'

/** An answer of ElevenLabs' that must be classified as the kind. The words quote what must not be told. */
const faultByKind = {
  rate_limited: status(429, 'too_many_concurrent_requests'),
  overloaded: status(429, 'system_busy'),
  quota_exhausted: status(401, 'quota_exceeded'),
  unavailable: status(500, 'internal_error'),
  network: { type: 'destroy' },
  authentication: status(401, 'invalid_api_key'),
  model_not_found: status(404, 'voice_not_found'),
  context_too_long: status(400, 'max_character_limit_exceeded'),
  invalid_request: status(422, 'invalid_parameters'),
} satisfies Partial<Record<ProviderErrorKind, Fault>>

export const failureKinds = Object.keys(faultByKind) as (keyof typeof faultByKind)[]

/** Starts a loopback, and an adapter in front of it. */
export async function openElevenlabs(
  configure: (loopback: ElevenlabsLoopback) => ElevenlabsOptions = ({ apiKey, url }) => ({ apiKey, baseUrl: url }),
  options: ElevenlabsLoopbackOptions = {},
): Promise<ProviderUnderTest & { loopback: ElevenlabsLoopback }> {
  const loopback = await startElevenlabsLoopback({ apiKey: SECRET, ...options })
  return {
    loopback,
    adapter: elevenlabs(configure(loopback)),
    arrange: (method, situation) => arrange(loopback, method, situation),
    close: () => loopback.close(),
  }
}

function arrange(loopback: ElevenlabsLoopback, method: Method, situation: Situation): Arranged {
  return arrangeFault(loopback, situation, {
    stalled: method === 'transcribe' ? { type: 'headers_then_hang' } : { type: 'stall', after: 1 },
    // Bytes that end early are told from an end only by a connection that breaks.
    truncated: { type: 'reset', after: 2 },
    failure: (kind) => faultByKind[kind as keyof typeof faultByKind],
  })
}

function status(code: number, word: string): Fault {
  const words = `the key ${SECRET} may not say "the heron sleeps on one leg"`
  return { type: 'status', status: code, body: elevenlabsErrorBody(word, words) }
}
