import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { expectInvalid, held, MINUTE, NOON, type Suite, usage, work } from './suite.ts'

/** Workflows that their first hold or charge opens, and their last one closes. */
export function exerciseBriefWorkflows(suite: Suite): void {
  const opensWorkflow = { name: 'chat', userId: 'ada', businessAdapter: 'emergency', maxCredits: credits(50) }

  describe('workflows of one call', () => {
    it('a hold opens its workflow and its charge closes it: two changes, and the same books as four', async () => {
      const accountId = await suite.account(100)
      const hold = { accountId, workflowId: 'w', ...work, amount: credits(30) }
      const { holdId } = held(await suite.ledger.placeHold({ ...hold, opensWorkflow }))
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject({ ...opensWorkflow, state: 'open', held: credits(30) })
      expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ workflowId: 'w', userId: 'ada' })
      suite.now = NOON + MINUTE
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(7), closesWorkflow: true })).toMatchObject({
        charged: credits(7),
        affordable: credits(43),
      })
      const closed = { state: 'closed', spent: credits(7), held: 0n, closedAt: NOON + MINUTE }
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject(closed)
      const { items } = await suite.ledger.statement(accountId)
      expect(items.map(({ verb }) => verb)).toEqual(['openAccount', 'grant', 'placeHold', 'settleHold'].toReversed())
      const { workflows } = await suite.ledger.breakdowns({ accountId })
      expect(workflows).toMatchObject([{ name: 'chat', count: 1, closed: 1, charged: credits(7), averageDurationMs: MINUTE }])
    })

    it('where the hold is refused, its workflow is not opened', async () => {
      const accountId = await suite.account(100)
      const place = (amount: number) =>
        suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(amount), opensWorkflow })
      expect(await place(101)).toMatchObject({ status: 'refused', reason: 'workflow_ceiling', available: credits(50) })
      await expect(suite.ledger.workflow(accountId, 'w')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' })
      expect(await place(50)).toMatchObject({ status: 'held' })
    })

    it('a workflow that is open already is joined, however often and at the same time; under other words it is another', async () => {
      const accountId = await suite.account(100)
      const place = (more: object = {}) =>
        suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(5), opensWorkflow, ...more })
      for (const outcome of await Promise.all([place(), place(), place()])) expect(outcome).toMatchObject({ status: 'held' })
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject({ held: credits(15) })
      const other = { code: 'ALREADY_EXISTS', message: expect.stringContaining('w') }
      await expect(place({ opensWorkflow: { ...opensWorkflow, name: 'call' } })).rejects.toMatchObject(other)
      await expect(place({ opensWorkflow: { ...opensWorkflow, maxCredits: credits(51) } })).rejects.toMatchObject(other)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'reserved', name: 'chat', reserve: credits(10) })
      await expect(place({ workflowId: 'reserved', opensWorkflow: { name: 'chat' } })).rejects.toMatchObject(other)
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      expect(await place()).toEqual({ status: 'refused', reason: 'workflow_closed', workflowId: 'w' })
      const { workflows } = await suite.ledger.breakdowns({ accountId })
      expect(workflows).toMatchObject([{ name: 'chat', count: 2, closed: 1 }])
    })

    it('one charge can be all of a workflow', async () => {
      const accountId = await suite.account(100)
      const charge = (rated: number, workflowId: string) =>
        suite.ledger.charge({ accountId, workflowId, ...work, usage: usage(rated), opensWorkflow, closesWorkflow: true })
      expect(await charge(51, 'dear')).toMatchObject({ status: 'refused', reason: 'workflow_ceiling' })
      await expect(suite.ledger.workflow(accountId, 'dear')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' })
      expect(await charge(7, 'w')).toMatchObject({ charged: credits(7) })
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject({ state: 'closed', spent: credits(7) })
    })

    it('the last charge gives back what else is held in the workflow, its reserve too, and closing again changes nothing', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call', reserve: credits(20) })
      const [first, second] = [
        await suite.hold(accountId, 30, { workflowId: 'w' }),
        await suite.hold(accountId, 5, { workflowId: 'w' }),
      ]
      await suite.ledger.settleHold({ accountId, holdId: first, usage: usage(4), closesWorkflow: true })
      expect(await suite.money(accountId)).toEqual({ balance: 96, held: 0, available: 96 })
      expect(await suite.ledger.hold(accountId, second)).toMatchObject({ state: 'released' })
      expect(await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })).toMatchObject({ spent: credits(4), durationMs: 0 })
      const late = { accountId, holdId: second, usage: usage(2), closesWorkflow: true }
      expect(await suite.ledger.settleHold(late)).toMatchObject({ charged: credits(2), late: true })
      const { workflows } = await suite.ledger.breakdowns({ accountId })
      expect(workflows).toMatchObject([{ name: 'call', count: 1, closed: 1 }])
    })

    it('asked again under the same key it is done once', async () => {
      const accountId = await suite.account(100)
      const hold = { accountId, workflowId: 'w', holdId: 'h', ...work, amount: credits(30), opensWorkflow }
      expect(await suite.ledger.placeHold(hold)).toMatchObject({ replayed: false })
      expect(await suite.ledger.placeHold(hold)).toMatchObject({ replayed: true })
      const settlement = { accountId, holdId: 'h', usage: usage(3), closesWorkflow: true }
      expect(await suite.ledger.settleHold(settlement)).toMatchObject({ replayed: false })
      expect(await suite.ledger.settleHold(settlement)).toMatchObject({ replayed: true })
      await expect(suite.ledger.settleHold({ ...settlement, closesWorkflow: false })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        differs: ['closesWorkflow'],
      })
      // A retry of the hold need not repeat `opensWorkflow`, nor give the same one.
      const again = [{ opensWorkflow: undefined }, { opensWorkflow: { name: 'call' } }]
      for (const more of again) expect(await suite.ledger.placeHold({ ...hold, ...more })).toMatchObject({ replayed: true })
    })

    it('what makes no sense is refused by name, without effect', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 10)
      const place = (more: object) => () =>
        suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(1), ...more })
      await expectInvalid('workflowId', place({ workflowId: undefined, opensWorkflow }))
      await expectInvalid('opensWorkflow.name', place({ opensWorkflow: { name: '' } }))
      await expectInvalid('opensWorkflow.maxCredits', place({ opensWorkflow: { name: 'chat', maxCredits: -1n } }))
      const settle = (more: object) => () =>
        suite.ledger.settleHold({ accountId, holdId, usage: usage(1), closesWorkflow: true, ...more })
      await expectInvalid('closesWorkflow', settle({}))
      await expectInvalid('closesWorkflow', settle({ final: false, usageId: 'part' }))
      await expectInvalid('closesWorkflow', settle({ closesWorkflow: 1 }))
      await expectInvalid('closesWorkflow', () =>
        suite.ledger.charge({ accountId, ...work, usage: usage(1), closesWorkflow: true }),
      )
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 10, available: 90 })
    })
  })
}
