import { credits } from '@farebox/core'
import { Ledger, LedgerUnavailableError, type PlaceHoldInput } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const accountId = 'ada'
const work = { accountId, service: 'gpt', provider: 'gpt-4o-mini', amount: credits(30) } as const

describe('a hold that was placed, though the answer of the database was lost', () => {
  let ledger: Ledger
  let database: { losesAnswers: boolean; isAway: boolean; commits: number }

  beforeEach(async () => {
    const store = sqlite({ filename: ':memory:' })
    const commit = store.commit.bind(store)
    database = { losesAnswers: false, isAway: false, commits: 0 }
    store.commit = async (operations, transaction) => {
      database.commits += 1
      if (database.isAway) throw new LedgerUnavailableError('the database is away')
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
