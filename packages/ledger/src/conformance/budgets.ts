import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { type BudgetPeriod, budgetPeriods } from '../rows.ts'
import { charged, DAY, expectInvalid, HOUR, MINUTE, NOON, type Suite, usage, work } from './suite.ts'

/** When the window containing NOON ends. */
const ends: Record<BudgetPeriod, number | undefined> = {
  minute: NOON - 30_000 + MINUTE,
  hour: NOON - 30_000 + HOUR,
  day: Date.UTC(2026, 6, 16),
  week: Date.UTC(2026, 6, 20),
  month: Date.UTC(2026, 7, 1),
  total: undefined,
}

export function exerciseBudgets(suite: Suite): void {
  async function budget(accountId: string, period: BudgetPeriod, limit: number, scope: object = {}): Promise<string> {
    return (await suite.ledger.setBudget({ accountId, period, limit: credits(limit), ...scope })).budgetId
  }
  async function used(accountId: string): Promise<Record<string, bigint>> {
    return Object.fromEntries((await suite.ledger.budgets(accountId)).map(({ budgetId, used }) => [budgetId, used]))
  }
  const spend = (accountId: string, amount: number, more: object = {}) =>
    suite.ledger.charge({ accountId, ...work, usage: usage(amount), ...more })

  describe('budgets', () => {
    it.each(budgetPeriods)('a budget by %s refuses what is above it, says when it starts again, and does', async (period) => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, period, 10)
      charged(await spend(accountId, 8))
      const resetsAt = ends[period]
      expect(await spend(accountId, 3)).toEqual({
        status: 'refused',
        reason: 'budget_exceeded',
        budgetId,
        limit: credits(10),
        available: credits(2),
        requested: credits(3),
        ...(resetsAt !== undefined && { resetsAt }),
      })
      charged(await spend(accountId, 2))
      suite.now = (resetsAt ?? NOON + 1_000 * DAY) - 1
      expect(await spend(accountId, 1)).toMatchObject({ reason: 'budget_exceeded', available: 0n })
      suite.now += 1
      expect((await spend(accountId, 10)).status).toBe(period === 'total' ? 'refused' : 'charged')
    })

    it('work in the workflow of a user counts in the budgets of that user', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setBudget({ accountId, userId: 'u', period: 'total', limit: credits(5) })
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w', userId: 'u' })
      const mine = { accountId, ...work, workflowId: 'w' }
      charged(await suite.ledger.charge({ ...mine, usage: usage(4) }))
      const refusal = { status: 'refused', reason: 'budget_exceeded', available: credits(1) }
      expect(await suite.ledger.charge({ ...mine, usage: usage(2) })).toMatchObject(refusal)
      expect(await suite.ledger.placeHold({ ...mine, amount: credits(2) })).toMatchObject(refusal)
      expect((await suite.ledger.breakdowns({ accountId, userId: 'u' })).services).toMatchObject([{ charged: credits(4) }])
    })

    it('a hold counts in full until it ends, and what it gives back counts no more', async () => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, 'day', 10)
      const first = await suite.hold(accountId, 8)
      expect(await suite.ledger.placeHold({ accountId, ...work, amount: credits(3) })).toMatchObject({
        reason: 'budget_exceeded',
      })
      await suite.ledger.settleHold({ accountId, holdId: first, usage: usage(1) })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(1) })
      const second = await suite.hold(accountId, 9)
      await suite.ledger.releaseHold({ accountId, holdId: second })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(1) })
      const third = await suite.hold(accountId, 5, { ttlMs: 1_000, graceMs: 0 })
      await suite.ledger.extendHold({ accountId, holdId: third, amount: credits(9) })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(10) })
      await suite.ledger.extendHold({ accountId, holdId: third, amount: credits(2) })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(3) })
      suite.now += 1_000
      await suite.ledger.balance(accountId)
      expect(await used(accountId)).toEqual({ [budgetId]: credits(1) })
    })

    it('what a hold took in a window that is over is not given back to the next', async () => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, 'minute', 10)
      const holdId = await suite.hold(accountId, 8)
      suite.now += MINUTE
      charged(await spend(accountId, 9))
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(9) })
    })

    it('what is charged above a hold counts in the window in which it is charged', async () => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, 'minute', 10)
      const holdId = await suite.hold(accountId, 8)
      suite.now += MINUTE
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) })).toMatchObject({ charged: credits(12) })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(4) })
      expect(await spend(accountId, 7)).toMatchObject({ reason: 'budget_exceeded', available: credits(6) })
    })

    it('what a hold grows by counts in the window in which it grows, and what it gives back comes off that', async () => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, 'minute', 10)
      const holdId = await suite.hold(accountId, 8)
      suite.now += MINUTE
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(19) })).toMatchObject({
        reason: 'budget_exceeded',
      })
      await suite.ledger.extendHold({ accountId, holdId, amount: credits(14) })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(6) })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(10) })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(2) })
    })

    it('work that cost more than the budget has left is charged up to it, and the rest is a shortfall', async () => {
      const accountId = await suite.account(1_000)
      await budget(accountId, 'day', 10)
      const holdId = await suite.hold(accountId, 8)
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(15) })).toMatchObject({
        charged: credits(10),
        shortfall: credits(5),
      })
    })

    it('a late settlement counts as new spending', async () => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, 'day', 10)
      const holdId = await suite.hold(accountId, 8)
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(15) })).toMatchObject({
        charged: credits(10),
        late: true,
      })
      expect(await used(accountId)).toEqual({ [budgetId]: credits(10) })
    })

    it('a budget limits whom it names: a user, a key, a service, or a key on a service', async () => {
      const accountId = await suite.account(1_000)
      await budget(accountId, 'day', 1, { userId: 'ada' })
      await budget(accountId, 'day', 2, { apiKeyId: 'k' })
      await budget(accountId, 'day', 3, { service: 'phone' })
      await budget(accountId, 'day', 4, { apiKeyId: 'j', service: 'gpt' })
      const left = async (more: object) => {
        const outcome = await spend(accountId, 500, more)
        return outcome.status === 'refused' && outcome.reason === 'budget_exceeded' ? outcome.available : outcome.status
      }
      expect(await left({ userId: 'ada' })).toBe(credits(1))
      expect(await left({ apiKeyId: 'k' })).toBe(credits(2))
      expect(await left({ service: 'phone' })).toBe(credits(3))
      expect(await left({ apiKeyId: 'j' })).toBe(credits(4))
      expect(await left({ apiKeyId: 'j', service: 'vision' })).toBe('charged')
      expect(await left({ userId: 'bob', apiKeyId: 'l' })).toBe('charged')
    })

    it('where several budgets apply, a refusal names the one with the least left', async () => {
      const accountId = await suite.account(1_000)
      await budget(accountId, 'month', 20)
      const day = await budget(accountId, 'day', 10)
      const minute = await budget(accountId, 'minute', 12)
      expect(await spend(accountId, 30)).toMatchObject({ budgetId: day, available: credits(10), resetsAt: ends.day })
      charged(await spend(accountId, 9))
      expect(await spend(accountId, 5)).toMatchObject({ budgetId: day, available: credits(1) })
      suite.now = ends.day ?? 0
      expect(await spend(accountId, 30)).toMatchObject({ budgetId: day, available: credits(10), resetsAt: Date.UTC(2026, 6, 17) })
      await budget(accountId, 'day', 100)
      expect(await spend(accountId, 30)).toMatchObject({ available: credits(11), budgetId: expect.stringContaining('month') })
      expect(minute).toContain('minute')
    })

    it('of budgets with equally little left, a refusal names the one that starts again last', async () => {
      const accountId = await suite.account(1_000)
      await budget(accountId, 'minute', 10)
      const month = await budget(accountId, 'month', 10)
      await budget(accountId, 'hour', 10)
      charged(await spend(accountId, 10))
      expect(await spend(accountId, 1)).toMatchObject({ budgetId: month, resetsAt: ends.month })
    })

    it('a budget that only warns refuses nothing, and still counts', async () => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, 'day', 10, { mode: 'warn' })
      charged(await spend(accountId, 25))
      expect(await used(accountId)).toEqual({ [budgetId]: credits(25) })
    })

    it('a budget that is set again takes the new limit and keeps its count', async () => {
      const accountId = await suite.account(1_000)
      const budgetId = await budget(accountId, 'day', 10)
      charged(await spend(accountId, 8))
      expect(await budget(accountId, 'day', 5)).toBe(budgetId)
      expect(await spend(accountId, 1)).toMatchObject({ limit: credits(5), available: 0n })
      await budget(accountId, 'day', 20)
      charged(await spend(accountId, 12))
      expect(await suite.ledger.budgets(accountId)).toHaveLength(1)
    })

    it('a budget that is moved to somebody else starts at nothing, and leaves the first one alone', async () => {
      const accountId = await suite.account(1_000)
      await budget(accountId, 'day', 10, { budgetId: 'b', userId: 'ada' })
      charged(await spend(accountId, 10, { userId: 'ada' }))
      await budget(accountId, 'day', 10, { budgetId: 'b', userId: 'bob' })
      charged(await spend(accountId, 10, { userId: 'bob' }))
      expect(await spend(accountId, 1, { userId: 'bob' })).toMatchObject({ reason: 'budget_exceeded' })
      charged(await spend(accountId, 1, { userId: 'ada' }))
    })

    it('a hold that a budget counted for somebody else takes nothing off what it counts now', async () => {
      const accountId = await suite.account(100)
      const scope = { budgetId: 'b', period: 'day', limit: credits(50) } as const
      await suite.ledger.setBudget({ accountId, ...scope, userId: 'ada' })
      const holdId = await suite.hold(accountId, 10, { userId: 'ada' })
      await suite.ledger.setBudget({ accountId, ...scope, userId: 'bob' })
      charged(await spend(accountId, 20, { userId: 'bob' }))
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await used(accountId)).toEqual({ b: credits(20) })
    })

    it('a refund takes nothing off a window that began after its hold was taken', async () => {
      const accountId = await suite.account(100)
      await budget(accountId, 'day', 50)
      const holdId = await suite.hold(accountId, 10, { ttlMs: 2 * DAY })
      suite.now = NOON + DAY
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(10) }))
      charged(await spend(accountId, 20))
      await suite.ledger.refund({ accountId, usageId: holdId })
      expect(await used(accountId)).toEqual({ 'account/day': credits(20) })
    })

    it('days, weeks and months begin at midnight of the zone that was named', async () => {
      const accountId = await suite.account(1_000)
      // NOON is 20:00 on the 15th in Manila, and 05:00 on the same day in Los Angeles.
      await budget(accountId, 'day', 10, { timeZone: 'Asia/Manila' })
      charged(await spend(accountId, 10))
      expect(await spend(accountId, 1)).toMatchObject({ resetsAt: Date.UTC(2026, 6, 15, 16) })
      suite.now = Date.UTC(2026, 6, 15, 16)
      charged(await spend(accountId, 4))
      await budget(accountId, 'day', 10, { timeZone: 'America/Los_Angeles' })
      expect(await used(accountId)).toEqual({ 'account/day': 0n })
      charged(await spend(accountId, 10))
      expect(await spend(accountId, 1)).toMatchObject({ resetsAt: Date.UTC(2026, 6, 16, 7) })
      await budget(accountId, 'week', 15, { timeZone: 'America/Los_Angeles' })
      await budget(accountId, 'month', 15, { timeZone: 'America/Los_Angeles' })
      expect(await suite.ledger.budgets(accountId)).toMatchObject([
        { budgetId: 'account/day', timeZone: 'America/Los_Angeles' },
        { windowStart: Date.UTC(2026, 6, 1, 7), windowEnd: Date.UTC(2026, 7, 1, 7) },
        { windowStart: Date.UTC(2026, 6, 13, 7), windowEnd: Date.UTC(2026, 6, 20, 7) },
      ])
    })

    it('a zone that another machine knows by another name is the same zone', async () => {
      const accountId = await suite.account(100)
      const set = { accountId, period: 'day', limit: credits(10), timeZone: 'Asia/Kolkata', idempotencyKey: 'again' } as const
      await suite.ledger.setBudget(set)
      charged(await spend(accountId, 4))
      const [known] = await suite.ledger.budgets(accountId)
      const elsewhere = known?.timeZone === 'Asia/Kolkata' ? 'Asia/Calcutta' : 'Asia/Kolkata'
      await suite.sql(`UPDATE farebox_budgets SET time_zone = '${elsewhere}' WHERE account_id = '${accountId}'`)
      await suite.ledger.setBudget({ ...set, idempotencyKey: undefined })
      expect(await used(accountId)).toEqual({ 'account/day': credits(4) })
      await suite.ledger.setBudget({ ...set, idempotencyKey: undefined, timeZone: 'Asia/Colombo' })
      expect(await used(accountId)).toEqual({ 'account/day': 0n })
    })

    it('the id that a budget gets is never longer than one may be, and another one for each scope', async () => {
      const accountId = await suite.account(100)
      const long = ':'.repeat(199)
      const scopes = [
        { userId: `${long}a` },
        { userId: `${long}b` },
        { userId: `${long}a`, apiKeyId: 'k' },
        { userId: `${long}a` },
      ]
      const ids: string[] = []
      for (const scope of scopes) ids.push(await budget(accountId, 'day', 10, scope))
      expect(new Set(ids).size).toBe(3)
      expect(ids[3]).toBe(ids[0])
      for (const budgetId of ids) expect(await budget(accountId, 'day', 5, { budgetId })).toBe(budgetId)
    })

    it('names that hold separators do not make two budgets one', async () => {
      const accountId = await suite.account(1_000)
      const one = await budget(accountId, 'day', 1, { userId: 'a,key:b' })
      const two = await budget(accountId, 'day', 2, { userId: 'a', apiKeyId: 'b' })
      expect(one).not.toBe(two)
    })

    it('of many callers at once no more than the budget allows get through', async () => {
      const accountId = await suite.account(1_000)
      await budget(accountId, 'day', 10)
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => spend(accountId, 1)))
      expect(outcomes.filter(({ status }) => status === 'charged')).toHaveLength(10)
    })

    it('fields of a budget that are out of range are refused by name', async () => {
      const accountId = await suite.account(0)
      const set = (field: object) => () => suite.ledger.setBudget({ accountId, period: 'day', limit: credits(1), ...field })
      for (const limit of [-1n, 2n ** 63n, 5, null]) await expectInvalid('limit', set({ limit }))
      await expectInvalid('period', set({ period: 'year' }))
      await expectInvalid('mode', set({ mode: 'maybe' }))
      for (const timeZone of ['Mars/Olympus', '', 5]) await expectInvalid('timeZone', set({ timeZone }))
      await expectInvalid('service', set({ service: 'GPT' }))
      expect(await suite.ledger.budgets(accountId)).toEqual([])
    })
  })
}
