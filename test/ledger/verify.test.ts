import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credits, microUnits } from '@farebox/core'
import { Ledger, type LedgerDriver } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'

const work = { service: 'gpt', provider: 'gpt-4o-mini' } as const
const usage = { quantity: microUnits(1_000_000n), unit: 'tokens', rated: credits(1) } as const

/** An account with more usage records than a verification reads at a time. */
async function fill(ledger: Ledger, records = 450): Promise<string> {
  await ledger.migrate()
  const { accountId } = await ledger.openAccount({ name: 'Ada' })
  await ledger.grant({ accountId, amount: credits(100_000) })
  await Promise.all(Array.from({ length: records }, () => ledger.charge({ accountId, ...work, usage })))
  return accountId
}

function newFile(): string {
  return join(mkdtempSync(join(tmpdir(), 'farebox-verify-')), 'credits.db')
}

test.each<[string, () => Promise<LedgerDriver>]>([
  ['sqlite', async () => sqlite({ filename: newFile() })],
  ['sqlite in memory', async () => sqlite({ filename: ':memory:' })],
  ['postgres', async () => postgres({ connectionString: (await createTestDatabase()).url })],
])('a ledger that closes ends its verification on %s', async (_, open) => {
  const ledger = new Ledger(await open())
  const accountId = await fill(ledger)
  let closed: Promise<void> | undefined
  const verifying = ledger.verify(accountId, {
    onRead() {
      closed ??= ledger.close()
    },
  })
  await expect(verifying).rejects.toMatchObject({ code: 'LEDGER_CLOSED' })
  await closed
})

test.each(['wal', 'delete', 'truncate'])(
  'a host database with journal mode %s is verified while it is written to',
  async (mode) => {
    const database = new Database(newFile())
    onTestFinished(() => void database.close())
    database.pragma(`journal_mode = ${mode}`)
    const ledger = new Ledger(sqlite({ database, busyTimeoutMs: 200 }))
    const accountId = await fill(ledger)
    const writing: Promise<unknown>[] = []
    const onRead = () => void writing.push(ledger.charge({ accountId, ...work, usage }))
    expect(await ledger.verify(accountId, { onRead })).toMatchObject({ mismatches: [], usageRecords: 450 })
    await Promise.all(writing)
    expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [], usageRecords: 450 + writing.length })
    await ledger.close()
  },
)

test('entries that are few are looked for among some thousands at a time, since others wait for a search that finds none', async () => {
  const driver = sqlite({ filename: newFile() })
  const snapshot = driver.snapshot.bind(driver)
  const searches: string[] = []
  driver.snapshot = (verify) =>
    snapshot(({ pages }) =>
      verify({
        pages(query) {
          if (query.text.includes('verb IN')) searches.push(query.text)
          return pages(query)
        },
      }),
    )
  const ledger = new Ledger(driver)
  onTestFinished(() => ledger.close())
  const accountId = await fill(ledger, 12_000)
  expect((await ledger.verify(accountId)).mismatches).toEqual([])
  const ranges = searches.map((text) => /AND sequence > (\d+) AND sequence <= (\d+)$/.exec(text)?.slice(1).map(Number))
  expect(ranges).toEqual([
    [0, 10_000],
    [10_000, 20_000],
  ])
})

test('a host transaction that is open is not verified: nobody knows yet whether it will be', async () => {
  const database = new Database(newFile())
  onTestFinished(() => void database.close())
  database.pragma('journal_mode = WAL')
  const ledger = new Ledger(sqlite({ database }))
  const accountId = await fill(ledger, 3)
  database.exec('BEGIN IMMEDIATE')
  await ledger.charge({ accountId, ...work, usage }, { transaction: database })
  expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [], usageRecords: 3 })
  database.exec('COMMIT')
  expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [], usageRecords: 4 })
  await ledger.close()
})

test('the log of a file that was verified while it was written to is copied and cut afterwards', async () => {
  const filename = newFile()
  const ledger = new Ledger(sqlite({ filename }))
  const accountId = await fill(ledger, 2_000)
  const writing: Promise<unknown>[] = []
  const onRead = () => {
    for (let times = 0; times < 200; times++) writing.push(ledger.charge({ accountId, ...work, usage }))
  }
  expect((await ledger.verify(accountId, { onRead })).mismatches).toEqual([])
  await Promise.all(writing)
  expect((await ledger.verify(accountId)).mismatches).toEqual([])
  await ledger.close()
  expect(statSync(`${filename}-wal`, { throwIfNoEntry: false })).toBeUndefined()
})

