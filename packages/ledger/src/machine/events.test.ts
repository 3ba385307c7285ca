import { credits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'

const low = (balance: number, threshold: number) => [
  'balance_low',
  { balance: `${credits(balance)}`, threshold: `${credits(threshold)}` },
]
const needed = (balance: number, threshold: number, amount: number) => [
  'top_up_needed',
  { balance: `${credits(balance)}`, threshold: `${credits(threshold)}`, amount: `${credits(amount)}` },
]
const spend = (ledger: OneAccount, usageId: string, amount: number) => ledger.do('charge', { usageId, usage: rated(amount) })

describe('a low balance', () => {
  test('is told when it falls below the line, not when it touches it, and again after it was above', () => {
    const ledger = new OneAccount(100)
    expect(ledger.do('setAlerts', { balanceLow: credits(50) })).toEqual({ status: 'set', replayed: false })
    spend(ledger, 'u1', 50)
    expect(ledger.events).toEqual([])
    spend(ledger, 'u2', 1)
    expect(ledger.events).toEqual([low(49, 50)])
    spend(ledger, 'u3', 1)
    expect(ledger.events).toHaveLength(1)
    ledger.do('grant', { grantId: 'g', amount: credits(2) })
    spend(ledger, 'u4', 1)
    expect(ledger.events).toEqual([low(49, 50), low(49, 50)])
    expect(new Set(ledger.all('events').map(({ eventId }) => eventId)).size).toBe(2)
  })

  test('is told when a grant expires, and at once where the line is drawn above the balance', () => {
    const ledger = new OneAccount(10)
    ledger.do('grant', { grantId: 'g', amount: credits(90), expiresAt: START + 100 })
    ledger.do('setAlerts', { balanceLow: credits(50) })
    ledger.wait(100)
    expect(ledger.events).toEqual([low(10, 50)])
    ledger.do('setAlerts', { balanceLow: credits(50) })
    expect(ledger.events).toHaveLength(1)
    ledger.do('setAlerts', { balanceLow: credits(10) })
    expect(ledger.events).toHaveLength(1)
    ledger.do('setAlerts', { balanceLow: credits(11) })
    expect(ledger.events).toEqual([low(10, 50), low(10, 11)])
    ledger.do('setAlerts', {})
    expect(ledger.account.alerts).toBeNull()
    spend(ledger, 'u', 1)
    expect(ledger.events).toHaveLength(2)
  })
})

test('a line that is crossed while another is drawn above the balance is told beside that one', () => {
  const ledger = new OneAccount(10)
  ledger.do('grant', { grantId: 'g', amount: credits(90), expiresAt: START + 100 })
  ledger.do('setAlerts', { balanceLow: credits(50) })
  ledger.now += 100
  ledger.do('setAlerts', { balanceLow: credits(60) })
  expect(ledger.events).toEqual([low(10, 50), low(10, 60)])
})

describe('a top-up', () => {
  const topUp = { at: credits(50), amount: credits(200) }

  test('is asked for once, and again when the awaited one has come and was too small', () => {
    const ledger = new OneAccount(100)
    ledger.do('setAlerts', { topUp })
    spend(ledger, 'u1', 50)
    expect(ledger.account.alerts).toEqual({ balanceLow: null, topUp, pendingTopUpId: null })
    spend(ledger, 'u2', 20)
    expect(ledger.events).toEqual([needed(30, 50, 200)])
    const [event] = ledger.all('events')
    const topUpId = event?.eventId ?? ''
    expect(ledger.account.alerts).toEqual({ balanceLow: null, topUp, pendingTopUpId: topUpId })
    ledger.do('grant', { grantId: 'g1', amount: credits(30) })
    spend(ledger, 'u3', 30)
    expect(ledger.events).toHaveLength(1)

    expect(ledger.do('grant', { grantId: 'g2', amount: credits(5), topUpId: 'another' })).toMatchObject({
      code: 'INVALID_INPUT',
      field: 'topUpId',
    })
    expect(ledger.do('grant', { grantId: 'g2', amount: credits(5), topUpId })).toMatchObject({ status: 'granted' })
    expect(ledger.events).toEqual([needed(30, 50, 200), needed(35, 50, 200)])
    const second = ledger.account.alerts?.pendingTopUpId ?? ''
    expect(second).not.toBe(topUpId)
    ledger.do('grant', { grantId: 'g3', amount: credits(200), topUpId: second })
    expect(ledger.account.alerts).toEqual({ balanceLow: null, topUp, pendingTopUpId: null })
    expect(ledger.events).toHaveLength(2)
  })

  test('that begins later answers when it begins, by the balance of then, and can be given up until then', () => {
    const ledger = new OneAccount(10)
    ledger.do('setAlerts', { topUp })
    const first = ledger.account.alerts?.pendingTopUpId ?? ''
    const brief = { grantId: 'brief', effectiveAt: START + 10, expiresAt: START + 20, topUpId: first }
    ledger.do('grant', { ...brief, amount: credits(90) })
    expect(ledger.account.alerts).toEqual({ balanceLow: null, topUp, pendingTopUpId: first, pendingGrantId: 'brief' })
    ledger.wait(30)
    expect(ledger.events).toEqual([needed(10, 50, 200), needed(10, 50, 200)])
    const second = ledger.account.alerts?.pendingTopUpId ?? ''
    expect(ledger.account.alerts).toEqual({ balanceLow: null, topUp, pendingTopUpId: second })
    ledger.do('grant', { grantId: 'late', amount: credits(5), effectiveAt: START + 90, topUpId: second })
    expect(ledger.do('cancelTopUp', { topUpId: second })).toMatchObject({ status: 'cancelled' })
    ledger.wait(90)
    expect(ledger.account).toMatchObject({ posted: credits(15), alerts: { pendingTopUpId: null } })
    expect(ledger.events).toHaveLength(2)
  })

  test('that begins later is awaited whatever happens meanwhile, and is over when its grant is revoked or charged back', () => {
    for (const verb of ['revokeGrant', 'chargeback'] as const) {
      const ledger = new OneAccount(10)
      ledger.do('setAlerts', { topUp })
      const topUpId = ledger.account.alerts?.pendingTopUpId ?? ''
      const later = { amount: credits(90), effectiveAt: START + 90, topUpId }
      ledger.do('grant', { grantId: 'later', ...later })
      ledger.do('grant', { grantId: 'gift', amount: credits(1), effectiveAt: START + 5 })
      ledger.wait(10)
      spend(ledger, 'u', 2)
      ledger.do(verb, { grantId: 'gift' })
      expect(ledger.account.alerts).toMatchObject({ pendingTopUpId: topUpId, pendingGrantId: 'later' })
      expect(ledger.do('grant', { grantId: 'again', ...later })).toMatchObject({ code: 'INVALID_INPUT', field: 'topUpId' })
      ledger.do(verb, { grantId: 'later' })
      expect(ledger.account.alerts).toEqual({ balanceLow: null, topUp, pendingTopUpId: null })
      expect(ledger.events).toEqual([needed(10, 50, 200)])
      expect(ledger.verify()).toEqual([])
    }
  })

  test('that was given up is asked for when the balance falls below the line again', () => {
    const ledger = new OneAccount(100)
    ledger.do('setAlerts', { topUp, balanceLow: credits(60) })
    spend(ledger, 'u1', 60)
    const topUpId = ledger.account.alerts?.pendingTopUpId ?? ''
    expect(ledger.do('cancelTopUp', { topUpId: 'another' })).toMatchObject({ code: 'INVALID_INPUT', field: 'topUpId' })
    expect(ledger.do('cancelTopUp', { topUpId })).toEqual({ status: 'cancelled', topUpId, replayed: false })
    expect(ledger.account.alerts).toEqual({ balanceLow: credits(60), topUp, pendingTopUpId: null })
    expect(ledger.do('cancelTopUp', { topUpId })).toMatchObject({ code: 'INVALID_INPUT' })
    spend(ledger, 'u2', 1)
    expect(ledger.events).toEqual([low(40, 60), needed(40, 50, 200)])
    ledger.do('grant', { grantId: 'g', amount: credits(30) })
    spend(ledger, 'u3', 20)
    expect(ledger.events.at(-1)).toEqual(needed(49, 50, 200))
  })

  test('is asked for at once where the line is drawn above the balance, and is awaited still when lines change', () => {
    const ledger = new OneAccount(50)
    ledger.do('setAlerts', { topUp })
    expect(ledger.events).toEqual([])
    ledger.do('setAlerts', { topUp: { at: credits(51), amount: credits(7) } })
    expect(ledger.events).toEqual([needed(50, 51, 7)])
    const pendingTopUpId = ledger.account.alerts?.pendingTopUpId
    ledger.do('setAlerts', { topUp: { at: credits(60), amount: credits(8) } })
    expect(ledger.events).toHaveLength(1)
    ledger.do('setAlerts', {})
    expect(ledger.account.alerts).toEqual({ balanceLow: null, topUp: null, pendingTopUpId })
    ledger.do('cancelTopUp', { topUpId: pendingTopUpId ?? '' })
    expect(ledger.account.alerts).toBeNull()
    expect(ledger.do('cancelTopUp', { topUpId: 'x' })).toMatchObject({ code: 'INVALID_INPUT' })
    expect(ledger.do('grant', { grantId: 'g', amount: credits(1), topUpId: 'x' })).toMatchObject({ code: 'INVALID_INPUT' })
  })

  test('can be wanted where only a line was drawn before, and arrives though no other is wanted any more', () => {
    const ledger = new OneAccount(40)
    ledger.do('setAlerts', { balanceLow: credits(5) })
    ledger.do('setAlerts', { balanceLow: credits(5), topUp })
    const topUpId = ledger.account.alerts?.pendingTopUpId ?? ''
    expect(ledger.events).toEqual([needed(40, 50, 200)])
    ledger.do('setAlerts', {})
    expect(ledger.do('grant', { grantId: 'g', amount: credits(1), topUpId })).toMatchObject({ status: 'granted' })
    expect(ledger.account.alerts).toBeNull()
    expect(ledger.events).toHaveLength(1)
  })

  test('is not asked for again where only its amount changes while the balance is below the line', () => {
    const ledger = new OneAccount(40)
    ledger.do('setAlerts', { topUp })
    ledger.do('cancelTopUp', { topUpId: ledger.account.alerts?.pendingTopUpId ?? '' })
    ledger.do('setAlerts', { topUp: { at: credits(50), amount: credits(9) } })
    expect(ledger.events).toHaveLength(1)
  })
})

describe('the use of a budget', () => {
  const crossed = (percent: number, used: number) => [
    'limit_crossed',
    {
      budgetId: 'b',
      percent,
      used: `${credits(used)}`,
      limit: `${credits(20)}`,
      mode: 'warn',
      period: 'minute',
      resetsAt: START + 30_000,
    },
  ]

  test('is told at each share that it reaches: once in a window, of several the highest', () => {
    const ledger = new OneAccount(100)
    const budget = { budgetId: 'b', period: 'minute', mode: 'warn', limit: credits(20) } as const
    ledger.do('setBudget', { ...budget, alertsAtPercent: [100, 50, 80] })
    spend(ledger, 'u1', 9)
    expect(ledger.events).toEqual([])
    spend(ledger, 'u2', 1)
    expect(ledger.events).toEqual([crossed(50, 10)])
    ledger.do('placeHold', { holdId: 'h', amount: credits(10) })
    expect(ledger.events).toEqual([crossed(50, 10), crossed(100, 20)])
    ledger.do('releaseHold', { holdId: 'h' })
    spend(ledger, 'u3', 8)
    expect(ledger.events).toHaveLength(2)
    // The next minute, of which nothing is used yet, has crossed nothing.
    ledger.now = START + 30_000
    ledger.do('setBudget', { ...budget, limit: credits(10), alertsAtPercent: [50] })
    expect(ledger.events).toHaveLength(2)
    spend(ledger, 'u4', 5)
    expect(ledger.events[2]).toMatchObject(['limit_crossed', { percent: 50, used: '5000000', resetsAt: START + 90_000 }])
    expect(new Set(ledger.all('events').map(({ eventId }) => eventId)).size).toBe(3)
  })

  test('is told of each budget that one change takes across', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(20), alertsAtPercent: [80] })
    ledger.do('setBudget', { budgetId: 'c', limit: credits(10), alertsAtPercent: [80] })
    ledger.do('charge', { usageId: 'u', usage: rated(30), overage: 'cap' })
    expect(ledger.events.map(([, { budgetId, percent }]) => [budgetId, percent])).toEqual([['c', 80]])
    ledger.do('setBudget', { budgetId: 'c', limit: credits(20), alertsAtPercent: [80] })
    spend(ledger, 'v', 10)
    expect(ledger.events.slice(1).map(([, { budgetId, percent }]) => [budgetId, percent])).toEqual([
      ['b', 80],
      ['c', 80],
    ])
  })

  test('for ever has no day on which it starts again, and a lower limit is crossed by being set', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(20), alertsAtPercent: [80] })
    spend(ledger, 'u1', 8)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(10), alertsAtPercent: [80] })
    const data = { budgetId: 'b', percent: 80, used: '8000000', limit: '10000000', mode: 'block', period: 'total' }
    expect(ledger.events).toEqual([['limit_crossed', data]])
  })

  test('of nothing is no share, not even of a limit of nothing', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'b', limit: credits(0), alertsAtPercent: [80] })
    expect(ledger.events).toEqual([])
  })
})

