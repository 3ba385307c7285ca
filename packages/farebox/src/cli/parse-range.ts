import { InvalidOptionError } from '@farebox/core'
import { TIME_END, withinTimes } from '../within-times.ts'
import { parseMoment } from './parse-moment.ts'

/** A range of time as given on the command line. */
export interface RangeOptions {
  from?: string
  to?: string
  month?: string
}

/** Epoch milliseconds, `to` exclusive. Absent where nothing was given. */
export interface ParsedRange {
  from?: number
  to?: number
}

/**
 * Reads `--from`, `--to` and `--month`, in UTC.
 *
 * @throws {InvalidOptionError} one of them is not a time, `--month` is combined with the others, or `from` is not before `to`
 */
export function parseRange({ from, to, month }: RangeOptions, now: number): ParsedRange {
  if (month !== undefined) {
    if (from !== undefined || to !== undefined) throw new InvalidOptionError('give either --month, or --from and --to')
    return monthRange(month, now)
  }
  const range = { ...(from !== undefined && { from: time('--from', from) }), ...(to !== undefined && { to: time('--to', to) }) }
  if (range.from !== undefined && range.from >= (range.to ?? now)) {
    throw new InvalidOptionError(`--from must be before ${to === undefined ? 'now' : '--to'}, received ${from}`)
  }
  return range
}

function monthRange(month: string, now: number): Required<ParsedRange> {
  const date = new Date(now)
  const [year, index] = [date.getUTCFullYear(), date.getUTCMonth()]
  const named = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month)
  const begin =
    month === 'last' ? [year, index - 1] : month === 'this' ? [year, index] : named && [Number(named[1]), Number(named[2]) - 1]
  if (!begin) throw new InvalidOptionError(`--month must be last, this or a month such as 2026-07, received ${month}`)
  const [beginYear = 0, beginIndex = 0] = begin
  const range = { from: Date.UTC(beginYear, beginIndex, 1), to: Date.UTC(beginYear, beginIndex + 1, 1) }
  // No ledger has such times. Besides, `Date.UTC` takes the year 1 for 1901.
  if (range.from < 0 || range.from >= TIME_END)
    throw new InvalidOptionError(`--month must be from 1970-01 to 2254-12, received ${month}`)
  return range
}

function time(option: string, text: string): number {
  const at = parseMoment(text)
  if (at === undefined)
    throw new InvalidOptionError(
      `${option} must be a day such as 2026-07-01 or a time such as 2026-07-01T12:00Z, received ${text}`,
    )
  return withinTimes(at)
}

/** @throws {InvalidOptionError} `--from` is not before `--to` */
export function checkOrder(from: number | undefined, to: number | undefined): void {
  if (from === undefined || to === undefined || from < to) return
  const [begin, end] = [from, to].map((at) => new Date(at).toISOString())
  throw new InvalidOptionError(`--from must be before --to: received ${begin} and ${end}`)
}
