import { ProviderError } from '@farebox/core'
import type { Settled } from './leash.ts'
import { deadlineError, toProviderError } from './provider-failure.ts'
import type { Candidate, Operation } from './route.ts'

/** A provider's stream that can be abandoned. */
export interface Source<Event> {
  next(): Promise<IteratorResult<Event>>
  /** Asks the provider's iterator to end, without waiting for it. */
  close(): void
}

/** Wraps the stream of `open`. The first `next` opens it, so that a failure to open is a failure to read. */
export function createSource<Event>(open: () => AsyncIterable<Event>): Source<Event> {
  let iterator: AsyncIterator<Event> | undefined
  return {
    async next() {
      iterator ??= open()[Symbol.asyncIterator]()
      return iterator.next()
    },
    close() {
      const closing = iterator
      // If an async generator hangs in `next`, its `return` stays queued forever, so do not wait. Its signal has fired already.
      ;(async () => closing?.return?.())().catch(() => {})
    },
  }
}

/** The result of one read from a stream. */
export type Reading<Event> = { status: 'event'; event: Event } | { status: 'left' } | { status: 'failed'; error: ProviderError }

/** Turns the outcome of `next` into an event or a reason to stop. A stream that ends without a finish is incomplete. */
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
      const { provider } = candidate.offer
      // A custom adapter may yield nothing, which is no event.
      if (!isResult(settled.value)) {
        const error = new ProviderError(`${provider}: its stream gave something that is no event`, {
          provider,
          kind: 'malformed',
        })
        return { status: 'failed', error }
      }
      if (!settled.value.done) return { status: 'event', event: settled.value.value }
      return {
        status: 'failed',
        error: new ProviderError(`${provider}: the stream ended without a finish event`, { provider, kind: 'incomplete' }),
      }
    }
  }
}

function isResult<Event>(result: IteratorResult<Event> | undefined): result is IteratorResult<Event> {
  if (typeof result !== 'object' || result === null) return false
  return result.done === true || (typeof result.value === 'object' && result.value !== null)
}
