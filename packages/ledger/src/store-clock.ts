import type { LedgerDriver } from './driver.ts'

/**
 * Estimates the store's time without a round trip, from its last answer and the monotonic time since. So app servers agree on
 * when a key has expired, even if their own clocks are wrong.
 */
export class StoreClock {
  readonly #driver: Pick<LedgerDriver, 'clock' | 'now'>
  #said: { at: number; monotonic: number } | undefined

  constructor(driver: Pick<LedgerDriver, 'clock' | 'now'>) {
    this.#driver = driver
  }

  /** Asks the store for its time, if only the store knows it. */
  async read(): Promise<void> {
    if (this.#driver.clock) return
    // Taken before asking, so that the estimate runs ahead of the store's time after a slow answer, and never behind.
    const monotonic = performance.now()
    this.#said = { at: await this.#driver.now(), monotonic }
  }

  /** The estimated time, in epoch milliseconds. If only the store knows it, call {@link read} first. */
  reckon(): number {
    if (this.#driver.clock) return this.#driver.clock()
    if (!this.#said) throw new Error('the store was not asked for its time yet')
    return this.#said.at + Math.ceil(performance.now() - this.#said.monotonic)
  }
}
