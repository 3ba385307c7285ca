import { credits, microUnits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'

describe('opening a workflow', () => {
  test('writes down all that was said of it, and counts it', () => {
    const ledger = new OneAccount()
    ledger.do('openWorkflow', { workflowId: 'top', name: 'chat', userId: 'ada', apiKeyId: 'k', businessAdapter: 'crm' })
    expect(ledger.workflow('top')).toEqual({
      accountId: 'a',
      workflowId: 'top',
      rootId: 'top',
      parentId: null,
      name: 'chat',
      businessAdapter: 'crm',
      userId: 'ada',
      apiKeyId: 'k',
      state: 'open',
      maxCredits: null,
      spent: credits(0),
      held: credits(0),
      reserve: null,
      lines: [],
      createdAt: START,
      closedAt: null,
    })
    const counted = { accountId: 'a', workflowName: 'chat', apiKeyId: 'k', userId: 'ada', opened: 1n, closed: 0n, durationMs: 0n }
    expect(ledger.all('workflow_rollups')).toMatchObject([
      { ...counted, period: 'hour', charged: 0n },
      { ...counted, period: 'day', charged: 0n },
    ])
    const child = { workflowId: 'leg', parentId: 'top', maxCredits: credits(5) }
    expect(ledger.do('openWorkflow', child)).toEqual({ status: 'opened', workflowId: 'leg', replayed: false })
    ledger.do('openWorkflow', { workflowId: 'part', parentId: 'leg' })
    expect(ledger.workflow('part')).toMatchObject({
      rootId: 'top',
      parentId: 'leg',
      userId: null,
      apiKeyId: null,
      businessAdapter: null,
    })
  })

  test('is refused under a parent that is unknown or closed, above or below, and where the id is taken', () => {
    const ledger = new OneAccount(10)
    const open = (workflowId: string, parentId?: string) => ledger.do('openWorkflow', { workflowId, parentId })
    expect(open('leg', 'nobody')).toEqual({ status: 'failed', code: 'WORKFLOW_NOT_FOUND', id: 'nobody' })
    open('top')
    open('leg', 'top')
    expect(open('leg')).toEqual({ status: 'failed', code: 'ALREADY_EXISTS', what: 'workflow', id: 'leg' })
    ledger.do('closeWorkflow', { workflowId: 'top' })
    const closed = { status: 'refused', reason: 'workflow_closed', workflowId: 'top' }
    expect(open('part', 'leg')).toEqual(closed)
    expect(open('other', 'top')).toEqual(closed)
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'leg', amount: credits(1) })).toEqual(closed)
    expect(ledger.do('charge', { usageId: 'u', workflowId: 'leg', usage: rated(1) })).toEqual(closed)
    const unknown = { status: 'failed', code: 'WORKFLOW_NOT_FOUND', id: 'nobody' }
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'nobody', amount: credits(1) })).toEqual(unknown)
    expect(ledger.do('charge', { usageId: 'u', workflowId: 'nobody', usage: rated(1) })).toEqual(unknown)
    expect(ledger.do('closeWorkflow', { workflowId: 'nobody' })).toEqual(unknown)
  })

  test('with a reserve is refused what its spender may not spend, and then not opened', () => {
    const ledger = new OneAccount(100)
    ledger.do('setBudget', { budgetId: 'ada', userId: 'ada', limit: credits(7) })
    ledger.do('setBudget', { budgetId: 'key', apiKeyId: 'k', limit: credits(6) })
    const reserve = { amount: credits(8), ttlMs: 1_000 }
    expect(ledger.do('openWorkflow', { workflowId: 'w', userId: 'ada', reserve })).toMatchObject({ budgetId: 'ada' })
    expect(ledger.do('openWorkflow', { workflowId: 'w', apiKeyId: 'k', reserve })).toMatchObject({ budgetId: 'key' })
    ledger.do('freezeAccount', { isFrozen: true })
    expect(ledger.do('openWorkflow', { workflowId: 'w', reserve })).toEqual({ status: 'refused', reason: 'account_frozen' })
    expect(ledger.all('workflows')).toEqual([])
    ledger.do('freezeAccount', { isFrozen: false })
    ledger.do('openWorkflow', { workflowId: 'top', maxCredits: credits(5) })
    expect(ledger.do('openWorkflow', { workflowId: 'w', parentId: 'top', reserve })).toEqual({
      status: 'refused',
      reason: 'workflow_ceiling',
      workflowId: 'top',
      available: credits(5),
      requested: credits(8),
    })
  })
})

