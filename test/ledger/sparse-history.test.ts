import { credits, quantity } from '@farebox/core'
import { Ledger, type LedgerDriver, type Query } from '@farebox/ledger'
import type { OpenLedger } from '@farebox/ledger/conformance'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { otherWork } from '../support/other-work.ts'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'

/** Rows of each table, of which one in `RARE` is wanted. */
const ROWS = 12_000
const RARE = 4_001
/** How many rows one query may look at. */
const LOOKED_AT_MAX = 5_000

const LONG_AGO = Date.UTC(2020, 0)
const LATER = LONG_AGO + 1_000
const wanted = Array.from({ length: ROWS }, (_, index) => index + 1).filter((number) => number % RARE === 0)
const nameOf = (number: number) => String(number).padStart(6, '0')

const databases: [name: string, open: OpenLedger, numbers: string, padded: string][] = [
  [
    'SQLite',
    openSqlite,
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${ROWS})`,
    "printf('%06d', n)",
  ],
  ['Postgres', openPostgres, `WITH numbers AS (SELECT n FROM generate_series(1, ${ROWS}) AS n)`, "lpad(n::text, 6, '0')"],
]

describe.each(databases)('a search of a long history for few rows, on %s', (_, open, numbers, padded) => {
  let ledger: Ledger<never>
  let store: Awaited<ReturnType<OpenLedger>>
  const queries: string[] = []
  /** How many rows each of them found. */
  const answers: number[] = []
  const close: (() => Promise<unknown>)[] = []
  beforeEach(async () => {
    store = await open({ clock: () => LONG_AGO })
    close.push(store.cleanup)
    ledger = new Ledger(telling(store.driver, queries, answers))
    await ledger.migrate()
    await ledger.openAccount({ accountId: 'ada', name: 'Ada' })
    await ledger.grant({ accountId: 'ada', grantId: 'first', amount: credits(5) })
    const usage = { quantity: quantity(1), unit: 'tokens' as const, rated: credits(1) }
    await ledger.charge({ accountId: 'ada', usageId: 'first', service: 'gpt', provider: 'gpt-4o', usage })
    await ledger.saveDocument({ accountId: 'ada', kind: 'letter', documentId: 'first', body: {} })
    await ledger.placeHold({ accountId: 'ada', holdId: 'first', amount: credits(1), service: 'gpt', provider: 'gpt-4o' })

    const at = `CASE WHEN n % ${RARE} = 0 THEN ${LATER} ELSE ${LONG_AGO} END`
    for (const [table, changed] of [
      ['accounts', { account_id: padded, updated_at: at }],
      ['usage_records', { usage_id: padded, created_at: at, sequence: 'n + 10' }],
      ['grants', { grant_id: padded, created_at: at }],
      ['documents', { document_id: padded, created_at: at }],
      ['holds', { hold_id: padded, workflow_id: `CASE WHEN n % ${RARE} = 0 THEN 'rare' END` }],
    ] as const) {
      const [row = {}] = await store.sql(`SELECT * FROM farebox_${table}`)
      const columns = Object.keys(row)
      const values = columns.map((column) => (changed as Record<string, string>)[column] ?? column)
      await store.sql(
        `INSERT INTO farebox_${table} (${columns.join(', ')}) ${numbers} SELECT ${values.join(', ')} FROM farebox_${table} CROSS JOIN numbers`,
      )
    }
    queries.length = 0
    answers.length = 0
  })
  afterEach(async () => {
    for (const step of close.splice(0)) await step()
  })

  test.each<[string, () => AsyncIterable<unknown>, (found: never) => string]>([
    ['usage of every account', () => ledger.history.usage({ from: LATER }), (row: { usageId: string }) => row.usageId],
    [
      'usage of one account',
      () => ledger.history.usage({ accountId: 'ada', from: LATER }),
      (row: { usageId: string }) => row.usageId,
    ],
    ['grants', () => ledger.history.grants({ from: LATER, until: LATER + 1 }), (row: { grantId: string }) => row.grantId],
    ['accounts that changed', () => ledger.history.changedSince(LATER), (row: { accountId: string }) => row.accountId],
    [
      'usage of a service',
      () => ledger.usageBetween({ from: LATER, until: LATER + 1, service: 'gpt' }),
      (row: { usageId: string }) => row.usageId,
    ],
    [
      'documents',
      () => ledger.documentsBetween({ from: LATER, until: LATER + 1, kind: 'letter' }),
      (row: { documentId: string }) => row.documentId,
    ],
    [
      'holds of a workflow',
      async function* () {
        yield await ledger.holdsOf('ada', 'rare')
      },
      (row: { holdId: string }) => row.holdId,
    ],
  ])('finds %s, and lets other work run every few thousand rows', async (_name, search, idOf) => {
    const turns = otherWork()
    const found = (await Array.fromAsync(search())).flat()
    const others = turns()
    expect(found.map((row) => idOf(row as never))).toEqual(wanted.map(nameOf))
    expect(queries.length).toBeGreaterThanOrEqual(ROWS / LOOKED_AT_MAX)
    expect(others).toBeGreaterThanOrEqual(Math.floor(ROWS / LOOKED_AT_MAX))
  })

  test('of which none are there ends, without a page', async () => {
    expect(await Array.fromAsync(ledger.history.usage({ from: LATER + 1 }))).toEqual([])
    expect(await Array.fromAsync(ledger.history.chargebacks())).toEqual([])
    expect(await Array.fromAsync(ledger.documentsBetween({ from: 0, until: LATER + 1, kind: 'other' }))).toEqual([])
  })

  test('reads the journal of an account once, however many of its grants were charged back', async () => {
    await ledger.chargeback({ accountId: 'ada', grantId: 'first' })
    await store.sql("UPDATE farebox_grants SET state = 'charged_back'")
    queries.length = 0
    expect(await Array.fromAsync(ledger.history.chargebacks())).toEqual([
      [{ accountId: 'ada', grantId: 'first', at: expect.any(Number) }],
    ])
    expect(queries.filter((text) => text.includes('{journal}'))).toHaveLength(1)
  })

  test.each<[string, () => Promise<{ usageId: string }[]>]>([
    ['one workflow', () => ledger.usageOf('ada', 'long')],
    ['several workflows', async () => (await ledger.usageOfWorkflows('ada', ['long', 'none'])).get('long') ?? []],
  ])('of %s with thousands of records reads them in turns, oldest first', async (_name, read) => {
    await store.sql("UPDATE farebox_usage_records SET workflow_id = 'long', sequence = 1000000 - sequence")
    const turns = otherWork()
    const records = await read()
    const others = turns()
    expect(records.map(({ usageId }) => usageId)).toEqual([
      ...Array.from({ length: ROWS }, (_none, index) => nameOf(ROWS - index)),
      'first',
    ])
    expect(others).toBeGreaterThanOrEqual(Math.floor(ROWS / 500))
    // A database that reads elsewhere may find all of their ids at once.
    if (store.driver.name === 'sqlite') expect(Math.max(...answers)).toBeLessThanOrEqual(LOOKED_AT_MAX)
  })

  test('of some workflows of which one has many more records than the others finds those of each, once', async () => {
    await store.sql("UPDATE farebox_usage_records SET workflow_id = CASE WHEN sequence % 4 = 0 THEN 'few' ELSE 'many' END")
    const found = await ledger.usageOfWorkflows('ada', ['many', 'none', 'few', 'many'])
    const sequences = (workflowId: string) => found.get(workflowId)?.map(({ sequence }) => sequence) ?? []
    const all = [...sequences('few'), ...sequences('many')]
    expect([...found.keys()].sort()).toEqual(['few', 'many'])
    expect([all.length, new Set(all).size]).toEqual([ROWS + 1, ROWS + 1])
    for (const [workflowId, isOf] of [
      ['few', (n: number) => n % 4 === 0],
      ['many', (n: number) => n % 4 !== 0],
    ] as const) {
      expect(sequences(workflowId).every(isOf)).toBe(true)
      expect(sequences(workflowId)).toEqual(sequences(workflowId).toSorted((left, right) => left - right))
    }
  })

  test('and a page that is full goes on behind its last row', async () => {
    const all = (await Array.fromAsync(ledger.history.usage({ until: LATER }))).flat()
    expect(all).toHaveLength(ROWS + 1 - wanted.length)
    expect(new Set(all.map(({ usageId }) => usageId)).size).toBe(all.length)
  })
})

/** The same driver, which tells of each query, and of how many rows it found. */
function telling<Transaction>(
  driver: LedgerDriver<Transaction>,
  queries: string[],
  answers: number[],
): LedgerDriver<Transaction> {
  return new Proxy(driver, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'select') return (...given: unknown[]) => Reflect.apply(value, target, given)
      return async (query: Query) => {
        queries.push(query.text)
        const rows = await target.select(query)
        answers.push(rows.length)
        return rows
      }
    },
  })
}
