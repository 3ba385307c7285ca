import type { ProviderError, Usage } from '@farebox/core'
import { type OpenedStream, stop } from './open-stream.ts'
import type { StreamEvent, StreamPart } from './stream-ending.ts'
import type { Tally } from './tally.ts'

/** How one part of a stream ends. */
export interface PartEnd {
  outcome: StreamPart<unknown>['outcome']
  error?: ProviderError
  usage?: Usage
  requestId?: string
  /** It was read to its finish, though nobody wanted it any more. */
  isComplete?: boolean
  /** It says nothing of the provider. */
  isOurs?: boolean
}

/** The part of a stream that is being produced. */
export class LivePart<Event extends StreamEvent, Produced> {
  readonly opened: OpenedStream<Event>
  readonly #produced: Tally<Event, Produced>
  readonly #delivered: Tally<Event, Produced>
  /** What the provider calls it, as soon as it says so: of one that does not come to its finish, its own records are found by that. */
  #requestId: string | undefined

  constructor(opened: OpenedStream<Event>, tally: () => Tally<Event, Produced>) {
    this.opened = opened
    this.#produced = tally()
    this.#delivered = tally()
    for (const event of opened.waiting) this.produce(event)
    // From here on it is for the stream to act when the caller leaves: the provider may be drained.
    opened.leash.release()
  }

  get candidate() {
    return this.opened.plan.candidate
  }

  produce(event: Event): void {
    this.#requestId ??= event.requestId
    this.#produced.add(event)
  }

  deliver(event: Event): void {
    this.#delivered.add(event)
  }

  /** Stops the provider and writes down how it ended. Called once. */
  end(end: PartEnd): StreamPart<Produced> {
    const { plan, leash, source } = this.opened
    stop(leash, source)
    plan.finish({ ...end, requestId: end.requestId ?? end.error?.requestId ?? this.#requestId })
    return this.describe(end)
  }

  /** What it has contributed so far. */
  describe({ outcome, error, usage }: PartEnd): StreamPart<Produced> {
    const { candidate, attemptId } = this.opened.plan
    const [produced, delivered] = [this.#produced, this.#delivered]
    return {
      candidate,
      attemptId,
      outcome,
      usage,
      get produced() {
        return produced.read()
      },
      get delivered() {
        return delivered.read()
      },
      error,
    }
  }
}
