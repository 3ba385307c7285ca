import type { Operation } from '../operations.ts'
import type { LoadKind } from '../tables.ts'
import { dueAt } from './advance.ts'
import { getOrInsert, type LedgerState, type LoadRequest } from './state.ts'

/**
 * What must be loaded before the operations can be applied, beside their accounts. Asked again after each load, since a hold
 * leads to its workflow and a workflow to its root; an empty answer means that everything is there.
 */
export function missingRows(state: LedgerState, operations: readonly Operation[], now: number): LoadRequest[] {
  const wanted = new Map<LoadKind, Map<string, readonly string[]>>()
  const want = (kind: LoadKind, ...key: string[]): void => {
    if (state.has(kind, key)) return
    getOrInsert(wanted, kind, () => new Map<string, readonly string[]>()).set(key.join('\0'), key)
  }
  const wantWorkflow = (accountId: string, workflowId: string | null | undefined): void => {
    // Each leads to the one above it, and the first names the top, so that two levels take one more load.
    for (let next = workflowId; next !== null && next !== undefined; ) {
      want('workflow', accountId, next)
      const row = state.workflow(accountId, next)
      if (row) want('workflow', accountId, row.rootId)
      next = row?.parentId
    }
  }

  for (const operation of operations) {
    const { accountId, idempotencyKey, verb, input } = operation
    if (idempotencyKey !== null) want('entry', accountId, idempotencyKey)
    const account = state.account(accountId)
    if (!account) continue
    want('grants', accountId)
    if (account.hasBudgets) want('budgets', accountId)
    const at = Math.max(now, account.updatedAt)
    if (account.nextDueAt !== null && account.nextDueAt <= at) {
      want('openHolds', accountId)
      for (const hold of state.openHolds(accountId)) if (dueAt(hold) <= at) wantWorkflow(accountId, hold.workflowId)
    }
    switch (verb) {
      case 'placeHold':
        want('hold', accountId, input.holdId)
        wantWorkflow(accountId, input.workflowId)
        break
      case 'settleHold':
        want('usage', accountId, input.usageId)
        want('hold', accountId, input.holdId)
        wantWorkflow(accountId, state.hold(accountId, input.holdId)?.workflowId)
        break
      case 'extendHold':
      case 'releaseHold':
        want('hold', accountId, input.holdId)
        wantWorkflow(accountId, state.hold(accountId, input.holdId)?.workflowId)
        break
      case 'charge':
        want('usage', accountId, input.usageId)
        wantWorkflow(accountId, input.workflowId)
        break
      case 'openWorkflow':
        want('workflow', accountId, input.workflowId)
        wantWorkflow(accountId, input.parentId)
        break
      case 'closeWorkflow':
        wantWorkflow(accountId, input.workflowId)
        want('workflowHolds', accountId, input.workflowId)
        break
      case 'createApiKey':
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
        want('budgets', accountId)
        break
      case 'saveDocument':
        want('document', accountId, input.kind, input.documentId)
        break
      case 'grant':
        want('grant', accountId, input.grantId)
        break
      default:
        break
    }
  }
  return [...wanted].map(([kind, keys]) => ({ kind, keys: [...keys.values()] }))
}
