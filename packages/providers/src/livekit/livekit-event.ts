import { ProviderError } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import type { LivekitConnection } from './livekit-client.ts'
import { type LivekitParticipant, type LivekitRoom, readParticipant, readRoom, readSeconds } from './livekit-facts.ts'

/** What a webhook of LiveKit tells, as data that JSON can hold. */
export interface LivekitEvent {
  /** Unlike that of any other event. LiveKit may send one again, and in any order. */
  id: string
  /** `room_started`, `participant_joined`, `participant_left`, `room_finished`, `track_published`, … */
  type: string
  /** When it happened, epoch milliseconds, to the second. */
  at: number
  room?: LivekitRoom
  participant?: LivekitParticipant
  /** All of it, as it came. */
  raw: Record<string, unknown>
}

/**
 * Checks that a webhook is LiveKit's, and reads it.
 *
 * @param rawBody        the body as it came, before anything has parsed it
 * @param authorization  the header of that name
 * @throws {ProviderError} `authentication`: the signature is absent, too old or not of this body; `malformed`: it is no event
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
      // After the signature was checked the body alone can be at fault.
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

/** What JSON and protobuf throw; the JWT's and the checksum's errors are others. */
function isJsonError(thrown: unknown): boolean {
  return thrown instanceof SyntaxError || (thrown instanceof Error && /cannot decode/i.test(thrown.message))
}
