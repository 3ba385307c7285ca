/** One attempt's place among those made side by side. */
export interface Contestant {
  /** Fires when the caller leaves, and when another attempt has won. */
  readonly signal: AbortSignal
  /** Takes the place of the winner, if it is still free. */
  claim(): boolean
  /** Whether another attempt has decided it. */
  hasLost(): boolean
}

/** Attempts made side by side for one request: the first to answer wins, and the others are stopped. */
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

  /** Stops all but the winner: there is one, or what one has met would be met by all. */
  decide(): void {
    this.#isOver = true
    for (const controller of this.#controllers) {
      if (controller !== this.#winner) controller.abort(decided())
    }
  }

  /** Lets go of the caller's signal. */
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
