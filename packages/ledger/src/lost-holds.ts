import { LedgerOverloadedError, LedgerUnavailableError } from './errors.ts'

/** A hold that may have been placed although the database did not say so. Nobody was told its id. */
interface LostHold {
  accountId: string
  holdId: string
}

/** The wait between tries to give lost holds back. */
const RETRY_MS = 1_000
/** How many are given back at a time. The callers of their accounts wait no longer than for a batch of that many. */
const AT_ONCE = 500
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

  /**
   * The first alone, so that a database that is still away is asked only once. The others many at a time, so that they share
   * transactions: there may be thousands, and their credits are missing meanwhile.
   */
  async #giveBack(): Promise<void> {
    for (let count = 1; this.#lost.length > 0 && !this.#isClosed; count = AT_ONCE) {
      const tried = this.#lost.slice(0, count)
      const areAway = await Promise.all(tried.map((hold) => this.#release(hold).then(() => false, isOfDatabase)))
      this.#lost.splice(0, tried.length, ...tried.filter((_, index) => areAway[index]))
      if (areAway.includes(true)) break
    }
    this.#timer = this.#lost.length > 0 && !this.#isClosed ? this.#schedule() : undefined
  }
}

function isOfDatabase(error: unknown): boolean {
  return error instanceof LedgerUnavailableError || error instanceof LedgerOverloadedError
}
