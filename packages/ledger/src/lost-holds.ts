import { LedgerOverloadedError, LedgerUnavailableError } from './errors.ts'

/** A hold that may have been placed although the database did not say so. Nobody was told its id. */
interface LostHold {
  accountId: string
  holdId: string
}

/** The wait between tries to give lost holds back. */
const RETRY_MS = 1_000
/** The most holds to remember. Any beyond them expire by themselves, as all do if the process ends first. */
const LOST_MAX = 10_000

/**
 * Gives holds back whose placement the database did not answer. Their callers cannot, without an id, and those of long work would
 * keep credits set aside for hours. Does not keep the process alive.
 */
export class LostHolds {
  readonly #release: (hold: LostHold) => Promise<unknown>
  readonly #lost: LostHold[] = []
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param release  gives one back. What it throws means that there is nothing to give back, unless the database is away */
  constructor(release: (hold: LostHold) => Promise<unknown>) {
    this.#release = release
  }

  add(hold: LostHold): void {
    if (this.#isClosed || this.#lost.length >= LOST_MAX) return
    this.#lost.push(hold)
    this.#timer ??= this.#schedule()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #schedule(): NodeJS.Timeout {
    return setTimeout(() => void this.#giveBack(), RETRY_MS).unref()
  }

  /** One after another, so that a database that is still away is asked only once. */
  async #giveBack(): Promise<void> {
    for (let [hold] = this.#lost; hold && !this.#isClosed; [hold] = this.#lost) {
      const isAway = await this.#release(hold).then(() => false, isOfDatabase)
      if (isAway) break
      this.#lost.shift()
    }
    this.#timer = this.#lost.length > 0 && !this.#isClosed ? this.#schedule() : undefined
  }
}

function isOfDatabase(error: unknown): boolean {
  return error instanceof LedgerUnavailableError || error instanceof LedgerOverloadedError
}
