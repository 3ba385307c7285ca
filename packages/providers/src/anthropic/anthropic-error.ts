import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { type FailurePlace, sdkError } from '../adapter/sdk-error.ts'
import type { AnthropicConnection } from './anthropic-client.ts'

/** Classifies an error of the SDK, by Anthropic's types and its few codes. See {@link sdkError}. */
export function anthropicError({ name, now }: AnthropicConnection, thrown: unknown, place: FailurePlace): ProviderError {
  return sdkError({ name, now, kindByCode: KIND_BY_CODE, read }, thrown, place)
}

const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['rate_limit_error', 'rate_limited'],
  ['overloaded_error', 'overloaded'],
  ['api_error', 'unavailable'],
  ['timeout_error', 'timeout'],
  ['authentication_error', 'authentication'],
  ['permission_error', 'authentication'],
  ['billing_error', 'quota_exhausted'],
  ['not_found_error', 'model_not_found'],
  ['request_too_large', 'context_too_long'],
  ['invalid_request_error', 'invalid_request'],
  ['contract_spend_limit_reached', 'quota_exhausted'],
  ['enforced_spend_limit_reached', 'quota_exhausted'],
  ['linked_organization_spend_limit_reached', 'quota_exhausted'],
  ['linked_organization_billing_unavailable', 'quota_exhausted'],
  ['organization_on_hold', 'quota_exhausted'],
  ['prompt_too_long', 'context_too_long'],
  ['credit_balance_too_low', 'quota_exhausted'],
  ['content_filtered', 'content_policy'],
  ['long_context_refused', 'unsupported'],
  ['schema_refused', 'unsupported'],
])

/**
 * Faults that Anthropic describes only in the message, under the type `invalid_request_error`, and our codes for them. The
 * adapter does not pass the message on.
 */
const CODE_BY_WORDS: readonly [RegExp, string][] = [
  [/prompt is too long|exceeds? (?:the )?context (?:limit|window)/i, 'prompt_too_long'],
  [/credit balance is too low/i, 'credit_balance_too_low'],
  [/blocked by (?:our )?content filter/i, 'content_filtered'],
  // A 429 by its status. It refuses long prompts only.
  [/\blong context\b.*\b(?:not yet available|requests)\b/i, 'long_context_refused'],
  // What Claude cannot be held to, other models can: `output_config.format.schema: For 'object' type, …`.
  [/^output_(?:config\.)?format\b/, 'schema_refused'],
]

/** Our names for what Anthropic refused of a request. */
const PARAMETER_BY_CODE: ReadonlyMap<unknown, string> = new Map([
  ['long_context_refused', 'messages'],
  ['schema_refused', 'response_format'],
])

/** The field that a refusal begins with: "messages.1: `tool_use` ids were found without …". */
const REFUSED_FIELD = /^(messages|system|tools|tool_choice|stop_sequences|max_tokens|temperature|thinking)[.:]/

/** SDKs before 1 leave the type in the body, whose shape is `{ type: 'error', error: { type, message } }`. */
function read(error: Record<string, unknown>) {
  const body = asRecord(error.error)
  const told = asRecord(body?.error) ?? body
  const code = error.errorCode ?? asRecord(told?.details)?.error_code
  const found = code ?? codeByWords(told?.message)
  const [, field] = REFUSED_FIELD.exec(String(told?.message)) ?? []
  return { code: found, type: error.type ?? told?.type, param: PARAMETER_BY_CODE.get(found) ?? field }
}

function codeByWords(message: unknown): string | undefined {
  if (typeof message !== 'string') return undefined
  return CODE_BY_WORDS.find(([words]) => words.test(message))?.[1]
}
