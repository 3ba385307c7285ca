import { ProviderError } from '@farebox/core'
import type { LivekitConnection } from './livekit-client.ts'
import { withinCall } from './within-call.ts'

/** Who may join which room, and what they may do there. */
export interface LivekitTokenRequest {
  /** Your name for the participant, unique within the room. If a second participant joins with it, LiveKit removes the first. */
  identity: string
  room: string
  /** The name that others see. */
  name?: string
  metadata?: string
  attributes?: Readonly<Record<string, string>>
  /** What the participant may do. @defaultValue join, subscribe and publish */
  grants?: LivekitGrants
  /** How long the token can be used to join, in seconds. A participant may stay longer. @defaultValue 600 */
  ttlSeconds?: number
}

/** What a token allows in its room. */
export interface LivekitGrants {
  canPublish?: boolean
  canSubscribe?: boolean
  canPublishData?: boolean
  canUpdateOwnMetadata?: boolean
  /** Hides the participant from others. */
  hidden?: boolean
  /** Lets the participant administer the room. */
  roomAdmin?: boolean
  /** Lets the participant join as an agent. */
  agent?: boolean
}

const TTL_SECONDS = 600

/**
 * Makes a token that lets a browser or an app join one room, without a request to LiveKit.
 *
 * @throws {ProviderError} `invalid_request`: the identity or the room is empty, or `ttlSeconds` is not a whole number above zero
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
