import { mediaFormat } from '@farebox/providers/twilio'
import type { Workflow } from 'farebox'
import { isUnpaid } from './is-unpaid.ts'
import { SoundQueue } from './sound-queue.ts'

/** Transcribers that may fail one after another before hearing is given up. */
const FAILURES_MAX = 3

/** What was heard: words that may still change, or that are final. */
export type OnHeard = (text: string, isFinal: boolean) => Promise<void>

/** Hears the caller. When a transcriber fails, another goes on where it stopped. */
export class Ear {
  readonly #workflow: Workflow
  readonly #sound = new SoundQueue()

  constructor(workflow: Workflow) {
    this.#workflow = workflow
  }

  hear(sound: Uint8Array): void {
    this.#sound.push(sound)
  }

  /** There is nothing more to hear: what was heard is still transcribed. */
  end(): void {
    this.#sound.end()
  }

  /** Resolves when all that was heard has been dealt with. */
  caughtUp(): Promise<void> {
    return this.#sound.drained()
  }

  /** Transcribes until the sound ends, or the credits do, or nobody can. Resolves to which, when all of it is charged. */
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
