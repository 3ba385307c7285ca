import type { Credits, Service } from '@farebox/core'
import type { Operations } from '../../packages/ledger/src/operations.ts'
import { least, positive, sum } from './reference-things.ts'

/** Whose work it is. */
export interface Spender {
  service: Service
  userId?: string
  apiKeyId?: string
}

interface Budget {
  input: Operations['setBudget']
  /** Since when it limits whom it limits, over the period that it has. */
  since: number
  /** When its window began: the newest that anybody looked at, should the clock be set back. */
  window: number
  counts: Count[]
}

/** Something that counts in a window: a hold until it is given back, or a charge. */
interface Count {
  window: number
  amount: bigint
  holdId: string | undefined
}

export interface Limit {
  budgetId: string
  limit: Credits
  left: Credits
  resetsAt: number | undefined
}

/** Limits of an account, each with everything that counts in it. */
export class ReferenceBudgets {
  readonly #budgets = new Map<string, Budget>()

  /** A budget that changes whom it limits, or its period, begins again at nothing. */
  set(input: Operations['setBudget'], now: number): void {
    const known = this.#budgets.get(input.budgetId)
    const isSame = (['userId', 'apiKeyId', 'service', 'period'] as const).every((field) => known?.input[field] === input[field])
    if (known && isSame) known.input = input
    else this.#budgets.set(input.budgetId, { input, since: now, window: windowOf(input.period, now)[0], counts: [] })
  }

  /** What is used of each in its window. */
  get used(): { budgetId: string; windowStart: number; used: bigint }[] {
    return [...this.#budgets].map(([budgetId, budget]) => ({ budgetId, windowStart: budget.window, used: usedOf(budget) }))
  }

  /** Counts work of `amount` in the windows of `now`. */
  count(spender: Spender, now: number, amount: bigint, holdId?: string): void {
    for (const { window, counts } of this.#of(spender, now)) counts.push({ window, amount, holdId })
  }

  /** Takes off what a hold does not need, what was counted last first. */
  uncount(holdId: string, amount: bigint): void {
    for (const { counts } of this.#budgets.values()) {
      let open = amount
      for (const count of counts.filter((each) => each.holdId === holdId).reverse()) {
        const take = least(open, count.amount)
        count.amount -= take
        open -= take
      }
    }
  }

  /** A refund makes room in the window in which the work was taken, while that lasts. */
  giveBack(spender: Spender, takenAt: number, now: number, amount: bigint): void {
    for (const budget of this.#of(spender, now)) {
      const { window, since, counts } = budget
      if (takenAt < window || takenAt <= since) continue
      counts.push({ window, amount: -amount, holdId: undefined })
    }
  }

  limits(spender: Spender, now: number): Limit[] {
    return this.#of(spender, now)
      .filter(({ input }) => input.mode === 'block')
      .map((budget) => {
        const { budgetId, limit, period } = budget.input
        return { budgetId, limit, left: positive(limit - usedOf(budget)), resetsAt: windowOf(period, budget.window)[1] }
      })
  }

  /** The one with the least left; of equals the one that starts again last. */
  tightest(spender: Spender, now: number): Limit | undefined {
    return this.limits(spender, now).sort((a, b) => {
      if (a.left !== b.left) return a.left < b.left ? -1 : 1
      if (a.resetsAt !== b.resetsAt)
        return (a.resetsAt ?? Number.POSITIVE_INFINITY) > (b.resetsAt ?? Number.POSITIVE_INFINITY) ? -1 : 1
      return a.budgetId < b.budgetId ? -1 : 1
    })[0]
  }

  #of(spender: Spender, now: number): Budget[] {
    const fields = ['userId', 'apiKeyId', 'service'] as const
    return [...this.#budgets.values()]
      .filter(({ input }) => fields.every((field) => input[field] === undefined || input[field] === spender[field]))
      .map((budget) => roll(budget, now))
  }
}

function roll(budget: Budget, now: number): Budget {
  budget.window = Math.max(budget.window, windowOf(budget.input.period, now)[0])
  return budget
}

function usedOf({ window, counts }: Budget): bigint {
  return sum(counts.filter((count) => count.window === window).map(({ amount }) => amount))
}

/** When the window of `now` began and when it ends, by the calendar in UTC. */
function windowOf(period: Operations['setBudget']['period'], now: number): [number, number | undefined] {
  if (period === 'total') return [0, undefined]
  const date = new Date(now)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  const [hour, minute] = [date.getUTCHours(), date.getUTCMinutes()]
  switch (period) {
    case 'minute':
      return [Date.UTC(year, month, day, hour, minute), Date.UTC(year, month, day, hour, minute + 1)]
    case 'hour':
      return [Date.UTC(year, month, day, hour), Date.UTC(year, month, day, hour + 1)]
    case 'day':
      return [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)]
    case 'week': {
      const monday = day - ((date.getUTCDay() + 6) % 7)
      return [Date.UTC(year, month, monday), Date.UTC(year, month, monday + 7)]
    }
    case 'month':
      return [Date.UTC(year, month), Date.UTC(year, month + 1)]
  }
}
