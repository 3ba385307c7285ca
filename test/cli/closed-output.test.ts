import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { expect, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'

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
