import { InvalidArgumentError } from 'commander'
import { parseMoment } from './parse-moment.ts'

/** A time on the command line, such as `2026-11-01` or `2026-11-01T12:00Z`, as epoch milliseconds. */
export function parseTime(text: string): number {
  const at = parseMoment(text)
  if (at !== undefined) return at
  throw new InvalidArgumentError('It must be a day such as 2026-11-01 (UTC), or a time such as 2026-11-01T12:00Z.')
}
