import type { AttemptRun } from './attempt-run.ts'
import type { OpenedStream } from './open-stream.ts'
import type { Candidate } from './route.ts'
import type { StreamEvent, StreamPart } from './stream-ending.ts'
import type { StreamSeam } from './stream-options.ts'
import type { LivePart } from './stream-part.ts'
import type { Tally } from './tally.ts'

/** What a stream needs besides its first part. */
export interface ProductionParts<Event extends StreamEvent, Produced> {
  run: Pick<AttemptRun<unknown>, 'options' | 'signal' | 'msLeft' | 'leave' | 'close'>
  tally: () => Tally<Event, Produced>
  drain: (facts: { candidate: Candidate; produced: Produced }) => number
  /** Opens the stream of another candidate that continues after these parts, or gives `undefined` if none does. */
  continueAfter: (parts: readonly StreamPart<Produced>[]) => Promise<OpenedStream<Event> | undefined>
  onContinued: (seam: StreamSeam<Produced>) => void
}

/** How long to drain a part after the consumer left, in milliseconds. 0 if the caller's function throws. */
export function drainMsOf<Event extends StreamEvent, Produced>(
  { drain }: Pick<ProductionParts<Event, Produced>, 'drain'>,
  live: LivePart<Event, Produced>,
): number {
  const { candidate, produced } = live.describe({ outcome: 'left' })
  try {
    return drain({ candidate, produced })
  } catch {
    return 0
  }
}

/** Reports a seam. */
export function tellSeam<Event extends StreamEvent, Produced>(
  { onContinued }: Pick<ProductionParts<Event, Produced>, 'onContinued'>,
  seam: StreamSeam<Produced>,
): void {
  // A failing observer must not cut a stream that continues, nor end the process if it fails later.
  void (async () => onContinued(seam))().catch(() => {})
}
