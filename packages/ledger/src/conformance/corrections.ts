import { credits, microCredits, nanoUsd } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../errors.ts'
import { charged, DAY, expectInvalid, held, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseCorrections(suite: Suite): void {
  async function charge(accountId: string, usageId: string, rated: number | string, more: object = {}): Promise<void> {
    const outcome = await suite.ledger.charge({ accountId, usageId, ...work, usage: usage(rated), ...more })
    expect(outcome.status).toBe('charged')
  }

  async function remaining(accountId: string): Promise<Record<string, bigint>> {
    const grants = await suite.ledger.grants(accountId)
    return Object.fromEntries(grants.map(({ grantId, remaining: left }) => [grantId, left / 1_000_000n]))
  }

  describe('refunds', () => {
    it('a refund gives a charge back to the lots that paid for it, the last drawn first', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'promo', source: 'promo', amount: credits(3) })
      await suite.ledger.grant({ accountId, grantId: 'bought', amount: credits(10) })
      await charge(accountId, 'u', 5)
      expect(await remaining(accountId)).toEqual({ bought: 8n })
      const part = await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(3) })
      expect(part).toMatchObject({ status: 'corrected', refunded: credits(3), balance: credits(11) })
      expect(await remaining(accountId)).toEqual({ promo: 1n, bought: 10n })
      await suite.ledger.refund({ accountId, usageId: 'u' })
      expect(await remaining(accountId)).toEqual({ promo: 3n, bought: 10n })
      expect(await suite.money(accountId)).toEqual({ balance: 13, held: 0, available: 13 })
    })

    it('no more is given back than was charged, however it is split', async () => {
      const accountId = await suite.account(100)
      await charge(accountId, 'u', 5)
      await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(4) })
      const refusal = { status: 'refused', reason: 'refund_exceeds_charge', refundable: credits(1), requested: credits(2) }
      expect(await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(2) })).toMatchObject(refusal)
      await suite.ledger.refund({ accountId, usageId: 'u' })
      expect(await suite.ledger.refund({ accountId, usageId: 'u' })).toMatchObject({ status: 'refused', refundable: 0n })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 0, available: 100 })
    })

    it('a usage record is read with its corrections, whose charges sum up to what is left', async () => {
      const accountId = await suite.account(100)
      await charge(accountId, 'u', 5)
      await charge(accountId, 'v', 7)
      expect(await suite.ledger.usageRecord(accountId, 'u')).toMatchObject({ record: { charged: credits(5) }, corrections: [] })
      await suite.ledger.refund({ accountId, usageId: 'u', correctionId: 'r2', amount: credits(2) })
      await suite.ledger.refund({ accountId, usageId: 'v' })
      await suite.ledger.adjust({ accountId, usageId: 'u', correctionId: 'r1', charge: credits(4) })
      expect(await suite.ledger.usageRecord(accountId, 'u')).toMatchObject({
        record: { usageId: 'u', charged: credits(5), corrects: null },
        corrections: [
          { usageId: 'r2', charged: credits(-2), corrects: 'u' },
          { usageId: 'r1', charged: credits(1), corrects: 'u' },
        ],
      })
      expect(await suite.ledger.usageRecord(accountId, 'r1')).toMatchObject({ record: { corrects: 'u' }, corrections: [] })
      for (const [account, usageId] of [
        [accountId, 'w'],
        [await suite.account(0), 'u'],
      ] as const)
        await expect(suite.ledger.usageRecord(account, usageId)).rejects.toEqual(new NotFoundError('USAGE_NOT_FOUND', usageId))
      await expectInvalid('usageId', () => suite.ledger.usageRecord(accountId, ''))
    })

    it('a refund that is sent again gives nothing back again', async () => {
      const accountId = await suite.account(100)
      await charge(accountId, 'u', 5)
      const ask = { accountId, usageId: 'u', amount: credits(2), idempotencyKey: 'ticket-7' }
      const first = await suite.ledger.refund(ask)
      expect(await suite.ledger.refund(ask)).toEqual({ ...first, replayed: true })
      await expect(suite.ledger.refund({ ...ask, amount: credits(3) })).rejects.toMatchObject({ differs: ['amount'] })
      expect(await suite.money(accountId)).toMatchObject({ balance: 97 })
    })

    it('what came from a grant that has expired since becomes a grant of its own', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'short', amount: credits(10), expiresAt: NOON + DAY, services: ['gpt'] })
      await charge(accountId, 'u', 4)
      suite.now = NOON + 2 * DAY
      await suite.ledger.refund({ accountId, usageId: 'u' })
      const [grant] = await suite.ledger.grants(accountId)
      expect(grant).toMatchObject({ source: 'refund', remaining: credits(4), expiresAt: null, services: ['gpt'] })
      expect(await suite.money(accountId)).toEqual({ balance: 4, held: 0, available: 4 })
    })

    it('a grant that a refund made is taken back by its id, however long that of the correction is', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'brief', amount: credits(10), expiresAt: NOON + DAY })
      charged(await suite.ledger.charge({ accountId, ...work, usageId: 'u', usage: usage(4) }))
      suite.now = NOON + 2 * DAY
      await suite.ledger.refund({ accountId, usageId: 'u', correctionId: 'c'.repeat(200) })
      const [made] = await suite.ledger.grants(accountId)
      expect(made).toMatchObject({ source: 'refund', remaining: credits(4) })
      const grantId = made?.grantId ?? ''
      expect(await suite.ledger.revokeGrant({ accountId, grantId })).toMatchObject({ amount: credits(4) })
      expect(await suite.ledger.chargeback({ accountId, grantId })).toMatchObject({ recovered: 0n, owed: 0n })
    })

    it('a refund of what was charged to debt pays the debt', async () => {
      const accountId = await suite.account(3, { creditLimit: credits(10) })
      await charge(accountId, 'u', 8)
      expect(await suite.ledger.balance(accountId)).toMatchObject({ debt: credits(5), balance: credits(-5) })
      await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(6) })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ debt: 0n, balance: credits(1) })
    })

    it('a refunded line is taken off its receipt and its breakdowns, and is not billed again', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      await charge(accountId, 'u', '2.4', { workflowId: 'w' })
      await suite.ledger.refund({ accountId, usageId: 'u' })
      const workflow = await suite.ledger.workflow(accountId, 'w')
      expect(workflow).toMatchObject({ spent: 0n, lines: [{ charged: 0n, rated: 0n }] })
      await charge(accountId, 'next', '0.5', { workflowId: 'w' })
      expect((await suite.ledger.workflow(accountId, 'w')).spent).toBe(credits(1))
      const { services } = await suite.ledger.breakdowns({ accountId })
      expect(services).toMatchObject([{ records: 2, charged: credits(1) }])
    })

    it('what was given back is not billed again where it was rounded, nor where credits ran out within a step', async () => {
      const accountId = await suite.account(5)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      const tens = (rated: number) => ({ workflowId: 'w', usage: { ...usage(rated), roundingStep: credits(10) } })
      await charge(accountId, 'poor', 13, { ...tens(13), overage: 'cap' })
      await suite.ledger.refund({ accountId, usageId: 'poor' })
      await suite.ledger.grant({ accountId, amount: credits(95), source: 'purchase' })
      const bill = async (usageId: string, rated: number) => {
        const { charged: taken } = charged(await suite.ledger.charge({ accountId, usageId, ...work, ...tens(rated) }))
        return taken
      }
      expect(await bill('nothing', 0)).toBe(0n)
      expect(await bill('a', 4)).toBe(credits(10))
      await suite.ledger.refund({ accountId, usageId: 'a', amount: credits(3) })
      expect(await bill('b', 6)).toBe(0n)
      expect(await bill('c', 1)).toBe(credits(10))
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
    })

    it('what a refund left unpaid on its line is not charged to work without a price, but to the next that has one', async () => {
      const accountId = await suite.account(5)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      const bill = async (usageId: string, rated: string, roundingStep = credits(1)) => {
        const charging = { accountId, usageId, ...work, workflowId: 'w', usage: { ...usage(rated), roundingStep } }
        return charged(await suite.ledger.charge(charging)).charged
      }
      expect([await bill('first', '0.04'), await bill('second', '0.04')]).toEqual([credits(1), 0n])
      await suite.ledger.refund({ accountId, usageId: 'first' })
      expect(await bill('failed attempt', '0', microCredits(1n))).toBe(0n)
      expect(await bill('third', '0.04')).toBe(credits(1))
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
    })

    it('a ceiling has room again for what was given back', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w', maxCredits: credits(5) })
      await charge(accountId, 'u', 5, { workflowId: 'w' })
      await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(2) })
      held(await suite.ledger.placeHold({ accountId, ...work, amount: credits(2), workflowId: 'w' }))
    })

    it('what could not be taken stays due on its line when the rest is given back', async () => {
      const accountId = await suite.account(6)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      await charge(accountId, 'u', 10, { workflowId: 'w', overage: 'cap' })
      await suite.ledger.refund({ accountId, usageId: 'u' })
      await charge(accountId, 'next', 5, { workflowId: 'w' })
      expect((await suite.ledger.workflow(accountId, 'w')).lines).toMatchObject([{ charged: credits(5), shortfall: credits(4) }])
    })

    it('a refund gives a budget room again in the window of its charge, and not in a later one', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.setBudget({ accountId, period: 'total', limit: credits(10) })
      await suite.ledger.setBudget({ accountId, period: 'day', limit: credits(10) })
      suite.now = NOON + 1
      await charge(accountId, 'u', 10)
      await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(4) })
      await charge(accountId, 'again', 4)
      suite.now = NOON + DAY
      await suite.ledger.refund({ accountId, usageId: 'again' })
      const used = Object.fromEntries((await suite.ledger.budgets(accountId)).map(({ period, used }) => [period, used]))
      expect(used).toEqual({ total: credits(6), day: 0n })
    })

    it('a refund takes nothing off a window that began after the reserve of its workflow was made', async () => {
      const accountId = await suite.account(200)
      await suite.ledger.setBudget({ accountId, period: 'day', limit: credits(100) })
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call', reserve: credits(30), reserveTtlMs: 2 * DAY })
      suite.now = NOON + DAY
      await suite.ledger.charge({ accountId, usageId: 'u', workflowId: 'w', ...work, usage: usage(40) })
      const used = async () => (await suite.ledger.budgets(accountId))[0]?.used
      expect(await used()).toBe(credits(10))
      await suite.ledger.refund({ accountId, usageId: 'u' })
      expect(await used()).toBe(credits(10))
    })

    it('a refund takes nothing off a budget that came after its charge, be it in the same millisecond', async () => {
      const accountId = await suite.account(100)
      await charge(accountId, 'before', 10)
      await suite.ledger.setBudget({ accountId, period: 'day', limit: credits(50) })
      const holdId = await suite.hold(accountId, 20)
      await suite.ledger.refund({ accountId, usageId: 'before' })
      expect(await suite.ledger.budgets(accountId)).toMatchObject([{ used: credits(20) }])
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await suite.ledger.budgets(accountId)).toMatchObject([{ used: 0n }])
    })

    it('what does not exist cannot be refunded, nor a correction itself', async () => {
      const accountId = await suite.account(100)
      await charge(accountId, 'u', 5)
      await expect(suite.ledger.refund({ accountId, usageId: 'nothing' })).rejects.toThrow(NotFoundError)
      await suite.ledger.refund({ accountId, usageId: 'u', correctionId: 'c', amount: credits(1) })
      await expectInvalid('usageId', () => suite.ledger.refund({ accountId, usageId: 'c' }))
      await expectInvalid('amount', () => suite.ledger.refund({ accountId, usageId: 'u', amount: microCredits(-1n) }))
      expect(await suite.money(accountId)).toMatchObject({ balance: 96 })
    })
  })

  describe('adjustments', () => {
    it('a late price is charged or given back, and linked to what it corrects', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
      await charge(accountId, 'call', 20, { workflowId: 'w' })
      const more = await suite.ledger.adjust({ accountId, usageId: 'call', charge: credits(25), cost: nanoUsd(28_000_000n) })
      expect(more).toMatchObject({ status: 'corrected', refunded: credits(-5), balance: credits(75) })
      const less = await suite.ledger.adjust({ accountId, usageId: 'call', charge: credits(10) })
      expect(less).toMatchObject({ refunded: credits(15), balance: credits(90) })
      const records = await suite.ledger.usageOf(accountId, 'w')
      expect(records.map(({ corrects, charged, cost }) => [corrects, charged / 1_000_000n, cost])).toEqual([
        [null, 20n, null],
        ['call', 5n, 28_000_000n],
        ['call', -15n, null],
      ])
      expect((await suite.ledger.workflow(accountId, 'w')).spent).toBe(credits(10))
    })

    it('what the balance does not cover is a shortfall, refused where that was asked for, and forgotten first', async () => {
      const accountId = await suite.account(22)
      await charge(accountId, 'call', 20)
      const ask = { accountId, usageId: 'call', charge: credits(30) }
      const refusal = { status: 'refused', reason: 'insufficient_balance', available: credits(2), requested: credits(10) }
      expect(await suite.ledger.adjust({ ...ask, overage: 'reject' })).toMatchObject(refusal)
      expect(await suite.ledger.adjust(ask)).toMatchObject({ refunded: credits(-2), shortfall: credits(8), balance: 0n })
      const back = await suite.ledger.adjust({ accountId, usageId: 'call', charge: credits(21) })
      expect(back).toMatchObject({ refunded: credits(1), shortfall: credits(-8), balance: credits(1) })
    })

    it('an adjustment says what it adjusts', async () => {
      const accountId = await suite.account(10)
      await charge(accountId, 'u', 1)
      await expectInvalid('charge', () => suite.ledger.adjust({ accountId, usageId: 'u' }))
      await expectInvalid('cost', () => suite.ledger.adjust({ accountId, usageId: 'u', cost: nanoUsd(-1n) }))
    })
  })

  describe('revoked grants', () => {
    it('what is left of a grant is taken back, and what holds have set aside when they end', async () => {
      const accountId = await suite.account(10)
      const holdId = await suite.hold(accountId, 4)
      expect(await suite.ledger.revokeGrant({ accountId, grantId: 'first' })).toMatchObject({ amount: credits(6) })
      expect(await suite.money(accountId)).toEqual({ balance: 4, held: 4, available: 0 })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(3) })
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
    })

    it('a grant that has not begun can be revoked, one that does not exist cannot, and once is enough', async () => {
      const accountId = await suite.account(0)
      await suite.ledger.grant({ accountId, grantId: 'g', amount: credits(5), effectiveAt: NOON + DAY })
      expect(await suite.ledger.revokeGrant({ accountId, grantId: 'g' })).toMatchObject({ amount: credits(5) })
      expect(await suite.ledger.revokeGrant({ accountId, grantId: 'g' })).toMatchObject({ replayed: true })
      suite.now = NOON + 2 * DAY
      expect(await suite.money(accountId)).toMatchObject({ balance: 0 })
      await expect(suite.ledger.revokeGrant({ accountId, grantId: 'none' })).rejects.toThrow(NotFoundError)
    })
  })

  describe('grants that were spent', () => {
    it('are revoked once a refund has brought them back, however often that was tried before', async () => {
      const accountId = await suite.account(10)
      await charge(accountId, 'u', 10)
      const entries = (await suite.ledger.statement(accountId)).items.length
      const nothing = { status: 'revoked', grantId: 'first', amount: 0n, balance: 0n, replayed: false }
      for (const _ of [1, 2]) expect(await suite.ledger.revokeGrant({ accountId, grantId: 'first' })).toEqual(nothing)
      expect((await suite.ledger.statement(accountId)).items).toHaveLength(entries)
      await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(7) })
      expect(await suite.ledger.revokeGrant({ accountId, grantId: 'first' })).toEqual({ ...nothing, amount: credits(7) })
      expect(await suite.ledger.revokeGrant({ accountId, grantId: 'first' })).toMatchObject({
        amount: credits(7),
        replayed: true,
      })
      expect(await suite.money(accountId)).toEqual({ balance: 0, held: 0, available: 0 })
    })
  })

  describe('corrections of an account that is full', () => {
    it('are refused by name where the balance would not fit its column', async () => {
      const accountId = await suite.account(10)
      await charge(accountId, 'u', 8)
      suite.expectBroken(accountId)
      await suite.sql(`UPDATE farebox_accounts SET posted = 9223372036854775807 - 1000000 WHERE account_id = '${accountId}'`)
      const refund = { accountId, usageId: 'u', correctionId: 'r' }
      const outOfRange = (field: string) => ({ code: 'AMOUNT_OUT_OF_RANGE', field })
      await expect(suite.ledger.refund(refund)).rejects.toMatchObject(outOfRange('amount'))
      await expect(suite.ledger.adjust({ accountId, usageId: 'u', charge: credits(6) })).rejects.toMatchObject(
        outOfRange('charge'),
      )
      expect(await suite.ledger.refund({ ...refund, amount: credits(1) })).toMatchObject({ refunded: credits(1) })
    })
  })

  describe('chargebacks', () => {
    it('a payment that was reversed takes back what is left, and what was spent is owed', async () => {
      const accountId = await suite.account(100)
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(70) }))
      const reversed = { accountId, grantId: 'first', reason: 'card dispute' }
      expect(await suite.ledger.chargeback(reversed)).toEqual({
        status: 'charged_back',
        grantId: 'first',
        recovered: credits(30),
        held: 0n,
        owed: credits(70),
        balance: credits(-70),
        replayed: false,
      })
      expect(await suite.ledger.chargeback(reversed)).toMatchObject({ replayed: true })
      expect(await suite.ledger.chargeback({ ...reversed, idempotencyKey: 'again' })).toMatchObject({ recovered: 0n, owed: 0n })
      expect(await suite.ledger.placeHold({ accountId, ...work, amount: credits(1) })).toMatchObject({ status: 'refused' })
      expect(await suite.ledger.grant({ accountId, amount: credits(100) })).toMatchObject({
        repaid: credits(70),
        available: credits(30),
      })
    })

    it('other grants stay, and pay before anything else is spent', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.grant({ accountId, grantId: 'second', amount: credits(50), priority: 200 })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(40) }))
      await suite.ledger.chargeback({ accountId, grantId: 'first' })
      expect(await suite.money(accountId)).toMatchObject({ balance: 10, available: 10 })
      expect(await suite.ledger.placeHold({ accountId, ...work, amount: credits(11) })).toMatchObject({ available: credits(10) })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(10) }))
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(1) })).toMatchObject({ status: 'refused' })
    })

    it('holds that drew on it may settle, and are owed then; what they give back is not', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 60)
      expect(await suite.ledger.chargeback({ accountId, grantId: 'first' })).toMatchObject({
        recovered: credits(100),
        held: credits(60),
        owed: 0n,
      })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: 0n, held: credits(60), available: credits(-60) })
      charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(25) }))
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(-25), held: 0n, debt: credits(25) })
    })

    it('a refund of what was spent of it comes off what is owed', async () => {
      const accountId = await suite.account(100)
      const { usageId } = charged(await suite.ledger.charge({ accountId, ...work, usage: usage(70) }))
      await suite.ledger.chargeback({ accountId, grantId: 'first' })
      await suite.ledger.refund({ accountId, usageId, amount: credits(20) })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(-50), debt: credits(50) })
    })

    it('what was carried over from it, what expired of it and what had not begun are told apart', async () => {
      const accountId = await suite.account(0)
      const expiring = { amount: credits(100), expiresAt: NOON + DAY }
      await suite.ledger.grant({ accountId, grantId: 'g', ...expiring, rollover: { max: credits(30) } })
      await suite.ledger.grant({ accountId, grantId: 'later', amount: credits(9), effectiveAt: NOON + 9 * DAY })
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(10) }))
      suite.now = NOON + DAY
      charged(await suite.ledger.charge({ accountId, ...work, usage: usage(5) }))
      expect(await suite.ledger.chargeback({ accountId, grantId: 'g' })).toMatchObject({
        recovered: credits(25),
        owed: credits(15),
      })
      expect(await suite.ledger.chargeback({ accountId, grantId: 'later' })).toMatchObject({ recovered: credits(9), owed: 0n })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(-15) })
      suite.now = NOON + 9 * DAY
      expect(await suite.ledger.balance(accountId)).toMatchObject({ balance: credits(-15) })
      await expect(suite.ledger.chargeback({ accountId, grantId: 'none' })).rejects.toThrow(NotFoundError)
    })
  })

  describe('frozen accounts', () => {
    it('a frozen account takes no new work, lets what is under way settle, and works again when it is unfrozen', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 10)
      await suite.ledger.freezeAccount({ accountId, isFrozen: true, reason: 'chargeback' })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ isFrozen: true })
      const frozen = { status: 'refused', reason: 'account_frozen' }
      expect(await suite.ledger.placeHold({ accountId, ...work, amount: credits(1) })).toEqual(frozen)
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(1) })).toEqual(frozen)
      expect(await suite.ledger.charge({ accountId, ...work, usage: usage(0) })).toEqual(frozen)
      expect(await suite.ledger.settleHold({ accountId, holdId, usage: usage(10) })).toMatchObject({ charged: credits(10) })
      await suite.ledger.freezeAccount({ accountId, isFrozen: false })
      expect(await suite.ledger.balance(accountId)).not.toHaveProperty('isFrozen')
      held(await suite.ledger.placeHold({ accountId, ...work, amount: credits(1) }))
    })

    it('of a workflow that is closed, or a hold that has ended, that is told first', async () => {
      const accountId = await suite.account(100)
      const holdId = await suite.hold(accountId, 10)
      await suite.ledger.releaseHold({ accountId, holdId })
      const workflowId = 'w'
      await suite.ledger.openWorkflow({ accountId, workflowId, name: 'w' })
      await suite.ledger.closeWorkflow({ accountId, workflowId })
      await suite.ledger.freezeAccount({ accountId, isFrozen: true })
      const closed = { status: 'refused', reason: 'workflow_closed', workflowId }
      expect(await suite.ledger.placeHold({ accountId, workflowId, ...work, amount: credits(1) })).toEqual(closed)
      expect(await suite.ledger.charge({ accountId, workflowId, ...work, usage: usage(1) })).toEqual(closed)
      const child = { accountId, name: 'child', parentId: workflowId, reserve: credits(1) }
      expect(await suite.ledger.openWorkflow(child)).toEqual(closed)
      expect(await suite.ledger.extendHold({ accountId, holdId, amount: credits(20) })).toMatchObject({ reason: 'hold_not_open' })
    })
  })
}
