import type { Certainty, Credits, NanoUsd, Quantity, Service, Unit } from '@farebox/core'
import type { BudgetPeriod, GrantSource, OveragePolicy, Rollover } from './rows.ts'

/** Fields that every change takes. */
export interface Mutation {
  accountId: string
  /**
   * Names this change, so that it happens once however often it is sent. The same key and content again returns the first
   * outcome, marked `replayed`; the same key with other content throws {@link IdempotencyConflictError}.
   *
   * @defaultValue derived from the id that the change creates or ends
   */
  idempotencyKey?: string
}

/** What {@link Ledger.openAccount} takes. */
export interface OpenAccountInput extends Omit<Mutation, 'accountId'> {
  /** @defaultValue a new UUIDv7 */
  accountId?: string
  name: string
  /** How far below zero the balance may go. @defaultValue 0: strictly prepaid */
  creditLimit?: Credits
  /** How much further the overage policy `debt` may go. @defaultValue 0 */
  debtLimit?: Credits
}

/** What {@link Ledger.grant} takes. */
export interface GrantInput extends Mutation {
  /** @defaultValue a new UUIDv7 */
  grantId?: string
  amount: Credits
  /** @defaultValue `purchase` */
  source?: GrantSource
  /** Lower numbers are spent first. @defaultValue 100 */
  priority?: number
  /** Epoch milliseconds from which it can be spent. @defaultValue now */
  effectiveAt?: number
  /** Epoch milliseconds at which what is left of it expires, when it has paid what is owed. @defaultValue never */
  expiresAt?: number
  /** The services it may pay for. @defaultValue every service */
  services?: readonly Service[]
  /** What is left when it expires becomes a new grant, with the id `rollover:` and its own. @defaultValue nothing is carried over */
  rollover?: RolloverInput
  /** The id of the `top_up_needed` event that this purchase answers; until it has begun no other top-up is asked for. */
  topUpId?: string
}

/** How the rest of a grant is carried over when it expires. */
export interface RolloverInput {
  /** The most that is carried over. @defaultValue everything that open holds have not set aside */
  max?: Credits
  /** How long the new grant lives. @defaultValue as long as the first one */
  ttlMs?: number
  /** How often it may be carried over, at most 12. @defaultValue 1 */
  times?: number
}

/** What {@link Ledger.placeHold} takes. */
export interface PlaceHoldInput extends Mutation {
  /** @defaultValue a new UUIDv7 */
  holdId?: string
  amount: Credits
  service: Service
  provider: string
  workflowId?: string
  apiKeyId?: string
  /** @defaultValue the workflow's */
  userId?: string
  /** How long the hold lives without being extended. @defaultValue 300_000 (five minutes) */
  ttlMs?: number
  /** How much longer a late settle still finds it. @defaultValue 60_000 (one minute) */
  graceMs?: number
  /** What happens when the work costs more than was held. @defaultValue `cap` */
  overage?: OveragePolicy
  /** The price of one unit; with it the answer says how many more units can be afforded. */
  unitPrice?: Credits
  /** Opens the workflow `workflowId` with the same change, if it is not open yet. @defaultValue it was opened before */
  opensWorkflow?: NewWorkflow
}

/**
 * A workflow that is opened by its first hold or charge, all or nothing: where that is refused, it is not opened. Where it is open
 * already, as these words say, it is joined; under other words it is another workflow, and the change fails.
 */
export type NewWorkflow = Pick<OpenWorkflowInput, 'name' | 'businessAdapter' | 'userId' | 'apiKeyId' | 'maxCredits'>

/** What {@link Ledger.extendHold} takes. */
export interface ExtendHoldInput extends Mutation {
  holdId: string
  /** The new life of the hold, from now. */
  ttlMs?: number
  /** The new amount left to draw on, more or less than now. */
  amount?: Credits
}

