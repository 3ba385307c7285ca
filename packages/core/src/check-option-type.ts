import { InvalidOptionError } from './errors.ts'

/**
 * Rejects an option that is given and is not of its type. Otherwise any text would count as true, and what is no function would fail
 * only when it is called, or silently.
 *
 * @throws {InvalidOptionError} the message names the option, what it must be, and what was received
 */
export function checkOptionType(name: string, value: unknown, type: 'boolean' | 'function' | 'text' | 'object'): void {
  if (value === undefined) return
  const { is, words } = types[type]
  if (!is(value)) throw new InvalidOptionError(`${name} must be ${words}, received ${describeOption(value)}`)
}

const types = {
  boolean: { is: (value: unknown) => typeof value === 'boolean', words: 'true or false' },
  function: { is: (value: unknown) => typeof value === 'function', words: 'a function' },
  text: { is: (value: unknown) => typeof value === 'string', words: 'a text' },
  object: { is: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value), words: 'an object' },
}

/** An option's value, for a message: objects and functions are only named, since they may hold secrets. */
export function describeOption(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
