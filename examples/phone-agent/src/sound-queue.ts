/** Sound on its way from the telephone to whoever transcribes it. When one transcriber fails, the next goes on with what is left. */
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

  /** Resolves when all that was pushed has been taken, and more is waited for. */
  async drained(): Promise<void> {
    if (this.#isEnded || (this.#pieces.length === 0 && this.#wake)) return
    await new Promise<void>((resolve) => this.#onDrained.push(resolve))
  }

  /** What comes, until it ends. One reader at a time. */
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
