import { CREDITS_MAX, credits, microCredits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { DUE_AT_ONCE } from '../tables.ts'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'
import { decodeEntry } from './journal.ts'

const DAY = 86_400_000

describe('a hold that nobody settles', () => {
  test('goes back when its life and its grace are over, and that is told', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w' })
    ledger.do('placeHold', { holdId: 'h', amount: credits(30), ttlMs: 1_000, graceMs: 10, workflowId: 'w' })
    expect(ledger.account.nextDueAt).toBe(START + 1_010)
    ledger.wait(1_009)
    expect(ledger.hold('h').state).toBe('open')
    ledger.wait(1)
    expect(ledger.hold('h')).toMatchObject({ state: 'expired', remaining: credits(0), endedAt: START + 1_010 })
    expect(ledger.account).toMatchObject({ held: credits(0), posted: credits(100), nextDueAt: null })
    expect(ledger.entry).toMatchObject({
      verb: 'expireHold',
      at: START + 1_010,
      idempotencyKey: null,
      content: {},
      outcome: { holdId: 'h', amount: '30000000' },
      postings: [
        ['held', -credits(30)],
        ['available', credits(30)],
      ],
    })
    const told = { holdId: 'h', workflowId: 'w', service: 'gpt', provider: 'x', amount: '30000000' }
    expect(ledger.events).toEqual([['hold_expired', told]])
    expect(ledger.verify()).toEqual([])
  })

  test('of several the oldest first, each only when it is due', () => {
    const ledger = new OneAccount(100)
    ledger.do('placeHold', { holdId: 'z', amount: credits(1), ttlMs: 500 })
    ledger.now += 1
    ledger.do('placeHold', { holdId: 'b', amount: credits(2), ttlMs: 400 })
    ledger.do('placeHold', { holdId: 'a', amount: credits(3), ttlMs: 300 })
    ledger.do('placeHold', { holdId: 'later', amount: credits(4), ttlMs: 5_000 })
    expect(ledger.account.nextDueAt).toBe(START + 1 + 310)
    ledger.wait(1_000)
    expect(ledger.events.map(([, { holdId }]) => holdId)).toEqual(['z', 'a', 'b'])
    expect(ledger.account).toMatchObject({ held: credits(4), nextDueAt: START + 1 + 5_010 })
  })

  test('is looked for again after an extension made it longer or shorter', () => {
    const ledger = new OneAccount(100)
    ledger.do('placeHold', { holdId: 'h', amount: credits(5), ttlMs: 9_000 })
    ledger.do('extendHold', { holdId: 'h', ttlMs: 50 })
    expect(ledger.account.nextDueAt).toBe(START + 60)
    ledger.do('extendHold', { holdId: 'h', ttlMs: 2_000 })
    ledger.wait(60)
    expect(ledger.hold('h').state).toBe('open')
    expect(ledger.account.nextDueAt).toBe(START + 2_010)
  })
})

test.each([
  ['at once', DUE_AT_ONCE],
  ['in parts', 1],
])(
  'what is due %s happens in the order of its times, each once; of one time holds first, and grants as they are spent',
  (_, dueAtOnce) => {
    const ledger = new OneAccount(100)
    ledger.dueAtOnce = dueAtOnce
    const grant = (grantId: string, priority: number, begins: number, ends?: number) =>
      ledger.do('grant', {
        grantId,
        amount: credits(10),
        priority,
        effectiveAt: START + begins,
        ...(ends !== undefined && { expiresAt: START + ends }),
      })
    grant('short', 9, 100, 300)
    grant('spent second', 2, 200)
    grant('spent first', 1, 200)
    grant('not yet', 0, 5_000)
    ledger.do('placeHold', { holdId: 'early', amount: credits(5), ttlMs: 90 })
    ledger.do('placeHold', { holdId: 'late', amount: credits(5), ttlMs: 240 })
    const before = ledger.all('journal').length
    ledger.wait(1_000)
    const happened = ledger.all('journal').slice(before).map(decodeEntry)
    expect(happened.map(({ verb, outcome }) => [verb, Object.values(outcome as object)[0]])).toEqual([
      ['expireHold', 'early'],
      ['beginGrant', 'short'],
      ['beginGrant', 'spent first'],
      ['beginGrant', 'spent second'],
      ['expireHold', 'late'],
      ['expireGrant', 'short'],
    ])
    expect(ledger.grant('not yet').state).toBe('pending')
    expect(ledger.account).toMatchObject({ posted: credits(120), held: 0n, nextDueAt: START + 5_000 })
    expect(ledger.verify()).toEqual([])
  },
)

