import { checkText } from './check-input.ts'
import type { LedgerDriver } from './driver.ts'
import { InvalidInputError } from './errors.ts'

/** What one process published about its providers, and how long ago on the store's clock. */
export interface ToldHealth {
  processId: string
  ageMs: number
  /** What it published, unchanged. */
  news: unknown
}

/** How long news is kept, which is longer than any of it stays true. */
const KEPT_MS = 3_600_000
/** A time that no reader asks for. */
const LONG_AGO = -10 * KEPT_MS
const NEWS_LENGTH_MAX = 1_000_000

const PUT = `INSERT INTO {provider_health} (process_id, news, told_at) VALUES (?, ?, ?)
  ON CONFLICT (process_id) DO UPDATE SET news = excluded.news, told_at = excluded.told_at`

/**
 * Shares the health of providers among the processes that use one database. It is a `HealthStore` for `shareHealth` of
 * `@farebox/router`. The news belongs to no account, and the ledger does not interpret it. Ages are by the store's clock, so the
 * clocks of the processes need not agree.
 */
export class ProviderHealth {
  readonly #driver: LedgerDriver<never>
  #cleanedAt = 0

  /** @internal Made by the ledger. */
  constructor(driver: LedgerDriver<never>) {
    this.#driver = driver
  }

  /**
   * Publishes a process's news, in place of what it published before.
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

  /** @internal Writes a row that nobody reads, to test whether the database accepts writes. It is deleted along with old news. */
  async tryToWrite(): Promise<void> {
    await this.#driver.write({ text: PUT, values: ['', 'null', LONG_AGO] })
  }

  /** The latest news of each process that published any in the last hour. */
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
