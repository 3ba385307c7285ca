import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { credits, quantity } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { farebox } from './run-farebox.ts'

const main = join(import.meta.dirname, '../../packages/farebox/src/cli/main.ts')

/** Several pages of an export, each of which is printed by itself. */
const GRANTS = 2_000

test('a command whose output nobody reads to its end stops without a word, as others do that are piped into head', async () => {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  const ledger = new Ledger(postgres({ connectionString: database.url }))
  await ledger.migrate()
  const { accountId } = await ledger.openAccount({ name: 'Ada' })
  await Promise.all(Array.from({ length: GRANTS }, () => ledger.grant({ accountId, amount: credits(1) })))
  await ledger.close()

  const parameters = ['--conditions=farebox-source', main, 'export', '--kind', 'purchases', '--store', database.url]
  const child = spawn(process.execPath, parameters)
  onTestFinished(() => void child.kill('SIGKILL'))
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  await once(child.stdout, 'data')
  child.stdout.destroy()
  const [code] = await once(child, 'close')
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
})

test.skipIf(!existsSync('/dev/full'))('a command whose output has no room says so in one line, and fails', async () => {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const child = spawn(process.execPath, ['--conditions=farebox-source', main, 'prices'], { stdio: ['ignore', full, 'pipe'] })
  let errors = ''
  child.stderr?.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  const [code] = await once(child, 'close')
  expect({ code, errors }).toEqual({
    code: 1,
    errors: expect.stringMatching(/^farebox: the output cannot be written: ENOSPC: .*\n$/),
  })
})

test('a long list is printed as JSON a piece at a time, and all pieces are one list', async () => {
  const folder = databaseFolder('long-lists')
  onTestFinished(() => rm(folder, { recursive: true }))
  const store = join(folder, 'credits.db')
  const ledger = new Ledger(sqlite({ filename: store }))
  await ledger.migrate()
  const ids = Array.from({ length: 1_001 }, (_, index) => `u${String(index).padStart(4, '0')}`)
  await Promise.all(ids.map((accountId) => ledger.openAccount({ accountId, name: 'Ada, "[\\n"' })))
  await ledger.grant({ accountId: 'u0000', amount: credits(5_000) })
  const usage = { quantity: quantity(1), unit: 'requests' as const, rated: credits(1) }
  for (const usageId of ids) await ledger.charge({ accountId: 'u0000', usageId, service: 'gpt', provider: 'gpt-4o', usage })
  await ledger.close()
  for (const [id, ...command] of [
    ['account', 'accounts'],
    ['usage', 'usage', 'u0000', '--records'],
  ] as const) {
    const { lines } = await farebox(...command, '--json', '--store', store)
    expect(lines).toHaveLength(3)
    const rows: Record<string, unknown>[] = JSON.parse(lines.join('\n'))
    expect(lines.join('\n')).toBe(JSON.stringify(rows, null, 2))
    expect(rows.map((row) => row[id])).toEqual(ids)
  }
})
