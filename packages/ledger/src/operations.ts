import type { Certainty, Credits, NanoUsd, Quantity, Service, Unit } from '@farebox/core'
import type { BudgetPeriod, GrantSource, OveragePolicy, Rollover } from './rows.ts'

/** The fields that every change takes. */
export interface Mutation {
  accountId: string
  /**
   * Identifies this change, so that it happens once however often it is sent. Repeating it with the same content returns the
   * first outcome, marked `replayed`. The same key with other content throws {@link IdempotencyConflictError}.
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
  /** When it becomes spendable, in epoch milliseconds. @defaultValue now */
  effectiveAt?: number
  /** When what is left of it expires, in epoch milliseconds. It repays debt first. @defaultValue never */
  expiresAt?: number
  /** The services that it may pay for. @defaultValue every service */
  services?: readonly Service[]
  /**
   * Carries what is left at its expiry over to a new grant, whose id is `rollover:` followed by this one's.
   * @defaultValue nothing is carried over
   */
  rollover?: RolloverInput
  /** The id of the `top_up_needed` event that this purchase answers. No other top-up is requested until the grant has begun. */
  topUpId?: string
}

/** How what is left of a grant is carried over when it expires. */
export interface RolloverInput {
  /** The most to carry over. @defaultValue everything that open holds have not set aside */
  max?: Credits
  /** How long the new grant lives. @defaultValue as long as the first one */
  ttlMs?: number
  /** How many times it may be carried over, at most 12. @defaultValue 1 */
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
  /** How much longer a late settlement can still draw on it. @defaultValue 60_000 (one minute) */
  graceMs?: number
  /** What happens when the work costs more than was held. @defaultValue `cap` */
  overage?: OveragePolicy
  /** The price of one unit. If given, the outcome says how many more units the account can afford. */
  unitPrice?: Credits
  /** Opens the workflow `workflowId` in the same change, unless it is open already. @defaultValue it was opened before */
  opensWorkflow?: NewWorkflow
}

/**
 * A workflow that its first hold or charge opens. If the hold or charge is refused, the workflow is not opened either. If it is
 * open already with these same properties, the change joins it. With other properties, the change fails.
 */
export type NewWorkflow = Pick<OpenWorkflowInput, 'name' | 'businessAdapter' | 'userId' | 'apiKeyId' | 'maxCredits'>

/** What {@link Ledger.extendHold} takes. */
export interface ExtendHoldInput extends Mutation {
  holdId: string
  /** The new lifetime of the hold, counted from now. */
  ttlMs?: number
  /** The new amount left to draw on, larger or smaller than now. */
  amount?: Credits
}

/** What was consumed, and its price as rated by a price book. */
export interface UsageInput {
  quantity: Quantity
  unit: Unit
  /** The exact price in micro-credits, before rounding. */
  rated: Credits
  /**
   * The step to which the price is rounded up. In a workflow, the sum over the same service, provider and unit is rounded, so
   * that many small calls are not each rounded up. Outside any workflow, the sum of everything settled on the hold is.
   * @defaultValue 1 credit
   */
  roundingStep?: Credits
  model?: string
  cost?: NanoUsd
  /** @defaultValue `exact` */
  certainty?: Certainty
  priceVersion?: string
  /** Raw usage, rated lines and attempts. Stored with the record as JSON. */
  details?: unknown
}

/** What {@link Ledger.settleHold} takes. */
export interface SettleHoldInput extends Mutation {
  holdId: string
  /** The id of the usage record. A hold that is settled in parts must name each part. @defaultValue the hold's id */
  usageId?: string
  usage: UsageInput
  /** The provider that did the work, if it is not the one that the hold was placed for. */
  provider?: string
  /** Whether this ends the hold and gives back what is left of it. @defaultValue true */
  final?: boolean
  /**
   * The id of the usage record that ends the work of which this is a part. Once there is such a record, the part is refused as
   * `ALREADY_EXISTS`: whoever ended the work has accounted for all of it. Only with `final: false`. @defaultValue none
   */
  partOf?: string
  /**
   * Closes the hold's workflow in the same change, as {@link Ledger.closeWorkflow} does. Only for a final settlement.
   * @defaultValue false
   */
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
  /** Opens the workflow `workflowId` in the same change, unless it is open already. @defaultValue it was opened before */
  opensWorkflow?: NewWorkflow
  /** Closes the workflow in the same change, as {@link Ledger.closeWorkflow} does. @defaultValue false */
  closesWorkflow?: boolean
}

