import { ProviderError } from '@farebox/core'
import type { LivekitConnection } from './livekit-client.ts'
import { withinCall } from './within-call.ts'

/** Who may join which room, and what for. */
export interface LivekitTokenRequest {
  /** Who joins, in the team's own words: unique within the room, so a second who joins by it sends the first out. */
  identity: string
  room: string
  /** What others see. */
  name?: string
  metadata?: string
  attributes?: Readonly<Record<string, string>>
  /** @defaultValue to join, to hear and to speak */
  grants?: LivekitGrants
  /** Seconds in which it can be used to join; who has joined may stay longer. @defaultValue 600 */
  ttlSeconds?: number
}

/** What a token allows in its room. */
export interface LivekitGrants {
  canPublish?: boolean
  canSubscribe?: boolean
  canPublishData?: boolean
  canUpdateOwnMetadata?: boolean
  /** Nobody sees that one is there. */
  hidden?: boolean
  /** To govern the room. */
  roomAdmin?: boolean
  /** To join as an agent. */
  agent?: boolean
}

const TTL_SECONDS = 600

/**
 * A token with which a browser or an app joins one room. It is made here, without a request to LiveKit.
 *
 * @throws {ProviderError} `invalid_request`: it names nobody or no room, or its time is not whole seconds above zero
 */
export async function livekitToken(connection: LivekitConnection, request: LivekitTokenRequest): Promise<string> {
  const { identity, room, name, metadata, attributes, grants, ttlSeconds = TTL_SECONDS } = request
  const wrong = Object.entries({
    identity: identity === '',
    room: room === '',
    ttlSeconds: !Number.isSafeInteger(ttlSeconds) || ttlSeconds <= 0,
  }).find(([, isWrong]) => isWrong)
  if (wrong) {
    const given = wrong[0] === 'ttlSeconds' ? `whole seconds above 0, received ${ttlSeconds}` : 'given'
    const message = `a token of ${connection.name} needs its ${wrong[0]} to be ${given}`
    throw new ProviderError(message, { provider: connection.name, kind: 'invalid_request' })
  }
  const claims = {
    identity,
    ttl: ttlSeconds,
    ...(name === undefined ? {} : { name }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(attributes === undefined ? {} : { attributes: { ...attributes } }),
  }
  return withinCall(connection, {}, (parts) => parts.token(claims, { ...grants, roomJoin: true, room }))
}
