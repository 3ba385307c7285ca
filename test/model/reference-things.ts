import { type Credits, microCredits, type Quantity } from '@farebox/core'
import type { Failure } from '../../packages/ledger/src/operations.ts'
import type { OveragePolicy, Rollover } from '../../packages/ledger/src/rows.ts'
import type { Spender } from './reference-budgets.ts'

/** The name of the credit line among grants. */
export const CREDIT_LINE = ''

/** The service of a reserve. */
export const ANY_SERVICE = '*'

/** A part of a grant, or of the credit line. */
export interface Part {
  grantId: string
  amount: bigint
  /** The workflows whose reserves it came from, the nearest first. */
  reserves?: readonly string[]
}

export interface Grant {
  grantId: string
  amount: bigint
  left: bigint
  /** What went without being spent: by its end, or by being taken back. */
  gone: bigint
  priority: number
  isPaid: boolean
  services: readonly string[] | undefined
  begins: number
  ends: number | undefined
  rollover: Rollover | undefined
  madeAt: number
  state: 'pending' | 'active' | 'ended'
  isChargedBack: boolean
}

/** Work as it counts: whose it is, and in which workflow. */
export interface Work extends Spender {
  workflowId?: string
  provider?: string
}

export interface Hold extends Work {
  holdId: string
  provider: string
  overage: OveragePolicy
  left: bigint
  /** What it will draw on, in order. */
  pins: Part[]
  state: 'open' | 'settled' | 'released' | 'expired'
  takenAt: number
  expiresAt: number
  graceMs: number
}

export interface Usage extends Work {
  usageId: string
  provider: string
  unit: string
  quantity: Quantity
  /** The hold that it was settled on; a correction was settled on none. */
  holdId: string | undefined
  /** When it, or the hold before it, was taken. */
  takenAt: number
  recordedAt: number
  rated: Credits
  charged: bigint
  shortfall: bigint
  cost: bigint | undefined
  /** Where it was drawn from; negative where it was given back. */
  parts: Part[]
  corrects?: string
}

export interface Workflow {
  workflowId: string
  name: string
  parentId: string | undefined
  apiKeyId: string | undefined
  maxCredits: Credits | undefined
  userId: string | undefined
  hasReserve: boolean
  openedAt: number
  closedAt: number
  isClosed: boolean
}

/** The id of the hold that keeps a workflow's reserve. */
export function reserveIdOf(workflowId: string): string {
  return `reserve:${workflowId}`
}

/** Priority, then soonest end, then free before paid, then oldest, then id. */
export function byBurnOrder(a: Grant, b: Grant): number {
  const never = Number.POSITIVE_INFINITY
  if (a.priority !== b.priority) return a.priority - b.priority
  if ((a.ends ?? never) !== (b.ends ?? never)) return (a.ends ?? never) < (b.ends ?? never) ? -1 : 1
  if (a.isPaid !== b.isPaid) return a.isPaid ? 1 : -1
  if (a.madeAt !== b.madeAt) return a.madeAt - b.madeAt
  return a.grantId < b.grantId ? -1 : 1
}

export function byAge(a: Hold, b: Hold): number {
  if (a.takenAt !== b.takenAt) return a.takenAt - b.takenAt
  return a.holdId < b.holdId ? -1 : 1
}

export function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}

export function least(a: bigint, b: bigint): Credits {
  return microCredits(a < b ? a : b)
}

export function positive(amount: bigint): Credits {
  return microCredits(amount > 0n ? amount : 0n)
}

/** Takes `amount` off the front of `parts`, and returns what was taken. */
export function takeFirst(parts: Part[], amount: bigint): Part[] {
  const taken: Part[] = []
  for (let open = amount; open > 0n; ) {
    const [part] = parts
    if (!part) throw new Error('fewer parts than their sum')
    const take = least(open, part.amount)
    taken.push({ ...part, amount: take })
    part.amount -= take
    if (part.amount === 0n) parts.shift()
    open -= take
  }
  return taken
}

/** The same from the end, the last first. */
export function takeLast(parts: Part[], amount: bigint): Part[] {
  parts.reverse()
  const taken = takeFirst(parts, amount)
  parts.reverse()
  return taken
}

/**
 * Adds a part at one end. What comes from one grant, and goes back to the same reserves, is two parts at most in a row: they decide how
 * many grants a refund becomes, and how those are called.
 */
export function addPart(parts: Part[], part: Part, at: 'first' | 'last'): void {
  const [end, next] = at === 'first' ? parts : parts.toReversed()
  const isLike = (other?: Part) => other?.grantId === part.grantId && `${other.reserves ?? ''}` === `${part.reserves ?? ''}`
  if (end && isLike(end) && isLike(next)) end.amount += part.amount
  else if (at === 'first') parts.unshift(part)
  else parts.push(part)
}

export function missing(code: Extract<Failure, { code: `${string}_NOT_FOUND` }>['code'], id: string): Failure {
  return { status: 'failed', code, id }
}

export function exists(what: string, id: string): Failure {
  return { status: 'failed', code: 'ALREADY_EXISTS', what, id }
}

export function outOfRange(field: string): Failure {
  return { status: 'failed', code: 'AMOUNT_OUT_OF_RANGE', field }
}

export function invalid(field: string, problem: string): Failure {
  return { status: 'failed', code: 'INVALID_INPUT', field, problem }
}

export function notAwaited(topUpId: string): Failure {
  return invalid('topUpId', `is not the pending top-up: ${topUpId}`)
}

export function past(expiresAt: number): Failure {
  return invalid('expiresAt', `is not in the future: ${expiresAt}`)
}
