import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { type FailurePlace, sdkError } from '../adapter/sdk-error.ts'
import type { OpenaiConnection } from './openai-client.ts'

/** Classifies an error of the SDK, by OpenAI's codes first. See {@link sdkError}. */
export function openaiError({ name, now }: OpenaiConnection, thrown: unknown, place: FailurePlace): ProviderError {
  return sdkError({ name, now, kindByCode: KIND_BY_CODE }, thrown, place)
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
  // Codes of failed responses, which have no status. OpenAI calls a flagged prompt invalid.
  ['invalid_prompt', 'content_policy'],
  ['image_content_policy_violation', 'content_policy'],
  ['bio_policy', 'content_policy'],
  ['misalignment_policy_violation', 'content_policy'],
  ...IMAGE_CODES.map((code) => [code, 'invalid_request'] as const),
])
