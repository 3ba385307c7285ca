import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'

test('a file that was opened when it might only be read is written once it may be', async () => {
  const folder = databaseFolder('read-only')
  const filename = join(folder, 'credits.db')
  const ledger = new Ledger(sqlite({ filename }))
  onTestFinished(async () => {
    await ledger.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await ledger.migrate()
  const { accountId } = await ledger.openAccount({ name: 'Ada' })
  await ledger.grant({ accountId, amount: credits(10) })
  chmodSync(folder, 0o777)
  const allow = (mode: number) => {
    for (const file of readdirSync(folder)) chmodSync(join(folder, file), mode)
  }
  allow(0o444)

  const app = fork(new URL('./read-only-app.ts', import.meta.url), [filename, accountId], {
    execArgv: ['--conditions=farebox-source'],
  })
  onTestFinished(() => void app.kill())
  const told = async () => (await once(app, 'message'))[0] as string
  const ask = (verb: string, usageId?: string) => {
    app.send([verb, usageId])
    return told()
  }
  expect(await told()).toBe('ready')
  const barred = `this process may not write ${filename}, ${filename}-wal, ${filename}-shm`
  expect(await ask('charge', 'a')).toBe(barred)
  expect(await ask('migrate')).toBe('done')
  expect(await ask('charge', 'a')).toBe(barred)
  expect(await ask('ping')).toBe(barred)

  allow(0o666)
  expect(await ask('ping')).toBe('done')
  expect(await ask('charge', 'a')).toBe('done')
  expect(await ask('charge', 'b')).toBe('done')
  expect(await ask('close')).toBe('done')
  expect(await ledger.balance(accountId)).toMatchObject({ balance: credits(8) })
})
