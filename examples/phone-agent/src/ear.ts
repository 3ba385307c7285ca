import { setTimeout as sleep } from 'node:timers/promises'
import { mediaFormat } from '@farebox/providers/twilio'
import { isFareboxError, type Workflow } from 'farebox'
import { isUnpaid } from './is-unpaid.ts'
import { SoundQueue } from './sound-queue.ts'

/** How many transcribers may fail in a row before the agent stops listening. */
const FAILURES_MAX = 3

/** A database that is away has about twenty seconds to come back. What is said meanwhile is transcribed then. */
const AWAY_TRIES = 10
const AWAY_WAIT_MS = 2_000

/** Called with the words heard, which may still change unless they are final. */
export type OnHeard = (text: string, isFinal: boolean) => Promise<void>

/** Transcribes what the caller says. If a transcriber fails, another continues where it stopped. */
export class Ear {
  readonly #workflow: Workflow
  readonly #sound = new SoundQueue()
  #hasEnded = false

  constructor(workflow: Workflow) {
    this.#workflow = workflow
  }

  hear(sound: Uint8Array): void {
    this.#sound.push(sound)
  }

  /** No more sound will come. What has been heard is still transcribed. */
  end(): void {
    this.#hasEnded = true
    this.#sound.end()
  }

  /** Resolves when everything heard so far has been processed. */
  caughtUp(): Promise<void> {
    return this.#sound.drained()
  }

  /** Transcribes until the sound or the credits end, or transcribers keep failing. Resolves to the reason once all is charged. */
  async listen(onHeard: OnHeard): Promise<'input' | 'credits' | 'failure'> {
    let awayTries = 0
    for (let failures = 0; failures < FAILURES_MAX; ) {
      try {
        const live = await this.#workflow.listen({ audio: this.#sound.read(), format: mediaFormat, language: 'en' })
        for await (const event of live.events) {
          if (event.type !== 'transcript' || event.text.trim() === '') continue
          failures = 0
          awayTries = 0
          await onHeard(event.text, event.isFinal)
        }
        const { endedBy } = await live.settled
        return ['credits', 'request_limit', 'key_limit'].includes(endedBy) ? 'credits' : 'input'
      } catch (error) {
        if (isUnpaid(error)) return 'credits'
        const isAway = isFareboxError(error) && error.code === 'LEDGER_UNAVAILABLE'
        if (isAway && !this.#hasEnded && awayTries < AWAY_TRIES) {
          awayTries += 1
          await sleep(AWAY_WAIT_MS)
        } else failures += 1
      }
    }
    return 'failure'
  }
}