/** What was consumed and what it is worth, as rated by a price book. */
export interface UsageInput {
  quantity: Quantity
  unit: Unit
  /** The exact price in micro-credits, before rounding. */
  rated: Credits
  /**
   * The step to which the price is rounded up, on the sum of everything that the same provider did for the same service in the
   * same workflow, in the same unit, so that many small calls are not each rounded; outside any workflow on the sum of what its hold
   * was settled for. @defaultValue 1 credit
   */
  roundingStep?: Credits
  model?: string
  cost?: NanoUsd
  /** @defaultValue `exact` */
  certainty?: Certainty
  priceVersion?: string
  /** Raw usage, rated lines and attempts; kept as JSON beside the record. */
  details?: unknown
}

/** What {@link Ledger.settleHold} takes. */
export interface SettleHoldInput extends Mutation {
  holdId: string
  /** Names the usage record. @defaultValue the hold's id; a hold settled in parts must name each part */
  usageId?: string
  usage: UsageInput
  /** The provider that did the work, when it is not the one that the hold was placed for. */
  provider?: string
  /** Whether the hold ends and what is left of it goes back. @defaultValue true */
  final?: boolean
  /** Closes the hold's workflow with the same change, as {@link Ledger.closeWorkflow} does. Only for a final settlement. @defaultValue false */
  closesWorkflow?: boolean
}

/** What {@link Ledger.releaseHold} takes. */
export interface ReleaseHoldInput extends Mutation {
  holdId: string
}

/** What {@link Ledger.charge} takes. */
export interface ChargeInput extends Mutation {
  /** @defaultValue a new UUIDv7 */
  usageId?: string
  service: Service
  provider: string
  usage: UsageInput
  workflowId?: string
  apiKeyId?: string
  /** @defaultValue the workflow's */
  userId?: string
  /** What happens when the balance does not cover it. @defaultValue `reject`: nothing is charged, and the outcome is `refused` */
  overage?: OveragePolicy
  /** Opens the workflow `workflowId` with the same change, if it is not open yet. @defaultValue it was opened before */
  opensWorkflow?: NewWorkflow
  /** Closes the workflow with the same change, as {@link Ledger.closeWorkflow} does. @defaultValue false */
  closesWorkflow?: boolean
}

/** What {@link Ledger.refund} takes. */
export interface RefundInput extends Mutation {
  /** The usage record whose charge is given back. */
  usageId: string
  /** How much of it. @defaultValue all that is left of the charge */
  amount?: Credits
  /** Names the correcting record. @defaultValue a new UUIDv7 */
  correctionId?: string
  /** Why, for the record. */
  reason?: string
}

/** What {@link Ledger.adjust} takes. */
export interface AdjustInput extends Mutation {
  /** The usage record that turned out to be wrong. */
  usageId: string
  /** What should have been charged for it, in all. @defaultValue as it was */
  charge?: Credits
  /** What the provider charges us for it, in all. @defaultValue as it was */
  cost?: NanoUsd
  /** What happens when more is due than the balance covers. @defaultValue `cap` */
  overage?: OveragePolicy
  /** Names the correcting record. @defaultValue a new UUIDv7 */
  correctionId?: string
  /** Why, for the record. */
  reason?: string
}

/** What {@link Ledger.revokeGrant} takes. */
export interface RevokeGrantInput extends Mutation {
  grantId: string
}

/** What {@link Ledger.chargeback} takes. */
export interface ChargebackInput extends Mutation {
  /** The grant whose payment was reversed. */
  grantId: string
  /** Why, for the journal. */
  reason?: string
}

/** What {@link Ledger.freezeAccount} takes. */
export interface FreezeAccountInput extends Mutation {
  /** Whether new work is refused from now on, also such as costs nothing. What is under way may settle. */
  isFrozen: boolean
  /** Why, for the journal. */
  reason?: string
}

/** What {@link Ledger.openWorkflow} takes. */
export interface OpenWorkflowInput extends Mutation {
  /** @defaultValue a new UUIDv7 */
  workflowId?: string
  name: string
  businessAdapter?: string
  userId?: string
  apiKeyId?: string
  /** The most that it may cost, children included. @defaultValue no ceiling */
  maxCredits?: Credits
  /**
   * Set aside now, for its holds and charges and those of its children to draw on first: so a call that has begun can go on, whatever
   * else the account spends. What they give back returns to it, and closing the workflow frees the rest. Only grants that may
   * pay for every service are reserved. @defaultValue nothing
   */
  reserve?: Credits
  /** How long the reserve lives; each hold under the workflow keeps it for at least as long as itself. @defaultValue 3_600_000 (an hour) */
  reserveTtlMs?: number
  /** An open workflow whose ceiling this one shares. */
  parentId?: string
}

