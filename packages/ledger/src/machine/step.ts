import type { Failure, Outcomes, Verb } from '../operations.ts'
import type { AccountRow, Posting } from '../rows.ts'
import type { NewEvent } from './events.ts'
import type { LedgerState } from './state.ts'

/** What a verb works on: the rows, the account, and the time of this change on the account's clock. */
export interface Step {
  state: LedgerState
  account: AccountRow
  now: number
}

/**
 * What a verb decided. `done` means that it changed rows: it is journaled with its postings, which add up to zero, and `event` is
 * emitted. The others mean that it changed nothing. `nothing` is an outcome without a journal entry, so that the same key can
 * take effect later.
 */
export type Decision<Name extends Verb> =
  | { done: Extract<Outcomes[Name], { replayed: boolean }>; postings: readonly Posting[]; event?: NewEvent }
  | { nothing: Extract<Outcomes[Name], { replayed: boolean }> }
  | { refused: Extract<Outcomes[Name], { status: 'refused' }> | Failure }

/** A refusal by a verb that has changed nothing. */
export function refuse<Why>(refused: Why): { refused: Why } {
  return { refused }
}

/** The failure for something new that would be over already. */
export function overAlready(expiresAt: number | undefined, now: number): Failure | undefined {
  if (expiresAt === undefined || expiresAt > now) return undefined
  return { status: 'failed', code: 'INVALID_INPUT', field: 'expiresAt', problem: `is not in the future: ${expiresAt}` }
}
