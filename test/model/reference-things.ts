import { type Credits, microCredits, type Quantity } from '@farebox/core'
import type { OveragePolicy } from '../../packages/ledger/src/rows.ts'
import type { Spender } from './reference-budgets.ts'

/** The name of the credit line among grants. */
export const CREDIT_LINE = ''

/** A part of a grant, or of the credit line. */
export interface Part {
  grantId: string
  amount: bigint
}

export interface Grant {
  grantId: string
  left: bigint
  priority: number
  isPaid: boolean
  services: readonly string[] | undefined
  begins: number
  ends: number | undefined
  madeAt: number
  state: 'pending' | 'active' | 'ended'
}

export interface Hold extends Spender {
  holdId: string
  provider: string
  workflowId?: string
  overage: OveragePolicy
  left: bigint
  /** What it will draw on, in order. */
  pins: Part[]
  state: 'open' | 'settled' | 'released' | 'expired'
  takenAt: number
  expiresAt: number
  graceMs: number
}

export interface Usage extends Spender {
  usageId: string
  provider: string
  unit: string
  quantity: Quantity
  workflowId?: string
  /** The hold that it was settled on; a correction was settled on none. */
  holdId: string | undefined
  /** When it, or the hold before it, was taken. */
  takenAt: number
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
  parentId: string | undefined
  maxCredits: Credits | undefined
  userId: string | undefined
  openedAt: number
  closedAt: number
  isClosed: boolean
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

export function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}

export function least(a: bigint, b: bigint): Credits {
  return microCredits(a < b ? a : b)
}

export function positive(amount: bigint): Credits {
  return microCredits(amount > 0n ? amount : 0n)
}
