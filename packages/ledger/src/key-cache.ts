import type { PresentedKey } from './key-ring.ts'

/** Good for this long after it was read: the most that a revocation elsewhere can lag. */
const TTL_MS = 10_000
const KEYS_MAX = 10_000

interface Known {
  presented: PresentedKey
  /** By a clock that nobody sets. */
  readAt: number
  /** Whether it was asked for since it was last asked whether it should go. */
  isUsed: boolean
}

/**
 * Keys that were found good a moment ago, by the hash of the secret, so that the hot path asks no database. Where one must make room,
 * those that were used stay for another round: what keeping the order of every use would do, at the price of a mark.
 */
export class KeyCache {
  readonly #keys = new Map<string, Known>()
  #forgotten = 0

  get(hash: string): PresentedKey | undefined {
    const known = this.#keys.get(hash)
    if (!known) return undefined
    if (performance.now() - known.readAt >= TTL_MS) {
      this.#keys.delete(hash)
      return undefined
    }
    known.isUsed = true
    return known.presented
  }

  /** Counts what was forgotten: a key that was read before something was forgotten may be the one. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** Remembers a key, unless something was forgotten since `forgotten` was read, before the key was. */
  set(hash: string, presented: PresentedKey, forgotten: number): void {
    if (forgotten !== this.#forgotten) return
    this.#keys.delete(hash)
    this.#keys.set(hash, { presented, readAt: performance.now(), isUsed: false })
    if (this.#keys.size > KEYS_MAX) this.#makeRoom()
  }

  /** Drops a key at once, because it was revoked or rotated or its services changed. */
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
