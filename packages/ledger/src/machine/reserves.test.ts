import { credits } from '@farebox/core'
import fc from 'fast-check'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'
import { appliesTo } from './budgets.ts'

const HOUR = 3_600_000
const reserve = (amount: number, ttlMs = HOUR) => ({ amount: credits(amount), ttlMs })
const lot = (grantId: string, amount: number, ...reserves: string[]) => ({
  grantId,
  amount: credits(amount),
  ...(reserves.length > 0 && { reserves }),
})
const use = (budgetId: string, amount: number, windowStart = 0) => ({ budgetId, windowStart, amount: credits(amount) })

describe('a reserve', () => {
  test('is a hold of its own, counted in its workflow and in budgets, and its opening is in the journal', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(90) })
    const opened = ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(50), userId: 'ada', apiKeyId: 'k' })
    expect(opened).toEqual({
      status: 'opened',
      workflowId: 'w',
      reserved: credits(50),
      reserveHoldId: 'reserve:w',
      replayed: false,
    })
    expect(ledger.entry.postings).toEqual([
      ['available', -credits(50)],
      ['held', credits(50)],
    ])
    expect(ledger.hold('reserve:w')).toEqual({
      accountId: 'a',
      holdId: 'reserve:w',
      workflowId: 'w',
      service: '*',
      provider: '*',
      apiKeyId: 'k',
      userId: 'ada',
      amount: credits(50),
      remaining: credits(50),
      rated: credits(0),
      charged: credits(0),
      shortfall: credits(0),
      state: 'open',
      overage: 'cap',
      lots: [lot('first', 50)],
      budgets: [use('b', 50)],
      createdAt: START,
      expiresAt: START + HOUR,
      graceMs: 0,
      endedAt: null,
    })
    expect(ledger.workflow('w')).toMatchObject({ held: credits(50), spent: credits(0), reserve: credits(50) })
    expect(ledger.account).toMatchObject({ held: credits(50), nextDueAt: START + HOUR })
    expect(ledger.budget('b').used).toBe(credits(50))
    expect(ledger.verify()).toEqual([])
  })

  test('is drawn on before what is free, and what holds give back returns to it: the last set aside first', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(90) })
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(50), maxCredits: credits(80) })
    // 90 − 50 of the budget, and 80 of the ceiling, of which 30 are this hold's.
    const first = ledger.do('placeHold', { holdId: 'h1', workflowId: 'w', amount: credits(30) })
    expect(first).toMatchObject({ status: 'held', affordable: credits(50) })
    expect(ledger.entry.postings).toEqual([])
    expect(ledger.hold('h1')).toMatchObject({ lots: [lot('first', 30, 'w')], budgets: [use('b', 30)] })
    expect(ledger.hold('reserve:w')).toMatchObject({
      remaining: credits(20),
      lots: [lot('first', 20)],
      budgets: [use('b', 20)],
    })
    expect([ledger.budget('b').used, ledger.account.held]).toEqual([credits(50), credits(50)])

    ledger.do('placeHold', { holdId: 'h2', workflowId: 'w', amount: credits(40) })
    expect(ledger.entry.postings).toEqual([
      ['available', -credits(20)],
      ['held', credits(20)],
    ])
    expect(ledger.hold('h2')).toMatchObject({
      lots: [lot('first', 20, 'w'), lot('first', 20)],
      budgets: [use('b', 20), use('b', 20)],
    })
    expect(ledger.hold('reserve:w')).toMatchObject({ remaining: credits(0), lots: [], budgets: [use('b', 0)] })
    expect([ledger.budget('b').used, ledger.account.held, ledger.workflow('w').held]).toEqual([70, 70, 70].map(credits))

    // Ten spent, twenty back to the reserve.
    ledger.do('settleHold', { holdId: 'h1', usageId: 'h1', usage: rated(10) })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(10)],
      ['spent:gpt', credits(10)],
    ])
    expect(ledger.usage('h1').lots).toEqual([lot('first', 10)])
    expect(ledger.hold('reserve:w')).toMatchObject({ remaining: credits(20), lots: [lot('first', 20)] })
    expect([ledger.budget('b').used, ledger.account.held]).toEqual([credits(70), credits(60)])

    ledger.do('extendHold', { holdId: 'h2', amount: credits(15) })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(20)],
      ['available', credits(20)],
    ])
    expect(ledger.hold('h2')).toMatchObject({ lots: [lot('first', 15, 'w')], remaining: credits(15), amount: credits(15) })
    expect(ledger.hold('reserve:w')).toMatchObject({ remaining: credits(25), lots: [lot('first', 5), lot('first', 20)] })
    expect([ledger.budget('b').used, ledger.account.held, ledger.workflow('w').held]).toEqual([50, 40, 40].map(credits))

    // The rest goes back to the reserve before that ends itself.
    const closed = ledger.do('closeWorkflow', { workflowId: 'w' })
    expect(closed).toMatchObject({ status: 'closed', spent: credits(10), durationMs: 0 })
    expect(ledger.hold('h2')).toMatchObject({ state: 'released', remaining: credits(0), lots: [], endedAt: START })
    expect(ledger.hold('reserve:w')).toMatchObject({ state: 'released', remaining: credits(0), lots: [] })
    expect([ledger.budget('b').used, ledger.account.held, ledger.account.posted]).toEqual([10, 0, 90].map(credits))
    expect(ledger.workflow('w')).toMatchObject({ spent: credits(10), held: credits(0), state: 'closed', closedAt: START })
    expect(ledger.verify()).toEqual([])
  })

  test('pays for charges and for what settlements cost beyond their hold', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(90) })
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(20) })
    ledger.do('charge', { usageId: 'u', workflowId: 'w', usage: rated(5) })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(5)],
      ['spent:gpt', credits(5)],
    ])
    expect([ledger.budget('b').used, ledger.account.held]).toEqual([credits(20), credits(15)])
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(10), service: 'phone' })
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(18) })
    // Ten of the hold, five of the reserve, and three that were free.
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(15)],
      ['available', -credits(3)],
      ['spent:phone', credits(18)],
    ])
    expect(ledger.usage('h').lots).toEqual([lot('first', 10), lot('first', 5), lot('first', 3)])
    expect([ledger.budget('b').used, ledger.account.held, ledger.account.posted]).toEqual([23, 0, 77].map(credits))
    expect(ledger.workflow('w')).toMatchObject({ spent: credits(23), held: credits(0) })
    expect(ledger.verify()).toEqual([])
  })

  test('is drawn on though the account, a budget or a ceiling has nothing left beside it', () => {
    const ledger = new OneAccount(50)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(50) })
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(20), maxCredits: credits(20) })
    ledger.do('placeHold', { holdId: 'rest', amount: credits(30) })
    expect(ledger.do('placeHold', { holdId: 'more', amount: credits(1) })).toMatchObject({
      reason: 'budget_exceeded',
      available: credits(0),
    })
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(21) })).toMatchObject({
      reason: 'budget_exceeded',
      available: credits(20),
    })
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(15) })).toMatchObject({
      status: 'held',
      affordable: credits(5),
    })
  })

  test('lives for as long as the work that draws on it, and no shorter', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(20, 1_000) })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(5), ttlMs: 500 })
    expect(ledger.hold('reserve:w').expiresAt).toBe(START + 1_000)
    ledger.do('extendHold', { holdId: 'h', ttlMs: 3_000 })
    expect(ledger.hold('reserve:w').expiresAt).toBe(START + 3_000)
    ledger.do('placeHold', { holdId: 'h2', workflowId: 'w', amount: credits(5), ttlMs: 4_000 })
    expect(ledger.hold('reserve:w').expiresAt).toBe(START + 4_000)
    ledger.wait(4_000)
    expect(ledger.hold('reserve:w')).toMatchObject({ state: 'expired', endedAt: START + 4_000 })
    // What a hold gives back after its reserve has ended is free.
    ledger.do('releaseHold', { holdId: 'h2' })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(5)],
      ['available', credits(5)],
    ])
    expect(ledger.account.held).toBe(credits(0))
  })

  test('is never settled, and can be made larger or smaller, but does not draw on itself', () => {
    const ledger = new OneAccount(30)
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(20) })
    expect(ledger.do('settleHold', { holdId: 'reserve:w', usageId: 'u', usage: rated(1) })).toMatchObject({
      status: 'failed',
      code: 'INVALID_INPUT',
      field: 'holdId',
    })
    expect(ledger.do('extendHold', { holdId: 'reserve:w', amount: credits(31) })).toMatchObject({
      reason: 'insufficient_balance',
      available: credits(10),
      requested: credits(11),
    })
    const extended = ledger.do('extendHold', { holdId: 'reserve:w', amount: credits(25), ttlMs: 2 * HOUR })
    expect(extended).toMatchObject({ amount: credits(25), expiresAt: START + 2 * HOUR, affordable: credits(5) })
    ledger.do('extendHold', { holdId: 'reserve:w', amount: credits(12) })
    expect(ledger.hold('reserve:w')).toMatchObject({ amount: credits(12), remaining: credits(12), lots: [lot('first', 12)] })
    expect(ledger.workflow('w').held).toBe(credits(12))
    expect(ledger.account.held).toBe(credits(12))
  })

  test('takes only grants that may pay for every service, and is refused where there are none', () => {
    const ledger = new OneAccount(10)
    ledger.do('grant', { grantId: 'gpt', amount: credits(90), services: ['gpt'], priority: 1 })
    expect(ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(11) })).toEqual({
      status: 'refused',
      reason: 'insufficient_balance',
      available: credits(10),
      requested: credits(11),
    })
    expect(ledger.all('workflows')).toEqual([])
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(10) })
    expect(ledger.hold('reserve:w').lots).toEqual([lot('first', 10)])
  })
})

