import { LRUCache } from 'lru-cache'
import type { AuthenticatedKey } from './reader.ts'

/** Good for this long after it was read: the most that a revocation elsewhere can lag. */
const TTL_MS = 10_000
const KEYS_MAX = 10_000

/** Keys that were found good a moment ago, by their hash, so that the hot path asks no database. */
export class KeyCache {
  readonly #keys = new LRUCache<string, { key: AuthenticatedKey; until: number }>({ max: KEYS_MAX })
  #forgotten = 0

  get(hash: string, now: number): AuthenticatedKey | undefined {
    const entry = this.#keys.get(hash)
    return entry && entry.until > now ? entry.key : undefined
  }

  /** Counts what was forgotten: a key that was read before something was forgotten may be the one. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** Remembers a key, unless something was forgotten since `forgotten` was read, before the key was. */
  set(hash: string, key: AuthenticatedKey, now: number, forgotten: number): void {
    if (forgotten === this.#forgotten) this.#keys.set(hash, { key, until: now + TTL_MS })
  }

  /** Drops a key at once, because it was revoked or its services changed. */
  forget(apiKeyId: string): void {
    this.#forgotten++
    for (const [hash, { key }] of this.#keys.entries()) if (key.apiKeyId === apiKeyId) this.#keys.delete(hash)
  }
}
