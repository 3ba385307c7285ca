import { asRecord, asText } from '../adapter/answer.ts'

/** A room, as LiveKit reports it. */
export interface LivekitRoom {
  /** LiveKit's id of this room. A later room of the same name has a different one. */
  sid: string
  name: string
  /** In epoch milliseconds. */
  createdAt?: number
  /** The number of participants. */
  participants: number
  metadata?: string
}

/** The kind of a participant, such as a person's browser, a phone, an agent or LiveKit's recorder. */
export type LivekitParticipantKind = 'standard' | 'ingress' | 'egress' | 'sip' | 'agent' | 'connector' | 'bridge' | 'other'

/** A participant in a room. */
export interface LivekitParticipant {
  /** LiveKit's id of this stay. Whoever joins again gets a different one. */
  sid: string
  identity: string
  name?: string
  kind: LivekitParticipantKind
  /** In epoch milliseconds, to the second. */
  joinedAt?: number
}

/** Reads a room from the SDK's object. */
export function readRoom(given: unknown): LivekitRoom {
  const room = asRecord(given)
  const createdAt = readSeconds(room?.creationTime)
  return {
    sid: asText(room?.sid) ?? '',
    name: asText(room?.name) ?? '',
    participants: Number(readInteger(room?.numParticipants) ?? 0n),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(asText(room?.metadata) ? { metadata: asText(room?.metadata) } : {}),
  }
}

/** Reads a participant from the SDK's object. */
export function readParticipant(given: unknown): LivekitParticipant {
  const participant = asRecord(given)
  const joinedAt = readSeconds(participant?.joinedAt)
  return {
    sid: asText(participant?.sid) ?? '',
    identity: asText(participant?.identity) ?? '',
    kind: KIND_BY_NUMBER.get(Number(readInteger(participant?.kind) ?? 0n)) ?? 'other',
    ...(asText(participant?.name) ? { name: asText(participant?.name) } : {}),
    ...(joinedAt === undefined ? {} : { joinedAt }),
  }
}

/**
 * Converts LiveKit's time in seconds to epoch milliseconds. LiveKit's 64-bit numbers are `bigint`, which JSON cannot represent.
 *
 * @returns `undefined` when the time is unset, for which LiveKit sends zero
 */
export function readSeconds(given: unknown): number | undefined {
  const seconds = readInteger(given)
  return seconds === undefined || seconds <= 0n || seconds > MOST_SECONDS ? undefined : Number(seconds) * 1_000
}

/** The last second that a `Date` can represent. */
const MOST_SECONDS = 8_640_000_000_000n

const KIND_BY_NUMBER: ReadonlyMap<number, LivekitParticipantKind> = new Map([
  [0, 'standard'],
  [1, 'ingress'],
  [2, 'egress'],
  [3, 'sip'],
  [4, 'agent'],
  [7, 'connector'],
  [8, 'bridge'],
])

function readInteger(given: unknown): bigint | undefined {
  if (typeof given === 'bigint') return given
  if (typeof given === 'number') return Number.isSafeInteger(given) ? BigInt(given) : undefined
  return typeof given === 'string' && /^-?\d{1,19}$/.test(given) ? BigInt(given) : undefined
}