describe('a ceiling', () => {
  test('is shared with everything below it, spent and held', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'top', maxCredits: credits(20) })
    ledger.do('openWorkflow', { workflowId: 'leg', parentId: 'top', maxCredits: credits(20) })
    ledger.do('charge', { usageId: 'u', workflowId: 'leg', usage: rated(4) })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'leg', amount: credits(5) })
    expect([ledger.workflow('top'), ledger.workflow('leg')]).toMatchObject([
      { spent: credits(4), held: credits(5) },
      { spent: credits(4), held: credits(5) },
    ])
    // Of equals the lowest is named.
    expect(ledger.do('charge', { usageId: 'v', workflowId: 'leg', usage: rated(12) })).toMatchObject({
      reason: 'workflow_ceiling',
      workflowId: 'leg',
      available: credits(11),
      requested: credits(12),
    })
    ledger.do('charge', { usageId: 'v', workflowId: 'top', usage: rated(2) })
    expect(ledger.do('charge', { usageId: 'x', workflowId: 'leg', usage: rated(12) })).toMatchObject({
      workflowId: 'top',
      available: credits(9),
    })
    expect(ledger.do('charge', { usageId: 'x', workflowId: 'leg', usage: rated(12), overage: 'cap' })).toMatchObject({
      charged: credits(9),
      shortfall: credits(3),
      affordable: credits(0),
    })
    expect([ledger.workflow('top').spent, ledger.workflow('leg').spent]).toEqual([credits(15), credits(13)])
  })

  test('of what is all used up leaves nothing, and budgets are named before it, and it before the balance', () => {
    const ledger = new OneAccount(10)
    ledger.do('openWorkflow', { workflowId: 'w', maxCredits: credits(8) })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(8), overage: 'debt' })
    expect(ledger.do('placeHold', { holdId: 'i', workflowId: 'w', amount: credits(5) })).toMatchObject({
      reason: 'workflow_ceiling',
      available: credits(0),
    })
    ledger.do('setBudget', { budgetId: 'b', limit: credits(1) })
    expect(ledger.do('placeHold', { holdId: 'i', workflowId: 'w', amount: credits(5) })).toMatchObject({
      reason: 'budget_exceeded',
    })
    expect(ledger.do('placeHold', { holdId: 'i', workflowId: 'w', amount: credits(1) })).toMatchObject({
      reason: 'workflow_ceiling',
    })
    ledger.do('freezeAccount', { isFrozen: true })
    expect(ledger.do('placeHold', { holdId: 'i', workflowId: 'w', amount: credits(5) })).toEqual({
      status: 'refused',
      reason: 'account_frozen',
    })
  })

  test('exactly as high as what is asked for is high enough, and so are a budget and the balance', () => {
    const ledger = new OneAccount(8)
    ledger.do('openWorkflow', { workflowId: 'w', maxCredits: credits(8) })
    ledger.do('setBudget', { budgetId: 'b', limit: credits(8) })
    expect(ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(8) })).toMatchObject({
      status: 'held',
      affordable: credits(0),
    })
  })
})

describe('closing a workflow', () => {
  test('releases its own holds and says what it came to; once more says the same and changes nothing', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w', name: 'chat', userId: 'ada', apiKeyId: 'k' })
    ledger.do('openWorkflow', { workflowId: 'other' })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(5), ttlMs: 9_000 })
    ledger.do('placeHold', { holdId: 'i', workflowId: 'w', amount: credits(6), ttlMs: 9_000 })
    ledger.do('placeHold', { holdId: 'o', workflowId: 'other', amount: credits(7), ttlMs: 9_000 })
    ledger.do('placeHold', { holdId: 'n', amount: credits(8), ttlMs: 9_000 })
    ledger.do('charge', { usageId: 'u', workflowId: 'w', usage: rated(3) })
    ledger.now += 40
    const closed = { status: 'closed', workflowId: 'w', spent: credits(3), durationMs: 40, replayed: false }
    expect(ledger.do('closeWorkflow', { workflowId: 'w', announce: true })).toEqual(closed)
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(5)],
      ['available', credits(5)],
      ['held', -credits(6)],
      ['available', credits(6)],
    ])
    expect(ledger.all('holds').map(({ holdId, state, endedAt }) => [holdId, state, endedAt])).toEqual([
      ['h', 'released', START + 40],
      ['i', 'released', START + 40],
      ['o', 'open', null],
      ['n', 'open', null],
    ])
    expect(ledger.workflow('w')).toMatchObject({ state: 'closed', closedAt: START + 40, held: credits(0) })
    expect(ledger.account.held).toBe(credits(15))
    const data = { workflowId: 'w', name: 'chat', spent: '3000000', durationMs: 40 }
    expect(ledger.events).toEqual([['workflow_closed', data]])
    const counts = ledger
      .all('workflow_rollups')
      .filter(({ workflowName, period }) => workflowName === 'chat' && period === 'hour')
    expect(counts.find(({ userId }) => userId === 'ada')).toMatchObject({ opened: 1n, closed: 1n, durationMs: 40n })

    ledger.now += 40
    expect(ledger.do('closeWorkflow', { workflowId: 'w', announce: true })).toEqual(closed)
    expect(ledger.entry.postings).toEqual([])
    expect(ledger.workflow('w').closedAt).toBe(START + 40)
    expect(ledger.events).toHaveLength(1)
    expect(ledger.verify()).toEqual([])
  })

  test('lets its reserve go last, when it has got back what holds drew from it', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w', reserve: { amount: credits(30), ttlMs: 9_000 } })
    ledger.now += 5
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(40) })
    ledger.do('closeWorkflow', { workflowId: 'w' })
    expect(ledger.entry.postings).toEqual([
      ['held', -credits(10)],
      ['available', credits(10)],
      ['held', -credits(30)],
      ['available', credits(30)],
    ])
    expect(ledger.account.held).toBe(credits(0))
  })

  test('is told only where that was asked for', () => {
    const ledger = new OneAccount()
    ledger.do('openWorkflow', { workflowId: 'w' })
    ledger.do('closeWorkflow', { workflowId: 'w' })
    expect(ledger.events).toEqual([])
  })
})