describe('where more holds are due than are given back at once', () => {
  function abandoned(): OneAccount {
    const ledger = new OneAccount(10)
    ledger.dueAtOnce = 2
    ledger.do('grant', { grantId: 'short', amount: credits(5), expiresAt: START + 100 })
    for (let index = 0; index < 5; index++)
      ledger.do('placeHold', { holdId: `h${index}`, amount: credits(3), ttlMs: 80 + 10 * index, graceMs: 0 })
    ledger.do('placeHold', { holdId: 'alive', amount: credits(0), ttlMs: 9_000 })
    ledger.now += 1_000
    ledger.transactions = 0
    return ledger
  }

  test('the next operation waits until all of them are back', () => {
    const ledger = abandoned()
    expect(ledger.do('placeHold', { holdId: 'all', amount: credits(10) })).toMatchObject({ status: 'held', affordable: 0n })
    expect(ledger.transactions).toBe(3)
    expect(ledger.grant('short')).toMatchObject({ state: 'expired', remaining: 0n, gone: credits(5) })
    const told = ledger.all('journal').map(decodeEntry).slice(-7)
    expect(told.map(({ verb, outcome }) => [verb, Object.values(outcome as object)[0]])).toEqual([
      ['expireHold', 'h0'],
      ['expireHold', 'h1'],
      ['expireHold', 'h2'],
      ['expireGrant', 'short'],
      ['expireHold', 'h3'],
      ['expireHold', 'h4'],
      ['placeHold', 'held'],
    ])
    expect(ledger.verify()).toEqual([])
  })

  test('each transaction leaves sound books, and the account due', () => {
    const ledger = abandoned()
    let parts = 0
    for (const operation = { verb: 'advance', accountId: 'a', idempotencyKey: null, input: {} } as const; ; parts++) {
      const outcomes = ledger.commitOnce([operation])
      expect(ledger.verify()).toEqual([])
      if (outcomes) break
      expect(ledger.account.nextDueAt).toBeLessThanOrEqual(ledger.now)
    }
    expect(parts).toBe(2)
    expect(ledger.account).toMatchObject({ held: 0n, posted: credits(10), nextDueAt: START + 9_010 })
  })

  test('the owner is told of no low balance between a grant that ends and one that begins then', () => {
    const ledger = new OneAccount()
    ledger.dueAtOnce = 2
    ledger.do('grant', { grantId: 'july', amount: credits(20), expiresAt: START + 1_000 })
    ledger.do('grant', { grantId: 'august', amount: credits(20), effectiveAt: START + 1_000 })
    ledger.do('setAlerts', { balanceLow: credits(10), topUp: { at: credits(10), amount: credits(50) } })
    for (let index = 0; index < 5; index++) ledger.do('placeHold', { holdId: `h${index}`, amount: credits(1), ttlMs: 2_000 })
    ledger.wait(10_000)
    expect(new Set(ledger.all('events').map(({ type }) => type))).toEqual(new Set(['hold_expired']))
    expect(ledger.account).toMatchObject({ posted: credits(20), alerts: { pendingTopUpId: null } })
  })

  test('any number of grants that are due before them are no further transactions', () => {
    const ledger = new OneAccount(10)
    ledger.dueAtOnce = 2
    for (let index = 0; index < 9; index++)
      ledger.do('grant', { grantId: `g${index}`, amount: credits(1), expiresAt: START + 100 + index })
    for (let index = 0; index < 5; index++) ledger.do('placeHold', { holdId: `h${index}`, amount: credits(1), ttlMs: 2_000 })
    ledger.transactions = 0
    ledger.wait(10_000)
    expect(ledger.transactions).toBe(3)
    expect(ledger.account).toMatchObject({ posted: credits(10), held: 0n })
    expect(ledger.verify()).toEqual([])
  })

  test('a grant waits for all holds that are due at its moment', () => {
    const ledger = new OneAccount()
    ledger.dueAtOnce = 2
    ledger.do('grant', {
      grantId: 'short',
      amount: credits(5),
      expiresAt: START + 100,
      rollover: { max: null, times: 1, ttlMs: 9_000 },
    })
    for (let index = 0; index < 5; index++)
      ledger.do('placeHold', { holdId: `h${index}`, amount: credits(1), ttlMs: 100, graceMs: 0 })
    ledger.wait(1_000)
    expect(ledger.grant('rollover:short')).toMatchObject({ remaining: credits(5) })
    expect(ledger.verify()).toEqual([])
  })

  test('a budget, which goes through all open holds, loads them once, after the last part', () => {
    const ledger = abandoned()
    ledger.requested.length = 0
    ledger.do('setBudget', { budgetId: 'all', limit: credits(10) })
    expect(ledger.transactions).toBe(3)
    expect(ledger.requested.filter((kind) => kind === 'openHolds')).toHaveLength(1)
    expect(ledger.verify()).toEqual([])
  })

  test('what is merely answered again gives none of them back', () => {
    const ledger = abandoned()
    const before = ledger.dump()
    expect(ledger.do('placeHold', { holdId: 'h0', amount: credits(3), ttlMs: 80, graceMs: 0 }, 'key3')).toMatchObject({
      replayed: true,
    })
    expect(ledger.dump()).toEqual(before)
  })

  test('nor does what is no step of the account, beside it', () => {
    const ledger = abandoned()
    const again = { verb: 'grant', accountId: 'a', idempotencyKey: 'key1', input: { ...ledger.grant('first') } } as never
    const use = { verb: 'noteKeyUse', accountId: 'a', idempotencyKey: null, input: { apiKeyId: 'k', at: START } } as const
    ledger.commit([again, use])
    expect(ledger.hold('h0').state).toBe('open')
  })
})

