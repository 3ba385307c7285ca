import { hash } from 'node:crypto'
import { z } from 'zod'
import { InvalidBodyError } from './http-errors.ts'

/** The message for an invalid cursor. */
export const CURSOR_WORDS = 'must be the next cursor of an earlier page of the same list'

/** A text in a cursor that a database accepts. The length leaves room for names that join two parts. */
export const placeText = z
  .string()
  .max(1_000)
  .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value))

/** Identifies a list: its name, then what selects its rows, such as the account. */
export type ListName = readonly (string | undefined)[]

type Place = readonly (string | number | null)[]

/** Encodes a place in a list as an opaque cursor, which only the same list accepts. `null` where there is no place. */
export function writeCursor(list: ListName, place: Place | undefined): string | null {
  return place ? Buffer.from(JSON.stringify([markOf(list, place), ...place])).toString('base64url') : null
}

/**
 * Decodes a place that {@link writeCursor} encoded.
 *
 * @throws {InvalidBodyError} it is not a cursor, or is one of another list
 */
export function readCursor<Schema extends z.ZodType<Place>>(
  list: ListName,
  schema: Schema,
  cursor: string | undefined,
): z.output<Schema> | undefined {
  if (cursor === undefined) return undefined
  try {
    const [mark, ...rest] = written.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
    const place = schema.parse(rest)
    if (mark === markOf(list, place)) return place
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error
  }
  throw new InvalidBodyError([{ field: 'cursor', problem: CURSOR_WORDS }])
}

const written = z.tuple([z.string()]).rest(z.unknown())

/** A short checksum against mistakes, not a secret: a forged cursor finds only what its sender may read anyway. */
function markOf(list: ListName, place: Place): string {
  return hash('sha256', JSON.stringify([list, place]), 'base64url').slice(0, 8)
}
