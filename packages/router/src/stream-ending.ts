import { FareboxError, type ProviderError, type ProviderErrorKind, type Usage } from '@farebox/core'
import type { Candidate } from './route.ts'

/** An event of a stream. The one of type `finish` is its last, and says that nothing is missing. */
export type StreamEvent = { type: string; usage?: Usage; text?: string; requestId?: string }

/** What one provider contributed to a stream. Each part is accounted by itself. */
export interface StreamPart<Produced> {
  readonly candidate: Candidate
  readonly attemptId: string
  /** `cut` of all but the last part. */
  readonly outcome: 'succeeded' | 'cut' | 'left'
  /** What the provider reported; `undefined`: not reported, and `produced` shows what it was at least. */
  readonly usage: Usage | undefined
  /** All that the provider was heard to produce, also what nobody read. */
  readonly produced: Produced
  /** What of it the consumer has been given; it may still read on of what was produced. */
  readonly delivered: Produced
  /** Why it was cut. */
  readonly error: ProviderError | undefined
}

/** What several providers contributed, in order. */
export type StreamParts<Produced> = readonly [StreamPart<Produced>, ...StreamPart<Produced>[]]

/** How a stream ended. */
export type StreamEnding<Event, Produced = readonly Event[]> =
  | { status: 'finished'; finish: Event; parts: StreamParts<Produced> }
  | { status: 'cut'; error: StreamCutError<Produced>; parts: StreamParts<Produced> }
  /** `isDrained`: the provider was heard to its finish all the same, so the last part's usage is what it reports. */
  | { status: 'left'; isDrained: boolean; parts: StreamParts<Produced> }

/** A stream that has begun to answer. It is read once. */
export interface AttemptStream<Event, Produced = readonly Event[]> {
  /**
   * The events, the first content included. Stopping to read stops the provider, unless it is to be drained.
   *
   * @throws {StreamCutError} the provider stopped, stalled or failed after content, or the caller's signal fired
   */
  readonly events: AsyncIterableIterator<Event, undefined, undefined>
  /** Settles when the stream has ended, whether or not it was read to its end; where it is drained, after that. Never rejects. */
  readonly ended: Promise<StreamEnding<Event, Produced>>
}

/** A stream ended before its finish, after content had been passed on, and nobody took over. */
export class StreamCutError<Produced = readonly StreamEvent[]> extends FareboxError {
  override readonly code = 'STREAM_CUT'
  declare readonly cause: ProviderError
  readonly kind: ProviderErrorKind
  /** Of the part that was cut, the last one. */
  readonly provider: string
  readonly attemptId: string
  readonly parts: StreamParts<Produced>

  constructor({ error, parts }: { error: ProviderError; parts: StreamParts<Produced> }) {
    const { candidate, attemptId } = parts.at(-1) ?? parts[0]
    super(`the answer of ${candidate.offer.provider} ended early (${error.kind})`, { cause: error })
    this.kind = error.kind
    this.provider = candidate.offer.provider
    this.attemptId = attemptId
    this.parts = parts
  }
}
