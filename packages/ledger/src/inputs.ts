import type { Certainty, Credits, NanoUsd, Quantity, Service, Unit } from '@farebox/core'
import type { BudgetPeriod, GrantSource, OveragePolicy } from './rows.ts'

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
  /** The price of one unit. If given, the outcome says how many more units the account can afford. */
  unitPrice?: Credits
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
  /** The price of one unit. If given, the outcome says how many more units can be afforded. */
  unitPrice?: Credits
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
  /**
   * What the workflow's receipt lines for this service and provider should have come to so far, which is zero where it has none. If
   * they have come to something else, nothing is charged, and {@link LineChangedError} is thrown. For prices that depend on what was
   * charged before, while others charge too. Usage that goes to the spool is charged whatever they have come to.
   * @defaultValue anything
   */
  linesSoFar?: LinesSoFar
}

/** What the lines of a receipt for one service and provider have come to, in all their units together. */
export interface LinesSoFar {
  quantity: Quantity
  /** The exact price before rounding. */
  rated: Credits
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
  /** When it stops working, in epoch milliseconds, which must be in the future. @defaultValue never */
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
  /**
   * Who saves it, for callers that race for one document: whoever is first is stored as `body.savedBy`. It is no part of what the
   * document says, so that the same from another is a replay. Only without `version`. @defaultValue nobody
   */
  savedBy?: string
}