/** What {@link Ledger.closeWorkflow} takes. */
export interface CloseWorkflowInput extends Mutation {
  workflowId: string
}

/** What {@link Ledger.createApiKey} takes. */
export interface CreateApiKeyInput extends Mutation {
  /** @defaultValue a new UUIDv7 */
  apiKeyId?: string
  name?: string
  userId?: string
  /** The services that it may use. @defaultValue every service */
  services?: readonly KeyServiceInput[]
  expiresAt?: number
  /**
   * What the account must have available, its credit line not counted: a key is for who has paid.
   *
   * @defaultValue the ledger's `minimumCreditsForApiKey`
   */
  minimumBalance?: Credits
}

/** What a key may do with one service, as it is set. */
export interface KeyServiceInput {
  service: Service
  /** @defaultValue every provider of the service */
  provider?: string
  /** @defaultValue true */
  enabled?: boolean
  /** @defaultValue no limit */
  costLimitPerRequest?: Credits
}

/** What {@link Ledger.rotateApiKey} takes. */
export interface RotateApiKeyInput extends Mutation {
  apiKeyId: string
  /** How long the secret of before stays good. 0 ends it at once, which is right when it has leaked. @defaultValue 86_400_000 (24 hours) */
  graceMs?: number
}

/** What {@link Ledger.revokeApiKey} takes. */
export interface RevokeApiKeyInput extends Mutation {
  apiKeyId: string
}

/** What {@link Ledger.setKeyServices} takes. */
export interface SetKeyServicesInput extends Mutation {
  apiKeyId: string
  /** Replaces what the key may use; rows it had that are not named are disabled, or say what the row for their whole service says. */
  services: readonly KeyServiceInput[]
}

/** What {@link Ledger.setBudget} takes. */
export interface SetBudgetInput extends Mutation {
  /** @defaultValue derived from scope and period, so that setting it again changes it */
  budgetId?: string
  userId?: string
  apiKeyId?: string
  service?: Service
  /** Weeks begin on Monday. */
  period: BudgetPeriod
  /** IANA name, such as `Europe/Berlin`, of the zone at whose midnight days, weeks and months begin. @defaultValue `UTC` */
  timeZone?: string
  limit: Credits
  /** @defaultValue `block` */
  mode?: 'block' | 'warn'
  /** Shares of the limit in whole percent at which `limit_crossed` is told, once in each window. @defaultValue [80, 100] */
  alertsAtPercent?: readonly number[]
}

/** What {@link Ledger.setAlerts} takes. */
export interface SetAlertsInput extends Mutation {
  /** Tells `balance_low` when the balance falls below it. @defaultValue never */
  balanceLow?: Credits
  /** Tells `top_up_needed`, for so much, when the balance falls below a line. @defaultValue never */
  topUp?: { at: Credits; amount: Credits }
}

/** What {@link Ledger.cancelTopUp} takes. */
export interface CancelTopUpInput extends Mutation {
  /** The id of the `top_up_needed` event whose purchase will not come. */
  topUpId: string
  /** Why, for the journal. */
  reason?: string
}

/** What {@link Ledger.saveDocument} takes. */
export interface SaveDocumentInput extends Mutation {
  /** What it is, for example `agent`. */
  kind: string
  /** @defaultValue a new UUIDv7 */
  documentId?: string
  /** Anything that JSON can carry, at most 8 MB. */
  body: Record<string, unknown>
  /**
   * Of something that is kept up to date under its `documentId`, such as how far a reader came: a whole number, which is kept as `body.version`.
   * It takes the place of what was kept with a smaller one; what was kept with the same or a greater one stays. It leaves no entry in the
   * journal, so that an account does not grow by it. @defaultValue none: what was kept is never replaced
   */
  version?: number
}

/** Why new work was refused. Nothing was changed. Where several apply, the first in this order is named. */
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

