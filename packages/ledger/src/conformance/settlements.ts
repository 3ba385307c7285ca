import { credits, microCredits, microUnits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import type { OveragePolicy } from '../rows.ts'
import { charged, DAY, expectInvalid, type Suite, usage, work } from './suite.ts'

export function exerciseSettlements(suite: Suite): void {
  describe('settlements and charges', () => {
    it('a settlement takes what the work cost and gives the rest of the hold back', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) })).toEqual({
        status: 'charged',
        usageId: holdId,
        charged: credits(12),
        shortfall: 0n,
        balance: credits(88),
        available: credits(88),
        affordable: credits(88),
        late: false,
        replayed: false,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 88, held: 0, available: 88 })
      expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ state: 'settled', remaining: 0n, charged: credits(12) })
    })

    it('work that cost nothing is settled at nothing', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      const nothing = { ...usage(0), quantity: microUnits(0n) }
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: nothing })).toMatchObject({ charged: 0n, shortfall: 0n })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
    })

    it('a price is rounded up to a whole credit, or to the step that the usage names', async () => {
      const accountId = await suite.account(100)
      const price = async (rated: string, roundingStep?: bigint) => {
        const step = roundingStep === undefined ? {} : { roundingStep: microCredits(roundingStep) }
        return charged(await suite.ledger.charge({ accountId, ...work, usage: usage(rated, step) })).charged
      }
      expect(await price('0.000001')).toBe(credits(1))
      expect(await price('2')).toBe(credits(2))
      expect(await price('2.000001')).toBe(credits(3))
      expect(await price('2.000001', 1n)).toBe(2_000_001n)
      expect(await price('0.11', 100_000n)).toBe(200_000n)
    })

    it('a charge that expects what its lines came to is refused where they came to something else, and changes nothing', async () => {
      const accountId = await suite.account(100)
      const workflowId = 'call'
      await suite.ledger.openWorkflow({ accountId, workflowId, name: 'call' })
      const nothing = { quantity: microUnits(0n), rated: microCredits(0n) }
      const first = { quantity: microUnits(1_000_000n), rated: credits(7) }
      const charge = (usageId: string, linesSoFar: typeof nothing, more = {}) =>
        suite.ledger.charge({ accountId, workflowId, usageId, ...work, usage: usage(7), linesSoFar, ...more })
      const changed = { code: 'LINE_CHANGED', workflowId, isRetryable: true }
      await expect(charge('a', first)).rejects.toMatchObject(changed)
      expect(await charge('a', nothing)).toMatchObject({ charged: credits(7), replayed: false })
      // A replay is a replay, whatever it expects.
      expect(await charge('a', nothing)).toMatchObject({ charged: credits(7), replayed: true })
      await expect(charge('b', nothing)).rejects.toMatchObject(changed)
      await expect(charge('b', { ...first, rated: credits(8) })).rejects.toMatchObject(changed)
      await expect(charge('b', { ...first, quantity: microUnits(2_000_000n) })).rejects.toMatchObject(changed)
      const [one, two] = await Promise.allSettled([charge('b', first), charge('c', first)])
      expect([one?.status, two?.status].sort()).toEqual(['fulfilled', 'rejected'])
      // Those of another provider have come to nothing, and those of another unit count.
      expect(await charge('d', nothing, { provider: 'another' })).toMatchObject({ charged: credits(7) })
      const minutes = { ...usage(7), unit: 'minutes' as const }
      await expect(charge('m', nothing, { usage: minutes })).rejects.toMatchObject(changed)
      const opensWorkflow = { name: 'another' }
      await expect(charge('e', first, { workflowId: 'w', opensWorkflow })).rejects.toMatchObject({ code: 'LINE_CHANGED' })
      await expect(suite.ledger.workflow(accountId, 'w')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' })
      expect(await charge('e', nothing, { workflowId: 'w', opensWorkflow })).toMatchObject({ charged: credits(7) })
      expect(await suite.money(accountId)).toEqual({ balance: 72, held: 0, available: 72 })
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])

      await expectInvalid('linesSoFar', () => suite.ledger.charge({ accountId, ...work, usage: usage(7), linesSoFar: nothing }))
      await expectInvalid('linesSoFar', () => charge('f', 7 as never))
      await expectInvalid('linesSoFar.rated', () => charge('f', { ...nothing, rated: 7 as never }))
      await expectInvalid('linesSoFar.cost', () => charge('f', { ...nothing, cost: 7n } as never))
    })

    it('a hold can be settled in parts, each named, until the last', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      const part = (usageId: string, rated: number, final: boolean) =>
        suite.ledger.settleHold({ accountId, holdId, usageId, usage: usage(rated), final })
      expect(await part('1', 10, false)).toMatchObject({ charged: credits(10), affordable: credits(90), available: credits(70) })
      expect(await suite.money(accountId)).toEqual({ balance: 90, held: 20, available: 70 })
      expect(await part('2', 5, false)).toMatchObject({ charged: credits(5) })
      expect(await part('2', 5, false)).toMatchObject({ charged: credits(5), replayed: true })
      expect(await part('3', 4, true)).toMatchObject({ charged: credits(4) })
      expect(await suite.money(accountId)).toEqual({ balance: 81, held: 0, available: 81 })
      expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ state: 'settled', charged: credits(19), remaining: 0n })
      await expectInvalid('usageId', () => suite.ledger.settleHold({ accountId, holdId, usage: usage(1), final: false }))
    })

    it('a part is refused once the record that ends its work exists, also against another hold', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30, { ttlMs: 1_000, graceMs: 0 })
      const part = (usageId: string, partOf = holdId) =>
        suite.ledger.settleHold({ accountId, holdId, usageId, usage: usage(10), final: false, partOf })
      expect(await part('1')).toMatchObject({ charged: credits(10) })
      suite.now += 1_000
      expect(await part('2')).toMatchObject({ charged: credits(10), late: true })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(5) }))
      const ended = { code: 'ALREADY_EXISTS', id: holdId }
      await expect(part('3')).rejects.toMatchObject(ended)
      const work = { accountId, holdId: await suite.hold(accountId, 30), usage: usage(10) }
      await expect(suite.ledger.settleHold({ ...work, usageId: '4', final: false, partOf: holdId })).rejects.toMatchObject(ended)
      expect(await part('2')).toMatchObject({ charged: credits(10), replayed: true })
      expect(await part('5', 'unfinished')).toMatchObject({ charged: credits(10) })
      expect(await suite.money(accountId)).toEqual({ balance: 65, held: 30, available: 35 })
      await expectInvalid('partOf', () => suite.ledger.settleHold({ ...work, usageId: '6', partOf: holdId }))
      await expectInvalid('partOf', () => suite.ledger.settleHold({ ...work, usageId: '6', final: false, partOf: '6' }))
      await expectInvalid('partOf', () => suite.ledger.settleHold({ ...work, usageId: '6', final: false, partOf: '' }))
    })

    it('a second settlement of a settled hold changes nothing', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      const first = charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) }))
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) })).toEqual({ ...first, replayed: true })
      await expect(suite.ledger.settleHold({ accountId, holdId, usage: usage(13) })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        differs: ['usage.rated'],
      })
      expect(await suite.ledger.settleHold({ accountId, holdId, usageId: 'other', usage: usage(12) })).toEqual({
        status: 'refused',
        reason: 'hold_not_open',
        holdId,
        state: 'settled',
      })
      expect(await suite.money(accountId)).toEqual({ balance: 88, held: 0, available: 88 })
    })

    it('two usage records cannot share an id', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      await suite.ledger.charge({ accountId, usageId: 'u', ...work, usage: usage(1) })
      await expect(
        suite.ledger.settleHold({ accountId, holdId, usageId: 'u', usage: usage(1), idempotencyKey: 'k' }),
      ).rejects.toMatchObject({ code: 'ALREADY_EXISTS', id: 'u' })
      expect(await suite.money(accountId)).toEqual({ balance: 99, held: 30, available: 69 })
    })

    describe.each<{ overage: OveragePolicy; charged: number; shortfall: number; balance: number }>([
      { overage: 'cap', charged: 100, shortfall: 50, balance: 0 },
      { overage: 'debt', charged: 130, shortfall: 20, balance: -30 },
    ])('above the hold under $overage', ({ overage, ...expected }) => {
      it(`takes ${expected.charged} of 150 from an account with 100, and writes ${expected.shortfall} down as shortfall`, async () => {
        const accountId = await suite.account(100, { debtLimit: credits(30) })
        const holdId = await suite.hold(accountId, 40, { overage })
        expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage('149.5') })).toMatchObject({
          charged: credits(expected.charged),
          shortfall: credits(expected.shortfall),
          late: false,
        })
        expect(await suite.money(accountId)).toMatchObject({ balance: expected.balance, held: 0 })
      })

      it('never touches what another hold has set aside', async () => {
        const accountId = await suite.account(100)
        const mine = await suite.hold(accountId, 40, { overage })
        const other = await suite.hold(accountId, 50)
        expect(await suite.ledger.settleHold({ accountId, holdId: mine, usage: usage(70) })).toMatchObject({
          charged: credits(50),
          shortfall: credits(20),
        })
        expect(await suite.money(accountId)).toEqual({ balance: 50, held: 50, available: 0 })
        expect(await suite.ledger.settleHold({ accountId, holdId: other, usage: usage(50) })).toMatchObject({ shortfall: 0n })
      })
    })

    it('above the hold under reject nothing is changed, and the hold stays', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 40, { overage: 'reject' })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(101) })).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(60),
        requested: credits(61),
      })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 40, available: 60 })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(100) })).toMatchObject({
        charged: credits(100),
        shortfall: 0n,
      })
    })

    it('debt is repaid by the next grant, before anything else', async () => {
      const accountId = await suite.account(10, { debtLimit: credits(30) })
      await suite.ledger.charge({ accountId, ...work, usage: usage(35), overage: 'debt' })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(-25), debt: credits(25) })
      expect(await suite.ledger.placeHold({ accountId, ...work, amount: microCredits(1n) })).toMatchObject({ status: 'refused' })
      expect(await suite.ledger.grant({ accountId, amount: credits(20) })).toMatchObject({
        repaid: credits(20),
        available: credits(-5),
      })
      expect(await suite.ledger.grant({ accountId, amount: credits(20) })).toMatchObject({
        repaid: credits(5),
        available: credits(15),
      })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(15), debt: 0n })
    })

    it('debt is counted against what a hold gives back: new work never takes the account below zero', async () => {
      const accountId = await suite.account(100, { debtLimit: credits(30) })
      const holdId = await suite.hold(accountId, 100)
      await suite.ledger.charge({ accountId, ...work, usage: usage(30), overage: 'debt' })
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await suite.money(accountId)).toEqual({ balance: 70, held: 0, available: 70 })
      expect(await suite.ledger.placeHold({ accountId, ...work, amount: credits(71) })).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(70),
        requested: credits(71),
      })
      await suite.hold(accountId, 70)
    })

    it('what a hold gave back pays the debt before it expires: nothing that was used is paid for twice', async () => {
      const accountId = await suite.account(0, { debtLimit: credits(30) })
      const expiresAt = suite.now + 3_600_000
      await suite.ledger.grant({ accountId, grantId: 'g', amount: credits(100), expiresAt, rollover: { max: credits(5) } })
      const holdId = await suite.hold(accountId, 100)
      await suite.ledger.charge({ accountId, ...work, usage: usage(20), overage: 'debt' })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(72) })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(8), debt: credits(20) })
      suite.now = expiresAt
      // 92 of 100 were used. Of the remaining 8, 5 are carried over.
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(5), debt: 0n })
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
    })

    it('debt goes no further than the limit, however it is taken', async () => {
      const accountId = await suite.account(0, { creditLimit: credits(10), debtLimit: credits(30) })
      await suite.ledger.charge({ accountId, ...work, usage: usage(4) })
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(100), overage: 'debt' })).toMatchObject({
        charged: credits(36),
        shortfall: credits(64),
      })
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(1), overage: 'debt' })).toMatchObject({
        charged: 0n,
        shortfall: credits(1),
      })
      expect((await suite.ledger.balance(accountId)).balance).toBe(-credits(40))
    })

    it.each(['expired', 'released'] as const)(
      'a settlement of a hold that was %s is charged afresh, and says that it was late',
      async (ending) => {
        const accountId = await suite.account(100)
        const holdId = await suite.hold(accountId, 40, { ttlMs: 1_000, graceMs: 0 })
        if (ending === 'released') await suite.ledger.releaseHold({ accountId, holdId })
        else suite.now += 1_000
        const other = await suite.hold(accountId, 95)
        const late = await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) })
        expect(late).toMatchObject({ status: 'charged', charged: credits(5), shortfall: credits(7), late: true })
        expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) })).toEqual({ ...late, replayed: true })
        expect(await suite.money(accountId)).toEqual({ balance: 95, held: 95, available: 0 })
        charged(await suite.ledger.settleHold({ accountId, holdId: other, usage: usage(95) }))
        expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
      },
    )

    it('a settlement in the grace period still finds its hold', async () => {
      const accountId = await suite.account(40)
      const holdId = await suite.hold(accountId, 40, { ttlMs: 1_000, graceMs: 1_000 })
      suite.now += 1_999
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) })).toMatchObject({
        charged: credits(12),
        late: false,
      })
    })

    it('a late settlement under reject is refused when the balance is gone, and changes nothing', async () => {
      const accountId = await suite.account(40)
      const holdId = await suite.hold(accountId, 40, { ttlMs: 1_000, graceMs: 0, overage: 'reject' })
      suite.now += DAY
      await suite.ledger.charge({ accountId, ...work, usage: usage(40) })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(12) })).toMatchObject({
        status: 'refused',
        reason: 'insufficient_balance',
        available: 0n,
      })
    })

    it('a charge without a hold is refused when the balance does not cover all of it', async () => {
      const accountId = await suite.account(10)
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage('10.1') })).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(10),
        requested: credits(11),
      })
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(10) })).toMatchObject({ charged: credits(10) })
    })

    it('charged and shortfall together are the rated price, rounded, under every policy', async () => {
      for (const overage of ['cap', 'debt', 'reject'] as const) {
        for (const balance of [0, 3, 7, 50]) {
          for (const amount of [0, 1, 7]) {
            const accountId = await suite.account(balance, { debtLimit: credits(4) })
            if (amount > balance) continue
            const rated = `${balance + 1}.5`
            const outcome = amount
              ? await suite.ledger.settleHold({
                  accountId,
                  holdId: await suite.hold(accountId, amount, { overage }),
                  usage: usage(rated),
                })
              : await suite.ledger.charge({ accountId, ...work, usage: usage(rated), overage })
            if (overage === 'reject') expect(outcome.status).toBe('refused')
            else expect(charged(outcome).charged + charged(outcome).shortfall).toBe(credits(balance + 2))
            expect((await suite.ledger.balance(accountId)).balance).toBeGreaterThanOrEqual(-credits(4))
          }
        }
      }
    })

    it('one leg settled in many slices costs exactly what one settlement of the whole would', async () => {
      const accountId = await suite.account(100)
      const slices = ['0.3', '0.000001', '1.7', '0.2', '0.499999', '0.3']
      for (const order of [slices, [...slices].reverse()]) {
        const holdId = await suite.hold(accountId, 10)
        let total = 0n
        for (const [index, rated] of order.entries()) {
          const final = index === order.length - 1
          const usageId = `${holdId} ${index}`
          total += charged(await suite.ledger.settleHold({ accountId, holdId, usageId, usage: usage(rated), final })).charged
        }
        expect(total).toBe(credits(3))
      }
    })

    it('the provider that did the work may be another one than the hold was for', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      const holdId = await suite.hold(accountId, 10, { workflowId: 'w', provider: 'gpt-4o' })
      await suite.ledger.settleHold({ accountId, holdId, provider: 'gpt-4o-mini', usage: usage(3) })
      expect((await suite.ledger.workflow(accountId, 'w')).lines).toMatchObject([
        { provider: 'gpt-4o-mini', charged: credits(3) },
      ])
    })

    it('fields of a usage that are out of range are refused by name, and change nothing', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 10)
      const cyclic: Record<string, unknown> = {}
      cyclic.self = cyclic
      const wrong: Record<string, unknown[]> = {
        quantity: [-1n, 2n ** 63n, 1, Number.NaN, '1', null, undefined],
        unit: ['hours', '', null, undefined],
        rated: [-1n, 2n ** 63n, 1, Number.NaN, '1', null, undefined],
        roundingStep: [0n, -1n, 1],
        cost: [-1n, 2n ** 63n, 1, null],
        certainty: ['sure'],
        model: ['', 5, 'a\u0000'],
        priceVersion: ['', 5],
        details: [cyclic, { count: 5n }, 5n, 'x'.repeat(70_000), () => 1, Symbol('x')],
      }
      for (const [field, values] of Object.entries(wrong)) {
        for (const value of values) {
          const bad = { ...usage(1), [field]: value }
          await expectInvalid(`usage.${field}`, () => suite.ledger.charge({ accountId, ...work, usage: bad }))
          await expectInvalid(`usage.${field}`, () => suite.ledger.settleHold({ accountId, holdId, usage: bad }))
        }
      }
      // A misspelt field is a cost, a model or a rounding that would be lost.
      const misspelt = { ...usage(1), costs: 5n }
      await expectInvalid('usage.costs', () => suite.ledger.charge({ accountId, ...work, usage: misspelt }))
      await expectInvalid('usage.costs', () => suite.ledger.settleHold({ accountId, holdId, usage: misspelt }))
      for (const bad of [null, undefined, 5, 'usage']) {
        await expectInvalid('usage', () => suite.ledger.charge({ accountId, ...work, usage: bad as never }))
      }
      await expectInvalid('provider', () => suite.ledger.settleHold({ accountId, holdId, provider: '', usage: usage(1) }))
      expect((await suite.ledger.statement(accountId)).items).toHaveLength(3)
    })

    it('a usage record keeps everything that it was given', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      const details = { raw: { prompt_tokens: 7, note: 'ünï "\\\u0000\ud83c\udf9f' }, list: [1, null, true], empty: {} }
      const given = usage('1.5', {
        quantity: microUnits(7_500_001n),
        unit: 'minutes',
        model: 'm',
        cost: 123_456_789_012_345_678n as never,
        certainty: 'floor',
        priceVersion: 'v',
        details,
      })
      await suite.ledger.charge({ accountId, usageId: 'u', workflowId: 'w', apiKeyId: 'k', userId: 'z', ...work, usage: given })
      const { roundingStep: _, ...kept } = given
      expect((await suite.ledger.usageOf(accountId, 'w'))[0]).toEqual({
        accountId,
        usageId: 'u',
        sequence: 4,
        workflowId: 'w',
        holdId: null,
        ...work,
        ...kept,
        charged: credits(2),
        shortfall: 0n,
        lots: [{ grantId: 'first', amount: credits(2) }],
        apiKeyId: 'k',
        userId: 'z',
        corrects: null,
        createdAt: suite.now,
      })
    })

    it('a change that the database cannot store is refused, and takes nobody else with it', async () => {
      const accountId = await suite.account(100)
      const innocent = await suite.account(100)
      await suite.ledger.charge({ accountId, ...work, usage: usage(1) })
      suite.expectBroken(accountId)
      await suite.sql(`UPDATE farebox_usage_rollups SET charged = 9223372036854775000 WHERE account_id = '${accountId}'`)
      const [broken, other] = await Promise.allSettled([
        suite.ledger.charge({ accountId, ...work, usage: usage(1) }),
        suite.ledger.charge({ accountId: innocent, ...work, usage: usage(1) }),
      ])
      expect(broken).toMatchObject({ status: 'rejected', reason: { isRetryable: false } })
      expect(other).toMatchObject({ status: 'fulfilled', value: { charged: credits(1) } })
    })
  })
}
