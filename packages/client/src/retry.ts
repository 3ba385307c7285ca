import { FareboxApiError, FareboxConnectionError } from './api-error.ts'

const FIRST_WAIT_MS = 250
const WAIT_MS_MAX = 8_000
/** A server that asks for more patience than this is not waited for: the caller is told instead. */
const RETRY_AFTER_MS_MAX = 60_000
const RETRIED_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * How long to wait before a request is sent again.
 *
 * @param failures  how often it has failed, from 1
 * @param random    from 0 to 1, so that many clients do not come back at once
 * @returns         milliseconds, or `undefined` when sending it again would not help
 */
export function retryWaitMs(error: unknown, failures: number, random: number): number | undefined {
  if (!mayPass(error)) return undefined
  const asked = error instanceof FareboxApiError ? (error.retryAfterMs ?? 0) : 0
  if (asked > RETRY_AFTER_MS_MAX) return undefined
  const backoff = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (failures - 1))
  return asked + backoff * (0.5 + random / 2)
}

/**
 * What a `Retry-After` header asks for.
 *
 * @param now  epoch milliseconds
 * @returns    milliseconds, or `undefined` when there is none that can be read
 * @source     RFC 9110, section 10.2.3: seconds, or a date
 */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** Whether the same request may succeed later. A 409 of that code is our own first attempt, which the server still works on. */
function mayPass(error: unknown): boolean {
  if (error instanceof FareboxConnectionError) return error.code !== 'STREAM_CUT'
  return error instanceof FareboxApiError && (RETRIED_STATUSES.has(error.status) || error.code === 'IDEMPOTENCY_IN_PROGRESS')
}