describe('a budget that counts other work than a reserve', () => {
  test('counts all of what is drawn, and gets back what is not needed', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'all', limit: credits(90) })
    ledger.do('setBudget', { budgetId: 'gpt', service: 'gpt', limit: credits(40) })
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(50) })
    const used = () => [ledger.budget('all').used, ledger.budget('gpt').used]
    expect(used()).toEqual([50, 0].map(credits))
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(41) })).toMatchObject({
      reason: 'budget_exceeded',
      budgetId: 'gpt',
      available: credits(40),
    })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(30) })
    expect(ledger.hold('h').budgets).toEqual([use('all', 30), use('gpt', 30)])
    expect(used()).toEqual([50, 30].map(credits))
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(12) })
    expect(used()).toEqual([50, 12].map(credits))
    expect(ledger.hold('reserve:w').budgets).toEqual([use('all', 20), use('all', 18)])
    ledger.do('closeWorkflow', { workflowId: 'w' })
    expect(used()).toEqual([12, 12].map(credits))
  })

  test('counts it in a few uses, however many calls draw on it and give back', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(90) })
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(50) })
    for (let call = 0; call < 20; call++) {
      ledger.do('placeHold', { holdId: `h${call}`, workflowId: 'w', amount: credits(3) })
      ledger.do('settleHold', { holdId: `h${call}`, usageId: `h${call}`, usage: rated(1) })
    }
    const { budgets } = ledger.hold('reserve:w')
    expect(budgets.filter(({ amount }) => amount > 0n)).toEqual([use('b', 28), use('b', 1), use('b', 1)])
    expect(budgets.length).toBeLessThan(8)
    ledger.do('closeWorkflow', { workflowId: 'w' })
    expect(ledger.budget('b').used).toBe(credits(20))
  })

  test('that was set after the reserve counts only what is drawn from then on', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(50) })
    ledger.now += 1
    ledger.do('setBudget', { budgetId: 'b', limit: credits(40) })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(30) })
    expect([ledger.budget('b').used, ledger.hold('h').budgets]).toEqual([credits(30), [use('b', 30)]])
    expect(ledger.do('placeHold', { holdId: 'h2', workflowId: 'w', amount: credits(11) })).toMatchObject({
      reason: 'budget_exceeded',
      available: credits(10),
    })
    // The budget counts the whole account, so the reserve keeps what it got back counted there.
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.budget('b').used).toBe(credits(30))
    expect(ledger.hold('reserve:w')).toMatchObject({ remaining: credits(50), budgets: [use('b', 30)] })
    ledger.do('closeWorkflow', { workflowId: 'w' })
    expect(ledger.budget('b').used).toBe(credits(0))
  })

  test('in windows: the newest counting moves first, and each is taken back in its own window', () => {
    const ledger = new OneAccount(100)
    const window = START - 30_000
    ledger.do('setBudget', { budgetId: 'b', period: 'minute', limit: credits(90) })
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(20) })
    ledger.now += 60_000
    ledger.do('extendHold', { holdId: 'reserve:w', amount: credits(30) })
    expect(ledger.hold('reserve:w').budgets).toEqual([use('b', 20, window), use('b', 10, window + 60_000)])
    // What the newest counts is enough for a small one.
    ledger.do('placeHold', { holdId: 'small', workflowId: 'w', amount: credits(3), ttlMs: HOUR })
    expect(ledger.hold('small').budgets).toEqual([use('b', 3, window + 60_000)])
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(16), ttlMs: HOUR })
    expect(ledger.hold('h').budgets).toEqual([use('b', 9, window), use('b', 7, window + 60_000)])
    expect(ledger.hold('reserve:w').budgets).toEqual([use('b', 11, window), use('b', 0, window + 60_000)])
    expect(ledger.budget('b').used).toBe(credits(10))
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(4) })
    // Twelve go back: seven that this minute counts, and five of the minute before.
    expect(ledger.hold('reserve:w').budgets).toEqual([
      use('b', 11, window),
      use('b', 0, window + 60_000),
      use('b', 5, window),
      use('b', 7, window + 60_000),
    ])
    expect(ledger.budget('b').used).toBe(credits(10))
    ledger.do('closeWorkflow', { workflowId: 'w' })
    expect(ledger.budget('b').used).toBe(credits(0))
  })
})