/** What {@link Ledger.refund} takes. */
export interface RefundInput extends Mutation {
  /** The usage record whose charge to give back. */
  usageId: string
  /** How much to give back. @defaultValue all that is left of the charge */
  amount?: Credits
  /** The id of the correcting record. @defaultValue a new UUIDv7 */
  correctionId?: string
  /** Why, for the record. */
  reason?: string
}

/** What {@link Ledger.adjust} takes. */
export interface AdjustInput extends Mutation {
  /** The usage record to correct. */
  usageId: string
  /** The total that should have been charged for it. @defaultValue as it was */
  charge?: Credits
  /** The total that the provider charges us for it. @defaultValue as it was */
  cost?: NanoUsd
  /** What happens when more is due than the balance covers. @defaultValue `cap` */
  overage?: OveragePolicy
  /** The id of the correcting record. @defaultValue a new UUIDv7 */
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
  /** Whether to refuse new work from now on, even if it costs nothing. Work in progress may still settle. */
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
  /** The most that it may cost, including its children. @defaultValue no ceiling */
  maxCredits?: Credits
  /**
   * The amount to set aside now. The holds and charges of the workflow and its children draw on it first, so a call that has
   * begun can go on whatever else the account spends. What they give back returns to the reserve, and closing the workflow
   * releases the rest. Grants restricted to some services cannot be reserved. @defaultValue nothing
   */
  reserve?: Credits
  /** How long the reserve lives, and at least as long as each hold under the workflow. @defaultValue 3_600_000 (an hour) */
  reserveTtlMs?: number
  /** The open workflow that this one belongs to, and whose ceiling it shares. */
  parentId?: string
}

/** What {@link Ledger.closeWorkflow} takes. */
export interface CloseWorkflowInput extends Mutation {
  workflowId: string
  /**
   * Keeps the holds of work under way, which then settles them as if the workflow were open. Only its reserve is released. For
   * callers who do not run that work: without its holds, it may cost more than is left.
   *
   * @defaultValue false
   */
  keepsHolds?: boolean
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
   * The available balance that the account needs. Its credit line does not count, since it is no sign that anybody has paid.
   *
   * @defaultValue the ledger's `minimumCreditsForApiKey`
   */
  minimumBalance?: Credits
}

/** What an API key may do with one service. */
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
  /** How long the previous secret stays valid. Use 0 to end a leaked one at once. @defaultValue 86_400_000 (24 hours) */
  graceMs?: number
}

/** What {@link Ledger.revokeApiKey} takes. */
export interface RevokeApiKeyInput extends Mutation {
  apiKeyId: string
}

/** What {@link Ledger.setKeyServices} takes. */
export interface SetKeyServicesInput extends Mutation {
  apiKeyId: string
  /**
   * Everything that the key may use from now on. A row that is not named again is disabled, unless the list names its whole
   * service: then it takes over what is set for that.
   */
  services: readonly KeyServiceInput[]
}

/** What {@link Ledger.setBudget} takes. */
export interface SetBudgetInput extends Mutation {
  /** @defaultValue derived from scope and period, so that setting the same budget again changes it */
  budgetId?: string
  userId?: string
  apiKeyId?: string
  service?: Service
  /** Weeks begin on Monday. */
  period: BudgetPeriod
  /** IANA name of the time zone at whose midnight days, weeks and months begin, such as `Europe/Berlin`. @defaultValue `UTC` */
  timeZone?: string
  limit: Credits
  /** @defaultValue `block` */
  mode?: 'block' | 'warn'
  /** The shares of the limit, in whole percent, at which to emit `limit_crossed`, once per window. @defaultValue [80, 100] */
  alertsAtPercent?: readonly number[]
}

/** What {@link Ledger.setAlerts} takes. */
export interface SetAlertsInput extends Mutation {
  /** Emits `balance_low` when the balance falls below this amount. @defaultValue never */
  balanceLow?: Credits
  /** Emits `top_up_needed`, asking for `amount`, when the balance falls below `at`. @defaultValue never */
  topUp?: { at: Credits; amount: Credits }
}

/** What {@link Ledger.cancelTopUp} takes. */
export interface CancelTopUpInput extends Mutation {
  /** The id of the `top_up_needed` event whose purchase will not come. */
  topUpId: string
  /** Why, for the journal. */
  reason?: string
}

