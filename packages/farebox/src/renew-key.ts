import type { AuthenticatedKey } from '@farebox/ledger'
import { UnauthorizedError } from './errors.ts'
import type { MeterParts, Payer } from './hold-route.ts'

/**
 * Brings the key of a payer up to date before new work begins, since a workflow may outlive its key. Returns a promise only where
 * the database must be asked.
 *
 * @throws {UnauthorizedError} the key was revoked or has expired
 */
export function renewKey({ ledger }: Pick<MeterParts, 'ledger'>, payer: Payer): Promise<void> | undefined {
  if (!payer.apiKey) return undefined
  const current = ledger.currentKey(payer.apiKey)
  if (current instanceof Promise) return current.then((key) => take(payer, key))
  take(payer, current)
  return undefined
}

function take(payer: Payer, key: AuthenticatedKey | undefined): void {
  if (!key) throw new UnauthorizedError('the API key was revoked or has expired')
  payer.apiKey = key
}
