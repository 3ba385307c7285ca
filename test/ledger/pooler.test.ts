import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { exerciseLedgerDriver } from '@farebox/ledger/conformance'
import { type PostgresOptions, postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pgbouncerProgram, pgbouncerTestName, startPgbouncer } from '../support/pgbouncer.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startTransactionPooler, type TransactionPooler } from '../support/transaction-pooler.ts'
import { cutConnections } from './cut-connections.ts'
import { openPostgresBy } from './open-postgres.ts'

const work = { service: 'gpt', provider: 'gpt-4o-mini' } as const
const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(2) } as const

describe.skipIf(!pgbouncerProgram)(pgbouncerTestName('behind PgBouncer in transaction mode'), () => {
  exerciseLedgerDriver('postgres behind PgBouncer', (options) => openPostgresBy(options, { start: (url) => startPgbouncer(url) }))

  test("several ledgers charge the same accounts by the README's own settings, and lose nothing when the server cuts its connections", async () => {
    const readme = readFileSync(new URL('../../packages/ledger/README.md', import.meta.url), 'utf8')
    const [, settings = ''] = /```ini\n[^`]*\[pgbouncer\]\n([^`]*)```/.exec(readme) ?? []
    expect(settings).toContain('pool_mode = transaction')
    const database = await createTestDatabase()
    const pgbouncer = await startPgbouncer(database.url, settings)
    const operator = new pg.Client({ connectionString: database.url })
    await operator.connect()
    const ledgers = Array.from({ length: 3 }, () => new Ledger(postgres({ connectionString: pgbouncer.url })))
    const [ledger = expect.unreachable()] = ledgers
    await Promise.all(ledgers.map((each) => each.migrate()))
    await ledger.openAccount({ accountId: 'a', name: 'Ada' })
    await ledger.grant({ accountId: 'a', amount: credits(1_000) })
    const chargeAll = () =>
      Promise.allSettled(
        Array.from({ length: 120 }, async (_, index) => {
          await sleep(index)
          return ledgers[index % 3]?.charge({ accountId: 'a', usageId: `u${index}`, ...work, usage })
        }),
      )
    const first = chargeAll()
    await sleep(40)
    const haveEnded = await cutConnections(operator)
    for (const outcome of await first) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
    }
    await haveEnded()
    // Under the same ids: what was charged before is not charged again.
    for (const outcome of await chargeAll()) expect(outcome).toMatchObject({ value: { status: 'charged' } })
    expect((await ledger.balance('a')).balance).toBe(credits(1_000 - 2 * 120))
    expect((await ledger.verify('a')).mismatches).toEqual([])
    for (const each of ledgers) await each.close()
    await operator.end()
    await pgbouncer.stop()
    await database.drop()
  })
})

describe('behind a pooler that gives every transaction another server connection', () => {
  let database: TestDatabase
  let pooler: TransactionPooler
  const opened: { close(): Promise<void> }[] = []
  beforeEach(async () => {
    database = await createTestDatabase()
    pooler = await startTransactionPooler(database.url)
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close()
    await pooler.stop()
    await database.drop()
  })
  const open = (options: Partial<PostgresOptions> = {}): Ledger => {
    const ledger = new Ledger(postgres({ connectionString: pooler.url, ...options }))
    opened.push(ledger)
    return ledger
  }

  test('what a client leaves in its session is gone for its next transaction', async () => {
    const client = new pg.Client({ connectionString: pooler.url })
    await client.connect()
    await client.query("SET application_name = 'mine'")
    expect((await client.query('SHOW application_name')).rows).not.toEqual([{ application_name: 'mine' }])
    const pids = new Set<number>()
    for (let round = 0; round < 6; round++) pids.add((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
    expect(pids.size).toBe(3)
    await client.end()
  })

  test.each([
    ['by default', {}],
    ['told that statements may stay prepared, and finding that they do not', { preparedStatements: true }],
    ['told that they may not', { preparedStatements: false }],
  ])('a ledger migrates, holds, settles, reads and verifies: %s', async (_, options) => {
    const ledger = open(options)
    const other = open(options)
    await Promise.all([ledger.migrate(), other.migrate()])
    const { accountId } = await ledger.openAccount({ name: 'Ada' })
    await ledger.grant({ accountId, amount: credits(100) })
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const each = index % 2 === 0 ? ledger : other
        const hold = await each.placeHold({ accountId, holdId: `h${index}`, amount: credits(2), ...work })
        if (hold.status === 'held') await each.settleHold({ accountId, holdId: hold.holdId, usage })
        return hold.status
      }),
    )
    const held = outcomes.filter((status) => status === 'held').length
    expect(held).toBeGreaterThan(40)
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(100 - 2 * held), held: 0n })
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
    expect((await ledger.statement(accountId, { limit: 500 })).items).toHaveLength(2 + 2 * held)
    expect(pooler.transactions).toBeGreaterThan(10)
  })

  test("a transaction of the host's joins, and leaves nothing when it is rolled back", async () => {
    const ledger = open()
    await ledger.migrate()
    const { accountId } = await ledger.openAccount({ name: 'Ada' })
    await ledger.grant({ accountId, amount: credits(10) })
    const pool = new pg.Pool({ connectionString: pooler.url, max: 1 })
    for (const end of ['ROLLBACK', 'COMMIT']) {
      const client = await pool.connect()
      await client.query('BEGIN')
      await ledger.charge({ accountId, ...work, usage }, { transaction: client })
      await client.query(end)
      client.release()
    }
    expect((await ledger.balance(accountId)).balance).toBe(credits(8))
    await pool.end()
  })
})