test('a circle of workflows, each the parent of the other, is told of and ends', async () => {
  const filename = newFile()
  const ledger = new Ledger(sqlite({ filename }))
  const accountId = await fill(ledger, 0)
  await ledger.openWorkflow({ accountId, workflowId: 'a', name: 'w' })
  await ledger.openWorkflow({ accountId, workflowId: 'b', name: 'w', parentId: 'a' })
  await ledger.charge({ accountId, workflowId: 'b', ...work, usage })
  const database = new Database(filename)
  database.exec(`UPDATE farebox_workflows SET parent_id = 'b' WHERE workflow_id = 'a'`)
  database.close()
  const { mismatches } = await ledger.verify(accountId)
  expect(mismatches).toContainEqual(expect.objectContaining({ kind: 'workflow' }))
  await ledger.close()
})

test.each<[string, () => Promise<LedgerDriver>]>([
  ['sqlite', async () => sqlite({ filename: newFile() })],
  ['postgres', async () => postgres({ connectionString: (await createTestDatabase()).url })],
])('verifications wait for each other on %s, so that many neither take all connections nor all file handles', async (_, open) => {
  const ledger = new Ledger(await open())
  const accountId = await fill(ledger)
  const turns: number[] = []
  await Promise.all([1, 2, 3].map((turn) => ledger.verify(accountId, { onRead: () => void turns.push(turn) })))
  expect(turns).toEqual(turns.toSorted())
  await ledger.close()
})

test.each<[string, () => Promise<LedgerDriver>]>([
  ['sqlite', async () => sqlite({ filename: newFile() })],
  ['postgres', async () => postgres({ connectionString: (await createTestDatabase()).url })],
])('what onRead throws ends a verification as it is on %s, and the next one is not harmed', async (_, open) => {
  const ledger = new Ledger(await open())
  const accountId = await fill(ledger)
  for (const thrown of [new Error('enough'), new RangeError('out of range'), 'a text']) {
    const onRead = () => {
      throw thrown
    }
    await expect(ledger.verify(accountId, { onRead })).rejects.toBe(thrown)
  }
  expect((await ledger.verify(accountId)).mismatches).toEqual([])
  await ledger.close()
})

test.each(['removed', 'replaced'])('a file that was %s is not verified, and none is made in its place', async (change) => {
  const filename = newFile()
  const ledger = new Ledger(sqlite({ filename }))
  const accountId = await fill(ledger, 3)
  renameSync(filename, `${filename}.old`)
  if (change === 'replaced') new Database(filename).close()
  await expect.poll(() => ledger.verify(accountId).catch(String)).toMatch(/was removed or replaced/)
  expect(existsSync(filename)).toBe(change === 'replaced')
  await ledger.close()
})

test('a host database whose file was removed is not verified, and no file is made in its place', async () => {
  const filename = newFile()
  const database = new Database(filename)
  onTestFinished(() => void database.close())
  database.pragma('journal_mode = WAL')
  const ledger = new Ledger(sqlite({ database }))
  const accountId = await fill(ledger, 3)
  rmSync(filename)
  await expect(ledger.verify(accountId)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
  expect(existsSync(filename)).toBe(false)
  await ledger.close()
})

test.each(['wal', 'delete'])('a host database that keeps its file to itself is verified, with journal mode %s', async (mode) => {
  const database = new Database(newFile())
  onTestFinished(() => void database.close())
  database.pragma('locking_mode = EXCLUSIVE')
  database.pragma(`journal_mode = ${mode}`)
  const ledger = new Ledger(sqlite({ database, busyTimeoutMs: 200 }))
  const accountId = await fill(ledger)
  expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [], usageRecords: 450 })
  await ledger.close()
})

test('a verification waits for whoever has locked a host database without a log', async () => {
  const filename = newFile()
  const database = new Database(filename, { timeout: 0 })
  const other = new Database(filename)
  onTestFinished(() => {
    for (const each of [database, other]) each.close()
  })
  const accountId = await fill(new Ledger(sqlite({ database })), 3)
  other.exec('BEGIN EXCLUSIVE')
  const hasty = new Ledger(sqlite({ database, busyTimeoutMs: 0 }))
  await expect(hasty.verify(accountId)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', message: /another process kept/ })
  const verifying = new Ledger(sqlite({ database })).verify(accountId)
  setTimeout(() => other.exec('COMMIT'), 20)
  expect(await verifying).toMatchObject({ mismatches: [], usageRecords: 3 })
})
