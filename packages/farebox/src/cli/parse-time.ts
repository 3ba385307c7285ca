import { InvalidArgumentError } from 'commander'
import { parseMoment } from './parse-moment.ts'

/** A time of a command line: `2026-11-01`, or `2026-11-01T12:00Z`. Epoch milliseconds. */
export function parseTime(text: string): number {
  const at = parseMoment(text)
  if (at !== undefined) return at
  throw new InvalidArgumentError('It must be a day such as 2026-11-01 (UTC), or a time such as 2026-11-01T12:00Z.')
}