describe('a grant that ends', () => {
  test('pays what is owed first, of what holds have not set aside; the rest is gone', () => {
    const ledger = new OneAccount(0, { debtLimit: credits(50) })
    ledger.do('grant', { grantId: 'g', amount: credits(100), expiresAt: START + 500 })
    ledger.do('placeHold', { holdId: 'kept', amount: credits(30), ttlMs: 5_000 })
    ledger.do('placeHold', { holdId: 'back', amount: credits(70), ttlMs: 5_000 })
    ledger.do('charge', { usageId: 'u', usage: rated(20), overage: 'debt' })
    ledger.do('releaseHold', { holdId: 'back' })
    expect(ledger.account).toMatchObject({ posted: credits(80), held: credits(30), debt: credits(20) })
    ledger.wait(500)
    expect(ledger.entry).toMatchObject({
      verb: 'expireGrant',
      outcome: { grantId: 'g', amount: '50000000', repaid: '20000000' },
      postings: [
        ['available', -credits(50)],
        ['expired', credits(50)],
      ],
    })
    expect(ledger.grant('g')).toMatchObject({ state: 'expired', remaining: credits(30), pinned: credits(30), gone: credits(50) })
    expect(ledger.account).toMatchObject({ posted: credits(30), held: credits(30), debt: credits(0) })
    ledger.do('settleHold', { holdId: 'kept', usageId: 'kept', usage: rated(25) })
    expect(ledger.account).toMatchObject({ posted: credits(0), held: credits(0), debt: credits(0) })
    expect(ledger.verify()).toEqual([])
  })

  test('pays nothing where holds have all of it, or where it may pay for some services only', () => {
    const ledger = new OneAccount(0, { debtLimit: credits(50) })
    const ends = { amount: credits(10), expiresAt: START + 500 }
    ledger.do('grant', { grantId: 'held', ...ends })
    ledger.do('placeHold', { holdId: 'h', amount: credits(10), ttlMs: 5_000 })
    ledger.do('charge', { usageId: 'u', usage: rated(20), overage: 'debt' })
    ledger.do('grant', { grantId: 'calls', ...ends, services: ['phone'] })
    ledger.wait(500)
    expect(ledger.account).toMatchObject({ posted: -credits(10), held: credits(10), debt: credits(20) })
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.account).toMatchObject({ posted: -credits(20), held: credits(0), debt: credits(20) })
    expect(ledger.verify()).toEqual([])
  })

  test('that paid a debt is owed whole when its payment is reversed', () => {
    const ledger = new OneAccount(0, { debtLimit: credits(50) })
    ledger.do('grant', { grantId: 'g', amount: credits(100), expiresAt: START + 500 })
    ledger.do('placeHold', { holdId: 'h', amount: credits(100) })
    ledger.do('charge', { usageId: 'u', usage: rated(20), overage: 'debt' })
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(10) })
    ledger.wait(500)
    expect(ledger.account).toMatchObject({ posted: credits(0), debt: credits(0) })
    expect(ledger.do('chargeback', { grantId: 'g' })).toMatchObject({ recovered: credits(0), owed: credits(30) })
    expect(ledger.account).toMatchObject({ posted: -credits(30), debt: credits(30) })
    expect(ledger.verify()).toEqual([])
  })
})

