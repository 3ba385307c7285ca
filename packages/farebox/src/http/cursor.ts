import { hash } from 'node:crypto'
import { z } from 'zod'
import { InvalidBodyError } from './http-errors.ts'

/** What a cursor must be. */
export const CURSOR_WORDS = 'must be the next cursor of an earlier page of the same list'

/** A text in a cursor: one that a database takes. Names of two parts are longer than either. */
export const placeText = z
  .string()
  .max(1_000)
  .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value))

/** Which list a place is in: its name, and what it is of and by, such as the account. */
export type ListName = readonly (string | undefined)[]

type Place = readonly (string | number | null)[]

/** A place in a list as a caller sends it back: nothing to be read or made up. It is good for the list that gave it. */
export function writeCursor(list: ListName, place: Place | undefined): string | null {
  return place ? Buffer.from(JSON.stringify([markOf(list, place), ...place])).toString('base64url') : null
}

/**
 * The place that {@link writeCursor} wrote.
 *
 * @throws {InvalidBodyError} it is none, or one of another list
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

/** Short: it tells mistakes, and keeps no secret. Whoever makes a cursor up finds nothing but what is their own. */
function markOf(list: ListName, place: Place): string {
  return hash('sha256', JSON.stringify([list, place]), 'base64url').slice(0, 8)
}
