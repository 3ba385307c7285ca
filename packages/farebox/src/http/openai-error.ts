import type { Problem } from './problem.ts'

/** An error in OpenAI's format. */
export interface OpenaiError {
  error: { message: string; type: string; param: string | null; code: string }
}

const TOO_LONG = 'context_length_exceeded'

/** Codes that OpenAI's clients know. All others are Farebox's own, in lower case. */
const CODES: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'invalid_api_key',
  PROVIDERS_BUSY: 'rate_limit_exceeded',
  RATE_LIMITED: 'rate_limit_exceeded',
  TOO_MANY_AT_ONCE: 'rate_limit_exceeded',
  REQUEST_TOO_LONG: TOO_LONG,
  ROUTE_NOT_FOUND: 'unknown_url',
}

const TYPES: Readonly<Record<number, string>> = { 402: 'insufficient_quota', 403: 'permission_error', 429: 'rate_limit_error' }

/** A problem in OpenAI's format. `param` is the first field that is wrong, or what the provider names. */
export function openaiError({ status, code, detail, errors, kind, parameter }: Problem): OpenaiError {
  const [first] = Array.isArray(errors) ? (errors as { field?: unknown }[]) : []
  return {
    error: {
      message: detail,
      type: TYPES[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error'),
      param: [first?.field, parameter].find((name) => typeof name === 'string') ?? null,
      // Clients that shorten a conversation look for this code, whether Farebox or the provider found it too long.
      code: kind === 'context_too_long' ? TOO_LONG : (CODES[code] ?? code.toLowerCase()),
    },
  }
}