describe('a grant that begins later', () => {
  test('waits outside the balance, and begins at its time', () => {
    const ledger = new OneAccount()
    const outcome = ledger.do('grant', { grantId: 'g', amount: credits(40), effectiveAt: START + 100 })
    expect(outcome).toEqual({
      status: 'granted',
      grantId: 'g',
      amount: credits(40),
      repaid: credits(0),
      balance: credits(0),
      available: credits(0),
      replayed: false,
    })
    expect(ledger.entry.postings).toEqual([
      ['granted', -credits(40)],
      ['pending', credits(40)],
    ])
    expect(ledger.account).toMatchObject({ posted: credits(0), nextDueAt: START + 100 })
    ledger.wait(99)
    expect(ledger.grant('g').state).toBe('pending')
    expect(ledger.do('charge', { usageId: 'u', usage: rated(1) })).toMatchObject({ reason: 'insufficient_balance' })
    ledger.wait(1)
    expect(ledger.grant('g').state).toBe('active')
    expect(ledger.account).toMatchObject({ posted: credits(40), nextDueAt: null })
    expect(ledger.entry).toMatchObject({
      verb: 'beginGrant',
      idempotencyKey: null,
      content: {},
      outcome: { grantId: 'g', amount: '40000000' },
      postings: [
        ['pending', -credits(40)],
        ['available', credits(40)],
      ],
    })
    expect(ledger.verify()).toEqual([])
  })

  test.each([
    ['now', START, 'active'],
    ['in the past', START - 1, 'active'],
    ['a millisecond later', START + 1, 'pending'],
  ])('%s is %i: %s', (_, effectiveAt, state) => {
    const ledger = new OneAccount()
    ledger.do('grant', { grantId: 'g', amount: credits(40), effectiveAt })
    expect(ledger.grant('g')).toMatchObject({ state, effectiveAt })
    expect(ledger.account.posted).toBe(credits(state === 'active' ? 40 : 0))
  })

  test('repays what is owed when it begins, and may be spent by it', () => {
    const ledger = new OneAccount(0, { creditLimit: credits(50) })
    ledger.do('grant', { grantId: 'g', amount: credits(40), effectiveAt: START + 100 })
    ledger.do('charge', { usageId: 'u', usage: rated(45) })
    expect(ledger.account).toMatchObject({ posted: credits(-45), debt: credits(45) })
    ledger.wait(100)
    expect(ledger.account).toMatchObject({ posted: credits(-5), debt: credits(5) })
    expect(ledger.grant('g')).toMatchObject({ state: 'spent', remaining: credits(0) })
    expect(ledger.entry.outcome).toEqual({ grantId: 'g', amount: '40000000', repaid: '40000000' })
    expect(ledger.verify()).toEqual([])
  })

  test('and one that expires are both looked for, whichever comes first', () => {
    const ledger = new OneAccount()
    ledger.do('grant', { grantId: 'ends', amount: credits(1), expiresAt: START + 300 })
    expect(ledger.account.nextDueAt).toBe(START + 300)
    ledger.do('grant', { grantId: 'begins', amount: credits(2), effectiveAt: START + 100, expiresAt: START + 900 })
    expect(ledger.account.nextDueAt).toBe(START + 100)
    ledger.do('placeHold', { holdId: 'h', amount: credits(1), ttlMs: 190 })
    ledger.wait(100)
    expect(ledger.account.nextDueAt).toBe(START + 200)
    ledger.wait(100)
    expect(ledger.account.nextDueAt).toBe(START + 300)
    ledger.wait(100)
    expect(ledger.account).toMatchObject({ posted: credits(2), nextDueAt: START + 900 })
  })
})

