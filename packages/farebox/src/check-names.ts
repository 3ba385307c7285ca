import { InvalidOptionError } from '@farebox/core'

/**
 * Refuses an option that there is not: misspelt, it would be taken for one that was not given.
 *
 * @param known  every option that there is
 * @param of     what the message calls the options: `createFarebox`
 * @throws {InvalidOptionError} names it, and those that there are
 */
export function checkNames<Options extends object>(
  given: Options,
  known: Readonly<Record<keyof Options, true>>,
  of: string,
): void {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(known, name))
  if (unknown.length === 0) return
  const names = Object.keys(known).join(', ')
  throw new InvalidOptionError(`${unknown.join(', ')}: ${of} has no such option; known are ${names}`)
}
