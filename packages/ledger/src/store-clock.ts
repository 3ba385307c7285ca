import type { LedgerDriver } from './driver.ts'

/**
 * The store's clock without a round trip: what it said last, and how long ago that was by a clock that nobody sets. So that
 * app servers whose own clocks are wrong agree on when a key has expired.
 */
export class StoreClock {
  readonly #driver: Pick<LedgerDriver, 'clock' | 'now'>
  #said: { at: number; monotonic: number } | undefined

  constructor(driver: Pick<LedgerDriver, 'clock' | 'now'>) {
    this.#driver = driver
  }

  /** Asks the store, where only the store knows. */
  async read(): Promise<void> {
    if (this.#driver.clock) return
    // Taken before the question, so that a slow answer makes the reckoning early and never late.
    const monotonic = performance.now()
    this.#said = { at: await this.#driver.now(), monotonic }
  }

  /** Epoch milliseconds. Where only the store knows, {@link read} must have been called before. */
  reckon(): number {
    if (this.#driver.clock) return this.#driver.clock()
    if (!this.#said) throw new Error('the store was not asked for its time yet')
    return this.#said.at + Math.ceil(performance.now() - this.#said.monotonic)
  }
}
