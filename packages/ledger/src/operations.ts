import type { Credits } from '@farebox/core'
import type {
  AdjustInput,
  CancelTopUpInput,
  ChargebackInput,
  ChargeInput,
  CloseWorkflowInput,
  ExtendHoldInput,
  FreezeAccountInput,
  GrantInput,
  KeyServiceInput,
  Mutation,
  OpenWorkflowInput,
  PlaceHoldInput,
  RefundInput,
  ReleaseHoldInput,
  RevokeApiKeyInput,
  RevokeGrantInput,
  SetAlertsInput,
  SetBudgetInput,
  SettleHoldInput,
  UsageInput,
} from './inputs.ts'
import type {
  AdjustOutcome,
  CancelTopUpOutcome,
  ChargebackOutcome,
  ChargeOutcome,
  CloseWorkflowOutcome,
  CreateApiKeyOutcome,
  ExtendHoldOutcome,
  FreezeAccountOutcome,
  GrantOutcome,
  OpenAccountOutcome,
  OpenWorkflowOutcome,
  PlaceHoldOutcome,
  RefundOutcome,
  ReleaseHoldOutcome,
  RevokeApiKeyOutcome,
  RevokeGrantOutcome,
  RotateApiKeyOutcome,
  SaveDocumentOutcome,
  SetAlertsOutcome,
  SetBudgetOutcome,
  SetKeyServicesOutcome,
  SettleHoldOutcome,
} from './outcomes.ts'
import type { OveragePolicy, Rollover } from './rows.ts'

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
  settleHold: Required<
    Omit<SettleHoldInput, keyof Mutation | 'provider' | 'usage' | 'unitPrice' | 'partOf' | 'closesWorkflow'>
  > & {
    provider?: string
    unitPrice?: Credits
    partOf?: string
    usage: RatedUsage
    /** Replaces the hold's own policy for usage from the spool, whose work is done already: see {@link UsageSpool}. */
    overage?: 'cap'
  } & Closing
  releaseHold: Omit<ReleaseHoldInput, keyof Mutation>
  charge: Required<Pick<ChargeInput, 'usageId' | 'service' | 'provider' | 'overage'>> &
    Pick<ChargeInput, 'workflowId' | 'apiKeyId' | 'userId' | 'opensWorkflow' | 'linesSoFar'> & { usage: RatedUsage } & Closing
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
  saveDocument: { kind: string; documentId: string; body: Record<string, unknown>; savedBy?: string }
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
  | { status: 'failed'; code: 'LINE_CHANGED'; workflowId: string }
  | { status: 'failed'; code: 'INVALID_INPUT'; field: string; problem: string }

/** The state machine's answer to an operation. */
export type Outcome = Outcomes[Verb] | Failure
