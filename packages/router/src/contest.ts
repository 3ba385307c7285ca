/** One attempt's entry in a race of parallel attempts. */
export interface Contestant {
  /** Fires when the caller leaves, or when another attempt has decided the race. */
  readonly signal: AbortSignal
  /** Makes this attempt the winner, unless the race is decided. True if it is the winner. */
  claim(): boolean
  /** Whether the race is decided and this attempt has not won. */
  hasLost(): boolean
}

/** A race of parallel attempts for one request. The first to answer wins, and the others are aborted. */
export class Contest {
  readonly #signal: AbortSignal
  readonly #controllers: AbortController[] = []
  #winner: AbortController | undefined
  #isOver = false

  /** @param signal  fires when the caller leaves */
  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#leave)
  }

  enter(): Contestant {
    const controller = new AbortController()
    this.#controllers.push(controller)
    if (this.#signal.aborted) controller.abort(this.#signal.reason)
    if (this.#isOver) controller.abort(decided())
    return {
      signal: controller.signal,
      claim: () => {
        if (this.#isOver) return this.#winner === controller
        this.#winner = controller
        this.decide()
        return true
      },
      hasLost: () => this.#isOver && this.#winner !== controller,
    }
  }

  /** Ends the race and aborts all but the winner. Without a winner it aborts all, because one met an error that all would meet. */
  decide(): void {
    this.#isOver = true
    for (const controller of this.#controllers) {
      if (controller !== this.#winner) controller.abort(decided())
    }
  }

  /** Removes the listener from the caller's signal. */
  end(): void {
    this.#signal.removeEventListener('abort', this.#leave)
  }

  readonly #leave = () => {
    for (const controller of this.#controllers) controller.abort(this.#signal.reason)
  }
}

function decided(): DOMException {
  return new DOMException('another attempt has decided it', 'AbortError')
}
