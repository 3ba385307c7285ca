/**
 * Repeats work until it is stopped, with a pause after each run. The pause varies by ±25 %, so that processes started together
 * drift apart. It does not keep the process alive.
 */
export class Repeated {
  readonly #work: (signal: AbortSignal) => Promise<unknown>
  readonly #options: { pauseMs: number; onError(error: unknown): void }
  readonly #underWay = new Set<Promise<unknown>>()
  #timer: NodeJS.Timeout | undefined
  #stopping = new AbortController()

  /** @param work  must end early when its signal aborts, which {@link stop} does */
  constructor(work: (signal: AbortSignal) => Promise<unknown>, options: { pauseMs: number; onError(error: unknown): void }) {
    this.#work = work
    this.#options = options
  }

  start(): void {
    if (!this.#timer) this.#schedule(0)
  }

  /** Runs other work once, whether or not this is started. {@link stop} aborts it and waits for it too. */
  async once<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const working = work(this.#stopping.signal)
    this.#underWay.add(working)
    try {
      return await working
    } finally {
      this.#underWay.delete(working)
    }
  }

  /** Aborts the work under way and waits for it. Work begun later is not affected. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#stopping.abort(new Error('the outbox is stopping'))
    this.#stopping = new AbortController()
    await Promise.allSettled(this.#underWay)
  }

  #schedule(delayMs: number): void {
    // Keep this run's own signal: if `start` is called again while it is ending, it must not reschedule itself as well.
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
