import { credits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'

const MINUTE = 60_000
/** The start of the minute in which the account is opened, half a minute before. */
const WINDOW = START - 30_000

describe('the window of a budget', () => {
  test('ends at its very end, and the next begins at nothing', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', period: 'minute', limit: credits(10), alertsAtPercent: [50] })
    ledger.do('charge', { usageId: 'u', usage: rated(9) })
    expect(ledger.budget('b')).toMatchObject({ windowStart: WINDOW, windowEnd: WINDOW + MINUTE, alertedPercent: 50 })
    ledger.now = WINDOW + MINUTE - 1
    const refusal = { status: 'refused', reason: 'budget_exceeded', budgetId: 'b', limit: credits(10), requested: credits(9) }
    expect(ledger.do('charge', { usageId: 'v', usage: rated(9) })).toEqual({
      ...refusal,
      available: credits(1),
      resetsAt: WINDOW + MINUTE,
    })
    ledger.now += 1
    expect(ledger.do('charge', { usageId: 'v', usage: rated(2) })).toMatchObject({ charged: credits(2), affordable: credits(8) })
    const next = { windowStart: WINDOW + MINUTE, windowEnd: WINDOW + 2 * MINUTE }
    expect(ledger.budget('b')).toMatchObject({ ...next, used: credits(2), alertedPercent: 0 })
  })

  test('stays as it was for what a hold gives back after it', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', period: 'minute', limit: credits(60) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(30), ttlMs: 9 * MINUTE })
    ledger.now += MINUTE
    ledger.do('extendHold', { holdId: 'h', amount: credits(40) })
    const [first, second] = [WINDOW, WINDOW + MINUTE].map((windowStart) => ({ budgetId: 'b', windowStart }))
    expect(ledger.budget('b').used).toBe(credits(10))
    expect(ledger.hold('h').budgets).toEqual([
      { ...first, amount: credits(30) },
      { ...second, amount: credits(10) },
    ])
    ledger.do('extendHold', { holdId: 'h', amount: credits(36) })
    expect(ledger.budget('b').used).toBe(credits(6))
    // Six of these were counted in this minute, and the rest in one that is over.
    ledger.do('extendHold', { holdId: 'h', amount: credits(26) })
    expect(ledger.budget('b').used).toBe(credits(0))
    expect(ledger.hold('h').budgets).toMatchObject([{ amount: credits(26) }, { amount: credits(0) }])
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.budget('b').used).toBe(credits(0))
  })

  test('does not begin by an extension under a closed workflow, which is refused whatever the budget says', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', period: 'minute', limit: credits(60) })
    ledger.do('openWorkflow', { workflowId: 'w' })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(30), ttlMs: 9 * MINUTE })
    ledger.do('closeWorkflow', { workflowId: 'w', keepsHolds: true })
    const before = ledger.dump()
    ledger.now += MINUTE
    const refusal = { status: 'refused', reason: 'workflow_closed', workflowId: 'w' }
    expect(ledger.do('extendHold', { holdId: 'h', amount: credits(40) })).toEqual(refusal)
    expect(ledger.dump()).toEqual(before)
  })

  test('has one use of a hold, however often that is extended in it', () => {
    const ledger = new OneAccount(1_000)
    for (const budgetId of ['a', 'b']) ledger.do('setBudget', { budgetId, period: 'minute', limit: credits(900) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(3), ttlMs: 9 * MINUTE })
    ledger.now = WINDOW + MINUTE
    for (let second = 0; second < 60; second++) {
      ledger.do('settleHold', { holdId: 'h', usageId: `part ${second}`, usage: rated(1), final: false })
      ledger.do('extendHold', { holdId: 'h', amount: credits(3) })
      ledger.now += 1_000
    }
    const use = (budgetId: string, windowStart: number, amount: number) => ({ budgetId, windowStart, amount: credits(amount) })
    expect(ledger.hold('h').budgets).toEqual([
      use('a', WINDOW, 3),
      use('b', WINDOW, 3),
      use('a', WINDOW + MINUTE, 60),
      use('b', WINDOW + MINUTE, 60),
    ])
    ledger.now -= 1_000
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.budget('a').used).toBe(credits(57))
  })

  test('gets a refund back from its first moment on, but not of work that may be older than the budget', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', period: 'minute', limit: credits(60) })
    ledger.do('charge', { usageId: 'same', usage: rated(5) })
    ledger.do('refund', { usageId: 'same', correctionId: 'r1' })
    expect(ledger.budget('b').used).toBe(credits(5))
    ledger.now = WINDOW + MINUTE - 1
    ledger.do('charge', { usageId: 'last', usage: rated(6) })
    expect(ledger.budget('b').used).toBe(credits(11))
    ledger.now += 1
    ledger.do('charge', { usageId: 'first', usage: rated(7) })
    ledger.do('refund', { usageId: 'last', correctionId: 'r2' })
    expect(ledger.budget('b').used).toBe(credits(7))
    ledger.do('refund', { usageId: 'first', correctionId: 'r3', amount: credits(3) })
    expect(ledger.budget('b').used).toBe(credits(4))
  })
})

