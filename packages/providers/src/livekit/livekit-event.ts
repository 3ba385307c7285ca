import { ProviderError } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import type { LivekitConnection } from './livekit-client.ts'
import { type LivekitParticipant, type LivekitRoom, readParticipant, readRoom, readSeconds } from './livekit-facts.ts'

/** The content of a LiveKit webhook, as JSON-compatible data. */
export interface LivekitEvent {
  /** The unique id of the event. LiveKit may send an event more than once, and in any order. */
  id: string
  /** `room_started`, `participant_joined`, `participant_left`, `room_finished`, `track_published`, … */
  type: string
  /** When it happened, in epoch milliseconds, to the second. */
  at: number
  room?: LivekitRoom
  participant?: LivekitParticipant
  /** The whole event, unchanged. */
  raw: Record<string, unknown>
}

/**
 * Verifies that a webhook comes from LiveKit, and reads it.
 *
 * @param rawBody        the raw body, unparsed
 * @param authorization  the header `Authorization`
 * @throws {ProviderError} `authentication`: the signature is absent, expired or for another body; `malformed`: it is not an event
 */
export async function livekitEvent(
  connection: LivekitConnection,
  rawBody: string | Uint8Array,
  authorization: string | undefined,
): Promise<LivekitEvent> {
  const { name } = connection
  const body = typeof rawBody === 'string' ? rawBody : new TextDecoder().decode(rawBody)
  const { receive } = await connection.client()
  const event = asRecord(
    await receive(body, authorization?.replace(/^Bearer /i, '')).catch((thrown: unknown) => {
      // A JSON error arises only after the signature check, so the body is at fault.
      const kind = isJsonError(thrown) ? 'malformed' : 'authentication'
      const problem = kind === 'malformed' ? 'is no event' : 'is not signed with the key of this project'
      throw new ProviderError(`a webhook of ${name} ${problem}`, { provider: name, kind })
    }),
  )
  const type = asText(event?.event)
  const at = readSeconds(event?.createdAt)
  if (!type || at === undefined) {
    throw new ProviderError(`a webhook of ${name} is no event`, { provider: name, kind: 'malformed' })
  }
  return {
    id: asText(event?.id) ?? '',
    type,
    at,
    ...(event?.room ? { room: readRoom(event.room) } : {}),
    ...(event?.participant ? { participant: readParticipant(event.participant) } : {}),
    raw: asRecord(JSON.parse(body)) ?? {},
  }
}

/** Whether JSON or protobuf threw. The errors of the JWT and the checksum are different. */
function isJsonError(thrown: unknown): boolean {
  return thrown instanceof SyntaxError || (thrown instanceof Error && /cannot decode/i.test(thrown.message))
}
