import { randomUUID } from 'node:crypto'
import fs, { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { microCredits, type Quantity } from '@farebox/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { UsageOperation } from './operation-json.ts'
import { Spool } from './spool.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'farebox-spool-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  rmSync(directory, { recursive: true, force: true })
})

const one = microCredits(1n)
const usage = { quantity: 1n as Quantity, unit: 'tokens', rated: one, roundingStep: one, certainty: 'exact' } as const
const charge = { usageId: 'u', service: 'gpt', provider: 'p', overage: 'cap', usage }
const operation = { verb: 'charge', accountId: 'ada', idempotencyKey: 'k', input: charge } as UsageOperation
const nameAt = (time: number) => `${String(time).padStart(14, '0')}-${'0'.repeat(14)}-${randomUUID()}.json`
const put = (name: string) => writeFileSync(join(directory, name), '')
const names = () => readdirSync(directory).sort()

test('where much waits, not all of it is read for each change that is added', async () => {
  for (let count = 0; count < 400; count++) put(nameAt(count))
  const readdir = vi.spyOn(fs.promises, 'readdir')
  syncBuiltinESMExports()
  const spool = new Spool({ directory })
  for (let count = 0; count < 30; count++) expect(await spool.add(operation)).toBe(true)
  expect(readdir).toHaveBeenCalledOnce()
  expect(await spool.size()).toBe(430)
})

test('a spool keeps as many changes as it may and no more, whoever adds and removes them', async () => {
  const [spool, other] = [1, 2].map(() => new Spool({ directory, entriesMax: 40 })) as [Spool, Spool]
  let kept = 0
  while (await spool.add(operation)) kept++
  expect([kept, await spool.add(operation), await other.add(operation)]).toEqual([40, false, false])
  await other.remove(names()[0] ?? '')
  expect([await spool.add(operation), await spool.add(operation), await other.add(operation)]).toEqual([true, false, false])
})

test('a change is named after all that was there, though its time lies ahead, and after what was added before', async () => {
  const ahead = nameAt(Date.now() + 86_400_000)
  for (let count = 0; count < 50; count++) put(nameAt(count))
  put(ahead)
  const spool = new Spool({ directory })
  let before = names()
  for (let count = 0; count < 8; count++) {
    await spool.add(operation)
    const after = names()
    expect(after.slice(0, -1)).toEqual(before)
    before = after
  }
})

test('what processes left half-written that were killed is removed, once it is too old to be under way, and nothing else', async () => {
  const [old, young] = [1, 2].map((time) => `${nameAt(time)}.${randomUUID()}.part`) as [string, string]
  const others = ['film.mkv.part', `${nameAt(3)}.part`, 'notes.txt', young]
  const longAgo = Date.now() / 1_000 - 4_000
  for (const name of [old, ...others]) {
    put(name)
    if (name !== young) utimesSync(join(directory, name), longAgo, longAgo)
  }
  const spool = new Spool({ directory })
  await spool.add(operation)
  expect(existsSync(join(directory, old))).toBe(false)
  expect(names()).toEqual(expect.arrayContaining(others))
  expect(await spool.size()).toBe(1)
})

test('only their owner may read what is kept', async () => {
  await new Spool({ directory }).add(operation)
  expect(statSync(join(directory, names()[0] ?? '')).mode & 0o777).toBe(0o600)
})
