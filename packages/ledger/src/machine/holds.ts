import { type Credits, microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { HeldOutcome } from '../outcomes.ts'
import type { AccountRow, HoldRow } from '../rows.ts'
import { dueAt, endHold, remindAt } from './advance.ts'
import { affordable, inUnits, type Limits, limitsOf, newWork, refusalOf } from './affordable.ts'
import { closedEnvelope } from './envelopes.ts'
import { addWorkflow } from './new-workflow.ts'
import { isReserve, renewReserves } from './reserves.ts'
import { giveBack, setAside } from './set-aside.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Sets credits aside before work starts. */
export function placeHold(step: Step, input: Operations['placeHold']): Decision<'placeHold'> {
  const { state, account, now } = step
  const { holdId, amount, service } = input
  if (state.hold(account.accountId, holdId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'hold', id: holdId })
  }
  const found = newWork(step, input)
  if ('refused' in found) return found
  const { limits, workflow, isNew } = found
  const refusal = refusalOf(step, limits, amount)
  if (refusal) return refuse(refusal)

  if (workflow && isNew) addWorkflow(step, workflow)
  const hold = newHold(account, now, {
    holdId,
    workflowId: input.workflowId,
    service,
    provider: input.provider,
    apiKeyId: input.apiKeyId,
    userId: limits.spender.userId,
    amount,
    overage: input.overage,
    ttlMs: input.ttlMs,
    graceMs: input.graceMs,
  })
  const postings = setAside(step, limits, hold, amount)
  state.insert('holds', hold)
  remindAt(account, dueAt(hold))
  return { done: heldOutcome(step, hold, limits, input.unitPrice), postings }
}

/** A new hold, with nothing set aside for it yet. */
export function newHold(
  { accountId }: AccountRow,
  now: number,
  input: Pick<HoldRow, 'holdId' | 'service' | 'provider' | 'amount' | 'overage' | 'graceMs'> & {
    workflowId: string | null | undefined
    apiKeyId: string | null | undefined
    userId: string | null | undefined
    ttlMs: number
  },
): HoldRow {
  return {
    accountId,
    holdId: input.holdId,
    workflowId: input.workflowId ?? null,
    service: input.service,
    provider: input.provider,
    apiKeyId: input.apiKeyId ?? null,
    userId: input.userId ?? null,
    amount: input.amount,
    remaining: microCredits(0n),
    rated: microCredits(0n),
    charged: microCredits(0n),
    shortfall: microCredits(0n),
    state: 'open',
    overage: input.overage,
    lots: [],
    budgets: [],
    createdAt: now,
    expiresAt: now + input.ttlMs,
    graceMs: input.graceMs,
    endedAt: null,
  }
}

/** Gives an open hold more time or another amount. A larger amount is new work, which is refused below a closed workflow. */
export function extendHold(step: Step, input: Operations['extendHold']): Decision<'extendHold'> {
  const { state, account, now } = step
  const hold = openHold(step, input.holdId)
  if ('refused' in hold) return hold
  const workflow = hold.workflowId === null ? undefined : state.workflow(account.accountId, hold.workflowId)
  const change = microCredits((input.amount ?? hold.remaining) - hold.remaining)
  const closed = change > 0n ? closedEnvelope(state, workflow) : undefined
  if (closed) return refuse(closed)
  const known = limitsOf(step, hold, workflow)
  // A reserve does not draw on itself.
  const limits = isReserve(hold) ? { ...known, reserves: known.reserves.filter((reserve) => reserve !== hold) } : known
  if (change > 0n) {
    const refusal = refusalOf(step, limits, change)
    if (refusal) return refuse(refusal)
  }

  if (input.ttlMs !== undefined) hold.expiresAt = now + input.ttlMs
  const postings = change > 0n ? setAside(step, limits, hold, change) : giveBack(state, account, hold, microCredits(-change))
  hold.amount = microCredits(hold.amount + change)
  renewReserves(state, limits.reserves, hold.expiresAt)
  state.touch('holds', hold)
  remindAt(account, dueAt(hold))
  return { done: heldOutcome(step, hold, limits, input.unitPrice), postings }
}

/** Gives back everything that a hold still sets aside, and ends it. */
export function releaseHold(step: Step, input: Operations['releaseHold']): Decision<'releaseHold'> {
  const hold = openHold(step, input.holdId)
  if ('refused' in hold) return hold
  const amount = hold.remaining
  const postings = endHold(step.state, step.account, hold, 'released', step.now)
  return { done: { status: 'released', holdId: hold.holdId, amount, replayed: false }, postings }
}

/** The hold if it is open, or the refusal. */
function openHold(step: Step, holdId: string) {
  const { state, account } = step
  const hold = state.hold(account.accountId, holdId)
  if (!hold) return refuse({ status: 'failed' as const, code: 'HOLD_NOT_FOUND' as const, id: holdId })
  if (hold.state === 'open') return hold
  return refuse({ status: 'refused' as const, reason: 'hold_not_open' as const, holdId, state: hold.state })
}

function heldOutcome(step: Step, hold: HoldRow, limits: Limits, unitPrice?: Credits): HeldOutcome {
  const left = affordable(step, limits)
  return {
    status: 'held',
    holdId: hold.holdId,
    amount: hold.remaining,
    expiresAt: hold.expiresAt,
    balance: step.account.posted,
    affordable: left,
    ...inUnits(left, unitPrice),
    replayed: false,
  }
}
