/**
 * Work that is done again and again, a while after it was done, until it is stopped. The while varies by a quarter, so that processes which were
 * started together do not go on together. It does not keep the process alive.
 */
export class Repeated {
  readonly #work: (signal: AbortSignal) => Promise<unknown>
  readonly #options: { pauseMs: number; onError(error: unknown): void }
  readonly #underWay = new Set<Promise<unknown>>()
  #timer: NodeJS.Timeout | undefined
  #stopping = new AbortController()

  /** @param work  ends early when its signal aborts, which is when it is to stop */
  constructor(work: (signal: AbortSignal) => Promise<unknown>, options: { pauseMs: number; onError(error: unknown): void }) {
    this.#work = work
    this.#options = options
  }

  start(): void {
    if (!this.#timer) this.#schedule(0)
  }

  /** Does something once, whether or not it was started, which {@link stop} ends and waits for like its own work. */
  async once<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const working = work(this.#stopping.signal)
    this.#underWay.add(working)
    try {
      return await working
    } finally {
      this.#underWay.delete(working)
    }
  }

  /** Stops, and waits for what is under way, whose signal is aborted. What is begun later is not stopped by it. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#stopping.abort(new Error('the outbox is stopping'))
    this.#stopping = new AbortController()
    await Promise.allSettled(this.#underWay)
  }

  #schedule(delayMs: number): void {
    // Its own: should it be started again while the last turn is under way, that one must not go on as well.
    const { signal } = this.#stopping
    this.#timer = setTimeout(() => {
      void this.once(this.#work)
        .catch((error: unknown) => this.#options.onError(error))
        .finally(() => {
          if (!signal.aborted) this.#schedule(this.#options.pauseMs * (0.75 + Math.random() / 2))
        })
    }, delayMs)
    this.#timer.unref()
  }
}
