import { InvalidOptionError } from '@farebox/core'

/** `NaN` is neither before nor after any moment: what waits for it waits for ever. Throws {@link InvalidOptionError}. */
export function refuseNaN(option: string, numbers: object): void {
  for (const [field, value] of Object.entries(numbers)) {
    if (Number.isNaN(value)) throw new InvalidOptionError(`${option}.${field} must be a number, received NaN`)
  }
}
