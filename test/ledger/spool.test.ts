import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { credits, microUnits } from '@farebox/core'
import { Ledger, LedgerUnavailableError, type UsageInput, UsageSpooledError } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'

const accountId = 'ada'
const work = { accountId, service: 'gpt', provider: 'gpt-4o-mini' } as const
const usage = (rated: number, more: Partial<UsageInput> = {}): UsageInput => ({
  quantity: microUnits(9_007_199_254_740_993n),
  unit: 'tokens',
  rated: credits(rated),
  ...more,
})

let folder: string
let directory: string

beforeEach(() => {
  folder = databaseFolder('spool')
  directory = join(folder, 'spool', 'of-this-server')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const files = () => (existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.json')) : [])

describe('a spool beside a SQLite file that another process keeps', () => {
  let ledger: Ledger
  let other: Database.Database
  let refused: string[]

  const open = (more: object = {}) =>
    new Ledger(sqlite({ filename: join(folder, 'credits.db'), busyTimeoutMs: 30 }), {
      spool: { directory, retryMs: 20, onRefused: (_, reason) => refused.push(reason), ...more },
    })

  beforeEach(async () => {
    refused = []
    ledger = open()
    await ledger.migrate()
    await ledger.openAccount({ accountId, name: 'Ada' })
    await ledger.grant({ accountId, amount: credits(100) })
    other = new Database(join(folder, 'credits.db'))
  })
  afterEach(async () => {
    other.close()
    await ledger.close()
  })

  test('usage is kept on disk, and charged once when the database is back', async () => {
    const { holdId } = (await ledger.placeHold({ ...work, amount: credits(30) })) as { holdId: string }
    other.exec('BEGIN IMMEDIATE')
    const details = { looks: { bigint: 'like ours' }, amount: { bigint: '5' } }
    const settled = ledger.settleHold({ accountId, holdId, usage: usage(12, { details }) })
    await expect(settled).rejects.toThrow(UsageSpooledError)
    await expect(ledger.charge({ ...work, usage: usage(5) })).rejects.toMatchObject({ code: 'USAGE_SPOOLED' })
    await expect(ledger.placeHold({ ...work, amount: credits(1) })).rejects.toThrow(LedgerUnavailableError)
    expect(files()).toHaveLength(2)
    expect(readFileSync(join(directory, files()[0] ?? ''), 'utf8')).toContain('"9007199254740993"')
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(83), held: 0n })
    expect(await ledger.settleHold({ accountId, holdId, usage: usage(12, { details }) })).toMatchObject({ replayed: true })
    expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [], usageRecords: 2 })
  })

  test('what cannot be written leaves nothing behind, and a folder that was removed is made again', async () => {
    // The first may share the end of what was sent in the background.
    await ledger.sendSpooled()
    const inTheWay = join(directory, 'refused', 'none of ours.json.reason.txt')
    mkdirSync(inTheWay, { recursive: true })
    writeFileSync(join(directory, 'none of ours.json'), '')
    await expect(ledger.sendSpooled()).rejects.toThrow('none of ours.json.reason.txt')
    expect(readdirSync(join(directory, 'refused'))).toEqual(['none of ours.json.reason.txt'])
    rmSync(join(directory, 'none of ours.json'))

    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, usage: usage(5) })).rejects.toThrow(UsageSpooledError)
    rmSync(directory, { recursive: true })
    await expect(ledger.charge({ ...work, usage: usage(7) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(93) })
  })

  test('what waits is sent by whoever starts next, in any number, and happens once', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    for (const usageId of ['a', 'b', 'c']) {
      await expect(ledger.charge({ ...work, usageId, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    }
    await ledger.close()
    other.exec('COMMIT')
    const successors = [open(), open(), open()]
    const reports = await Promise.all(successors.map((one) => one.sendSpooled()))
    expect(reports.every(({ waiting, refused: no }) => waiting === 0 && no === 0)).toBe(true)
    expect(await successors[0]?.balance(accountId)).toMatchObject({ balance: credits(70) })
    for (const one of successors) await one.close()
    expect(refused).toEqual([])
  })

  test('migrating at the next start sends it too', async () => {
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    await ledger.close()
    other.exec('COMMIT')
    ledger = open()
    await ledger.migrate()
    await expect.poll(() => files()).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('work that was done is charged as far as the balance goes, and the rest is written down', async () => {
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, usageId: 'u', usage: usage(150) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: 0n })
    expect((await ledger.breakdowns({ accountId })).services).toMatchObject([{ charged: credits(100), shortfall: credits(50) }])
    // The first may share the end of what was sent in the background.
    await ledger.sendSpooled()
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 0 })
  })

  test('what was held is charged where the rest of a settlement would have been refused, and that is written down', async () => {
    const strict = (holdId: string) => ledger.placeHold({ ...work, holdId, amount: credits(30), overage: 'reject' })
    for (const holdId of ['whole', 'part', 'later']) await strict(holdId)
    await ledger.charge({ ...work, usage: usage(10) })
    other.exec('BEGIN IMMEDIATE')
    const over = { accountId, holdId: 'whole', usage: usage(50) }
    await expect(ledger.settleHold(over)).rejects.toThrow(UsageSpooledError)
    await expect(ledger.settleHold({ accountId, holdId: 'part', usageId: 'p', final: false, usage: usage(40) })).rejects.toThrow(
      UsageSpooledError,
    )
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual([])
    expect(refused).toEqual([])
    expect(await ledger.hold(accountId, 'whole')).toMatchObject({
      state: 'settled',
      charged: credits(30),
      shortfall: credits(20),
    })
    expect(await ledger.hold(accountId, 'part')).toMatchObject({ state: 'open', charged: credits(30), shortfall: credits(10) })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(30), held: credits(30) })
    // Who asks again is told what became of it; who settles while the database is there is refused as before.
    expect(await ledger.settleHold(over)).toMatchObject({ charged: credits(30), shortfall: credits(20), replayed: true })
    const refusal = { status: 'refused', reason: 'insufficient_balance' }
    expect(await ledger.settleHold({ accountId, holdId: 'later', usage: usage(50) })).toMatchObject(refusal)
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('work of a workflow that was closed meanwhile is charged to its account', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    const { workflowId } = (await ledger.openWorkflow({ accountId, name: 'call' })) as { workflowId: string }
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, workflowId, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    const another = new Ledger(sqlite({ filename: join(folder, 'credits.db') }))
    await another.closeWorkflow({ accountId, workflowId })
    await another.close()
    expect(await ledger.sendSpooled()).toEqual({ sent: 1, refused: 0, waiting: 0 })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('work in the spool goes in before a workflow of its account is closed, also what the process before kept', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    for (const workflowId of ['kept', 'left']) {
      await ledger.openWorkflow({ accountId, workflowId, name: 'call' })
      const { holdId } = (await ledger.placeHold({ ...work, workflowId, amount: credits(30) })) as { holdId: string }
      other.exec('BEGIN IMMEDIATE')
      await expect(ledger.charge({ ...work, workflowId, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
      await expect(ledger.settleHold({ accountId, holdId, usage: usage(7) })).rejects.toThrow(UsageSpooledError)
      other.exec('COMMIT')
      if (workflowId === 'left') {
        await ledger.close()
        ledger = open({ retryMs: 60_000 })
      }
      expect(await ledger.closeWorkflow({ accountId, workflowId })).toMatchObject({ status: 'closed', spent: credits(17) })
      expect([await ledger.spooled(), refused]).toEqual([0, []])
    }
  })

  test('another charge under a key that is taken is kept for somebody to look at, also where only its workflow differs', async () => {
    for (const workflowId of ['w', 'v']) await ledger.openWorkflow({ accountId, workflowId, name: 'call' })
    const charge = { ...work, idempotencyKey: 'k', usageId: 'u', usage: usage(10) }
    await ledger.charge({ ...charge, workflowId: 'w' })
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...charge, workflowId: 'v' })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual([])
    await expect.poll(() => refused).toEqual([expect.stringContaining('IDEMPOTENCY_CONFLICT')])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('who repeats a charge is told what became of it, though it went in in another form', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    await ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call' })
    const over = { ...work, idempotencyKey: 'over', usage: usage(150) }
    const late = { ...work, idempotencyKey: 'late', workflowId: 'w', usage: usage(0) }
    other.exec('BEGIN IMMEDIATE')
    for (const charge of [over, late]) await expect(ledger.charge(charge)).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    const another = new Ledger(sqlite({ filename: join(folder, 'credits.db') }))
    await another.closeWorkflow({ accountId, workflowId: 'w' })
    await another.close()
    // Not refused either, where it is repeated before it was sent.
    expect(await ledger.charge(over)).toMatchObject({ charged: credits(100), shortfall: credits(50), replayed: true })
    expect(await ledger.charge(late)).toMatchObject({ charged: 0n, replayed: true })
    const conflict = { code: 'IDEMPOTENCY_CONFLICT', differs: ['overage'] }
    await expect(ledger.charge({ ...over, overage: 'debt' })).rejects.toMatchObject(conflict)
    expect([await ledger.spooled(), refused]).toEqual([0, []])
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
  })

  test('what was kept while the spool was being sent is sent too, before who asked for that is answered', async () => {
    await ledger.close()
    const store = sqlite({ filename: join(folder, 'credits.db') })
    const commit = store.commit.bind(store)
    const [reached, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let isAway = true
    store.commit = async (operations, transaction) => {
      if (isAway) throw new LedgerUnavailableError('the database is away')
      reached.resolve()
      await goesOn.promise
      return commit(operations, transaction)
    }
    ledger = new Ledger(store, { batchMax: 1, waitingMax: 1, spool: { directory, retryMs: 60_000 } })
    await expect(ledger.charge({ ...work, usageId: 'first', usage: usage(5) })).rejects.toThrow(UsageSpooledError)
    isAway = false
    const sent = ledger.sendSpooled()
    await reached.promise
    // The queue is full.
    const waits = ledger.charge({ ...work, usageId: 'waits', usage: usage(1) })
    await expect(ledger.charge({ ...work, usageId: 'second', usage: usage(7) })).rejects.toThrow(UsageSpooledError)
    const all = ledger.sendSpooled()
    goesOn.resolve()
    await Promise.all([sent, all, waits])
    expect(files()).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(87) })
  })

  test('the charges of a workflow that wait can be read, and no others', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    const charge = (usageId: string, workflowId?: string) => ledger.charge({ ...work, usageId, workflowId, usage: usage(1) })
    expect(await ledger.spooledCharges(accountId, 'w')).toEqual([])
    await ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call' })
    other.exec('BEGIN IMMEDIATE')
    for (const told of [charge('a', 'w'), charge('b'), charge('c', 'other')])
      await expect(told).rejects.toThrow(UsageSpooledError)
    expect(await ledger.spooledCharges(accountId, 'w')).toMatchObject([{ usageId: 'a', usage: usage(1) }])
    expect(await ledger.spooledCharges('nobody', 'w')).toEqual([])
    other.exec('COMMIT')
    await ledger.sendSpooled()
    expect(await ledger.spooledCharges(accountId, 'w')).toEqual([])
  })

  test('usage that a full queue turns away is kept as well', async () => {
    await ledger.close()
    ledger = new Ledger(sqlite({ filename: join(folder, 'credits.db') }), { waitingMax: 2, spool: { directory, retryMs: 20 } })
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => ledger.charge({ ...work, usage: usage(1) })))
    const kept = outcomes.filter((one) => one.status === 'rejected' && one.reason instanceof UsageSpooledError)
    expect(kept.length).toBeGreaterThan(0)
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length + kept.length).toBe(10)
    await expect.poll(() => files()).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('what the ledger will not take is kept beside, with the reason, and holds nothing else up', async () => {
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.settleHold({ accountId, holdId: 'none', usage: usage(1) })).rejects.toThrow(UsageSpooledError)
    writeFileSync(join(directory, '0-half-written.json'), '{"version": 1, "operation": {"verb": "gra')
    writeFileSync(join(directory, '0-a-grant.json'), '{"version": 1, "operation": {"verb": "grant", "idempotencyKey": "k"}}')
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual([])
    expect(refused).toEqual([expect.stringContaining('HOLD_NOT_FOUND')])
    const kept = readdirSync(join(directory, 'refused'))
    expect(kept.filter((name) => name.endsWith('.json'))).toHaveLength(3)
    expect(kept.filter((name) => name.endsWith('.reason.txt'))).toHaveLength(3)
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('what cannot be read, or is half of a change, holds up nothing that comes after it', async () => {
    other.exec('BEGIN IMMEDIATE')
    mkdirSync(join(directory, '0-a-folder.json'), { recursive: true })
    writeFileSync(
      join(directory, '0-half.json'),
      '{"version":1,"operation":{"verb":"settleHold","idempotencyKey":"k","accountId":"ada"}}',
    )
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual(['0-a-folder.json'])
    await expect(ledger.sendSpooled()).rejects.toThrow('EISDIR')
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
    expect(readdirSync(join(directory, 'refused'))).toContain('0-half.json')
  })

  test('what cannot be read does not end the retries either, while the database is away', async () => {
    other.exec('BEGIN IMMEDIATE')
    mkdirSync(join(directory, '0-a-folder.json'), { recursive: true })
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    // Each retry takes one away, and fails all the same.
    for (const name of ['1-bad.json', '2-bad.json']) {
      writeFileSync(join(directory, name), 'nothing of ours')
      await expect.poll(() => files()).not.toContain(name)
    }
    other.exec('COMMIT')
    await expect.poll(() => files()).toEqual(['0-a-folder.json'])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('what a closed ledger is told to send waits for the next one', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    await ledger.close()
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 1 })
    ledger = open()
    expect(await ledger.sendSpooled()).toEqual({ sent: 1, refused: 0, waiting: 0 })
    expect([await ledger.balance(accountId), refused]).toMatchObject([{ balance: credits(90) }, []])
  })

  test('a change that another version wrote in its own way is kept beside, and not charged by guesswork', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    const [name = ''] = files()
    const file = JSON.parse(readFileSync(join(directory, name), 'utf8'))
    writeFileSync(join(directory, name), JSON.stringify({ ...file, version: 2 }))
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 0 })
    expect(readdirSync(join(directory, 'refused'))).toContain(name)
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(100) })
  })

  test('what a crash left of a reason is not in the way of the next one', async () => {
    await ledger.sendSpooled()
    mkdirSync(join(directory, 'refused'), { recursive: true })
    writeFileSync(join(directory, '0-bad.json'), 'nothing of ours')
    writeFileSync(join(directory, 'refused', '0-bad.json.reason.txt.part'), '')
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 0 })
    expect(readdirSync(join(directory, 'refused'))).toContain('0-bad.json.reason.txt')
  })

  /** A hold of 30 credits with a ledger that sends its spool when it is told to, and how to settle a part of it. */
  async function holdInParts() {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    const { holdId } = (await ledger.placeHold({ ...work, amount: credits(30) })) as { holdId: string }
    return (usageId: string, rated: number, final: boolean) =>
      ledger.settleHold({ accountId, holdId, usageId, final, usage: usage(rated) })
  }

  test('the last settlement of a hold waits for the parts before it, so that each is charged', async () => {
    const part = await holdInParts()
    other.exec('BEGIN IMMEDIATE')
    await expect(part('one', 10, false)).rejects.toThrow(UsageSpooledError)
    await expect(part('two', 4, false)).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    expect(await part('last', 5, true)).toMatchObject({ status: 'charged', charged: credits(5), late: false })
    expect(files()).toEqual([])
    expect(refused).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(81), held: 0n })
  })

  test('the last settlement of a hold waits for a part that was just being kept when the spool was sent', async () => {
    const part = await holdInParts()
    other.exec('BEGIN IMMEDIATE')
    let isKept = false
    const kept = expect(part('one', 10, false))
      .rejects.toThrow(UsageSpooledError)
      .finally(() => {
        isKept = true
      })
    while (!isKept) await ledger.sendSpooled()
    await kept
    other.exec('COMMIT')
    expect(await part('last', 5, true)).toMatchObject({ status: 'charged', charged: credits(5), late: false })
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 0 })
    expect(refused).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(85), held: 0n })
  })

  test('the last settlement of work waits for its parts of another hold, so that each is charged', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    for (const holdId of ['expired', 'next']) await ledger.placeHold({ ...work, holdId, amount: credits(30) })
    const part = (usageId: string, rated: number) =>
      ledger.settleHold({ accountId, holdId: 'expired', usageId, final: false, partOf: 'work', usage: usage(rated) })
    const last = () => ledger.settleHold({ accountId, holdId: 'next', usageId: 'work', usage: usage(5) })
    other.exec('BEGIN IMMEDIATE')
    await expect(part('one', 10)).rejects.toThrow(UsageSpooledError)
    await expect(part('two', 4)).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    expect(await last()).toMatchObject({ status: 'charged', charged: credits(5) })
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 0 })
    expect(refused).toEqual([])
    await ledger.releaseHold({ accountId, holdId: 'expired' })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(81), held: 0n })
  })

  test('the last settlement of a hold stays behind a file that cannot be read now, which may be a part of it', async () => {
    const part = await holdInParts()
    other.exec('BEGIN IMMEDIATE')
    await expect(part('one', 10, false)).rejects.toThrow(UsageSpooledError)
    await expect(part('last', 5, true)).rejects.toThrow(UsageSpooledError)
    await expect(ledger.charge({ ...work, usage: usage(7) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    const [first = ''] = files().sort()
    const away = join(folder, first)
    renameSync(join(directory, first), away)
    symlinkSync(first, join(directory, first))
    await expect(ledger.sendSpooled()).rejects.toThrow('ELOOP')
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(93), held: credits(30) })
    rmSync(join(directory, first))
    renameSync(away, join(directory, first))
    expect(await ledger.sendSpooled()).toEqual({ sent: 2, refused: 0, waiting: 0 })
    expect(refused).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(78), held: 0n })
  })

  test('the last settlement of a hold stays behind a part that the database could not take yet', async () => {
    const part = await holdInParts()
    other.exec('BEGIN IMMEDIATE')
    await expect(part('one', 10, false)).rejects.toThrow(UsageSpooledError)
    await expect(part('last', 5, true)).rejects.toThrow(UsageSpooledError)
    await ledger.close()
    // The other process is done after the first transaction of several that the spool is sent in.
    const onCommit = () => void (other.inTransaction && other.exec('COMMIT'))
    const driver = sqlite({ filename: join(folder, 'credits.db'), busyTimeoutMs: 30 })
    ledger = new Ledger(driver, { batchMax: 1, onCommit, spool: { directory, onRefused: (_, reason) => refused.push(reason) } })
    await ledger.sendSpooled()
    expect(await ledger.sendSpooled()).toMatchObject({ waiting: 0 })
    expect(refused).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(85), held: 0n })
  })

  test('the last settlement of a hold waits for the parts that the process before left in the spool', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    const { holdId } = (await ledger.placeHold({ ...work, amount: credits(30) })) as { holdId: string }
    other.exec('BEGIN IMMEDIATE')
    const part = ledger.settleHold({ accountId, holdId, usageId: 'one', final: false, usage: usage(10) })
    await expect(part).rejects.toThrow(UsageSpooledError)
    await ledger.close()
    other.exec('COMMIT')
    ledger = open({ retryMs: 60_000 })
    expect(await ledger.settleHold({ accountId, holdId, usage: usage(5) })).toMatchObject({ charged: credits(5), late: false })
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 0 })
    expect(refused).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(85), held: 0n })
  })

  test('the last settlement of a hold waits for the parts in a spool that could not be read at first', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    const { holdId } = (await ledger.placeHold({ ...work, amount: credits(30) })) as { holdId: string }
    other.exec('BEGIN IMMEDIATE')
    const part = ledger.settleHold({ accountId, holdId, usageId: 'one', final: false, usage: usage(10) })
    await expect(part).rejects.toThrow(UsageSpooledError)
    await ledger.close()
    other.exec('COMMIT')
    renameSync(directory, `${directory}-away`)
    writeFileSync(directory, '')
    ledger = open({ retryMs: 60_000 })
    await ledger.charge({ ...work, usage: usage(1) })
    rmSync(directory)
    renameSync(`${directory}-away`, directory)
    expect(await ledger.settleHold({ accountId, holdId, usage: usage(5) })).toMatchObject({ charged: credits(5), late: false })
    expect(refused).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(84), held: 0n })
  })

  test('parts of a hold are sent in the order in which they were kept, also where the clock was set back between them', async () => {
    const part = await holdInParts()
    other.exec('BEGIN IMMEDIATE')
    await expect(part('one', 10, false)).rejects.toThrow(UsageSpooledError)
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 2_000)
    await expect(part('last', 5, true)).rejects.toThrow(UsageSpooledError)
    clock.mockRestore()
    other.exec('COMMIT')
    expect(await ledger.sendSpooled()).toEqual({ sent: 2, refused: 0, waiting: 0 })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(85), held: 0n })
  })

  test('parts of a hold are sent in the order in which they were kept, also where the next process finds the clock set back', async () => {
    const part = await holdInParts()
    other.exec('BEGIN IMMEDIATE')
    await expect(part('one', 10, false)).rejects.toThrow(UsageSpooledError)
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 2_000)
    await expect(part('last', 5, true)).rejects.toThrow(UsageSpooledError)
    // More than are sent together.
    const charges = Array.from({ length: 150 }, (_, index) => ledger.charge({ ...work, usageId: `u${index}`, usage: usage(0) }))
    await Promise.allSettled(charges)
    clock.mockRestore()
    other.exec('COMMIT')
    expect(await ledger.sendSpooled()).toEqual({ sent: 152, refused: 0, waiting: 0 })
    expect(refused).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(85), held: 0n })
  })

  test('what is kept at once is kept in the order of its calls', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    const usageIds = Array.from({ length: 300 }, (_, index) => `u${index}`)
    await Promise.allSettled(usageIds.map((usageId) => ledger.charge({ ...work, usageId, usage: usage(0) })))
    other.exec('COMMIT')
    const kept = files()
      .sort()
      .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')).operation.input.usageId)
    expect(kept).toEqual(usageIds)
  })

  test('what the disk will not let go holds up nothing that comes after it, and is told once the rest was sent', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    const lost = Array.from({ length: 100 }, (_, index) =>
      ledger.settleHold({ accountId, holdId: `none${index}`, usage: usage(1) }),
    )
    await Promise.allSettled(lost)
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    writeFileSync(join(directory, 'refused'), 'in the way')
    other.exec('COMMIT')
    await expect(ledger.sendSpooled()).rejects.toThrow('EEXIST')
    expect(files()).toHaveLength(100)
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
    rmSync(join(directory, 'refused'))
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 100, waiting: 0 })
  })

  test('the last settlement of a hold does not wait for a file of a part that the disk will not let go', async () => {
    const part = await holdInParts()
    expect(await part('one', 10, false)).toMatchObject({ status: 'charged' })
    other.exec('BEGIN IMMEDIATE')
    // Refused, since the part has other content.
    await expect(part('one', 12, false)).rejects.toThrow(UsageSpooledError)
    await expect(part('last', 5, true)).rejects.toThrow(UsageSpooledError)
    writeFileSync(join(directory, 'refused'), 'in the way')
    other.exec('COMMIT')
    await expect(ledger.sendSpooled()).rejects.toThrow('EEXIST')
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(85), held: 0n })
    rmSync(join(directory, 'refused'))
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 1, waiting: 0 })
  })

  test('what waits stays where a process finds a database without tables, and is charged in the right one', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    const elsewhere = new Ledger(sqlite({ filename: join(folder, 'empty.db') }), { spool: { directory, retryMs: 60_000 } })
    expect(await elsewhere.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 1 })
    await elsewhere.close()
    expect(await ledger.sendSpooled()).toEqual({ sent: 1, refused: 0, waiting: 0 })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('usage is kept while the database has no tables, as after a failover to an empty one', async () => {
    other.exec('ALTER TABLE farebox_accounts RENAME TO elsewhere')
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    other.exec('ALTER TABLE elsewhere RENAME TO farebox_accounts')
    expect(await ledger.sendSpooled()).toEqual({ sent: 1, refused: 0, waiting: 0 })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(90) })
  })

  test('a database that is still away is asked once for what waits', async () => {
    await ledger.close()
    ledger = open({ retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => ledger.charge({ ...work, usageId: `u${index}`, usage: usage(1) })),
    )
    const before = ledger.queueStats().operations
    expect(await ledger.sendSpooled()).toEqual({ sent: 0, refused: 0, waiting: 100 })
    expect(ledger.queueStats().operations - before).toBe(100)
    other.exec('COMMIT')
    expect(await ledger.sendSpooled()).toEqual({ sent: 100, refused: 0, waiting: 0 })
  })

  test('a closing ledger charges what it was told before, and keeps on disk what the database does not take', async () => {
    const hold = await ledger.placeHold({ ...work, amount: credits(30) })
    const { workflowId } = (await ledger.openWorkflow({ accountId, name: 'w', reserve: credits(20) })) as { workflowId: string }
    const { holdId } = hold as { holdId: string }
    await ledger.close()
    // It has not looked into its spool yet, which it does before each of these.
    ledger = open()
    const settling = ledger.settleHold({ accountId, holdId, usage: usage(12) })
    const charging = ledger.charge({ ...work, usage: usage(3) })
    const ending = ledger.closeWorkflow({ accountId, workflowId })
    await ledger.close()
    await expect(settling).resolves.toMatchObject({ status: 'charged' })
    await expect(charging).resolves.toMatchObject({ status: 'charged' })
    await expect(ending).resolves.toMatchObject({ status: 'closed' })

    ledger = open()
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(85), held: 0n })
    other.exec('BEGIN IMMEDIATE')
    const away = ledger.charge({ ...work, usage: usage(5) })
    away.catch(() => undefined)
    await ledger.close()
    expect(files()).toHaveLength(1)
    await expect(away).rejects.toThrow(UsageSpooledError)
    other.exec('COMMIT')
    ledger = open()
    expect(await ledger.sendSpooled()).toEqual({ sent: 1, refused: 0, waiting: 0 })
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(80) })
  })

  test('a spool that is full or cannot be written fails as the database did', async () => {
    await ledger.close()
    ledger = open({ entriesMax: 1, retryMs: 60_000 })
    other.exec('BEGIN IMMEDIATE')
    await expect(ledger.charge({ ...work, usage: usage(1) })).rejects.toThrow(UsageSpooledError)
    await expect(ledger.charge({ ...work, usage: usage(1) })).rejects.toThrow(LedgerUnavailableError)
    await ledger.close()
    const file = join(folder, 'a-file')
    writeFileSync(file, '')
    ledger = open({ directory: join(file, 'below') })
    await expect(ledger.charge({ ...work, usage: usage(1) })).rejects.toThrow(/spool could not keep/)
    other.exec('COMMIT')
    expect(() => open({ directory: '' })).toThrow('directory')
    // Of a variable that is not set: it would be found out when the database is away.
    expect(() => open({ directory: undefined })).toThrow('directory')
    expect(() => open({ entriesMax: 0 })).toThrow('entriesMax')
    // Node would take these for one millisecond, and ask a database that is away a thousand times a second.
    expect(() => open({ retryMs: Number.NaN })).toThrow('retryMs')
    expect(() => open({ retryMs: 2 ** 32 })).toThrow('retryMs')
  })
})

