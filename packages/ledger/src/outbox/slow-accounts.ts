import { LRUCache } from 'lru-cache'

/** A delivery is slow if it takes this part of its timeout. */
const SLOW_PART = 0.1
/** How many accounts to remember. A query may name them all. */
const ACCOUNTS_MAX = 1_000

/** Remembers the accounts whose last delivery was slow. Together they get at most half of what an outbox delivers at once. */
export class SlowAccounts {
  readonly #slowMs: number
  readonly #slotsMax: number
  readonly #accounts = new LRUCache<string, true>({ max: ACCOUNTS_MAX })

  constructor({ timeoutMs, concurrency }: { timeoutMs: number; concurrency: number }) {
    this.#slowMs = timeoutMs * SLOW_PART
    this.#slotsMax = Math.max(1, Math.floor(concurrency / 2))
  }

  note(accountId: string, durationMs: number): void {
    if (durationMs >= this.#slowMs) this.#accounts.set(accountId, true)
    else this.#accounts.delete(accountId)
  }

  has(accountId: string): boolean {
    return this.#accounts.has(accountId)
  }

  /** The slow accounts, if those under way are as many as may be; otherwise none. */
  heldBackBy(underWay: Iterable<string>): string[] {
    return this.isFull(underWay) ? [...this.#accounts.keys()] : []
  }

  isFull(underWay: Iterable<string>): boolean {
    return [...underWay].filter((accountId) => this.#accounts.has(accountId)).length >= this.#slotsMax
  }
}
