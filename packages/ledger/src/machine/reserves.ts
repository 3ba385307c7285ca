import { type Credits, microCredits } from '@farebox/core'
import type { BudgetRow, BudgetUse, HoldRow, Lot, WorkflowRow } from '../rows.ts'
import { addUses, appliesTo, moveUses, type Spender, usedOf } from './budgets.ts'
import { envelopesOf, moveEnvelopes } from './envelopes.ts'
import { least } from './least.ts'
import { moveLots, putBackLot } from './lots.ts'
import type { LedgerState } from './state.ts'

/** The service of a reserve: any. So a grant that is restricted to some services cannot be reserved. */
export const ANY_SERVICE = '*'

/** The id of the hold that keeps a workflow's reserve. */
export function reserveIdOf(workflowId: string): string {
  return `reserve:${workflowId}`
}

/** Whether a hold is the reserve of its workflow, which other work draws on and which is never settled itself. */
export function isReserve(hold: HoldRow): boolean {
  return hold.service === ANY_SERVICE
}

/** The open reserves that work under these envelopes draws on, nearest first. */
export function reservesOf(state: LedgerState, envelopes: readonly WorkflowRow[]): HoldRow[] {
  const reserves: HoldRow[] = []
  for (const { accountId, workflowId, reserve } of envelopes) {
    const hold = reserve === null ? undefined : state.hold(accountId, reserveIdOf(workflowId))
    if (hold?.state === 'open') reserves.push(hold)
  }
  return reserves
}

/** What was taken from reserves: its lots, and the budgets in which it was counted when it was reserved. */
export interface Drawn {
  amount: Credits
  lots: Lot[]
  uses: BudgetUse[]
}

/** Takes up to `amount` from reserves, nearest first. It stays held on the account: the caller decides for what. */
export function drawReserves(state: LedgerState, reserves: readonly HoldRow[], amount: Credits): Drawn {
  const drawn = { amount: 0n, lots: [] as Lot[], uses: [] as BudgetUse[] }
  for (const reserve of reserves) {
    const rest = amount - drawn.amount
    const take = least(rest, reserve.remaining)
    if (take === 0n) continue
    const from = reserve.workflowId ?? ''
    // Empty uses are dropped, or a reserve would grow with each call that draws on it.
    reserve.budgets = reserve.budgets.filter((use) => use.amount > 0n)
    for (const lot of moveLots(reserve.lots, take)) {
      drawn.lots.push({ ...lot, reserves: [from, ...(lot.reserves ?? [])] })
      addUses(drawn.uses, moveUses(usesFor(state, reserve, spendersOf(state, reserve, lot)), lot.amount))
    }
    drawn.amount += take
    moveReserve(state, reserve, microCredits(-take))
  }
  return { ...drawn, amount: microCredits(drawn.amount) }
}

/**
 * Returns what a hold drew from a reserve and did not need, to that reserve or, if it has ended, to the next open one.
 *
 * @returns  the budget uses that moved to the reserve with the amount, or `undefined` if no reserve is open. They are those in
 *   budgets that count the reserve too, or one that it drew this lot from
 */
export function returnToReserve(state: LedgerState, hold: HoldRow, lot: Lot, amount: Credits): BudgetUse[] | undefined {
  const from = lot.reserves ?? []
  const workflows = from.flatMap((workflowId) => state.workflow(hold.accountId, workflowId) ?? [])
  const [reserve] = reservesOf(state, workflows)
  if (!reserve) return undefined
  const further = from.slice(from.indexOf(reserve.workflowId ?? '') + 1)
  const returned = { grantId: lot.grantId, amount, ...(further.length > 0 && { reserves: further }) }
  putBackLot(reserve.lots, returned)
  const moved = moveUses(usesFor(state, hold, spendersOf(state, reserve, returned)), amount)
  reserve.budgets.push(...moved.map((use) => ({ ...use })))
  moveReserve(state, reserve, amount)
  return moved
}

/** Those for whom budgets count a lot of a hold: the hold's spender, and whoever reserved the lot, even if that reserve has ended. */
export function spendersOf(state: LedgerState, hold: HoldRow, { reserves = [] }: Lot): Spender[] {
  const workflows = reserves.flatMap((workflowId) => state.workflow(hold.accountId, workflowId) ?? [])
  return [hold, ...workflows.map(({ userId, apiKeyId }) => ({ service: ANY_SERVICE, userId, apiKeyId }))]
}

/** The budget uses of a hold that count for one of these spenders. */
function usesFor(state: LedgerState, { accountId, budgets: uses }: HoldRow, spenders: readonly Spender[]): BudgetUse[] {
  const counting = state.budgetsOf(accountId, spenders)
  const ids = new Set(counting.map(({ budgetId }) => budgetId))
  return uses.filter(({ budgetId }) => ids.has(budgetId))
}

/** Keeps reserves alive as long as the work under them. */
export function renewReserves(state: LedgerState, reserves: readonly HoldRow[], until: number): void {
  for (const reserve of reserves) {
    if (reserve.expiresAt >= until) continue
    reserve.expiresAt = until
    state.touch('holds', reserve)
  }
}

/** A part of a reserve, as a limit sees it. */
export interface ReservedPart {
  amount: bigint
  /** How much of it the limit counts already: drawing that adds nothing to what the limit counts. It is drawn first. */
  counted: bigint
}

/** The lots of a reserve, in the order in which they are drawn, and what a budget counts of each. */
export function lotsIn(state: LedgerState, budget: BudgetRow, reserve: HoldRow): ReservedPart[] {
  // A budget that was made after the reserve counts none of it, or only what was added since.
  let uses = usedOf(reserve.budgets, budget.budgetId)
  return reserve.lots.map((lot) => {
    const isCounted = spendersOf(state, reserve, lot).some((spender) => appliesTo(budget, spender))
    const counted = isCounted ? least(uses, lot.amount) : 0n
    uses -= counted
    return { amount: lot.amount, counted }
  })
}

/**
 * How much can be spent when `left` is left under a limit that counts a part of what was reserved already.
 *
 * @param parts  what was reserved, in the order in which it is drawn
 */
export function spendable(left: bigint, parts: readonly ReservedPart[]): Credits {
  let most = 0n
  for (const { amount, counted } of parts) {
    const fresh = amount - counted
    most += counted
    if (left < fresh) return microCredits(most + left)
    most += fresh
    left -= fresh
  }
  return microCredits(most + left)
}

function moveReserve(state: LedgerState, reserve: HoldRow, change: Credits): void {
  reserve.remaining = microCredits(reserve.remaining + change)
  state.touch('holds', reserve)
  const workflow = state.workflow(reserve.accountId, reserve.workflowId ?? '')
  moveEnvelopes(state, envelopesOf(state, workflow), { held: change })
}
