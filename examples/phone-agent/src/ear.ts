import { mediaFormat } from '@farebox/providers/twilio'
import type { Workflow } from 'farebox'
import { isUnpaid } from './is-unpaid.ts'
import { SoundQueue } from './sound-queue.ts'

/** How many transcribers may fail in a row before the agent stops listening. */
const FAILURES_MAX = 3

/** Called with the words heard, which may still change unless they are final. */
export type OnHeard = (text: string, isFinal: boolean) => Promise<void>

/** Transcribes what the caller says. If a transcriber fails, another continues where it stopped. */
export class Ear {
  readonly #workflow: Workflow
  readonly #sound = new SoundQueue()

  constructor(workflow: Workflow) {
    this.#workflow = workflow
  }

  hear(sound: Uint8Array): void {
    this.#sound.push(sound)
  }

  /** No more sound will come. What has been heard is still transcribed. */
  end(): void {
    this.#sound.end()
  }

  /** Resolves when everything heard so far has been processed. */
  caughtUp(): Promise<void> {
    return this.#sound.drained()
  }

  /** Transcribes until the sound or the credits end, or transcribers keep failing. Resolves to the reason once all is charged. */
  async listen(onHeard: OnHeard): Promise<'input' | 'credits' | 'failure'> {
    for (let failures = 0; failures < FAILURES_MAX; failures += 1) {
      try {
        const live = await this.#workflow.listen({ audio: this.#sound.read(), format: mediaFormat, language: 'en' })
        for await (const event of live.events) {
          if (event.type !== 'transcript' || event.text.trim() === '') continue
          failures = 0
          await onHeard(event.text, event.isFinal)
        }
        const { endedBy } = await live.settled
        return ['credits', 'request_limit', 'key_limit'].includes(endedBy) ? 'credits' : 'input'
      } catch (error) {
        if (isUnpaid(error)) return 'credits'
      }
    }
    return 'failure'
  }
}
