import { ProviderError } from '@farebox/core'
import type { Settled } from './leash.ts'
import { deadlineError, toProviderError } from './provider-failure.ts'
import type { Candidate, Operation } from './route.ts'

/** A provider's stream that can be let go. */
export interface Source<Event> {
  next(): Promise<IteratorResult<Event>>
  /** Asks the provider's iterator to end, without waiting for it. */
  close(): void
}

/** The stream of `open`, opened by the first `next`, so that a failure to open is a failure to read. */
export function createSource<Event>(open: () => AsyncIterable<Event>): Source<Event> {
  let iterator: AsyncIterator<Event> | undefined
  return {
    async next() {
      iterator ??= open()[Symbol.asyncIterator]()
      return iterator.next()
    },
    close() {
      const closing = iterator
      // An async generator that hangs in `next` queues its `return` for ever; its signal has fired, that has to do.
      ;(async () => closing?.return?.())().catch(() => {})
    },
  }
}

/** What one read of a stream brought. */
export type Reading<Event> = { status: 'event'; event: Event } | { status: 'left' } | { status: 'failed'; error: ProviderError }

/** Turns what came of `next` into an event or a reason to stop. A stream that ends without a finish is incomplete. */
export function read<Event>(
  settled: Settled<IteratorResult<Event>>,
  candidate: Candidate,
  operation: Operation,
  waitedFor: string,
): Reading<Event> {
  switch (settled.status) {
    case 'left':
      return { status: 'left' }
    case 'deadline':
      return { status: 'failed', error: deadlineError(candidate, operation, waitedFor) }
    case 'rejected':
      return { status: 'failed', error: toProviderError(settled.error, candidate, operation) }
    case 'fulfilled': {
      if (!settled.value.done) return { status: 'event', event: settled.value.value }
      const { provider } = candidate.offer
      return {
        status: 'failed',
        error: new ProviderError(`${provider}: the stream ended without a finish`, { provider, kind: 'incomplete' }),
      }
    }
  }
}
