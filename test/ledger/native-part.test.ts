import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { credits } from '@farebox/core'
import { Ledger, UsageSpooledError } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'

const builtForAnother = `process.dlopen = () => { throw Object.assign(new Error('compiled against a different Node.js version'), { code: 'ERR_DLOPEN_FAILED' }) }`
const neverBuilt = `process.dlopen = () => { throw new Error('Could not locate the bindings file. Tried: /srv/better_sqlite3.node') }`
const bundled = `process.dlopen = () => { throw new ReferenceError('__dirname is not defined') }`

it.each([
  ['was built for another Node', builtForAnother],
  ['was never built, as where install scripts are not allowed', neverBuilt],
  ['is out of reach, as where it was bundled', bundled],
])('a better-sqlite3 whose native part %s is no passing failure', async (_, failing) => {
  const program = `
    const ledger = new Ledger(sqlite({ filename: process.argv[1] }))
    const thrown = await ledger.migrate().catch((error) => error)
    console.log(JSON.stringify({ code: thrown.code, isRetryable: thrown.isRetryable, message: thrown.message }))`
  const file = join(databaseFolder('native-part'), 'credits.db')
  expect(await run(failing, program, file)).toEqual({
    code: 'INVALID_OPTION',
    isRetryable: false,
    message: expect.stringMatching(/^better-sqlite3 was not built for Node v\d+.*: install it with this Node/),
  })
})

it('usage in a spool waits until better-sqlite3 was built, and is not refused', async () => {
  const folder = databaseFolder('native-part-spool')
  const file = join(folder, 'credits.db')
  const spool = { directory: join(folder, 'spool'), retryMs: 60_000 }
  const open = () => new Ledger(sqlite({ filename: file, busyTimeoutMs: 30 }), { spool })
  let ledger = open()
  await ledger.migrate()
  await ledger.openAccount({ accountId: 'ada', name: 'Ada' })
  await ledger.grant({ accountId: 'ada', amount: credits(100) })
  const other = new Database(file)
  other.exec('BEGIN IMMEDIATE')
  const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(5) } as const
  const charge = ledger.charge({ accountId: 'ada', service: 'gpt', provider: 'gpt-4o-mini', usage })
  await expect(charge).rejects.toThrow(UsageSpooledError)
  await ledger.close()
  other.close()

  const program = `
    const ledger = new Ledger(sqlite({ filename: process.argv[1] }), { spool: ${JSON.stringify(spool)} })
    console.log(JSON.stringify(await ledger.sendSpooled()))
    await ledger.close()`
  expect(await run(builtForAnother, program, file)).toEqual({ sent: 0, refused: 0, waiting: 1 })
  ledger = open()
  expect(await ledger.sendSpooled()).toEqual({ sent: 1, refused: 0, waiting: 0 })
  expect((await ledger.balance('ada')).balance).toBe(credits(95))
  await ledger.close()
})

/** Runs a program where loading the native part fails, and reads the JSON that it prints. */
async function run(failing: string, program: string, file: string): Promise<unknown> {
  const whole = `
    import { Ledger } from '@farebox/ledger'
    import { sqlite } from '@farebox/ledger/sqlite'
    ${failing}
    ${program}`
  const flags = ['--conditions=farebox-source', '--input-type=module', '-e', whole, file]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: join(import.meta.dirname, '../..') })
  return JSON.parse(stdout)
}
