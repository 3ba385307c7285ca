import { type Clock, ProviderError, type ProviderErrorKind, type Usage } from '@farebox/core'
import { signalError } from './call.ts'
import { retryAfterMs } from './retry-after.ts'

/** Where a call was when it failed. */
export interface FailurePlace {
  /** The caller's signal. Once it has aborted, it is the reason for the failure, whatever the SDK says. */
  signal: AbortSignal
  /** Whether the caller had already received a part of the answer. */
  isAnswering?: boolean
  /** The usage known so far. */
  usage?: Usage
  /** What the caller named for this request alone, if anything. That it is missing says nothing about the provider. */
  chosen?: 'voice' | 'language' | undefined
}

/** How to read the errors of one provider's SDK. */
export interface SdkErrors {
  /** The adapter's name. */
  name: string
  /** The clock for HTTP dates in `retry-after`. */
  now: Clock
  /** The meaning of the provider's codes and types. Codes outrank the status. Types count only for 429, 5xx and in streams. */
  kindByCode: ReadonlyMap<string, ProviderErrorKind>
  /** Statuses that mean something different for this provider. */
  kindByStatus?: ReadonlyMap<number, ProviderErrorKind>
  /**
   * Reads facts that this SDK's errors keep in unusual places. For facts that it omits, `sdkError` looks in the usual ones:
   * `status` or `statusCode`, `code`, `type`, `param`, `headers`, `requestID`.
   */
  read?(
    error: Record<string, unknown>,
  ): Partial<Record<'status' | 'code' | 'type' | 'param' | 'requestId', unknown>> &
    Partial<Pick<ThrownFacts, 'headers' | 'isTimeout' | 'isConnection'>>
}

/**
 * Turns what an SDK threw into a `ProviderError`. It classifies by fields (`status`, `code`, `type`) and never by class, because
 * two copies of the SDK may be loaded, and some SDKs name all their errors `Error`.
 *
 * If several reasons apply, the first wins: the caller's signal, the provider's code, the status, the broken connection. Once the
 * caller has received a part of an answer, every other failure is `incomplete`, because a retry would repeat that part, unless the
 * provider blames the request itself: a filter that stops an answer says nothing about the provider's health.
 *
 * The message and the cause omit the provider's text, which may quote the prompt or the key. The provider's code and parameter
 * identify the fault without it.
 */
export function sdkError(errors: SdkErrors, thrown: unknown, place: FailurePlace): ProviderError {
  const { name, now } = errors
  const { usage } = place
  if (place.signal.aborted) return signalError(name, place.signal, { usage })
  if (thrown instanceof ProviderError) return thrown
  const obstacle = place.isAnswering ? undefined : causes(thrown).map(obstacleOf).find(Boolean)
  if (obstacle) return unsendable(name, obstacle, place)
  const facts = readThrown(thrown, errors.read)
  const classified = classify(facts, errors)
  const found = place.isAnswering && !BLAMES_REQUEST.has(classified) ? 'incomplete' : classified
  // A model that is missing is missing for everybody, and so rests. A voice that only this caller named must not have the same effect.
  const isOwn = place.chosen !== undefined && found === 'model_not_found' && !blamesModel(facts)
  const kind = isOwn ? 'unsupported' : found
  return new ProviderError(describe(name, kind, facts, place), {
    provider: name,
    kind,
    status: facts.status,
    retryAfterMs: facts.headers && retryAfterMs(facts.headers, now),
    providerCode: facts.code ?? facts.type,
    providerParameter: facts.param ?? (isOwn ? place.chosen : undefined),
    requestId: facts.requestId,
    usage,
    // The error of an answer quotes the answer. That of a broken connection names only hosts and system calls.
    cause: facts.status === undefined && facts.systemCode !== undefined ? thrown : undefined,
  })
}

/** The error for what fits in no request. Nothing was sent, so the provider is not to blame. */
function unsendable(provider: string, { what, parameter }: Obstacle, { chosen, usage }: FailurePlace): ProviderError {
  const message = `${provider} was not asked: ${what}`
  return new ProviderError(message, { provider, kind: 'invalid_request', providerParameter: parameter ?? chosen, usage })
}

interface Obstacle {
  what: string
  parameter?: string | undefined
}

/** What kept a request from being written, by the error of the platform or of an SDK's form. */
function obstacleOf(link: object): Obstacle | undefined {
  if (link instanceof URIError) return { what: 'half a character (a lone surrogate) fits in no URL' }
  if (!(link instanceof TypeError)) return undefined
  const { message } = link
  if (/^Converting circular structure to JSON|^Do not know how to serialize a BigInt/.test(message))
    return { what: 'a value of the request has no form in JSON' }
  if (/^Invalid value given to form,/.test(message)) return { what: 'a value of the request fits in no form' }
  const [isAbsent, name] = /^Received (?:null|undefined) for "([^"]*)"; to pass null in FormData/.exec(message) ?? []
  return isAbsent === undefined ? undefined : { what: 'a value of its form is null', parameter: safeName(name) }
}

/** Codes that blame the model, or an address that the host configured: never a voice that the caller named. */
const LACKS_MODEL = /^(model_\w+|DeploymentNotFound|unknown_url)$/

function blamesModel({ code = '', param }: ThrownFacts): boolean {
  return LACKS_MODEL.test(code) || param === 'model'
}

/** The kinds with which a provider may stop an answer because of what was asked. */
const BLAMES_REQUEST: ReadonlySet<ProviderErrorKind> = new Set(['content_policy', 'invalid_request', 'context_too_long'])

