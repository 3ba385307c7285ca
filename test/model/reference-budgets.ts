import type { Credits, Service } from '@farebox/core'
import type { Operations } from '../../packages/ledger/src/operations.ts'
import type { Told } from './reference-grants.ts'
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
  /** The highest of its percentages that was told of in this window. */
  told: number
}

/** Something that counts in a window: a hold until it is given back, or a charge. */
interface Count {
  window: number
  amount: bigint
  holdId: string | undefined
  /** Whether it was counted for another hold until just now. */
  isMoved: boolean
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
    if (known && isSame && zoneOf(known.input.timeZone) === zoneOf(input.timeZone)) {
      if (known.input.limit !== input.limit) known.told = 0
      known.input = input
    } else this.#budgets.set(input.budgetId, { input, since: now, window: windowOf(input, now)[0], counts: [], told: 0 })
  }

  /** What each was last set to. */
  get inputs(): Operations['setBudget'][] {
    return [...this.#budgets.values()].map(({ input }) => input)
  }

  /** Those of which more is used now than their owner was told of. */
  crossings(now: number): Told[] {
    return [...this.#budgets].flatMap(([budgetId, budget]): Told[] => {
      const { alertsAtPercent, limit } = budget.input
      const [used, [, end]] = [usedOf(budget), windowOf(budget.input, budget.window)]
      if (used === 0n || (end !== undefined && now >= end)) return []
      const percent = Math.max(0, ...alertsAtPercent.filter((each) => used * 100n >= BigInt(each) * limit))
      if (percent <= budget.told) return []
      budget.told = percent
      return [{ type: 'limit_crossed', budgetId, percent, used: String(used), limit: String(limit) }]
    })
  }

  /** What is used of each in its window. */
  get used(): { budgetId: string; windowStart: number; used: bigint }[] {
    return [...this.#budgets].map(([budgetId, budget]) => ({ budgetId, windowStart: budget.window, used: usedOf(budget) }))
  }

  /** Counts work of `amount` in the windows of `now`, unless so much of it is counted for the same hold already. */
  count(spender: Spender, now: number, amount: bigint, holdId: string): void {
    for (const { window, counts } of this.#of(spender, now)) {
      const moved = counts.filter((count) => count.isMoved && count.holdId === holdId)
      const fresh = amount - sum(moved.map((count) => count.amount))
      if (fresh > 0n) counts.push({ window, amount: fresh, holdId, isMoved: false })
    }
    for (const { counts } of this.#budgets.values()) for (const count of counts) count.isMoved = false
  }

  /** Lets what is counted for a hold stand for good. */
  forget(holdId: string): void {
    for (const { counts } of this.#budgets.values()) {
      for (const count of counts) if (count.holdId === holdId) count.holdId = undefined
    }
  }

  /** Whether a budget limits one of these. */
  isFor(budgetId: string, spenders: readonly Spender[]): boolean {
    const budget = this.#budgets.get(budgetId)
    return budget !== undefined && spenders.some((spender) => isFor(budget.input, spender))
  }

  /** How much is counted for a hold, in whatever window. */
  countedFor(holdId: string, budgetId: string): bigint {
    const counts = this.#budgets.get(budgetId)?.counts ?? []
    return sum(counts.filter((count) => count.holdId === holdId).map(({ amount }) => amount))
  }

  /**
   * Counts up to `amount` for another hold than before, where and when it was counted: what was counted last first.
   *
   * @param spenders  moves only what budgets count for one of these
   * @returns         how much moved in each budget
   */
  move(from: string, to: string | undefined, amount: bigint, spenders: readonly Spender[], isMoved = false): Map<string, bigint> {
    const moved = new Map<string, bigint>()
    for (const { input, counts } of this.#budgets.values()) {
      if (!spenders.some((spender) => isFor(input, spender))) continue
      const taken = takeNewest(counts, from, amount)
      counts.push(...taken.map((count) => ({ ...count, holdId: to, isMoved })))
      moved.set(input.budgetId, sum(taken.map((count) => count.amount)))
    }
    return moved
  }

  /** Takes off what a hold does not need where it counted for one of these, what was counted last first, less what moved to a reserve. */
  uncount(holdId: string, amount: bigint, spenders: readonly Spender[], moved?: ReadonlyMap<string, bigint>): void {
    for (const { input, counts } of this.#budgets.values()) {
      if (!spenders.some((spender) => isFor(input, spender))) continue
      takeNewest(counts, holdId, amount - (moved?.get(input.budgetId) ?? 0n))
    }
  }

  /** A refund makes room in the window in which the work was taken, while that lasts. */
  giveBack(spender: Spender, takenAt: number, now: number, amount: bigint): void {
    for (const budget of this.#of(spender, now)) {
      const { window, since, counts } = budget
      if (takenAt < window || takenAt <= since) continue
      counts.push({ window, amount: -amount, holdId: undefined, isMoved: false })
    }
  }

  limits(spender: Spender, now: number): Limit[] {
    return this.#of(spender, now)
      .filter(({ input }) => input.mode === 'block')
      .map((budget) => {
        const { budgetId, limit } = budget.input
        return { budgetId, limit, left: positive(limit - usedOf(budget)), resetsAt: windowOf(budget.input, budget.window)[1] }
      })
  }

  #of(spender: Spender, now: number): Budget[] {
    return [...this.#budgets.values()].filter(({ input }) => isFor(input, spender)).map((budget) => roll(budget, now))
  }
}

function isFor(input: Operations['setBudget'], spender: Spender): boolean {
  const fields = ['userId', 'apiKeyId', 'service'] as const
  return fields.every((field) => input[field] === undefined || input[field] === spender[field])
}

/** Takes up to `amount` off what is counted for a hold, and returns it, the oldest first. */
function takeNewest(counts: Count[], holdId: string, amount: bigint): Count[] {
  const taken: Count[] = []
  let open = amount
  for (const count of counts.filter((each) => each.holdId === holdId).reverse()) {
    const take = least(open, count.amount)
    if (take === 0n) continue
    count.amount -= take
    open -= take
    taken.unshift({ ...count, amount: take })
  }
  return taken
}

function roll(budget: Budget, now: number): Budget {
  const [window] = windowOf(budget.input, now)
  if (window <= budget.window) return budget
  return Object.assign(budget, { window, told: 0 })
}

function usedOf({ window, counts }: Budget): bigint {
  return sum(counts.filter((count) => count.window === window).map(({ amount }) => amount))
}

/** When the window of `now` began and when it ends, by the calendar of the budget's time zone. */
function windowOf({ period, timeZone }: Operations['setBudget'], now: number): [number, number | undefined] {
  if (period === 'total') return [0, undefined]
  const length = { minute: 60_000, hour: 3_600_000 }
  if (period === 'minute' || period === 'hour')
    return [now - (now % length[period]), now - (now % length[period]) + length[period]]
  const local = new Date(now + offsetOf(timeZone, now))
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  const monday = day - ((local.getUTCDay() + 6) % 7)
  const [from, to] = {
    day: [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)] as const,
    week: [Date.UTC(year, month, monday), Date.UTC(year, month, monday + 7)] as const,
    month: [Date.UTC(year, month), Date.UTC(year, month + 1)] as const,
  }[period]
  // The clocks of a zone may have changed since midnight.
  const instantOf = (midnight: number) => midnight - offsetOf(timeZone, midnight - offsetOf(timeZone, midnight))
  return [instantOf(from), instantOf(to)]
}

/** The name of a zone that has two. */
export function zoneOf(timeZone: string): string {
  return timeZone === 'Asia/Katmandu' ? 'Asia/Kathmandu' : timeZone
}

const offsets = new Map<string, Intl.DateTimeFormat>()

/** How far the clocks of a zone are ahead of UTC, in milliseconds. */
function offsetOf(timeZone: string, at: number): number {
  if (timeZone === 'UTC') return 0
  const format = offsets.get(timeZone) ?? new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
  offsets.set(timeZone, format)
  const name = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign, hours, minutes] = /GMT([+-])(\d+):(\d+)/.exec(name) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000
}
