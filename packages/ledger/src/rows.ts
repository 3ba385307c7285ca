import type { Certainty, Credits, NanoUsd, Quantity, Service, Unit } from '@farebox/core'

/** Where a grant came from. `purchase` was paid for; the others were not. */
export const grantSources = ['purchase', 'promo', 'plan', 'refund', 'adjustment'] as const
/** Where the value of a grant came from. Among grants of one priority and expiry, free ones are spent before paid ones. */
export type GrantSource = (typeof grantSources)[number]

/** What happens when work cost more than was held: see {@link SettleHoldInput}. */
export const overagePolicies = ['cap', 'debt', 'reject'] as const
/** What happens when work costs more than was held: `cap` takes what is available, `debt` goes on to the debt limit, `reject` changes nothing. */
export type OveragePolicy = (typeof overagePolicies)[number]

/** How often a budget starts again at zero. `total` never does. */
export const budgetPeriods = ['minute', 'hour', 'day', 'week', 'month', 'total'] as const
/** The window of a budget. */
export type BudgetPeriod = (typeof budgetPeriods)[number]

/** A part of a grant, set aside by a hold or drawn by a charge. An empty `grantId` is the account's credit line. */
export interface Lot {
  grantId: string
  amount: Credits
  /** The workflows whose reserves it was drawn from, the nearest first: it goes back there. */
  reserves?: readonly string[]
}

/** What the ledger tells about by itself: see {@link LedgerEvent}. */
export const eventTypes = ['balance_low', 'limit_crossed', 'hold_expired', 'workflow_closed', 'top_up_needed'] as const
/** What an event tells of. */
export type EventType = (typeof eventTypes)[number]

/** At which balances an account's owner wants to know. */
export interface Alerts {
  /** Null is never. */
  balanceLow: Credits | null
  /** When more is to be bought, and how much; null is never. */
  topUp: { at: Credits; amount: Credits } | null
  /** The event whose purchase is awaited: until then no other one is asked for. */
  pendingTopUpId: string | null
  /** The grant that the purchase came as, where it begins later: it is awaited until then. */
  pendingGrantId?: string
}

/** An account, as its table holds it. */
export interface AccountRow {
  accountId: string
  name: string
  /** How far below zero the balance may go: 0 is strictly prepaid. */
  creditLimit: Credits
  /** How much further the overage policy `debt` may go. */
  debtLimit: Credits
  /** What active grants still hold, less debt. */
  posted: Credits
  /** What open holds have set aside. */
  held: Credits
  /** What was charged beyond all grants; the next grant for every service repays it first. */
  debt: Credits
  /** The part of the credit line that open holds have set aside. */
  creditHeld: Credits
  /** When something of this account next begins, expires or heals by itself. */
  nextDueAt: number | null
  hasBudgets: boolean
  /** Whether new work is refused, until somebody has looked into it. */
  isFrozen: boolean
  alerts: Alerts | null
  /** Journal entries so far. */
  sequence: number
  /** Hash of the newest journal entry. */
  chainHash: string
  createdAt: number
  /** The latest time at which the account changed: its clock never runs backwards. */
  updatedAt: number
}

/** Where a grant is in its life. */
export type GrantState = 'pending' | 'active' | 'spent' | 'expired' | 'revoked' | 'charged_back'

/** What becomes of a grant that expires unspent: a grant of its own, that lives on. */
export interface Rollover {
  /** The most that is carried over; null is all. */
  max: Credits | null
  /** How long the next grant lives, from when this one expires. */
  ttlMs: number
  /** How often it may still be carried over. */
  times: number
}

/** A grant, as its table holds it. */
export interface GrantRow {
  accountId: string
  grantId: string
  source: GrantSource
  /** Lower numbers are spent first. */
  priority: number
  amount: Credits
  remaining: Credits
  /** The part of `remaining` that open holds will draw on. */
  pinned: Credits
  /** What expired, was carried over or taken back; the rest of what is missing was spent. */
  gone: Credits
  effectiveAt: number
  expiresAt: number | null
  /** The services it may pay for; null is every service. */
  services: readonly Service[] | null
  /** Whether and how what is left at its expiry is carried over. */
  rollover: Rollover | null
  state: GrantState
  createdAt: number
}

/** Where a hold is in its life. */
export type HoldState = 'open' | 'settled' | 'released' | 'expired'

/** A hold, as its table holds it. */
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
  /** The exact price before rounding of what was settled on it; usage that was taken back whole, by a refund or an adjustment, does not count. */
  rated: Credits
  /** What was charged for that; what a correction changed is in its usage records. */
  charged: Credits
  /** What of it could not be charged. */
  shortfall: Credits
  state: HoldState
  overage: OveragePolicy
  lots: Lot[]
  /** The budgets it counts in, each with the window in which it was taken. */
  budgets: BudgetUse[]
  createdAt: number
  expiresAt: number
  graceMs: number
  endedAt: number | null
}

/** The window of a budget in which a hold is counted. */
export interface BudgetUse {
  budgetId: string
  windowStart: number
  /** What of it is still counted there. */
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
  /** What of `rated`, and of `charged` and `shortfall`, does not count for what more usage costs: corrections brought it. Unset where that is nothing. */
  uncounted?: { rated: Credits; billed: Credits }
  /** The price book and version that its newest usage was rated by; null where nobody said. */
  priceVersion: string | null
}

/** Whether a workflow takes more calls. */
export type WorkflowState = 'open' | 'closed'

