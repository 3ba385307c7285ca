/** Silent bytes that make a pause: half a second of telephone sound. */
const PAUSE_BYTES = 4_000

/** What a session has heard and not yet taken for a turn: bytes of sound, and whether there were words among them. */
export class RealtimeEar {
  bytes = 0
  #hasWords = false
  #silence = 0

  /** Hears a piece. @returns whether it ends a pause after words, for which only one who listens for them waits */
  hear(sound: Uint8Array, isListening: boolean): boolean {
    this.bytes += sound.length
    const isSilent = sound.every((byte) => byte === 0xff || byte === 0)
    this.#silence = isSilent ? this.#silence + sound.length : 0
    this.#hasWords ||= !isSilent
    return isListening && this.#hasWords && this.#silence >= PAUSE_BYTES
  }

  /** Empties the buffer. @returns the bytes that were in it */
  take(): number {
    const { bytes } = this
    this.bytes = 0
    this.#hasWords = false
    this.#silence = 0
    return bytes
  }
}
