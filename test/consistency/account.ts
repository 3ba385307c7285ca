import type { Request } from './callers.ts'

/** What a run knows of an account beside its books: what its callers were told. */
export interface Account {
  accountId: string
  /** How far below zero its balance may go: its credit line, and what may be owed beyond it. In micro-credits. */
  creditLimit: bigint
  debtLimit: bigint
  keys: Key[]
  grants: Map<string, Granted>
  /** By workflow, what the callers of its jobs were told, in micro-credits. */
  told: Map<string, bigint>
  /** Workflows of jobs that broke off, or did not say what they cost: they cost as much as was told, or more. */
  unsure: Set<string>
  /** Workflows that jobs have left open. */
  open: string[]
  requests: Request[]
  /** By usage record, what the host's own charges came to, or `undefined` where it was not told. */
  charges: Map<string, { charged: bigint; shortfall: bigint } | undefined>
  /** Holds that the host has left open, perhaps for longer than they live. */
  holds: { holdId: string; workflowId: string | undefined }[]
  /** By usage record, what the operator was told has been given back. */
  refunded: Map<string, bigint>
  /** Usage records of workflows that were refunded whole. */
  takenBack: Set<string>
  /** Those of workflows whose refund broke off: each was given back whole, or not at all. */
  perhapsTakenBack: Set<string>
  adjusted: Set<string>
  /** Whether a payment was reversed, which may leave debt. */
  mayOwe: boolean
}

export interface Key {
  secret: string
  prefix: string
  apiKeyId: string
}

/** A grant, as the operator asked for it. */
export interface Granted {
  amount: bigint
  services?: readonly string[]
  effectiveAt?: number
  expiresAt?: number
  /** How it is carried over, and how often at most. */
  rollover?: { max?: bigint; times?: number }
}

/** Adds what a caller was told to what its workflow is known to cost. */
export function tellOf({ told }: Account, workflowId: string | undefined, charged: bigint): void {
  if (workflowId !== undefined) told.set(workflowId, (told.get(workflowId) ?? 0n) + charged)
}
