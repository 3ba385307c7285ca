import { z } from 'zod'
import { InvalidBodyError } from './http-errors.ts'

/** A text in a cursor: one that a database takes. Names of two parts are longer than either. */
export const placeText = z
  .string()
  .max(1_000)
  .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value))

/** A place in a list as a caller sends it back: nothing to be read or made up. */
export function writeCursor(place: readonly (string | number | null)[] | undefined): string | null {
  return place ? Buffer.from(JSON.stringify(place)).toString('base64url') : null
}

/**
 * The place that {@link writeCursor} wrote.
 *
 * @throws {InvalidBodyError} it is none, or one of another list
 */
export function readCursor<Place extends z.ZodType>(schema: Place, cursor: string | undefined): z.output<Place> | undefined {
  if (cursor === undefined) return undefined
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error
    throw new InvalidBodyError([{ field: 'cursor', problem: 'must be the next_cursor of an earlier page' }])
  }
}
