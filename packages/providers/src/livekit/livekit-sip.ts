import { isFareboxError, ProviderError, type ProviderErrorKind } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { systemCodeOf } from '../adapter/sdk-error.ts'
import type { LivekitConnection, LivekitParts } from './livekit-client.ts'
import { type LivekitContext, withinCall } from './within-call.ts'

/** A telephone that is to be called into a room. */
export interface LivekitDialRequest {
  /** The outbound trunk, as LiveKit names it. */
  trunkId: string
  /** E.164 number to call. */
  to: string
  room: string
  /** Who the caller is within the room. */
  identity: string
  /** E.164 number that the callee sees. @defaultValue the trunk's */
  from?: string
  /** LiveKit ends the call at this length, in whole seconds: the hard limit of its cost. */
  durationSecondsMax: number
  /** In whole seconds. @defaultValue LiveKit's own */
  ringSecondsMax?: number
  /** Answers when the call is answered or refused, instead of when it is dialled. @defaultValue `false` */
  waitUntilAnswered?: boolean
}

/** What came of it. A busy line is no failure: `sipStatus` is 486 then. */
export type LivekitDialOutcome =
  | { status: 'dialled'; sipCallId: string; participantSid: string; identity: string }
  | { status: 'refused'; sipStatus: number; reason?: string }

/** Kinds that leave open whether the phone rings. */
const OPEN: ReadonlySet<ProviderErrorKind> = new Set([
  'timeout',
  'aborted',
  'network',
  'unavailable',
  'overloaded',
  'incomplete',
  'malformed',
])
/** Failures of a connection that was never made. */
const NOT_CONNECTED: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/**
 * Calls a telephone into a room. It is asked once, and a request that may have reached LiveKit fails as `outcome_unknown`, because the
 * phone may be ringing.
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

/** The SDK takes zero and what is no number for no limit, and fails at a fraction. */
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
