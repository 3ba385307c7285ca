import { appliesTo, usedOf } from '../machine/budgets.ts'
import { getOrInsert } from '../machine/get-or-insert.ts'
import { ANY_SERVICE } from '../machine/reserves.ts'
import type { BudgetRow, HoldRow, UsageRow } from '../rows.ts'
import type { Findings } from './report.ts'
import { add } from './sums.ts'
import type { WorkflowFacts } from './workflow-check.ts'

/** What a budget has used at least, and at most. */
interface Bounds {
  budget: BudgetRow
  /** The journal's sequence of its newest change. Only what came after it is sure to count. */
  since: number
  least: bigint
  most: bigint
}

/** What was given back. It counts in the window of what it corrects, which is known only in the end. */
interface GivenBack {
  from: readonly Bounds[]
  charged: bigint
  corrects: string | null
  createdAt: number
  /** When the first workflow above it that had credits reserved was opened. */
  reservedAt: number
}

/**
 * Bounds what each budget has used in its window, by holds and usage records. They tell it exactly where nothing was reserved,
 * refunded or charged beyond its hold. A clock that was set back may have put any charge into the window, so all of them count for
 * the most.
 */
export class BudgetBounds {
  readonly #bounds: ReadonlyMap<string, Bounds>
  /** An account may have a budget for each of its users, of which a record concerns one. */
  readonly #byUser: ReadonlyMap<string | null, readonly Bounds[]>
  readonly #givenBack: GivenBack[] = []
  readonly #isCorrected: (usageId: string) => boolean
  /** Of corrected records: when they were made, and by which hold. */
  readonly #corrected = new Map<string, Pick<UsageRow, 'createdAt' | 'holdId'>>()
  readonly #heldAt = new Map<string, number | undefined>()
  #settled = new Map<string, Map<Bounds, bigint>>()
  #newest = new Map<string, number>()

  /**
   * @param setAt  the journal's sequence of the newest change of each budget
   * @param isCorrected  whether there are corrections of a usage record
   */
  constructor(budgets: readonly BudgetRow[], setAt: ReadonlyMap<string, number>, isCorrected: (usageId: string) => boolean) {
    const bounds = budgets.map((budget): Bounds => {
      const since = setAt.get(budget.budgetId) ?? Number.POSITIVE_INFINITY
      return { budget, since, least: 0n, most: 0n }
    })
    this.#bounds = new Map(bounds.map((each) => [each.budget.budgetId, each]))
    this.#byUser = Map.groupBy(bounds, ({ budget }) => budget.userId)
    this.#isCorrected = isCorrected
  }

  get isEmpty(): boolean {
    return this.#bounds.size === 0
  }

  /** @param reserves  the workflows above the record, its own included, that had credits reserved */
  addUsage(record: UsageRow, reserves: readonly WorkflowFacts[]): void {
    const { usageId, charged, holdId, corrects, sequence, createdAt } = record
    if (this.#isCorrected(usageId)) {
      this.#corrected.set(usageId, { createdAt, holdId })
      if (holdId !== null) this.#heldAt.set(holdId, undefined)
    }
    if (holdId !== null) this.#newest.set(holdId, Math.max(this.#newest.get(holdId) ?? 0, sequence))
    const own = this.#of(record)
    const reserving = reserves.flatMap((workflow) => this.#of({ ...workflow, service: ANY_SERVICE }))
    const possible = reserving.length === 0 ? own : new Set([...own, ...reserving])
    if (charged > 0n && holdId !== null && corrects === null) {
      const settled = getOrInsert(this.#settled, holdId, () => new Map<Bounds, bigint>())
      for (const bounds of possible) add(settled, bounds, charged)
    } else if (charged > 0n) {
      for (const bounds of possible) bounds.most += charged
      for (const bounds of own) {
        const isSure = reserves.length === 0 && sequence > bounds.since && createdAt >= bounds.budget.windowStart
        if (isSure) bounds.least += charged
      }
    } else if (charged < 0n && own.length > 0) {
      const reservedAt = Math.min(...reserves.map((workflow) => workflow.createdAt))
      this.#givenBack.push({ from: own, charged, corrects, createdAt, reservedAt })
    }
  }

  /** Adds a hold, after all of its usage. */
  addHold({ holdId, state, remaining, budgets: uses, createdAt }: HoldRow): void {
    if (this.#heldAt.has(holdId)) this.#heldAt.set(holdId, createdAt)
    const settled = this.#settled.get(holdId)
    const named = uses.flatMap(({ budgetId }) => this.#bounds.get(budgetId) ?? [])
    for (const bounds of new Set([...named, ...(settled?.keys() ?? [])])) {
      const { budgetId, windowStart } = bounds.budget
      const counted = usedOf(
        uses.filter((use) => use.windowStart === windowStart),
        budgetId,
      )
      // A hold that had ended when the budget began again may still name it, and one that was given back may be settled late.
      const isSure = state === 'open' || (state === 'settled' && (this.#newest.get(holdId) ?? 0) > bounds.since)
      if (isSure) bounds.least += counted
      const beyond = settled?.get(bounds)
      const excess = beyond === undefined ? 0n : beyond + remaining - usedOf(uses, budgetId)
      bounds.most += counted + (excess > 0n ? excess : 0n)
    }
  }

  /** Forgets the holds that were added. */
  endPart(): void {
    this.#settled = new Map()
    this.#newest = new Map()
  }

  end(findings: Findings): void {
    for (const { from, charged, corrects, createdAt, reservedAt } of this.#givenBack) {
      const corrected = this.#corrected.get(corrects ?? '') ?? { createdAt, holdId: null }
      const doneAt = this.#heldAt.get(corrected.holdId ?? '') ?? corrected.createdAt
      const countedAt = Math.min(doneAt, reservedAt)
      for (const bounds of from) {
        if (countedAt < bounds.budget.windowStart || countedAt <= bounds.budget.createdAt) continue
        bounds.least += charged
        bounds.most += charged
      }
    }
    for (const { budget, least, most } of this.#bounds.values()) {
      const { budgetId, used } = budget
      const isPossible = used >= least && used <= most
      findings.expect('budget', budgetId, isPossible ? used : least === most ? least : `${least} to ${most}`, used)
    }
  }

  #of(spender: Parameters<typeof appliesTo>[1]): readonly Bounds[] {
    const userId = spender.userId ?? null
    const ofAll = this.#byUser.get(null) ?? []
    const ofUser = userId === null ? [] : (this.#byUser.get(userId) ?? [])
    return [...ofAll, ...ofUser].filter(({ budget }) => appliesTo(budget, spender))
  }
}
