import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger, LedgerUnavailableError } from '@farebox/ledger'
import { exerciseLedgerDriver } from '@farebox/ledger/conformance'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { chargeUntilKilled, placeHoldsAtOnce } from './app-servers.ts'
import { openSqlite } from './open-sqlite.ts'

exerciseLedgerDriver('sqlite', openSqlite)

const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(7) } as const
const work = { service: 'gpt', provider: 'gpt-4o-mini', usage } as const

describe('a ledger in a SQLite file', () => {
  let folder: string
  let filename: string
  let ledger: Ledger<unknown>
  let accountId: string
  beforeEach(async () => {
    folder = databaseFolder('ledger')
    filename = join(folder, 'credits.db')
    ledger = new Ledger<unknown>(sqlite({ filename }))
    await ledger.migrate()
    accountId = (await ledger.openAccount({ name: 'Ada' })).accountId
    await ledger.grant({ accountId, amount: credits(100) })
  })
  afterEach(async () => {
    await ledger.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('500 holds from four processes on an account that affords 100: exactly 100 are held', async () => {
    expect(await placeHoldsAtOnce(4, 125, ['sqlite', filename], accountId)).toBe(100)
    expect(await ledger.balance(accountId)).toMatchObject({ held: credits(100), available: 0n })
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('the event loop goes on while the holds of a process that has died are given back', async () => {
    let now = Date.UTC(2026, 6, 15)
    const later = new Ledger(sqlite({ filename, clock: () => now }))
    const { accountId: busy } = await later.openAccount({ name: 'Bo' })
    await later.grant({ accountId: busy, amount: credits(1_000) })
    const { service, provider } = work
    const hold = { accountId: busy, service, provider, amount: credits(1), ttlMs: 1_000, graceMs: 0 }
    await Promise.all(Array.from({ length: 1_000 }, () => later.placeHold(hold)))
    now += 2_000
    let turns = 0
    const turn = () => {
      turns++
      next = setImmediate(turn)
    }
    let next = setImmediate(turn)
    await later.sweep()
    clearImmediate(next)
    expect(await later.balance(busy)).toMatchObject({ held: 0n })
    // Some are given back in each turn.
    expect(turns).toBeGreaterThanOrEqual(7)
    await later.close()
  })

  test('the newest events of an account are found by their index, not by a sort of all', async () => {
    const driver = sqlite({ filename })
    const select = driver.select.bind(driver)
    const texts: string[] = []
    driver.select = (query) => {
      texts.push(query.text)
      return select(query)
    }
    const reader = new Ledger(driver)
    await reader.events({ accountId }, { limit: 1 })
    await reader.close()
    const database = new Database(filename, { readonly: true })
    const text = texts.join().replace('{events}', 'farebox_events')
    const plan = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${text}`).all(accountId, 1)
    database.close()
    expect(plan[0]?.detail).toContain('farebox_events_created (account_id=?)')
    expect(plan.map(({ detail }) => detail)).not.toContain('USE TEMP B-TREE FOR ORDER BY')
  })

  test('nothing that was acknowledged is lost when every process is killed at work', async () => {
    await ledger.grant({ accountId, amount: credits(1_000_000) })
    const acknowledged = await chargeUntilKilled(3, 100, ['sqlite', filename], accountId)
    const kept = new Set(
      (await ledger.statement(accountId, { limit: 100_000 })).items.map(({ idempotencyKey }) => idempotencyKey),
    )
    expect(acknowledged.filter((usageId) => !kept.has(`usage:${usageId}`))).toEqual([])
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test("the host's own handle stays the host's: its transactions are joined, waited for, and it is not closed", async () => {
    const database = new Database(filename)
    const mine = new Ledger(sqlite({ database }))
    database.exec('BEGIN')
    const joined = await mine.charge({ accountId, ...work }, { transaction: database })
    expect(joined).toMatchObject({ balance: credits(93) })
    const waiting = mine.charge({ accountId, ...work })
    await new Promise((resolve) => setTimeout(resolve, 20))
    database.exec('ROLLBACK')
    expect(await waiting).toMatchObject({ status: 'charged', balance: credits(93) })
    await mine.close()
    expect(database.open).toBe(true)
    database.close()
  })

  test('rows that the host reads one by one from its own handle are waited for, and then said to be read', async () => {
    const database = new Database(filename)
    const mine = new Ledger(sqlite({ database, busyTimeoutMs: 1_000 }))
    const reading = () => {
      const rows = database.prepare('SELECT * FROM farebox_journal').iterate()
      rows.next()
      return rows
    }
    const first = reading()
    const waiting = [mine.charge({ accountId, ...work }), mine.verify(accountId), mine.migrate()]
    await new Promise((resolve) => setTimeout(resolve, 20))
    first.return?.()
    expect(await Promise.all(waiting)).toMatchObject([{ balance: credits(93) }, { mismatches: [] }, { applied: [] }])

    const impatient = new Ledger(sqlite({ database, busyTimeoutMs: 50 }))
    const second = reading()
    const unavailable = { code: 'LEDGER_UNAVAILABLE', message: expect.stringContaining('the host') }
    await expect(impatient.charge({ accountId, ...work })).rejects.toMatchObject(unavailable)
    second.return?.()
    database.exec('BEGIN')
    await expect(impatient.charge({ accountId, ...work })).rejects.toMatchObject(unavailable)
    const third = reading()
    await expect(mine.charge({ accountId, ...work }, { transaction: database })).rejects.toMatchObject(unavailable)
    third.return?.()
    expect(await mine.charge({ accountId, ...work }, { transaction: database })).toMatchObject({ balance: credits(86) })
    database.exec('COMMIT')
    database.close()
  })

  test('a handle that the host has closed is unavailable, so that usage is not lost where there is a spool', async () => {
    const database = new Database(filename)
    const mine = new Ledger(sqlite({ database }), { spool: { directory: join(folder, 'spool') } })
    expect((await mine.balance(accountId)).balance).toBe(credits(100))
    database.close()
    await expect(mine.balance(accountId)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    await expect(mine.charge({ accountId, usageId: 'late', ...work })).rejects.toMatchObject({ code: 'USAGE_SPOOLED' })
    await mine.close()
  })

  test("a host's handle may read every integer as a bigint: what was migrated is known again", async () => {
    const database = new Database(filename)
    database.defaultSafeIntegers(true)
    const mine = new Ledger(sqlite({ database }))
    const { version } = await mine.planMigration()
    expect(typeof version).toBe('number')
    expect(await mine.migrate()).toEqual({ applied: [], version })
    expect(await mine.charge({ accountId, ...work })).toMatchObject({ balance: credits(93) })
    database.close()
  })

  test('a handle on which no transaction was begun is refused, since its statements would commit one by one', async () => {
    const database = new Database(filename)
    await expect(ledger.charge({ accountId, ...work }, { transaction: database })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      field: 'transaction',
    })
    database.close()
    expect((await ledger.balance(accountId)).balance).toBe(credits(100))
  })

  test('a process that keeps the file makes the others wait, and then say that they may try again', async () => {
    const impatient = new Ledger(sqlite({ filename, busyTimeoutMs: 50 }))
    const other = new Database(filename)
    other.exec('BEGIN IMMEDIATE')
    await expect(impatient.charge({ accountId, ...work })).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
      isRetryable: true,
    })
    expect((await impatient.balance(accountId)).balance).toBe(credits(100))
    other.exec('ROLLBACK')
    other.close()
    expect(await impatient.charge({ accountId, ...work })).toMatchObject({ status: 'charged' })
    await impatient.close()
  })

  test.each([
    [{ writer: 'adaptive' }, 'writer'],
    [{ synchronous: 'off' }, 'synchronous'],
    [{ busyTimeoutMs: -1 }, 'busyTimeoutMs'],
    [{ busyTimeoutMs: Number.NaN }, 'busyTimeoutMs'],
  ])('an option that is none of what it may be is named: %o', (option, name) => {
    expect(() => sqlite({ filename, ...(option as object) })).toThrow(`sqlite({ ${name} }) must be`)
  })

  test('twenty ledgers that migrate one file at once, each on a connection of its own, take each step once', async () => {
    const file = join(folder, 'twenty.db')
    const ledgers = Array.from({ length: 20 }, () => new Ledger(sqlite({ filename: file })))
    const reports = await Promise.all(ledgers.map((each) => each.migrate()))
    expect(reports.filter(({ applied }) => applied.length > 0)).toHaveLength(1)
    await Promise.all(ledgers.map((each) => each.close()))
  })

  test.each(['event loop', 'thread'] as const)(
    'two ledgers share a file under names of their own, written on the %s',
    async (writer) => {
      const other = new Ledger<unknown>(sqlite({ filename, prefix: 'team_2_', views: false, writer }))
      const { pending } = await other.planMigration()
      expect(pending.map(({ sql }) => sql).join()).not.toContain('farebox_')
      expect((await other.migrate()).applied).toEqual(['ledger', 'rollup_carries', 'budgets_by_spender', 'newest_events'])
      expect((await other.planMigration()).pending).toEqual([])
      await other.openAccount({ accountId, name: 'another Ada' })
      await other.grant({ accountId, amount: credits(8) })
      expect(await other.charge({ accountId, ...work })).toMatchObject({ balance: credits(1) })
      expect((await other.verify(accountId)).mismatches).toEqual([])
      expect((await ledger.balance(accountId)).balance).toBe(credits(100))
      await other.close()
      const database = new Database(filename)
      const names = database.prepare<[], string>("SELECT name FROM sqlite_schema WHERE name LIKE 'team_2_%'").pluck().all()
      expect(names).toEqual(expect.arrayContaining(['team_2_accounts', 'team_2_journal', 'team_2_migrations']))
      database.close()
    },
  )

  test('a prefix that is no start of a name is refused', () => {
    for (const prefix of ['', 'Team_', 'team', '2_', 'sqlite_', 'a b_', "x'_", 'x'.repeat(40)]) {
      expect(() => sqlite({ filename, prefix }), prefix).toThrow('prefix must be')
    }
  })

  test('a plan makes no file, and leaves one that is there as it was', async () => {
    const host = join(folder, 'host.db')
    const absent = new Ledger(sqlite({ filename: host }))
    expect((await absent.planMigration()).version).toBe(0)
    expect(existsSync(host)).toBe(false)
    const database = new Database(host)
    database.exec('CREATE TABLE mine (id TEXT)')
    database.close()
    const before = readFileSync(host)
    expect((await absent.planMigration()).pending.map(({ name }) => name)).toEqual([
      'ledger',
      'views',
      'rollup_carries',
      'budgets_by_spender',
      'newest_events',
    ])
    expect(readFileSync(host).equals(before)).toBe(true)
    await absent.close()
  })

  test('a file that cannot be written or made says so, and can be tried again', async () => {
    const nowhere = new Ledger(sqlite({ filename: join(folder, 'none', 'credits.db') }))
    await expect(nowhere.migrate()).rejects.toThrow(LedgerUnavailableError)
    mkdirSync(join(folder, 'none'))
    expect((await nowhere.migrate()).applied).toEqual([
      'ledger',
      'views',
      'rollup_carries',
      'budgets_by_spender',
      'newest_events',
    ])
    await nowhere.close()

    const directory = new Ledger(sqlite({ filename: folder }))
    await expect(directory.migrate()).rejects.toThrow(LedgerUnavailableError)
    await directory.close()
  })

  test('a file without permission to write is unavailable, not broken', async () => {
    await ledger.close()
    chmodSync(folder, 0o555)
    chmodSync(filename, 0o444)
    // The superuser may write anywhere, so for a moment we are nobody.
    const isSuperuser = process.geteuid?.() === 0
    if (isSuperuser) process.seteuid?.(65_534)
    const readOnly = new Ledger(sqlite({ filename }))
    try {
      await expect(readOnly.charge({ accountId, ...work })).rejects.toThrow(LedgerUnavailableError)
      await readOnly.close()
    } finally {
      if (isSuperuser) process.seteuid?.(0)
      chmodSync(folder, 0o755)
    }
  })

  test('a file that is no database is unavailable, and is left as it was', async () => {
    const path = join(folder, 'notes.txt')
    writeFileSync(path, 'not a database, but long enough to be looked at by SQLite'.repeat(100))
    const before = readFileSync(path, 'utf8')
    const wrong = new Ledger(sqlite({ filename: path }))
    await expect(wrong.migrate()).rejects.toThrow(LedgerUnavailableError)
    await wrong.close()
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  test('the write-ahead log is copied into the file while the ledger writes, and starts again', async () => {
    await ledger.grant({ accountId, amount: credits(1_000_000) })
    const size = (suffix = '') => statSync(`${filename}${suffix}`).size
    const empty = size()
    const hold = () => ledger.placeHold({ accountId, amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' })
    for (let round = 0; round < 16; round++) await Promise.all(Array.from({ length: 1_000 }, hold))
    await expect.poll(() => size()).toBeGreaterThan(empty + 1_000_000)
    // It begins again with a change that comes when all of it was copied, and its header counts how often: then a few rounds make it no longer.
    const begun = () => readFileSync(`${filename}-wal`).readUInt32BE(12)
    let rounds = 16
    for (let before = begun(); rounds < 40 && begun() === before; rounds++) await Promise.all(Array.from({ length: 1_000 }, hold))
    const log = size('-wal')
    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 1_000 }, hold))
    expect(size('-wal')).toBeLessThan(log + 1_000_000)
    await ledger.close()
    ledger = new Ledger(sqlite({ filename }))
    expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [], entries: (rounds + 3) * 1_000 + 3 })
  })

  test('a log that grew under a long read gives the disk back once the read has ended', async () => {
    const text = 'x'.repeat(7_000_000)
    const write = async (documents: number) => {
      for (let count = 0; count < documents; count++) {
        await ledger.saveDocument({ accountId, kind: 'long', documentId: crypto.randomUUID(), body: { text } })
      }
    }
    const logBytes = () => statSync(`${filename}-wal`).size
    const reader = new Database(filename, { readonly: true })
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM farebox_accounts').get()
    await write(22)
    expect(logBytes()).toBeGreaterThan(150_000_000)
    reader.exec('COMMIT')
    reader.close()
    // The first copies the log into the file, and the second starts it again.
    await write(2)
    expect(logBytes()).toBeLessThan(70_000_000)
  }, 60_000)

  test('ledgers that share a driver all go on while the log is copied', async () => {
    const driver = sqlite({ filename })
    const sharing = Array.from({ length: 8 }, () => new Ledger(driver))
    await ledger.grant({ accountId, amount: credits(1_000_000) })
    const hold = (one: Ledger) => one.placeHold({ accountId, amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' })
    for (let round = 0; round < 60; round++) {
      const outcomes = await Promise.all(sharing.flatMap((one) => Array.from({ length: 25 }, () => hold(one))))
      expect(outcomes.every(({ status }) => status === 'held')).toBe(true)
    }
    await driver.close()
  })

  test('a ledger in memory works as well', async () => {
    const memory = new Ledger(sqlite({ filename: ':memory:' }))
    await memory.migrate()
    await memory.openAccount({ accountId: 'a', name: 'Ada' })
    await memory.grant({ accountId: 'a', amount: credits(10) })
    expect(await memory.charge({ accountId: 'a', ...work })).toMatchObject({ balance: credits(3) })
    await memory.close()
  })

  test('a driver is given a file or a handle, and not both', () => {
    expect(() => sqlite({})).toThrow('either filename or database')
    const database = new Database(':memory:')
    expect(() => sqlite({ filename, database })).toThrow('either filename or database')
    database.close()
  })
})
