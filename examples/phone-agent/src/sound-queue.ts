/** Sound on its way from the telephone to a transcriber. If one transcriber fails, the next continues with the unread sound. */
export class SoundQueue {
  readonly #pieces: Uint8Array[] = []
  #isEnded = false
  #wake: (() => void) | undefined
  #onDrained: (() => void)[] = []

  push(piece: Uint8Array): void {
    if (this.#isEnded) return
    this.#pieces.push(piece)
    this.#wake?.()
  }

  end(): void {
    this.#isEnded = true
    this.#wake?.()
    for (const tell of this.#onDrained.splice(0)) tell()
  }

  /** Resolves when the reader has taken everything and waits for more. */
  async drained(): Promise<void> {
    if (this.#isEnded || (this.#pieces.length === 0 && this.#wake)) return
    await new Promise<void>((resolve) => this.#onDrained.push(resolve))
  }

  /** Iterates over the sound until it ends. Only one reader at a time. */
  read(): AsyncIterable<Uint8Array> & AsyncIterator<Uint8Array, undefined> {
    let isLeft = false
    const done = { done: true, value: undefined } as const
    return {
      next: async () => {
        while (this.#pieces.length === 0 && !this.#isEnded && !isLeft) {
          const woken = new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          for (const tell of this.#onDrained.splice(0)) tell()
          await woken
          this.#wake = undefined
        }
        const piece = isLeft ? undefined : this.#pieces.shift()
        return piece ? { done: false, value: piece } : done
      },
      return: async () => {
        isLeft = true
        this.#wake?.()
        return done
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }
}
