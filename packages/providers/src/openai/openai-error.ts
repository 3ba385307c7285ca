import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { type FailurePlace, sdkError } from '../adapter/sdk-error.ts'
import type { OpenaiConnection } from './openai-client.ts'

/**
 * Classifies an error of the SDK, by what only the message tells, then by OpenAI's codes. See {@link sdkError}. The adapter does
 * not pass the message on.
 */
export function openaiError({ name, now }: OpenaiConnection, thrown: unknown, place: FailurePlace): ProviderError {
  return sdkError({ name, now, kindByCode: KIND_BY_CODE, read }, thrown, place)
}

const IMAGE_CODES = [
  'empty_image_file',
  'failed_to_download_image',
  'image_file_not_found',
  'image_file_too_large',
  'image_parse_error',
  'image_too_large',
  'image_too_small',
  'invalid_base64_image',
  'invalid_image',
  'invalid_image_format',
  'invalid_image_mode',
  'invalid_image_url',
  'unsupported_image_media_type',
]

const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map<string, ProviderErrorKind>([
  ['insufficient_quota', 'quota_exhausted'],
  ['billing_hard_limit_reached', 'quota_exhausted'],
  ['billing_not_active', 'quota_exhausted'],
  ['context_length_exceeded', 'context_too_long'],
  ['string_above_max_length', 'context_too_long'],
  ['content_policy_violation', 'content_policy'],
  ['content_filter', 'content_policy'],
  ['moderation_blocked', 'content_policy'],
  ['model_not_found', 'model_not_found'],
  ['model_retired', 'model_not_found'],
  ['model_deprecated', 'model_not_found'],
  ['invalid_api_key', 'authentication'],
  ['rate_limit_exceeded', 'rate_limited'],
  ['rate_limit_error', 'rate_limited'],
  ['slow_down', 'overloaded'],
  ['engine_overloaded', 'overloaded'],
  ['overloaded', 'overloaded'],
  ['overloaded_error', 'overloaded'],
  ['server_error', 'unavailable'],
  ['invalid_request_error', 'invalid_request'],
  // What this model refuses, another may take.
  ['unsupported_parameter', 'unsupported'],
  ['unsupported_value', 'unsupported'],
  // More than four stop sequences, or more than 128 tools.
  ['array_above_max_length', 'unsupported'],
  ['request_too_large', 'unsupported'],
  ['max_tokens_too_high', 'unsupported'],
  // Codes of failed responses, which have no status. OpenAI calls a flagged prompt invalid.
  ['invalid_prompt', 'content_policy'],
  ['image_content_policy_violation', 'content_policy'],
  ['bio_policy', 'content_policy'],
  ['misalignment_policy_violation', 'content_policy'],
  // Codes with which a websocket ends because of a message that it was sent.
  ['websocket_closed_1007', 'invalid_request'],
  ['websocket_closed_1009', 'invalid_request'],
  // A conversation that has lasted as long as OpenAI lets one last.
  ['session_expired', 'invalid_request'],
  ...IMAGE_CODES.map((code) => [code, 'invalid_request'] as const),
])

const TOO_LARGE = { code: 'request_too_large', param: 'input' }

/**
 * Faults of one request that OpenAI, or a server that speaks its protocol, answers like a wrong key, a missing model or too many
 * requests. Nobody else's request should wait for that.
 *
 * @source OpenRouter's guides to moderation and provider routing; xAI and OpenAI: the answers that their users report
 */
const FAULT_BY_WORDS: readonly [RegExp, { code: string; param?: string }][] = [
  [/\brequest too large\b/i, TOO_LARGE],
  [/\bcontent violates\b|\binput was flagged\b/i, { code: 'content_policy_violation' }],
  [/\bnot allowed to request logprobs\b/i, { code: 'unsupported_parameter', param: 'logprobs' }],
  [/\bno endpoints found that support image input\b/i, { code: 'unsupported_value', param: 'image_url' }],
  [/\bno endpoints found that support\b.*\btool/i, { code: 'unsupported_value', param: 'tools' }],
  [/\bno endpoints found that (?:support|can handle)\b/i, { code: 'unsupported_value', param: 'parameters' }],
]

function read(error: Record<string, unknown>) {
  // The SDK keeps an answer's error in `error`. xAI's is a text.
  const told = asText(error.error) ?? asText(asRecord(error.error)?.message) ?? asText(error.message) ?? ''
  const words = told.slice(0, WORDS_MAX)
  const { code, status = isStatus(code) ? code : undefined } = error
  // vLLM, for example, has no code for it, only the status.
  const lacksModel = error.status === 404 && typeof code !== 'string' && MISSING_MODEL.test(words)
  return { status, ...(lacksModel ? { code: 'model_not_found' } : faultOf(words)) }
}

const MISSING_MODEL = /^(?:\d{3} )?(?:the )?model\b[^.]{0,200} (?:does not exist|(?:was |is )?not found)\b/i

function faultOf(words: string): { code: string; param?: string } | undefined {
  if (exceedsLimit(words)) return TOO_LARGE
  if (isDear(words)) return { code: 'max_tokens_too_high', param: 'max_tokens' }
  return FAULT_BY_WORDS.find(([pattern]) => pattern.test(words))?.[1]
}

/** An error inside an answer of 200 has the status as its code, at OpenRouter for example. */
function isStatus(code: unknown): code is number {
  return Number.isInteger(code) && Number(code) >= 400 && Number(code) < 600
}

/** The most characters of a message to look at. */
const WORDS_MAX = 2_000

/**
 * Whether a request alone needs more than a limit allows within a minute: waiting cannot help it, and hinders nobody else. A limit
 * of 0 refuses everybody.
 */
function exceedsLimit(words: string): boolean {
  const [, limit, requested] = /\bLimit (\d{1,15}), (?:Used \d{1,15}, )?Requested (\d{1,15})\b/i.exec(words) ?? []
  return limit !== undefined && Number(limit) > 0 && Number(requested) > Number(limit)
}

/** An answer of this many tokens is as long as most requests let theirs become. */
const USUAL_TOKENS = 1_024

/** Whether OpenRouter, with a 402, refuses only the length of the answer: what is left is enough for usual requests. */
function isDear(words: string): boolean {
  const [, afforded] = /\brequested up to \d{1,15} tokens, but can only afford (\d{1,15})\b/i.exec(words) ?? []
  return afforded !== undefined && Number(afforded) >= USUAL_TOKENS
}
