import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { held, type Suite, usage, work } from './suite.ts'

export function exerciseConcurrency(suite: Suite): void {
  describe('concurrency', () => {
    it('of 500 holds at once on an account that affords 100, exactly 100 are held', async () => {
      const accountId = await suite.account(100)
      const ledgers = Array.from({ length: 4 }, () => suite.another())
      const outcomes = await Promise.all(
        Array.from({ length: 500 }, (_, index) => ledgers[index % 4]?.placeHold({ accountId, ...work, amount: credits(1) })),
      )
      expect(outcomes.filter((outcome) => outcome?.status === 'held')).toHaveLength(100)
      expect(outcomes.filter((outcome) => outcome?.status === 'refused')).toHaveLength(400)
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 100, available: 0 })
    })

    it('many callers on many accounts leave every book balanced', async () => {
      const accounts = await Promise.all(Array.from({ length: 8 }, () => suite.account(50, { debtLimit: credits(5) })))
      const ledgers = [suite.ledger, suite.another()]
      await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          const accountId = accounts[index % accounts.length] as string
          const ledger = ledgers[index % 2] as typeof suite.ledger
          const holdId = `h${index}`
          const outcome = await ledger.placeHold({ accountId, holdId, ...work, amount: credits(3), overage: 'debt' })
          if (outcome.status === 'refused') return
          if (index % 5 === 0) await ledger.releaseHold({ accountId, holdId })
          else await ledger.settleHold({ accountId, holdId, usage: usage(`${index % 7}.3`) })
        }),
      )
      for (const accountId of accounts) {
        const { balance, held } = await suite.ledger.balance(accountId)
        expect(held).toBe(0n)
        expect(balance).toBeGreaterThanOrEqual(credits(-5))
      }
    })

    it('sweeps in small pages neither fail nor double the settlements of the moment, and leave the holds of living work', async () => {
      const accounts = await Promise.all(Array.from({ length: 12 }, () => suite.account(100)))
      for (const accountId of accounts) {
        await suite.hold(accountId, 10, { holdId: 'abandoned', ttlMs: 1_000, graceMs: 0 })
        await suite.hold(accountId, 10, { holdId: 'late', ttlMs: 1_000, graceMs: 0 })
        await suite.hold(accountId, 10, { holdId: 'in grace', ttlMs: 1_000, graceMs: 5_000 })
        await suite.hold(accountId, 10, { holdId: 'alive' })
      }
      suite.now += 2_000
      const sweepers = Array.from({ length: 3 }, () => suite.another())
      const sweeping = sweepers.map(async (ledger) => {
        for (let page = 0; page < 8; page++) expect(await ledger.sweep({ limit: 2 })).toBeLessThanOrEqual(2)
      })
      const settled = await Promise.all(
        accounts.flatMap((accountId, index) =>
          ['late', 'in grace', 'alive'].map((holdId) =>
            (sweepers[index % 3] as typeof suite.ledger).settleHold({ accountId, holdId, usage: usage(4) }),
          ),
        ),
      )
      await Promise.all(sweeping)
      for (const [index, outcome] of settled.entries()) {
        expect(outcome).toMatchObject({ status: 'charged', charged: credits(4), shortfall: 0n, late: index % 3 === 0 })
      }
      while ((await suite.ledger.sweep({ limit: 2 })) === 2);
      for (const accountId of accounts) {
        expect(await suite.money(accountId)).toEqual({ balance: 88, held: 0, available: 88 })
        const verbs = (await suite.ledger.statement(accountId)).items.map(({ verb }) => verb)
        expect(verbs.filter((verb) => verb === 'expireHold')).toHaveLength(2)
      }
    })

    it('whoever comes after a process with hundreds of holds has died meets an account that has all of them back', async () => {
      const [abandoned, other] = [await suite.account(301), await suite.account(10)]
      const inTransaction = await suite.account(300)
      for (const accountId of [abandoned, inTransaction]) {
        const place = () => suite.hold(accountId, 1, { ttlMs: 1_000, graceMs: 0 })
        await Promise.all(Array.from({ length: 300 }, place))
      }
      await suite.hold(abandoned, 1, { holdId: 'alive', ttlMs: 60_000, graceMs: 0 })
      suite.now += 2_000
      const [taken] = await Promise.all([
        suite.ledger.placeHold({ accountId: abandoned, ...work, amount: credits(300) }),
        suite.hold(other, 10),
        suite.ledger.sweep({ limit: 10 }),
      ])
      expect(held(taken)).toMatchObject({ balance: credits(301), affordable: 0n })
      const host = await suite.begin()
      await suite.hold(inTransaction, 300, {}, { transaction: host.handle })
      await host.commit()
      for (const accountId of [abandoned, inTransaction]) expect((await suite.money(accountId)).available).toBe(0)
      expect((await suite.ledger.hold(abandoned, 'alive')).state).toBe('open')
      suite.now += 60_000
      while ((await suite.ledger.sweep({ limit: 10 })) === 10);
      expect((await suite.ledger.hold(abandoned, 'alive')).state).toBe('expired')
    })

    it('an account that twenty callers open at once is opened once', async () => {
      const accountId = `sign-up ${Math.random()}`
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => suite.another().openAccount({ accountId, name: 'Ada' })),
      )
      expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1)
    })

    it('a caller that cannot be served does not take its neighbours with it', async () => {
      const accountId = await suite.account(100)
      const outcomes = await Promise.allSettled([
        suite.hold(accountId, 10),
        suite.ledger.placeHold({ accountId: 'nobody', ...work, amount: credits(1) }),
        suite.ledger.placeHold({ accountId, ...work, amount: credits(1_000) }),
        suite.hold(accountId, 20),
      ])
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 30, available: 70 })
    })
  })
}
