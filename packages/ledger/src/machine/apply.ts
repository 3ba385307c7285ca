import type { Operation, Outcome, Verb } from '../operations.ts'
import type { AccountRow, EntryRow, JournalEntry } from '../rows.ts'
import { advance, advancePart, isTooMuchDue } from './advance.ts'
import { cancelTopUp, setAlerts } from './alerts.ts'
import { createApiKey, noteKeyUse, revokeApiKey, rotateApiKey, setKeyServices } from './api-keys.ts'
import { chargeback } from './chargeback.ts'
import { charge, settleHold } from './charges.ts'
import { contentOf, differences } from './content.ts'
import { adjust, refund } from './corrections.ts'
import { claimEvent, endDelivery, retryEvent } from './deliveries.ts'
import { replaceDocument, saveDocument } from './documents.ts'
import { emit, noticeCrossings } from './events.ts'
import { freezeAccount } from './freeze-account.ts'
import { grant, revokeGrant } from './grants.ts'
import { extendHold, placeHold, releaseHold } from './holds.ts'
import { appendEntry, decodeEntry } from './journal.ts'
import { openAccount } from './open-account.ts'
import { decodeOutcome, encodeOutcome } from './outcome-json.ts'
import { setBudget } from './set-budget.ts'
import type { LedgerState } from './state.ts'
import type { Decision, Step } from './step.ts'
import { closeWorkflow, openWorkflow } from './workflows.ts'

/**
 * Applies operations to the loaded rows, in order, each as one atomic step. All rules about money live in this function and
 * below. It uses no I/O, clock or randomness, so both databases give the same results and every case can be simulated.
 *
 * @param now         the store's time in epoch milliseconds; an account that has seen a later time keeps that one
 * @param afterEach   called after each operation but the last, with the number of those applied
 * @returns           one outcome per operation; the changed rows are in `state.changes()`
 */
export function apply(
  state: LedgerState,
  operations: readonly Operation[],
  now: number,
  afterEach?: (applied: number) => void,
): Outcome[] {
  state.storeTime = now
  return operations.map((operation, index) => {
    if (index > 0) afterEach?.(index)
    return applyOne(state, operation, now)
  })
}

function applyOne(state: LedgerState, operation: Operation, now: number): Outcome {
  const known = state.account(operation.accountId)
  const content = contentOf(operation.verb, operation.asked ?? operation.input)
  const earlier = entryOf(state, operation)
  if (earlier) return replay(operation, decodeEntry(earlier), content)
  if (operation.verb === 'openAccount') return openAccount(state, operation, content, now)
  if (!known) return { status: 'failed', code: 'ACCOUNT_NOT_FOUND', id: operation.accountId }
  switch (operation.verb) {
    case 'noteKeyUse':
      return noteKeyUse(state, operation.accountId, operation.input)
    case 'claimEvent':
      return claimEvent(state, operation.accountId, operation.input, now)
    case 'endDelivery':
      return endDelivery(state, operation.accountId, operation.input, now)
    case 'retryEvent':
      return retryEvent(state, operation.accountId, operation.input, now)
    case 'replaceDocument':
      return replaceDocument(state, operation.accountId, operation.input, now)
    default:
      return change(state, known, operation, content, Math.max(now, known.updatedAt))
  }
}

/**
 * Where more is due on an account than one transaction should apply, applies a part of it, and nothing else. What is due waits
 * for an operation that is not merely answered again, as always.
 *
 * @returns whether there was such an account; the operations have to wait then
 */
export function applyPartOfDue(state: LedgerState, operations: readonly Operation[], now: number): boolean {
  state.storeTime = now
  let isSomeLeft = false
  for (const accountId of new Set(operations.map((operation) => operation.accountId))) {
    const account = state.account(accountId)
    const at = Math.max(now, account?.updatedAt ?? 0)
    if (!account || !isTooMuchDue(state, account, at)) continue
    if (!operations.some((operation) => operation.accountId === accountId && isStep(state, operation))) continue
    const before = account.posted
    advancePart(state, account, at)
    noticeCrossings(state, account, before, at)
    isSomeLeft = true
  }
  return isSomeLeft
}

