import { z } from 'zod'

const day = z.iso.date()

/**
 * A day (UTC), or a moment with its offset, as epoch milliseconds. `undefined` where the text is neither. A moment without an
 * offset is not accepted, since it would depend on where the command runs.
 */
export function parseMoment(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)) return undefined
  // `Date.parse` alone would take a day that does not exist for another one.
  if (!day.safeParse(text.slice(0, 10)).success) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}