describe('a grant that expires', () => {
  test('takes with it what nobody set aside, at its very time', () => {
    const ledger = new OneAccount()
    ledger.do('grant', { grantId: 'g', amount: credits(40), expiresAt: START + 100 })
    ledger.do('placeHold', { holdId: 'h', amount: credits(15), ttlMs: DAY })
    ledger.do('charge', { usageId: 'u', usage: rated(5) })
    ledger.wait(99)
    expect(ledger.grant('g')).toMatchObject({ state: 'active', gone: credits(0) })
    ledger.wait(1)
    expect(ledger.grant('g')).toMatchObject({
      state: 'expired',
      remaining: credits(15),
      pinned: credits(15),
      gone: credits(20),
    })
    expect(ledger.account).toMatchObject({ posted: credits(15), held: credits(15), nextDueAt: START + DAY + 10 })
    expect(ledger.entry).toMatchObject({
      verb: 'expireGrant',
      idempotencyKey: null,
      content: {},
      outcome: { grantId: 'g', amount: '20000000' },
      postings: [
        ['available', -credits(20)],
        ['expired', credits(20)],
      ],
    })
    expect(ledger.entry.outcome).toEqual({ grantId: 'g', amount: '20000000' })
    // The hold may spend what it has, and the rest of it is gone then.
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(6) })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(6)],
      ['spent:gpt', credits(6)],
      ['held', -credits(9)],
      ['expired', credits(9)],
    ])
    expect(ledger.grant('g')).toMatchObject({ state: 'expired', remaining: credits(0), pinned: credits(0), gone: credits(29) })
    expect(ledger.account).toMatchObject({ posted: credits(0), held: credits(0) })
    expect(ledger.verify()).toEqual([])
  })

  test('is spent by holds that draw all of it: nothing expires, and nothing is carried over', () => {
    const ledger = new OneAccount()
    const rollover = { max: null, times: 2 }
    ledger.do('grant', { grantId: 'g', amount: credits(40), expiresAt: START + 100, rollover })
    ledger.do('placeHold', { holdId: 'h', amount: credits(40), ttlMs: DAY })
    ledger.wait(100)
    expect(ledger.grant('g')).toMatchObject({ state: 'expired', remaining: credits(40), gone: credits(0) })
    expect(ledger.entry).toMatchObject({ verb: 'expireGrant', outcome: { amount: '0' }, postings: [] })
    expect(ledger.all('grants')).toHaveLength(1)
  })

  test('carries over what it may, as a grant of its own with the rest of its life', () => {
    const ledger = new OneAccount()
    const rollover = { max: credits(12), times: 2, ttlMs: 500 }
    const grant = { source: 'plan', priority: 7, services: ['gpt'], rollover } as const
    ledger.do('grant', { grantId: 'g', amount: credits(40), expiresAt: START + 100, ...grant })
    ledger.do('charge', { usageId: 'u', usage: rated(10) })
    ledger.wait(130)
    expect(ledger.grant('g')).toMatchObject({ state: 'expired', remaining: credits(0), gone: credits(30) })
    expect(ledger.grant('rollover:g')).toEqual({
      accountId: 'a',
      grantId: 'rollover:g',
      source: 'plan',
      priority: 7,
      amount: credits(12),
      remaining: credits(12),
      pinned: credits(0),
      gone: credits(0),
      effectiveAt: START + 100,
      expiresAt: START + 600,
      services: ['gpt'],
      rollover: { max: credits(12), ttlMs: 500, times: 1 },
      state: 'active',
      createdAt: START + 130,
    })
    expect(ledger.entry).toMatchObject({
      outcome: { grantId: 'g', amount: '30000000', carried: '12000000', to: 'rollover:g' },
      postings: [
        ['available', -credits(18)],
        ['expired', credits(18)],
        ['carried_over', credits(12)],
        ['granted', -credits(12)],
      ],
    })
    expect(ledger.account).toMatchObject({ posted: credits(12), nextDueAt: START + 600 })
    // The last time it is carried over, and then no more.
    ledger.wait(600)
    expect(ledger.grant('rollover:rollover:g')).toMatchObject({ amount: credits(12), rollover: null, expiresAt: START + 1_100 })
    ledger.wait(600)
    expect(ledger.account).toMatchObject({ posted: credits(0), nextDueAt: null })
    expect(ledger.all('grants')).toHaveLength(3)
    expect(ledger.verify()).toEqual([])
  })

  test('without a maximum carries over all, for as long as the grant itself was to live', () => {
    const ledger = new OneAccount()
    const rollover = { max: null, times: 1 }
    ledger.do('grant', { grantId: 'g', amount: credits(40), effectiveAt: START + 50, expiresAt: START + 150, rollover })
    expect(ledger.grant('g').rollover).toEqual({ max: null, ttlMs: 100, times: 1 })
    ledger.wait(150)
    expect(ledger.grant('rollover:g')).toMatchObject({ amount: credits(40), expiresAt: START + 250, rollover: null })
    expect(ledger.account.posted).toBe(credits(40))
  })

  test('long ago, with all that was carried over since, has gone by the next change', () => {
    const ledger = new OneAccount()
    const rollover = { max: null, times: 2, ttlMs: 10 }
    ledger.do('grant', { grantId: 'g', amount: credits(40), effectiveAt: START + 10, expiresAt: START + 20, rollover })
    ledger.wait(DAY)
    expect(ledger.all('journal').map(({ verb }) => verb)).toEqual([
      'openAccount',
      'grant',
      'beginGrant',
      'expireGrant',
      'expireGrant',
      'expireGrant',
    ])
    expect(ledger.account).toMatchObject({ posted: credits(0), nextDueAt: null })
    expect(ledger.verify()).toEqual([])
  })
})