/** What {@link Ledger.overwriteDocuments} takes. */
export interface OverwriteDocumentsInput {
  accountId: string
  kind: string
  documentIds: readonly string[]
  /** What they hold from now on. */
  body: Record<string, unknown>
}

/** What {@link Ledger.saveDocument} takes. */
export interface SaveDocumentInput extends Mutation {
  /** The kind of document, for example `agent`. */
  kind: string
  /** @defaultValue a new UUIDv7 */
  documentId?: string
  /** Anything that JSON can carry, at most 8 MB. */
  body: Record<string, unknown>
  /**
   * A whole number, for a document that is updated under the same `documentId`, such as a reader's position. Stored as
   * `body.version`. The document replaces one with a smaller version; one with the same or a greater version stays. Such updates
   * leave no journal entry, so that they do not make the account grow. @defaultValue none: the document is never replaced
   */
  version?: number
}

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
  /** The same in units, if the hold was given a `unitPrice`. */
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

/** The ledger's verbs, with their inputs as the state machine takes them: every default is filled in. */
export interface Operations {
  openAccount: { name: string; creditLimit: Credits; debtLimit: Credits }
  grant: Required<Omit<GrantInput, keyof Mutation | 'effectiveAt' | 'expiresAt' | 'services' | 'rollover' | 'topUpId'>> &
    Pick<GrantInput, 'effectiveAt' | 'expiresAt' | 'services' | 'topUpId'> & {
      rollover?: Omit<Rollover, 'ttlMs'> & Partial<Pick<Rollover, 'ttlMs'>>
    }
  placeHold: Required<Pick<PlaceHoldInput, 'holdId' | 'amount' | 'service' | 'provider' | 'ttlMs' | 'graceMs' | 'overage'>> &
    Pick<PlaceHoldInput, 'workflowId' | 'apiKeyId' | 'userId' | 'unitPrice' | 'opensWorkflow'>
  extendHold: Omit<ExtendHoldInput, keyof Mutation>
  settleHold: Required<Omit<SettleHoldInput, keyof Mutation | 'provider' | 'usage' | 'partOf' | 'closesWorkflow'>> & {
    provider?: string
    partOf?: string
    usage: RatedUsage
    /** Replaces the hold's own policy for usage from the spool, whose work is done already: see {@link UsageSpool}. */
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
    /** The hash again, if the caller chose the secret, so that another secret under the same idempotency key is a conflict. */
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
  /** Claims a due event for the process that will deliver it, until a time. */
  claimEvent: { eventId: string; until: number }
  /** Records how a delivery went. No `error` means success. After an error, `delayMs` says when to try again, if ever. */
  endDelivery: { eventId: string; error?: string; delayMs?: number }
  /** Makes an event due now. */
  retryEvent: { eventId: string }
  saveDocument: { kind: string; documentId: string; body: Record<string, unknown> }
  /** Stores a document in place of an earlier version. */
  replaceDocument: { kind: string; documentId: string; body: Record<string, unknown>; version: number }
  /** Applies what is due on one account: begins and expires grants, gives back abandoned holds. */
  advance: Record<never, never>
  /** Records when a key was last used. It moves no credits, so it leaves no journal entry. */
  noteKeyUse: { apiKeyId: string; at: number }
}
/** Whether a charge closes its workflow, and whether that emits an event. */
interface Closing {
  closesWorkflow?: boolean
  announce?: boolean
}

/** The name of a change. */
export type Verb = keyof Operations

/** {@link UsageInput} with its defaults filled in. Its details are JSON text already, since nothing below reads them. */
export type RatedUsage = Omit<UsageInput, 'details'> &
  Required<Pick<UsageInput, 'roundingStep' | 'certainty'>> & { details?: string }

/** One change, as it travels from the queue through a driver to the state machine. */
export type Operation = {
  [Name in Verb]: {
    verb: Name
    accountId: string
    idempotencyKey: string | null
    input: Operations[Name]
    /** What the caller asked for, if the spool sends it in another form. A repeated request is compared with that. */
    asked?: Operations[Name]
    /** Also looks for rows that most likely do not exist, such as a usage record with the id of an open hold. */
    isDoubtful?: boolean
  }
}[Verb]

/** The outcome of each verb when it does not fail. */
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

/** The outcome of an invalid call. The ledger throws it as the error with that code. Nothing was changed. */
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

/** The state machine's answer to an operation. */
export type Outcome = Outcomes[Verb] | Failure
