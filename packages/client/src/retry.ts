import { FareboxApiError, FareboxConnectionError } from './api-error.ts'

const FIRST_WAIT_MS = 250
const WAIT_MS_MAX = 8_000
/** If the server asks for a longer wait than this, the client fails at once instead. */
const RETRY_AFTER_MS_MAX = 60_000
const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * How long to wait before retrying a request.
 *
 * @param failures  how often the request has failed, from 1
 * @param random    jitter from 0 to 1, so that many clients do not return at once
 * @returns         milliseconds, or `undefined` if a retry would not help
 */
export function retryWaitMs(error: unknown, failures: number, random: number): number | undefined {
  if (!mayPass(error)) return undefined
  const asked = error instanceof FareboxApiError ? (error.retryAfterMs ?? 0) : 0
  if (asked > RETRY_AFTER_MS_MAX) return undefined
  const backoff = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (failures - 1))
  return asked + backoff * (0.5 + random / 2)
}

/**
 * How long a `Retry-After` header asks the client to wait.
 *
 * @param now  epoch milliseconds
 * @returns    milliseconds, or `undefined` if the header is missing or malformed
 * @source     RFC 9110, section 10.2.3: seconds, or a date
 */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  // `Date.parse` reads almost anything: `1.5` and `2, 2` as days of the year 2001. A date without a time of day is malformed.
  const at = header.includes(':') ? Date.parse(header) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** Whether the same request may succeed later. `IDEMPOTENCY_IN_PROGRESS`: the server is still working on an earlier attempt. */
function mayPass(error: unknown): boolean {
  if (error instanceof FareboxConnectionError) return error.code !== 'STREAM_CUT'
  return error instanceof FareboxApiError && (RETRIED_STATUSES.has(error.status) || error.code === 'IDEMPOTENCY_IN_PROGRESS')
}
