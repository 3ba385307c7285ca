import type { Certainty, Credits, NanoUsd, Quantity, Service, Unit } from '@farebox/core'

/** Every {@link GrantSource}. `purchase` was paid for; the others were not. */
export const grantSources = ['purchase', 'promo', 'plan', 'refund', 'adjustment'] as const
/** Where a grant's credits came from. Among grants of the same priority and expiry, free ones are spent before paid ones. */
export type GrantSource = (typeof grantSources)[number]

/** Every {@link OveragePolicy}. */
export const overagePolicies = ['cap', 'debt', 'reject'] as const
/** What happens when work costs more than was held: `cap` takes what is available, `debt` goes on to the debt limit, `reject` changes nothing. */
export type OveragePolicy = (typeof overagePolicies)[number]

/** Every {@link BudgetPeriod}. */
export const budgetPeriods = ['minute', 'hour', 'day', 'week', 'month', 'total'] as const
/** How often a budget starts again at zero. `total` never does. */
export type BudgetPeriod = (typeof budgetPeriods)[number]

/** A part of a grant that a hold sets aside or a charge has drawn. An empty `grantId` stands for the account's credit line. */
export interface Lot {
  grantId: string
  amount: Credits
  /** The workflows whose reserves it was drawn from and returns to, nearest first. */
  reserves?: readonly string[]
}

/** Every {@link EventType}. */
export const eventTypes = ['balance_low', 'limit_crossed', 'hold_expired', 'workflow_closed', 'top_up_needed'] as const
/** What a {@link LedgerEvent} reports. */
export type EventType = (typeof eventTypes)[number]

/** The balances at which an account's owner is alerted. */
export interface Alerts {
  /** Null means never. */
  balanceLow: Credits | null
  /** When to request a top-up, and of how much. Null means never. */
  topUp: { at: Credits; amount: Credits } | null
  /** The event whose top-up is awaited. Until it arrives, no other one is requested. */
  pendingTopUpId: string | null
  /** The grant that answers the top-up, if it begins later. The wait goes on until then. */
  pendingGrantId?: string
}

/** An account, as stored. */
export interface AccountRow {
  accountId: string
  name: string
  /** How far below zero the balance may go. 0 means strictly prepaid. */
  creditLimit: Credits
  /** How much further the overage policy `debt` may go. */
  debtLimit: Credits
  /** The balance: what is left of grants that have begun, less debt. */
  posted: Credits
  /** What open holds have set aside. */
  held: Credits
  /** What was charged beyond all grants. The next grant for every service repays it first. */
  debt: Credits
  /** The part of the credit line that open holds have set aside. */
  creditHeld: Credits
  /** When a grant of this account next begins or expires, or a hold is next given back. */
  nextDueAt: number | null
  hasBudgets: boolean
  /** Whether new work is refused. */
  isFrozen: boolean
  alerts: Alerts | null
  /** The number of journal entries so far. */
  sequence: number
  /** The hash of the newest journal entry. */
  chainHash: string
  createdAt: number
  /** When the account last changed. Later changes never get an earlier time. */
  updatedAt: number
}

/** Where a grant is in its life cycle. */
export type GrantState = 'pending' | 'active' | 'spent' | 'expired' | 'revoked' | 'charged_back'

/** How what is left of an expiring grant is carried over to a new grant. */
export interface Rollover {
  /** The most to carry over. Null means all of it. */
  max: Credits | null
  /** How long the new grant lives, counted from when this one expires. */
  ttlMs: number
  /** How many more times it may be carried over. */
  times: number
}

/** A grant, as stored. */
export interface GrantRow {
  accountId: string
  grantId: string
  source: GrantSource
  /** Lower numbers are spent first. */
  priority: number
  amount: Credits
  remaining: Credits
  /** The part of `remaining` that open holds have set aside. */
  pinned: Credits
  /** What expired, was carried over or taken back. `amount - remaining - gone` was spent. */
  gone: Credits
  effectiveAt: number
  expiresAt: number | null
  /** The services that it may pay for. Null means every service. */
  services: readonly Service[] | null
  /** How what is left at its expiry is carried over. Null means not at all. */
  rollover: Rollover | null
  state: GrantState
  createdAt: number
}

/** Where a hold is in its life cycle. */
export type HoldState = 'open' | 'settled' | 'released' | 'expired'

