import { InvalidOptionError } from '@farebox/core'

/** Throws {@link InvalidOptionError} if a number is `NaN`. Comparisons with `NaN` are false, so a wait for it would never end. */
export function refuseNaN(option: string, numbers: object): void {
  for (const [field, value] of Object.entries(numbers)) {
    if (Number.isNaN(value)) throw new InvalidOptionError(`${option}.${field} must be a number, received NaN`)
  }
}
