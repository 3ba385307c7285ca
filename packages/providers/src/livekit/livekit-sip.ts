import { isFareboxError, ProviderError, type ProviderErrorKind } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { systemCodeOf } from '../adapter/sdk-error.ts'
import type { LivekitConnection, LivekitParts } from './livekit-client.ts'
import { type LivekitContext, withinCall } from './within-call.ts'

/** A phone call into a room. */
export interface LivekitDialRequest {
  /** LiveKit's id of the outbound trunk. */
  trunkId: string
  /** The E.164 number to call. */
  to: string
  room: string
  /** The phone's identity as a participant in the room. */
  identity: string
  /** The E.164 number that the callee sees. @defaultValue the trunk's */
  from?: string
  /** The length at which LiveKit ends the call, in whole seconds: the hard limit of its cost. */
  durationSecondsMax: number
  /** How long the phone may ring, in whole seconds. @defaultValue LiveKit's own */
  ringSecondsMax?: number
  /** Waits until the callee answers or refuses, instead of returning once LiveKit has dialled. @defaultValue `false` */
  waitUntilAnswered?: boolean
}

/** The outcome of a phone call into a room. A busy line is not an error: it is `refused`, with the `sipStatus` 486. */
export type LivekitDialOutcome =
  | { status: 'dialled'; sipCallId: string; participantSid: string; identity: string }
  | { status: 'refused'; sipStatus: number; reason?: string }

/** Error kinds after which the phone may be ringing. */
const OPEN: ReadonlySet<ProviderErrorKind> = new Set([
  'timeout',
  'aborted',
  'network',
  'unavailable',
  'overloaded',
  'incomplete',
  'malformed',
])
/** Codes of connections that never opened. */
const NOT_CONNECTED: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/**
 * Calls a phone number and puts the call into a room. It never retries. If a failed request may have reached LiveKit, the error
 * is `outcome_unknown`, because the phone may be ringing.
 *
 * @throws {ProviderError}
 */
export async function dialLivekit(
  connection: LivekitConnection,
  request: LivekitDialRequest,
  context: LivekitContext,
): Promise<LivekitDialOutcome> {
  const durationSecondsMax = wholeSeconds(connection, 'durationSecondsMax', request.durationSecondsMax)
  const ringSecondsMax =
    request.ringSecondsMax === undefined ? undefined : wholeSeconds(connection, 'ringSecondsMax', request.ringSecondsMax)
  let isSent = false
  try {
    return await withinCall(connection, context, (parts) => {
      isSent = true
      return dial(parts, { ...request, durationSecondsMax, ringSecondsMax })
    })
  } catch (thrown) {
    if (!isSent || !isProviderError(thrown) || !isOpen(thrown)) throw thrown
    const message = `${connection.name} was asked to call a phone, and it is not known whether it does: ${thrown.message}`
    const { status, providerCode, requestId } = thrown
    throw new ProviderError(message, {
      provider: connection.name,
      kind: 'outcome_unknown',
      status,
      providerCode,
      requestId,
      cause: thrown,
    })
  }
}

/** Checks a duration and rounds it down. The SDK would take zero or `NaN` for no limit, and fail at a fraction. */
function wholeSeconds({ name }: LivekitConnection, option: string, given: number): number {
  const whole = Math.floor(given)
  if (Number.isSafeInteger(whole) && whole >= 1) return whole
  const message = `${name} cannot call a phone: ${option} must be 1 or more, received ${given}`
  throw new ProviderError(message, { provider: name, kind: 'invalid_request' })
}

async function dial({ sip }: LivekitParts, request: LivekitDialRequest): Promise<LivekitDialOutcome> {
  const { trunkId, to, room, identity, from, durationSecondsMax, ringSecondsMax, waitUntilAnswered = false } = request
  try {
    const info = asRecord(
      await sip.createSipParticipant(trunkId, to, room, {
        participantIdentity: identity,
        maxCallDuration: durationSecondsMax,
        waitUntilAnswered,
        ...(from === undefined ? {} : { fromNumber: from }),
        ...(ringSecondsMax === undefined ? {} : { ringingTimeout: ringSecondsMax }),
      }),
    )
    return {
      status: 'dialled',
      sipCallId: asText(info?.sipCallId) ?? '',
      participantSid: asText(info?.participantId) ?? '',
      identity: asText(info?.participantIdentity) ?? identity,
    }
  } catch (thrown) {
    const { sipStatusCode, sipStatus } = asRecord(thrown) ?? {}
    if (typeof sipStatusCode !== 'number' || !Number.isSafeInteger(sipStatusCode)) throw thrown
    return { status: 'refused', sipStatus: sipStatusCode, ...(asText(sipStatus) ? { reason: asText(sipStatus) } : {}) }
  }
}

function isOpen({ kind, cause }: ProviderError): boolean {
  return OPEN.has(kind) && !NOT_CONNECTED.has(systemCodeOf(cause))
}

function isProviderError(thrown: unknown): thrown is ProviderError {
  return isFareboxError(thrown) && thrown.code === 'PROVIDER_ERROR'
}
