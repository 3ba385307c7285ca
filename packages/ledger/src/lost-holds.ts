import { LedgerOverloadedError, LedgerUnavailableError } from './errors.ts'

/** A hold that may have been placed although the database did not say so, or that its caller could not end. */
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
 * Gives holds back whose placement the database did not answer, or their release. Callers cannot give back the former, without an
 * id, and are done with the latter. Those of long work would keep credits set aside for hours. Does not keep the process alive.
 */
export class LostHolds {
  readonly #release: (hold: LostHold) => Promise<unknown>
  /** By account and id, as one may be told of repeatedly. */
  readonly #lost = new Map<string, LostHold>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param release  gives one back. What it throws means that there is nothing to give back, unless the database is away */
  constructor(release: (hold: LostHold) => Promise<unknown>) {
    this.#release = release
  }

  add(hold: LostHold): void {
    if (this.#isClosed || this.#lost.size >= LOST_MAX) return
    this.#lost.set(JSON.stringify([hold.accountId, hold.holdId]), hold)
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
    for (let count = 1; this.#lost.size > 0 && !this.#isClosed; count = AT_ONCE) {
      const tried = [...this.#lost].slice(0, count)
      const areAway = await Promise.all(tried.map(([, hold]) => this.#release(hold).then(() => false, isOfDatabase)))
      for (const [index, [key]] of tried.entries()) if (!areAway[index]) this.#lost.delete(key)
      if (areAway.includes(true)) break
    }
    this.#timer = this.#lost.size > 0 && !this.#isClosed ? this.#schedule() : undefined
  }
}

function isOfDatabase(error: unknown): boolean {
  return error instanceof LedgerUnavailableError || error instanceof LedgerOverloadedError
}