/** A hold, as stored. */
export interface HoldRow {
  accountId: string
  holdId: string
  workflowId: string | null
  service: Service
  provider: string
  apiKeyId: string | null
  userId: string | null
  amount: Credits
  remaining: Credits
  /** The exact price, before rounding, of what was settled on it, except usage that a correction took back whole. */
  rated: Credits
  /** What was charged for that. Partial corrections are only in the usage records. */
  charged: Credits
  /** What could not be charged for that. */
  shortfall: Credits
  state: HoldState
  overage: OveragePolicy
  lots: Lot[]
  /** The budgets that it counts in, each with the window in which it was counted. */
  budgets: BudgetUse[]
  createdAt: number
  expiresAt: number
  graceMs: number
  endedAt: number | null
}

/** How much of a hold counts in one window of a budget. */
export interface BudgetUse {
  budgetId: string
  windowStart: number
  /** The amount still counted there. */
  amount: Credits
}

/** One line of a receipt: everything that one provider did for one service, in one unit. */
export interface WorkflowLine {
  service: Service
  provider: string
  unit: Unit
  quantity: Quantity
  /** The exact price before rounding. */
  rated: Credits
  charged: Credits
  shortfall: Credits
  /** What corrections added to `rated` and `charged + shortfall` that does not count in the price of further usage. Unset if zero. */
  uncounted?: { rated: Credits; billed: Credits }
  /** The price book and version that its newest usage was rated by. Null if not given. */
  priceVersion: string | null
}

/** Whether a workflow accepts more calls. */
export type WorkflowState = 'open' | 'closed'

/** A workflow, as stored. */
export interface WorkflowRow {
  accountId: string
  workflowId: string
  /** The workflow at the top. Its own id if it has no parent. */
  rootId: string
  parentId: string | null
  name: string
  businessAdapter: string | null
  userId: string | null
  apiKeyId: string | null
  state: WorkflowState
  /** The most that it may cost together with its children. Null means no ceiling. */
  maxCredits: Credits | null
  /** What was charged to it and its children. */
  spent: Credits
  /** What is held for it and its children. */
  held: Credits
  /** What was set aside when it opened, for its calls to draw on. Null means nothing. */
  reserve: Credits | null
  lines: WorkflowLine[]
  createdAt: number
  closedAt: number | null
}

/** What one attempt consumed, and what it cost. A record never changes: corrections are records of their own. */
export interface UsageRow {
  accountId: string
  usageId: string
  sequence: number
  workflowId: string | null
  holdId: string | null
  service: Service
  provider: string
  model: string | null
  quantity: Quantity
  unit: Unit
  rated: Credits
  charged: Credits
  shortfall: Credits
  /** What the provider charges us. Null if unknown. */
  cost: NanoUsd | null
  certainty: Certainty
  priceVersion: string | null
  lots: Lot[]
  apiKeyId: string | null
  userId: string | null
  /** Raw usage, rated lines and the route's attempts, as the caller gave them. */
  details: unknown
  /** The record that this one corrects. The amounts of a correction are differences, and may be negative. */
  corrects: string | null
  createdAt: number
}

/** A signed movement into one bucket of an account's books, in micro-credits. */
export type Posting = readonly [bucket: string, amount: bigint]

/** One change, as the journal records it. */
export interface JournalEntry {
  accountId: string
  sequence: number
  at: number
  verb: string
  /** Null for what the ledger does by itself, such as expiry, and for changes that no caller can repeat. */
  idempotencyKey: string | null
  /** The caller's input, field by field, so that a conflict can name what differs. */
  content: Record<string, string>
  /** The outcome that the caller got. Amounts are strings. */
  outcome: unknown
  postings: readonly Posting[]
  /** SHA-256 of the previous entry's hash and every field, in hex. */
  hash: string
}

/** A journal entry, as stored: what the hash covers is kept as exactly the text that was hashed. */
export type EntryRow = Omit<JournalEntry, 'content' | 'outcome' | 'postings'> & {
  content: string
  outcome: string
  postings: string
}

