import { InvalidUsageError } from '@farebox/core'

/** `value` if it is an object, otherwise `undefined`. */
export function block(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

/**
 * Reads a number that a provider reported. `undefined` and `null` mean "not reported". Any other value that is not a number is an
 * error, because a field whose meaning changed must not pass for absent.
 *
 * @param source  who reported it, for the error message
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
  throw new InvalidUsageError(source, field, `reported ${field} as ${shown}, which is not a number of 0 or more`)
}

/** Reads a number that a provider reported as text, as in a header or a form. An empty text means "not reported". */
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

/** The headers of a response: a `Headers` object, or a plain object with lower-case names. */
export type ReplyHeaders = Pick<Headers, 'get'> | Readonly<Record<string, string | readonly string[] | undefined>>

/** An object with one header under its name, or an empty object if the header is absent. */
export function headerOf(headers: ReplyHeaders, name: string): Readonly<Record<string, string>> {
  const found = typeof headers.get === 'function' ? headers.get(name) : (headers as Record<string, unknown>)[name]
  return typeof found === 'string' ? { [name]: found } : {}
}
