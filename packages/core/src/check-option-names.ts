import { InvalidOptionError } from './errors.ts'
import { nearestNames } from './nearest-names.ts'

/**
 * Rejects unknown options. A misspelt option would otherwise be ignored.
 *
 * @param known  every option that exists
 * @param of     what has the options, for the message: `createFarebox()`
 * @throws {InvalidOptionError} `given` is not an object, or an option is unknown; the message names it, all known ones and the most
 *   similar one
 */
export function checkOptionNames<Options extends object>(
  given: Options,
  known: Readonly<Record<keyof Options, true>>,
  of: string,
): void {
  if (typeof given !== 'object' || given === null)
    throw new InvalidOptionError(`${of} takes an object of options, received ${given === null ? 'null' : typeof given}`)
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(known, name))
  if (unknown.length === 0) return
  const names = Object.keys(known)
  const [nearest] = nearestNames(unknown[0] ?? '', names)
  throw new InvalidOptionError(
    `${unknown.join(', ')}: ${of} has no such option; known are ${names.join(', ')}. Did you mean ${nearest}?`,
  )
}