describe('a reserve below another', () => {
  const family = () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'top', reserve: reserve(50), maxCredits: credits(70) })
    ledger.do('openWorkflow', { workflowId: 'leg', parentId: 'top', reserve: reserve(20), maxCredits: credits(40) })
    return ledger
  }
  const held = (ledger: OneAccount) => [ledger.workflow('top').held, ledger.workflow('leg').held, ledger.account.held]

  test('is taken from that, and gives back to it', () => {
    const ledger = family()
    expect(ledger.hold('reserve:leg')).toMatchObject({ lots: [lot('first', 20, 'top')], remaining: credits(20) })
    expect(ledger.hold('reserve:top')).toMatchObject({ lots: [lot('first', 30)], remaining: credits(30) })
    expect(held(ledger)).toEqual([50, 20, 50].map(credits))
    expect(ledger.workflow('leg')).toMatchObject({ rootId: 'top', parentId: 'top' })

    // Twenty of the near one, five of the far one.
    ledger.do('placeHold', { holdId: 'h', workflowId: 'leg', amount: credits(25), ttlMs: 2 * HOUR })
    expect(ledger.hold('h').lots).toEqual([lot('first', 20, 'leg', 'top'), lot('first', 5, 'top')])
    expect(held(ledger)).toEqual([50, 25, 50].map(credits))
    expect([ledger.hold('reserve:leg').expiresAt, ledger.hold('reserve:top').expiresAt]).toEqual([
      START + 2 * HOUR,
      START + 2 * HOUR,
    ])
    ledger.do('extendHold', { holdId: 'h', amount: credits(8) })
    expect(ledger.hold('h').lots).toEqual([lot('first', 8, 'leg', 'top')])
    expect(ledger.hold('reserve:leg')).toMatchObject({ remaining: credits(12), lots: [lot('first', 12, 'top')] })
    expect(ledger.hold('reserve:top')).toMatchObject({ remaining: credits(30), lots: [lot('first', 5), lot('first', 25)] })
    expect(held(ledger)).toEqual([50, 20, 50].map(credits))

    ledger.do('closeWorkflow', { workflowId: 'leg' })
    expect(ledger.hold('reserve:top').remaining).toBe(credits(50))
    expect(held(ledger)).toEqual([50, 0, 50].map(credits))
    expect(ledger.verify()).toEqual([])
  })

  test('is made larger from that too, and not from itself', () => {
    const ledger = family()
    ledger.do('extendHold', { holdId: 'reserve:leg', amount: credits(26) })
    expect(ledger.hold('reserve:leg').lots).toEqual([lot('first', 20, 'top'), lot('first', 6, 'top')])
    expect(ledger.hold('reserve:top').remaining).toBe(credits(24))
    expect(held(ledger)).toEqual([50, 26, 50].map(credits))
    ledger.do('extendHold', { holdId: 'reserve:leg', ttlMs: 3 * HOUR })
    expect(ledger.hold('reserve:top').expiresAt).toBe(START + 3 * HOUR)
  })

  test('that has ended lets what was drawn from it go to the one above', () => {
    const ledger = family()
    ledger.do('placeHold', { holdId: 'h', workflowId: 'leg', amount: credits(15) })
    ledger.do('releaseHold', { holdId: 'reserve:leg' })
    expect(ledger.hold('reserve:top').remaining).toBe(credits(35))
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.hold('reserve:top')).toMatchObject({ remaining: credits(50), state: 'open' })
    expect(held(ledger)).toEqual([50, 0, 50].map(credits))
    expect(ledger.hold('reserve:top').lots.every(({ reserves }) => reserves === undefined)).toBe(true)
  })

  test('leaves under each ceiling what may be spent there, of reserves and of what is free', () => {
    const ledger = family()
    // Under its own ceiling: 20 of its reserve, and 20 more, which the reserve above has.
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'leg', amount: credits(41) })).toEqual({
      status: 'refused',
      reason: 'workflow_ceiling',
      workflowId: 'leg',
      available: credits(40),
      requested: credits(41),
    })
    // Directly under the top: 30 of its reserve and 20 more; what the leg has reserved is the leg's.
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'top', amount: credits(51) })).toMatchObject({
      reason: 'workflow_ceiling',
      workflowId: 'top',
      available: credits(50),
    })
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'leg', amount: credits(40) })).toMatchObject({
      status: 'held',
      affordable: credits(0),
    })
    expect(held(ledger)).toEqual([50, 40, 50].map(credits))
    expect(ledger.do('placeHold', { holdId: 'h2', workflowId: 'top', amount: credits(31) })).toMatchObject({
      workflowId: 'top',
      available: credits(30),
    })
  })

  test.each([
    // Of what is drawn, the near reserve's first ten are not counted yet; then all that the far one has is counted already.
    [24, 4],
    [30, 10],
    [31, 31],
    [40, 40],
  ])('which a budget of %i counts but in part leaves what that lets be drawn: %i', (limit, available) => {
    const ledger = new OneAccount(100)
    const budget = { budgetId: 'b', userId: 'ada' } as const
    ledger.do('setBudget', { ...budget, limit: credits(99) })
    ledger.do('openWorkflow', { workflowId: 'top', userId: 'ada', reserve: reserve(1) })
    ledger.do('openWorkflow', { workflowId: 'leg', parentId: 'top', userId: 'bob', reserve: reserve(11) })
    ledger.do('extendHold', { holdId: 'reserve:top', amount: credits(20) })
    expect(ledger.budget('b').used).toBe(credits(21))
    ledger.do('setBudget', { ...budget, limit: credits(limit) })
    const hold = { holdId: 'h', workflowId: 'leg', userId: 'ada' }
    expect(ledger.do('placeHold', { ...hold, amount: credits(available + 1) })).toMatchObject({
      reason: 'budget_exceeded',
      available: credits(available),
    })
    expect(ledger.do('placeHold', { ...hold, amount: credits(available) })).toMatchObject({ status: 'held' })
    expect(ledger.budget('b').used).toBe(credits(limit))
  })
})

