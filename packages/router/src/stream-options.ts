import type { CallContext, ProviderError } from '@farebox/core'
import type { AttemptOptions } from './attempt-options.ts'
import type { Candidate } from './route.ts'
import type { StreamEvent, StreamPart } from './stream-ending.ts'
import type { Tally } from './tally.ts'

/** What a loop of attempts at a stream is given. */
export interface StreamAttemptOptions<Event extends StreamEvent, Refusal = never, Produced = readonly Event[]>
  extends AttemptOptions<Refusal> {
  /**
   * Opens a stream at a candidate. Its signal fires at a deadline, when the caller leaves, and when the consumer stops reading.
   *
   * @param earlier  what others have contributed before they were cut, which the consumer has been given: the stream is to go on from
   *                 there, and to repeat nothing. Empty but for a continuation.
   */
  open: (candidate: Candidate, context: CallContext, earlier: readonly StreamPart<Produced>[]) => AsyncIterable<Event>
  /**
   * What happens when a provider fails after content has been passed on. `end`: the stream ends with {@link StreamCutError}. `continue`:
   * it goes on with the next candidate that is left, unless going on would be wrong; `beforeAttempt` is asked first. A function decides
   * by what was cut. @defaultValue `end`
   */
  afterContent?: AfterContent | ((cut: StreamPart<Produced>) => AfterContent)
  /** How often a stream is continued at most. @defaultValue 2 */
  continuationsMax?: number
  /** Told of each seam, just before the consumer is given the first event of the next part. It must not throw: what it throws is ignored. */
  onContinued?: (seam: StreamSeam<Produced>) => void
  /**
   * How long the provider is still heard when the consumer has left, in milliseconds, so that its usage is exact: to its finish, or so
   * long. 0 stops it at once. The consumer's stream ends at once either way. @defaultValue 0
   */
  drain?: (facts: { candidate: Candidate; produced: Produced }) => number
  /**
   * Makes what sums up the events of one part, for `produced` and `delivered`: with {@link createTally}, memory stays the same however long
   * the stream is. @defaultValue keeps the events
   */
  tally?: () => Tally<Event, Produced>
}

/** What happens when a stream breaks off after content was handed out: it ends with an error, or another candidate goes on. */
export type AfterContent = 'end' | 'continue'

/** Where one provider ended and the next goes on. */
export interface StreamSeam<Produced> {
  readonly from: StreamPart<Produced>
  readonly to: { readonly candidate: Candidate; readonly attemptId: string }
  readonly error: ProviderError
}
