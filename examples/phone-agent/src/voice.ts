import { clearMessage, markMessage, mediaMessage } from '@farebox/providers/twilio'
import type { Workflow } from 'farebox'

/** The mark after all that is to be said. */
const ALL = 'all'

/** The agent's voice on one media stream: what is said is heard one after another, until it is silenced. */
export class Voice {
  readonly #workflow: Workflow
  readonly #send: (message: string) => void
  readonly #streamId: string
  #isSpeaking = false
  #isEnded = false
  readonly #waiting = new Map<string, () => void>()

  constructor(workflow: Workflow, streamId: string, send: (message: string) => void) {
    this.#workflow = workflow
    this.#streamId = streamId
    this.#send = send
  }

  /** Speaks, while it is being synthesized. Resolves when all of it is on its way, and charged. */
  async say(text: string, signal: AbortSignal): Promise<void> {
    const speech = await this.#workflow.streamSpeech({ text, format: 'mulaw', signal })
    for await (const event of speech.events) if (event.type === 'audio' && !signal.aborted) this.play(event.audio)
    await speech.settled
  }

  /** Plays sound that is there. */
  play(sound: Uint8Array): void {
    if (sound.length > 0) this.#send(mediaMessage(this.#streamId, sound))
  }

  /** Whether something is being said, or was and is not heard yet. */
  get isSpeaking(): boolean {
    return this.#isSpeaking
  }

  /** Speaks until `work` is done and all that it said has been heard, or until it is interrupted. */
  async speaking(work: Promise<void>, signal: AbortSignal): Promise<void> {
    this.#isSpeaking = true
    signal.addEventListener('abort', () => this.mark(ALL))
    try {
      await work
      if (!signal.aborted) await this.heard(ALL)
    } finally {
      this.#isSpeaking = false
    }
  }

  /** Resolves when all that was said before has been heard, or was silenced. */
  async heard(name: string): Promise<void> {
    if (this.#isEnded) return
    await new Promise<void>((resolve) => {
      this.#waiting.set(name, resolve)
      this.#send(markMessage(this.#streamId, name))
    })
  }

  /** Takes a mark that came back. */
  mark(name: string): void {
    this.#waiting.get(name)?.()
    this.#waiting.delete(name)
  }

  /** Silences what was not heard yet. */
  clear(): void {
    this.#send(clearMessage(this.#streamId))
  }

  /** Nobody hears it any more. */
  end(): void {
    this.#isEnded = true
    for (const resolve of this.#waiting.values()) resolve()
    this.#waiting.clear()
  }
}
