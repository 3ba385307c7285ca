/** How long a connection that stays open may take none of what waits for it, in milliseconds. */
const STALL_MS = 30_000
const LOOKS = 6

/** The most bytes to send in one piece. A buffer shrinks only when a whole piece has left it, which a slow network takes time for. */
const PIECE_BYTES_MAX = 65_536

/**
 * Watches what waits to leave over a websocket. A provider that stops reading keeps the connection open, and no event tells of it:
 * the work would wait for ever.
 */
export class Outflow {
  readonly #waitingBytes: () => number
  readonly #onStall: (error: Error) => void
  #timer: ReturnType<typeof setInterval> | undefined
  #last = 0
  #looks = 0

  /** `onStall` receives the error of a broken connection, once nothing has left for half a minute. */
  constructor(waitingBytes: () => number, onStall: (error: Error) => void) {
    this.#waitingBytes = waitingBytes
    this.#onStall = onStall
  }

  /** Sends by `write`. */
  send(write: () => void): void {
    this.#look()
    write()
    this.#last = this.#waitingBytes()
    if (this.#last === 0 || this.#timer) return
    this.#looks = 0
    this.#timer = setInterval(() => this.#check(), STALL_MS / LOOKS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const waiting = this.#waitingBytes()
    if (waiting < this.#last) this.#looks = 0
    this.#last = waiting
  }

  #check(): void {
    this.#looks += 1
    this.#look()
    const isStalled = this.#last > 0 && this.#looks >= LOOKS
    if (this.#last === 0 || isStalled) this.stop()
    if (!isStalled) return
    this.#onStall(Object.assign(new Error('nothing leaves over the connection any more'), { code: 'ETIMEDOUT' }))
  }
}

/** `bytes` in pieces that a slow network can take one by one. */
export function* inPieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES_MAX) yield bytes.subarray(start, start + PIECE_BYTES_MAX)
}
