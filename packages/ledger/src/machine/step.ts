import type { Failure, Outcomes, Verb } from '../operations.ts'
import type { AccountRow, Posting } from '../rows.ts'
import type { NewEvent } from './events.ts'
import type { LedgerState } from './state.ts'

/** What a verb is given: the rows, the account, and the time of this change on the account's clock. */
export interface Step {
  state: LedgerState
  account: AccountRow
  now: number
}

/**
 * What a verb decided. `done` changed rows, and is journaled with its postings, whose amounts add up to zero; `event` is to be
 * told. Anything else changed nothing: `nothing` is an answer without an entry, so that its key may find something to do another time.
 */
export type Decision<Name extends Verb> =
  | { done: Extract<Outcomes[Name], { replayed: boolean }>; postings: readonly Posting[]; event?: NewEvent }
  | { nothing: Extract<Outcomes[Name], { replayed: boolean }> }
  | { refused: Extract<Outcomes[Name], { status: 'refused' }> | Failure }

/** Says no without having changed anything. */
export function refuse<Why>(refused: Why): { refused: Why } {
  return { refused }
}
