import type { AttemptRun } from './attempt-run.ts'
import type { OpenedStream } from './open-stream.ts'
import type { Candidate } from './route.ts'
import type { StreamEvent, StreamPart } from './stream-ending.ts'
import type { StreamSeam } from './stream-options.ts'
import type { Tally } from './tally.ts'

/** What a stream needs beside its first part. */
export interface ProductionParts<Event extends StreamEvent, Produced> {
  run: Pick<AttemptRun<unknown>, 'options' | 'signal' | 'msLeft' | 'leave' | 'close'>
  tally: () => Tally<Event, Produced>
  drain: (facts: { candidate: Candidate; produced: Produced }) => number
  /** Opens the stream of another candidate after these parts; `undefined` where none goes on. */
  continueAfter: (parts: readonly StreamPart<Produced>[]) => Promise<OpenedStream<Event> | undefined>
  onContinued: (seam: StreamSeam<Produced>) => void
}
