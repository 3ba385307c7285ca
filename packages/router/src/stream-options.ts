import type { CallContext, ProviderError } from '@farebox/core'
import type { AttemptOptions } from './attempt-options.ts'
import type { Candidate } from './route.ts'
import type { StreamEvent, StreamPart } from './stream-ending.ts'
import type { Tally } from './tally.ts'

/** Options of {@link attemptStream}. */
export interface StreamAttemptOptions<Event extends StreamEvent, Refusal = never, Produced = readonly Event[]>
  extends AttemptOptions<Refusal> {
  /**
   * Opens a stream at a candidate. Its signal fires at a deadline, when the caller leaves, and when the consumer stops reading.
   *
   * @param earlier  the parts that other candidates produced before they were cut. The consumer receives these, so the stream
   *                 must continue from there and repeat nothing. Empty unless this is a continuation.
   */
  open: (candidate: Candidate, context: CallContext, earlier: readonly StreamPart<Produced>[]) => AsyncIterable<Event>
  /**
   * What happens when a provider fails after its first content. `end`: the stream ends with {@link StreamCutError}. `continue`:
   * the next remaining candidate continues it, if the error allows that and `beforeAttempt` agrees. A function decides for each
   * cut part.
   * @defaultValue `end`
   */
  afterContent?: AfterContent | ((cut: StreamPart<Produced>) => AfterContent)
  /** Maximum continuations of one stream. @defaultValue 2 */
  continuationsMax?: number
  /** Receives each seam, just before the consumer gets the first event of the next part. Exceptions that it throws are ignored. */
  onContinued?: (seam: StreamSeam<Produced>) => void
  /**
   * How long to keep reading the provider after the consumer left, in milliseconds, so that its usage is exact. Reading stops at
   * the provider's finish or after this time. 0 stops the provider at once. The consumer's stream ends at once either way.
   * @defaultValue 0
   */
  drain?: (facts: { candidate: Candidate; produced: Produced }) => number
  /**
   * Creates the tally that summarizes the events of one part, for `produced` and `delivered`. With {@link createTally}, memory
   * use does not grow with the stream. @defaultValue keeps all events
   */
  tally?: () => Tally<Event, Produced>
}

/** What happens when a stream breaks off after its first content: it ends with an error, or another candidate continues it. */
export type AfterContent = 'end' | 'continue'

/** Where one provider broke off and the next continues. */
export interface StreamSeam<Produced> {
  readonly from: StreamPart<Produced>
  readonly to: { readonly candidate: Candidate; readonly attemptId: string }
  readonly error: ProviderError
}