describe('the delivery of an event', () => {
  function withEvent(): { ledger: OneAccount; eventId: string; event: () => object | undefined } {
    const ledger = new OneAccount(100)
    ledger.do('setAlerts', { balanceLow: credits(101) })
    const event = () => ledger.all('events')[0]
    return { ledger, eventId: event()?.eventId ?? '', event }
  }

  test('begins by taking it, which one of many can, until a time', () => {
    const { ledger, eventId, event } = withEvent()
    expect(event()).toMatchObject({ createdAt: START, dueAt: START, attempts: 0, deliveredAt: null, error: null, accountId: 'a' })
    const claim = (until: number) => ledger.do('claimEvent', { eventId, until }, null)
    expect(claim(START + 100)).toEqual({ status: 'claimed', isClaimed: true, attempts: 1, replayed: false })
    expect(event()).toMatchObject({ dueAt: START + 100, attempts: 1 })
    ledger.now += 99
    expect(claim(START + 900)).toEqual({ status: 'claimed', isClaimed: false, attempts: 1, replayed: false })
    expect(event()).toMatchObject({ dueAt: START + 100 })
    ledger.now += 1
    expect(claim(START + 900)).toMatchObject({ isClaimed: true, attempts: 2 })
  })

  test('that failed is due again, or given up, and may be asked for again', () => {
    const { ledger, eventId, event } = withEvent()
    const noted = { status: 'noted', replayed: false }
    expect(ledger.do('endDelivery', { eventId, error: 'down', delayMs: START + 50 - ledger.now }, null)).toEqual(noted)
    expect(event()).toMatchObject({ dueAt: START + 50, deliveredAt: null, error: 'down' })
    ledger.do('endDelivery', { eventId, error: 'gone' }, null)
    expect(event()).toMatchObject({ dueAt: null, deliveredAt: null, error: 'gone' })
    expect(ledger.do('claimEvent', { eventId, until: START + 9 }, null)).toMatchObject({ isClaimed: false })
    ledger.now += 5
    expect(ledger.do('retryEvent', { eventId }, null)).toEqual({ status: 'due', isDelivered: false, replayed: false })
    expect(event()).toMatchObject({ dueAt: START + 5 })
  })

  test('that succeeded stays so, whatever a slower process says', () => {
    const { ledger, eventId, event } = withEvent()
    ledger.now += 7
    ledger.do('endDelivery', { eventId, delayMs: START + 50 - ledger.now }, null)
    const delivered = { dueAt: null, deliveredAt: START + 7, error: null }
    expect(event()).toMatchObject(delivered)
    ledger.now += 1
    ledger.do('endDelivery', { eventId, error: 'down', delayMs: START + 50 - ledger.now }, null)
    expect(event()).toMatchObject(delivered)
    expect(ledger.do('retryEvent', { eventId }, null)).toMatchObject({ isDelivered: true })
    expect(event()).toMatchObject(delivered)
    expect(ledger.do('claimEvent', { eventId, until: START + 99 }, null)).toMatchObject({ isClaimed: false })
  })

  test('of an event that is unknown fails', () => {
    const { ledger } = withEvent()
    const unknown = { status: 'failed', code: 'EVENT_NOT_FOUND', id: 'nobody' }
    expect(ledger.do('claimEvent', { eventId: 'nobody', until: 1 }, null)).toEqual(unknown)
    expect(ledger.do('endDelivery', { eventId: 'nobody' }, null)).toEqual(unknown)
    expect(ledger.do('retryEvent', { eventId: 'nobody' }, null)).toEqual(unknown)
  })
})
