import { credits, microCredits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'

const lot = (grantId: string, amount: number) => ({ grantId, amount: credits(amount) })

/** A grant of ten for calls, one of twenty for all that expires, and one of thirty for all; and a credit line of fifteen. */
function threeGrants(): OneAccount {
  const ledger = new OneAccount(30, { creditLimit: credits(15), debtLimit: credits(20) })
  ledger.do('grant', { grantId: 'phone', amount: credits(10), services: ['phone'], priority: 1 })
  ledger.do('grant', { grantId: 'soon', amount: credits(20), expiresAt: START + 9_000_000 })
  return ledger
}

describe('placing a hold', () => {
  test('writes down all that was said of it, and what it draws on, in the order in which grants are spent', () => {
    const ledger = threeGrants()
    const hold = {
      service: 'phone',
      provider: 'y',
      apiKeyId: 'k',
      userId: 'ada',
      ttlMs: 500,
      graceMs: 5,
      overage: 'debt',
    } as const
    const outcome = ledger.do('placeHold', { holdId: 'h', amount: credits(65), ...hold, unitPrice: credits(3) })
    expect(outcome).toEqual({
      status: 'held',
      holdId: 'h',
      amount: credits(65),
      expiresAt: START + 500,
      balance: credits(60),
      affordable: credits(10),
      affordableUnits: 3n,
      replayed: false,
    })
    expect(ledger.hold('h')).toEqual({
      accountId: 'a',
      holdId: 'h',
      workflowId: null,
      service: 'phone',
      provider: 'y',
      apiKeyId: 'k',
      userId: 'ada',
      amount: credits(65),
      remaining: credits(65),
      rated: credits(0),
      charged: credits(0),
      shortfall: credits(0),
      state: 'open',
      overage: 'debt',
      lots: [lot('phone', 10), lot('soon', 20), lot('first', 30), lot('', 5)],
      budgets: [],
      createdAt: START,
      expiresAt: START + 500,
      graceMs: 5,
      endedAt: null,
    })
    expect(ledger.entry.postings).toEqual([
      ['available', -credits(65)],
      ['held', credits(65)],
    ])
    expect(ledger.account).toMatchObject({ held: credits(65), creditHeld: credits(5), posted: credits(60), debt: credits(0) })
    expect(ledger.all('grants').map(({ pinned, remaining }) => pinned === remaining)).toEqual([true, true, true])
    expect(ledger.do('placeHold', { holdId: 'i', amount: credits(11) })).toEqual({
      status: 'refused',
      reason: 'insufficient_balance',
      available: credits(10),
      requested: credits(11),
    })
    expect(ledger.verify()).toEqual([])
  })

  test('draws only on what may pay for its service', () => {
    const ledger = threeGrants()
    ledger.do('placeHold', { holdId: 'h', amount: credits(25) })
    expect(ledger.hold('h').lots).toEqual([lot('soon', 20), lot('first', 5)])
    expect(ledger.do('placeHold', { holdId: 'i', amount: credits(41) })).toMatchObject({ available: credits(40) })
    expect(ledger.do('placeHold', { holdId: 'i', amount: credits(41), service: 'phone' })).toMatchObject({ status: 'held' })
  })

  test('and a charge draw nothing on grants that holds have set aside in full', () => {
    const ledger = threeGrants()
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    ledger.do('placeHold', { holdId: 'i', amount: credits(3) })
    ledger.do('charge', { usageId: 'u', usage: rated(4) })
    expect([ledger.hold('i').lots, ledger.usage('u').lots]).toEqual([[lot('first', 3)], [lot('first', 4)]])
  })

  test('answers in units only where one has a price', () => {
    const ledger = new OneAccount(10)
    const place = (holdId: string, unitPrice?: bigint) =>
      ledger.do('placeHold', {
        holdId,
        amount: credits(1),
        unitPrice: unitPrice === undefined ? undefined : microCredits(unitPrice),
      })
    expect(place('a')).not.toHaveProperty('affordableUnits')
    expect(place('b', 0n)).not.toHaveProperty('affordableUnits')
    expect(place('c', 1n)).toMatchObject({ affordableUnits: 7_000_000n })
  })

  test('takes the user of its workflow, unless it names another', () => {
    const ledger = new OneAccount(10)
    ledger.do('openWorkflow', { workflowId: 'w', userId: 'ada' })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(1) })
    ledger.do('placeHold', { holdId: 'i', workflowId: 'w', amount: credits(1), userId: 'bob' })
    ledger.do('charge', { usageId: 'u', workflowId: 'w', usage: rated(1) })
    expect([ledger.hold('h').userId, ledger.hold('i').userId, ledger.usage('u').userId]).toEqual(['ada', 'bob', 'ada'])
  })

  test('under an id that is taken fails, also when that hold has ended', () => {
    const ledger = new OneAccount(10)
    ledger.do('placeHold', { holdId: 'h', amount: credits(1) })
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.do('placeHold', { holdId: 'h', amount: credits(1) })).toEqual({
      status: 'failed',
      code: 'ALREADY_EXISTS',
      what: 'hold',
      id: 'h',
    })
  })
})

