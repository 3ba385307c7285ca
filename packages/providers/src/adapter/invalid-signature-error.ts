import { FareboxError } from '@farebox/core'

/** A request claims to come from a provider but lacks that provider's signature. Answer it with 403 and do nothing else. */
export class InvalidSignatureError extends FareboxError {
  override readonly code = 'INVALID_SIGNATURE'
}