/** A workflow, as its table holds it. */
export interface WorkflowRow {
  accountId: string
  workflowId: string
  /** The workflow at the top, whose ceiling is shared; its own id when it has no parent. */
  rootId: string
  parentId: string | null
  name: string
  businessAdapter: string | null
  userId: string | null
  apiKeyId: string | null
  state: WorkflowState
  /** The most that it may cost together with its children; null is no ceiling. */
  maxCredits: Credits | null
  /** Charged to it and, at the root, to its children. */
  spent: Credits
  /** Held for it and, at the root, for its children. */
  held: Credits
  /** What was set aside when it opened, for its legs to draw on; null is nothing. */
  reserve: Credits | null
  lines: WorkflowLine[]
  createdAt: number
  closedAt: number | null
}

/** What one attempt consumed, and what it cost. Never changed; a correction is another record. */
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
  /** What the provider charges us; null when it is not known. */
  cost: NanoUsd | null
  certainty: Certainty
  priceVersion: string | null
  lots: Lot[]
  apiKeyId: string | null
  userId: string | null
  /** Raw usage, rated lines and the route's attempts, as the caller gave them. */
  details: unknown
  /** The record that this one corrects; its own amounts are then differences, and may be negative. */
  corrects: string | null
  createdAt: number
}

/** A signed movement into one bucket of an account's book, in micro-credits. */
export type Posting = readonly [bucket: string, amount: bigint]

/** One change as the journal keeps it. */
export interface JournalEntry {
  accountId: string
  sequence: number
  at: number
  verb: string
  /** Null for what the ledger does by itself, such as expiry, and for changes that no caller could repeat. */
  idempotencyKey: string | null
  /** The caller's input, field by field, so that a conflict can name what differs. */
  content: Record<string, string>
  /** What the caller was answered; amounts are strings. */
  outcome: unknown
  postings: readonly Posting[]
  /** SHA-256 over the previous entry's hash and every field, in hex. */
  hash: string
}

/** An entry as it is stored: what the hash covers is kept as the very text that was hashed. */
export type EntryRow = Omit<JournalEntry, 'content' | 'outcome' | 'postings'> & {
  content: string
  outcome: string
  postings: string
}

/** An API key, as its table holds it: without its secret. */
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
  /** Of the secret before the last rotation. */
  previousPrefix: string | null
  previousHash: string | null
  /** When the secret before ends. */
  previousUntil: number | null
  /** A time at which it was used, at most a minute before the latest; null: never. */
  lastUsedAt: number | null
}

/** What a key may do with one service, as its table holds it. */
export interface ApiKeyServiceRow {
  accountId: string
  id: string
  apiKeyId: string
  serviceType: Service
  /** Null is every provider of the service. */
  provider: string | null
  enabled: boolean
  costLimitPerRequest: Credits | null
  createdAt: number
}

/** Leads from the start of a key to its account. */
export interface KeyPrefixRow {
  prefix: string
  accountId: string
  apiKeyId: string
}

/** What one process told the others of its providers. */
export interface ProviderHealthRow {
  processId: string
  news: unknown
  toldAt: number
}

/** A budget, as its table holds it. */
export interface BudgetRow {
  accountId: string
  budgetId: string
  /** Null limits the account as a whole. */
  userId: string | null
  apiKeyId: string | null
  service: Service | null
  period: BudgetPeriod
  /** IANA name of the zone in which its days, weeks and months begin. */
  timeZone: string
  limit: Credits
  /** `warn` only reports. */
  mode: 'block' | 'warn'
  windowStart: number
  /** When it starts again; null for `total`. */
  windowEnd: number | null
  /** The shares of the limit, in percent, at which its owner is told, once in each window. */
  alertsAtPercent: readonly number[]
  /** The highest of them that this window has reached. */
  alertedPercent: number
  /** Held and charged in this window. */
  used: Credits
  createdAt: number
}

/** Something that the host keeps in its account beside the money, such as an agent. Never changed. */
export interface DocumentRow {
  accountId: string
  kind: string
  documentId: string
  body: unknown
  createdAt: number
}

/** Over how long a rollup adds up. Days make a long breakdown cheap, hours take its ends to the hour. */
export const rollupPeriods = ['hour', 'day'] as const
/** The span that a row of totals sums up. */
export type RollupPeriod = (typeof rollupPeriods)[number]

/** Sums of usage records over an hour or a day, by everything that a breakdown asks for. */
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
  /** Together with `quantityCarry` times 10^18, which is what does not fit a 64-bit integer. */
  quantity: bigint
  quantityCarry: bigint
  charged: bigint
  shortfall: bigint
  /** Together with `costCarry` times 10^18. */
  cost: bigint
  costCarry: bigint
}

/** Counts of workflows by the hour, and the day, in which they opened or closed. */
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

/** Something that somebody is to be told, kept until that was done. */
export interface EventRow {
  accountId: string
  eventId: string
  type: EventType
  /** As JSON; amounts are strings of micro-credits. */
  data: Record<string, unknown>
  createdAt: number
  /** When it is to be delivered, or tried again; null when it was delivered or given up. */
  dueAt: number | null
  attempts: number
  deliveredAt: number | null
  /** Why the last attempt failed. */
  error: string | null
}

/** Every table of the ledger by its row. */
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
/** A table of the ledger, by the name that the state machine uses. */
export type TableName = keyof Rows
