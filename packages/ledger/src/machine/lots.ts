import { type Credits, microCredits, type Service } from '@farebox/core'
import type { AccountRow, GrantRow, Lot } from '../rows.ts'
import { least } from './least.ts'
import type { LedgerState } from './state.ts'

/** The grant id that stands for the account's credit line in a list of lots. */
export const CREDIT_LINE = ''

/**
 * What an account can spend on a service now: unpinned grants that may pay for it, plus what is left of its credit line and of
 * the debt allowed `beyond` that. Capped at what would take the whole account to the end of that line, so that debt counts
 * against grants whose credits holds gave back after the debt arose.
 */
export function freeBalance(state: LedgerState, account: AccountRow, service: Service, beyond = 0n): Credits {
  let free = 0n
  for (const grant of state.grants(account.accountId)) if (maySpend(grant, service)) free += grant.remaining - grant.pinned
  const limit = account.creditLimit + beyond
  const line = limit - account.debt - account.creditHeld
  const most = account.posted - account.held + limit
  return least(free + (line > 0n ? line : 0n), most > 0n ? most : 0n)
}

/** Pins `amount` in burn order. The caller has checked that {@link freeBalance} covers it. */
export function pinLots(state: LedgerState, account: AccountRow, service: Service, amount: Credits): Lot[] {
  const lots: Lot[] = []
  let left: bigint = amount
  for (const grant of state.grants(account.accountId)) {
    if (left === 0n) break
    if (!maySpend(grant, service)) continue
    const take = least(left, grant.remaining - grant.pinned)
    if (take === 0n) continue
    grant.pinned = microCredits(grant.pinned + take)
    state.touch('grants', grant)
    lots.push({ grantId: grant.grantId, amount: microCredits(take) })
    left -= take
  }
  if (left > 0n) {
    account.creditHeld = microCredits(account.creditHeld + left)
    lots.push({ grantId: CREDIT_LINE, amount: microCredits(left) })
  }
  account.held = microCredits(account.held + amount)
  return lots
}

/** Spends `amount` from the front of pinned lots. Returns what was drawn, and leaves the rest in `lots`. */
export function consumePinned(state: LedgerState, account: AccountRow, lots: Lot[], amount: Credits): Lot[] {
  const drawn = moveLots(lots, amount).map(({ grantId, amount: take }) => ({ grantId, amount: take }))
  for (const { grantId, amount: take } of drawn) {
    if (grantId === CREDIT_LINE) {
      account.creditHeld = microCredits(account.creditHeld - take)
      account.debt = microCredits(account.debt + take)
    } else {
      const grant = grantOf(state, account, grantId)
      grant.pinned = microCredits(grant.pinned - take)
      spend(state, grant, take)
    }
  }
  account.held = microCredits(account.held - amount)
  account.posted = microCredits(account.posted - amount)
  return drawn
}

/**
 * Spends `amount` from unpinned grants, then from the credit line, then as debt beyond it. The caller has checked that it may.
 */
export function consumeFree(state: LedgerState, account: AccountRow, service: Service, amount: Credits): Lot[] {
  const drawn: Lot[] = []
  let left: bigint = amount
  for (const grant of [...state.grants(account.accountId)]) {
    if (left === 0n) break
    if (!maySpend(grant, service)) continue
    const take = least(left, grant.remaining - grant.pinned)
    if (take === 0n) continue
    drawn.push({ grantId: grant.grantId, amount: take })
    spend(state, grant, take)
    left -= take
  }
  if (left > 0n) {
    account.debt = microCredits(account.debt + left)
    drawn.push({ grantId: CREDIT_LINE, amount: microCredits(left) })
  }
  account.posted = microCredits(account.posted - amount)
  return drawn
}

/**
 * Gives a pinned amount back to its grant. If the grant has ended meanwhile, the amount is gone with it.
 *
 * @returns the amount that is gone
 */
export function unpinLot(state: LedgerState, account: AccountRow, grantId: string, amount: Credits): Credits {
  account.held = microCredits(account.held - amount)
  if (grantId === CREDIT_LINE) {
    account.creditHeld = microCredits(account.creditHeld - amount)
    return microCredits(0n)
  }
  const grant = grantOf(state, account, grantId)
  grant.pinned = microCredits(grant.pinned - amount)
  state.touch('grants', grant)
  if (grant.state === 'active') return microCredits(0n)
  grant.remaining = microCredits(grant.remaining - amount)
  grant.gone = microCredits(grant.gone + amount)
  account.posted = microCredits(account.posted - amount)
  return amount
}

/** Takes `amount` from the front of a list of lots. Returns what was taken, and leaves the rest in `lots`. */
export function moveLots(lots: Lot[], amount: Credits): Lot[] {
  const moved: Lot[] = []
  let left: bigint = amount
  while (left > 0n) {
    const lot = lots[0]
    if (!lot) throw new Error(`a hold has fewer lots than its amount, by ${left}`)
    const take = least(left, lot.amount)
    moved.push({ ...lot, amount: take })
    lot.amount = microCredits(lot.amount - take)
    if (lot.amount === 0n) lots.shift()
    left -= take
  }
  return moved
}

/**
 * Appends to the lots of a hold. What extensions draw from the same grant, one after the other, becomes one lot, so that a call that
 * is paid second by second has two lots per grant rather than one per second: what was set aside first, and what was added.
 */
export function addLots(lots: Lot[], more: readonly Lot[]): void {
  for (const lot of more) {
    const [first, last] = lots.slice(-2)
    if (first && last && isLike(first, lot) && isLike(last, lot)) last.amount = microCredits(last.amount + lot.amount)
    else lots.push(lot)
  }
}

/** Puts a lot back at the front. Like {@link addLots}, so that a reserve does not grow with each call that gives some of it back. */
export function putBackLot(lots: Lot[], lot: Lot): void {
  const [first, second] = lots
  if (first && second && isLike(first, lot) && isLike(second, lot)) first.amount = microCredits(first.amount + lot.amount)
  else lots.unshift(lot)
}

/** Whether two lots come from the same grant and return to the same reserves. */
function isLike(a: Lot, b: Lot): boolean {
  const [ours, theirs] = [a.reserves ?? [], b.reserves ?? []]
  return a.grantId === b.grantId && ours.length === theirs.length && ours.every((id, index) => id === theirs[index])
}

/** Repays the account's debt from the unpinned part of a grant that begins or expires. Returns what was repaid. */
export function repayDebt(state: LedgerState, account: AccountRow, grant: GrantRow): Credits {
  state.touch('grants', grant)
  if (grant.services !== null || account.debt === 0n) return microCredits(0n)
  const repaid = least(account.debt, grant.remaining - grant.pinned)
  account.debt = microCredits(account.debt - repaid)
  spend(state, grant, repaid)
  return repaid
}

function maySpend(grant: GrantRow, service: Service): boolean {
  return grant.state === 'active' && (grant.services === null || grant.services.includes(service))
}

function spend(state: LedgerState, grant: GrantRow, amount: Credits): void {
  grant.remaining = microCredits(grant.remaining - amount)
  state.touch('grants', grant)
  if (grant.remaining > 0n || grant.state !== 'active') return
  grant.state = 'spent'
  state.dropGrant(grant)
}

function grantOf(state: LedgerState, account: AccountRow, grantId: string): GrantRow {
  const grant = state.grant(account.accountId, grantId)
  if (!grant) throw new Error(`account ${account.accountId} has no grant ${grantId}, which one of its holds draws on`)
  return grant
}
