import { FareboxError } from '@farebox/core'

/**
 * A request that claims to come from a provider lacks that provider's valid signature. Answer it with 403 and do nothing else.
 */
export class InvalidSignatureError extends FareboxError {
  override readonly code = 'INVALID_SIGNATURE'
}
