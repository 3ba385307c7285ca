import type { Problem } from '@farebox/client'
import { type Session, session, signOut } from '../state/session.ts'

const apiBase = document.querySelector<HTMLMetaElement>('meta[name=farebox-api]')?.content ?? ''

const TIMEOUT_MS = 20_000

/** The query parameters, without the account. Absent values are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>

/** The API refused a request or did not answer. The message explains why, for the user. */
export class AskError extends Error {
  /** 0 if there was no answer. */
  readonly status: number
  readonly code: string
  /** How long the server asks to wait before the next request. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, code: string, detail: string, retryAfterMs?: number) {
    super(detail)
    this.name = 'AskError'
    this.status = status
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** The error for an answer without the fields that it should have. */
export function unreadable(): AskError {
  return new AskError(200, 'UNREADABLE_ANSWER', 'the answer is not what the Farebox API of this dashboard’s version gives')
}

/**
 * Queries the API for the account on display. A key that is no longer valid ends the session, with the server's reason.
 *
 * @throws {AskError} the API refused the request or did not answer
 */
export async function getJson<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  const asking = session.value
  if (!asking) throw new AskError(401, 'UNAUTHORIZED', 'nobody is signed in')
  try {
    return await getJsonAs<Answer>(asking, path, query, signal)
  } catch (error) {
    if (error instanceof AskError && error.status === 401 && session.value?.secret === asking.secret) signOut(error.message)
    throw error
  }
}

/**
 * Queries the API with the given credentials, which need not be signed in yet.
 *
 * @throws {AskError} the API refused the request or did not answer
 */
export async function getJsonAs<Answer>(
  { secret, kind, accountId }: Session,
  path: string,
  query: Query = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const named =
    kind === 'admin' && accountId !== undefined && !path.startsWith('/admin/') ? { ...query, account_id: accountId } : query
  const given = Object.entries(named).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  let response: Response
  let answer: unknown
  try {
    response = await fetch(`${apiBase}/api/v1${path}${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`, {
      headers: { accept: 'application/json', authorization: `Bearer ${secret}` },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      credentials: 'omit',
      cache: 'no-store',
    })
    answer = await response.json().catch(() => undefined)
  } catch (error) {
    signal?.throwIfAborted()
    // `fetch` throws on a key that does not fit into a header, without sending anything.
    if (error instanceof TypeError && /[^\u0020-\u007e]/.test(secret))
      throw new AskError(401, 'UNAUTHORIZED', 'the key contains characters that a key cannot have')
    const reason = timeout.aborted
      ? `the server did not answer within ${TIMEOUT_MS / 1000} seconds`
      : 'the server cannot be reached'
    throw new AskError(0, 'UNREACHABLE', reason)
  }
  // Every answer of the API is an object: anything else came from something in between, such as a proxy.
  if (response.ok && typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer as Answer
  const problem = answer as Partial<Problem> | null | undefined
  throw new AskError(
    response.status,
    problem?.code ?? `HTTP_${response.status}`,
    problem?.errors?.map(({ field, problem: what }) => `${field} ${what}`).join('; ') ||
      problem?.detail ||
      `the answer (HTTP ${response.status}) did not come from the Farebox API`,
    retryAfterMs(response.headers),
  )
}

/** @source RFC 9110, section 10.2.3: seconds, or a date, which is by the server's clock */
function retryAfterMs(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  // `Date.parse` reads almost anything as a date. One without a time of day is malformed.
  const at = text.includes(':') ? Date.parse(text) : Number.NaN
  const now = Date.parse(headers.get('date') ?? '')
  return Number.isNaN(at) ? undefined : Math.max(0, at - (Number.isNaN(now) ? Date.now() : now))
}
