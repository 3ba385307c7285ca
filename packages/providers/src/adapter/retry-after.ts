import type { Clock } from '@farebox/core'

/**
 * How long the headers ask to wait, in milliseconds: `retry-after-ms`, or else `retry-after`, in seconds or as an HTTP date.
 *
 * @returns `undefined` when the headers have neither, or not in a form that HTTP allows
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

/**
 * Parses any of HTTP's three date formats. `Date.parse` alone would take `-5` for a year in the distant past, and the oldest
 * format, which names no zone, for local time.
 */
function parseDate(text: string): number {
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return Number.NaN
  return Date.parse(/ GMT$/i.test(text) ? text : `${text} GMT`)
}

function parseNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined
}
