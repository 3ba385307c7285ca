import { credits, microCredits, microUnits, nanoUsd } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'

const lot = (grantId: string, amount: number) => ({ grantId, amount: credits(amount) })

describe('settling a hold', () => {
  test('charges what was used, writes it down, and gives the rest back', () => {
    const ledger = new OneAccount(100)
    ledger.do('placeHold', { holdId: 'h', amount: credits(30), apiKeyId: 'k', userId: 'ada' })
    ledger.now += 10
    const usage = rated(12, { model: 'm', cost: nanoUsd(77n), priceVersion: 'v1', certainty: 'derived', details: '{"n":1}' })
    expect(ledger.do('settleHold', { holdId: 'h', usageId: 'u', provider: 'y', usage })).toEqual({
      status: 'charged',
      usageId: 'u',
      charged: credits(12),
      shortfall: credits(0),
      balance: credits(88),
      available: credits(88),
      affordable: credits(88),
      late: false,
      replayed: false,
    })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(12)],
      ['spent:gpt', credits(12)],
      ['held', -credits(18)],
      ['available', credits(18)],
    ])
    expect(ledger.usage('u')).toEqual({
      accountId: 'a',
      usageId: 'u',
      sequence: ledger.entry.sequence,
      workflowId: null,
      holdId: 'h',
      service: 'gpt',
      provider: 'y',
      model: 'm',
      quantity: microUnits(7n),
      unit: 'tokens',
      rated: credits(12),
      charged: credits(12),
      shortfall: credits(0),
      cost: nanoUsd(77n),
      certainty: 'derived',
      priceVersion: 'v1',
      lots: [lot('first', 12)],
      apiKeyId: 'k',
      userId: 'ada',
      details: '{"n":1}',
      corrects: null,
      createdAt: START + 10,
    })
    expect(ledger.hold('h')).toMatchObject({
      state: 'settled',
      endedAt: START + 10,
      remaining: credits(0),
      rated: credits(12),
      charged: credits(12),
      lots: [],
    })
    const sums = { service: 'gpt', provider: 'y', unit: 'tokens', workflowName: '', apiKeyId: 'k', userId: 'ada' }
    const counts = { records: 1n, quantity: 7n, charged: credits(12), shortfall: 0n, cost: 77n }
    expect(ledger.all('usage_rollups')).toMatchObject([
      { ...sums, ...counts, period: 'hour' },
      { ...sums, ...counts, period: 'day' },
    ])
    expect(ledger.verify()).toEqual([])
  })

  test('in parts leaves it open until the last, and each part says what is left', () => {
    const ledger = new OneAccount(100)
    ledger.do('placeHold', { holdId: 'h', amount: credits(30) })
    const part = (usageId: string, amount: number, final = false) =>
      ledger.do('settleHold', { holdId: 'h', usageId, usage: rated(amount), final })
    expect(part('s1', 12)).toMatchObject({ charged: credits(12), available: credits(70), affordable: credits(88) })
    expect(ledger.hold('h')).toMatchObject({ state: 'open', remaining: credits(18), endedAt: null })
    expect(part('s1', 1)).toEqual({ status: 'failed', code: 'ALREADY_EXISTS', what: 'usage record', id: 's1' })
    expect(part('s2', 20)).toMatchObject({ charged: credits(20), affordable: credits(68) })
    expect(ledger.usage('s2').lots).toEqual([lot('first', 18), lot('first', 2)])
    expect(part('s3', 0, true)).toMatchObject({ charged: credits(0), balance: credits(68) })
    expect(ledger.hold('h')).toMatchObject({ state: 'settled', rated: credits(32), charged: credits(32) })
    expect(part('s4', 1)).toEqual({ status: 'refused', reason: 'hold_not_open', holdId: 'h', state: 'settled' })
    expect(ledger.verify()).toEqual([])
  })

  test.each([
    ['cap', 45, 5, -15],
    ['debt', 50, 0, -20],
    ['reject', 0, 0, 30],
  ] as const)('for more than it has: %s', (overage, charged, shortfall, balance) => {
    const ledger = new OneAccount(30, { creditLimit: credits(15), debtLimit: credits(20) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(10), overage })
    const outcome = ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(50) })
    if (overage === 'reject') {
      expect(outcome).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(35),
        requested: credits(40),
      })
      expect(ledger.hold('h')).toMatchObject({ state: 'open', remaining: credits(10) })
    } else {
      expect(outcome).toMatchObject({ charged: credits(charged), shortfall: credits(shortfall), balance: credits(balance) })
      expect(ledger.account).toMatchObject({ debt: credits(-balance), held: credits(0), creditHeld: credits(0) })
      const gone = ledger.entry.postings.filter(([bucket]) => bucket === 'shortfall:gpt' || bucket === 'uncollected')
      expect(gone).toEqual(
        shortfall === 0
          ? []
          : [
              ['shortfall:gpt', credits(shortfall)],
              ['uncollected', -credits(shortfall)],
            ],
      )
      expect(ledger.usage('h')).toMatchObject({ shortfall: credits(shortfall) })
    }
    expect(ledger.account.posted).toBe(credits(balance))
    expect(ledger.verify()).toEqual([])
  })

  test('for exactly what can be taken is not rejected', () => {
    const ledger = new OneAccount(30)
    ledger.do('placeHold', { holdId: 'h', amount: credits(10), overage: 'reject' })
    expect(ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(30) })).toMatchObject({
      charged: credits(30),
      affordable: credits(0),
    })
    expect(ledger.grant('first').state).toBe('spent')
  })

  test('on a frozen account takes what was held, and nothing beyond it', () => {
    const ledger = new OneAccount(30)
    ledger.do('placeHold', { holdId: 'h', amount: credits(10) })
    ledger.do('freezeAccount', { isFrozen: true })
    expect(ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(12) })).toMatchObject({
      charged: credits(10),
      shortfall: credits(2),
      affordable: credits(0),
    })
    expect(ledger.do('charge', { usageId: 'u', usage: rated(1) })).toEqual({ status: 'refused', reason: 'account_frozen' })
  })

  test('of the credit line turns what was held of it into debt', () => {
    const ledger = new OneAccount(10, { creditLimit: credits(20) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(25) })
    expect(ledger.account).toMatchObject({ creditHeld: credits(15), debt: credits(0) })
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(18) })
    expect(ledger.account).toMatchObject({ creditHeld: credits(0), debt: credits(8), posted: credits(-8), held: credits(0) })
    expect(ledger.usage('h').lots).toEqual([lot('first', 10), lot('', 8)])
    expect(ledger.do('placeHold', { holdId: 'i', amount: credits(13) })).toMatchObject({ available: credits(12) })
    // The next grant pays the debt first.
    expect(ledger.do('grant', { grantId: 'g', amount: credits(30) })).toMatchObject({
      repaid: credits(8),
      available: credits(22),
    })
    expect(ledger.grant('g')).toMatchObject({ remaining: credits(22) })
    expect(ledger.account).toMatchObject({ debt: credits(0), posted: credits(22) })
    expect(ledger.verify()).toEqual([])
  })
})

