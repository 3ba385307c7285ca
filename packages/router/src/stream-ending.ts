import { FareboxError, type ProviderError, type ProviderErrorKind, type Usage } from '@farebox/core'
import type { Candidate } from './route.ts'

/** An event of a stream. The event of type `finish` comes last and confirms that the stream is complete. */
export type StreamEvent = { type: string; usage?: Usage; text?: string; requestId?: string }

/** What one provider contributed to a stream. Each part is accounted separately. */
export interface StreamPart<Produced> {
  readonly candidate: Candidate
  readonly attemptId: string
  /** `cut` for all parts but the last. */
  readonly outcome: 'succeeded' | 'cut' | 'left'
  /** What the provider reported. `undefined`: not reported, and `produced` is the lower bound. */
  readonly usage: Usage | undefined
  /** Everything received from the provider, including what the consumer never read. */
  readonly produced: Produced
  /** The portion of `produced` that the consumer has read so far. It grows while the consumer reads on. */
  readonly delivered: Produced
  /** Why the part was cut. */
  readonly error: ProviderError | undefined
}

/** What several providers contributed, in order. */
export type StreamParts<Produced> = readonly [StreamPart<Produced>, ...StreamPart<Produced>[]]

/** How a stream ended. */
export type StreamEnding<Event, Produced = readonly Event[]> =
  | { status: 'finished'; finish: Event; parts: StreamParts<Produced> }
  | { status: 'cut'; error: StreamCutError<Produced>; parts: StreamParts<Produced> }
  /** `isDrained`: the provider was still read to its finish, so the last part has the usage that it reported. */
  | { status: 'left'; isDrained: boolean; parts: StreamParts<Produced> }

/** A stream that has begun to answer. It can be read once. */
export interface AttemptStream<Event, Produced = readonly Event[]> {
  /**
   * The events, including the first content. When the consumer stops reading, the provider is stopped, unless it is to be
   * drained.
   *
   * @throws {StreamCutError} the provider stopped, stalled or failed after its first content, or the caller's signal fired
   */
  readonly events: AsyncIterableIterator<Event, undefined, undefined>
  /** Resolves when the stream has ended, whether or not it was read to its end, and after any drain. Never rejects. */
  readonly ended: Promise<StreamEnding<Event, Produced>>
}

/** A stream broke off after its first content and before its finish, and no other candidate continued it. */
export class StreamCutError<Produced = readonly StreamEvent[]> extends FareboxError {
  override readonly code = 'STREAM_CUT'
  declare readonly cause: ProviderError
  readonly kind: ProviderErrorKind
  /** The provider of the last part, which was cut. */
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
