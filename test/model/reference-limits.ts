import { type Credits, microCredits } from '@farebox/core'
import type { Operations } from '../../packages/ledger/src/operations.ts'
import type { Refusal } from '../../packages/ledger/src/outcomes.ts'
import { type Limit, ReferenceBudgets, type Spender } from './reference-budgets.ts'
import { ReferenceGrants } from './reference-grants.ts'
import {
  ANY_SERVICE,
  type Hold,
  least,
  type Part,
  positive,
  reserveIdOf,
  sum,
  type Usage,
  type Work,
  type Workflow,
} from './reference-things.ts'

/** What an account may spend: its balance, the ceilings of its workflows, its budgets, and what is reserved for the work. */
export abstract class ReferenceLimits extends ReferenceGrants {
  readonly workflows: Workflow[] = []
  readonly usages: Usage[] = []
  readonly budgets = new ReferenceBudgets()
  protected isFrozen = false

  protected freeze({ isFrozen }: Operations['freezeAccount']): void {
    this.isFrozen = isFrozen
  }

  /** A workflow and those above it. */
  protected envelopes(workflowId: string | undefined): Workflow[] {
    const workflow = this.workflows.find((each) => each.workflowId === workflowId)
    return workflow ? [workflow, ...this.envelopes(workflow.parentId)] : []
  }

  /** Why no work may begin under a workflow: it, or one above it, was closed. */
  protected closedOver(workflowId: string | undefined): Refusal | undefined {
    const closed = this.envelopes(workflowId).find(({ isClosed }) => isClosed)
    return closed && { status: 'refused', reason: 'workflow_closed', workflowId: closed.workflowId }
  }

  spent(envelope: Workflow): Credits {
    const within = this.usages.filter(({ workflowId }) => this.#isWithin(workflowId, envelope))
    return microCredits(sum(within.map(({ charged }) => charged)))
  }

  heldIn(envelope: Workflow): bigint {
    return sum(this.holds.filter(({ workflowId }) => this.#isWithin(workflowId, envelope)).map(({ left }) => left))
  }

  #isWithin(workflowId: string | undefined, envelope: Workflow): boolean {
    return this.envelopes(workflowId).includes(envelope)
  }

  /** The open reserves that work draws on, the nearest first. A reserve does not draw on itself. */
  protected reservesFor(work: Work): Hold[] {
    return this.envelopes(work.workflowId).flatMap(({ workflowId }) =>
      this.holds.filter((hold) => hold.holdId === reserveIdOf(workflowId) && hold.state === 'open' && hold !== work),
    )
  }

  /** The ceilings over a workflow, from itself upwards. */
  #ceilings(work: Work): { workflowId: string; left: Credits }[] {
    const envelopes = this.envelopes(work.workflowId)
    return envelopes.flatMap((envelope, depth) => {
      if (envelope.maxCredits === undefined) return []
      const left = positive(envelope.maxCredits - this.spent(envelope) - this.heldIn(envelope))
      // What is reserved in a workflow, or below it, is held under its ceiling already.
      const isUnder = (reserve: Hold) => envelopes.findIndex(({ workflowId }) => workflowId === reserve.workflowId) <= depth
      const parts = (reserve: Hold) => [{ amount: reserve.left, free: isUnder(reserve) ? reserve.left : 0n }]
      return [{ workflowId: envelope.workflowId, left: this.#within(left, work, parts) }]
    })
  }

  #budgetLimits(work: Work): Limit[] {
    return this.budgets.limits(work, this.now).map((limit) => ({
      ...limit,
      left: this.#within(limit.left, work, (reserve) => this.#partsIn(limit.budgetId, reserve)),
    }))
  }

  /** The parts of a reserve, and how much of each comes free, since a budget counts it for the reserve already. */
  #partsIn(budgetId: string, reserve: Hold): { amount: bigint; free: bigint }[] {
    let counted = this.budgets.countedFor(reserve.holdId, budgetId)
    return reserve.pins.map((part) => {
      const free = this.budgets.isFor(budgetId, this.spendersOf(reserve, part)) ? least(counted, part.amount) : 0n
      counted -= free
      return { amount: part.amount, free }
    })
  }

  /** Those for whom a part of a hold is counted: who spends it, and who reserved it. */
  protected spendersOf(hold: Hold, { reserves = [] }: Part): Spender[] {
    const owners = this.workflows.filter(({ workflowId }) => reserves.includes(workflowId))
    return [hold, ...owners.map(({ userId, apiKeyId }) => ({ userId, apiKeyId, service: ANY_SERVICE }))]
  }

  /** How much can be spent where so much is left: reserves are drawn on part by part, and what of a part is counted comes free. */
  #within(left: bigint, work: Work, parts: (reserve: Hold) => { amount: bigint; free: bigint }[]): Credits {
    let spendable = 0n
    let room = left
    for (const { amount, free } of this.reservesFor(work).flatMap(parts)) {
      const costs = amount - free
      if (costs > room) return microCredits(spendable + free + room)
      spendable += amount
      room -= costs
    }
    return microCredits(spendable + room)
  }

  #balanceLeft(work: Work, withDebt: boolean): Credits {
    return this.#within(this.free(work.service, withDebt), work, ({ left }) => [{ amount: left, free: left }])
  }

  protected affordable(work: Work, withDebt = false): Credits {
    const limits = [...this.#ceilings(work), ...this.#budgetLimits(work)]
    if (this.isFrozen) return microCredits(0n)
    return limits.reduce((amount, { left }) => least(amount, left), this.#balanceLeft(work, withDebt))
  }

  /** Why so much cannot be spent, naming the tightest limit. */
  protected refusal(work: Work, requested: Credits): Refusal | undefined {
    const [budget] = this.#budgetLimits(work).sort(byTightness)
    if (this.isFrozen) return { status: 'refused', reason: 'account_frozen' }
    if (budget && budget.left < requested) {
      const { budgetId, limit, left: available, resetsAt } = budget
      const facts = { budgetId, limit, available, requested, ...(resetsAt !== undefined && { resetsAt }) }
      return { status: 'refused', reason: 'budget_exceeded', ...facts }
    }
    const [ceiling] = this.#ceilings(work).sort((a, b) => (a.left < b.left ? -1 : a.left > b.left ? 1 : 0))
    if (ceiling && ceiling.left < requested) {
      return { status: 'refused', reason: 'workflow_ceiling', workflowId: ceiling.workflowId, available: ceiling.left, requested }
    }
    const available = this.#balanceLeft(work, false)
    return available < requested ? { status: 'refused', reason: 'insufficient_balance', available, requested } : undefined
  }
}

/** The least left; of equals the one that starts again last, if ever. */
function byTightness(a: Limit, b: Limit): number {
  if (a.left !== b.left) return a.left < b.left ? -1 : 1
  const [aReset, bReset] = [a.resetsAt ?? Number.POSITIVE_INFINITY, b.resetsAt ?? Number.POSITIVE_INFINITY]
  if (aReset !== bReset) return aReset > bReset ? -1 : 1
  return a.budgetId < b.budgetId ? -1 : 1
}
