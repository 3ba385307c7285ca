import { credits, microUnits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { charged, expectInvalid, MINUTE, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseWorkflows(suite: Suite): void {
  async function open(accountId: string, workflowId: string, more: object = {}): Promise<void> {
    expect(await suite.ledger.openWorkflow({ accountId, workflowId, name: 'call', ...more })).toMatchObject({ status: 'opened' })
  }

  describe('workflows', () => {
    it('a workflow adds up what its legs cost, one line for each provider, service and unit', async () => {
      const accountId = await suite.account(200)
      await open(accountId, 'w', { businessAdapter: 'languagelearning', userId: 'ada' })
      const leg = (service: string, provider: string, unit: 'minutes' | 'tokens', units: bigint, rated: number) =>
        suite.ledger.charge({
          accountId,
          workflowId: 'w',
          service,
          provider,
          usage: usage(rated, { unit, quantity: microUnits(units) }),
        })
      await leg('phone', 'twilio', 'minutes', 2_000_000n, 40)
      await leg('gpt', 'gpt-4o-mini', 'tokens', 3_000_000_000n, 3)
      await leg('phone', 'twilio', 'minutes', 3_000_000n, 60)
      suite.now = NOON + MINUTE
      expect(await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })).toEqual({
        status: 'closed',
        workflowId: 'w',
        spent: credits(103),
        durationMs: MINUTE,
        replayed: false,
      })
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject({
        name: 'call',
        businessAdapter: 'languagelearning',
        userId: 'ada',
        state: 'closed',
        spent: credits(103),
        held: 0n,
        createdAt: NOON,
        closedAt: NOON + MINUTE,
        lines: [
          { service: 'phone', provider: 'twilio', unit: 'minutes', quantity: 5_000_000n, charged: credits(100), shortfall: 0n },
          {
            service: 'gpt',
            provider: 'gpt-4o-mini',
            unit: 'tokens',
            quantity: 3_000_000_000n,
            charged: credits(3),
            shortfall: 0n,
          },
        ],
      })
    })

    it('small calls of one leg are rounded together, in any order, and never more than once', async () => {
      const accountId = await suite.account(100)
      const prices = ['0.001', '0.25', '0.0004', '0.9', '0.000001', '0.3']
      const totals = []
      for (const order of [prices, [...prices].reverse(), [...prices].sort()]) {
        const workflowId = order.join()
        await open(accountId, workflowId)
        for (const rated of order) await suite.ledger.charge({ accountId, workflowId, ...work, usage: usage(rated) })
        totals.push((await suite.ledger.workflow(accountId, workflowId)).spent)
      }
      expect(totals).toEqual([credits(2), credits(2), credits(2)])
    })

    it('a ceiling counts what is held and what is spent, and refuses what is above it', async () => {
      const accountId = await suite.account(1_000)
      await open(accountId, 'w', { maxCredits: credits(50) })
      const holdId = await suite.hold(accountId, 30, { workflowId: 'w' })
      expect(await suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(21) })).toEqual({
        status: 'refused',
        reason: 'workflow_ceiling',
        workflowId: 'w',
        available: credits(20),
        requested: credits(21),
      })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(10) }))
      expect(await suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(40) })).toMatchObject({
        status: 'held',
        affordable: 0n,
      })
      expect(await suite.ledger.charge({ accountId, workflowId: 'w', ...work, usage: usage(1) })).toMatchObject({
        reason: 'workflow_ceiling',
      })
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject({ spent: credits(10), held: credits(40) })
    })

    it('work that cost more than the ceiling is charged up to it, and the rest is a shortfall', async () => {
      const accountId = await suite.account(1_000)
      await open(accountId, 'w', { maxCredits: credits(50) })
      const holdId = await suite.hold(accountId, 30, { workflowId: 'w' })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(70) })).toMatchObject({
        charged: credits(50),
        shortfall: credits(20),
      })
      expect((await suite.money(accountId)).balance).toBe(950)
    })

    it('a ceiling of nothing lets nothing through', async () => {
      const accountId = await suite.account(1_000)
      await open(accountId, 'w', { maxCredits: 0n })
      expect(await suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(1) })).toMatchObject({
        reason: 'workflow_ceiling',
        available: 0n,
      })
    })

    it('children share the ceiling of their parent, and it counts what they spend', async () => {
      const accountId = await suite.account(1_000)
      await open(accountId, 'parent', { maxCredits: credits(50) })
      await open(accountId, 'a', { parentId: 'parent' })
      await open(accountId, 'b', { parentId: 'parent' })
      await suite.hold(accountId, 20, { workflowId: 'a' })
      charged(await suite.ledger.charge({ accountId, workflowId: 'b', ...work, usage: usage(20) }))
      expect(await suite.ledger.placeHold({ accountId, workflowId: 'b', ...work, amount: credits(11) })).toMatchObject({
        reason: 'workflow_ceiling',
        workflowId: 'parent',
        available: credits(10),
      })
      expect(await suite.ledger.workflow(accountId, 'parent')).toMatchObject({ spent: credits(20), held: credits(20), lines: [] })
      expect(await suite.ledger.workflow(accountId, 'b')).toMatchObject({ spent: credits(20), held: 0n })
    })

    it('a child may have a tighter ceiling of its own, and a refusal names the one that is tightest', async () => {
      const accountId = await suite.account(1_000)
      await open(accountId, 'parent', { maxCredits: credits(50) })
      await open(accountId, 'child', { parentId: 'parent', maxCredits: credits(10) })
      expect(await suite.ledger.placeHold({ accountId, workflowId: 'child', ...work, amount: credits(11) })).toMatchObject({
        reason: 'workflow_ceiling',
        workflowId: 'child',
        available: credits(10),
      })
    })

    it('a grandchild shares every ceiling above it', async () => {
      const accountId = await suite.account(1_000)
      await open(accountId, 'root', { maxCredits: credits(100) })
      await open(accountId, 'middle', { parentId: 'root', maxCredits: credits(10) })
      await open(accountId, 'leaf', { parentId: 'middle' })
      expect(await suite.ledger.placeHold({ accountId, workflowId: 'leaf', ...work, amount: credits(11) })).toMatchObject({
        reason: 'workflow_ceiling',
        workflowId: 'middle',
        available: credits(10),
      })
      const holdId = await suite.hold(accountId, 10, { workflowId: 'leaf', ttlMs: 1_000, graceMs: 0 })
      expect(await suite.ledger.workflow(accountId, 'middle')).toMatchObject({ held: credits(10) })
      expect(await suite.ledger.workflow(accountId, 'root')).toMatchObject({ held: credits(10) })
      suite.now += 1_000
      await suite.ledger.balance(accountId)
      expect(await suite.ledger.workflow(accountId, 'middle')).toMatchObject({ held: 0n })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(4) })
      for (const workflowId of ['leaf', 'middle', 'root']) {
        expect(await suite.ledger.workflow(accountId, workflowId)).toMatchObject({ spent: credits(4), held: 0n })
      }
    })

    it('closing gives the holds back that are still open, and nothing more can be started', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w')
      const holds = [await suite.hold(accountId, 30, { workflowId: 'w' }), await suite.hold(accountId, 20, { workflowId: 'w' })]
      const outside = await suite.hold(accountId, 10)
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 10, available: 90 })
      for (const holdId of holds) expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ state: 'released' })
      expect(await suite.ledger.hold(accountId, outside)).toMatchObject({ state: 'open' })
      const refusal = { status: 'refused', reason: 'workflow_closed', workflowId: 'w' }
      expect(await suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(1) })).toEqual(refusal)
      expect(await suite.ledger.charge({ accountId, workflowId: 'w', ...work, usage: usage(1) })).toEqual(refusal)
      expect(await suite.ledger.openWorkflow({ accountId, name: 'child', parentId: 'w' })).toEqual(refusal)
    })

    it('closing again returns the first outcome, under the same key or another', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w')
      suite.now += 1_000
      const first = await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      suite.now += 1_000
      expect(await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })).toEqual({ ...first, replayed: true })
      expect(await suite.ledger.closeWorkflow({ accountId, workflowId: 'w', idempotencyKey: 'other' })).toEqual(first)
      const { workflows } = await suite.ledger.breakdowns({ accountId })
      expect(workflows).toMatchObject([{ name: 'call', count: 1, closed: 1 }])
    })

    it('work that was under way when its workflow closed is still charged, as late', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'w')
      const holdId = await suite.hold(accountId, 30, { workflowId: 'w' })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(7) })).toMatchObject({
        charged: credits(7),
        late: true,
      })
      expect((await suite.ledger.workflow(accountId, 'w')).spent).toBe(credits(7))
    })

    it('closing may keep the holds of work under way, which is charged as if its workflow were open', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call', reserve: credits(40) })
      const [first, second] = [
        await suite.hold(accountId, 30, { workflowId: 'w' }),
        await suite.hold(accountId, 30, { workflowId: 'w' }),
      ]
      const close = (keepsHolds: boolean) => suite.ledger.closeWorkflow({ accountId, workflowId: 'w', keepsHolds })
      const closed = await close(true)
      expect(await close(false)).toEqual({ ...closed, replayed: true })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 60, available: 40 })
      expect(await suite.ledger.extendHold({ accountId, holdId: first, amount: credits(31) })).toMatchObject({
        status: 'refused',
      })
      const settled = charged(await suite.ledger.settleHold({ accountId, holdId: first, usage: usage(7) }))
      expect(settled).toMatchObject({ charged: credits(7), late: false })
      await suite.ledger.releaseHold({ accountId, holdId: second })
      expect(await suite.money(accountId)).toEqual({ balance: 93, held: 0, available: 93 })
      expect(await suite.ledger.workflow(accountId, 'w')).toMatchObject({ spent: credits(7), held: 0n })
    })

    it('an abandoned hold leaves its workflow as well', async () => {
      const accountId = await suite.account(100)
      await open(accountId, 'parent', { maxCredits: credits(30) })
      await open(accountId, 'child', { parentId: 'parent' })
      await suite.hold(accountId, 30, { workflowId: 'child', ttlMs: 1_000, graceMs: 0 })
      suite.now += 1_000
      await suite.hold(accountId, 30, { workflowId: 'child' })
      expect(await suite.ledger.workflow(accountId, 'parent')).toMatchObject({ held: credits(30) })
    })

    it('an unknown workflow is not found, and nothing of a workflow is taken unchecked', async () => {
      const accountId = await suite.account(100)
      const none = { code: 'WORKFLOW_NOT_FOUND', id: 'none' }
      await expect(suite.ledger.workflow(accountId, 'none')).rejects.toMatchObject(none)
      await expect(suite.ledger.closeWorkflow({ accountId, workflowId: 'none' })).rejects.toMatchObject(none)
      await expect(suite.ledger.openWorkflow({ accountId, name: 'w', parentId: 'none' })).rejects.toMatchObject(none)
      await expectInvalid('name', () => suite.ledger.openWorkflow({ accountId, name: '' }))
      await expectInvalid('maxCredits', () => suite.ledger.openWorkflow({ accountId, name: 'w', maxCredits: -1n as never }))
      await expectInvalid('maxCredits', () => suite.ledger.openWorkflow({ accountId, name: 'w', maxCredits: 5 as never }))
      await expectInvalid('workflowId', () => suite.ledger.closeWorkflow({ accountId, workflowId: '' }))
    })
  })
}
