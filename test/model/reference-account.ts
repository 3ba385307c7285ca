import type { Operation, Operations, Outcome } from '../../packages/ledger/src/operations.ts'
import { ReferenceCorrections } from './reference-corrections.ts'
import { ReferenceKeys } from './reference-keys.ts'
import type { Answer } from './reference-ledger.ts'
import { ANY_SERVICE, byAge, exists, missing, notAwaited, reserveIdOf } from './reference-things.ts'

/** One account: what it was given, what it holds, what it used, and what it was asked. */
export class ReferenceAccount extends ReferenceCorrections {
  readonly answers = new Map<string, Answer>()
  readonly #keys = new ReferenceKeys()
  /** Of all top-ups that were ever asked for. */
  readonly topUpIds: string[] = []
  #alerts: Operations['setAlerts'] = {}
  /** Their versions, of those that have one. */
  readonly #documents = new Map<string, number | undefined>()

  do(operation: Exclude<Operation, { verb: 'openAccount' }>, now: number, prefixes: Set<string>): Outcome {
    // That a key was used is nothing that happens to the account: its holds and grants wait for that.
    if (operation.verb === 'noteKeyUse') return this.#keys.do(operation, now, prefixes, this.available)
    if (operation.verb === 'replaceDocument') return this.#replaceDocument(operation.input)
    this.now = Math.max(this.changedAt, now)
    let before = this.balance
    // In the order of time, as if somebody had looked all along.
    for (let next = this.nextGrant; next; next = this.nextGrant) {
      this.letHoldsHappen(next.at)
      this.letGrantHappen(next.grant)
    }
    this.letHoldsHappen(this.now)
    this.#answerTopUp()
    this.#tellCrossings(before)
    before = this.balance
    const outcome = this.#decide(operation, prefixes)
    this.#answerTopUp()
    if (this.hasHappened(operation, outcome) && operation.verb !== 'advance') {
      this.changedAt = this.now
      this.#tellCrossings(before)
    }
    return outcome
  }

  /** Whether something came of it. A refusal is nothing that happened, nor is it that somebody without a key of their own took back what was spent. */
  hasHappened({ verb, input, idempotencyKey }: Operation, outcome: Outcome): boolean {
    const isVain = verb === 'revokeGrant' && idempotencyKey === `revokeGrant:${input.grantId}` && this.isSpent(input.grantId)
    return 'replayed' in outcome && !isVain
  }

