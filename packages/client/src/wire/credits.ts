/** Where granted credits came from. */
export type GrantSource = 'purchase' | 'promo' | 'plan' | 'refund' | 'adjustment'

/** A grant as an account holder sees it. Times are ISO 8601, UTC. */
export interface Grant {
  grant_id: string
  source: GrantSource
  /** Lower numbers are spent first. */
  priority: number
  credits: number
  /** The credits, as an exact decimal string. Absent where `credits` is exact. */
  credits_exact?: string
  remaining: number
  /** The credits, as an exact decimal string. Absent where `remaining` is exact. */
  remaining_exact?: string
  state: string
  effective_at: string
  /** `null`: never. */
  expires_at: string | null
  /** The services it may pay for. `null`: every service. */
  services: string[] | null
}

/** A balance, with the grants that make it up, in the order in which they are spent. */
export interface Credits {
  credit_balance: number
  /** The credits, as an exact decimal string. Absent where `credit_balance` is exact. */
  credit_balance_exact?: string
  held: number
  /** The credits, as an exact decimal string. Absent where `held` is exact. */
  held_exact?: string
  /** The balance less what is held: what new work may use. */
  available: number
  /** The credits, as an exact decimal string. Absent where `available` is exact. */
  available_exact?: string
  /** Present while the account is frozen and takes no new work. */
  frozen?: true
  grants: Grant[]
}

/** A movement of credits. Amounts are exact decimal strings. */
export interface StatementEntry {
  sequence: number
  at: string
  type: string
  /** How much it changed the balance. */
  change: string
  /** The balance after it. */
  balance: string
  /** The change of each bucket that it touched. They sum to zero. */
  postings: Record<string, string>
  hash: string
}

/** A page of the statement, newest first. */
export interface StatementPage {
  entries: StatementEntry[]
  /** The cursor of the next page. Absent on the last page. */
  next?: string
}