/** One step of an account: applies what is due, then the verb, and emits events for the thresholds that either crossed. */
function change(
  state: LedgerState,
  known: AccountRow,
  operation: Exclude<Operation, { verb: 'openAccount' | Unjournaled }>,
  content: Record<string, string>,
  at: number,
): Outcome {
  let before = known.posted
  advance(state, known, at)
  noticeCrossings(state, known, before, at)
  if (operation.verb === 'advance') return { status: 'advanced', replayed: false }
  before = known.posted
  const decision = decide({ state, account: known, now: at }, operation)
  if ('refused' in decision) return decision.refused
  if ('nothing' in decision) return decision.nothing
  const { verb, idempotencyKey } = operation
  appendEntry(
    state,
    known,
    { verb, idempotencyKey, content, outcome: encodeOutcome(decision.done), postings: decision.postings },
    at,
  )
  if (decision.event) emit(state, known, decision.event, '', at)
  noticeCrossings(state, known, before, at)
  return decision.done
}

/** Verbs that move no credits and leave no journal entry. */
type Unjournaled = 'noteKeyUse' | 'claimEvent' | 'endDelivery' | 'retryEvent' | 'replaceDocument'
const unjournaled: ReadonlySet<Verb> = new Set<Unjournaled>([
  'noteKeyUse',
  'claimEvent',
  'endDelivery',
  'retryEvent',
  'replaceDocument',
])

function decide(step: Step, operation: Exclude<Operation, { verb: 'openAccount' | 'advance' | Unjournaled }>): Decision<Verb> {
  switch (operation.verb) {
    case 'grant':
      return grant(step, operation.input)
    case 'placeHold':
      return placeHold(step, operation.input)
    case 'extendHold':
      return extendHold(step, operation.input)
    case 'settleHold':
      return settleHold(step, operation.input)
    case 'releaseHold':
      return releaseHold(step, operation.input)
    case 'charge':
      return charge(step, operation.input)
    case 'openWorkflow':
      return openWorkflow(step, operation.input)
    case 'closeWorkflow':
      return closeWorkflow(step, operation.input)
    case 'createApiKey':
      return createApiKey(step, operation.input)
    case 'rotateApiKey':
      return rotateApiKey(step, operation.input)
    case 'revokeApiKey':
      return revokeApiKey(step, operation.input)
    case 'setKeyServices':
      return setKeyServices(step, operation.input)
    case 'setAlerts':
      return setAlerts(step, operation.input)
    case 'cancelTopUp':
      return cancelTopUp(step, operation.input)
    case 'setBudget':
      return setBudget(step, operation.input)
    case 'refund':
      return refund(step, operation.input)
    case 'adjust':
      return adjust(step, operation.input)
    case 'revokeGrant':
      return revokeGrant(step, operation.input, operation.idempotencyKey)
    case 'chargeback':
      return chargeback(step, operation.input)
    case 'freezeAccount':
      return freezeAccount(step, operation.input)
    case 'saveDocument':
      return saveDocument(step, operation.input)
  }
}

/** Whether an operation is a step of its account, before which what is due happens. */
function isStep(state: LedgerState, operation: Operation): boolean {
  return operation.verb !== 'openAccount' && !unjournaled.has(operation.verb) && !entryOf(state, operation)
}

/** What was entered in the journal under the operation's key before. */
function entryOf(state: LedgerState, { accountId, idempotencyKey }: Operation): EntryRow | undefined {
  return idempotencyKey === null ? undefined : state.entry(accountId, idempotencyKey)
}

function replay(operation: Operation, earlier: JournalEntry, content: Record<string, string>): Outcome {
  const differs = differences(earlier.content, content)
  if (differs.length > 0) {
    return { status: 'failed', code: 'IDEMPOTENCY_CONFLICT', idempotencyKey: operation.idempotencyKey ?? '', differs }
  }
  return decodeOutcome(earlier.outcome) as Outcome
}
