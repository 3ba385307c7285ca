import { type NanoUsd, nanoUsd, type ProviderRecord, type RecordsRange } from '@farebox/core'

/** The simulated provider's record of a request that it served. */
export type ServedRecord = Omit<ProviderRecord, 'status' | 'cost'> & {
  /** When a phone call's price becomes known, in the clock's milliseconds. */
  pricedAt?: number
  cost?: NanoUsd
}

/** The provider's most recent records, oldest first. */
export class SimulatedRecords {
  readonly #records: ServedRecord[] = []
  readonly #max: number

  /** @param max  how many records to keep */
  constructor(max: number) {
    this.#max = max
  }

  add(record: ServedRecord): void {
    this.#records.push(record)
    if (this.#records.length > this.#max) this.#records.shift()
  }

  /** The requests that began in a range of time, as known at `now`. */
  within({ from, until, to }: RecordsRange, now: number): ProviderRecord[] {
    return this.#records
      .filter((record) => record.at >= from && record.at < until && (to === undefined || record.to === to))
      .sort((a, b) => a.at - b.at)
      .map(({ pricedAt = 0, cost, ...record }) => {
        const isPriced = pricedAt <= now
        return { ...record, status: isPriced ? 'final' : 'pending', ...(isPriced && cost !== undefined ? { cost } : {}) }
      })
  }
}

/**
 * The cost of a phone call. Every started minute counts.
 *
 * @source the list price of a call by Twilio to the United States, 0.014 USD per minute
 */
export function simulatedCallCost(durationSeconds: number): NanoUsd {
  return nanoUsd(BigInt(Math.ceil(durationSeconds / 60)) * 14_000_000n)
}
