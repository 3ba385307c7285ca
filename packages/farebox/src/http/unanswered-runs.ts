import { type Ledger, LedgerOverloadedError, LedgerUnavailableError } from '@farebox/ledger'
import { whenBack } from './when-back.ts'

/** The kind of document that tells of a beginning without an answer, by who made it. */
const KIND = 'run_refused'
/** The most beginnings to remember. Runs beyond them are taken for dead in time, as all are if the process ends first. */
const UNANSWERED_MAX = 10_000

/** A run, of which it is not known who has begun it. */
interface Beginning {
  accountId: string
  documentId: string
}

/**
 * The runs that this process tried to begin without an answer from the database. Their callers were told that it is away, so if it
 * did begin them, nobody works there. The other processes are told so when it is back.
 */
export class UnansweredRuns {
  readonly #ledger: Ledger
  readonly #unanswered = new Map<string, Beginning>()
  #isTelling = false

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** @param savedBy  who tried to begin the run, which is another for each try */
  add(savedBy: string, beginning: Beginning): void {
    if (this.#unanswered.size >= UNANSWERED_MAX) return
    this.#unanswered.set(savedBy, beginning)
    this.tellSoon()
  }

  /** Whether this beginning was left without an answer, by this process or another. */
  async has(accountId: string, savedBy: string): Promise<boolean> {
    return this.#unanswered.has(savedBy) || (await this.#ledger.document(accountId, KIND, savedBy)) !== undefined
  }

  /** Tells the other processes in the background, for as long as the database may come back soon. Call it again when it is. */
  tellSoon(): void {
    if (this.#isTelling || this.#unanswered.size === 0) return
    this.#isTelling = true
    void this.#tell().finally(() => {
      this.#isTelling = false
    })
  }

  /** One after another, so that a database that is still away is asked only once. */
  async #tell(): Promise<void> {
    for (const [savedBy, beginning] of this.#unanswered) {
      // One that is back has much to do.
      const isAway = await whenBack(() => this.#tellOf(savedBy, beginning), { ref: false }).then(
        () => false,
        (error: unknown) => error instanceof LedgerUnavailableError || error instanceof LedgerOverloadedError,
      )
      if (isAway) return
      this.#unanswered.delete(savedBy)
    }
  }

  async #tellOf(savedBy: string, { accountId, documentId }: Beginning): Promise<void> {
    const run = await this.#ledger.document(accountId, 'run', documentId)
    // Also where there is none: the change may be on its way still.
    if (run === undefined || run.body.savedBy === savedBy) {
      await this.#ledger.saveDocument({ accountId, kind: KIND, documentId: savedBy, body: {} })
    }
  }
}
