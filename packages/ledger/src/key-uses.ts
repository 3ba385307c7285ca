import { LRUCache } from 'lru-cache'

/** One use of a key, at a time on the store's clock. */
export interface KeyUse {
  accountId: string
  apiKeyId: string
  at: number
}

/** How far the stored last use of a key may lag behind, so that a busy key costs one small write a minute. */
const WRITE_EVERY_MS = 60_000
const KEYS_MAX = 10_000

/** The uses of one key. */
export interface KnownUse extends KeyUse {
  /** The last use that was sent to be written. */
  sentAt: number
  /** The last use that is known to be stored. */
  keptAt: number
}

/**
 * Tracks when keys were last used, and writes it in the background: at most once a minute for each key, and at the end for the
 * {@link KEYS_MAX} keys learned last. Of any other key the last minute may be missing, and no more.
 */
export class KeyUses {
  readonly #write: (use: KeyUse) => Promise<unknown>
  readonly #known = new LRUCache<string, KnownUse>({ max: KEYS_MAX })
  readonly #writing = new Set<Promise<void>>()

  constructor(write: (use: KeyUse) => Promise<unknown>) {
    this.#write = write
  }

  /** Takes in the last use that the database has, so that not every process writes the same minute. */
  learn({ accountId, apiKeyId, lastUsedAt }: { accountId: string; apiKeyId: string; lastUsedAt: number | null }): KnownUse {
    const [sentAt, keptAt] = lastUsedAt === null ? [-Infinity, 0] : [lastUsedAt, lastUsedAt]
    const known = this.#known.get(nameOf(accountId, apiKeyId))
    if (!known) return this.#remember({ accountId, apiKeyId, at: keptAt, sentAt, keptAt })
    known.sentAt = Math.max(known.sentAt, sentAt)
    known.keptAt = Math.max(known.keptAt, keptAt)
    return known
  }

  /** Notes a use. It never delays the caller: writes run in the background, and a later write makes up for a failed one. */
  note(known: KnownUse, at: number): void {
    known.at = Math.max(known.at, at)
    if (known.at - known.sentAt >= WRITE_EVERY_MS) this.#send(known)
  }

  /** Writes all uses that are not stored yet, and waits for that. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing)
    for (const known of this.#known.values()) if (known.at > known.keptAt) this.#send(known)
    await Promise.all(this.#writing)
  }

  #remember(known: KnownUse): KnownUse {
    this.#known.set(nameOf(known.accountId, known.apiKeyId), known)
    return known
  }

  #send(known: KnownUse): void {
    const { accountId, apiKeyId, at } = known
    known.sentAt = at
    const writing = this.#write({ accountId, apiKeyId, at })
      .then(
        () => {
          known.keptAt = Math.max(known.keptAt, at)
        },
        // The database is unavailable, or the account is gone. The time of a use is not worth failing a call for.
        () => undefined,
      )
      .finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
  }
}

function nameOf(accountId: string, apiKeyId: string): string {
  return `${accountId}\0${apiKeyId}`
}
