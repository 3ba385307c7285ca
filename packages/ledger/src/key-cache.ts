import type { PresentedKey } from './key-ring.ts'

/** How long a key stays cached after it was read, which is how long a revocation elsewhere can take to have effect. */
export const KEY_TTL_MS = 10_000
const KEYS_MAX = 10_000

interface Known {
  presented: PresentedKey
  /** A time on the monotonic clock. */
  readAt: number
  /** Whether it was used since it was last considered for eviction. */
  isUsed: boolean
}

/**
 * Caches keys that were found valid, by the hash of the secret, so that the hot path needs no database. Eviction gives keys that
 * were used a second chance: much like least recently used, but for the price of a flag.
 */
export class KeyCache {
  readonly #keys = new Map<string, Known>()
  #forgotten = 0

  get(hash: string): PresentedKey | undefined {
    const known = this.#keys.get(hash)
    if (!known) return undefined
    if (performance.now() - known.readAt >= KEY_TTL_MS) {
      this.#keys.delete(hash)
      return undefined
    }
    known.isUsed = true
    return known.presented
  }

  /** How often a key was forgotten. A key that is being read from the database meanwhile may be that one. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** Caches a key, unless any was forgotten since the caller took `forgotten`, before it read the key. */
  set(hash: string, presented: PresentedKey, forgotten: number): void {
    if (forgotten !== this.#forgotten) return
    this.#keys.delete(hash)
    this.#keys.set(hash, { presented, readAt: performance.now(), isUsed: false })
    if (this.#keys.size > KEYS_MAX) this.#makeRoom()
  }

  /** Drops a key at once, because it was revoked or rotated, or its services changed. */
  forget(apiKeyId: string): void {
    this.#forgotten++
    for (const [hash, { presented }] of this.#keys) if (presented.key.apiKeyId === apiKeyId) this.#keys.delete(hash)
  }

  #makeRoom(): void {
    for (const [hash, known] of this.#keys) {
      this.#keys.delete(hash)
      if (!known.isUsed) return
      known.isUsed = false
      this.#keys.set(hash, known)
    }
  }
}
