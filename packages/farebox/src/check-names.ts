import { InvalidOptionError } from '@farebox/core'

/**
 * Rejects unknown options. A misspelt option would otherwise be ignored.
 *
 * @param known  every option that exists
 * @param of     what has the options, for the message: `createFarebox()`
 * @throws {InvalidOptionError} an option is unknown; the message names it and the known ones
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
