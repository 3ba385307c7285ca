import { InvalidOptionError } from './errors.ts'

/**
 * Rejects an option that is given and is not of its type. Otherwise any text would count as true, and what is no function would fail
 * only when it is called, or silently.
 *
 * @throws {InvalidOptionError} the message names the option, what it must be, and what was received
 */
export function checkOptionType(name: string, value: unknown, type: 'boolean' | 'function'): void {
  if (value === undefined || typeof value === type) return
  throw new InvalidOptionError(
    `${name} must be ${type === 'boolean' ? 'true or false' : 'a function'}, received ${describeOption(value)}`,
  )
}

/** An option's value, for a message: objects and functions are only named, since they may hold secrets. */
export function describeOption(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
