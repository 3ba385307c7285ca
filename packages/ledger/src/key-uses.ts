import { LRUCache } from 'lru-cache'

/** That a key was used at a time on the store's clock. */
export interface KeyUse {
  accountId: string
  apiKeyId: string
  at: number
}

/** What is kept of a key's last use may be this much behind, so that a busy key costs one small write a minute. */
const WRITE_EVERY_MS = 60_000
const KEYS_MAX = 10_000

/** The uses of one key. */
export interface KnownUse extends KeyUse {
  /** The use that was sent to be written last. */
  sentAt: number
  /** The use that is known to be kept. */
  keptAt: number
}

/** Remembers when keys were last used, and writes it down beside the calls: each key at most once a minute, and at the end. */
export class KeyUses {
  readonly #write: (use: KeyUse) => Promise<unknown>
  readonly #known = new LRUCache<string, KnownUse>({ max: KEYS_MAX })
  readonly #writing = new Set<Promise<void>>()

  constructor(write: (use: KeyUse) => Promise<unknown>) {
    this.#write = write
  }

  /** Takes what the database says of a key, so that of many processes not each writes the same minute. */
  learn({ accountId, apiKeyId, lastUsedAt }: { accountId: string; apiKeyId: string; lastUsedAt: number | null }): KnownUse {
    const [sentAt, keptAt] = lastUsedAt === null ? [-Infinity, 0] : [lastUsedAt, lastUsedAt]
    const known = this.#known.get(nameOf(accountId, apiKeyId))
    if (!known) return this.#remember({ accountId, apiKeyId, at: keptAt, sentAt, keptAt })
    known.sentAt = Math.max(known.sentAt, sentAt)
    known.keptAt = Math.max(known.keptAt, keptAt)
    return known
  }

  /** Costs a caller nothing: what is written is written in the background, and a failure is made good by a later write. */
  note(known: KnownUse, at: number): void {
    known.at = Math.max(known.at, at)
    if (known.at - known.sentAt >= WRITE_EVERY_MS) this.#send(known)
  }

  /** Writes what is not yet kept, and waits for it. */
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
        // The database is away, or the key's account is: when it was used is not worth failing anybody's call.
        () => undefined,
      )
      .finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
  }
}

function nameOf(accountId: string, apiKeyId: string): string {
  return `${accountId}\0${apiKeyId}`
}
