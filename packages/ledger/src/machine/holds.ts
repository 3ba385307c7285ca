import { type Credits, microCredits } from '@farebox/core'
import type { HeldOutcome, Operations } from '../operations.ts'
import type { HoldRow } from '../rows.ts'
import { dueAt, endHold, remindAt } from './advance.ts'
import { affordable, type Limits, limitsOf, newWork, refusalOf } from './affordable.ts'
import { countInBudgets, uncountInBudgets } from './budgets.ts'
import { moveEnvelopes } from './envelopes.ts'
import { pinLots, unpinLots } from './lots.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Sets value aside before work starts. */
export function placeHold(step: Step, input: Operations['placeHold']): Decision<'placeHold'> {
  const { state, account, now } = step
  const { holdId, amount, service } = input
  if (state.hold(account.accountId, holdId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'hold', id: holdId })
  }
  const found = newWork(step, input)
  if ('refused' in found) return found
  const { limits } = found
  const refusal = refusalOf(step, limits, amount)
  if (refusal) return refuse(refusal)

  const hold: HoldRow = {
    accountId: account.accountId,
    holdId,
    workflowId: input.workflowId ?? null,
    service,
    provider: input.provider,
    apiKeyId: input.apiKeyId ?? null,
    userId: limits.spender.userId ?? null,
    amount,
    remaining: amount,
    rated: microCredits(0n),
    charged: microCredits(0n),
    shortfall: microCredits(0n),
    state: 'open',
    overage: input.overage,
    lots: pinLots(state, account, service, amount),
    budgets: countInBudgets(state, limits.budgets, amount),
    createdAt: now,
    expiresAt: now + input.ttlMs,
    graceMs: input.graceMs,
    endedAt: null,
  }
  state.insert('holds', hold)
  moveEnvelopes(state, limits.envelopes, { held: amount })
  remindAt(account, dueAt(hold))
  return {
    done: heldOutcome(step, hold, limits, input.unitPrice),
    postings: [
      ['available', -amount],
      ['held', amount],
    ],
  }
}

/** Gives an open hold more time, or another amount. */
export function extendHold(step: Step, input: Operations['extendHold']): Decision<'extendHold'> {
  const { state, account, now } = step
  const hold = openHold(step, input.holdId)
  if ('refused' in hold) return hold
  const workflow = hold.workflowId === null ? undefined : state.workflow(account.accountId, hold.workflowId)
  const limits = limitsOf(step, { service: hold.service, userId: hold.userId, apiKeyId: hold.apiKeyId }, workflow)
  const change = microCredits((input.amount ?? hold.remaining) - hold.remaining)
  if (change > 0n) {
    const refusal = refusalOf(step, limits, change)
    if (refusal) return refuse(refusal)
  }

  const expired = change > 0n ? pinMore(step, hold, change) : unpinLots(state, account, hold.lots, microCredits(-change))
  if (change > 0n) hold.budgets.push(...countInBudgets(state, limits.budgets, change))
  else uncountInBudgets(state, account.accountId, hold.budgets, microCredits(-change))
  moveEnvelopes(state, limits.envelopes, { held: change })
  hold.remaining = microCredits(hold.remaining + change)
  hold.amount = microCredits(hold.amount + change)
  if (input.ttlMs !== undefined) hold.expiresAt = now + input.ttlMs
  state.touch('holds', hold)
  remindAt(account, dueAt(hold))
  return {
    done: heldOutcome(step, hold, limits),
    postings: [
      ['available', -change - expired],
      ['held', change],
      ['expired', expired],
    ],
  }
}

/** Gives a whole hold back. */
export function releaseHold(step: Step, input: Operations['releaseHold']): Decision<'releaseHold'> {
  const hold = openHold(step, input.holdId)
  if ('refused' in hold) return hold
  const amount = hold.remaining
  const postings = endHold(step.state, step.account, hold, 'released', step.now)
  return { done: { status: 'released', holdId: hold.holdId, amount, replayed: false }, postings }
}

/** The hold, if it is open at this moment. */
function openHold(step: Step, holdId: string) {
  const { state, account } = step
  const hold = state.hold(account.accountId, holdId)
  if (!hold) return refuse({ status: 'failed' as const, code: 'HOLD_NOT_FOUND' as const, id: holdId })
  if (hold.state === 'open') return hold
  return refuse({ status: 'refused' as const, reason: 'hold_not_open' as const, holdId, state: hold.state })
}

function pinMore({ state, account }: Step, hold: HoldRow, amount: Credits): Credits {
  hold.lots.push(...pinLots(state, account, hold.service, amount))
  return microCredits(0n)
}

function heldOutcome(step: Step, hold: HoldRow, limits: Limits, unitPrice?: Credits): HeldOutcome {
  const left = affordable(step, limits)
  return {
    status: 'held',
    holdId: hold.holdId,
    amount: hold.remaining,
    expiresAt: hold.expiresAt,
    affordable: left,
    ...(unitPrice !== undefined && unitPrice > 0n && { affordableUnits: left / unitPrice }),
    replayed: false,
  }
}
