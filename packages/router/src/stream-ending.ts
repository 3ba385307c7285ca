import { FareboxError, type ProviderError, type ProviderErrorKind, type Usage } from '@farebox/core'
import type { Candidate } from './route.ts'

/** An event of a stream. The one of type `finish` is its last, and says that nothing is missing. */
export type StreamEvent = { type: string; usage?: Usage; text?: string }

/** How a stream ended. `floor` of a usage is what `produced` shows, where `usage` is not reported. */
export type StreamEnding<Event> =
  | { status: 'finished'; finish: Event; usage: Usage | undefined; produced: readonly Event[] }
  | { status: 'cut'; error: StreamCutError<Event>; usage: Usage | undefined; produced: readonly Event[] }
  | { status: 'left'; usage: undefined; produced: readonly Event[] }

/** A stream that has begun to answer. It is read once. */
export interface AttemptStream<Event> {
  /**
   * The events, the first content included. Stopping to read stops the provider.
   *
   * @throws {StreamCutError} the provider stopped, stalled or failed after content, or the caller's signal fired
   */
  readonly events: AsyncIterableIterator<Event, undefined, undefined>
  /** Settles when the stream has ended, whether or not it was read to its end. Never rejects. */
  readonly ended: Promise<StreamEnding<Event>>
}

/** A stream ended before its finish, after content had been passed on: no other provider can take over. */
export class StreamCutError<Event = StreamEvent> extends FareboxError {
  override readonly code = 'STREAM_CUT'
  declare readonly cause: ProviderError
  readonly kind: ProviderErrorKind
  readonly provider: string
  readonly attemptId: string
  /** The events that were produced, those not yet read included. */
  readonly produced: readonly Event[]
  /** What the provider reported of it, if it did. */
  readonly usage: Usage | undefined

  constructor(facts: { error: ProviderError; candidate: Candidate; attemptId: string; produced: readonly Event[] }) {
    super(`the answer of ${facts.candidate.offer.provider} ended early (${facts.error.kind})`, { cause: facts.error })
    this.kind = facts.error.kind
    this.provider = facts.candidate.offer.provider
    this.attemptId = facts.attemptId
    this.produced = facts.produced
    this.usage = facts.error.usage
  }
}
