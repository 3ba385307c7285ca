/** A pause between two of our transactions in which another process, which asks every millisecond, gets its turn by itself. */
const BACK_TO_BACK_MS = 1
/** How long after its last transaction another process may still want the file. */
const OTHERS_MS = 20

/**
 * Lets another process have its turn. Where several write to one file, a busy one would begin its next transaction a moment
 * after the last, and the others, asking for the file every millisecond, would hardly ever find it free.
 */
export class Turns {
  #version: bigint | undefined
  #othersAt = Number.NEGATIVE_INFINITY
  #wroteAt = Number.NEGATIVE_INFINITY

  /** @param version  SQLite's `data_version` in our transaction: it differs from the last one's when another connection has written */
  wrote(version: bigint): void {
    this.#wroteAt = performance.now()
    if (this.#version !== undefined && this.#version !== version) this.#othersAt = this.#wroteAt
    this.#version = version
  }

  /** Whether the next transaction should be left to somebody else. */
  isOthers(): boolean {
    const now = performance.now()
    return now - this.#wroteAt < BACK_TO_BACK_MS && now - this.#othersAt < OTHERS_MS
  }
}