  #decide(operation: Exclude<Operation, { verb: 'openAccount' }>, prefixes: Set<string>): Outcome {
    const { verb, input } = operation
    switch (verb) {
      case 'advance':
        return { status: 'advanced', replayed: false }
      case 'grant':
        return this.grant(input)
      case 'revokeGrant':
        return this.revokeGrant(input)
      case 'chargeback':
        return this.chargeback(input)
      case 'placeHold':
        return this.placeHold(input)
      case 'extendHold':
        return this.extendHold(input)
      case 'releaseHold':
        return this.releaseHold(input)
      case 'settleHold':
        return this.settleHold(input)
      case 'charge':
        return this.charge(input)
      case 'refund':
        return this.refund(input)
      case 'adjust':
        return this.adjust(input)
      case 'openWorkflow':
        return this.openWorkflow(input)
      case 'closeWorkflow':
        return this.closeWorkflow(input)
      case 'setBudget':
        this.budgets.set(input, this.now)
        return { status: 'set', budgetId: input.budgetId, replayed: false }
      case 'setAlerts':
        return this.#setAlerts(input)
      case 'cancelTopUp':
        return this.#cancelTopUp(input)
      case 'freezeAccount':
        this.freeze(input)
        return { status: 'set', isFrozen: input.isFrozen, replayed: false }
      case 'createApiKey':
      case 'rotateApiKey':
      case 'revokeApiKey':
      case 'setKeyServices':
        return this.#keys.do(operation, this.now, prefixes, this.available)
      case 'saveDocument':
        return this.#saveDocument(input)
      default:
        throw new Error(`the reference does not know how to ${verb}`)
    }
  }

  protected override openWorkflow(input: Operations['openWorkflow']): Outcome {
    const { workflowId, parentId, maxCredits, userId, apiKeyId, reserve } = input
    if (this.workflows.some((each) => each.workflowId === workflowId)) return exists('workflow', workflowId)
    const parent = this.workflows.find((each) => each.workflowId === parentId)
    if (parentId !== undefined && !parent) return missing('WORKFLOW_NOT_FOUND', parentId)
    const closed = this.closedOver(parentId)
    if (closed) return closed
    // What is reserved comes out of what is above.
    const above = { service: ANY_SERVICE, userId, apiKeyId, workflowId: parentId }
    const refusal = reserve && this.refusal(above, reserve.amount)
    if (refusal) return refusal
    const facts = { workflowId, name: input.name, parentId, maxCredits, userId, apiKeyId, hasReserve: reserve !== undefined }
    this.workflows.push({ ...facts, openedAt: this.now, closedAt: this.now, isClosed: false })
    if (!reserve) return { status: 'opened', workflowId, replayed: false }

    const holdId = reserveIdOf(workflowId)
    const reserved = { ...above, workflowId, holdId, provider: ANY_SERVICE, overage: 'cap', graceMs: 0 } as const
    this.setAside(this.newHold(reserved, reserve.ttlMs), reserve.amount, above)
    return { status: 'opened', workflowId, reserved: reserve.amount, reserveHoldId: holdId, replayed: false }
  }

  protected override closeWorkflow({ workflowId, keepsHolds, announce }: Operations['closeWorkflow']): Outcome {
    const workflow = this.workflows.find((each) => each.workflowId === workflowId)
    if (!workflow) return missing('WORKFLOW_NOT_FOUND', workflowId)
    if (!workflow.isClosed) {
      const open = this.holds.filter((hold) => hold.workflowId === workflowId && hold.state === 'open').sort(byAge)
      // Its reserve last, for the others give back to it.
      const isReserve = ({ holdId }: { holdId: string }) => holdId === reserveIdOf(workflowId)
      for (const hold of open.filter((each) => !keepsHolds && !isReserve(each))) this.endHold(hold, 'released')
      for (const hold of open.filter(isReserve)) this.endHold(hold, 'released')
      workflow.isClosed = true
      workflow.closedAt = this.now
      if (announce) this.told.push({ type: 'workflow_closed', workflowId, spent: String(this.spent(workflow)) })
    }
    const durationMs = workflow.closedAt - workflow.openedAt
    return { status: 'closed', workflowId, spent: this.spent(workflow), durationMs, replayed: false }
  }

  /** A threshold that is new, and above what there is, is told of at once. */
  #setAlerts({ balanceLow, topUp }: Operations['setAlerts']): Outcome {
    const before = this.#alerts
    this.#alerts = { balanceLow, topUp }
    if (balanceLow !== before.balanceLow) this.#tellLow(balanceLow)
    if (topUp?.at !== before.topUp?.at) this.#tellTopUp(topUp?.at)
    return { status: 'set', replayed: false }
  }

  #tellCrossings(before: bigint): void {
    this.#tellLow(before)
    this.#tellTopUp(before)
    this.told.push(...this.budgets.crossings(this.now))
  }

  /** @param before  the balance, of which no news is expected below the threshold */
  #tellLow(before: bigint | undefined): void {
    const { balanceLow: threshold } = this.#alerts
    if (threshold === undefined || before === undefined || before < threshold || this.balance >= threshold) return
    this.told.push({ type: 'balance_low', balance: String(this.balance), threshold: String(threshold) })
  }

  /** While one top-up is awaited, no other is asked for. */
  #tellTopUp(before: bigint | undefined): void {
    const { topUp } = this.#alerts
    if (!topUp || before === undefined || before < topUp.at || this.balance >= topUp.at || this.topUp) return
    this.topUp = {}
    const { at, amount } = topUp
    this.told.push({ type: 'top_up_needed', balance: String(this.balance), threshold: String(at), amount: String(amount) })
  }

  /** A top-up has come once its grant has begun. If it was too small, another is asked for. */
  #answerTopUp(): void {
    const { grantId } = this.topUp ?? {}
    if (grantId === undefined || this.grants.some((grant) => grant.grantId === grantId && grant.state === 'pending')) return
    this.topUp = undefined
    this.#tellTopUp(this.#alerts.topUp?.at)
  }

  /** The grant that answers the awaited top-up, but has not begun. */
  get awaitedGrantId(): string | undefined {
    return this.topUp?.grantId
  }

  #cancelTopUp({ topUpId }: Operations['cancelTopUp']): Outcome {
    if (this.topUp?.id !== topUpId) return notAwaited(topUpId)
    this.topUp = undefined
    return { status: 'cancelled', topUpId, replayed: false }
  }

  /** @param id  of the top-up that the ledger awaits @returns whether it awaits one if it should, and the same as long as it should */
  learnTopUp(id: string | null): boolean {
    if (!this.topUp || id === null) return !this.topUp && id === null
    if (this.topUp.id === undefined && !this.topUpIds.includes(id)) this.topUpIds.push(id)
    this.topUp.id ??= id
    return this.topUp.id === id
  }

  #saveDocument({ kind, documentId }: Operations['saveDocument']): Outcome {
    const name = `${kind} ${documentId}`
    if (this.#documents.has(name)) return exists(kind, documentId)
    this.#documents.set(name, undefined)
    return { status: 'saved', documentId, replayed: false }
  }

  #replaceDocument({ kind, documentId, version }: Operations['replaceDocument']): Outcome {
    const name = `${kind} ${documentId}`
    const kept = this.#documents.get(name)
    if (this.#documents.has(name) && kept === undefined) return exists(kind, documentId)
    const isNewer = kept === undefined || version > kept
    if (isNewer) this.#documents.set(name, version)
    return { status: 'saved', documentId, replayed: !isNewer }
  }
}
