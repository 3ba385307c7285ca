/**
 * Streams under way, which end when their readers read on or leave, and metered time, which ends when its host says so: whoever closes need
 * not wait for these for ever.
 */
export class OpenStreams {
  readonly #leaves = new Set<() => void>()
  #isStopped = false

  /** Takes up a stream until `ended` settles. `leave` ends it as if its reader had left; it is called at most once. */
  add(leave: () => void, ended: Promise<unknown>): void {
    if (this.#isStopped) {
      leave()
      return
    }
    const settled = () => void this.#leaves.delete(leave)
    this.#leaves.add(leave)
    ended.then(settled, settled)
  }

  /** Ends those under way, and any that begins later. */
  stop(): void {
    this.#isStopped = true
    for (const leave of this.#leaves) leave()
    this.#leaves.clear()
  }
}