describe('what was reserved below the reserve of another user', () => {
  const lots = (ledger: OneAccount) => ledger.hold('reserve:leg').lots.map(({ amount, reserves = [] }) => [amount, ...reserves])

  /** Ada has reserved 6, and Bob 10 below that: the 6 of Ada, and 4 that her budget does not count. */
  function reserved(): OneAccount {
    const ledger = new OneAccount(500)
    ledger.do('setBudget', { budgetId: 'b', userId: 'ada', limit: credits(8) })
    ledger.do('openWorkflow', { workflowId: 'top', userId: 'ada', reserve: reserve(6) })
    ledger.do('openWorkflow', { workflowId: 'leg', userId: 'bob', parentId: 'top', reserve: reserve(10) })
    return ledger
  }

  test('leaves the first user no more than their budget, in whatever order it was given back', () => {
    const ledger = reserved()
    ledger.do('placeHold', { holdId: 'first', amount: credits(6), workflowId: 'leg' })
    ledger.do('placeHold', { holdId: 'second', amount: credits(4), workflowId: 'leg' })
    for (const holdId of ['first', 'second']) ledger.do('releaseHold', { holdId })
    expect(lots(ledger)).toEqual([[credits(4)], [credits(6), 'top']])
    const asked = { workflowId: 'leg', userId: 'ada' }
    expect(ledger.do('placeHold', { holdId: 'h', amount: credits(3), ...asked })).toMatchObject({ available: credits(2) })
    expect(ledger.do('placeHold', { holdId: 'h', amount: credits(2), ...asked })).toMatchObject({ affordable: credits(0) })
    expect(ledger.budget('b').used).toBe(credits(8))
  })

  test('counts in a budget that came later only with what was added since', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w', reserve: reserve(6) })
    ledger.do('setBudget', { budgetId: 'b', limit: credits(10) })
    ledger.do('extendHold', { holdId: 'reserve:w', amount: credits(10) })
    expect(ledger.budget('b').used).toBe(credits(4))
    const asked = { holdId: 'h', amount: credits(11), workflowId: 'w' }
    expect(ledger.do('placeHold', asked)).toMatchObject({ budgetId: 'b', available: credits(10) })
  })

  test('is kept in a few lots, however many calls give some of it back', () => {
    const ledger = reserved()
    const calls = Array.from({ length: 9 }, (_, index) => `h${index}`)
    for (const holdId of calls) ledger.do('placeHold', { holdId, amount: credits(1), workflowId: 'leg' })
    for (const holdId of calls) ledger.do('releaseHold', { holdId })
    expect(lots(ledger)).toEqual([[credits(2)], [credits(1)], [credits(5), 'top'], [credits(1), 'top'], [credits(1)]])
  })
})

