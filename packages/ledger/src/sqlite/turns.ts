/** After a pause of this length between transactions, another process, which polls every millisecond, has had its turn. */
const BACK_TO_BACK_MS = 1
/** How long after its last transaction another process is assumed to want the file again. */
const OTHERS_MS = 20

/**
 * Gives other processes their turn. A busy process would begin each transaction right after the last one, and the others, which
 * poll every millisecond, would hardly ever find the file free.
 */
export class Turns {
  #version: bigint | undefined
  #othersAt = Number.NEGATIVE_INFINITY
  #wroteAt = Number.NEGATIVE_INFINITY

  /** @param version  SQLite's `data_version` in this transaction, which changes when another connection has written */
  wrote(version: bigint): void {
    this.#wroteAt = performance.now()
    if (this.#version !== undefined && this.#version !== version) this.#othersAt = this.#wroteAt
    this.#version = version
  }

  /** Whether another process should get the next transaction. */
  isOthers(): boolean {
    const now = performance.now()
    return now - this.#wroteAt < BACK_TO_BACK_MS && now - this.#othersAt < OTHERS_MS
  }
}