describe('extending a hold', () => {
  test('changes its time, its amount or both, and gives back what was set aside last', () => {
    const ledger = threeGrants()
    ledger.do('placeHold', { holdId: 'h', amount: credits(15) })
    ledger.now += 100
    expect(ledger.do('extendHold', { holdId: 'h', amount: credits(25) })).toMatchObject({
      amount: credits(25),
      expiresAt: START + 1_000,
      affordable: credits(40),
    })
    expect(ledger.entry.postings).toEqual([
      ['available', -credits(10)],
      ['held', credits(10)],
    ])
    expect(ledger.hold('h')).toMatchObject({ amount: credits(25), lots: [lot('soon', 15), lot('soon', 5), lot('first', 5)] })
    expect(ledger.do('extendHold', { holdId: 'h', ttlMs: 2_000 })).toMatchObject({
      amount: credits(25),
      expiresAt: START + 2_100,
    })
    expect(ledger.entry.postings).toEqual([])
    ledger.do('extendHold', { holdId: 'h', amount: credits(18) })
    expect(ledger.hold('h')).toMatchObject({
      amount: credits(18),
      remaining: credits(18),
      expiresAt: START + 2_100,
      lots: [lot('soon', 15), lot('soon', 3)],
    })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(7)],
      ['available', credits(7)],
    ])
    expect([ledger.grant('soon').pinned, ledger.grant('first').pinned]).toEqual([credits(18), credits(0)])
    expect(ledger.account.held).toBe(credits(18))
    expect(ledger.verify()).toEqual([])
  })

  test('counts from what is left after a part was settled', () => {
    const ledger = new OneAccount(30)
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    ledger.do('settleHold', { holdId: 'h', usageId: 's', usage: rated(8), final: false })
    expect(ledger.hold('h')).toMatchObject({ amount: credits(20), remaining: credits(12) })
    expect(ledger.do('extendHold', { holdId: 'h', amount: credits(15) })).toMatchObject({ amount: credits(15) })
    expect(ledger.hold('h')).toMatchObject({ amount: credits(23), remaining: credits(15) })
    expect(ledger.do('extendHold', { holdId: 'h', amount: credits(23) })).toMatchObject({
      reason: 'insufficient_balance',
      available: credits(7),
      requested: credits(8),
    })
    expect(ledger.do('extendHold', { holdId: 'h', amount: credits(22) })).toMatchObject({ affordable: credits(0) })
  })

  test('has two lots of a grant, however often it is extended, and gives back what was added last', () => {
    const ledger = new OneAccount(70)
    ledger.do('grant', { grantId: 'second', amount: credits(500) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(3), ttlMs: 9_000 })
    for (let second = 1; second <= 100; second++) {
      ledger.do('settleHold', { holdId: 'h', usageId: `part ${second}`, usage: rated(1), final: false })
      ledger.do('extendHold', { holdId: 'h', amount: credits(3 + second) })
    }
    // A hundred were spent, and the first grant with them.
    expect(ledger.hold('h').lots).toEqual([lot('second', 43), lot('second', 60)])
    for (let amount = 104; amount <= 200; amount++) ledger.do('extendHold', { holdId: 'h', amount: credits(amount) })
    expect(ledger.hold('h').lots).toEqual([lot('second', 43), lot('second', 157)])
    ledger.do('extendHold', { holdId: 'h', amount: credits(100) })
    expect(ledger.hold('h').lots).toEqual([lot('second', 43), lot('second', 57)])
    expect(ledger.grant('second').pinned).toBe(credits(100))
    expect(ledger.verify()).toEqual([])
  })

  test('with nothing left to draw on keeps it open', () => {
    const ledger = new OneAccount(30)
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    ledger.do('extendHold', { holdId: 'h', amount: credits(0) })
    expect(ledger.hold('h')).toMatchObject({ state: 'open', remaining: credits(0), amount: credits(0), lots: [] })
    expect(ledger.account.held).toBe(credits(0))
  })

  test('is possible on a frozen account only downwards', () => {
    const ledger = new OneAccount(30)
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    ledger.do('freezeAccount', { isFrozen: true })
    expect(ledger.do('extendHold', { holdId: 'h', amount: credits(21) })).toEqual({ status: 'refused', reason: 'account_frozen' })
    expect(ledger.do('extendHold', { holdId: 'h', amount: credits(19), ttlMs: 7 })).toMatchObject({
      amount: credits(19),
      expiresAt: START + 7,
      affordable: credits(0),
    })
  })
})

