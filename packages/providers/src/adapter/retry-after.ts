import type { Clock } from '@farebox/core'

/**
 * How long an answer's headers ask to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date.
 *
 * @returns `undefined` when the headers do not say, or say it in no way that HTTP knows
 */
export function retryAfterMs(headers: Pick<Headers, 'get'>, now: Clock): number | undefined {
  const milliseconds = parseNumber(headers.get('retry-after-ms'))
  if (milliseconds !== undefined) return Math.ceil(milliseconds)
  const header = headers.get('retry-after')
  const seconds = parseNumber(header)
  if (seconds !== undefined) return Math.ceil(seconds * 1000)
  const date = parseDate(header ?? '')
  return Number.isNaN(date) ? undefined : Math.max(0, date - now())
}

/** In any of HTTP's three forms. `Date.parse` alone would take `-5` for a year long ago, and the oldest form, which names no zone, for local time. */
function parseDate(text: string): number {
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return Number.NaN
  return Date.parse(/ GMT$/i.test(text) ? text : `${text} GMT`)
}

function parseNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined
}
