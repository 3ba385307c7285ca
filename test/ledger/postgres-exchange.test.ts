import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSending } from '../../packages/ledger/src/postgres/client.ts'
import { type ArrayValue, arrayLiteral, decodeRow } from '../../packages/ledger/src/postgres/codec.ts'
import { Statements } from '../../packages/ledger/src/postgres/statements.ts'
import type { Rows } from '../../packages/ledger/src/rows.ts'
import { columnNames } from '../../packages/ledger/src/sql.ts'
import { tables } from '../../packages/ledger/src/tables.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const ECHO = 'SELECT unnest($1::text[]), unnest($2::bigint[]), unnest($3::boolean[])'
const texts = (elements: readonly (string | null)[]): ArrayValue => ({ type: 'text', elements })
const numbers = (elements: readonly (number | bigint | null)[]): ArrayValue => ({ type: 'bigint', elements })

let database: TestDatabase
let client: pg.Client
beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

/** What the server makes of arrays: as this connection sends them, and as literals. */
async function echo(values: readonly ArrayValue[]): Promise<{ sent: unknown; literal: unknown }> {
  const [sent] = await openSending(client, { prepares: false }).end([{ text: ECHO, values }])
  const types = { getTypeParser: () => (text: string) => text }
  const asked = await client.query({
    text: ECHO,
    values: values.map(arrayLiteral),
    rowMode: 'array',
    types,
  } as pg.QueryArrayConfig)
  return { sent, literal: asked.rows }
}

describe('values that are sent in binary', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 2_000 }),
  )
  const integer = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))

  test('arrive as the same values in text do', async () => {
    const row = fc.tuple(fc.option(text.map((value) => value.replaceAll('\0', ''))), fc.option(integer), fc.option(fc.boolean()))
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 60 }), async (rows) => {
        const { sent, literal } = await echo([
          texts(rows.map(([value]) => value)),
          numbers(rows.map(([, value]) => value)),
          { type: 'boolean', elements: rows.map(([, , value]) => value) },
        ])
        expect(sent).toEqual(literal)
      }),
      { numRuns: 200 },
    )
  })

  test.each([
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ])('the number %s arrives whole', async (value) => {
    const { sent } = await echo([texts([null]), numbers([value]), { type: 'boolean', elements: [null] }])
    expect(sent).toEqual([[null, String(value), null]])
  })

  test.each([2n ** 63n, -(2n ** 63n) - 1n, 1.5, Number.NaN, 2 ** 53])(
    'the number %s is refused, and nothing is sent',
    async (value) => {
      expect(() => openSending(client, { prepares: false }).end([{ text: ECHO, values: [numbers([value])] }])).toThrow(
        expect.objectContaining({ code: 'LEDGER_INTERNAL' }),
      )
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    },
  )

  test('texts of many megabytes, with characters of up to four bytes, arrive whole', async () => {
    const long = 'naïve 東京 🚋 '.repeat(300_000)
    const values = [texts([long, 'x', `${long}!`]), numbers([]), { type: 'boolean', elements: [] } satisfies ArrayValue]
    const [rows] = await openSending(client, { prepares: false }).end([{ text: ECHO, values }])
    expect(rows?.map(([value]) => value === long || value === 'x' || value === `${long}!`)).toEqual([true, true, true])
  })
})

describe('rows', () => {
  const { accounts } = tables
  const few = <Value>(...values: Value[]) => fc.constantFrom(...values)
  const account = fc.record({
    name: few('a', 'say "x"', String.raw`C:\d`, 'NULL'),
    creditLimit: few(0n, -(2n ** 63n), 2n ** 63n - 1n),
    debtLimit: few(0n),
    posted: few(5n, -5n),
    held: few(0n, 7n),
    debt: few(0n),
    creditHeld: few(0n),
    nextDueAt: few(null, 1_700_000_000_000),
    hasBudgets: few(true, false),
    isFrozen: few(false),
    alerts: few(null),
    sequence: few(1, 2),
    chainHash: few(''),
    createdAt: few(1_700_000_000_000),
    updatedAt: few(1, -1),
  })
  /** Batches in which most columns have one value, and which do differs from batch to batch. */
  const batch = fc.tuple(
    account,
    fc.array(fc.tuple(account, fc.uniqueArray(fc.integer({ min: 0, max: 14 }), { maxLength: 3 })), { maxLength: 20 }),
  )

  async function write(statements: Statements, rows: readonly object[], stored: ReadonlySet<object>) {
    const writes = [...statements.writes({ accounts: rows as Rows['accounts'][] }, stored)]
    await openSending(client, { prepares: true }).end(writes)
    return writes
  }

  async function all() {
    const [rows] = await openSending(client, { prepares: false }).end([
      { text: `SELECT ${columnNames(accounts)} FROM farebox_accounts ORDER BY account_id` },
    ])
    return rows?.map((values) => decodeRow(accounts, values))
  }

  test('arrive whole, whichever values they have in common, and so do their changes', async () => {
    const ledger = new Ledger(postgres({ connectionString: database.url }))
    await ledger.migrate()
    await ledger.close()
    const statements = new Statements('public', false)
    const texts = new Set<string>()
    await fc.assert(
      fc.asyncProperty(batch, batch, async ([usual, others], [changed]) => {
        await client.query('DELETE FROM farebox_accounts')
        const names = Object.keys(usual) as (keyof typeof usual)[]
        const rows = [
          usual,
          ...others.map(([other, which]) => ({
            ...usual,
            ...Object.fromEntries(which.map((at) => [names[at], other[names[at] as keyof typeof usual]])),
          })),
        ].map((row, index) => ({ accountId: `account-${10 + index}`, ...row }))
        for (const { text } of await write(statements, rows, new Set())) texts.add(text)
        expect(await all()).toEqual(rows)
        for (const row of rows) Object.assign(row, { held: changed.held, name: changed.name, nextDueAt: changed.nextDueAt })
        for (const { text } of await write(statements, rows, new Set(rows))) texts.add(text)
        expect(await all()).toEqual(rows)
      }),
      { numRuns: 300 },
    )
    expect(texts.size).toBeGreaterThan(50)
    // Each connection keeps them all.
    expect(texts.size).toBeLessThanOrEqual(102)
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  })
})

