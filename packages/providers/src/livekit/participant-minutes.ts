import { type Certainty, type Quantity, quantity, type Usage } from '@farebox/core'
import type { LivekitEvent } from './livekit-event.ts'
import type { LivekitParticipantKind } from './livekit-facts.ts'

/** One stay of one participant in one room, and its usage. */
export interface ParticipantSession {
  /** LiveKit's id of the stay. Record the stay with it as `call` and `idempotencyKey`. */
  id: string
  identity: string
  kind: LivekitParticipantKind
  room: { sid: string; name: string }
  /** In epoch milliseconds, to the second. */
  joinedAt: number
  /** When the stay ended, or until when it is counted, in epoch milliseconds. */
  until: number
  /** `open`: no event has ended the stay. */
  status: 'open' | 'ended'
  /** The length of the stay in seconds, which is the quantity to record. */
  seconds: Quantity
  /**
   * The same length as a usage. `exact`: events reported both ends. `ceiling`: the room closed without an event that this
   * participant had left. `floor`: the stay is still open, and counted until now.
   */
  usage: Usage
}

const ENDS = new Set(['participant_left', 'participant_connection_aborted'])

/**
 * Computes from LiveKit's webhooks how long each participant was in a room, which is what LiveKit bills. Events may arrive in any
 * order, repeatedly or not at all. The same events always give the same sessions. It reads no clock, and keeps events until you
 * {@link forget} their room.
 */
export class ParticipantMinutes {
  readonly #stays = new Map<string, Stay>()
  readonly #finished = new Map<string, number>()

  /** Adds a webhook's event. It ignores events without a room, and those without a participant except `room_finished`. */
  add({ type, at, room, participant }: LivekitEvent): void {
    if (room === undefined || room.sid === '') return
    if (type === 'room_finished') this.#finished.set(room.sid, earliest(this.#finished.get(room.sid), at))
    if (participant === undefined || participant.sid === '') return
    const { identity, kind } = participant
    const id = `${room.sid} ${participant.sid}`
    const stay = this.#stays.get(id) ?? { id: participant.sid, identity, kind, room: { sid: room.sid, name: room.name } }
    // Every event of a participant has its joining time, so the next event makes up for a lost one.
    const joinedAt = participant.joinedAt ?? (type === 'participant_joined' ? at : undefined)
    if (joinedAt !== undefined) stay.joinedAt = earliest(stay.joinedAt, joinedAt)
    if (ENDS.has(type)) stay.leftAt = earliest(stay.leftAt, at)
    this.#stays.set(id, stay)
  }

  /**
   * All known stays, in the order of joining, except stays whose beginning is unknown.
   *
   * @param now  the time until which to count open stays, in epoch milliseconds. When absent, they are left out.
   */
  sessions(now?: number): ParticipantSession[] {
    return [...this.#stays.values()]
      .flatMap((stay) => sessionOf(stay, this.#finished.get(stay.room.sid), now) ?? [])
      .sort((a, b) => a.joinedAt - b.joinedAt || (a.id < b.id ? -1 : 1))
  }

  /** Forgets a room, once its sessions are recorded. */
  forget(roomSid: string): void {
    this.#finished.delete(roomSid)
    for (const [id, stay] of this.#stays) if (stay.room.sid === roomSid) this.#stays.delete(id)
  }
}

type Stay = Pick<ParticipantSession, 'id' | 'identity' | 'kind' | 'room'> & { joinedAt?: number; leftAt?: number }

function sessionOf({ joinedAt, leftAt, ...who }: Stay, finishedAt: number | undefined, now: number | undefined) {
  if (joinedAt === undefined) return undefined
  if (leftAt !== undefined) return session({ ...who, joinedAt, until: leftAt, status: 'ended' }, 'exact')
  if (finishedAt !== undefined) return session({ ...who, joinedAt, until: finishedAt, status: 'ended' }, 'ceiling')
  return now === undefined ? undefined : session({ ...who, joinedAt, until: now, status: 'open' }, 'floor')
}

function session(known: Omit<ParticipantSession, 'usage' | 'seconds'>, certainty: Certainty): ParticipantSession {
  // The clocks of two servers may disagree slightly.
  const until = Math.max(known.joinedAt, known.until)
  const seconds = quantity(BigInt(Math.floor((until - known.joinedAt) / 1_000)))
  return {
    ...known,
    until,
    seconds,
    usage: { quantities: [{ meter: 'duration', quantity: seconds, unit: 'seconds' }], certainty },
  }
}

function earliest(known: number | undefined, told: number): number {
  return known === undefined ? told : Math.min(known, told)
}
