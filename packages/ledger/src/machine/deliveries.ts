import type { Failure, Operations, Outcomes } from '../operations.ts'
import type { EventRow } from '../rows.ts'
import type { LedgerState } from './state.ts'

/** Claims an event for one of several delivering processes. It is due again at `until`, in case that process has died. */
export function claimEvent(
  state: LedgerState,
  accountId: string,
  { eventId, until }: Operations['claimEvent'],
  now: number,
): Outcomes['claimEvent'] | Failure {
  return withEvent(state, accountId, eventId, (event) => {
    const isClaimed = event.dueAt !== null && event.dueAt <= now
    if (isClaimed) {
      event.dueAt = until
      event.attempts += 1
    }
    return { status: 'claimed', isClaimed, attempts: event.attempts, replayed: false }
  })
}

/** Records how a delivery attempt ended. A delivered event stays delivered, whatever a slower process reports. */
export function endDelivery(
  state: LedgerState,
  accountId: string,
  { eventId, error, delayMs }: Operations['endDelivery'],
  now: number,
): Outcomes['endDelivery'] | Failure {
  return withEvent(state, accountId, eventId, (event) => {
    if (event.deliveredAt === null) {
      event.dueAt = error === undefined || delayMs === undefined ? null : now + delayMs
      event.deliveredAt = error === undefined ? now : null
      event.error = error ?? null
    }
    return { status: 'noted', replayed: false }
  })
}

/** Makes an event due now that is waiting or was given up. */
export function retryEvent(
  state: LedgerState,
  accountId: string,
  { eventId }: Operations['retryEvent'],
  now: number,
): Outcomes['retryEvent'] | Failure {
  return withEvent(state, accountId, eventId, (event) => {
    if (event.deliveredAt === null) event.dueAt = now
    return { status: 'due', isDelivered: event.deliveredAt !== null, replayed: false }
  })
}

function withEvent<Result>(state: LedgerState, accountId: string, eventId: string, change: (event: EventRow) => Result) {
  const event = state.event(accountId, eventId)
  if (!event) return { status: 'failed', code: 'EVENT_NOT_FOUND', id: eventId } satisfies Failure
  state.touch('events', event)
  return change(event)
}
