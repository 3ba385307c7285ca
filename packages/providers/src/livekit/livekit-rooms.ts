import type { LivekitConnection } from './livekit-client.ts'
import { type LivekitParticipant, type LivekitRoom, readParticipant, readRoom } from './livekit-facts.ts'
import { type LivekitContext, withinCall } from './within-call.ts'

/** A room to open. */
export interface LivekitRoomRequest {
  name: string
  /** The most participants. @defaultValue no limit */
  participantsMax?: number
  /** How long the room stays open before anyone joins, in seconds. @defaultValue LiveKit's own */
  emptySecondsMax?: number
  /** How long the room stays open after the last participant leaves, in seconds. @defaultValue LiveKit's own */
  departureSecondsMax?: number
  metadata?: string
}

/** The rooms of a LiveKit project. Every method throws only {@link ProviderError}. */
export interface LivekitRooms {
  /** Opens a room, or returns the open room of that name unchanged. */
  create(request: LivekitRoomRequest, context?: LivekitContext): Promise<LivekitRoom>
  /** Lists the open rooms: all, or those with these names. */
  list(names?: readonly string[], context?: LivekitContext): Promise<LivekitRoom[]>
  /** Closes a room, and disconnects everyone in it. */
  end(room: string, context?: LivekitContext): Promise<void>
  /** Lists the participants in a room. */
  participants(room: string, context?: LivekitContext): Promise<LivekitParticipant[]>
  /** Removes a participant from a room. They may rejoin as long as their token is valid. */
  remove(room: string, identity: string, context?: LivekitContext): Promise<void>
}

/** Makes the room methods of a connection. */
export function livekitRooms(connection: LivekitConnection): LivekitRooms {
  return {
    create: (request, context = {}) =>
      withinCall(connection, context, async ({ rooms }) => readRoom(await rooms.createRoom(roomOptions(request)))),
    list: (names, context = {}) =>
      withinCall(connection, context, async ({ rooms }) => {
        // LiveKit would list all rooms.
        if (names?.length === 0) return []
        return (await rooms.listRooms(names && [...names])).map(readRoom)
      }),
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