describe('a charge that closes', () => {
  test('gives back what was held before, also where its own hold is placed in the same batch', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w' })
    ledger.do('placeHold', { holdId: 'before', workflowId: 'w', amount: credits(30) })
    const work = { service: 'gpt', provider: 'x' }
    const hold = { ...work, holdId: 'h', workflowId: 'w', amount: credits(5), ttlMs: 1_000, graceMs: 10, overage: 'cap' } as const
    const settlement = { holdId: 'h', usageId: 'h', usage: rated(4), final: true, closesWorkflow: true }
    const outcomes = ledger.commit([
      { verb: 'placeHold', accountId: 'a', idempotencyKey: null, input: hold },
      { verb: 'settleHold', accountId: 'a', idempotencyKey: 'usage:h', input: settlement },
    ])
    expect(outcomes).toMatchObject([{ status: 'held' }, { status: 'charged', available: credits(96) }])
    expect(ledger.hold('before')).toMatchObject({ state: 'released', remaining: credits(0) })
    expect(ledger.workflow('w')).toMatchObject({ state: 'closed', held: credits(0), spent: credits(4) })
  })
})

describe('a line of the receipt', () => {
  test('is what one provider did for one service in one unit, rounded up once', () => {
    const ledger = new OneAccount(100)
    ledger.do('openWorkflow', { workflowId: 'w' })
    const usage = (tenths: number, more = {}) => rated(0, { rated: credits(`0.${tenths}`), ...more })
    const charge = (usageId: string, more: object) => ledger.do('charge', { usageId, workflowId: 'w', usage: usage(4), ...more })
    expect(charge('u1', {})).toMatchObject({ charged: credits(1) })
    expect(charge('u2', { usage: usage(4, { priceVersion: 'v2' }) })).toMatchObject({ charged: credits(0) })
    expect(charge('u3', {})).toMatchObject({ charged: credits(1) })
    expect(charge('u4', { service: 'phone' })).toMatchObject({ charged: credits(1) })
    expect(charge('u5', { provider: 'y' })).toMatchObject({ charged: credits(1) })
    expect(charge('u6', { usage: usage(4, { unit: 'minutes' }) })).toMatchObject({ charged: credits(1) })
    ledger.do('placeHold', { holdId: 'h', workflowId: 'w', amount: credits(5) })
    // 1.2 were rated on the line before, and 2 were billed.
    expect(ledger.do('settleHold', { holdId: 'h', usageId: 'h', usage: usage(9) })).toMatchObject({ charged: credits(1) })
    const line = { service: 'gpt', provider: 'x', unit: 'tokens', quantity: microUnits(7n), priceVersion: null }
    const one = { rated: credits('0.4'), charged: credits(1), shortfall: credits(0) }
    expect(ledger.workflow('w').lines).toEqual([
      {
        ...line,
        rated: credits('2.1'),
        charged: credits(3),
        shortfall: credits(0),
        quantity: microUnits(28n),
        priceVersion: 'v2',
      },
      { ...line, ...one, service: 'phone' },
      { ...line, ...one, provider: 'y' },
      { ...line, ...one, unit: 'minutes' },
    ])
    expect(ledger.workflow('w').spent).toBe(credits(6))
    const counted = ledger.all('workflow_rollups').find(({ period }) => period === 'day')
    expect(counted).toMatchObject({ opened: 1n, closed: 0n, charged: credits(6) })
  })
})
