import { createHash } from 'node:crypto'
import { type LivekitClaims, readClaims, signClaims } from './livekit-jwt.ts'
import { type Exchange, type Loopback, startLoopback } from './loopback-server.ts'

export interface LivekitLoopbackOptions {
  /** @defaultValue `APIloopback` */
  apiKey?: string
  /** @defaultValue a secret of 32 characters */
  apiSecret?: string
  /** How a phone answers: a SIP status above 299 refuses. @defaultValue 200 */
  sipStatus?: (number: string) => { code: number; reason: string }
}

/** Who is in a room, as protobuf's JSON words it: numbers of 64 bits are texts, and what is zero is left out. */
export interface ParticipantJson {
  sid: string
  identity: string
  state?: 'JOINED' | 'ACTIVE' | 'DISCONNECTED'
  joinedAt?: string
  kind?: 'SIP' | 'AGENT' | 'EGRESS'
}

export interface RoomJson {
  sid: string
  name: string
  creationTime: string
  numParticipants?: number
  maxParticipants?: number
  emptyTimeout?: number
  departureTimeout?: number
  metadata?: string
}

/** A webhook's content. */
export interface WebhookJson {
  event: string
  id: string
  createdAt: string
  room?: RoomJson
  participant?: ParticipantJson
}

/** A webhook as it arrives. */
export interface SignedWebhook {
  body: string
  authorization: string
}

/** LiveKit's server API, on this machine. */
export interface LivekitLoopback extends Loopback {
  readonly apiKey: string
  readonly apiSecret: string
  /** Lets someone into a room that is open. */
  join(room: string, participant: ParticipantJson): void
  /** Signs a webhook as LiveKit does. */
  sign(event: WebhookJson, options?: { secret?: string; expired?: boolean }): SignedWebhook
}

/** What each method needs its token to allow. */
const GRANTS: Readonly<Record<string, (claims: LivekitClaims, room: unknown) => boolean>> = {
  'RoomService/CreateRoom': ({ video }) => video?.roomCreate === true,
  'RoomService/DeleteRoom': ({ video }) => video?.roomCreate === true,
  'RoomService/ListRooms': ({ video }) => video?.roomList === true,
  'RoomService/ListParticipants': ({ video }, room) => video?.roomAdmin === true && video.room === room,
  'RoomService/RemoveParticipant': ({ video }, room) => video?.roomAdmin === true && video.room === room,
  'SIP/CreateSIPParticipant': ({ sip }) => sip?.call === true,
}

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startLivekitLoopback(options: LivekitLoopbackOptions = {}): Promise<LivekitLoopback> {
  const { apiKey = 'APIloopback', apiSecret = 'loopback-secret-0123456789abcdef', sipStatus } = options
  const rooms = new Map<string, { room: RoomJson; participants: ParticipantJson[] }>()

  async function serve({ request, json, bill }: Exchange): Promise<void> {
    const fail = (status: number, code: string, msg: string, meta?: Record<string, string>) =>
      json(status, { code, msg, ...(meta && { meta }) })
    const method = /^\/twirp\/livekit\.(\w+\/\w+)$/.exec(request.path)?.[1] ?? ''
    const allows = GRANTS[method]
    if (request.method !== 'POST' || !allows) return fail(404, 'bad_route', `no handler for ${request.path}`)
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const claims = readClaims(token, apiKey, apiSecret, Date.now())
    if (typeof claims === 'string') return fail(401, 'unauthenticated', `${claims}: ${token}`)
    const { body } = request
    const name = String(body.room ?? body.name ?? body.roomName ?? '')
    if (!allows(claims, name)) return fail(403, 'permission_denied', 'permissions denied')
    bill({ model: method, input: name, quantities: { requests: 1 } })
    const known = rooms.get(name)
    switch (method) {
      case 'RoomService/CreateRoom':
        return json(200, known?.room ?? create(name, body))
      case 'RoomService/ListRooms': {
        const names = Array.isArray(body.names) ? body.names : []
        const open = [...rooms.values()].filter(({ room }) => names.length === 0 || names.includes(room.name))
        return json(200, { rooms: open.map(({ room, participants }) => ({ ...room, numParticipants: participants.length })) })
      }
      case 'SIP/CreateSIPParticipant': {
        const number = String(body.sipCallTo)
        const { code, reason } = sipStatus?.(number) ?? { code: 200, reason: 'OK' }
        if (code > 299) {
          return fail(429, 'resource_exhausted', `sip status ${code}`, { sip_status_code: String(code), sip_status: reason })
        }
        const identity = String(body.participantIdentity)
        return json(200, {
          participantId: `PA_${identity}`,
          participantIdentity: identity,
          roomName: name,
          sipCallId: `SCL_${number}`,
        })
      }
    }
    if (!known) return fail(404, 'not_found', 'requested room does not exist')
    if (method === 'RoomService/ListParticipants') return json(200, { participants: known.participants })
    if (method === 'RoomService/DeleteRoom') rooms.delete(name)
    else known.participants = known.participants.filter(({ identity }) => identity !== body.identity)
    json(200, {})
  }

  function create(name: string, body: Record<string, unknown>): RoomJson {
    const { emptyTimeout, departureTimeout, maxParticipants, metadata } = body as Partial<RoomJson>
    const limits = { emptyTimeout, departureTimeout, maxParticipants, metadata }
    const room = { sid: `RM_${name}_${rooms.size + 1}`, name, creationTime: '1795000000', ...limits }
    rooms.set(name, { room, participants: [] })
    return room
  }

  return {
    ...(await startLoopback({ serve })),
    apiKey,
    apiSecret,
    join: (name, participant) => rooms.get(name)?.participants.push(participant),
    sign(event, { secret = apiSecret, expired = false } = {}) {
      const body = JSON.stringify(event)
      const sha256 = createHash('sha256').update(body).digest('base64')
      const exp = Math.floor(Date.now() / 1_000) + (expired ? -3_600 : 300)
      return { body, authorization: signClaims({ iss: apiKey, exp, sha256 }, secret) }
    },
  }
}