describe('a charge', () => {
  test('on a frozen account is refused also where it costs nothing, unless it tells of what has happened', () => {
    const ledger = new OneAccount(30)
    ledger.do('openWorkflow', { workflowId: 'w' })
    const rounded = { ...rated(0), rated: microCredits(500_000n), roundingStep: credits(1) }
    ledger.do('charge', { usageId: 't', workflowId: 'w', usage: rounded })
    ledger.do('freezeAccount', { isFrozen: true })
    const before = ledger.dump()
    const frozen = { status: 'refused', reason: 'account_frozen' }
    expect(ledger.do('charge', { usageId: 'u', usage: rated(0), overage: 'reject' })).toEqual(frozen)
    // Its line was rounded up to a whole credit, so that nothing more would be due.
    expect(ledger.do('charge', { usageId: 'u', workflowId: 'w', usage: rounded, overage: 'reject' })).toEqual(frozen)
    expect(ledger.dump()).toEqual(before)
    expect(ledger.do('charge', { usageId: 'u', usage: rated(0), overage: 'cap' })).toMatchObject({ charged: 0n, shortfall: 0n })
    expect(ledger.do('charge', { usageId: 'v', usage: rated(3), overage: 'debt' })).toMatchObject({ shortfall: credits(3) })
    expect(ledger.verify()).toEqual([])
  })

  test.each([
    ['cap', 45, 5],
    ['debt', 50, 0],
    ['reject', 0, 0],
  ] as const)('for more than there is: %s', (overage, charged, shortfall) => {
    const ledger = new OneAccount(30, { creditLimit: credits(15), debtLimit: credits(20) })
    const outcome = ledger.do('charge', { usageId: 'u', usage: rated(50), overage, apiKeyId: 'k' })
    if (overage === 'reject') {
      expect(outcome).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(45),
        requested: credits(50),
      })
      expect(ledger.all('usage_records')).toEqual([])
      return
    }
    expect(outcome).toMatchObject({ charged: credits(charged), shortfall: credits(shortfall), late: false })
    expect(ledger.usage('u')).toMatchObject({
      holdId: null,
      workflowId: null,
      model: null,
      cost: null,
      priceVersion: null,
      details: null,
      apiKeyId: 'k',
      userId: null,
      lots: [lot('first', 30), lot('', charged - 30)],
    })
    expect(ledger.verify()).toEqual([])
  })

  test('goes no further than the debt limit, nor with debt than a budget', () => {
    const ledger = new OneAccount(30, { creditLimit: credits(15), debtLimit: credits(20) })
    expect(ledger.do('charge', { usageId: 'u', usage: rated(70), overage: 'debt' })).toMatchObject({
      charged: credits(65),
      shortfall: credits(5),
      affordable: credits(0),
    })
    const other = new OneAccount(30, { debtLimit: credits(20) })
    other.do('setBudget', { budgetId: 'b', limit: credits(40) })
    expect(other.do('charge', { usageId: 'u', usage: rated(70), overage: 'debt' })).toMatchObject({ charged: credits(40) })
  })

  test('for all there is, is not rejected, and its id is taken then', () => {
    const ledger = new OneAccount(30)
    expect(ledger.do('charge', { usageId: 'u', usage: rated(30) })).toMatchObject({ charged: credits(30) })
    expect(ledger.do('charge', { usageId: 'u', usage: rated(1) })).toEqual({
      status: 'failed',
      code: 'ALREADY_EXISTS',
      what: 'usage record',
      id: 'u',
    })
  })

  test('leaves alone what holds have set aside, of grants and of the credit line', () => {
    const ledger = new OneAccount(30, { creditLimit: credits(15) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    expect(ledger.do('charge', { usageId: 'u', usage: rated(26) })).toMatchObject({ reason: 'insufficient_balance' })
    ledger.do('charge', { usageId: 'u', usage: rated(24) })
    expect(ledger.usage('u').lots).toEqual([lot('first', 10), lot('', 14)])
    expect(ledger.grant('first')).toMatchObject({ remaining: credits(20), pinned: credits(20), state: 'active' })
    // What the hold gives back does not make the account richer than its line, for it owes fourteen.
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.do('charge', { usageId: 'v', usage: rated(22) })).toMatchObject({ available: credits(21) })
    expect(ledger.do('charge', { usageId: 'v', usage: rated(21) })).toMatchObject({ balance: credits(-15) })
    expect(ledger.verify()).toEqual([])
  })

  test.each([
    [0, 1, 0],
    [1, 1, 1],
    [10, 10, 10],
    [11, 10, 20],
    [19, 10, 20],
    [20, 10, 20],
  ])('of %i is rounded up to a step of %i: %i', (amount, step, charged) => {
    const ledger = new OneAccount(30)
    const usage = rated(amount, { roundingStep: credits(step) })
    expect(ledger.do('charge', { usageId: 'u', usage })).toMatchObject({ charged: credits(charged) })
  })

  test('may be rated finer than a credit, where its step is none', () => {
    const ledger = new OneAccount(30)
    const usage = rated(0, { rated: credits('0.000003'), roundingStep: credits(0) })
    expect(ledger.do('charge', { usageId: 'u', usage })).toMatchObject({ charged: credits('0.000003') })
    const whole = rated(0, { rated: credits('0.000003'), roundingStep: credits('0.000002') })
    expect(ledger.do('charge', { usageId: 'v', usage: whole })).toMatchObject({ charged: credits('0.000004') })
  })
})
