/**
 * Work that is done again and again, a while after it was done, until it is stopped. The while varies by a quarter, so that processes which were
 * started together do not go on together. It does not keep the process alive.
 */
export class Repeated {
  readonly #work: () => Promise<unknown>
  readonly #options: { pauseMs: number; onError(error: unknown): void }
  #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> = Promise.resolve()
  #stopping = new AbortController()

  constructor(work: () => Promise<unknown>, options: { pauseMs: number; onError(error: unknown): void }) {
    this.#work = work
    this.#options = options
  }

  /** Aborts when it is to stop. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  start(): void {
    if (this.#timer) return
    this.#stopping = new AbortController()
    this.#schedule(0)
  }

  /** Stops, and waits for what is under way, whose signal is aborted. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#stopping.abort(new Error('the outbox is stopping'))
    await this.#running
  }

  #schedule(delayMs: number): void {
    // Its own: should it be started again while the last turn is under way, that one must not go on as well.
    const { signal } = this.#stopping
    this.#timer = setTimeout(() => {
      this.#running = this.#work()
        .catch((error: unknown) => this.#options.onError(error))
        .finally(() => {
          if (!signal.aborted) this.#schedule(this.#options.pauseMs * (0.75 + Math.random() / 2))
        })
    }, delayMs)
    this.#timer.unref()
  }
}
