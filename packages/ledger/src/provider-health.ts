import { checkText } from './check-input.ts'
import type { LedgerDriver } from './driver.ts'
import { InvalidInputError } from './errors.ts'

/** What one process told of its providers, and how long ago by the store's clock. */
export interface ToldHealth {
  processId: string
  ageMs: number
  /** As it was told. */
  news: unknown
}

/** Longer than anything told stays true. */
const KEPT_MS = 3_600_000
/** Before all that is read. */
const LONG_AGO = -10 * KEPT_MS
const NEWS_LENGTH_MAX = 1_000_000

const PUT = `INSERT INTO {provider_health} (process_id, news, told_at) VALUES (?, ?, ?)
  ON CONFLICT (process_id) DO UPDATE SET news = excluded.news, told_at = excluded.told_at`

/**
 * What the processes on one database tell each other of their providers: a `HealthStore` as `shareHealth` of `@farebox/router` takes it. No
 * account owns it, and the ledger does not know what it says. Ages are by the store's clock, so that those of the processes need not agree.
 */
export class ProviderHealth {
  readonly #driver: LedgerDriver<never>
  #cleanedAt = 0

  /** @internal Made by the ledger. */
  constructor(driver: LedgerDriver<never>) {
    this.#driver = driver
  }

  /**
   * Replaces what a process told before.
   *
   * @param news  plain JSON, up to a million characters
   */
  async publish(processId: string, news: unknown): Promise<void> {
    const id = checkText('processId', processId)
    const text = toJson(news)
    const now = await this.#driver.now()
    await this.#driver.write({ text: PUT, values: [id, text, now] })
    if (now - this.#cleanedAt < KEPT_MS) return
    this.#cleanedAt = now
    await this.#driver.write({ text: 'DELETE FROM {provider_health} WHERE told_at < ?', values: [now - KEPT_MS] })
  }

  /** @internal Writes what nobody reads, to see whether the database takes it. It is removed with what is old. */
  async tryToWrite(): Promise<void> {
    await this.#driver.write({ text: PUT, values: ['', 'null', LONG_AGO] })
  }

  /** What each process told last, in the last hour. */
  async read(): Promise<ToldHealth[]> {
    const now = await this.#driver.now()
    const rows = await this.#driver.select({
      text: 'SELECT process_id, news, told_at FROM {provider_health} WHERE told_at >= ? ORDER BY process_id',
      values: [now - KEPT_MS],
      columns: { processId: 'text', news: 'json', toldAt: 'integer' },
    })
    return rows.map(({ processId, news, toldAt }) => ({
      processId: String(processId),
      ageMs: Math.max(0, now - Number(toldAt)),
      news,
    }))
  }
}

function toJson(news: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(news)
  } catch (error) {
    throw new InvalidInputError('news', `must be plain JSON: ${String(error)}`)
  }
  if (text === undefined || text.length > NEWS_LENGTH_MAX) {
    throw new InvalidInputError('news', `must be plain JSON of at most ${NEWS_LENGTH_MAX} characters`)
  }
  return text
}
