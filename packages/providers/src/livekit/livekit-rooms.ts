import type { LivekitConnection } from './livekit-client.ts'
import { type LivekitParticipant, type LivekitRoom, readParticipant, readRoom } from './livekit-facts.ts'
import { type LivekitContext, withinCall } from './within-call.ts'

/** A room to be opened. */
export interface LivekitRoomRequest {
  name: string
  /** How many may be in it. @defaultValue no limit */
  participantsMax?: number
  /** Seconds that it stays open before anyone joins. @defaultValue LiveKit's own */
  emptySecondsMax?: number
  /** Seconds that it stays open after the last has left. @defaultValue LiveKit's own */
  departureSecondsMax?: number
  metadata?: string
}

/** The rooms of a LiveKit project. Every method throws {@link ProviderError} and nothing else. */
export interface LivekitRooms {
  /** Opens a room. One that is open already is answered as it is. */
  create(request: LivekitRoomRequest, context?: LivekitContext): Promise<LivekitRoom>
  /** The rooms that are open: all, or those of these names. */
  list(names?: readonly string[], context?: LivekitContext): Promise<LivekitRoom[]>
  /** Closes a room, which sends everyone out of it. */
  end(room: string, context?: LivekitContext): Promise<void>
  /** Who is in a room. */
  participants(room: string, context?: LivekitContext): Promise<LivekitParticipant[]>
  /** Sends someone out of a room, who may join again while a token allows it. */
  remove(room: string, identity: string, context?: LivekitContext): Promise<void>
}

/** The rooms behind a connection. */
export function livekitRooms(connection: LivekitConnection): LivekitRooms {
  return {
    create: (request, context = {}) =>
      withinCall(connection, context, async ({ rooms }) => readRoom(await rooms.createRoom(roomOptions(request)))),
    list: (names, context = {}) =>
      withinCall(connection, context, async ({ rooms }) => (await rooms.listRooms(names && [...names])).map(readRoom)),
    end: (room, context = {}) => withinCall(connection, context, ({ rooms }) => rooms.deleteRoom(room)),
    participants: (room, context = {}) =>
      withinCall(connection, context, async ({ rooms }) => (await rooms.listParticipants(room)).map(readParticipant)),
    remove: (room, identity, context = {}) =>
      withinCall(connection, context, ({ rooms }) => rooms.removeParticipant(room, identity)),
  }
}

function roomOptions({ name, metadata, ...limits }: LivekitRoomRequest) {
  return {
    name,
    ...(metadata === undefined ? {} : { metadata }),
    ...(limits.participantsMax === undefined ? {} : { maxParticipants: limits.participantsMax }),
    ...(limits.emptySecondsMax === undefined ? {} : { emptyTimeout: limits.emptySecondsMax }),
    ...(limits.departureSecondsMax === undefined ? {} : { departureTimeout: limits.departureSecondsMax }),
  }
}
