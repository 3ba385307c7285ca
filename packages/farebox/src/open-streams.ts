/**
 * Tracks running streams and metered time, so that closing need not wait forever for the readers of streams and for the code that
 * meters.
 */
export class OpenStreams {
  readonly #leaves = new Set<() => void>()
  #isStopped = false

  /** Tracks a stream until `ended` settles. `leave` ends it as if its reader had left, and is called at most once. */
  add(leave: () => void, ended: Promise<unknown>): void {
    if (this.#isStopped) {
      leave()
      return
    }
    const settled = () => void this.#leaves.delete(leave)
    this.#leaves.add(leave)
    ended.then(settled, settled)
  }

  /** Ends all running streams, and any that begin later. */
  stop(): void {
    this.#isStopped = true
    for (const leave of this.#leaves) leave()
    this.#leaves.clear()
  }
}
