import { LedgerInternalError } from '../errors.ts'
import type { Operation, Outcome } from '../operations.ts'
import { apply, applyPartOfDue } from './apply.ts'
import { missingRows } from './needs.ts'
import { type Changes, LedgerState, type LoadRequest, type NewRows } from './state.ts'

/** A driver's answer to a list of load requests: the rows of each, and the store's time. */
export interface LoadReply {
  now: number
  rows: readonly (readonly object[])[]
}

export interface BatchResult {
  /**
   * One per operation. Absent if more was due on an account than one transaction should apply: then the changes are only a part of
   * that, and the driver commits them and runs the batch again.
   */
  outcomes?: Outcome[]
  changes: Changes
}

export interface BatchOptions {
  /**
   * Receives rows that the driver may write already, while further operations are applied. A hold among them may change once
   * more, and then is among the changes too.
   */
  writeEarly?: (rows: NewRows) => void
  /** After how many operations. @defaultValue 64, whose rows are worth statements of their own */
  writeEvery?: number
  /** How many holds of an account one transaction gives back because they are due. @defaultValue what a `firstHolds` load allows */
  dueAtOnce?: number
}

/**
 * Runs one batch as a conversation with a driver: it yields load requests, is sent their rows, and returns what to write. The
 * driver runs it inside one transaction. The first request is for the accounts, which the driver locks in the given order before
 * it loads anything else.
 */
export function* runBatch(
  operations: readonly Operation[],
  { writeEarly, writeEvery = 64, dueAtOnce }: BatchOptions = {},
): Generator<LoadRequest[], BatchResult, LoadReply> {
  const state = new LedgerState(dueAtOnce)
  const accountIds = [...new Set(operations.map(({ accountId }) => accountId))].sort()
  // Requests what is needed whatever the accounts say, which saves the driver a round trip while they are locked.
  const foreseen = missingRows(state, operations, 0)
  let requests: LoadRequest[] = [{ kind: 'account', keys: accountIds.map((id) => [id]) }, ...foreseen]
  let time: number | undefined
  while (requests.length > 0) {
    const reply: LoadReply = yield requests
    for (const [index, request] of requests.entries()) state.put(request, reply.rows[index] ?? [])
    // What is due depends on the time, so a batch has only one.
    time ??= reply.now
    requests = missingRows(state, operations, time)
  }
  const now = time ?? 0
  try {
    if (applyPartOfDue(state, operations, now)) return { changes: state.changes() }
    const outcomes = apply(state, operations, now, (applied) => {
      if (applied % writeEvery === 0) writeEarly?.(state.takeNewRows())
    })
    return { outcomes, changes: state.changes() }
  } catch (error) {
    throw new LedgerInternalError('the ledger could not apply a change, and changed nothing', error)
  }
}