/** What a grant came to. */
export interface GrantOutcome {
  status: 'granted'
  grantId: string
  amount: Credits
  /** The part that repaid debt. */
  repaid: Credits
  available: Credits
  replayed: boolean
}

/** A hold that was placed or extended. */
export interface HeldOutcome {
  status: 'held'
  holdId: string
  amount: Credits
  expiresAt: number
  /** The balance: what grants still hold, this hold among it, less debt. */
  balance: Credits
  /** What may still be spent beside this hold: the least of balance, workflow ceiling and budgets. */
  affordable: Credits
  /** The same in units, when the hold named a `unitPrice`. */
  affordableUnits?: bigint
  replayed: boolean
}
/** How placing a hold went. */
export type PlaceHoldOutcome = HeldOutcome | Refusal
/** How an extension went. */
export type ExtendHoldOutcome = HeldOutcome | Refusal

/** What a settlement or charge took. */
export interface ChargedOutcome {
  status: 'charged'
  usageId: string
  /** Taken from the account. */
  charged: Credits
  /** Rated but not taken: the account could not pay it. charged + shortfall = what was rated, rounded. */
  shortfall: Credits
  /** The balance afterwards: what grants still hold, less debt. */
  balance: Credits
  available: Credits
  /** What may still be spent: the least of balance, workflow ceiling and budgets, with what is left of the hold. */
  affordable: Credits
  /** Whether the hold had ended before, so that this was charged afresh. */
  late: boolean
  replayed: boolean
}
/** How a settlement went. */
export type SettleHoldOutcome = ChargedOutcome | Refusal
/** How a charge went. */
export type ChargeOutcome = ChargedOutcome | Refusal

/** How giving a hold back went. */
export type ReleaseHoldOutcome = { status: 'released'; holdId: string; amount: Credits; replayed: boolean } | Refusal

/** How a refund went. */
export type RefundOutcome =
  | CorrectedOutcome
  | { status: 'refused'; reason: 'refund_exceeds_charge'; usageId: string; refundable: Credits; requested: Credits }

/** A usage record was corrected by another. */
export interface CorrectedOutcome {
  status: 'corrected'
  /** The correcting record. */
  correctionId: string
  usageId: string
  /** Given back; negative where more was charged. */
  refunded: Credits
  /** Due and not taken. */
  shortfall: Credits
  balance: Credits
  replayed: boolean
}
/** How a correction went. */
export type AdjustOutcome = CorrectedOutcome | Refusal

/** What was taken back of a grant. */
export interface RevokeGrantOutcome {
  status: 'revoked'
  grantId: string
  /** Taken back. What open holds have set aside stays theirs until they end. */
  amount: Credits
  replayed: boolean
}

/** What a chargeback brought back, and what is owed now. */
export interface ChargebackOutcome {
  status: 'charged_back'
  grantId: string
  /** Unspent, and taken back. */
  recovered: Credits
  /** The part of that which open holds had set aside: what they still spend of it is owed when they are settled. */
  held: Credits
  /** Spent, and owed now: the account's next grants for every service repay it before anything can be spent. */
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
      /** What was set aside, if a reserve was asked for. */
      reserved?: Credits
      /** The hold that keeps it: it can be extended or released like any other, and is never settled itself. */
      reserveHoldId?: string
      replayed: boolean
    }
  | Refusal

/** What a workflow came to. */
export interface CloseWorkflowOutcome {
  status: 'closed'
  workflowId: string
  spent: Credits
  durationMs: number
  replayed: boolean
}

/** The key that was made, or what its account lacks. */
export type CreateApiKeyOutcome =
  | {
      status: 'created'
      apiKeyId: string
      prefix: string
      /** The key itself, shown this once. Absent on a replay: only its hash was kept. */
      secret?: string
      replayed: boolean
    }
  | { status: 'refused'; reason: 'insufficient_balance'; available: Credits; requested: Credits }

/** The key with its new secret. */
export interface RotateApiKeyOutcome {
  status: 'rotated'
  apiKeyId: string
  prefix: string
  /** The new key itself, shown this once. Absent on a replay: only its hash was kept. */
  secret?: string
  previousPrefix: string
  /** Until when the secret of before is good, epoch milliseconds. */
  previousUntil: number
  replayed: boolean
}