describe('a grant is refused', () => {
  test.each([
    [START, 'failed'],
    [START - 1, 'failed'],
    [START + 1, 'granted'],
  ])('when it has expired already: %i is %s', (expiresAt, status) => {
    const ledger = new OneAccount()
    const outcome = ledger.do('grant', { grantId: 'g', amount: credits(1), expiresAt })
    expect(outcome).toMatchObject(status === 'failed' ? { status, code: 'INVALID_INPUT', field: 'expiresAt' } : { status })
    expect(ledger.all('grants')).toHaveLength(status === 'failed' ? 0 : 1)
  })

  test('when the balance with everything pending would not fit its column', () => {
    const ledger = new OneAccount(10)
    const outOfRange = { status: 'failed', code: 'AMOUNT_OUT_OF_RANGE', field: 'amount' }
    const most = microCredits(CREDITS_MAX - credits(10) - credits(4))
    ledger.do('grant', { grantId: 'later', amount: credits(4), effectiveAt: START + 1 })
    expect(ledger.do('grant', { grantId: 'g', amount: microCredits(most + 1n) })).toEqual(outOfRange)
    expect(ledger.do('grant', { grantId: 'g', amount: most })).toMatchObject({ status: 'granted' })
    expect(ledger.do('grant', { grantId: 'one', amount: microCredits(1n) })).toEqual(outOfRange)
    ledger.wait(1)
    expect(ledger.account.posted).toBe(CREDITS_MAX)
  })

  test('when its id is taken', () => {
    const ledger = new OneAccount(10)
    expect(ledger.do('grant', { grantId: 'first', amount: credits(1) })).toEqual({
      status: 'failed',
      code: 'ALREADY_EXISTS',
      what: 'grant',
      id: 'first',
    })
  })
})

