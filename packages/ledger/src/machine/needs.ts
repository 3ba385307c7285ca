import type { Operation } from '../operations.ts'
import type { Lot } from '../rows.ts'
import type { LoadKind } from '../tables.ts'
import { dueAt, isTooMuchDue, rolloverIdOf } from './advance.ts'
import { isCarriedOver } from './chargeback.ts'
import { getOrInsert } from './get-or-insert.ts'
import { KeySet } from './key-set.ts'
import { CREDIT_LINE } from './lots.ts'
import { reserveIdOf } from './reserves.ts'
import type { LedgerState, LoadRequest } from './state.ts'

/**
 * Lists the rows to load before the operations can be applied, besides their accounts. The caller asks again after each load,
 * since a hold leads to its workflow and a workflow to its root. An empty list means that everything is loaded.
 */
export function missingRows(state: LedgerState, operations: readonly Operation[], now: number): LoadRequest[] {
  const wanted = new Map<LoadKind, string[][]>()
  const seen = new KeySet()
  const want = (kind: LoadKind, ...key: string[]): void => {
    if (state.has(kind, key) || !seen.add(kind, key)) return
    getOrInsert(wanted, kind, () => []).push(key)
  }
  /** The budgets in which work of a spender may count. A user or key that is not known yet is that of a row still to be loaded. */
  const wantBudgetsOf = (accountId: string, spender?: { userId?: string | null; apiKeyId?: string | null }): void => {
    if (!state.account(accountId)?.hasBudgets) return
    const { userId, apiKeyId } = spender ?? {}
    want('sharedBudgets', accountId)
    if (userId !== null && userId !== undefined) want('userBudgets', accountId, userId)
    if (apiKeyId !== null && apiKeyId !== undefined) want('keyBudgets', accountId, apiKeyId)
  }
  const wantWorkflow = (accountId: string, workflowId: string | null | undefined): void => {
    // Each workflow leads to its parent, and the first also names the root, so that two levels take only one more load.
    for (let next = workflowId; next !== null && next !== undefined; ) {
      want('workflow', accountId, next)
      const row = state.workflow(accountId, next)
      if (row) want('workflow', accountId, row.rootId)
      if (row && row.reserve !== null) want('hold', accountId, reserveIdOf(next))
      wantBudgetsOf(accountId, row)
      next = row?.parentId
    }
  }

  /** A hold, and what it belongs to. */
  const wantHold = (accountId: string, holdId: string): void => {
    want('hold', accountId, holdId)
    const hold = state.hold(accountId, holdId)
    wantBudgetsOf(accountId, hold)
    wantWorkflow(accountId, hold?.workflowId)
  }

  /** The holds that a workflow releases when it closes. */
  const wantHoldsOf = (accountId: string, workflowId: string | null | undefined): void => {
    if (workflowId === null || workflowId === undefined) return
    want('workflowHolds', accountId, workflowId)
    for (const hold of state.openHolds(accountId, workflowId)) wantBudgetsOf(accountId, hold)
  }

  const wantGrantsOf = (accountId: string, lots: readonly Lot[]): void => {
    for (const { grantId } of lots) if (grantId !== CREDIT_LINE) want('grant', accountId, grantId)
  }

  let placed: Map<string, string | undefined> | undefined
  /** The workflow of a hold that is loaded, or that one of the operations places. */
  const workflowOfHold = (accountId: string, holdId: string): string | null | undefined => {
    const hold = state.hold(accountId, holdId)
    if (hold) return hold.workflowId
    placed ??= new Map(operations.map((operation) => [placedBy(operation), placedIn(operation)]))
    return placed.get(nameOf(accountId, holdId))
  }

  for (const operation of operations) {
    const { accountId, idempotencyKey, verb, input } = operation
    // Without a key, the id was generated for this call and names nothing yet, so there is nothing to look for.
    const isRepeatable = idempotencyKey !== null
    const account = state.account(accountId)
    if (isRepeatable && !isFirstSettlement(state, operation)) want('entry', accountId, idempotencyKey)
    if (verb === 'openAccount' || (!account && state.has('account', [accountId]))) continue
    if (verb === 'claimEvent' || verb === 'endDelivery' || verb === 'retryEvent') {
      want('event', accountId, input.eventId)
      continue
    }
    if (verb === 'replaceDocument') {
      want('document', accountId, input.kind, input.documentId)
      continue
    }
    if (verb === 'noteKeyUse') {
      want('apiKey', accountId, input.apiKeyId)
      continue
    }
    want('grants', accountId)
    const at = Math.max(now, account?.updatedAt ?? 0)
    const isDue = account !== undefined && account.nextDueAt !== null && account.nextDueAt <= at
    // Those who go through all open holds wait until few are due: thousands would be loaded again for each part of them.
    const isTimeForAll = account !== undefined && (!isDue || state.has('firstHolds', [accountId]))
    if (isDue) {
      want('firstHolds', accountId)
      for (const hold of state.openHolds(accountId)) {
        if (dueAt(hold) > at) continue
        wantBudgetsOf(accountId, hold)
        wantWorkflow(accountId, hold.workflowId)
      }
    }
    switch (verb) {
      case 'placeHold':
        if (isRepeatable) want('hold', accountId, input.holdId)
        wantBudgetsOf(accountId, input)
        wantBudgetsOf(accountId, input.opensWorkflow)
        wantWorkflow(accountId, input.workflowId)
        break
      case 'settleHold':
        wantHold(accountId, input.holdId)
        if (!isFirstSettlement(state, operation)) want('usage', accountId, input.usageId)
        if (input.partOf !== undefined) want('usage', accountId, input.partOf)
        if (input.closesWorkflow) wantHoldsOf(accountId, workflowOfHold(accountId, input.holdId))
        break
      case 'extendHold':
      case 'releaseHold':
        wantHold(accountId, input.holdId)
        break
      case 'charge':
        if (isRepeatable) want('usage', accountId, input.usageId)
        wantBudgetsOf(accountId, input)
        wantBudgetsOf(accountId, input.opensWorkflow)
        wantWorkflow(accountId, input.workflowId)
        if (input.closesWorkflow) wantHoldsOf(accountId, input.workflowId)
        break
      case 'openWorkflow':
        if (isRepeatable) want('workflow', accountId, input.workflowId)
        wantBudgetsOf(accountId, input)
        wantWorkflow(accountId, input.parentId)
        break
      case 'closeWorkflow':
        wantWorkflow(accountId, input.workflowId)
        wantHoldsOf(accountId, input.workflowId)
        break
      case 'createApiKey':
      case 'rotateApiKey':
        want('apiKey', accountId, input.apiKeyId)
        want('keyPrefix', input.prefix)
        break
      case 'revokeApiKey':
        want('apiKey', accountId, input.apiKeyId)
        break
      case 'setKeyServices':
        want('apiKey', accountId, input.apiKeyId)
        want('keyServices', accountId, input.apiKeyId)
        break
      case 'setBudget':
        want('budget', accountId, input.budgetId)
        if (isTimeForAll && !isTooMuchDue(state, account, at)) want('openHolds', accountId)
        break
      case 'refund':
      case 'adjust': {
        if (isRepeatable) want('usage', accountId, input.correctionId)
        want('usage', accountId, input.usageId)
        want('corrections', accountId, input.usageId)
        const record = state.usage(accountId, input.usageId)
        wantBudgetsOf(accountId, record)
        wantWorkflow(accountId, record?.workflowId)
        if (record && record.holdId !== null) want('hold', accountId, record.holdId)
        wantGrantsOf(accountId, record?.lots ?? [])
        for (const { lots } of state.corrections(accountId, input.usageId)) wantGrantsOf(accountId, lots)
        break
      }
      case 'revokeGrant':
        want('grant', accountId, input.grantId)
        break
      case 'chargeback':
        if (isTimeForAll && !isTooMuchDue(state, account, at)) want('openHolds', accountId)
        for (let next: string | undefined = input.grantId; next !== undefined; ) {
          want('grant', accountId, next)
          const row = state.grant(accountId, next)
          next = row && isCarriedOver(row) ? rolloverIdOf(next) : undefined
        }
        break
      case 'saveDocument':
        if (isRepeatable) want('document', accountId, input.kind, input.documentId)
        break
      case 'grant':
        if (isRepeatable) want('grant', accountId, input.grantId)
        break
      default:
        // These need no further rows. The compiler asks here about every new verb.
        verb satisfies 'advance' | 'setAlerts' | 'cancelTopUp' | 'freezeAccount'
    }
  }
  return [...wanted].map(([kind, keys]) => ({ kind, keys }))
}

/** Identifies the hold that an operation places. Neither id can contain a line break. */
function placedBy({ verb, accountId, input }: Operation): string {
  return verb === 'placeHold' ? nameOf(accountId, input.holdId) : ''
}

function placedIn({ verb, input }: Operation): string | undefined {
  return verb === 'placeHold' ? input.workflowId : undefined
}

function nameOf(accountId: string, holdId: string): string {
  return `${accountId}\n${holdId}`
}

/**
 * Whether this is the first settlement of a whole hold, under the hold's own id. Then neither its usage record nor its key can
 * exist, and need not be looked up. If the id was used for something else after all, the database rejects the batch, and the
 * operation runs again as doubtful. Until the hold is loaded this returns true, so that an open hold needs no further load.
 */
function isFirstSettlement(state: LedgerState, operation: Operation): boolean {
  const { verb, accountId, idempotencyKey, input, isDoubtful } = operation
  if (isDoubtful || verb !== 'settleHold' || input.usageId !== input.holdId || idempotencyKey !== `usage:${input.usageId}`)
    return false
  const hold = state.hold(accountId, input.holdId)
  if (!hold) return !state.has('hold', [accountId, input.holdId])
  return hold.state === 'open' && hold.rated === 0n && hold.amount === hold.remaining
}
