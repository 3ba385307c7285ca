import { type NanoUsd, nanoUsd, type ProviderRecord, type RecordsRange } from '@farebox/core'

/** What was served, as the simulated provider remembers it. */
export type ServedRecord = Omit<ProviderRecord, 'status' | 'cost'> & {
  /** From when on its price is known, of a phone call. */
  pricedAt?: number
  cost?: NanoUsd
}

/** The records of a provider: the last ones, oldest first. */
export class SimulatedRecords {
  readonly #records: ServedRecord[] = []
  readonly #max: number

  /** @param max  how many are remembered */
  constructor(max: number) {
    this.#max = max
  }

  add(record: ServedRecord): void {
    this.#records.push(record)
    if (this.#records.length > this.#max) this.#records.shift()
  }

  /** What is known at `now` of the requests that began in a range of time. */
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
 * What a call costs: every minute that was begun.
 *
 * @source the list price of a call by Twilio to the United States, 0.014 USD per minute
 */
export function simulatedCallCost(durationSeconds: number): NanoUsd {
  return nanoUsd(BigInt(Math.ceil(durationSeconds / 60)) * 14_000_000n)
}
