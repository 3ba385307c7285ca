import { InvalidOptionError, ProviderError, type Usage } from '@farebox/core'
import { InvalidSignatureError } from '../adapter/invalid-signature-error.ts'
import { ATTEMPT_PARAMETER } from './call-parameters.ts'
import { type EndedCall, readEnd, type TwilioCallStatus } from './read-call.ts'
import type { SignedForm, ValidateSignature } from './signature.ts'

/** A request to your server that claims to come from Twilio. */
export interface TwilioRequest {
  /** The URL that Twilio called, with its query. Behind a proxy, this is the public URL. */
  url: string
  /** The header `x-twilio-signature`. */
  signature: string | null | undefined
  /** The fields of the body. */
  form: SignedForm | URLSearchParams
}

/** The content of a status callback. */
export interface TwilioCallUpdate {
  callId: string
  /** The attempt that placed the call, if this adapter placed it. */
  attemptId?: string
  status: TwilioCallStatus
  /** The furthest status that the call is known to have reached. Callbacks may arrive in any order. */
  latestStatus: TwilioCallStatus
  /** The callback's position among those of the call, from 0. */
  sequenceNumber?: number
  /** Whether the same callback has arrived before. */
  isReplay: boolean
  /** How the call ended, if it has. */
  end?: EndedCall
  /** The seconds that the call was connected, once it has ended. */
  usage?: Usage
  /** `human`, `machine_start`, `fax`… when `machineDetection` is on. */
  answeredBy?: string
  /** The phone network's answer: `486` means busy. */
  sipResponseCode?: string
}

export interface StatusCallbacks {
  /** Reads a validated callback. */
  receive(url: string, form: Readonly<Record<string, unknown>>): TwilioCallUpdate
}

/** For how many calls to remember callbacks, to detect replays. The least recently updated call is forgotten first. */
const CALLS_MAX = 10_000

/** Remembers the callbacks of each call by sequence number, and the call's latest status. */
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
 * Verifies that a request comes from Twilio, with a constant-time comparison.
 *
 * @returns the signed form
 * @throws {InvalidSignatureError} Twilio did not sign it, or it was changed on its way
 * @throws {InvalidOptionError} the adapter has no auth token to check it with
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

/** The order of statuses. An end status is final. */
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

/** `fields` without those that are `undefined`. */
function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}
