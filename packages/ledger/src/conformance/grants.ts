import { credits, microCredits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { charged, DAY, expectInvalid, HOUR, MINUTE, NOON, type Suite, usage, whole, work } from './suite.ts'

export function exerciseGrants(suite: Suite): void {
  /** What is left of each grant, in credits. */
  async function left(accountId: string): Promise<Record<string, number>> {
    const grants = await suite.ledger.grants(accountId)
    return Object.fromEntries(grants.map(({ grantId, remaining }) => [grantId, whole(remaining)]))
  }

  describe('grants', () => {
    it('a grant adds to the balance and says what is available', async () => {
      const accountId = await suite.account(0)
      expect(await suite.ledger.grant({ accountId, grantId: 'g', amount: credits(103) })).toEqual({
        status: 'granted',
        grantId: 'g',
        amount: credits(103),
        repaid: 0n,
        balance: credits(103),
        available: credits(103),
        replayed: false,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 103, held: 0, available: 103 })
    })

    it('grants are spent by priority, then soonest expiry, then free before paid, then oldest', async () => {
      const accountId = await suite.account(0)
      const grant = (grantId: string, more: object) => suite.ledger.grant({ accountId, grantId, amount: credits(10), ...more })
      await grant('6 newest', { source: 'purchase', expiresAt: undefined })
      await grant('1 priority', { priority: 1 })
      await grant('4 free', { source: 'promo' })
      await grant('3 later expiry', { expiresAt: NOON + 2 * DAY })
      await grant('2 soonest expiry', { expiresAt: NOON + DAY })
      suite.now -= 1 // Clocks may go backwards; the account's own does not.
      await grant('5 older', { source: 'purchase' })
      const order = ['1 priority', '2 soonest expiry', '3 later expiry', '4 free', '5 older', '6 newest']
      expect((await suite.ledger.grants(accountId)).map(({ grantId }) => grantId)).toEqual(order)
      for (const next of order) {
        expect((await suite.ledger.grants(accountId))[0]?.grantId).toBe(next)
        charged(await suite.ledger.charge({ accountId, ...work, usage: usage(10) }))
      }
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
    })

    it('the older of two equal grants is spent first', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'z', amount: credits(10) })
      suite.now += 1
      await suite.ledger.grant({ accountId, grantId: 'a', amount: credits(10) })
      const { grants } = await suite.ledger.balanceAndGrants(accountId)
      for (const listed of [grants, await suite.ledger.grants(accountId)])
        expect(listed.map(({ grantId }) => grantId)).toEqual(['z', 'a'])
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(4) }))
      expect(await left(accountId)).toEqual({ z: 6, a: 10 })
    })

    it('a usage record names the lots that paid for it', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'promo', source: 'promo', amount: credits(3) })
      await suite.ledger.grant({ accountId, grantId: 'bought', amount: credits(10) })
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      await suite.ledger.charge({ accountId, ...work, workflowId: 'w', usage: usage(5) })
      expect((await suite.ledger.usageOf(accountId, 'w'))[0]?.lots).toEqual([
        { grantId: 'promo', amount: credits(3) },
        { grantId: 'bought', amount: credits(2) },
      ])
    })

    it('a grant for some services pays for no other', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'talk', amount: credits(50), services: ['phone', 'voice_tts'] })
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(1) })).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: 0n,
        requested: credits(1),
      })
      expect(await suite.ledger.placeHold({ accountId, service: 'gpt', provider: 'gpt-4o', amount: credits(1) })).toMatchObject({
        status: 'refused',
        reason: 'insufficient_balance',
      })
      charged(await suite.ledger.charge({ accountId, service: 'phone', provider: 'twilio', usage: usage(20) }))
      expect(await left(accountId)).toEqual({ talk: 30 })
    })

    it('a grant for some services repays no debt, which counts against what may be spent of it', async () => {
      const accountId = await suite.account(0, { creditLimit: credits(50) })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(30) }))
      const gpt = { accountId, amount: credits(20), services: ['gpt'] }
      expect(await suite.ledger.grant(gpt)).toMatchObject({ repaid: 0n, available: credits(-10) })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(-10), debt: credits(30) })
      const hold = { accountId, ...work, amount: credits(41) }
      expect(await suite.ledger.placeHold(hold)).toMatchObject({ status: 'refused', available: credits(40) })
      expect(await suite.ledger.placeHold({ ...hold, service: 'phone' })).toMatchObject({ available: credits(20) })
      expect(await suite.ledger.grant({ accountId, amount: credits(25) })).toMatchObject({ repaid: credits(25) })
    })

    it('a pending grant counts from its day on, and not before', async () => {
      const accountId = await suite.account(0)
      const outcome = await suite.ledger.grant({ accountId, grantId: 'soon', amount: credits(10), effectiveAt: NOON + HOUR })
      expect(outcome).toMatchObject({ status: 'granted', available: 0n })
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(1) })).toMatchObject({ status: 'refused' })
      suite.now = NOON + HOUR - 1
      expect((await suite.money(accountId)).balance).toBe(0)
      suite.now = NOON + HOUR
      expect((await suite.money(accountId)).balance).toBe(10)
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(1) }))
    })

    it('what is left of a grant is gone at the moment it expires', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'day', amount: credits(10), expiresAt: NOON + DAY })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(4) }))
      suite.now = NOON + DAY - 1
      expect((await suite.money(accountId)).balance).toBe(6)
      suite.now = NOON + DAY
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(1) })).toMatchObject({
        status: 'refused',
        available: 0n,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
      expect((await suite.ledger.statement(accountId)).items[0]).toMatchObject({
        verb: 'expireGrant',
        idempotencyKey: null,
        postings: [
          ['available', -credits(6)],
          ['expired', credits(6)],
        ],
      })
    })

    it('what a hold has pinned of an expired grant can still be settled; what goes back to it expires', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'day', amount: credits(10), expiresAt: NOON + MINUTE })
      const holdId = await suite.hold(accountId, 6)
      suite.now = NOON + MINUTE
      expect(await suite.money(accountId)).toEqual({ balance: 6, held: 6, available: 0 })
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(2) })).toMatchObject({
        charged: credits(2),
        shortfall: 0n,
        balance: 0n,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
    })

    it('a grant that began and expired while nobody looked leaves nothing', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, amount: credits(10), effectiveAt: NOON + HOUR, expiresAt: NOON + 2 * HOUR })
      suite.now = NOON + DAY
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
    })

    it('sweep lets happen what is due on accounts that nobody uses', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, amount: credits(10), expiresAt: NOON + HOUR })
      suite.now = NOON + HOUR
      while ((await suite.ledger.sweep({ limit: 3 })) === 3);
      expect((await suite.ledger.statement(accountId)).items[0]).toMatchObject({ verb: 'expireGrant' })
      expect(await suite.ledger.sweep()).toBe(0)
    })

    it('a grant that expires in the past is refused by name', async () => {
      const accountId = await suite.account(5)
      await expectInvalid('expiresAt', () => suite.ledger.grant({ accountId, amount: credits(1), expiresAt: NOON }))
      await expectInvalid('expiresAt', () =>
        suite.ledger.grant({ accountId, amount: credits(1), effectiveAt: NOON + 5, expiresAt: NOON + 5 }),
      )
      expect((await suite.money(accountId)).balance).toBe(5)
    })

    it('amounts that are not amounts are refused by name, and change nothing', async () => {
      const accountId = await suite.account(5)
      const enormous = 2n ** 63n
      for (const amount of [
        0n,
        -1n,
        -credits(5),
        enormous,
        1,
        1.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        '5',
        null,
        undefined,
        {},
      ]) {
        await expectInvalid('amount', () => suite.ledger.grant({ accountId, amount: amount as never }))
      }
      for (const field of ['effectiveAt', 'expiresAt'] as const) {
        for (const value of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e15, '5', null, new Date()]) {
          await expectInvalid(field, () => suite.ledger.grant({ accountId, amount: credits(1), [field]: value as never }))
        }
      }
      await expectInvalid('priority', () => suite.ledger.grant({ accountId, amount: credits(1), priority: 1.5 }))
      await expectInvalid('source', () => suite.ledger.grant({ accountId, amount: credits(1), source: 'gift' as never }))
      await expectInvalid('services', () => suite.ledger.grant({ accountId, amount: credits(1), services: [] }))
      await expectInvalid('services', () => suite.ledger.grant({ accountId, amount: credits(1), services: 'gpt' as never }))
      await expectInvalid('services[1]', () => suite.ledger.grant({ accountId, amount: credits(1), services: ['gpt', 'GPT'] }))
      expect((await suite.ledger.statement(accountId)).items).toHaveLength(2)
    })

    it('what is left at expiry is carried over, up to its limit, as often as was agreed', async () => {
      const accountId = await suite.account(0)
      const month = { amount: credits(100), source: 'plan', expiresAt: NOON + DAY } as const
      await suite.ledger.grant({ accountId, grantId: 'july', ...month, rollover: { max: credits(30), times: 2 } })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(20) }))
      suite.now = NOON + DAY
      expect(await suite.money(accountId)).toMatchObject({ balance: 30 })
      expect(await suite.ledger.grants(accountId)).toMatchObject([
        { grantId: 'rollover:july', source: 'plan', amount: credits(30), effectiveAt: NOON + DAY, expiresAt: NOON + 2 * DAY },
      ])
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(5) }))
      suite.now = NOON + 2 * DAY
      expect(await suite.money(accountId)).toMatchObject({ balance: 25 })
      suite.now = NOON + 3 * DAY
      expect(await suite.money(accountId)).toMatchObject({ balance: 0 })
      const { items } = await suite.ledger.statement(accountId)
      expect(items.filter(({ verb }) => verb === 'expireGrant').map(({ outcome }) => outcome)).toEqual([
        { grantId: 'rollover:rollover:july', amount: '25000000' },
        { grantId: 'rollover:july', amount: '25000000', carried: '25000000', to: 'rollover:rollover:july' },
        { grantId: 'july', amount: '80000000', carried: '30000000', to: 'rollover:july' },
      ])
    })

    it('an account that nobody looked at for long has what was carried over since', async () => {
      const accountId = await suite.account(0)
      const grant = { accountId, grantId: 'g', amount: credits(40), expiresAt: NOON + DAY }
      await suite.ledger.grant({ ...grant, rollover: { ttlMs: 2 * DAY, times: 3 } })
      suite.now = NOON + 6 * DAY
      expect(await suite.ledger.grants(accountId)).toMatchObject([{ grantId: 'g' }])
      expect(await suite.money(accountId)).toMatchObject({ balance: 40 })
      expect(await suite.ledger.grants(accountId)).toMatchObject([
        { grantId: 'rollover:rollover:rollover:g', effectiveAt: NOON + 5 * DAY, expiresAt: NOON + 7 * DAY, rollover: null },
      ])
      suite.now = NOON + 7 * DAY
      expect(await suite.money(accountId)).toMatchObject({ balance: 0 })
    })

    it.each([
      ['each second', 1_000],
      ['once, long after', 10_000],
    ])('what is left is the same whether somebody looks %s', async (_, everyMs) => {
      const owing = await suite.account(0, { creditLimit: credits(10) })
      charged(await suite.ledger.charge({ accountId: owing, ...work, usage: usage(10) }))
      const holding = await suite.account(0)
      const start = suite.now
      const brief = { amount: credits(10), effectiveAt: start + 3_000, expiresAt: start + 4_000 }
      await suite.ledger.grant({ accountId: owing, priority: 200, ...brief })
      await suite.ledger.grant({ accountId: owing, priority: 100, amount: credits(10), effectiveAt: start + 5_000 })
      await suite.ledger.grant({ accountId: holding, amount: credits(10), expiresAt: start + 3_000, rollover: { ttlMs: DAY } })
      const hold = { accountId: holding, ...work, amount: credits(6), ttlMs: 5_000, graceMs: 0 }
      expect(await suite.ledger.placeHold(hold)).toMatchObject({ status: 'held' })
      while (suite.now < start + 10_000) {
        suite.now += everyMs
        await suite.ledger.sweep()
      }
      // The first grant repaid the debt before it would have expired.
      expect(await suite.money(owing)).toEqual({ balance: 10, held: 0, available: 10 })
      // The held credits were not carried over, and had expired by the time the hold gave them back.
      expect(await suite.money(holding)).toEqual({ balance: 4, held: 0, available: 4 })
      for (const accountId of [owing, holding]) expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
    })

    it('what open holds have set aside is not carried over, and is theirs until they end', async () => {
      const accountId = await suite.account(0)
      const grant = { accountId, grantId: 'g', amount: credits(40), expiresAt: NOON + MINUTE }
      await suite.ledger.grant({ ...grant, rollover: {} })
      const holdId = await suite.hold(accountId, 40)
      suite.now = NOON + 2 * MINUTE
      expect(await suite.money(accountId)).toEqual({ balance: 40, held: 40, available: 0 })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(15) }))
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
    })

    it('terms of carrying over that make no sense are refused by name', async () => {
      const accountId = await suite.account(0)
      const grant = (more: object) => () => suite.ledger.grant({ accountId, amount: credits(1), expiresAt: NOON + DAY, ...more })
      await expectInvalid('rollover', grant({ rollover: {}, expiresAt: undefined }))
      await expectInvalid('rollover', grant({ rollover: 5 }))
      await expectInvalid('rollover.max', grant({ rollover: { max: 0n } }))
      await expectInvalid('rollover.ttlMs', grant({ rollover: { ttlMs: 0 } }))
      for (const times of [0, 13, 1.5]) await expectInvalid('rollover.times', grant({ rollover: { times } }))
      await expectInvalid('grantId', grant({ grantId: 'rollover:mine' }))
    })

    it('amounts beyond 2^53 are kept to the last micro-credit', async () => {
      const accountId = await suite.account(0)
      for (let index = 0; index < 12; index++) await suite.ledger.grant({ accountId, amount: microCredits(999_999_999_999_997n) })
      const total = 12n * 999_999_999_999_997n
      expect(total).toBeGreaterThan(2n ** 53n)
      expect((await suite.ledger.balance(accountId)).balance).toBe(total)
      const { holdId } = (await suite.ledger.placeHold({ accountId, ...work, amount: microCredits(999_999_999_999_998n) })) as {
        holdId: string
      }
      expect((await suite.ledger.hold(accountId, holdId)).remaining).toBe(999_999_999_999_998n)
      const exact = { ...usage(0), rated: microCredits(999_999_999_999_997n), roundingStep: microCredits(1n) }
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: exact })).toMatchObject({
        charged: 999_999_999_999_997n,
        balance: total - 999_999_999_999_997n,
      })
    })
  })
}
