import { inspect } from 'node:util'
import { credits, InvalidOptionError, microCredits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { exerciseLedgerDriver } from '@farebox/ledger/conformance'
import { type PostgresPool, postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { chargeUntilKilled, placeHoldsAtOnce } from './app-servers.ts'
import { cutConnections } from './cut-connections.ts'
import { openPostgres } from './open-postgres.ts'

exerciseLedgerDriver('postgres', openPostgres)

const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(7) } as const
const gpt = { service: 'gpt', provider: 'gpt-4o-mini' } as const
const work = { ...gpt, usage }

describe('a ledger in Postgres', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let ledger: Ledger<unknown>
  let accountId: string
  beforeEach(async () => {
    database = await createTestDatabase()
    pool = new pg.Pool({ connectionString: database.url, max: 4 })
    ledger = new Ledger<unknown>(postgres({ connectionString: database.url }))
    await ledger.migrate()
    accountId = (await ledger.openAccount({ name: 'Ada' })).accountId
    await ledger.grant({ accountId, amount: credits(100) })
  })
  afterEach(async () => {
    await ledger.close()
    await pool.end()
    await database.drop()
  })

  test('500 holds from four processes on an account that affords 100: exactly 100 are held', async () => {
    expect(await placeHoldsAtOnce(4, 125, ['postgres', database.url], accountId)).toBe(100)
    expect(await ledger.balance(accountId)).toMatchObject({ held: credits(100), available: 0n })
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('nothing that was acknowledged is lost when every process is killed at work', async () => {
    await ledger.grant({ accountId, amount: credits(1_000_000) })
    const acknowledged = await chargeUntilKilled(3, 100, ['postgres', database.url], accountId)
    const kept = new Set(
      (await ledger.statement(accountId, { limit: 100_000 })).items.map(({ idempotencyKey }) => idempotencyKey),
    )
    expect(acknowledged.filter((usageId) => !kept.has(`usage:${usageId}`))).toEqual([])
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('twenty ledgers that migrate at once, each on a connection of its own, take each step once', async () => {
    const ledgers = Array.from(
      { length: 20 },
      () => new Ledger(postgres({ connectionString: database.url, schema: 'twenty', poolSize: 1 })),
    )
    const reports = await Promise.all(ledgers.map((each) => each.migrate()))
    expect(reports.filter(({ applied }) => applied.length > 0)).toHaveLength(1)
    await Promise.all(ledgers.map((each) => each.close()))
  })

  test('a schema of its own keeps the ledger beside tables of the same name', async () => {
    const { rows } = await pool.query('SELECT count(*)::int AS count FROM users')
    expect(rows).toEqual([{ count: 1 }])
    const other = new Ledger(postgres({ pool, schema: 'credits' }))
    await other.migrate()
    await other.openAccount({ accountId, name: 'another Ada' })
    expect((await other.balance(accountId)).balance).toBe(0n)
    expect((await ledger.balance(accountId)).balance).toBe(credits(100))
    await other.close()
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    for (const schema of ['Credits', 'a-b', '', 'x; DROP TABLE users', '1a']) {
      expect(() => postgres({ connectionString: database.url, schema })).toThrow('schema must be a plain')
    }
  })

  test('a schema may have the name of a word of SQL', async () => {
    const other = new Ledger(postgres({ pool, schema: 'order' }))
    await other.migrate()
    await other.openAccount({ accountId, name: 'a third Ada' })
    expect((await other.balance(accountId)).balance).toBe(0n)
    expect(await other.verify(accountId)).toMatchObject({ mismatches: [] })
    expect((await other.migrate()).applied).toEqual([])
    await other.close()
  })

  test("a host's users table is named, with the way out", async () => {
    await pool.query('CREATE SCHEMA host; CREATE TABLE host.users (id TEXT)')
    const other = new Ledger(postgres({ pool, schema: 'host' }))
    await expect(other.migrate()).rejects.toMatchObject({
      code: 'SCHEMA_VERSION',
      message: expect.stringMatching(/"users".*schema: 'farebox'/),
    })
    expect((await pool.query("SELECT tablename FROM pg_tables WHERE schemaname = 'host'")).rows).toEqual([{ tablename: 'users' }])
  })

  test('a server that is not there, a database that is not, or a wrong password is unavailable, and may be there later', async () => {
    const password = new URL(database.url)
    password.username = 'nobody_of_that_name'
    const nowhere = new URL(database.url)
    nowhere.pathname = '/no_such_database'
    for (const url of [
      'postgres://postgres@127.0.0.1:1/postgres',
      'postgres://postgres@localhost:1/x',
      nowhere.href,
      password.href,
    ]) {
      const away = new Ledger(postgres({ connectionString: url }))
      for (const call of [
        () => away.migrate(),
        () => away.balance('a'),
        () => away.openAccount({ name: 'Ada' }),
        () => away.verify('a'),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
      }
      await away.close()
    }
  })

  test('a schema that is named in the connection string, as Prisma does it, is refused, since the tables would be elsewhere', () => {
    for (const query of ['schema=credits', 'connection_limit=5&schema=credits', 'sslmode=disable&schema=credits#x']) {
      const wrong = () => postgres({ connectionString: `${database.url}?${query}` })
      expect(wrong, query).toThrow(InvalidOptionError)
      expect(wrong, query).toThrow("give schema: 'credits'")
      expect(() => postgres({ connectionString: `${database.url}?${query}`, schema: 'credits' }), query).toThrow('leave it out')
    }
    expect(() => postgres({ connectionString: 'postgres://app:a?schema=se/cret@127.0.0.1/credits' })).toThrow(/^(?!.*cret@)/)
    for (const query of ['application_name=schema', 'options=-c%20search_path%3Dschema']) {
      expect(() => postgres({ connectionString: `${database.url}?${query}` }), query).not.toThrow()
    }
  })

  const unreadable = ['se#cret', 'se%adcret']
  test.each(unreadable)(
    'a connection string that is no URL is told as such, without the password that made it one: %s',
    async (password) => {
      const away = new Ledger(postgres({ connectionString: `postgres://app:${password}@127.0.0.1:5432/credits` }))
      for (const call of [() => away.migrate(), () => away.balance('a'), () => away.openAccount({ name: 'Ada' })]) {
        const error = await call().catch((reason: unknown) => reason)
        expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('%23') })
        expect(inspect(error, { depth: null })).not.toMatch(/se[#%]|cret@/)
      }
      await away.close()
    },
  )

  test('a setting in the connection string that the server does not take is no fault of the change', async () => {
    const wrong = new Ledger(postgres({ connectionString: `${database.url}?options=-c%20statement_timeout%3Dsoon` }))
    await expect(wrong.charge({ accountId, ...work })).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
      message: expect.stringContaining('refused the connection: invalid value for parameter "statement_timeout": "soon"'),
    })
    await wrong.close()
  })

  test("a key expires by the server's clock, whatever the host's says", async () => {
    const { rows } = await pool.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now')
    const now = Number(rows[0].now)
    const create = async (expiresAt: number) => {
      const outcome = await ledger.createApiKey({ accountId, expiresAt, minimumBalance: credits(0) })
      return (outcome as { secret: string }).secret
    }
    const [ended, good] = [await create(now + 1_000), await create(now + 3_600_000)]
    await pool.query('SELECT pg_sleep(1)')
    for (const wrong of [now - 86_400_000, now + 86_400_000]) {
      const clock = vi.spyOn(Date, 'now').mockReturnValue(wrong)
      try {
        expect(await ledger.authenticate(ended)).toBeUndefined()
        expect(await ledger.authenticate(good)).toMatchObject({ accountId })
      } finally {
        clock.mockRestore()
      }
    }
  })

  test('a connection that the server cuts is replaced, and the next call succeeds', async () => {
    for (let round = 0; round < 3; round++) {
      const haveEnded = await cutConnections(pool)
      await ledger.charge({ accountId, usageId: `u${round}`, ...work }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
      })
      await haveEnded()
      expect(await ledger.charge({ accountId, usageId: `u${round}`, ...work })).toMatchObject({ status: 'charged' })
    }
    expect((await ledger.balance(accountId)).balance).toBe(credits(79))
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test("a transaction of the host's that Postgres aborted fails as unavailable, and a new one succeeds", async () => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT 1 / 0').catch(() => undefined)
    await expect(ledger.charge({ accountId, ...work }, { transaction: client })).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
    })
    await client.query('ROLLBACK')
    await client.query('BEGIN')
    expect(await ledger.charge({ accountId, ...work }, { transaction: client })).toMatchObject({ status: 'charged' })
    await client.query('COMMIT')
    client.release()
    expect((await ledger.balance(accountId)).balance).toBe(credits(93))
  })

  test('a client on which no transaction was begun is refused, since its statements would commit one by one', async () => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('COMMIT')
    const wrapped: Pick<pg.PoolClient, 'query'> = { query: client.query.bind(client) as never }
    for (const transaction of [client, wrapped, pool]) {
      await expect(ledger.charge({ accountId, ...work }, { transaction })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        field: 'transaction',
      })
    }
    client.release()
    expect((await ledger.balance(accountId)).balance).toBe(credits(100))
  })

  test('a transaction that the host ends before its change was written is refused, and the change never happened', async () => {
    const [client, other] = [await pool.connect(), await pool.connect()]
    await other.query('BEGIN')
    await other.query('SELECT 1 FROM farebox_accounts WHERE account_id = $1 FOR UPDATE', [accountId])
    await client.query('BEGIN')
    const charging = ledger.charge({ accountId, ...work }, { transaction: client })
    const refused = expect(charging).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'transaction' })
    // Now the account is being read, and the COMMIT waits behind that.
    while (!(await pool.query('SELECT 1 FROM pg_locks WHERE NOT granted')).rowCount) await new Promise(setImmediate)
    const committed = client.query('COMMIT')
    await other.query('ROLLBACK')
    await Promise.all([refused, committed])
    client.release()
    other.release()
    expect((await ledger.balance(accountId)).balance).toBe(credits(100))
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('what joins a transaction waits for what joined it before, also where that failed, and leaves its savepoints alone', async () => {
    const other = new Ledger<unknown>(postgres({ pool }))
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SAVEPOINT farebox')
    const charge = (by: Ledger<unknown>, id = accountId) => by.charge({ accountId: id, ...work }, { transaction: client })
    const calls = await Promise.allSettled([charge(ledger), charge(ledger, 'nobody'), charge(other)])
    expect(calls).toMatchObject([
      { value: { balance: credits(93) } },
      { reason: { code: 'ACCOUNT_NOT_FOUND' } },
      { value: { balance: credits(86) } },
    ])
    await client.query('ROLLBACK TO farebox')
    expect(await charge(ledger)).toMatchObject({ balance: credits(93) })
    await client.query('COMMIT')
    client.release()
    await other.close()
    expect((await ledger.balance(accountId)).balance).toBe(credits(93))
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('batches over the same accounts in opposite orders do not lock each other out', async () => {
    const accounts = await Promise.all(Array.from({ length: 6 }, () => ledger.openAccount({ name: 'x' })))
    await Promise.all(accounts.map((account) => ledger.grant({ accountId: account.accountId, amount: credits(1_000) })))
    const other = new Ledger(postgres({ pool }))
    const order = accounts.map((account) => account.accountId)
    const charges = Array.from({ length: 10 }, () =>
      Promise.all([
        ...order.map((id) => ledger.charge({ accountId: id, ...work })),
        ...order.toReversed().map((id) => other.charge({ accountId: id, ...work })),
      ]),
    )
    for (const outcomes of await Promise.all(charges)) for (const { status } of outcomes) expect(status).toBe('charged')
    for (const id of order) expect((await ledger.balance(id)).balance).toBe(credits(1_000 - 20 * 7))
    await other.close()
  })

  test('on a connection of its own it keeps its statements prepared, and does without once they are gone', async () => {
    const one = new pg.Pool({ connectionString: database.url, max: 1 })
    const prepared = async () =>
      (await one.query("SELECT count(*)::int AS count FROM pg_prepared_statements WHERE name LIKE 'farebox%'")).rows[0].count
    const mine = new Ledger(postgres({ pool: one }))
    await mine.charge({ accountId, ...work })
    expect(await prepared()).toBeGreaterThan(3)
    await one.query('DISCARD ALL')
    expect(await mine.charge({ accountId, ...work })).toMatchObject({ status: 'charged' })
    expect(await prepared()).toBe(0)
    const told = new Ledger(postgres({ pool: one, preparedStatements: false }))
    expect(await told.charge({ accountId, ...work })).toMatchObject({ status: 'charged' })
    expect(await prepared()).toBe(0)
    expect((await ledger.balance(accountId)).balance).toBe(credits(79))
    await one.end()
  })

  test("a host's pool may pipeline, parse integers its own way, or be wrapped", async () => {
    const types = { getTypeParser: (oid: number) => (oid === 20 ? Number : (text: string) => text) }
    const pipelining = new pg.Pool({ connectionString: database.url, max: 1, pipeline: true } as pg.PoolConfig)
    const parsing = new pg.Pool({ connectionString: database.url, max: 1, types })
    const wrapped: PostgresPool = {
      async connect() {
        const client = await pool.connect()
        return {
          query: async (statement) => ({ rows: (await client.query(statement)).rows as unknown[][] }),
          release: (error) => client.release(error),
        }
      },
      end: async () => undefined,
    }
    for (const host of [pipelining, parsing, wrapped]) {
      const its = new Ledger(postgres({ pool: host as PostgresPool }))
      const hold = await its.placeHold({ accountId, amount: credits(7), ...gpt })
      if (hold.status !== 'held') expect.unreachable(hold.status)
      expect(await its.settleHold({ accountId, holdId: hold.holdId, usage })).toMatchObject({ status: 'charged' })
      expect((await its.verify(accountId)).mismatches).toEqual([])
    }
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(79), held: 0n })
    await Promise.all([pipelining.end(), parsing.end()])
  })

  test("amounts beyond 2^53 are exact, however a host's client parses integers, or are refused", async () => {
    for (let index = 0; index < 10; index++) await ledger.grant({ accountId, amount: credits(1_000_000_000) })
    const small = {
      ...work,
      usage: { ...usage, quantity: 12_345_678_901_234_567n as never, rated: microCredits(1n), roundingStep: microCredits(1n) },
    }
    const types = { getTypeParser: (oid: number) => (oid === 20 || oid === 1700 ? Number : (text: string) => text) }
    const hosts = ['reads', 'pipelines'].map(
      (how) =>
        new pg.Pool({ connectionString: database.url, max: 1, pipeline: how === 'pipelines', types } as unknown as pg.PoolConfig),
    )
    for (const host of hosts) {
      const its = new Ledger(postgres({ pool: host as PostgresPool }))
      await its.charge({ accountId, ...small })
      expect((await its.verify(accountId)).mismatches).toEqual([])
      await its.close()
    }
    expect((await ledger.balance(accountId)).balance).toBe(credits(10_000_000_100) - 2n)
    const rounding: PostgresPool = {
      async connect() {
        const client = await hosts[0]?.connect()
        return {
          query: async ({ text, values, rowMode = 'array' }) =>
            (await client?.query({ text, values, rowMode })) ?? expect.unreachable(),
          release: (error) => client?.release(error),
        }
      },
      end: async () => undefined,
    }
    const its = new Ledger(postgres({ pool: rounding }))
    const refused = { code: 'LEDGER_INTERNAL', message: expect.stringContaining('cannot hold it exactly') }
    await expect(its.balance(accountId)).rejects.toMatchObject(refused)
    await expect(its.charge({ accountId, ...small })).rejects.toMatchObject(refused)
    expect((await ledger.balance(accountId)).balance).toBe(credits(10_000_000_100) - 2n)
    await Promise.all(hosts.map((host) => host.end()))
  })

  test('changes that are too long for one string together are made one by one, and one that is too long alone fails alone', async () => {
    // As V8 does, at a length that a test can afford.
    const lengthMax = 100_000
    const short: PostgresPool = {
      async connect() {
        const client = await pool.connect()
        return {
          async query(statement) {
            if (String(statement.values).length > lengthMax) throw new RangeError('Invalid string length')
            return { rows: (await client.query(statement)).rows as unknown[][] }
          },
          release: (error) => client.release(error),
        }
      },
      end: async () => undefined,
    }
    const its = new Ledger(postgres({ pool: short }))
    const save = (length: number) => its.saveDocument({ accountId, kind: 'agent', body: { text: 'x'.repeat(length) } })
    const outcomes = await Promise.allSettled([
      save(lengthMax * 0.6),
      its.charge({ accountId, ...work }),
      save(lengthMax * 0.6),
      save(lengthMax),
    ])
    expect(outcomes).toMatchObject([
      { value: { status: 'saved' } },
      { value: { status: 'charged' } },
      { value: { status: 'saved' } },
      { reason: { code: 'LEDGER_INTERNAL', message: expect.stringContaining('too long') } },
    ])
    expect((await its.verify(accountId)).mismatches).toEqual([])
    await its.close()
  })

  test('a pool that reads values as binary is refused: an expired key was taken for one without an end', async () => {
    const binary = new pg.Pool({ connectionString: database.url, max: 1, ...{ binary: true } })
    const its = new Ledger(postgres({ pool: binary }))
    const expiresAt = Date.now() + 50
    const created = await ledger.createApiKey({ accountId, minimumBalance: credits(0), expiresAt })
    const secret = (created.status === 'created' && created.secret) || ''
    expect(secret).not.toBe('')
    await vi.waitUntil(() => Date.now() > expiresAt)
    for (const read of [() => its.authenticate(secret), () => its.balance(accountId), () => its.apiKeys(accountId)]) {
      await expect(read()).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('binary') })
    }
    await binary.end()
  })

  test('a hold counts in its budgets by the order of their ids, in whichever the server returns them', async () => {
    const budgetIds = ['c', 'a', 'd', 'b']
    for (const budgetId of budgetIds) await ledger.setBudget({ accountId, budgetId, period: 'total', limit: credits(50) })
    // A table so small is then read from its start, and not by its index.
    await pool.query('ANALYZE farebox_budgets')
    await ledger.placeHold({ accountId, holdId: 'counted', service: 'gpt', provider: 'gpt-4o-mini', amount: credits(5) })
    const { budgets } = await ledger.hold(accountId, 'counted')
    expect(budgets.map(({ budgetId }) => budgetId)).toEqual(budgetIds.toSorted())
  })

  test('a statement that fails takes the rest of its batch along, and the connection goes on', async () => {
    const one = new pg.Pool({ connectionString: database.url, max: 1 })
    const mine = new Ledger(postgres({ pool: one }))
    await pool.query("ALTER TABLE farebox_journal ADD CONSTRAINT refuses CHECK (verb <> 'charge')")
    await expect(mine.charge({ accountId, ...work })).rejects.toMatchObject({ code: 'LEDGER_INTERNAL' })
    await pool.query('ALTER TABLE farebox_journal DROP CONSTRAINT refuses')
    expect(await mine.charge({ accountId, ...work })).toMatchObject({ status: 'charged' })
    expect((await mine.balance(accountId)).balance).toBe(credits(93))
    expect((await mine.verify(accountId)).mismatches).toEqual([])
    await one.end()
  })
})
