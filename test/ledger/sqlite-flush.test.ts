import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { credits } from '@farebox/core'
import { Ledger, type LedgerDriver, LedgerUnavailableError } from '@farebox/ledger'
import { type SqliteOptions, sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { eio, FailingDisk } from './failing-disk.ts'

const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
const work = { service: 'gpt', provider: 'gpt-4o-mini', usage } as const

const MANY = 100

describe('a ledger in a SQLite file that survives a power cut', () => {
  let folder: string
  let filename: string
  let accountId: string
  const ledgers: Ledger<unknown>[] = []
  beforeEach(() => {
    folder = databaseFolder('ledger')
    filename = join(folder, 'credits.db')
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    for (const ledger of ledgers.splice(0)) await ledger.close()
    fs.rmSync(folder, { recursive: true, force: true })
  })

  async function open(options: Partial<SqliteOptions> = {}): Promise<Ledger<unknown>> {
    const ledger = new Ledger<unknown>(sqlite({ filename, ...options }))
    ledgers.push(ledger)
    await ledger.migrate()
    accountId = (await ledger.openAccount({ name: 'Ada' })).accountId
    await ledger.grant({ accountId, amount: credits(10_000) })
    return ledger
  }
  const chargeMany = (ledger: Ledger<unknown>, count = MANY) =>
    Promise.all(Array.from({ length: count }, (_, index) => ledger.charge({ accountId, usageId: `u${index}`, ...work })))

  /** Until it is known that the disk takes its time, so that the event loop does not wait for it. */
  async function slowDisk(ledger: Ledger<unknown>): Promise<void> {
    const { fdatasyncSync } = fs
    const slow = vi.spyOn(fs, 'fdatasyncSync').mockImplementation((descriptor) => {
      fdatasyncSync(descriptor)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    })
    const beside = vi.spyOn(fs, 'fdatasync')
    for (let index = 0; beside.mock.calls.length === 0 && index < 20; index++)
      await ledger.grant({ accountId, amount: credits(1) })
    expect(slow.mock.calls.length).toBeLessThan(5)
    expect(beside).toHaveBeenCalled()
    slow.mockRestore()
    beside.mockRestore()
  }

  test('acknowledges changes when the disk has them, though others see them before', async () => {
    const ledger = await open()
    await slowDisk(ledger)
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    const { fdatasync } = fs
    vi.spyOn(fs, 'fdatasync').mockImplementation((descriptor, told) => {
      ask()
      void released.then(() => fdatasync(descriptor, told))
    })
    let isAcknowledged = false
    const charged = chargeMany(ledger).then((outcomes) => {
      isAcknowledged = true
      return outcomes
    })
    await asked
    const database = new Database(filename, { readonly: true })
    expect(database.prepare('SELECT count(*) FROM farebox_usage_records').pluck().get()).toBeGreaterThan(0)
    database.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isAcknowledged).toBe(false)
    release()
    expect(await charged).toHaveLength(MANY)
  })

  test('flushes each change before it is acknowledged, many with one flush', async () => {
    const ledger = await open()
    const flushes = { here: vi.spyOn(fs, 'fdatasyncSync'), beside: vi.spyOn(fs, 'fdatasync') }
    const count = () => flushes.here.mock.calls.length + flushes.beside.mock.calls.length
    await ledger.charge({ accountId, usageId: 'alone', ...work })
    expect(count()).toBe(1)
    await chargeMany(ledger)
    expect(count()).toBeLessThan(MANY / 2)
  })

  test('has flushed, at the moment in which a change is acknowledged, all that a power cut would have to leave', async () => {
    const ledger = await open()
    const { fdatasync, fdatasyncSync } = fs
    let flushed = 0
    const keep = () => {
      flushed++
      for (const part of ['', '-wal']) fs.copyFileSync(filename + part, `${filename}.${flushed}${part}`)
    }
    vi.spyOn(fs, 'fdatasyncSync').mockImplementation((descriptor) => {
      fdatasyncSync(descriptor)
      keep()
    })
    vi.spyOn(fs, 'fdatasync').mockImplementation((descriptor, told) =>
      fdatasync(descriptor, (error) => {
        if (!error) keep()
        told(error)
      }),
    )
    const acknowledged = new Map<string, number>()
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        Array.from({ length: round % 2 === 0 ? 1 : MANY }, async (_, index) => {
          const usageId = `${round}.${index}`
          await ledger.charge({ accountId, usageId, ...work })
          acknowledged.set(usageId, flushed)
        }),
      )
    }
    expect(flushed).toBeGreaterThan(5)
    for (let moment = 1; moment <= flushed; moment++) {
      const left = new Database(`${filename}.${moment}`)
      const kept = new Set(left.prepare<[], string>('SELECT usage_id FROM farebox_usage_records').pluck().all())
      left.close()
      expect([...acknowledged].filter(([usageId, when]) => when <= moment && !kept.has(usageId))).toEqual([])
    }
  })

  test('says that nobody knows when the disk fails, copies what it has into the file, and goes on', async () => {
    const ledger = await open()
    const broken = eio()
    const failing = vi.spyOn(fs, 'fdatasyncSync').mockImplementation(() => {
      throw broken
    })
    const charge = { accountId, usageId: 'once', idempotencyKey: 'once', ...work }
    const failure = await ledger.charge(charge).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LedgerUnavailableError)
    expect(failure).toMatchObject({ isRetryable: true, cause: broken })

    // Another process is in the way of the copy: the log is not trusted, whatever the next flush would say.
    failing.mockRestore()
    const reader = new Database(filename)
    reader.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge(charge)).rejects.toBeInstanceOf(LedgerUnavailableError)
    reader.exec('ROLLBACK')
    reader.close()

    expect(await ledger.charge(charge)).toMatchObject({ status: 'charged' })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(9_999) })
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('fails what was written after what a flush has lost, whatever its own flush would say', async () => {
    const ledger = await open()
    await slowDisk(ledger)
    const before = await ledger.balance(accountId)
    const { fdatasync } = fs
    let fail: (() => void) | undefined
    vi.spyOn(fs, 'fdatasync').mockImplementation((descriptor, told) => {
      if (fail) fdatasync(descriptor, told)
      else fail = () => told(eio())
    })
    const first = ledger.charge({ accountId, usageId: 'first', ...work })
    await expect.poll(() => fail).toBeDefined()
    // So many that they do not wait for the first flush to be written.
    const second = chargeMany(ledger)
    const seen = () => ledger.balance(accountId)
    await expect.poll(async () => (await seen()).balance).toBeLessThan(before.balance - credits(1))
    const settled = Promise.allSettled([first, second])
    fail?.()
    for (const { status, ...outcome } of await settled) {
      expect({ status, ...outcome }).toMatchObject({ status: 'rejected', reason: { code: 'LEDGER_UNAVAILABLE' } })
    }
    // Asked again, those that happened are answered as they would have been.
    expect(await ledger.charge({ accountId, usageId: 'first', ...work })).toMatchObject({ status: 'charged' })
    expect(await chargeMany(ledger)).toHaveLength(MANY)
    expect((await seen()).balance).toBe(before.balance - credits(MANY + 1))
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test.each([
    ['a statement of no account', (driver: LedgerDriver) => driver.write({ text: 'DELETE FROM {provider_health}', values: [] })],
    ['a migration', (driver: LedgerDriver) => driver.migrate()],
  ])('goes on after the disk has failed also where the next thing to be written is %s', async (_, write) => {
    // Its changes are written elsewhere, so that none of them copies the log for this connection.
    const driver = sqlite({ filename, writer: 'thread' })
    await driver.migrate()
    const failing = vi.spyOn(fs, 'fdatasync').mockImplementation((_descriptor, told) => told(eio()))
    await expect(write(driver)).rejects.toBeInstanceOf(LedgerUnavailableError)
    failing.mockRestore()
    const before = vi.spyOn(fs, 'fdatasync')
    await write(driver)
    expect(before).toHaveBeenCalledOnce()
    await driver.close()
  })

  test('does not build on what another process’s disk has lost before it had written anything itself', async () => {
    const { openSync, fdatasyncSync } = fs
    const opened: number[] = []
    vi.spyOn(fs, 'openSync').mockImplementation((...given) => {
      opened.push(openSync(...given))
      return opened.at(-1) ?? 0
    })
    const ledger = await open()
    const idle = new Ledger<unknown>(sqlite({ filename }))
    ledgers.push(idle)
    await idle.balance(accountId)
    // As Linux tells of a failure: once to each descriptor that was open then, and to none that was opened after it.
    let untold: Set<number> | undefined
    vi.spyOn(fs, 'fdatasyncSync').mockImplementation((descriptor) => {
      untold ??= new Set(opened)
      if (untold.delete(descriptor)) throw eio()
      fdatasyncSync(descriptor)
    })
    await expect(ledger.charge({ accountId, usageId: 'lost', ...work })).rejects.toBeInstanceOf(LedgerUnavailableError)
    const charge = { accountId, usageId: 'after', ...work }
    await expect(idle.charge(charge)).rejects.toBeInstanceOf(LedgerUnavailableError)
    expect(await idle.charge(charge)).toMatchObject({ status: 'charged' })
  })

  test.each([
    ['quick', 0.9],
    ['slow', 0],
  ])('closed while a change is written to a %s disk, says of it what is so after a power cut', async (_, drawn) => {
    const disk = new FailingDisk(`${filename}-wal`, () => drawn)
    // Another process has it open, so that the log is not copied when it is closed here.
    const other = new Database(filename)
    for (let ticks = 0; ticks < 12; ticks++) {
      const driver = sqlite({ filename })
      const ledger = new Ledger<unknown>(driver)
      await ledger.migrate()
      other.prepare('SELECT * FROM farebox_migrations').all()
      accountId = (await ledger.openAccount({ name: 'Ada' })).accountId
      for (let index = 0; index < 4; index++) await ledger.grant({ accountId, amount: credits(1) })
      const { commit } = driver
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
      vi.spyOn(driver, 'commit').mockImplementation((...given) => {
        begin()
        return commit.apply(driver, given)
      })
      const granted = Promise.allSettled([ledger.grant({ accountId, amount: credits(7), idempotencyKey: `at ${ticks}` })])
      await begun
      for (let tick = 0; tick < ticks; tick++) await undefined
      await driver.close()
      const [outcome] = await granted
      fs.copyFileSync(filename, `${filename}.${ticks}`)
      fs.writeFileSync(`${filename}.${ticks}-wal`, disk.afterPowerCut)
      const left = new Database(`${filename}.${ticks}`)
      const isKept = left.prepare('SELECT 1 FROM farebox_journal WHERE idempotency_key = ?').get(`at ${ticks}`) !== undefined
      left.close()
      if (isKept) expect(outcome, `closed after ${ticks} ticks`).toMatchObject({ status: 'fulfilled' })
      else expect(outcome, `closed after ${ticks} ticks`).toMatchObject({ status: 'rejected', reason: { code: 'LEDGER_CLOSED' } })
    }
    other.close()
  })

  test('leaves the disk alone where only crashes of the process are to be survived', async () => {
    const ledger = await open({ synchronous: 'normal' })
    const flushes = [vi.spyOn(fs, 'fdatasyncSync'), vi.spyOn(fs, 'fdatasync')]
    await chargeMany(ledger)
    for (const flush of flushes) expect(flush).not.toHaveBeenCalled()
  })

  test('leaves it to the host on the host’s own handle', async () => {
    const database = new Database(filename)
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    const ledger = await open({ filename: undefined, database })
    const flushes = [vi.spyOn(fs, 'fdatasyncSync'), vi.spyOn(fs, 'fdatasync')]
    await chargeMany(ledger)
    for (const flush of flushes) expect(flush).not.toHaveBeenCalled()
    expect(database.pragma('synchronous', { simple: true })).toBe(2)
    await ledgers.pop()?.close()
    database.close()
  })

  test('closes what it flushed by, so that the log goes with the last connection', async () => {
    const ledger = await open()
    await chargeMany(ledger)
    expect(fs.existsSync(`${filename}-wal`)).toBe(true)
    await ledgers.pop()?.close()
    expect(fs.existsSync(`${filename}-wal`)).toBe(false)
  })
})

test('where Node lets nobody flush a file, SQLite does', async () => {
  const folder = databaseFolder('permission')
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  const program = `
    import { Ledger } from '@farebox/ledger'
    import { sqlite } from '@farebox/ledger/sqlite'
    const ledger = new Ledger(sqlite({ filename: ${JSON.stringify(join(folder, 'credits.db'))} }))
    await ledger.migrate()
    const { accountId } = await ledger.openAccount({ name: 'Ada' })
    await ledger.grant({ accountId, amount: 5n })
    console.log((await ledger.balance(accountId)).available)
    await ledger.close()`
  const allowed = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*', '--allow-addons', '--allow-worker']
  const flags = [...allowed, '--conditions=farebox-source', '--no-warnings', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: import.meta.dirname })
  expect(stdout.trim()).toBe('5n')
})
