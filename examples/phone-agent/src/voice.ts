import { clearMessage, markMessage, mediaMessage } from '@farebox/providers/twilio'
import type { Workflow } from 'farebox'

/** The mark after everything that one answer says. */
const ALL = 'all'

/** The agent's voice on one media stream. The caller hears everything in order, until it is silenced. */
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

  /** Speaks a text while it is still being synthesized. Resolves when all sound has been sent and charged. */
  async say(text: string, signal: AbortSignal): Promise<void> {
    const speech = await this.#workflow.streamSpeech({ text, format: 'mulaw', signal })
    for await (const event of speech.events) if (event.type === 'audio' && !signal.aborted) this.play(event.audio)
    await speech.settled
  }

  /** Plays ready sound. */
  play(sound: Uint8Array): void {
    if (sound.length > 0) this.#send(mediaMessage(this.#streamId, sound))
  }

  /** Whether the agent is speaking, or has sent sound that the caller has not heard yet. */
  get isSpeaking(): boolean {
    return this.#isSpeaking
  }

  /** Counts as speaking until `work` is done and the caller has heard all of it, or until the caller interrupts. */
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

  /** Sends a mark. Resolves when the caller has heard everything sent before it, or it was silenced. */
  async heard(name: string): Promise<void> {
    if (this.#isEnded) return
    await new Promise<void>((resolve) => {
      this.#waiting.set(name, resolve)
      this.#send(markMessage(this.#streamId, name))
    })
  }

  /** Handles a mark that has come back. */
  mark(name: string): void {
    this.#waiting.get(name)?.()
    this.#waiting.delete(name)
  }

  /** Silences everything that the caller has not heard yet. */
  clear(): void {
    this.#send(clearMessage(this.#streamId))
  }

  /** The stream has ended: nothing waits to be heard any more. */
  end(): void {
    this.#isEnded = true
    for (const resolve of this.#waiting.values()) resolve()
    this.#waiting.clear()
  }
}