describe('a spool beside Postgres', () => {
  let proxy: Server
  let mode: 'open' | 'cut' | 'deaf'
  const sockets = new Set<Socket>()

  /** Stands between ledger and server: `cut` ends connections, `deaf` lets the server work and keeps its answers. */
  async function between(url: URL): Promise<string> {
    mode = 'open'
    proxy = createServer((client) => {
      if (mode === 'cut') return void client.destroy()
      const server = connect(Number(url.port), url.hostname)
      for (const socket of [client, server]) {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => [client, server].map((one) => one.destroy()))
      }
      client.on('data', (data) => server.write(data))
      server.on('data', (data) => (mode === 'deaf' ? setTimeout(() => client.destroy(), 50) : client.write(data)))
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const through = new URL(url)
    through.hostname = '127.0.0.1'
    through.port = String((proxy.address() as AddressInfo).port)
    return through.href
  }

  test('a server that is gone, or takes a change and never says so, costs nothing and charges once', async () => {
    const database = await createTestDatabase()
    const connectionString = await between(new URL(database.url))
    const ledger = new Ledger(postgres({ connectionString }), { spool: { directory, retryMs: 50 } })
    await ledger.migrate()
    await ledger.openAccount({ accountId, name: 'Ada' })
    await ledger.grant({ accountId, amount: credits(100) })

    mode = 'deaf'
    await expect(ledger.charge({ ...work, usage: usage(10) })).rejects.toThrow(UsageSpooledError)
    mode = 'cut'
    for (const socket of sockets) socket.destroy()
    await expect(ledger.charge({ ...work, usage: usage(20) })).rejects.toThrow(UsageSpooledError)
    await new Promise((resolve) => setTimeout(resolve, 120))
    expect(files()).toHaveLength(2)

    mode = 'open'
    await expect.poll(() => files()).toEqual([])
    expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(70) })
    expect(await ledger.verify(accountId)).toMatchObject({ mismatches: [], usageRecords: 2 })
    await ledger.close()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
    await database.drop()
  })
})
