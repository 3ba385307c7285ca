import { LedgerUnavailableError } from './errors.ts'

/**
 * What the database refuses although it can be reached: a trigger of the host raises an error. That may be because of one change
 * of a batch, so each is tried alone. To callers it is a database that gave up: the same change may be accepted later.
 */
export class RefusedChangeError extends LedgerUnavailableError {
  override readonly name = 'LedgerUnavailableError'
}
