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
  /** The consumer left, but the part was read to its finish. */
  isComplete?: boolean
  /** The provider is not to blame for the end. */
  isOurs?: boolean
}

/** The part of a stream that a provider is producing. */
export class LivePart<Event extends StreamEvent, Produced> {
  readonly opened: OpenedStream<Event>
  readonly #produced: Tally<Event, Produced>
  readonly #delivered: Tally<Event, Produced>
  /** The provider's id of the request, kept as soon as it arrives, so that a part without a finish can be traced at the provider. */
  #requestId: string | undefined

  constructor(opened: OpenedStream<Event>, tally: () => Tally<Event, Produced>) {
    this.opened = opened
    this.#produced = tally()
    this.#delivered = tally()
    for (const event of opened.waiting) this.produce(event)
    // From here on, the stream decides what happens when the caller leaves, because it may drain the provider.
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

  /** Stops the provider and records how the part ended. Call it once. */
  end(end: PartEnd): StreamPart<Produced> {
    const { plan, leash, source } = this.opened
    stop(leash, source)
    plan.finish({ ...end, requestId: end.requestId ?? end.error?.requestId ?? this.#requestId })
    return this.describe(end)
  }

  /** What the part has contributed so far. */
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
