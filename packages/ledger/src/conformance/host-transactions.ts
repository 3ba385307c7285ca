import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { charged, held, type Suite, usage, work } from './suite.ts'

export function exerciseHostTransactions(suite: Suite): void {
  describe("the host's own transactions", () => {
    it('what the host commits is there, its own row and the charge together', async () => {
      const accountId = await suite.account(100)
      await suite.sql(`CREATE TABLE orders_${tag(accountId)} (id TEXT)`)
      const host = await suite.begin()
      await host.sql(`INSERT INTO orders_${tag(accountId)} VALUES ('o1')`)
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(7) }, { transaction: host.handle }))
      await host.commit()
      expect((await suite.money(accountId)).balance).toBe(93)
      expect(await suite.sql(`SELECT id FROM orders_${tag(accountId)}`)).toEqual([{ id: 'o1' }])
    })

    it('what the host rolls back never happened, and can be done again under the same key', async () => {
      const accountId = await suite.account(100)
      const charge = (call?: { transaction: unknown }) =>
        suite.ledger.charge({ accountId, usageId: 'u', ...work, usage: usage(7) }, call)
      const host = await suite.begin()
      expect(await charge({ transaction: host.handle })).toMatchObject({ charged: credits(7), replayed: false })
      await host.rollback()
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
      expect(await charge()).toMatchObject({ charged: credits(7), replayed: false })
      expect(await charge()).toMatchObject({ replayed: true })
    })

    it('several verbs join one transaction, each seeing the ones before it', async () => {
      const accountId = await suite.account(0)
      const host = await suite.begin()
      const call = { transaction: host.handle }
      await suite.ledger.grant({ accountId, amount: credits(10) }, call)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' }, call)
      const { holdId } = held(await suite.ledger.placeHold({ accountId, workflowId: 'w', ...work, amount: credits(10) }, call))
      expect(await suite.ledger.placeHold({ accountId, ...work, amount: credits(1) }, call)).toMatchObject({ status: 'refused' })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(4) }, call))
      expect(await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' }, call)).toMatchObject({ spent: credits(4) })
      await host.commit()
      expect(await suite.money(accountId)).toEqual({ balance: 6, held: 0, available: 6 })
    })

    it('verbs that join one transaction at once happen one after another', async () => {
      const accountId = await suite.account(10)
      const other = await suite.account(10)
      const host = await suite.begin()
      const call = { transaction: host.handle }
      const charges = [accountId, other, accountId, accountId].map((id) =>
        suite.ledger.charge({ accountId: id, ...work, usage: usage(4) }, call),
      )
      expect(await Promise.all(charges)).toMatchObject([
        { status: 'charged', balance: credits(6) },
        { status: 'charged', balance: credits(6) },
        { status: 'charged', balance: credits(2) },
        { status: 'refused', available: credits(2) },
      ])
      await host.commit()
      expect((await suite.money(accountId)).balance).toBe(2)
      expect((await suite.money(other)).balance).toBe(6)
    })

    it('a call that is refused or thrown leaves the transaction usable', async () => {
      const accountId = await suite.account(10)
      const host = await suite.begin()
      const call = { transaction: host.handle }
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(11) }, call)).toMatchObject({ status: 'refused' })
      await expect(suite.ledger.releaseHold({ accountId, holdId: 'none' }, call)).rejects.toMatchObject({
        code: 'HOLD_NOT_FOUND',
      })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(10) }, call))
      await host.commit()
      expect((await suite.money(accountId)).balance).toBe(0)
    })

    it('other callers wait for the transaction of a host, and see what it left', async () => {
      const accountId = await suite.account(10)
      const host = await suite.begin()
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(10) }, { transaction: host.handle }))
      const waiting = suite.ledger.charge({ accountId, ...work, usage: usage(1) })
      await new Promise((resolve) => setTimeout(resolve, 30))
      await host.commit()
      expect(await waiting).toMatchObject({ status: 'refused', available: 0n })
    })
  })
}

/** An account's id in a form that fits into a table name. */
function tag(accountId: string): string {
  return accountId.replaceAll('-', '')
}
