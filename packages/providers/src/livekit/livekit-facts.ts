import { asRecord, asText } from '../adapter/answer.ts'

/** A room as LiveKit tells of it. */
export interface LivekitRoom {
  /** LiveKit's id of this room: another room of the same name has another. */
  sid: string
  name: string
  /** Epoch milliseconds. */
  createdAt?: number
  /** How many are in it. */
  participants: number
  metadata?: string
}

/** What takes part: a person's browser, a telephone, an agent, or LiveKit's own recorder. */
export type LivekitParticipantKind = 'standard' | 'ingress' | 'egress' | 'sip' | 'agent' | 'connector' | 'bridge' | 'other'

/** Who takes part in a room. */
export interface LivekitParticipant {
  /** LiveKit's id of this stay: who joins again has another. */
  sid: string
  identity: string
  name?: string
  kind: LivekitParticipantKind
  /** Epoch milliseconds, to the second. */
  joinedAt?: number
}

/** A room as the SDK hands it over. */
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

/** A participant as the SDK hands it over. */
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
 * A time that LiveKit tells in seconds, as epoch milliseconds. Its numbers of 64 bits come as `bigint`, which JSON cannot hold.
 *
 * @returns `undefined` when it is not told, which LiveKit does by zero
 */
export function readSeconds(given: unknown): number | undefined {
  const seconds = readInteger(given)
  return seconds === undefined || seconds <= 0n || seconds > MOST_SECONDS ? undefined : Number(seconds) * 1_000
}

/** The last second that a date can tell. */
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
