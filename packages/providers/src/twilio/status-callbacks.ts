import { InvalidOptionError, ProviderError, type Usage } from '@farebox/core'
import { InvalidSignatureError } from '../adapter/invalid-signature-error.ts'
import { ATTEMPT_PARAMETER } from './call-parameters.ts'
import { type EndedCall, readEnd, type TwilioCallStatus } from './read-call.ts'
import type { SignedForm, ValidateSignature } from './signature.ts'

/** A request that came to your server and says that it is Twilio's. */
export interface TwilioRequest {
  /** The URL as Twilio called it, with its query: behind a proxy, the public one. */
  url: string
  /** The header `x-twilio-signature`. */
  signature: string | null | undefined
  /** The fields of the body. */
  form: SignedForm | URLSearchParams
}

/** What a status callback says. */
export interface TwilioCallUpdate {
  callId: string
  /** The attempt that placed the call, when this adapter did. */
  attemptId?: string
  status: TwilioCallStatus
  /** The furthest that the call is known to have come; callbacks may arrive in any order. */
  latestStatus: TwilioCallStatus
  /** Its place among the callbacks of the call, from 0. */
  sequenceNumber?: number
  /** Whether the same callback had come before. */
  isReplay: boolean
  /** How the call ended, if it has. */
  end?: EndedCall
  /** Seconds that it was connected, once it has ended. */
  usage?: Usage
  /** `human`, `machine_start`, `fax`… when `machineDetection` is on. */
  answeredBy?: string
  /** The telephone network's answer: `486` is busy. */
  sipResponseCode?: string
}

export interface StatusCallbacks {
  /** Reads a callback that was validated. */
  receive(url: string, form: Readonly<Record<string, unknown>>): TwilioCallUpdate
}

/** Calls whose callbacks are remembered, so that one that comes twice is known. The oldest is forgotten first. */
const CALLS_MAX = 10_000

/** Remembers which callbacks have come, by call and sequence number, and how far each call has come. */
export function statusCallbacks(provider: string): StatusCallbacks {
  const known = new Map<string, { seen: Set<string>; latestStatus: TwilioCallStatus }>()
  return {
    receive(url, form) {
      const callId = form.CallSid
      const status = form.CallStatus as TwilioCallStatus
      if (typeof callId !== 'string' || !Object.hasOwn(RANK, status)) {
        throw new ProviderError(`${provider} sent a callback that is not about the status of a call`, {
          provider,
          kind: 'malformed',
        })
      }
      const call = known.get(callId) ?? { seen: new Set<string>(), latestStatus: status }
      const key = String(form.SequenceNumber ?? status)
      const isReplay = call.seen.has(key)
      call.seen.add(key)
      if (RANK[status] > RANK[call.latestStatus]) call.latestStatus = status
      known.delete(callId)
      known.set(callId, call)
      if (known.size > CALLS_MAX) known.delete(known.keys().next().value ?? '')

      const end = readEnd(form)
      return {
        callId,
        status,
        latestStatus: call.latestStatus,
        isReplay,
        ...defined({
          attemptId: new URL(url).searchParams.get(ATTEMPT_PARAMETER) ?? undefined,
          sequenceNumber: /^\d{1,9}$/.test(String(form.SequenceNumber)) ? Number(form.SequenceNumber) : undefined,
          end,
          usage: end?.usage,
          answeredBy: text(form.AnsweredBy),
          sipResponseCode: text(form.SipResponseCode),
        }),
      }
    },
  }
}

/**
 * Makes sure that a request is Twilio's, in constant time.
 *
 * @returns the form as it was signed
 * @throws {InvalidSignatureError} it is not, or was changed on its way
 * @throws {InvalidOptionError} there is no token to check it with
 */
export function validated(
  validate: ValidateSignature,
  authToken: string | undefined,
  { url, signature, form }: TwilioRequest,
): SignedForm {
  if (!authToken) throw new InvalidOptionError('authToken is needed to check that a request is Twilio’s, received none')
  const fields = form instanceof URLSearchParams ? formOf(form) : form
  if (!URL.canParse(url) || !signature || !validate(authToken, signature, url, fields)) {
    throw new InvalidSignatureError('the request is not signed by Twilio for this account and this URL')
  }
  return fields
}

/** How far along each status is. A call that has ended goes no further. */
const RANK: Readonly<Record<TwilioCallStatus, number>> = {
  queued: 0,
  initiated: 1,
  ringing: 2,
  'in-progress': 3,
  completed: 4,
  busy: 4,
  'no-answer': 4,
  failed: 4,
  canceled: 4,
}

function formOf(parameters: URLSearchParams): SignedForm {
  const names = [...new Set(parameters.keys())]
  return Object.fromEntries(
    names.map((name) => {
      const values = parameters.getAll(name)
      return [name, values.length === 1 ? (values[0] ?? '') : values]
    }),
  )
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Without the fields that are not told. */
function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}
