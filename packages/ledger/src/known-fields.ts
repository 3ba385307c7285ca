import { nearestNames } from '@farebox/core'
import { InvalidInputError } from './errors.ts'
import type {
  AdjustInput,
  CancelTopUpInput,
  ChargebackInput,
  ChargeInput,
  CloseWorkflowInput,
  CreateApiKeyInput,
  ExtendHoldInput,
  FreezeAccountInput,
  GrantInput,
  Mutation,
  NewWorkflow,
  OpenAccountInput,
  OpenWorkflowInput,
  OverwriteDocumentsInput,
  PlaceHoldInput,
  RefundInput,
  ReleaseHoldInput,
  RevokeApiKeyInput,
  RevokeGrantInput,
  RotateApiKeyInput,
  SaveDocumentInput,
  SetAlertsInput,
  SetBudgetInput,
  SetKeyServicesInput,
  SettleHoldInput,
} from './inputs.ts'
import type { CallOptions } from './ledger.ts'

/** What each verb takes. */
interface Inputs {
  openAccount: OpenAccountInput
  grant: GrantInput
  placeHold: PlaceHoldInput
  extendHold: ExtendHoldInput
  settleHold: SettleHoldInput
  releaseHold: ReleaseHoldInput
  charge: ChargeInput
  refund: RefundInput
  adjust: AdjustInput
  revokeGrant: RevokeGrantInput
  chargeback: ChargebackInput
  freezeAccount: FreezeAccountInput
  openWorkflow: OpenWorkflowInput
  closeWorkflow: CloseWorkflowInput
  createApiKey: CreateApiKeyInput & { secret?: string }
  rotateApiKey: RotateApiKeyInput & { secret?: string }
  revokeApiKey: RevokeApiKeyInput
  setKeyServices: SetKeyServicesInput
  setBudget: SetBudgetInput
  setAlerts: SetAlertsInput
  cancelTopUp: CancelTopUpInput
  saveDocument: SaveDocumentInput
  overwriteDocuments: OverwriteDocumentsInput
}

/** Every field of an input. */
export type FieldNames<Input> = Readonly<Record<keyof Input, true>>

const mutation: FieldNames<Mutation> = { accountId: true, idempotencyKey: true }
export const newWorkflowFields: FieldNames<NewWorkflow> = {
  name: true,
  businessAdapter: true,
  userId: true,
  apiKeyId: true,
  maxCredits: true,
}
const consumer = { workflowId: true, apiKeyId: true, userId: true, opensWorkflow: true } as const
const correction = { ...mutation, usageId: true, correctionId: true, reason: true } as const

const fieldsOf: { [Name in keyof Inputs]: FieldNames<Inputs[Name]> } = {
  openAccount: { ...mutation, name: true, creditLimit: true, debtLimit: true },
  grant: {
    ...mutation,
    grantId: true,
    amount: true,
    source: true,
    priority: true,
    effectiveAt: true,
    expiresAt: true,
    services: true,
    rollover: true,
    topUpId: true,
  },
  placeHold: {
    ...mutation,
    ...consumer,
    holdId: true,
    amount: true,
    service: true,
    provider: true,
    ttlMs: true,
    graceMs: true,
    overage: true,
    unitPrice: true,
  },
  extendHold: { ...mutation, holdId: true, ttlMs: true, amount: true, unitPrice: true },
  settleHold: {
    ...mutation,
    holdId: true,
    usageId: true,
    usage: true,
    provider: true,
    final: true,
    unitPrice: true,
    partOf: true,
    closesWorkflow: true,
  },
  releaseHold: { ...mutation, holdId: true },
  charge: {
    ...mutation,
    ...consumer,
    usageId: true,
    service: true,
    provider: true,
    usage: true,
    overage: true,
    closesWorkflow: true,
    linesSoFar: true,
  },
  refund: { ...correction, amount: true },
  adjust: { ...correction, charge: true, cost: true, overage: true },
  revokeGrant: { ...mutation, grantId: true },
  chargeback: { ...mutation, grantId: true, reason: true },
  freezeAccount: { ...mutation, isFrozen: true, reason: true },
  openWorkflow: { ...mutation, ...newWorkflowFields, workflowId: true, reserve: true, reserveTtlMs: true, parentId: true },
  closeWorkflow: { ...mutation, workflowId: true, keepsHolds: true },
  createApiKey: {
    ...mutation,
    apiKeyId: true,
    name: true,
    userId: true,
    services: true,
    expiresAt: true,
    minimumBalance: true,
    secret: true,
  },
  rotateApiKey: { ...mutation, apiKeyId: true, graceMs: true, secret: true },
  revokeApiKey: { ...mutation, apiKeyId: true },
  setKeyServices: { ...mutation, apiKeyId: true, services: true },
  setBudget: {
    ...mutation,
    budgetId: true,
    userId: true,
    apiKeyId: true,
    service: true,
    period: true,
    timeZone: true,
    limit: true,
    mode: true,
    alertsAtPercent: true,
  },
  setAlerts: { ...mutation, balanceLow: true, topUp: true },
  cancelTopUp: { ...mutation, topUpId: true, reason: true },
  saveDocument: { ...mutation, kind: true, documentId: true, body: true, version: true, savedBy: true },
  overwriteDocuments: { accountId: true, kind: true, documentIds: true, body: true },
}

const callFields: FieldNames<CallOptions<unknown>> = { transaction: true }

/**
 * Rejects fields that a verb does not have, in its input and in the options of the call. A misspelt `expiresAt` would otherwise
 * make a grant that never expires, and a misspelt `transaction` a charge that commits without the host's row.
 *
 * @throws {InvalidInputError} a field is unknown; the message names the most similar one
 */
export function checkFields<Name extends keyof Inputs>(verb: Name, input: Inputs[Name], call?: object): void {
  checkFieldNames<Inputs[Name]>(input, fieldsOf[verb], `${verb}()`)
  if (call) checkFieldNames(call, callFields, `the options of ${verb}()`)
}

/**
 * Rejects what is no object, and a field that is not known, unless it is `undefined`.
 *
 * @param of    what has the fields, for the message: `grant()`
 * @param path  where they are in the input: `rollover.`
 */
export function checkFieldNames<Given extends object>(given: Given, known: FieldNames<Given>, of: string, path = ''): void {
  if (typeof given !== 'object' || given === null) throw new InvalidInputError('input', `of ${of} must be an object`)
  for (const name in given) {
    if (Object.hasOwn(known, name) || given[name] === undefined) continue
    const names = Object.keys(known)
    const [nearest] = nearestNames(name, names)
    throw new InvalidInputError(path + name, `is no field of ${of}; known are ${names.join(', ')}. Did you mean ${nearest}?`)
  }
}