const KIND_BY_STATUS: ReadonlyMap<number, ProviderErrorKind> = new Map([
  [401, 'authentication'],
  [402, 'quota_exhausted'],
  [403, 'authentication'],
  [404, 'model_not_found'],
  [408, 'timeout'],
  [409, 'unavailable'],
  [410, 'model_not_found'],
  [413, 'context_too_long'],
  [425, 'unavailable'],
  [429, 'rate_limited'],
  [529, 'overloaded'],
])

/** undici's codes for an open connection that stayed silent too long. A connection that could not be opened is `network`. */
const SILENCE = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/** The facts in an SDK's error. */
export interface ThrownFacts {
  status: number | undefined
  code: string | undefined
  type: string | undefined
  param: string | undefined
  headers: Pick<Headers, 'get'> | undefined
  requestId: string | undefined
  /** The code of the operating system or of undici, from anywhere in the chain of causes. */
  systemCode: string | undefined
  isTimeout: boolean
  isConnection: boolean
  /** Whether the connection broke after the answer's headers: the provider did the work and may bill it. */
  hadBegun: boolean
}

function classify(facts: ThrownFacts, { kindByCode, kindByStatus }: SdkErrors): ProviderErrorKind {
  const coded = kindByCode.get(facts.code ?? '')
  if (coded) return coded
  if (facts.status !== undefined) {
    // The type is coarser than the status: `invalid_request_error` is also the type of a 401 and a 404.
    const typed = facts.status === 429 || facts.status >= 500 ? kindByCode.get(facts.type ?? '') : undefined
    return typed ?? kindByStatus?.get(facts.status) ?? KIND_BY_STATUS.get(facts.status) ?? byStatusClass(facts.status)
  }
  if (facts.isTimeout || SILENCE.has(facts.systemCode ?? '')) return 'timeout'
  if (facts.hadBegun) return 'incomplete'
  if (facts.systemCode !== undefined || facts.isConnection) return 'network'
  if (facts.type !== undefined || facts.code !== undefined) return kindByCode.get(facts.type ?? '') ?? 'unavailable'
  return 'malformed'
}

function byStatusClass(status: number): ProviderErrorKind {
  if (status >= 500) return 'unavailable'
  return status >= 400 ? 'invalid_request' : 'malformed'
}

function readThrown(thrown: unknown, read: SdkErrors['read']): ThrownFacts {
  const error = asRecord(thrown)
  const own = read?.(error) ?? {}
  const chain = causes(thrown)
  const classNames = chain.map((link) => link.constructor?.name ?? '')
  return {
    status: [own.status, error.status, error.statusCode].find((status) => typeof status === 'number'),
    code: safeName(own.code ?? error.code),
    type: safeName(own.type ?? error.type),
    param: safeName(own.param ?? error.param),
    headers: own.headers ?? (isHeaders(error.headers) ? error.headers : undefined),
    requestId: safeName(own.requestId ?? error.requestID),
    systemCode: systemCodeOf(thrown),
    isTimeout: own.isTimeout ?? classNames.includes('APIConnectionTimeoutError'),
    hadBegun: chain.some((link) => link instanceof TypeError && asRecord(link).message === 'terminated'),
    isConnection:
      own.isConnection ??
      (classNames.some((name) => name === 'APIConnectionError' || name === 'APIUserAbortError') ||
        chain.some(
          (link) => link instanceof TypeError && /^(fetch failed|network error)$/i.test(asRecord(link).message as string),
        )),
  }
}

function describe(name: string, kind: ProviderErrorKind, facts: ThrownFacts, { isAnswering }: FailurePlace): string {
  const code = facts.code ?? facts.type
  const detail = [code, facts.param && `at ${facts.param}`].filter(Boolean).join(' ')
  const suffix = detail && `: ${detail}`
  if (isAnswering || kind === 'incomplete') return `${name} stopped in the middle of an answer${suffix}`
  if (facts.status !== undefined) return `${name} answered ${facts.status}${suffix}`
  if (kind === 'timeout') return `${name} did not answer in time`
  if (kind === 'network') return `the connection to ${name} failed${facts.systemCode ? ` (${facts.systemCode})` : ''}`
  if (kind === 'malformed') return `${name} answered with something that was not understood`
  return `${name} reported an error${suffix}`
}

/** The code of a broken connection (`ECONNREFUSED`), by the operating system or undici, from anywhere in the chain of causes. */
export function systemCodeOf(thrown: unknown): string | undefined {
  return causes(thrown)
    .map((link) => asRecord(link).code)
    .find(isSystemCode)
}

/** The chain of causes: `thrown`, its cause and so on, at most five. */
export function causes(thrown: unknown): object[] {
  const chain: object[] = []
  for (let link = thrown; typeof link === 'object' && link !== null && chain.length < 5; link = asRecord(link).cause)
    chain.push(link)
  return chain
}

function isSystemCode(code: unknown): code is string {
  return typeof code === 'string' && /^(E[A-Z0-9_]{2,}|UND_ERR_[A-Z_]+|CERT_[A-Z_]+|[A-Z_]*CERT[A-Z_]*)$/.test(code)
}

/** `value` if it looks like an identifier. Anything longer or freer could quote the request, and a key must not pass either. */
function safeName(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9_.[\]-]{1,64}$/.test(value) && !/^(sk|fbx)[-_]/.test(value) ? value : undefined
}

function isHeaders(value: unknown): value is Pick<Headers, 'get'> {
  return typeof asRecord(value).get === 'function'
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