/** The key that was ended. */
export interface RevokeApiKeyOutcome {
  status: 'revoked'
  apiKeyId: string
  replayed: boolean
}

/** The key whose services were set. */
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

/** That the lines were drawn. */
export interface SetAlertsOutcome {
  status: 'set'
  replayed: boolean
}

/** That a top-up was given up. */
export interface CancelTopUpOutcome {
  status: 'cancelled'
  topUpId: string
  replayed: boolean
}

/** The document that was kept. */
export interface SaveDocumentOutcome {
  status: 'saved'
  documentId: string
  replayed: boolean
}

/** The verbs of the ledger with their inputs as the state machine takes them, every default filled in. */
export interface Operations {
  openAccount: { name: string; creditLimit: Credits; debtLimit: Credits }
  grant: Required<Omit<GrantInput, keyof Mutation | 'effectiveAt' | 'expiresAt' | 'services' | 'rollover' | 'topUpId'>> &
    Pick<GrantInput, 'effectiveAt' | 'expiresAt' | 'services' | 'topUpId'> & {
      rollover?: Omit<Rollover, 'ttlMs'> & Partial<Pick<Rollover, 'ttlMs'>>
    }
  placeHold: Required<Pick<PlaceHoldInput, 'holdId' | 'amount' | 'service' | 'provider' | 'ttlMs' | 'graceMs' | 'overage'>> &
    Pick<PlaceHoldInput, 'workflowId' | 'apiKeyId' | 'userId' | 'unitPrice' | 'opensWorkflow'>
  extendHold: Omit<ExtendHoldInput, keyof Mutation>
  settleHold: Required<Omit<SettleHoldInput, keyof Mutation | 'provider' | 'usage' | 'closesWorkflow'>> & {
    provider?: string
    usage: RatedUsage
    /** In place of the hold's own policy, where the work is long done: see {@link UsageSpool}. */
    overage?: 'cap'
  } & Closing
  releaseHold: Omit<ReleaseHoldInput, keyof Mutation>
  charge: Required<Pick<ChargeInput, 'usageId' | 'service' | 'provider' | 'overage'>> &
    Pick<ChargeInput, 'workflowId' | 'apiKeyId' | 'userId' | 'opensWorkflow'> & { usage: RatedUsage } & Closing
  openWorkflow: Omit<OpenWorkflowInput, keyof Mutation | 'reserve' | 'reserveTtlMs'> & {
    workflowId: string
    reserve?: { amount: Credits; ttlMs: number }
  }
  closeWorkflow: Omit<CloseWorkflowInput, keyof Mutation> & { announce?: boolean }
  createApiKey: {
    apiKeyId: string
    name: string
    userId?: string
    prefix: string
    hash: string
    /** The hash again, of a secret that the caller chose: another one under the same key is another change. */
    secret?: string
    services: readonly (KeyServiceInput & { id: string })[]
    expiresAt?: number
    minimumBalance: Credits
  }
  rotateApiKey: { apiKeyId: string; prefix: string; hash: string; secret?: string; graceMs: number }
  revokeApiKey: Omit<RevokeApiKeyInput, keyof Mutation>
  setKeyServices: { apiKeyId: string; services: readonly (KeyServiceInput & { id: string })[] }
  setBudget: Omit<SetBudgetInput, keyof Mutation> & {
    budgetId: string
    timeZone: string
    mode: 'block' | 'warn'
    alertsAtPercent: readonly number[]
  }
  refund: Omit<RefundInput, keyof Mutation> & { correctionId: string }
  adjust: Omit<AdjustInput, keyof Mutation> & { correctionId: string; overage: OveragePolicy }
  revokeGrant: Omit<RevokeGrantInput, keyof Mutation>
  chargeback: Omit<ChargebackInput, keyof Mutation>
  freezeAccount: Omit<FreezeAccountInput, keyof Mutation>
  setAlerts: Omit<SetAlertsInput, keyof Mutation>
  cancelTopUp: Omit<CancelTopUpInput, keyof Mutation>
  /** Takes a due event for the process that will deliver it, until then. */
  claimEvent: { eventId: string; until: number }
  /** How that went: no `error` is delivered; with one, in how long to try again, if ever. */
  endDelivery: { eventId: string; error?: string; delayMs?: number }
  /** Makes an event due now. */
  retryEvent: { eventId: string }
  saveDocument: { kind: string; documentId: string; body: Record<string, unknown> }
  /** Keeps a document in the place of an earlier version. */
  replaceDocument: { kind: string; documentId: string; body: Record<string, unknown>; version: number }
  /** Lets what is due on one account happen: grants begin and expire, abandoned holds go back. */
  advance: Record<never, never>
  /** Keeps when a key was last used. It moves nothing, so the journal does not tell of it. */
  noteKeyUse: { apiKeyId: string; at: number }
}
/** Whether a charge closes its workflow, and whether that is told as an event. */
interface Closing {
  closesWorkflow?: boolean
  announce?: boolean
}

