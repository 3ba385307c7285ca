import { credits, microCredits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { charged, DAY, expectInvalid, held, MINUTE, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseHolds(suite: Suite): void {
  describe('holds', () => {
    it('a hold takes from what is available and not from the balance', async () => {
      const accountId = await suite.account(100)
      expect(await suite.ledger.placeHold({ accountId, holdId: 'h', amount: credits(30), ...work })).toEqual({
        status: 'held',
        holdId: 'h',
        amount: credits(30),
        expiresAt: NOON + 5 * MINUTE,
        balance: credits(100),
        affordable: credits(70),
        replayed: false,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 30, available: 70 })
    })

    it('a hold says how many more units the account can afford beside it', async () => {
      const accountId = await suite.account(100)
      const outcome = await suite.ledger.placeHold({ accountId, amount: credits(30), unitPrice: credits(20), ...work })
      expect(held(outcome)).toMatchObject({ affordable: credits(70), affordableUnits: 3n })
    })

    it('an extension and each settlement say it too, with what is left of the hold', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      const unitPrice = credits(20)
      const extended = await suite.ledger.extendHold({ accountId, holdId, amount: credits(50), unitPrice })
      expect(held(extended)).toMatchObject({ affordable: credits(50), affordableUnits: 2n })
      const part = { accountId, holdId, usageId: 'part', usage: usage(15), final: false, unitPrice }
      const first = charged(await suite.ledger.settleHold(part))
      expect(first).toMatchObject({ affordable: credits(85), affordableUnits: 4n })
      for (const again of [part, { ...part, unitPrice: credits(30) }, { ...part, unitPrice: undefined }])
        expect(await suite.ledger.settleHold(again)).toEqual({ ...first, replayed: true })
      expect(charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(30), unitPrice }))).toMatchObject({
        affordable: credits(55),
        affordableUnits: 2n,
      })
      await expectInvalid('unitPrice', () =>
        suite.ledger.settleHold({ accountId, holdId, usage: usage(1), unitPrice: microCredits(-1n) }),
      )
    })

    it('a hold above what is available is refused with what there is, and changes nothing', async () => {
      const accountId = await suite.account(100)
      await suite.hold(accountId, 70)
      const before = await suite.ledger.statement(accountId)
      expect(await suite.ledger.placeHold({ accountId, amount: microCredits(credits(30) + 1n), ...work })).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(30),
        requested: credits(30) + 1n,
      })
      expect(await suite.ledger.statement(accountId)).toEqual(before)
    })

    it('a refused hold is decided afresh when it is asked for again', async () => {
      const accountId = await suite.account(10)
      const again = { accountId, holdId: 'h', amount: credits(20), ...work }
      expect(await suite.ledger.placeHold(again)).toMatchObject({ status: 'refused' })
      await suite.ledger.grant({ accountId, amount: credits(10) })
      expect(await suite.ledger.placeHold(again)).toMatchObject({ status: 'held', replayed: false })
    })

    it('of two holds that race for the last unit exactly one is placed', async () => {
      const accountId = await suite.account(1)
      const outcomes = await Promise.all([1, 2].map(() => suite.ledger.placeHold({ accountId, amount: credits(1), ...work })))
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['held', 'refused'])
      expect(await suite.money(accountId)).toEqual({ balance: 1, held: 1, available: 0 })
    })

    it('a released hold gives all of it back, once', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      expect(await suite.ledger.releaseHold({ accountId, holdId })).toEqual({
        status: 'released',
        holdId,
        amount: credits(30),
        replayed: false,
      })
      expect(await suite.ledger.releaseHold({ accountId, holdId })).toMatchObject({ amount: credits(30), replayed: true })
      expect(await suite.ledger.releaseHold({ accountId, holdId, idempotencyKey: 'other' })).toEqual({
        status: 'refused',
        reason: 'hold_not_open',
        holdId,
        state: 'released',
      })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
    })

    it('a hold that nobody settles goes back after its time and its grace, and not before', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30, { ttlMs: 1_000, graceMs: 500 })
      suite.now = NOON + 1_499
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 30, available: 70 })
      expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ state: 'open' })
      suite.now = NOON + 1_500
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
      expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ state: 'expired', remaining: 0n })
      expect(await suite.ledger.releaseHold({ accountId, holdId })).toMatchObject({ reason: 'hold_not_open', state: 'expired' })
      expect(await suite.ledger.extendHold({ accountId, holdId, ttlMs: 1_000 })).toMatchObject({ reason: 'hold_not_open' })
    })

    it('abandoned holds do not stand in the way of new work', async () => {
      const accountId = await suite.account(100)
      await suite.hold(accountId, 60, { ttlMs: 1, graceMs: 0 })
      await suite.hold(accountId, 40, { ttlMs: DAY, graceMs: 0 })
      suite.now = NOON + 1
      await suite.hold(accountId, 60)
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 100, available: 0 })
    })

    it('a heartbeat keeps a hold alive from now on', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30, { ttlMs: 1_000, graceMs: 0 })
      for (let beat = 1; beat <= 5; beat++) {
        suite.now = NOON + beat * 900
        expect(await suite.ledger.extendHold({ accountId, holdId, ttlMs: 1_000 })).toMatchObject({
          status: 'held',
          amount: credits(30),
          expiresAt: suite.now + 1_000,
        })
      }
      suite.now += 1_000
      expect((await suite.money(accountId)).held).toBe(0)
    })

    it('a hold can grow as far as the balance goes, and shrink', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 30)
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(101) })).toMatchObject({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(70),
        requested: credits(71),
      })
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(100) })).toMatchObject({
        amount: credits(100),
        affordable: 0n,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 100, available: 0 })
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(5) })).toMatchObject({ affordable: credits(95) })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 5, available: 95 })
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(0) })).toMatchObject({ amount: 0n })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
    })

    it('a hold pins the lots that it will draw on, whatever is granted or spent meanwhile', async () => {
      const accountId = await suite.account(10)
      const holdId = await suite.hold(accountId, 10)
      await suite.ledger.grant({ accountId, grantId: 'preferred', amount: credits(10), priority: 1 })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(4) }))
      const remaining = async () =>
        Object.fromEntries((await suite.ledger.grants(accountId)).map((grant) => [grant.grantId, grant.remaining]))
      expect(await remaining()).toEqual({ preferred: credits(6), first: credits(10) })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(7) }))
      expect(await remaining()).toEqual({ preferred: credits(6), first: credits(3) })
    })

    it('release unwinds in reverse: the lots that would be spent last come back first', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'a', amount: credits(10), priority: 1 })
      await suite.ledger.grant({ accountId, grantId: 'b', amount: credits(10), priority: 2 })
      const holdId = await suite.hold(accountId, 15)
      await suite.ledger.extendHold({ accountId, holdId, amount: credits(12) })
      const pinned = Object.fromEntries((await suite.ledger.grants(accountId)).map((grant) => [grant.grantId, grant.pinned]))
      expect(pinned).toEqual({ a: credits(10), b: credits(2) })
    })

    it('a credit line is held after all grants, and no further than its limit', async () => {
      const accountId = await suite.account(10, { creditLimit: credits(5) })
      expect(await suite.ledger.placeHold({ accountId, amount: credits(16), ...work })).toMatchObject({
        status: 'refused',
        available: credits(15),
      })
      const holdId = await suite.hold(accountId, 15)
      expect(await suite.money(accountId)).toEqual({ balance: 10, held: 15, available: -5 })
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(1) })).toMatchObject({
        status: 'refused',
        available: 0n,
      })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(13) }))
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(-3), held: 0n, debt: credits(3) })
      expect(await suite.ledger.grant({ accountId, amount: credits(10) })).toMatchObject({
        repaid: credits(3),
        available: credits(7),
      })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(7), debt: 0n })
    })

    it('a clock that goes backwards neither revives a hold nor expires one early', async () => {
      const accountId = await suite.account(100)
      const first = await suite.hold(accountId, 30, { ttlMs: 1_000, graceMs: 0 })
      suite.now = NOON + 1_000
      expect((await suite.money(accountId)).held).toBe(0)
      suite.now = NOON - DAY
      expect(await suite.ledger.extendHold({ accountId, holdId: first, ttlMs: 1_000 })).toMatchObject({ state: 'expired' })
      const second = held(await suite.ledger.placeHold({ accountId, amount: credits(30), ttlMs: 1_000, graceMs: 0, ...work }))
      expect(second.expiresAt).toBe(NOON + 2_000)
      const times = (await suite.ledger.statement(accountId)).items.map(({ at }) => at)
      expect(times).toEqual([...times].sort((a, b) => b - a))
    })

    it('fields of a hold that are out of range are refused by name, and change nothing', async () => {
      const accountId = await suite.account(100)
      const hold = (field: object) => () => suite.ledger.placeHold({ accountId, amount: credits(1), ...work, ...field })
      for (const amount of [0n, -1n, 2n ** 63n, 2n ** 200n, 1, Number.NaN, '1', null, undefined])
        await expectInvalid('amount', hold({ amount }))
      for (const ttlMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e12, '5'])
        await expectInvalid('ttlMs', hold({ ttlMs }))
      for (const graceMs of [-1, 1.5, Number.NaN, 1e12]) await expectInvalid('graceMs', hold({ graceMs }))
      for (const service of ['', 'GPT', 'a b', 'é', 'x'.repeat(64), 5, undefined])
        await expectInvalid('service', hold({ service }))
      for (const provider of ['', 5, undefined, 'a\u0000']) await expectInvalid('provider', hold({ provider }))
      for (const field of ['holdId', 'workflowId', 'apiKeyId', 'userId', 'idempotencyKey']) {
        for (const value of ['', 5, 'x'.repeat(201), 'a\u0007']) await expectInvalid(field, hold({ [field]: value }))
      }
      await expectInvalid('overage', hold({ overage: 'maybe' }))
      await expectInvalid('unitPrice', hold({ unitPrice: -1n }))
      for (const opensWorkflow of [null, 'w', 5]) await expectInvalid('opensWorkflow', hold({ workflowId: 'w', opensWorkflow }))
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
      const holdId = await suite.hold(accountId, 10)
      for (const amount of [-1n, 2n ** 63n, 1, '1', null]) {
        await expectInvalid('amount', () => suite.ledger.extendHold({ accountId, holdId, amount: amount as never }))
      }
      for (const ttlMs of [0, -1, Number.NaN])
        await expectInvalid('ttlMs', () => suite.ledger.extendHold({ accountId, holdId, ttlMs }))
      expect((await suite.ledger.statement(accountId)).items).toHaveLength(3)
    })

    it('a hold that does not exist is not found', async () => {
      const accountId = await suite.account(1)
      for (const call of [
        () => suite.ledger.settleHold({ accountId, holdId: 'none', usage: usage(1) }),
        () => suite.ledger.releaseHold({ accountId, holdId: 'none' }),
        () => suite.ledger.extendHold({ accountId, holdId: 'none', ttlMs: 1 }),
        () => suite.ledger.hold(accountId, 'none'),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'HOLD_NOT_FOUND', id: 'none' })
      }
    })
  })
}