describe('of several budgets', () => {
  const limits = [
    { budgetId: 'minute', period: 'minute', limit: credits(10) },
    { budgetId: 'month', period: 'month', limit: credits(10) },
    { budgetId: 'total', period: 'total', limit: credits(10) },
  ] as const
  const refused = (ledger: OneAccount) => ledger.do('placeHold', { holdId: 'h', amount: credits(11) })

  test.each([
    ['minute', ['minute']],
    ['month', ['minute', 'month']],
    ['month', ['month', 'minute']],
    ['total', ['minute', 'month', 'total']],
    ['total', ['total', 'month', 'minute']],
  ])('with equally much left, %s of %j is named: it starts again last', (name, chosen) => {
    const ledger = new OneAccount(100)
    for (const each of chosen) ledger.do('setBudget', limits.find(({ budgetId }) => budgetId === each) ?? limits[0])
    expect(refused(ledger)).toMatchObject({ reason: 'budget_exceeded', budgetId: name })
  })

  test.each([[['a', 'b']], [['b', 'a']]])('that are equal in that too, the first by name is named: of %j', (chosen) => {
    const ledger = new OneAccount(100)
    for (const budgetId of chosen) ledger.do('setBudget', { budgetId, limit: credits(10) })
    expect(refused(ledger)).toEqual({
      status: 'refused',
      reason: 'budget_exceeded',
      budgetId: 'a',
      limit: credits(10),
      available: credits(10),
      requested: credits(11),
    })
  })

  test('the one with the least left limits, whichever ends when, and one that only warns never does', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'total', limit: credits(10) })
    ledger.do('setBudget', { budgetId: 'minute', period: 'minute', limit: credits(9) })
    ledger.do('setBudget', { budgetId: 'warn', limit: credits(1), mode: 'warn' })
    expect(refused(ledger)).toMatchObject({ budgetId: 'minute', available: credits(9) })
    ledger.do('setBudget', { budgetId: 'minute', period: 'minute', limit: credits(11) })
    expect(refused(ledger)).toMatchObject({ budgetId: 'total', available: credits(10) })
    expect(ledger.do('placeHold', { holdId: 'h', amount: credits(10) })).toMatchObject({ affordable: credits(0) })
    expect(ledger.budget('warn').used).toBe(credits(10))
  })

  test('work counts in those of its service, user and key, and in no others', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'all', limit: credits(90) })
    ledger.do('setBudget', { budgetId: 'gpt', service: 'gpt', limit: credits(90) })
    ledger.do('setBudget', { budgetId: 'phone', service: 'phone', limit: credits(90) })
    ledger.do('setBudget', { budgetId: 'ada', userId: 'ada', limit: credits(90) })
    ledger.do('setBudget', { budgetId: 'key', apiKeyId: 'k', limit: credits(90) })
    ledger.do('setBudget', { budgetId: 'ada-gpt', userId: 'ada', service: 'gpt', limit: credits(90) })
    ledger.do('charge', { usageId: 'u1', usage: rated(1) })
    ledger.do('charge', { usageId: 'u2', usage: rated(2), userId: 'ada' })
    ledger.do('charge', { usageId: 'u4', usage: rated(4), apiKeyId: 'k', userId: 'bob' })
    ledger.do('charge', { usageId: 'u8', usage: rated(8), service: 'phone', userId: 'ada' })
    const used = Object.fromEntries(ledger.all('budgets').map((row) => [row.budgetId, row.used]))
    expect(used).toEqual({
      all: credits(15),
      gpt: credits(7),
      phone: credits(8),
      ada: credits(10),
      key: credits(4),
      'ada-gpt': credits(2),
    })
  })
})

test('where more was used than a limit that was lowered, nothing is left, and not less', () => {
  const ledger = new OneAccount(100)
  ledger.do('setBudget', { budgetId: 'b', limit: credits(10) })
  ledger.do('charge', { usageId: 'u', usage: rated(8) })
  ledger.do('setBudget', { budgetId: 'b', limit: credits(5) })
  expect(ledger.do('placeHold', { holdId: 'h', amount: credits(1) })).toMatchObject({ available: credits(0) })
  expect(ledger.do('charge', { usageId: 'v', usage: rated(3), overage: 'cap' })).toMatchObject({
    charged: credits(0),
    shortfall: credits(3),
  })
})

describe('setting a budget again', () => {
  test('keeps what was used when only its limit, mode or alerts change', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(10), alertsAtPercent: [50] })
    ledger.do('placeHold', { holdId: 'h', amount: credits(8) })
    expect(ledger.budget('b').alertedPercent).toBe(50)
    ledger.now += 5
    ledger.do('setBudget', { budgetId: 'b', limit: credits(10), mode: 'warn', alertsAtPercent: [50, 90] })
    expect(ledger.budget('b')).toMatchObject({ mode: 'warn', alertsAtPercent: [50, 90], alertedPercent: 50, createdAt: START })
    expect(ledger.events).toHaveLength(1)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(40), alertsAtPercent: [50] })
    expect(ledger.budget('b')).toMatchObject({ limit: credits(40), used: credits(8), alertedPercent: 0 })
    ledger.do('releaseHold', { holdId: 'h' })
    expect(ledger.budget('b').used).toBe(credits(0))
  })

  test.each([
    { userId: 'ada' },
    { apiKeyId: 'k' },
    { service: 'gpt' },
    { period: 'month' },
    { timeZone: 'Asia/Kathmandu' },
  ] as const)('for another window or other work begins at nothing, and what holds counted stays out of it: %j', (change) => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(50) })
    ledger.do('placeHold', { holdId: 'only', amount: credits(2) })
    ledger.do('setBudget', { budgetId: 'other', limit: credits(50) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(8) })
    ledger.now += 5
    ledger.do('setBudget', { budgetId: 'b', limit: credits(50), ...change })
    expect(ledger.budget('b')).toMatchObject({ ...change, used: credits(0), alertedPercent: 0, createdAt: START + 5 })
    expect(ledger.hold('h').budgets).toEqual([{ budgetId: 'other', windowStart: 0, amount: credits(8) }])
    expect(ledger.hold('only').budgets).toEqual([])
    ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: rated(3) })
    expect([ledger.budget('b').used, ledger.budget('other').used]).toEqual([credits(0), credits(3)])
  })
})