/** The name of a change. */
export type Verb = keyof Operations

/** {@link UsageInput} with its defaults. Its details are JSON already, which nothing below needs to look into. */
export type RatedUsage = Omit<UsageInput, 'details'> &
  Required<Pick<UsageInput, 'roundingStep' | 'certainty'>> & { details?: string }

/** One change, as it travels from the queue through a driver to the state machine. */
export type Operation = {
  [Name in Verb]: {
    verb: Name
    accountId: string
    idempotencyKey: string | null
    input: Operations[Name]
    /** Looks for what most likely is not there, such as a usage record with the id of a hold that is open. */
    isDoubtful?: boolean
  }
}[Verb]

/** What each verb answers when it does not fail. */
export interface Outcomes {
  openAccount: OpenAccountOutcome
  grant: GrantOutcome
  placeHold: PlaceHoldOutcome
  extendHold: ExtendHoldOutcome
  settleHold: SettleHoldOutcome
  releaseHold: ReleaseHoldOutcome
  charge: ChargeOutcome
  openWorkflow: OpenWorkflowOutcome
  closeWorkflow: CloseWorkflowOutcome
  createApiKey: CreateApiKeyOutcome
  rotateApiKey: RotateApiKeyOutcome
  revokeApiKey: RevokeApiKeyOutcome
  setKeyServices: SetKeyServicesOutcome
  setBudget: SetBudgetOutcome
  refund: RefundOutcome
  adjust: AdjustOutcome
  revokeGrant: RevokeGrantOutcome
  chargeback: ChargebackOutcome
  freezeAccount: FreezeAccountOutcome
  setAlerts: SetAlertsOutcome
  cancelTopUp: CancelTopUpOutcome
  claimEvent: { status: 'claimed'; isClaimed: boolean; attempts: number; replayed: boolean }
  endDelivery: { status: 'noted'; replayed: boolean }
  retryEvent: { status: 'due'; isDelivered: boolean; replayed: boolean }
  saveDocument: SaveDocumentOutcome
  replaceDocument: SaveDocumentOutcome
  advance: { status: 'advanced'; replayed: boolean }
  noteKeyUse: { status: 'noted'; replayed: boolean }
}

/** What a wrong call gets: thrown by the ledger as the error of that code. Nothing was changed. */
export type Failure =
  | {
      status: 'failed'
      code:
        | 'ACCOUNT_NOT_FOUND'
        | 'HOLD_NOT_FOUND'
        | 'WORKFLOW_NOT_FOUND'
        | 'API_KEY_NOT_FOUND'
        | 'USAGE_NOT_FOUND'
        | 'GRANT_NOT_FOUND'
        | 'EVENT_NOT_FOUND'
      id: string
    }
  | { status: 'failed'; code: 'IDEMPOTENCY_CONFLICT'; idempotencyKey: string; differs: readonly string[] }
  | { status: 'failed'; code: 'ALREADY_EXISTS'; what: string; id: string }
  | { status: 'failed'; code: 'AMOUNT_OUT_OF_RANGE'; field: string }
  | { status: 'failed'; code: 'INVALID_INPUT'; field: string; problem: string }

/** What the state machine answers an operation. */
export type Outcome = Outcomes[Verb] | Failure
