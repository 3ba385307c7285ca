import type { CreditAmount, ServiceType } from './basics.ts'
import type { GrantSource } from './credits.ts'

/** Selects a page of accounts. */
export interface AccountsQuery {
  /** @defaultValue 100 */
  limit?: number
  cursor?: string
}

/** An account in a list, with its balance. */
export interface AccountListing {
  account_id: string
  name: string
  balance: number
  /** The credits, as an exact decimal string. Absent where `balance` is exact. */
  balance_exact?: string
  held: number
  /** The credits, as an exact decimal string. Absent where `held` is exact. */
  held_exact?: string
  available: number
  /** The credits, as an exact decimal string. Absent where `available` is exact. */
  available_exact?: string
  /** Present while the account is frozen and takes no new work. */
  frozen?: true
}

/** A page of accounts, ordered by id. */
export interface AccountPage {
  accounts: AccountListing[]
  /** The cursor of the next page. `null` on the last page. */
  next_cursor: string | null
}

/** An account to open. */
export interface CreateAccountRequest {
  name: string
  /** The credits that it starts with. @defaultValue none */
  credits?: CreditAmount
}

/** The account that was opened. */
export interface CreatedAccount {
  account_id: string
}

/** Credits to grant to an account. */
export interface GrantRequest {
  account_id: string
  credits: CreditAmount
  /** @defaultValue `purchase` */
  source?: GrantSource
  /** Lower numbers are spent first. @defaultValue 100 */
  priority?: number
  /** @defaultValue now */
  effective_at?: string
  /** @defaultValue never */
  expires_at?: string
  /** The services it may pay for. @defaultValue every service */
  services?: ServiceType[]
}

/** The grant that was made, with the balance after it. */
export interface Granted {
  grant_id: string
  credit_balance: number
}

/** A grant to revoke. */
export interface RevokeGrantRequest {
  /** The account that was given the grant. */
  account_id: string
}

/** The grant that was revoked, with the balance after it. */
export interface RevokedGrant {
  grant_id: string
  /** What was taken back, as a decimal string: what nobody had spent, and no open hold had set aside. */
  credits_revoked: string
  credit_balance: number
}

/** A grant whose payment was reversed. */
export interface ChargebackRequest {
  /** The account that was given the grant. */
  account_id: string
  /** Why, for the record. */
  reason?: string
}

/** The grant that was charged back, with the balance after it. Amounts are decimal strings of credits. */
export interface ChargedBack {
  grant_id: string
  /** The unspent part, which was taken back. */
  credits_recovered: string
  /** The spent part, which the account owes now. Its next grants for every service repay it first. */
  credits_owed: string
  /** Whole credits, right after the chargeback: below zero if the account owes more than it has. */
  credit_balance: number
}

/** A charge to give back. */
export interface RefundRequest {
  account_id: string
  /** The usage record that was charged: among the `charges` of its workflow, and in exports. */
  usage_id: string
  /** @defaultValue all that is left of the charge */
  credits?: CreditAmount
  /** Why, for the record. */
  reason?: string
}

/** What was given back, and what is left of the charge. */
export interface Refunded {
  /** The usage record that corrects the one that was refunded. */
  refund_id: string
  usage_id: string
  /** A decimal string. */
  credits_refunded: string
  /** What is left of the charge, and can still be given back, as a decimal string. */
  credits_refundable: string
  /** Whole credits, right after the refund. */
  credit_balance: number
}

/** Why an account is frozen, or no longer is. */
export interface FreezeRequest {
  /** Why, for the record. */
  reason?: string
}

/** Whether an account is frozen now. */
export interface FrozenAccount {
  account_id: string
  frozen: boolean
}
