import type { Credits } from '@farebox/core'

/** Why new work was refused. Nothing was changed. If several reasons apply, the first in this order is given. */
export type Refusal =
  | { status: 'refused'; reason: 'workflow_closed'; workflowId: string }
  | { status: 'refused'; reason: 'hold_not_open'; holdId: string; state: string }
  | { status: 'refused'; reason: 'account_frozen' }
  | {
      status: 'refused'
      reason: 'budget_exceeded'
      budgetId: string
      limit: Credits
      available: Credits
      requested: Credits
      /** When the budget starts again; absent for `total`. */
      resetsAt?: number
    }
  | { status: 'refused'; reason: 'workflow_ceiling'; workflowId: string; available: Credits; requested: Credits }
  | { status: 'refused'; reason: 'insufficient_balance'; available: Credits; requested: Credits }

/** The account that was opened. */
export interface OpenAccountOutcome {
  status: 'opened'
  accountId: string
  replayed: boolean
}

/** The grant that was made. */
export interface GrantOutcome {
  status: 'granted'
  grantId: string
  amount: Credits
  /** The part that repaid debt. */
  repaid: Credits
  /** The balance afterwards: what is left of grants, less debt. */
  balance: Credits
  available: Credits
  replayed: boolean
}

/** A hold that was placed or extended. */
export interface HeldOutcome {
  status: 'held'
  holdId: string
  amount: Credits
  expiresAt: number
  /** The balance: what is left of grants, including what this hold sets aside, less debt. */
  balance: Credits
  /** What may still be spent besides this hold: the least of balance, workflow ceiling and budgets. */
  affordable: Credits
  /** The same in units, if a `unitPrice` was given. */
  affordableUnits?: bigint
  replayed: boolean
}

/** The hold that was placed, or why it was refused. */
export type PlaceHoldOutcome = HeldOutcome | Refusal

/** The hold that was extended, or why that was refused. */
export type ExtendHoldOutcome = HeldOutcome | Refusal

/** What a settlement or a charge took. */
export interface ChargedOutcome {
  status: 'charged'
  usageId: string
  /** Taken from the account. */
  charged: Credits
  /** What the account could not pay. charged + shortfall is the rated price, rounded. */
  shortfall: Credits
  /** The balance afterwards: what is left of grants, less debt. */
  balance: Credits
  available: Credits
  /** What may still be spent: the least of balance, workflow ceiling and budgets, plus what is left of the hold. */
  affordable: Credits
  /** The same in units, if a settlement was given a `unitPrice`. */
  affordableUnits?: bigint
  /** Whether the hold had already ended, so that this was charged afresh. */
  late: boolean
  replayed: boolean
}

/** What a settlement took, or why it was refused. */
export type SettleHoldOutcome = ChargedOutcome | Refusal

/** What a charge took, or why it was refused. */
export type ChargeOutcome = ChargedOutcome | Refusal

/** What was given back, or why the release was refused. */
export type ReleaseHoldOutcome = { status: 'released'; holdId: string; amount: Credits; replayed: boolean } | Refusal

/** The correction that a refund made, or why it was refused. */
export type RefundOutcome =
  | CorrectedOutcome
  | { status: 'refused'; reason: 'refund_exceeds_charge'; usageId: string; refundable: Credits; requested: Credits }

/** A usage record was corrected by a further record. */
export interface CorrectedOutcome {
  status: 'corrected'
  /** The correcting record. */
  correctionId: string
  usageId: string
  /** The amount given back, negative if more was charged. */
  refunded: Credits
  /** What is due but could not be taken. */
  shortfall: Credits
  balance: Credits
  replayed: boolean
}

/** The correction that was made, or why it was refused. */
export type AdjustOutcome = CorrectedOutcome | Refusal

/** How much of a grant was taken back. */
export interface RevokeGrantOutcome {
  status: 'revoked'
  grantId: string
  /** The amount taken back. What open holds have set aside stays with them until they end. */
  amount: Credits
  /** The balance afterwards: what is left of grants, less debt. */
  balance: Credits
  replayed: boolean
}

/** What a chargeback recovered, and what the account owes now. */
export interface ChargebackOutcome {
  status: 'charged_back'
  grantId: string
  /** The unspent part, which was taken back. */
  recovered: Credits
  /** The part of `recovered` that open holds had set aside. What they still spend of it becomes debt when they settle. */
  held: Credits
  /** The spent part, which is debt now. The account's next grants for every service repay it before anything can be spent. */
  owed: Credits
  balance: Credits
  replayed: boolean
}

/** Whether the account is frozen now. */
export interface FreezeAccountOutcome {
  status: 'set'
  isFrozen: boolean
  replayed: boolean
}

/** The workflow that was opened, or why its reserve was not set aside. */
export type OpenWorkflowOutcome =
  | {
      status: 'opened'
      workflowId: string
      /** The amount set aside, if a reserve was requested. */
      reserved?: Credits
      /** The hold that keeps the reserve. It can be extended or released like any other, but never settled. */
      reserveHoldId?: string
      replayed: boolean
    }
  | Refusal

/** What a closed workflow cost, and how long it took. */
export interface CloseWorkflowOutcome {
  status: 'closed'
  workflowId: string
  spent: Credits
  durationMs: number
  replayed: boolean
}

/** The API key that was created, or what its account lacks. */
export type CreateApiKeyOutcome =
  | {
      status: 'created'
      apiKeyId: string
      prefix: string
      /** The key itself, shown only this once. Absent on a replay, since only its hash is stored. */
      secret?: string
      replayed: boolean
    }
  | { status: 'refused'; reason: 'insufficient_balance'; available: Credits; requested: Credits }

/** The API key with its new secret. */
export interface RotateApiKeyOutcome {
  status: 'rotated'
  apiKeyId: string
  prefix: string
  /** The new key itself, shown only this once. Absent on a replay, since only its hash is stored. */
  secret?: string
  previousPrefix: string
  /** Until when the previous secret is valid, in epoch milliseconds. */
  previousUntil: number
  replayed: boolean
}

/** The API key that was revoked. */
export interface RevokeApiKeyOutcome {
  status: 'revoked'
  apiKeyId: string
  replayed: boolean
}

/** The API key whose services were set. */
export interface SetKeyServicesOutcome {
  status: 'set'
  apiKeyId: string
  replayed: boolean
}

/** The budget that was set. */
export interface SetBudgetOutcome {
  status: 'set'
  budgetId: string
  replayed: boolean
}

/** Confirms that the alerts were set. */
export interface SetAlertsOutcome {
  status: 'set'
  replayed: boolean
}

/** The top-up that was given up. */
export interface CancelTopUpOutcome {
  status: 'cancelled'
  topUpId: string
  replayed: boolean
}

/** The document that was saved. */
export interface SaveDocumentOutcome {
  status: 'saved'
  documentId: string
  replayed: boolean
}
