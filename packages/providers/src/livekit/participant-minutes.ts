import { type Certainty, type Quantity, quantity, type Usage } from '@farebox/core'
import type { LivekitEvent } from './livekit-event.ts'
import type { LivekitParticipantKind } from './livekit-facts.ts'

/** One stay of one participant in one room, and what it used. */
export interface ParticipantSession {
  /** LiveKit's id of the stay: `call` and `idempotencyKey` of what is recorded for it. */
  id: string
  identity: string
  kind: LivekitParticipantKind
  room: { sid: string; name: string }
  /** Epoch milliseconds, to the second. */
  joinedAt: number
  /** When it ended, or until when it was counted. */
  until: number
  /** `open`: it goes on, as far as is known. */
  status: 'open' | 'ended'
  /** How long it was, in seconds: what is recorded. */
  seconds: Quantity
  /**
   * The same as a usage. `exact`: both ends were told. `ceiling`: the room closed and nobody told that this one had left before. `floor`: it goes
   * on, and was counted until now.
   */
  usage: Usage
}

const ENDS = new Set(['participant_left', 'participant_connection_aborted'])

/**
 * Works out from LiveKit's webhooks how long each participant was in a room, which is what LiveKit bills. The events may come in any
 * order, more than once, and not at all: the same ones always give the same sessions. It has no clock, and keeps what it is told until
 * {@link forget} is called for the room.
 */
export class ParticipantMinutes {
  readonly #stays = new Map<string, Stay>()
  readonly #finished = new Map<string, number>()

  /** Takes a webhook. Those that tell nothing of who is there are passed over. */
  add({ type, at, room, participant }: LivekitEvent): void {
    if (room === undefined || room.sid === '') return
    if (type === 'room_finished') this.#finished.set(room.sid, earliest(this.#finished.get(room.sid), at))
    if (participant === undefined || participant.sid === '') return
    const { identity, kind } = participant
    const id = `${room.sid} ${participant.sid}`
    const stay = this.#stays.get(id) ?? { id: participant.sid, identity, kind, room: { sid: room.sid, name: room.name } }
    // Every event of a participant tells when it joined, so one that was lost is made up for by the next.
    const joinedAt = participant.joinedAt ?? (type === 'participant_joined' ? at : undefined)
    if (joinedAt !== undefined) stay.joinedAt = earliest(stay.joinedAt, joinedAt)
    if (ENDS.has(type)) stay.leftAt = earliest(stay.leftAt, at)
    this.#stays.set(id, stay)
  }

  /**
   * What is known of every stay, in the order of joining. A stay whose beginning nobody told is left out.
   *
   * @param now  until when stays that go on are counted, epoch milliseconds; absent: they are left out
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
  // Clocks of two servers may disagree by a moment.
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
