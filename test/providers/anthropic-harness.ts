import type Anthropic from '@anthropic-ai/sdk'
import type { ProviderErrorKind } from '@farebox/core'
import { type AnthropicOptions, anthropic } from '@farebox/providers/anthropic'
import type { Arranged, Method, ProviderUnderTest, Situation } from '@farebox/providers/conformance'
import { type AnthropicLoopback, type AnthropicLoopbackOptions, startAnthropicLoopback } from '../loopback/anthropic.ts'
import { errorBody } from '../loopback/anthropic-answers.ts'
import type { Fault } from '../loopback/faults.ts'

/** The key of the loopback, which no error may tell. */
export const SECRET = 'sk-ant-api03-0123456789abcdefTHISISTHESECRET'

/** An answer of Anthropic's that must be classified as the kind. The words quote what must not be told. */
export const faultByKind = {
  rate_limited: status(429, 'rate_limit_error'),
  quota_exhausted: status(402, 'billing_error'),
  overloaded: status(529, 'overloaded_error'),
  unavailable: status(500, 'api_error'),
  network: { type: 'destroy' },
  authentication: status(401, 'authentication_error'),
  model_not_found: status(404, 'not_found_error'),
  context_too_long: status(400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
  content_policy: status(400, 'invalid_request_error', 'Output blocked by content filtering policy'),
  invalid_request: status(400, 'invalid_request_error'),
} satisfies Partial<Record<ProviderErrorKind, Fault>>

export const failureKinds = Object.keys(faultByKind) as (keyof typeof faultByKind)[]

/** Starts a loopback, and an adapter in front of it. */
export async function openAnthropic(
  configure: (loopback: AnthropicLoopback) => AnthropicOptions = ({ apiKey, url }) => ({ apiKey, baseURL: url }),
  options: AnthropicLoopbackOptions = {},
): Promise<ProviderUnderTest & { loopback: AnthropicLoopback }> {
  const loopback = await startAnthropicLoopback({ apiKey: SECRET, ...options })
  return {
    loopback,
    adapter: anthropic(configure(loopback)),
    arrange: (method, situation) => arrange(loopback, method, situation),
    close: () => loopback.close(),
  }
}

function arrange(loopback: AnthropicLoopback, method: Method, situation: Situation): Arranged {
  switch (situation.type) {
    case 'unreported_usage':
      return loopback.fail({ type: 'no_usage' })
    case 'no_answer':
      return loopback.fail({ type: 'silence' })
    case 'stalled_answer':
      // The first two events open the message and its block; the third is the first word.
      return loopback.fail(method === 'chat' ? { type: 'headers_then_hang' } : { type: 'stall', after: 3 })
    case 'truncated_answer':
      return loopback.fail({ type: 'cut', after: 4 })
    case 'failure':
      return loopback.fail(
        situation.kind in faultByKind ? faultByKind[situation.kind as keyof typeof faultByKind] : { type: 'html' },
      )
  }
}

function status(code: number, type: Anthropic.ErrorType, words = ''): Fault {
  const quoted = `${words} the key ${SECRET} may not say "the heron sleeps on one leg"`
  return { type: 'status', status: code, body: errorBody(type, quoted) }
}