describe('whatever happens below workflows with reserves', () => {
  test('no budget counts more than it allows', () => {
    const steps = fc.array(fc.noBias(fc.nat()), { minLength: 20, maxLength: 40, size: 'max' })
    const limits = fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(limits, steps, (most, seeds) => {
        const ledger = new OneAccount(500)
        for (const [index, scope] of [{}, { userId: 'ada' }, { apiKeyId: 'k' }, { service: 'gpt' }].entries()) {
          ledger.do('setBudget', { budgetId: `b${index}`, limit: credits(most[index] ?? 1), ...scope })
        }
        for (const [index, seed] of seeds.entries()) {
          randomStep(ledger, index, xoroshiro128plus(seed))
          for (const { used, limit } of ledger.all('budgets')) expect(used).toBeLessThanOrEqual(limit)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('budgets count what is set aside or spent by those they limit, or out of what these reserved', () => {
    const seeds = fc.array(fc.noBias(fc.nat()), { minLength: 10, maxLength: 40, size: 'max' })
    fc.assert(
      fc.property(seeds, (steps) => {
        const ledger = new OneAccount(500)
        ledger.do('grant', { grantId: 'second', amount: credits(500) })
        for (const scope of [{}, { userId: 'ada' }, { apiKeyId: 'k' }, { service: 'gpt' }]) {
          ledger.do('setBudget', { budgetId: JSON.stringify(scope), limit: credits(1_000), ...scope })
        }
        for (const [index, seed] of steps.entries()) {
          const before = spentIn(ledger)
          const charged = randomStep(ledger, index, xoroshiro128plus(seed))
          for (const [budgetId, spent] of spentIn(ledger)) {
            const more = spent - (before.get(budgetId) ?? 0n)
            // What others spend counts as well if it was reserved by those whom the budget limits.
            expect(more).toBeGreaterThanOrEqual(budgetId === '{}' ? charged : 0n)
            expect(more).toBeLessThanOrEqual(charged)
          }
        }
        expect(ledger.verify()).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})

/** What each budget counts, less what open holds have set aside that counts there. */
function spentIn(ledger: OneAccount): Map<string, bigint> {
  const open = ledger.all('holds').filter(({ state }) => state === 'open')
  return new Map(
    ledger.all('budgets').map((budget) => {
      let spent: bigint = budget.used
      for (const hold of open) {
        for (const { amount, reserves = [] } of hold.lots) {
          const owners = reserves.map((workflowId) => ({ ...ledger.workflow(workflowId), service: '*' }))
          if ([hold, ...owners].some((spender) => appliesTo(budget, spender))) spent -= amount
        }
      }
      return [budget.budgetId, spent]
    }),
  )
}

/** Does something, and returns what was charged. */
function randomStep(ledger: OneAccount, index: number, random: { next(): number }): bigint {
  const below = (count: number) => (random.next() >>> 0) % count
  const oneOf = <Item>(items: readonly Item[]) => items[below(items.length)]
  const spender = { userId: oneOf(['ada', 'bob', undefined]), apiKeyId: oneOf(['k', undefined]) }
  const ttlMs = 1_000 + below(100_000)
  const workflowId = oneOf(ledger.all('workflows'))?.workflowId
  const holds = ledger.all('holds').map((hold) => hold.holdId)
  const holdId = oneOf(holds) ?? ''
  const legId = oneOf(holds.filter((id) => !id.startsWith('reserve:'))) ?? ''
  switch (below(11)) {
    case 0:
    case 1:
      ledger.do('openWorkflow', {
        workflowId: `w${index}`,
        ...spender,
        parentId: workflowId,
        reserve: reserve(1 + below(20), ttlMs),
      })
      return 0n
    case 2:
    case 3:
    case 4:
      ledger.do('placeHold', { holdId: `h${index}`, amount: credits(1 + below(20)), workflowId, ...spender, ttlMs })
      return 0n
    case 5:
    case 6:
      ledger.do('extendHold', { holdId, amount: credits(below(25)) })
      return 0n
    case 7: {
      const usage = rated(below(25))
      const outcome = ledger.do('settleHold', { holdId: legId, usageId: `u${index}`, usage, final: below(3) === 0 })
      return outcome.status === 'charged' ? outcome.charged : 0n
    }
    case 8:
      ledger.do('releaseHold', { holdId })
      return 0n
    case 9:
      ledger.do('closeWorkflow', { workflowId: workflowId ?? '' })
      return 0n
    default:
      ledger.wait(below(20_000))
      return 0n
  }
}
