import type { Failure, Operation, Outcome } from '../../packages/ledger/src/operations.ts'
import { exists, invalid, missing, past } from './reference-things.ts'

/** Verbs about API keys. */
export type KeyOperation = Extract<
  Operation,
  { verb: 'createApiKey' | 'rotateApiKey' | 'revokeApiKey' | 'setKeyServices' | 'noteKeyUse' }
>

interface Key {
  prefix: string
  expiresAt: number | undefined
  isRevoked: boolean
}

/** The API keys of an account. */
export class ReferenceKeys {
  readonly #keys = new Map<string, Key>()

  /**
   * @param prefixes   of the keys of all accounts: no two keys share one
   * @param available  what the account has beside its holds
   */
  do({ verb, input }: KeyOperation, now: number, prefixes: Set<string>, available: bigint): Outcome {
    const { apiKeyId } = input
    const key = this.#keys.get(apiKeyId)
    if (verb === 'createApiKey') {
      const { prefix, expiresAt, minimumBalance: requested } = input
      if (key) return exists('API key', apiKeyId)
      if (prefixes.has(prefix)) return exists('API key prefix', prefix)
      if (expiresAt !== undefined && expiresAt <= now) return past(expiresAt)
      if (available < requested) return { status: 'refused', reason: 'insufficient_balance', available, requested } as Outcome
      this.#keys.set(apiKeyId, { prefix, expiresAt, isRevoked: false })
      prefixes.add(prefix)
      return { status: 'created', apiKeyId, prefix, replayed: false }
    }
    if (!key) return missing('API_KEY_NOT_FOUND', apiKeyId)
    switch (verb) {
      case 'rotateApiKey': {
        const hasExpired = key.expiresAt !== undefined && key.expiresAt <= now
        if (key.isRevoked || hasExpired) return gone(key.isRevoked ? 'was revoked' : 'has expired')
        if (prefixes.has(input.prefix)) return exists('API key prefix', input.prefix)
        prefixes.add(input.prefix)
        const previousPrefix = key.prefix
        key.prefix = input.prefix
        const previousUntil = Math.min(now + input.graceMs, key.expiresAt ?? Number.POSITIVE_INFINITY)
        return { status: 'rotated', apiKeyId, prefix: key.prefix, previousPrefix, previousUntil, replayed: false }
      }
      case 'revokeApiKey':
        key.isRevoked = true
        return { status: 'revoked', apiKeyId, replayed: false }
      case 'setKeyServices':
        return { status: 'set', apiKeyId, replayed: false }
      case 'noteKeyUse':
        return { status: 'noted', replayed: false }
    }
  }
}

function gone(how: string): Failure {
  return invalid('apiKeyId', `names a key that ${how}: create another one`)
}
