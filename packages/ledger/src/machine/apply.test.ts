import { credits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import type { Operation } from '../operations.ts'
import { MemoryRows, START } from '../testing/memory-rows.ts'
import { OneAccount, rated } from '../testing/one-account.ts'
import { runBatch } from './batch.ts'

const open = (accountId: string, idempotencyKey: string | null): Operation => ({
  verb: 'openAccount',
  accountId,
  idempotencyKey,
  input: { name: 'Ada', creditLimit: credits(3), debtLimit: credits(4) },
})
const grant = (accountId: string, grantId: string, amount: number): Operation => ({
  verb: 'grant',
  accountId,
  idempotencyKey: grantId,
  input: { grantId, amount: credits(amount), source: 'purchase', priority: 100 },
})

describe('an account', () => {
  test('is opened once, with nothing in it', () => {
    const rows = new MemoryRows()
    expect(rows.commit([open('a', 'k1')])).toEqual([{ status: 'opened', accountId: 'a', replayed: false }])
    const { chainHash, ...account } = rows.account
    expect(chainHash).toMatch(/^[0-9a-f]{64}$/)
    expect(account).toEqual({
      accountId: 'a',
      name: 'Ada',
      creditLimit: credits(3),
      debtLimit: credits(4),
      posted: credits(0),
      held: credits(0),
      debt: credits(0),
      creditHeld: credits(0),
      nextDueAt: null,
      hasBudgets: false,
      isFrozen: false,
      alerts: null,
      sequence: 1,
      createdAt: START,
      updatedAt: START,
    })
    expect(rows.commit([open('a', 'k1')])).toEqual([{ status: 'opened', accountId: 'a', replayed: true }])
    const taken = { status: 'failed', code: 'ALREADY_EXISTS', what: 'account', id: 'a' }
    expect(rows.commit([open('a', 'k2'), open('a', null)])).toEqual([taken, taken])
    expect(rows.all('journal')).toHaveLength(1)
    expect(rows.verify()).toEqual([])
  })

  test('that is unknown fails every verb', () => {
    const rows = new MemoryRows()
    const unknown = { status: 'failed', code: 'ACCOUNT_NOT_FOUND', id: 'b' }
    const event: Operation = { verb: 'retryEvent', accountId: 'b', idempotencyKey: null, input: { eventId: 'e' } }
    expect(rows.commit([grant('b', 'g', 1), event])).toEqual([unknown, unknown])
  })

  test('is changed apart from others of the same batch', () => {
    const rows = new MemoryRows()
    rows.commit([open('b', 'k'), open('a', 'k'), grant('b', 'g', 5), grant('a', 'g', 7)])
    expect(rows.all('accounts').map(({ accountId, posted }) => [accountId, posted])).toEqual([
      ['b', credits(5)],
      ['a', credits(7)],
    ])
  })

  test('whose clock has seen a later time keeps to that', () => {
    const ledger = new OneAccount(10)
    ledger.now -= 500
    ledger.do('charge', { usageId: 'u', usage: rated(1) })
    expect([ledger.usage('u').createdAt, ledger.entry.at, ledger.account.updatedAt]).toEqual([START, START, START])
    ledger.now += 700
    ledger.do('charge', { usageId: 'v', usage: rated(1) })
    expect([ledger.usage('v').createdAt, ledger.entry.at, ledger.account.updatedAt]).toEqual(
      [200, 200, 200].map((ms) => START + ms),
    )
  })

  test('that is frozen takes no new work until it is thawed', () => {
    const ledger = new OneAccount(10)
    expect(ledger.do('freezeAccount', { isFrozen: true })).toEqual({ status: 'set', isFrozen: true, replayed: false })
    expect(ledger.entry.postings).toEqual([])
    const refused = { status: 'refused', reason: 'account_frozen' }
    expect(ledger.do('placeHold', { holdId: 'h', amount: credits(1) })).toEqual(refused)
    expect(ledger.do('freezeAccount', { isFrozen: false })).toMatchObject({ isFrozen: false })
    expect(ledger.do('placeHold', { holdId: 'h', amount: credits(1) })).toMatchObject({ status: 'held' })
  })
})

describe('the same key again', () => {
  test('with the same content answers what was answered, of other content says what differs, and changes nothing', () => {
    const ledger = new OneAccount(10)
    const first = ledger.do('charge', { usageId: 'u', usage: rated(3) }, 'key')
    const before = ledger.dump()
    expect(ledger.do('charge', { usageId: 'u', usage: rated(3) }, 'key')).toEqual({ ...first, replayed: true })
    expect(ledger.do('charge', { usageId: 'u', usage: rated(4), provider: 'y' }, 'key')).toEqual({
      status: 'failed',
      code: 'IDEMPOTENCY_CONFLICT',
      idempotencyKey: 'key',
      differs: ['provider', 'usage.rated'],
    })
    expect(ledger.do('releaseHold', { holdId: 'h' }, 'key')).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    expect(ledger.dump()).toEqual(before)
  })

  test('after a refusal is tried afresh, for a refusal is not kept', () => {
    const ledger = new OneAccount(10)
    expect(ledger.do('charge', { usageId: 'u', usage: rated(11) }, 'key')).toMatchObject({ status: 'refused' })
    ledger.do('grant', { grantId: 'g', amount: credits(1) })
    expect(ledger.do('charge', { usageId: 'u', usage: rated(11) }, 'key')).toMatchObject({ charged: credits(11) })
  })

  test('in one batch is done once', () => {
    const ledger = new OneAccount(10)
    const twice = [grant('a', 'g', 5), grant('a', 'g', 5)]
    expect(ledger.commit(twice).map((outcome) => 'replayed' in outcome && outcome.replayed)).toEqual([false, true])
    expect(ledger.account.posted).toBe(credits(15))
  })

  test('does not let what is due happen, but the lack of a key is no key', () => {
    const ledger = new OneAccount(10)
    ledger.do('setAlerts', { balanceLow: credits(1) }, null)
    ledger.do('setAlerts', { balanceLow: credits(2) }, null)
    expect(ledger.account.alerts?.balanceLow).toBe(credits(2))
  })
})

test('an entry says what was asked, what was answered and what moved, in a chain', () => {
  const ledger = new OneAccount(10)
  ledger.do('charge', { usageId: 'u', usage: rated(3) }, 'key')
  expect(ledger.entry).toMatchObject({
    accountId: 'a',
    sequence: 3,
    at: START,
    verb: 'charge',
    idempotencyKey: 'key',
    content: { verb: 'charge', usageId: 'u', service: 'gpt', 'usage.rated': '3000000' },
    outcome: { status: 'charged', usageId: 'u', charged: '3000000', balance: '7000000', late: false },
  })
  expect(ledger.entry.outcome).not.toHaveProperty('replayed')
  expect(ledger.account).toMatchObject({ sequence: 3, chainHash: ledger.entry.hash })
  expect(ledger.verify()).toEqual([])
})

test('what is about no money posts nothing', () => {
  const ledger = new OneAccount(10)
  const key = { apiKeyId: 'k', name: 'main', prefix: 'fbx_1', hash: 'hash-1', services: [], minimumBalance: credits(0) }
  ledger.do('createApiKey', key)
  ledger.do('rotateApiKey', { apiKeyId: 'k', prefix: 'fbx_2', hash: 'hash-2', graceMs: 0 })
  ledger.do('setKeyServices', { apiKeyId: 'k', services: [] })
  ledger.do('revokeApiKey', { apiKeyId: 'k' })
  ledger.do('setBudget', { budgetId: 'b', limit: credits(5) })
  ledger.do('setAlerts', { topUp: { at: credits(20), amount: credits(5) } })
  ledger.do('cancelTopUp', { topUpId: ledger.account.alerts?.pendingTopUpId ?? '' })
  ledger.do('freezeAccount', { isFrozen: false })
  ledger.do('saveDocument', { kind: 'agent', documentId: 'd', body: {} })
  ledger.do('openWorkflow', { workflowId: 'w' })
  ledger.do('closeWorkflow', { workflowId: 'w' })
  const entries = ledger.all('journal').filter(({ verb }) => verb !== 'grant')
  expect(entries).toHaveLength(12)
  expect(new Set(entries.map(({ postings }) => postings))).toEqual(new Set(['[]']))
})

describe('a batch', () => {
  /** Answers like a store in which nothing is, and tells what it was asked for. */
  function asked(operations: readonly Operation[], rows: Partial<Record<string, object[]>> = {}) {
    const batch = runBatch(operations)
    const rounds: string[][] = []
    let step = batch.next()
    while (!step.done) {
      rounds.push(step.value.flatMap(({ kind, keys }) => keys.map((key) => [kind, ...key].join(' '))))
      step = batch.next({ now: START, rows: step.value.map(({ kind }) => rows[kind] ?? []) })
    }
    return rounds
  }

  test('locks its accounts in order and loads with them what it can foresee', () => {
    const [first] = asked([grant('b', 'g', 1), grant('a', 'g', 1), grant('b', 'h', 1)])
    expect(first?.slice(0, 2)).toEqual(['account a', 'account b'])
    expect(first?.slice(2).toSorted()).toEqual([
      'entry a g',
      'entry b g',
      'entry b h',
      'grant a g',
      'grant b g',
      'grant b h',
      'grants a',
      'grants b',
    ])
  })

  test('asks for no more where there is no account, and for nothing twice', () => {
    expect(asked([grant('a', 'g', 1)])).toHaveLength(1)
  })

  test('does not look for what was made for this call', () => {
    const keyless = { ...grant('a', 'g', 1), idempotencyKey: null }
    expect(asked([keyless])).toEqual([['account a', 'grants a']])
  })

  test.each([
    ['nothing more', { usageId: 'h', key: 'usage:h' }, {}, []],
    ['both', { usageId: 's', key: 'usage:s' }, {}, ['entry a usage:s', 'usage a s']],
    ['both', { usageId: 'h', key: 'other' }, {}, ['entry a other', 'usage a h']],
    ['both', { usageId: 'h', key: 'usage:h', isDoubtful: true }, {}, ['entry a usage:h', 'usage a h']],
    ['both', { usageId: 'h', key: 'usage:h' }, { state: 'released' }, ['entry a usage:h', 'usage a h']],
    ['both', { usageId: 'h', key: 'usage:h' }, { rated: credits(1) }, ['entry a usage:h', 'usage a h']],
    ['both', { usageId: 'h', key: 'usage:h' }, { remaining: credits(3) }, ['entry a usage:h', 'usage a h']],
  ] as const)(
    'that settles a hold looks for its entry and its record unless it is the first to: %s for %j',
    (_, settled, change, sought) => {
      const ledger = new OneAccount(10)
      ledger.do('placeHold', { holdId: 'h', amount: credits(4) })
      const { usageId, key } = settled
      const input = { holdId: 'h', usageId, usage: rated(1), final: true }
      const operation = {
        verb: 'settleHold',
        accountId: 'a',
        idempotencyKey: key,
        input,
        ...('isDoubtful' in settled && { isDoubtful: true }),
      } as const
      const stored = { account: [ledger.account], hold: [{ ...ledger.hold('h'), ...change }], grants: ledger.all('grants') }
      const loaded = asked([operation], stored).flat()
      expect(loaded.filter((load) => /^(entry|usage) /.test(load)).toSorted()).toEqual(sought)
    },
  )

  test('that meets a row which cannot be there changes nothing and says so', () => {
    const ledger = new OneAccount(10)
    ledger.do('placeHold', { holdId: 'h', amount: credits(4) })
    ledger.hold('h').lots = []
    expect(() => ledger.do('releaseHold', { holdId: 'h' })).toThrow('changed nothing')
  })
})