/** An API key, as stored: without its secret. */
export interface ApiKeyRow {
  accountId: string
  apiKeyId: string
  prefix: string
  /** SHA-256 of the whole key, in hex. */
  hash: string
  name: string
  userId: string | null
  createdAt: number
  expiresAt: number | null
  revokedAt: number | null
  /** The prefix of the secret before the last rotation. */
  previousPrefix: string | null
  previousHash: string | null
  /** When the previous secret ends. */
  previousUntil: number | null
  /** When it was last used, up to a minute early. Null means never. */
  lastUsedAt: number | null
}

/** What an API key may do with one service, as stored. */
export interface ApiKeyServiceRow {
  accountId: string
  id: string
  apiKeyId: string
  serviceType: Service
  /** Null means every provider of the service. */
  provider: string | null
  enabled: boolean
  costLimitPerRequest: Credits | null
  createdAt: number
}

/** Leads from the prefix of an API key to its account. */
export interface KeyPrefixRow {
  prefix: string
  accountId: string
  apiKeyId: string
}

/** What one process told the others about its providers. */
export interface ProviderHealthRow {
  processId: string
  news: unknown
  toldAt: number
}

/** A budget, as stored. */
export interface BudgetRow {
  accountId: string
  budgetId: string
  /** The user whose spending it limits. Null means every user. */
  userId: string | null
  apiKeyId: string | null
  service: Service | null
  period: BudgetPeriod
  /** IANA name of the time zone in which its days, weeks and months begin. */
  timeZone: string
  limit: Credits
  /** `block` refuses work beyond the limit. `warn` only emits events. */
  mode: 'block' | 'warn'
  windowStart: number
  /** When it starts again. Null for `total`. */
  windowEnd: number | null
  /** The shares of the limit, in percent, at which its owner is alerted, once per window. */
  alertsAtPercent: readonly number[]
  /** The highest of them that this window has reached. */
  alertedPercent: number
  /** What was held and charged in this window. */
  used: Credits
  createdAt: number
}

/** Something that the host stores in an account, such as an agent. Only documents with a version are ever replaced. */
export interface DocumentRow {
  accountId: string
  kind: string
  documentId: string
  body: unknown
  createdAt: number
}

/** Every {@link RollupPeriod}. Days make long breakdowns cheap, and hours make their ends exact to the hour. */
export const rollupPeriods = ['hour', 'day'] as const
/** The span of time that one rollup row sums up. */
export type RollupPeriod = (typeof rollupPeriods)[number]

/** Sums of usage records over an hour or a day, by every dimension that a breakdown can ask for. */
export interface UsageRollupRow {
  accountId: string
  period: RollupPeriod
  startsAt: number
  service: Service
  provider: string
  unit: Unit
  workflowName: string
  apiKeyId: string
  userId: string
  records: bigint
  /** The true sum is this plus `quantityCarry` times 10^18, since it may not fit a 64-bit integer. */
  quantity: bigint
  quantityCarry: bigint
  charged: bigint
  shortfall: bigint
  /** The true sum is this plus `costCarry` times 10^18. */
  cost: bigint
  costCarry: bigint
}

/** Counts of the workflows that opened or closed in an hour or a day. */
export interface WorkflowRollupRow {
  accountId: string
  period: RollupPeriod
  startsAt: number
  workflowName: string
  apiKeyId: string
  userId: string
  opened: bigint
  closed: bigint
  durationMs: bigint
  charged: bigint
}

/** An event and the state of its delivery, as stored. */
export interface EventRow {
  accountId: string
  eventId: string
  type: EventType
  /** JSON in which amounts are strings of micro-credits. */
  data: Record<string, unknown>
  createdAt: number
  /** When to deliver it or try again. Null once it was delivered or given up. */
  dueAt: number | null
  attempts: number
  deliveredAt: number | null
  /** Why the last attempt failed. */
  error: string | null
}

/** The row type of each table of the ledger. */
export interface Rows {
  accounts: AccountRow
  grants: GrantRow
  holds: HoldRow
  workflows: WorkflowRow
  usage_records: UsageRow
  journal: EntryRow
  api_keys: ApiKeyRow
  api_key_services: ApiKeyServiceRow
  api_key_prefixes: KeyPrefixRow
  provider_health: ProviderHealthRow
  budgets: BudgetRow
  documents: DocumentRow
  events: EventRow
  usage_rollups: UsageRollupRow
  workflow_rollups: WorkflowRollupRow
}
/** The name of a table of the ledger, as the state machine uses it. */
export type TableName = keyof Rows
