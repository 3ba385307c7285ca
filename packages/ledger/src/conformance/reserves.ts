import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import type { PlaceHoldInput } from '../inputs.ts'
import { charged, DAY, expectInvalid, HOUR, MINUTE, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseReserves(suite: Suite): void {
  async function open(accountId: string, workflowId: string, reserve: number, more: object = {}): Promise<void> {
    const outcome = await suite.ledger.openWorkflow({
      accountId,
      workflowId,
      name: 'call',
      ...(reserve > 0 && { reserve: credits(reserve) }),
      ...more,
    })
    expect(outcome).toMatchObject({ status: 'opened' })
  }

  /** What is left in the reserve of a workflow, in credits. */
  async function left(accountId: string, workflowId: string): Promise<number> {
    const hold = await suite.ledger.hold(accountId, `reserve:${workflowId}`)
    return Number(hold.remaining / 1_000_000n)
  }

  describe('reserves', () => {
    it('a reserve can be extended and released by its id, however long that of its workflow is', async () => {
      const accountId = await suite.account(100)
      const workflowId = 'w'.repeat(200)
      const opened = await suite.ledger.openWorkflow({ accountId, workflowId, name: 'call', reserve: credits(20) })
      const holdId = 'reserveHoldId' in opened ? (opened.reserveHoldId ?? '') : ''
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(30) })).toMatchObject({ amount: credits(30) })
      expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ remaining: credits(30) })
      expect(await suite.ledger.releaseHold({ accountId, holdId })).toMatchObject({ status: 'released', amount: credits(30) })
    })

    it('a reserve is set aside when the workflow opens, and is no longer there for others', async () => {
      const accountId = await suite.account(100)
      expect(await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call', reserve: credits(80) })).toEqual({
        status: 'opened',
        workflowId: 'w',
        reserved: credits(80),
        reserveHoldId: 'reserve:w',
        replayed: false,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 80, available: 20 })
      expect(await suite.ledger.placeHold(asked(accountId, 21))).toMatchObject({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(20),
      })
      expect(await suite.ledger.placeHold(asked(accountId, 21, { workflowId: 'w' }))).toMatchObject({
        status: 'held',
        affordable: credits(79),
      })
    })

    it('a leg draws on the reserve first, and gives back to it what it did not need', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w', 60)
      const holdId = await suite.hold(accountId, 50, { workflowId: 'w' })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 60, available: 40 })
      expect(await left(accountId, 'w')).toBe(10)
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(5) })).toMatchObject({
        charged: credits(5),
        available: credits(40),
        affordable: credits(95),
      })
      expect(await left(accountId, 'w')).toBe(55)
      expect(await suite.money(accountId)).toEqual({ balance: 95, held: 55, available: 40 })
    })

    it('a leg beyond the reserve takes the rest from the balance, and gives that back first', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w', 30)
      const holdId = await suite.hold(accountId, 70, { workflowId: 'w' })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 70, available: 30 })
      expect(await left(accountId, 'w')).toBe(0)
      await suite.ledger.extendHold({ accountId, holdId, amount: credits(20) })
      expect(await left(accountId, 'w')).toBe(10)
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 30, available: 70 })
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await left(accountId, 'w')).toBe(30)
    })

    it('closing the workflow frees what is left of the reserve, once', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w', 60)
      await suite.hold(accountId, 20, { workflowId: 'w' })
      charged(await suite.ledger.charge({ ...work, accountId, workflowId: 'w', usage: usage(7) }))
      expect(await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })).toMatchObject({ spent: credits(7) })
      expect(await suite.money(accountId)).toEqual({ balance: 93, held: 0, available: 93 })
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject({ held: 0n, reserve: credits(60) })
    })

    it('a charge without a hold, and what a settlement costs beyond its hold, draw on the reserve', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w', 90)
      expect(await suite.ledger.charge({ ...work, accountId, workflowId: 'w', usage: usage(15) })).toMatchObject({
        charged: credits(15),
        affordable: credits(85),
      })
      const holdId = await suite.hold(accountId, 10, { workflowId: 'w' })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(50) })).toMatchObject({
        charged: credits(50),
        shortfall: 0n,
      })
      expect(await left(accountId, 'w')).toBe(25)
      expect(await suite.money(accountId)).toEqual({ balance: 35, held: 25, available: 10 })
    })

    it('children share the reserve, and what they give back goes where it came from', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'top', 60)
      await open(accountId, 'below', 40, { parentId: 'top' })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 60, available: 40 })
      expect(await left(accountId, 'top')).toBe(20)
      const holdId = await suite.hold(accountId, 55, { workflowId: 'below' })
      expect([await left(accountId, 'below'), await left(accountId, 'top')]).toEqual([0, 5])
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 60, available: 40 })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(10) })
      expect([await left(accountId, 'below'), await left(accountId, 'top')]).toEqual([30, 20])
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'below' })
      expect(await left(accountId, 'top')).toBe(50)
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'top' })
      expect(await suite.money(accountId)).toEqual({ balance: 90, held: 0, available: 90 })
    })

    it('what a leg gives back after its reserve is gone is free', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'top', 60)
      await open(accountId, 'below', 0, { parentId: 'top' })
      const holdId = await suite.hold(accountId, 50, { workflowId: 'below' })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'top' })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 50, available: 50 })
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
    })

    it('a workflow below one that was closed takes no new work', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'top', 0)
      await open(accountId, 'below', 0, { parentId: 'top' })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'top' })
      const refused = { status: 'refused', reason: 'workflow_closed', workflowId: 'top' }
      expect(await suite.ledger.placeHold(asked(accountId, 5, { workflowId: 'below' }))).toEqual(refused)
      expect(await suite.ledger.charge({ ...work, accountId, workflowId: 'below', usage: usage(5) })).toEqual(refused)
      expect(await suite.ledger.openWorkflow({ accountId, name: 'c', parentId: 'below' })).toEqual(refused)
    })

    it('a hold below a workflow that was closed is not raised, but lives on, is lowered and settled', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'top', 0)
      await open(accountId, 'below', 10, { parentId: 'top' })
      const holdId = await suite.hold(accountId, 5, { workflowId: 'below' })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'top' })
      const refused = { status: 'refused', reason: 'workflow_closed', workflowId: 'top' }
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(6) })).toEqual(refused)
      expect(await suite.ledger.extendHold({ accountId, holdId: 'reserve:below', amount: credits(60) })).toEqual(refused)
      const longer = { accountId, holdId, ttlMs: HOUR }
      expect(await suite.ledger.extendHold(longer)).toMatchObject({ amount: credits(5), expiresAt: suite.now + HOUR })
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(4) })).toMatchObject({ amount: credits(4) })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(4) }))
      expect((await suite.money(accountId)).balance).toBe(96)
    })

    it('a reserve counts once under ceilings, however often it is drawn on and given back', async () => {
      const accountId = await suite.account(500)
      await open(accountId, 'top', 0, { maxCredits: credits(100) })
      await open(accountId, 'below', 70, { parentId: 'top', maxCredits: credits(80) })
      expect(await suite.ledger.placeHold(asked(accountId, 31, { workflowId: 'top' }))).toMatchObject({
        reason: 'workflow_ceiling',
        available: credits(30),
      })
      for (const _ of [1, 2, 3]) {
        const holdId = await suite.hold(accountId, 80, { workflowId: 'below' })
        expect(await suite.ledger.placeHold(asked(accountId, 1, { workflowId: 'below' }))).toMatchObject({ available: 0n })
        await suite.ledger.releaseHold({ accountId, holdId })
      }
      expect(await suite.ledger.placeHold(asked(accountId, 81, { workflowId: 'below' }))).toMatchObject({
        reason: 'workflow_ceiling',
        workflowId: 'below',
        available: credits(80),
      })
      expect(await suite.ledger.workflow(accountId, 'top')).toMatchObject({ held: credits(70) })
    })

    it('a reserve counts in the budgets of its user and key; a leg counts in its service’s as well', async () => {
      const accountId = await suite.account(500)
      await suite.ledger.setBudget({ accountId, budgetId: 'all', period: 'day', limit: credits(100) })
      await suite.ledger.setBudget({ accountId, budgetId: 'gpt', service: 'gpt', period: 'day', limit: credits(50) })
      await open(accountId, 'w', 90)
      expect(await suite.ledger.placeHold(asked(accountId, 11))).toMatchObject({ budgetId: 'all', available: credits(10) })
      const leg = asked(accountId, 51, { workflowId: 'w', service: 'gpt' })
      expect(await suite.ledger.placeHold(leg)).toMatchObject({ budgetId: 'gpt', available: credits(50) })
      const holdId = await suite.hold(accountId, 50, { workflowId: 'w', service: 'gpt' })
      expect(await used(accountId)).toEqual({ all: 90, gpt: 50 })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(20) })
      expect(await used(accountId)).toEqual({ all: 90, gpt: 20 })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      expect(await used(accountId)).toEqual({ all: 20, gpt: 20 })
    })

    it('a reserve keeps its place in the budget of its user while others draw on it through a workflow below', async () => {
      const accountId = await suite.account(500)
      await suite.ledger.setBudget({ accountId, budgetId: 'ada', userId: 'ada', period: 'total', limit: credits(10) })
      await open(accountId, 'top', 6, { userId: 'ada' })
      await open(accountId, 'leg', 6, { parentId: 'top' })
      const holdId = await suite.hold(accountId, 6, { workflowId: 'leg', userId: 'bob' })
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await used(accountId)).toEqual({ ada: 6 })
      expect(await suite.ledger.placeHold(asked(accountId, 5, { userId: 'ada' }))).toMatchObject({
        budgetId: 'ada',
        available: credits(4),
      })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'leg' })
      await suite.ledger.placeHold(asked(accountId, 4, { userId: 'ada' }))
      expect(await suite.ledger.placeHold(asked(accountId, 6, { workflowId: 'top' }))).toMatchObject({ status: 'held' })
      expect(await used(accountId)).toEqual({ ada: 10 })
    })

    it('what others add to a reserve, and do not need, is not taken off the budget of whoever reserved', async () => {
      const accountId = await suite.account(500)
      await suite.ledger.setBudget({ accountId, budgetId: 'ada', userId: 'ada', period: 'total', limit: credits(10) })
      await open(accountId, 'w', 6, { userId: 'ada' })
      const holdId = await suite.hold(accountId, 10, { workflowId: 'w', userId: 'bob' })
      await suite.ledger.extendHold({ accountId, holdId, amount: credits(6) })
      expect(await used(accountId)).toEqual({ ada: 6 })
      await suite.ledger.extendHold({ accountId, holdId, amount: credits(10) })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(5) })
      expect(await used(accountId)).toEqual({ ada: 6 })
      expect(await suite.ledger.placeHold(asked(accountId, 5, { userId: 'ada' }))).toMatchObject({ available: credits(4) })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      expect(await used(accountId)).toEqual({ ada: 5 })
    })

    it('what a reserve gave counts in the window in which it was reserved', async () => {
      const accountId = await suite.account(500)
      await suite.ledger.setBudget({ accountId, budgetId: 'all', period: 'day', limit: credits(100) })
      await open(accountId, 'w', 80, { reserveTtlMs: 3 * DAY })
      suite.now = NOON + DAY
      expect(await suite.ledger.placeHold(asked(accountId, 100))).toMatchObject({ status: 'held' })
      const holdId = await suite.hold(accountId, 80, { workflowId: 'w' })
      expect(await suite.ledger.placeHold(asked(accountId, 1, { workflowId: 'w' }))).toMatchObject({ reason: 'budget_exceeded' })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(30) })
      expect(await used(accountId)).toEqual({ all: 100 })
      expect(await left(accountId, 'w')).toBe(50)
    })

    it('a reserve heals by itself when nobody closes the workflow, later while its legs live', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w', 60, { reserveTtlMs: 10 * MINUTE })
      suite.now = NOON + 9 * MINUTE
      const holdId = await suite.hold(accountId, 50, { workflowId: 'w', ttlMs: HOUR })
      suite.now = NOON + 30 * MINUTE
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 60, available: 40 })
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await left(accountId, 'w')).toBe(60)
      suite.now = NOON + 70 * MINUTE
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
      expect(await suite.ledger.placeHold(asked(accountId, 100, { workflowId: 'w' }))).toMatchObject({ status: 'held' })
    })

    it('a grant for some services is not reserved for all, and a grant that expires keeps what was reserved', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, amount: credits(50), services: ['gpt'] })
      await suite.ledger.grant({ accountId, amount: credits(30), expiresAt: NOON + MINUTE })
      const input = { accountId, workflowId: 'w', name: 'call' }
      expect(await suite.ledger.openWorkflow({ ...input, reserve: credits(31) })).toMatchObject({
        reason: 'insufficient_balance',
        available: credits(30),
      })
      await open(accountId, 'w', 30)
      suite.now = NOON + 2 * MINUTE
      const holdId = await suite.hold(accountId, 20, { workflowId: 'w' })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(15) })
      expect(await suite.money(accountId)).toEqual({ balance: 65, held: 15, available: 50 })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      expect(await suite.money(accountId)).toEqual({ balance: 50, held: 0, available: 50 })
    })

    it('a reserve can be extended or given back early, and never settled', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w', 20)
      const reserve = { accountId, holdId: 'reserve:w' }
      expect(await suite.ledger.extendHold({ ...reserve, amount: credits(70) })).toMatchObject({
        status: 'held',
        amount: credits(70),
        affordable: credits(30),
      })
      expect(await suite.ledger.extendHold({ ...reserve, amount: credits(101) })).toMatchObject({
        reason: 'insufficient_balance',
        available: credits(30),
      })
      await expectInvalid('holdId', () => suite.ledger.settleHold({ ...reserve, usage: usage(5) }))
      await suite.ledger.releaseHold(reserve)
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
      expect(await suite.ledger.placeHold(asked(accountId, 100, { workflowId: 'w' }))).toMatchObject({ status: 'held' })
    })

    it('a reserve is refused like other new work, and then there is no workflow', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setBudget({ accountId, budgetId: 'day', period: 'day', limit: credits(40) })
      const input = { accountId, workflowId: 'w', name: 'call', reserve: credits(41) }
      expect(await suite.ledger.openWorkflow(input)).toMatchObject({ reason: 'budget_exceeded', available: credits(40) })
      await suite.ledger.freezeAccount({ accountId, isFrozen: true })
      expect(await suite.ledger.openWorkflow(input)).toEqual({ status: 'refused', reason: 'account_frozen' })
      await expect(suite.ledger.workflow(accountId, 'w')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' })
      await suite.ledger.freezeAccount({ accountId, isFrozen: false })
      await expectInvalid('reserve', () => suite.ledger.openWorkflow({ ...input, maxCredits: credits(40) }))
      await expectInvalid('reserve', () => suite.ledger.openWorkflow({ ...input, reserve: credits(0) }))
      await expectInvalid('reserveTtlMs', () => suite.ledger.openWorkflow({ ...input, reserveTtlMs: 0 }))
    })

    it('legs that race for one reserve get no more than there is', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w', 60)
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => suite.another().placeHold(asked(accountId, 10, { workflowId: 'w' }))),
      )
      expect(outcomes.filter(({ status }) => status === 'held')).toHaveLength(10)
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 100, available: 0 })
    })
  })

  async function used(accountId: string): Promise<Record<string, number>> {
    const budgets = await suite.ledger.budgets(accountId)
    return Object.fromEntries(budgets.map(({ budgetId, used: amount }) => [budgetId, Number(amount / 1_000_000n)]))
  }
}

function asked(accountId: string, amount: number, more: Partial<PlaceHoldInput> = {}): PlaceHoldInput {
  return { ...work, accountId, amount: credits(amount), ...more }
}