describe('statements that are sent in parts', () => {
  const one = (number: number) => ({ text: 'SELECT $1::text', values: [String(number)] })

  test.each([true, false])('are answered together and in order, prepared: %s', async (prepares) => {
    for (let round = 0; round < 3; round++) {
      const sending = openSending(client, { prepares })
      sending.send([one(1), one(2)])
      sending.send([])
      sending.send([one(3)])
      expect(await sending.end([one(4)])).toEqual([[['1']], [['2']], [['3']], [['4']]])
    }
  })

  test('run up to the first that fails, and the connection goes on', async () => {
    await client.query('CREATE TEMP TABLE noted (number text)')
    const note = (number: string) => ({ text: 'INSERT INTO noted SELECT unnest($1::text[])', values: [texts([number])] })
    const sending = openSending(client, { prepares: true })
    sending.send([{ text: 'BEGIN' }, note('1')])
    sending.send([{ text: 'SELECT 1 / $1::int', values: ['0'] }])
    await expect(sending.end([note('2'), { text: 'COMMIT' }])).rejects.toMatchObject({ code: '22012' })
    await client.query('ROLLBACK')
    expect((await client.query('SELECT * FROM noted')).rows).toEqual([])
  })

  test('can be abandoned before the last, and the connection goes on', async () => {
    const never = openSending(client, { prepares: false })
    never.abandon()
    const sending = openSending(client, { prepares: false })
    sending.send([{ text: 'BEGIN' }, { text: 'CREATE TABLE abandoned (number text)' }])
    sending.abandon()
    sending.abandon()
    await client.query('ROLLBACK')
    expect((await client.query("SELECT to_regclass('abandoned') AS found")).rows).toEqual([{ found: null }])
    const failing = openSending(client, { prepares: false })
    failing.send([{ text: 'SELECT 1 / 0' }])
    failing.abandon()
    expect((await client.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
  })
})

describe('a batch of hundreds of changes', () => {
  const HOLDS = 300
  let ledger: Ledger<unknown>
  let accountId: string
  const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
  const gpt = { service: 'gpt', provider: 'gpt-4o-mini' } as const
  beforeAll(async () => {
    ledger = new Ledger<unknown>(postgres({ connectionString: database.url }))
    await ledger.migrate()
    accountId = (await ledger.openAccount({ name: 'Ada' })).accountId
    await ledger.grant({ accountId, amount: credits(100_000) })
  })
  afterAll(() => ledger.close())

  test('holds that are settled, in part or whole, or released in the batch that placed them end as they should', async () => {
    const before = ledger.queueStats().batches
    const ends = Array.from({ length: HOLDS }, async (_, index) => {
      const holdId = `hold-${index}`
      const placed = ledger.placeHold({ accountId, holdId, ...gpt, amount: credits(2) })
      // An earlier slice of the batch has placed some of these.
      const other = `hold-${Math.max(0, index - 100)}`
      const ended =
        index % 3 === 0
          ? ledger.settleHold({ accountId, holdId: other, usageId: `usage-${index}`, usage, final: index % 2 === 0 })
          : index % 3 === 1 && ledger.releaseHold({ accountId, holdId })
      expect(await placed).toMatchObject({ status: 'held' })
      return ended
    })
    await Promise.all(ends)
    expect(ledger.queueStats().batches - before).toBeLessThan(4)
    const { mismatches } = await ledger.verify(accountId)
    expect(mismatches).toEqual([])
    const open = await Promise.all(Array.from({ length: HOLDS }, (_, index) => ledger.hold(accountId, `hold-${index}`)))
    const held = open.reduce((sum, hold) => sum + (hold?.state === 'open' ? hold.remaining : 0n), 0n)
    expect(held).toBeGreaterThan(0n)
    expect((await ledger.balance(accountId)).held).toBe(held)
  })

  test('one change that cannot be stored fails alone, whatever had been written before it', async () => {
    const { balance } = await ledger.balance(accountId)
    await client.query("ALTER TABLE farebox_usage_records ADD CONSTRAINT refuses CHECK (model IS DISTINCT FROM 'unstorable')")
    const charge = (index: number) =>
      ledger.charge({
        accountId,
        ...gpt,
        usageId: `charge-${index}`,
        usage: { ...usage, ...([50, 250].includes(index) && { model: 'unstorable' }) },
      })
    const outcomes = await Promise.allSettled(Array.from({ length: HOLDS }, (_, index) => charge(index)))
    await client.query('ALTER TABLE farebox_usage_records DROP CONSTRAINT refuses')
    expect(outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([50, 250])
    expect((await ledger.balance(accountId)).balance).toBe(balance - credits(HOLDS - 2))
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })
})
