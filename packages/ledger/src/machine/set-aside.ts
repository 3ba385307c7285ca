import { type Credits, microCredits } from '@farebox/core'
import type { AccountRow, HoldRow, Lot, Posting } from '../rows.ts'
import type { Limits } from './affordable.ts'
import { addUses, countInBudgets, uncountInBudgets } from './budgets.ts'
import { envelopesOf, moveEnvelopes } from './envelopes.ts'
import { least } from './least.ts'
import { addLots, consumeFree, consumePinned, pinLots, unpinLot } from './lots.ts'
import { drawReserves, renewReserves, returnToReserve, spendersOf } from './reserves.ts'
import type { LedgerState } from './state.ts'
import type { Step } from './step.ts'

/** Sets `amount` more aside for a hold, from the reserves of its workflow first. The caller has checked that it is affordable. */
export function setAside({ state, account }: Step, limits: Limits, hold: HoldRow, amount: Credits): Posting[] {
  const drawn = drawReserves(state, limits.reserves, amount)
  const fresh = microCredits(amount - drawn.amount)
  addLots(hold.lots, [...drawn.lots, ...pinLots(state, account, hold.service, fresh)])
  addUses(hold.budgets, countInBudgets(state, limits.budgets, amount, drawn.uses))
  hold.remaining = microCredits(hold.remaining + amount)
  moveEnvelopes(state, limits.envelopes, { held: amount })
  renewReserves(state, limits.reserves, hold.expiresAt)
  return [
    ['available', -fresh],
    ['held', fresh],
  ]
}

/** Gives back `amount` of a hold, last set aside first, to the reserve that it was drawn from, if that is still open. */
export function giveBack(state: LedgerState, account: AccountRow, hold: HoldRow, amount: Credits): Posting[] {
  let left: bigint = amount
  let reserved = 0n
  let expired = 0n
  while (left > 0n) {
    const lot = hold.lots.at(-1)
    if (!lot) throw new Error(`hold ${hold.holdId} of account ${account.accountId} has fewer lots than its amount`)
    const give = least(left, lot.amount)
    lot.amount = microCredits(lot.amount - give)
    if (lot.amount === 0n) hold.lots.pop()
    left -= give
    const moved = returnToReserve(state, hold, lot, microCredits(give))
    if (moved) reserved += give
    else expired += unpinLot(state, account, lot.grantId, give)
    // Lot by lot, since budgets of those who reserved it count only what came from there.
    uncountInBudgets(state, hold, microCredits(give), spendersOf(state, hold, lot), moved)
  }
  hold.remaining = microCredits(hold.remaining - amount)
  const workflow = hold.workflowId === null ? undefined : state.workflow(account.accountId, hold.workflowId)
  moveEnvelopes(state, envelopesOf(state, workflow), { held: -amount })
  state.touch('holds', hold)
  return [
    ['held', reserved - amount],
    ['available', amount - reserved - expired],
    ['expired', expired],
  ]
}

/** Spends `amount` that was not held for this work, from the reserves of its workflow first. */
export function takeFree(
  { state, account }: Step,
  limits: Limits,
  amount: Credits,
): { lots: Lot[]; fromReserve: Credits; fromFree: Credits } {
  const drawn = drawReserves(state, limits.reserves, amount)
  const fromFree = microCredits(amount - drawn.amount)
  countInBudgets(state, limits.budgets, amount, drawn.uses)
  const lots = consumePinned(state, account, drawn.lots, drawn.amount)
  lots.push(...consumeFree(state, account, limits.spender.service, fromFree))
  return { lots, fromReserve: drawn.amount, fromFree }
}