describe('revoking a grant', () => {
  test('takes back what nobody set aside; a second time takes nothing', () => {
    const ledger = new OneAccount(100)
    ledger.do('placeHold', { holdId: 'h', amount: credits(30) })
    ledger.do('charge', { usageId: 'u', usage: rated(10) })
    const revoked = { status: 'revoked', grantId: 'first', balance: credits(30), replayed: false }
    expect(ledger.do('revokeGrant', { grantId: 'first' })).toEqual({ ...revoked, amount: credits(60) })
    expect(ledger.entry.postings).toEqual([
      ['available', -credits(60)],
      ['revoked', credits(60)],
    ])
    expect(ledger.grant('first')).toMatchObject({
      state: 'revoked',
      remaining: credits(30),
      pinned: credits(30),
      gone: credits(60),
    })
    expect(ledger.account).toMatchObject({ posted: credits(30), held: credits(30) })
    expect(ledger.do('revokeGrant', { grantId: 'first' })).toEqual({ ...revoked, amount: credits(0) })
    expect(ledger.do('charge', { usageId: 'v', usage: rated(1) })).toMatchObject({ available: credits(0) })
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(25) })
    expect(ledger.account).toMatchObject({ posted: credits(0), held: credits(0) })
    expect(ledger.verify()).toEqual([])
  })

  test('that is pending touches no balance, and it never begins', () => {
    const ledger = new OneAccount(5)
    ledger.do('grant', { grantId: 'g', amount: credits(40), effectiveAt: START + 100 })
    expect(ledger.do('revokeGrant', { grantId: 'g' })).toMatchObject({ amount: credits(40) })
    expect(ledger.entry.postings).toEqual([
      ['pending', -credits(40)],
      ['revoked', credits(40)],
    ])
    ledger.wait(100)
    expect(ledger.account).toMatchObject({ posted: credits(5), nextDueAt: null })
    expect(ledger.grant('g')).toMatchObject({ state: 'revoked', remaining: credits(0), gone: credits(40) })
    expect(ledger.do('revokeGrant', { grantId: 'nobody' })).toEqual({ status: 'failed', code: 'GRANT_NOT_FOUND', id: 'nobody' })
  })

  test('that is spent is remembered under a key of the caller, and under its own once it took something', () => {
    const ledger = new OneAccount(10)
    ledger.do('charge', { usageId: 'u', usage: rated(10) })
    const revoke = (key: string) => ledger.do('revokeGrant', { grantId: 'first' }, key)
    const took = (amount: number, replayed = false) => ({
      status: 'revoked',
      grantId: 'first',
      amount: credits(amount),
      balance: credits(0),
      replayed,
    })
    const entries = ledger.all('journal').length
    expect([revoke('revokeGrant:first'), revoke('mine')]).toEqual([took(0), took(0)])
    expect(ledger.all('journal')).toHaveLength(entries + 1)
    ledger.do('refund', { usageId: 'u', correctionId: 'r' })
    expect([revoke('mine'), revoke('revokeGrant:first')]).toEqual([took(0, true), took(10)])
    expect(revoke('revokeGrant:first')).toEqual(took(10, true))
    expect(ledger.account.posted).toBe(0n)
    expect(ledger.verify()).toEqual([])
  })

  test('in a batch keeps what comes after it from spending it', () => {
    const ledger = new OneAccount(10)
    const charge = { service: 'gpt', provider: 'x', overage: 'cap', usageId: 'u', usage: rated(3) } as const
    const [, outcome] = ledger.commit([
      { verb: 'revokeGrant', accountId: 'a', idempotencyKey: 'r', input: { grantId: 'first' } },
      { verb: 'charge', accountId: 'a', idempotencyKey: 'c', input: charge },
    ])
    expect(outcome).toMatchObject({ charged: credits(0), shortfall: credits(3) })
  })
})
