import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { credits, microUnits } from '@farebox/core'
import { Ledger, LedgerClosedError, LedgerUnavailableError, type UsageInput } from '@farebox/ledger'
import { exerciseLedgerDriver } from '@farebox/ledger/conformance'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { openSqliteThread } from './open-sqlite.ts'

exerciseLedgerDriver('sqlite on a thread of its own', openSqliteThread)

const BUSY_APP = fileURLToPath(new URL('./busy-app.ts', import.meta.url))

describe('a ledger that writes on a thread', () => {
  let folder: string
  let filename: string
  beforeEach(() => {
    folder = databaseFolder('thread')
    filename = join(folder, 'credits.db')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test.each([
    ['that forgets to close it', 'thread', 10, 'forget'],
    ['that closes it while the thread has hardly started', 'thread', 1, 'close'],
    ['that closes it', 'thread', 10, 'close'],
  ])('lets a program end by itself %s (%s)', async (_, writer, rounds, end) => {
    const program = [...process.execArgv, BUSY_APP, filename, writer, String(rounds), end]
    const { stdout } = await promisify(execFile)(process.execPath, program)
    expect(stdout.trim()).toBe(`${rounds * 20} held`)
    const ledger = new Ledger(sqlite({ filename }))
    expect(await ledger.balance('ada')).toMatchObject({ held: credits(rounds * 20) })
    expect((await ledger.verify('ada')).mismatches).toEqual([])
    await ledger.close()
  })

  test('says what keeps it from the file with the same errors as without, and can be tried again', async () => {
    const ledger = new Ledger(sqlite({ filename: join(folder, 'none', 'credits.db'), writer: 'thread' }))
    const open = () => ledger.openAccount({ accountId: 'ada', name: 'Ada' })
    await expect(open()).rejects.toThrow(LedgerUnavailableError)
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
    await ledger.close()

    const unmigrated = new Ledger(sqlite({ filename, writer: 'thread' }))
    await expect(unmigrated.openAccount({ accountId: 'ada', name: 'Ada' })).rejects.toMatchObject({ code: 'SCHEMA_VERSION' })
    await unmigrated.migrate()
    expect(await unmigrated.openAccount({ accountId: 'ada', name: 'Ada' })).toMatchObject({ status: 'opened' })
    await unmigrated.close()
  })

  test('a file that another keeps is waited for, and then said to be kept', async () => {
    const ledger = new Ledger(sqlite({ filename, writer: 'thread', busyTimeoutMs: 50 }))
    await ledger.migrate()
    await ledger.openAccount({ accountId: 'ada', name: 'Ada' })
    const other = new Database(filename)
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.grant({ accountId: 'ada', amount: credits(5) })).rejects.toThrow('another process kept the database file')
    other.exec('ROLLBACK')
    other.close()
    expect(await ledger.grant({ accountId: 'ada', amount: credits(5) })).toMatchObject({ status: 'granted' })
    await ledger.close()
    await expect(ledger.grant({ accountId: 'ada', amount: credits(5) })).rejects.toThrow(LedgerClosedError)
  })

  test('what JSON cannot carry stays behind, and takes neither its change nor a neighbour’s with it', async () => {
    const ledger = new Ledger(sqlite({ filename, writer: 'thread' }))
    await ledger.migrate()
    await ledger.openAccount({ accountId: 'ada', name: 'Ada' })
    await ledger.grant({ accountId: 'ada', amount: credits(10) })
    const work = { accountId: 'ada', service: 'gpt', provider: 'gpt-4o-mini' }
    const usage = { quantity: microUnits(1n), unit: 'tokens', rated: credits(1) } as const
    const odd = { ...usage, details: { at: new Date(0), ask: () => 1, retry: () => 1, url: new URL('http://localhost/') } }
    const charge = (usageId: string, what: UsageInput) => ledger.charge({ ...work, usageId, usage: what })
    const outcomes = await Promise.all([charge('plain', usage), charge('odd', odd)])
    expect(outcomes).toMatchObject([{ status: 'charged' }, { status: 'charged' }])
    expect(
      await charge('odd', { ...usage, details: { at: '1970-01-01T00:00:00.000Z', url: 'http://localhost/' } }),
    ).toMatchObject({
      replayed: true,
    })
    await ledger.close()
  })
})