describe('a hold that has ended', () => {
  test.each(['settled', 'released', 'expired'] as const)('or is unknown is neither extended nor released: %s', (state) => {
    const ledger = new OneAccount(30)
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    if (state === 'settled') ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(5) })
    if (state === 'released') {
      expect(ledger.do('releaseHold', { holdId: 'h' })).toEqual({
        status: 'released',
        holdId: 'h',
        amount: credits(20),
        replayed: false,
      })
      expect(ledger.entry.postings).toEqual([
        ['held', -credits(20)],
        ['available', credits(20)],
      ])
    }
    if (state === 'expired') ledger.wait(1_010)
    const refused = { status: 'refused', reason: 'hold_not_open', holdId: 'h', state }
    expect(ledger.do('extendHold', { holdId: 'h', ttlMs: 1 })).toEqual(refused)
    expect(ledger.do('releaseHold', { holdId: 'h' })).toEqual(refused)
    const unknown = { status: 'failed', code: 'HOLD_NOT_FOUND', id: 'nobody' }
    expect(ledger.do('extendHold', { holdId: 'nobody', ttlMs: 1 })).toEqual(unknown)
    expect(ledger.do('releaseHold', { holdId: 'nobody' })).toEqual(unknown)
    expect(ledger.do('settleHold', { holdId: 'nobody', usageId: 'u', usage: rated(1) })).toEqual(unknown)
    expect(ledger.account.held).toBe(credits(0))
  })

  test.each(['released', 'expired'] as const)('without a settlement is charged late, of what is free: %s', (state) => {
    const ledger = new OneAccount(30)
    ledger.do('placeHold', { holdId: 'h', amount: credits(20) })
    if (state === 'released') ledger.do('releaseHold', { holdId: 'h' })
    else ledger.wait(1_010)
    expect(ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(5) })).toEqual({
      status: 'charged',
      usageId: 'h',
      charged: credits(5),
      shortfall: credits(0),
      balance: credits(25),
      available: credits(25),
      affordable: credits(25),
      late: true,
      replayed: false,
    })
    expect(ledger.entry.postings).toEqual([
      ['available', -credits(5)],
      ['spent:gpt', credits(5)],
    ])
    expect(ledger.hold('h')).toMatchObject({ state, charged: credits(5), remaining: credits(0) })
  })
})
