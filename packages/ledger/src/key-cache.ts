import { LRUCache } from 'lru-cache'
import type { PresentedKey } from './key-ring.ts'

/** Good for this long after it was read: the most that a revocation elsewhere can lag. */
const TTL_MS = 10_000
const KEYS_MAX = 10_000

/** Keys that were found good a moment ago, by the hash of the secret, so that the hot path asks no database. */
export class KeyCache {
  // By a clock that nobody sets, which is what lru-cache takes; at each look, so that it needs no timer.
  readonly #keys = new LRUCache<string, PresentedKey>({ max: KEYS_MAX, ttl: TTL_MS, ttlResolution: 0 })
  #forgotten = 0

  get(hash: string): PresentedKey | undefined {
    return this.#keys.get(hash)
  }

  /** Counts what was forgotten: a key that was read before something was forgotten may be the one. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** Remembers a key, unless something was forgotten since `forgotten` was read, before the key was. */
  set(hash: string, presented: PresentedKey, forgotten: number): void {
    if (forgotten === this.#forgotten) this.#keys.set(hash, presented)
  }

  /** Drops a key at once, because it was revoked or rotated or its services changed. */
  forget(apiKeyId: string): void {
    this.#forgotten++
    for (const [hash, { key }] of this.#keys.entries()) if (key.apiKeyId === apiKeyId) this.#keys.delete(hash)
  }
}
