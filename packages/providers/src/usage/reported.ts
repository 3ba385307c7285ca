import { InvalidUsageError } from '@farebox/core'

/** An object of a provider's reply, or `undefined` where there is none. */
export function block(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

/**
 * A number that a provider reported. `undefined` and `null` are "not reported"; whatever else is no number is an error, because a
 * field that changed its meaning must not be read as if it were absent.
 *
 * @param source  who reported it, for the error
 * @throws {InvalidUsageError} it is not a finite number of zero or more
 */
export function reportedNumber(
  source: string,
  of: Readonly<Record<string, unknown>> | undefined,
  field: string,
): number | undefined {
  const value = of?.[field]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  const shown = typeof value === 'number' || typeof value === 'string' ? String(value).slice(0, 40) : typeof value
  throw new InvalidUsageError(source, field, `reported ${field} as ${shown}, which is no number of zero or more`)
}

/** A number that a provider reported as text, as in a header or a form; an empty text is "not reported". */
export function reportedText(
  source: string,
  of: Readonly<Record<string, unknown>> | undefined,
  field: string,
): number | undefined {
  const value = of?.[field]
  if (value === '') return undefined
  const isDecimal = typeof value === 'string' && /^\d{1,15}(\.\d{1,15})?$/.test(value.trim())
  return reportedNumber(source, { [field]: isDecimal ? Number(value) : value }, field)
}

/** Headers of an answer: of `fetch`, or as a plain object with lower-case names. */
export type ReplyHeaders = Pick<Headers, 'get'> | Readonly<Record<string, string | readonly string[] | undefined>>

/** One header under its name, or nothing where it is absent. */
export function headerOf(headers: ReplyHeaders, name: string): Readonly<Record<string, string>> {
  const found = typeof headers.get === 'function' ? headers.get(name) : (headers as Record<string, unknown>)[name]
  return typeof found === 'string' ? { [name]: found } : {}
}
