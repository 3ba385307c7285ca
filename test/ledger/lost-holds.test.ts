import { credits, type Quantity } from '@farebox/core'
import { Ledger, LedgerOverloadedError, LedgerUnavailableError, type PlaceHoldInput } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const accountId = 'ada'
const work = { accountId, service: 'gpt', provider: 'gpt-4o-mini', amount: credits(30) } as const

describe('a hold that was placed, though the answer of the database was lost', () => {
  let ledger: Ledger
  let database: { losesAnswers: boolean; isAway: boolean; commits: number; failsAt: number }

  beforeEach(async () => {
    const store = sqlite({ filename: ':memory:' })
    const commit = store.commit.bind(store)
    database = { losesAnswers: false, isAway: false, commits: 0, failsAt: 0 }
    store.commit = async (operations, transaction) => {
      database.commits += 1
      if (database.isAway || database.commits === database.failsAt) throw new LedgerUnavailableError('the database is away')
      const outcomes = await commit(operations, transaction)
      if (database.losesAnswers) throw new LedgerUnavailableError('the connection broke after COMMIT')
      return outcomes
    }
    ledger = new Ledger(store)
    await ledger.migrate()
    await ledger.openAccount({ accountId, name: 'Ada' })
    await ledger.grant({ accountId, amount: credits(100) })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await ledger.close()
  })

  const lose = async (input: Partial<PlaceHoldInput> = {}) => {
    database.losesAnswers = true
    await expect(ledger.placeHold({ ...work, ...input })).rejects.toThrow(LedgerUnavailableError)
    database.losesAnswers = false
  }
  const held = async () => (await ledger.balance(accountId)).held

  test('is given back once the database answers again, as nobody was told its id', async () => {
    await lose()
    await lose()
    expect(await held()).toBe(credits(60))
    database.isAway = true
    await vi.advanceTimersByTimeAsync(5_000)
    database.isAway = false
    await vi.advanceTimersByTimeAsync(5_000)
    await vi.waitFor(async () => expect(await held()).toBe(0n))
    expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [] })
    const { commits } = database
    await vi.advanceTimersByTimeAsync(60_000)
    expect(database.commits, 'it is asked no more').toBe(commits)
  })

  test('is given back together with others, as an outage may lose many', async () => {
    database.losesAnswers = true
    const placed = Array.from({ length: 100 }, () => ledger.placeHold({ ...work, amount: credits(1) }))
    const outcomes = await Promise.allSettled(placed)
    database.losesAnswers = false
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(await held()).toBe(credits(100))
    const { commits } = database
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(async () => expect(await held()).toBe(0n))
    expect(database.commits - commits, 'they share transactions').toBeLessThan(20)
    expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [] })
  })

  test('is tried again where the database fails among others, of which each is given back', async () => {
    database.losesAnswers = true
    await Promise.allSettled(Array.from({ length: 50 }, () => ledger.placeHold({ ...work, amount: credits(1) })))
    database.losesAnswers = false
    database.failsAt = database.commits + 2
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(() => expect(database.commits).toBeGreaterThanOrEqual(database.failsAt))
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(1_000)
      expect(await held()).toBe(0n)
    })
    expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [] })
  })

  test.each([{ holdId: 'mine' }, { idempotencyKey: 'once' }])('is kept for whoever can ask for it again: %j', async (own) => {
    await lose(own)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await ledger.placeHold({ ...work, ...own })).toMatchObject({ status: 'held', replayed: true })
    expect(await held()).toBe(credits(30))
  })

  test('was perhaps never placed, and then nothing is', async () => {
    database.isAway = true
    await expect(ledger.placeHold(work)).rejects.toThrow(LedgerUnavailableError)
    database.isAway = false
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await ledger.balance(accountId)).toMatchObject({ available: credits(100), held: 0n })
    const { items } = await ledger.statement(accountId)
    expect(items.map(({ verb }) => verb)).toEqual(['grant', 'openAccount'])
  })
})

describe('a hold that is to be released later', () => {
  afterEach(() => void vi.useRealTimers())
  const failures = [new LedgerUnavailableError('the database is away'), new LedgerOverloadedError('too much waits', 5)]

  test.each(failures)('is given back once the database takes it, and only once: $code', async (failure) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const store = sqlite({ filename: ':memory:' })
    const commit = store.commit.bind(store)
    let isAway = true
    const ledger = new Ledger(store)
    await ledger.migrate()
    await ledger.openAccount({ accountId, name: 'Ada' })
    await ledger.grant({ accountId, amount: credits(100) })
    const placed = await Promise.all([ledger.placeHold(work), ledger.placeHold(work), ledger.placeHold(work)])
    const [released, settled, open] = placed.map((each) => ({ accountId, holdId: each.status === 'held' ? each.holdId : '' }))
    if (!released || !settled || !open) throw new Error('no holds')
    await ledger.settleHold({ ...settled, usage: { quantity: 1n as Quantity, unit: 'requests', rated: credits(1) } })
    store.commit = (...given) => (isAway ? Promise.reject(failure) : commit(...given))
    await expect(ledger.releaseHold(released)).rejects.toBe(failure)
    for (const hold of [released, released, settled]) ledger.releaseHoldLater(hold)
    await vi.advanceTimersByTimeAsync(3_000)
    isAway = false
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(async () => expect((await ledger.balance(accountId)).held).toBe(work.amount))
    expect(await ledger.releaseHold(released)).toMatchObject({ status: 'released', replayed: true })
    expect((await ledger.balance(accountId)).balance).toBe(credits(99))
    await ledger.close()
  })

  test('is named by an id and an account', async () => {
    const ledger = new Ledger(sqlite({ filename: ':memory:' }))
    expect(() => ledger.releaseHoldLater({ accountId, holdId: '' })).toThrow('holdId')
    expect(() => ledger.releaseHoldLater({ accountId: '', holdId: 'hold' })).toThrow('accountId')
    await ledger.close()
  })
})
