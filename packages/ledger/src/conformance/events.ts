import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { Ledger } from '../ledger.ts'
import { Outbox } from '../outbox/outbox.ts'
import type { LedgerEvent } from '../reader.ts'
import { charged, DAY, expectInvalid, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseEvents(suite: Suite): void {
  const spend = (accountId: string, amount: number) => suite.ledger.charge({ accountId, ...work, usage: usage(amount) })

  /** What was told about an account, oldest first, in whole credits. */
  async function told(accountId: string): Promise<object[]> {
    const events = (await suite.ledger.events({ accountId })).reverse()
    return events.map(({ type, data }) => ({ type, ...data }))
  }

  /** Delivers what is due for one account: the database has those of other tests as well. */
  function outbox(accountId: string, deliver: (event: LedgerEvent) => void, more: object = {}, ledger = suite.ledger): Outbox {
    return new Outbox(ledger, { deliver: (event) => (event.accountId === accountId ? deliver(event) : undefined), ...more })
  }

  describe('events', () => {
    it('a balance that falls below its line is told once, and again only after it was above', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(50) })
      charged(await spend(accountId, 50))
      expect(await told(accountId)).toEqual([])
      charged(await spend(accountId, 1))
      charged(await spend(accountId, 9))
      const first = { type: 'balance_low', balance: credits(49), threshold: credits(50) }
      expect(await told(accountId)).toEqual([first])
      suite.now += 1
      await suite.ledger.grant({ accountId, amount: credits(20) })
      charged(await spend(accountId, 30))
      expect(await told(accountId)).toEqual([first, { ...first, balance: credits(30) }])
    })

    it('an event is due at once, also of an account that has seen a later time than a clock that was set back', async () => {
      suite.now = NOON + DAY
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(50) })
      suite.now = NOON
      charged(await spend(accountId, 60))
      expect(await suite.ledger.events({ accountId })).toMatchObject([{ createdAt: NOON + DAY, dueAt: NOON }])
      const delivered: string[] = []
      await outbox(accountId, ({ type }) => void delivered.push(type)).deliverDue()
      expect(delivered).toEqual(['balance_low'])
    })

    it('a grant that expires crosses the line as well', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, amount: credits(100), expiresAt: NOON + DAY })
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(10) })
      suite.now = NOON + DAY
      expect(await spend(accountId, 1)).toMatchObject({ status: 'refused' })
      expect(await told(accountId)).toEqual([{ type: 'balance_low', balance: 0n, threshold: credits(10) }])
    })

    it('a line that is drawn above the balance is crossed by being drawn, and once', async () => {
      const accountId = await suite.account(10)
      const alerts = { accountId, balanceLow: credits(50) }
      await suite.ledger.setAlerts(alerts)
      await suite.ledger.setAlerts(alerts)
      expect(await told(accountId)).toHaveLength(1)
      await suite.ledger.setAlerts({ accountId })
      charged(await spend(accountId, 1))
      expect(await told(accountId)).toHaveLength(1)
    })

    it('of what was delivered, the ledger needs nothing: without it, nothing is told twice, and a top-up is answered', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(60), topUp: { at: credits(50), amount: credits(40) } })
      await suite.ledger.setBudget({ accountId, period: 'day', limit: credits(100), alertsAtPercent: [50] })
      charged(await spend(accountId, 55))
      const delivered: LedgerEvent[] = []
      await outbox(accountId, (event) => void delivered.push(event)).deliverDue()
      expect(delivered.map(({ type }) => type).sort()).toEqual(['balance_low', 'limit_crossed', 'top_up_needed'])
      await suite.sql(`DELETE FROM farebox_events WHERE delivered_at IS NOT NULL AND account_id = '${accountId}'`)
      charged(await spend(accountId, 5))
      expect(await told(accountId)).toEqual([])
      const topUpId = delivered.find(({ type }) => type === 'top_up_needed')?.id ?? ''
      await suite.ledger.grant({ accountId, amount: credits(40), topUpId })
      charged(await spend(accountId, 35))
      const again = (await suite.ledger.events({ accountId })).map(({ type }) => type)
      expect(again.sort()).toEqual(['balance_low', 'top_up_needed'])
    })

    it('a top-up that is awaited blocks another, until it is granted or given up', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, topUp: { at: credits(50), amount: credits(40) } })
      charged(await spend(accountId, 60))
      await suite.ledger.grant({ accountId, amount: credits(50) })
      charged(await spend(accountId, 50))
      const events = await suite.ledger.events({ accountId })
      expect(events).toMatchObject([
        { type: 'top_up_needed', data: { balance: credits(40), threshold: credits(50), amount: credits(40) } },
      ])
      const topUpId = events[0]?.id ?? ''
      await expectInvalid('topUpId', () => suite.ledger.grant({ accountId, amount: credits(1), topUpId: 'another' }))
      suite.now += 1
      await suite.ledger.grant({ accountId, amount: credits(40), topUpId })
      await expectInvalid('topUpId', () => suite.ledger.grant({ accountId, amount: credits(40), topUpId }))
      charged(await spend(accountId, 40))
      const [second] = await suite.ledger.events({ accountId })
      expect(second).toMatchObject({ type: 'top_up_needed', data: { balance: credits(40) } })
      expect(second?.id).not.toBe(topUpId)
      await suite.ledger.cancelTopUp({ accountId, topUpId: second?.id ?? '', reason: 'card declined' })
      charged(await spend(accountId, 5))
      expect(await suite.ledger.events({ accountId })).toHaveLength(2)
      suite.now += 1
      await suite.ledger.grant({ accountId, amount: credits(60) })
      charged(await spend(accountId, 60))
      expect(await suite.ledger.events({ accountId })).toHaveLength(3)
    })

    it('a top-up that begins later is awaited until it does, and the next one is asked for if it is too small then', async () => {
      const accountId = await suite.account(10)
      await suite.ledger.setAlerts({ accountId, topUp: { at: credits(50), amount: credits(20) } })
      const asked = () => suite.ledger.events({ accountId })
      const [{ id: topUpId } = { id: '' }] = await asked()
      const later = { accountId, amount: credits(20), topUpId, effectiveAt: suite.now + DAY }
      await suite.ledger.grant({ ...later, grantId: 'later' })
      await expectInvalid('topUpId', () => suite.ledger.grant({ ...later, grantId: 'twice' }))
      await suite.ledger.setAlerts({ accountId, topUp: { at: credits(60), amount: credits(20) } })
      charged(await spend(accountId, 1))
      expect(await asked()).toHaveLength(1)
      suite.now += DAY
      expect(await suite.money(accountId)).toMatchObject({ balance: 29 })
      const [second, ...before] = await asked()
      expect(second).toMatchObject({ type: 'top_up_needed', data: { balance: credits(29), threshold: credits(60) } })
      expect(before).toMatchObject([{ id: topUpId }])
      const enough = { accountId, grantId: 'enough', amount: credits(90), topUpId: second?.id, effectiveAt: suite.now + DAY }
      await suite.ledger.grant(enough)
      suite.now += DAY
      expect(await suite.money(accountId)).toMatchObject({ balance: 119 })
      charged(await spend(accountId, 60))
      expect(await asked()).toHaveLength(3)
    })

    it.each(['revokeGrant', 'chargeback'] as const)(
      'a top-up whose grant is taken back by %s before it begins is given up',
      async (verb) => {
        const accountId = await suite.account(10)
        await suite.ledger.setAlerts({ accountId, topUp: { at: credits(50), amount: credits(20) } })
        const [{ id: topUpId } = { id: '' }] = await suite.ledger.events({ accountId })
        const effectiveAt = suite.now + DAY
        await suite.ledger.grant({ accountId, grantId: 'later', amount: credits(20), topUpId, effectiveAt })
        await suite.ledger[verb]({ accountId, grantId: 'later' })
        await expectInvalid('topUpId', () => suite.ledger.cancelTopUp({ accountId, topUpId }))
        suite.now += 1
        await suite.ledger.grant({ accountId, amount: credits(60) })
        charged(await spend(accountId, 60))
        expect(await suite.ledger.events({ accountId })).toHaveLength(2)
      },
    )

    it('a top-up that was too small is followed by another', async () => {
      const accountId = await suite.account(10)
      await suite.ledger.setAlerts({ accountId, topUp: { at: credits(50), amount: credits(20) } })
      for (const balance of [10, 30, 50]) {
        const waiting = await suite.ledger.events({ accountId })
        expect(waiting).toHaveLength(balance === 50 ? 2 : Math.ceil(balance / 20))
        const [{ id: topUpId } = { id: '' }] = waiting
        suite.now += 1
        if (balance < 50) await suite.ledger.grant({ accountId, amount: credits(20), topUpId })
      }
      expect(await suite.money(accountId)).toMatchObject({ balance: 50 })
    })

    it('a budget tells at each of its shares, once in each window', async () => {
      const accountId = await suite.account(1_000)
      await suite.ledger.setBudget({ accountId, budgetId: 'b', period: 'day', limit: credits(100) })
      charged(await spend(accountId, 79))
      charged(await spend(accountId, 2))
      const holdId = await suite.hold(accountId, 10)
      await suite.ledger.releaseHold({ accountId, holdId })
      suite.now += 1
      charged(await spend(accountId, 19))
      expect(await spend(accountId, 1)).toMatchObject({ status: 'refused' })
      const resetsAt = Date.UTC(2026, 6, 16)
      const event = { type: 'limit_crossed', budgetId: 'b', mode: 'block', period: 'day', limit: credits(100), resetsAt }
      expect(await told(accountId)).toEqual([
        { ...event, percent: 80, used: credits(81) },
        { ...event, percent: 100, used: credits(100) },
      ])
      suite.now = NOON + DAY
      charged(await spend(accountId, 100))
      expect((await told(accountId)).slice(2)).toMatchObject([{ percent: 100 }])
      await suite.ledger.setBudget({
        accountId,
        budgetId: 'w',
        period: 'total',
        limit: credits(10),
        mode: 'warn',
        alertsAtPercent: [50],
      })
      suite.now += DAY
      charged(await spend(accountId, 30))
      expect((await told(accountId)).slice(3)).toMatchObject([{ budgetId: 'w', percent: 50, used: credits(30), mode: 'warn' }])
      for (const percents of [[0], [101], [1.5], 80]) {
        const alertsAtPercent = percents as never
        await expectInvalid(Array.isArray(percents) ? 'alertsAtPercent[0]' : 'alertsAtPercent', () =>
          suite.ledger.setBudget({ accountId, period: 'day', limit: credits(1), alertsAtPercent }),
        )
      }
    })

    it('a limit that is lowered tells nothing of a window that is over', async () => {
      const accountId = await suite.account(1_000)
      const budget = { accountId, budgetId: 'b', period: 'day' } as const
      await suite.ledger.setBudget({ ...budget, limit: credits(100) })
      charged(await spend(accountId, 60))
      suite.now = NOON + DAY
      await suite.ledger.setBudget({ ...budget, limit: credits(50) })
      expect(await told(accountId)).toEqual([])
      charged(await spend(accountId, 45))
      expect(await told(accountId)).toMatchObject([{ type: 'limit_crossed', percent: 80, used: credits(45) }])
    })

    it('a hold that nobody ended is told, with what it held', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30, { ttlMs: 1_000, graceMs: 0 })
      suite.now = NOON + 1_000
      expect(await suite.money(accountId)).toMatchObject({ held: 0 })
      expect(await told(accountId)).toEqual([
        { type: 'hold_expired', holdId, workflowId: null, service: 'gpt', provider: 'gpt-4o-mini', amount: credits(30) },
      ])
    })

    it('a workflow that closes is told where that was asked for, and once', async () => {
      const accountId = await suite.account(100)
      const ledger = new Ledger(suite.underTest.driver, { closedWorkflowEvents: true })
      for (const workflowId of ['w', 'quiet']) {
        await ledger.openWorkflow({ accountId, workflowId, name: 'call' })
        await ledger.charge({ accountId, ...work, workflowId, usage: usage(7) })
      }
      await ledger.closeWorkflow({ accountId, workflowId: 'w' })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'quiet' })
      await ledger.closeWorkflow({ accountId, workflowId: 'quiet', idempotencyKey: 'again' })
      // Events of the same moment may come in any order.
      suite.now += 1_000
      const brief = {
        accountId,
        ...work,
        workflowId: 'brief',
        usage: usage(2),
        opensWorkflow: { name: 'chat' },
        closesWorkflow: true,
      }
      await ledger.charge(brief)
      await ledger.closeWorkflow({ accountId, workflowId: 'brief' })
      expect(await told(accountId)).toEqual([
        { type: 'workflow_closed', workflowId: 'w', name: 'call', spent: credits(7), durationMs: 0 },
        { type: 'workflow_closed', workflowId: 'brief', name: 'chat', spent: credits(2), durationMs: 0 },
      ])
    })

    it('what a host’s transaction undoes is not told', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(50) })
      const host = await suite.begin()
      await suite.ledger.charge({ accountId, ...work, usage: usage(60) }, { transaction: host.handle })
      await host.rollback()
      expect(await told(accountId)).toEqual([])
    })

    it('an outbox delivers each event once to a handler that takes it', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(50) })
      charged(await spend(accountId, 60))
      const seen: LedgerEvent[] = []
      const mine = outbox(accountId, (event) => void seen.push(event))
      await mine.deliverDue()
      await mine.deliverDue()
      expect(seen).toMatchObject([{ type: 'balance_low', accountId, attempts: 1, data: { balance: credits(40) } }])
      expect(await suite.ledger.events({ accountId })).toMatchObject([{ deliveredAt: NOON, dueAt: null, error: null }])
      await suite.ledger.retryEvent({ accountId, eventId: seen[0]?.id ?? '' })
      await mine.deliverDue()
      expect(seen).toHaveLength(1)
      await expect(suite.ledger.retryEvent({ accountId, eventId: 'none' })).rejects.toMatchObject({ code: 'EVENT_NOT_FOUND' })
    })

    it('outboxes of several processes share the work: nothing is delivered by two at a time', async () => {
      const accountId = await suite.account(1_000)
      await suite.ledger.setBudget({
        accountId,
        period: 'total',
        limit: credits(100),
        mode: 'warn',
        alertsAtPercent: Array.from({ length: 30 }, (_, index) => index + 1),
      })
      for (let index = 0; index < 30; index++) charged(await spend(accountId, 1))
      const seen: string[] = []
      const many = [1, 2, 3].map(() => outbox(accountId, (event) => void seen.push(event.id), {}, suite.another()))
      await Promise.all(many.map((one) => one.deliverDue()))
      expect(new Set(seen).size).toBe(30)
      expect(seen).toHaveLength(30)
    })

    it('a receiver that is slower to fail than the next attempt is far is left alone for all of that time', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(50) })
      charged(await spend(accountId, 60))
      let attempts = 0
      const deliver = () => {
        attempts++
        suite.now += 20_000
        throw new Error('no answer')
      }
      const slow = outbox(accountId, deliver, { retryDelayMs: () => 5_000 })
      await slow.deliverDue()
      const failedAt = suite.now
      expect((await suite.ledger.events({ accountId }))[0]?.dueAt).toBe(failedAt + 5_000)
      suite.now = failedAt + 4_999
      await slow.deliverDue()
      expect(attempts).toBe(1)
      suite.now += 1
      await slow.deliverDue()
      expect(attempts).toBe(2)
    })

    it('what fails is tried again when it is time, and given up in the end for somebody to look at', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(50) })
      charged(await spend(accountId, 60))
      const errors: unknown[] = []
      let isUp = false
      const deliver = () => {
        if (!isUp) throw new Error('nobody\nanswers')
      }
      const more = {
        attemptsMax: 2,
        retryDelayMs: (attempt: number) => attempt * 1_000,
        onError: (error: unknown) => errors.push(error),
      }
      const mine = outbox(accountId, deliver, more)
      await mine.deliverDue()
      const [event] = await suite.ledger.events({ accountId })
      expect(event).toMatchObject({ attempts: 1, dueAt: NOON + 1_000, error: 'nobody answers' })
      await mine.deliverDue()
      expect(errors).toHaveLength(1)
      suite.now = NOON + 1_000
      await mine.deliverDue()
      expect(await suite.ledger.events({ accountId })).toMatchObject([{ attempts: 2, dueAt: null, deliveredAt: null }])
      const givenUp = await suite.ledger.events({ isGivenUp: true })
      expect(givenUp.filter((one) => one.accountId === accountId)).toHaveLength(1)
      isUp = true
      await suite.ledger.retryEvent({ accountId, eventId: event?.id ?? '' })
      await mine.deliverDue()
      expect(await suite.ledger.events({ accountId })).toMatchObject([{ attempts: 3, deliveredAt: NOON + 1_000, error: null }])
    })

    it('an event that a process took with it when it died is delivered by another, later', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(50) })
      charged(await spend(accountId, 60))
      const [event] = await suite.ledger.events({ accountId })
      const eventId = event?.id ?? ''
      expect(await suite.ledger.claimEvent({ accountId, eventId, until: NOON + 60_000 })).toMatchObject({ isClaimed: true })
      expect(await suite.ledger.claimEvent({ accountId, eventId, until: NOON + 60_000 })).toMatchObject({ isClaimed: false })
      const seen: LedgerEvent[] = []
      const mine = outbox(accountId, (one) => void seen.push(one))
      await mine.deliverDue()
      expect(seen).toHaveLength(0)
      suite.now = NOON + 60_000
      await mine.deliverDue()
      expect(seen).toMatchObject([{ id: eventId, attempts: 2 }])
    })

    it('alerts that make no sense are refused by name', async () => {
      const accountId = await suite.account(1)
      await expectInvalid('balanceLow', () => suite.ledger.setAlerts({ accountId, balanceLow: credits(0) }))
      await expectInvalid('topUp.at', () => suite.ledger.setAlerts({ accountId, topUp: { at: 5 as never, amount: credits(1) } }))
      await expectInvalid('topUp.amount', () =>
        suite.ledger.setAlerts({ accountId, topUp: { at: credits(5), amount: credits(0) } }),
      )
      await expectInvalid('topUpId', () => suite.ledger.cancelTopUp({ accountId, topUpId: 'none' }))
    })
  })
}
