import { InvalidArgumentError } from 'commander'
import { z } from 'zod'

const time = z.union([z.iso.date(), z.iso.datetime({ offset: true })])

/** A time of a command line: `2026-11-01`, or RFC 3339 with a zone. Epoch milliseconds. */
export function parseTime(text: string): number {
  // A day that is in no calendar is refused, which `Date.parse` alone takes for another.
  if (!time.safeParse(text).success) throw new InvalidArgumentError('It must be a day such as 2026-11-01 (UTC), or RFC 3339.')
  return Date.parse(text)
}
