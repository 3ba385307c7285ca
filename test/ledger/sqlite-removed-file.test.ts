import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'

async function openLedger(options: { writer?: 'thread'; synchronous?: 'normal' }) {
  const folder = databaseFolder('removed')
  const filename = join(folder, 'credits.db')
  const ledger = new Ledger(sqlite({ filename, ...options }))
  onTestFinished(async () => {
    await ledger.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await ledger.migrate()
  const { accountId } = await ledger.openAccount({ name: 'Ada' })
  return { ledger, filename, grant: () => ledger.grant({ accountId, amount: credits(1) }) }
}

/** Files are looked at once in a while. */
async function noticed(grant: () => Promise<unknown>): Promise<void> {
  await expect
    .poll(() =>
      grant().then(
        () => 'granted',
        () => 'refused',
      ),
    )
    .toBe('refused')
}

test.each([
  ['on the event loop', {}],
  ['on a thread', { writer: 'thread' }],
  ['without a flush of each change', { synchronous: 'normal' }],
] as const)(
  'nothing is promised of a file that was taken from its place, %s, and it goes on where it was put back',
  async (_, options) => {
    const { ledger, filename, grant } = await openLedger(options)
    await grant()
    renameSync(filename, `${filename}.gone`)
    const gone = { code: 'LEDGER_UNAVAILABLE', message: expect.stringContaining(`${filename} was removed or replaced`) }
    await noticed(grant)
    await expect(grant()).rejects.toMatchObject(gone)
    await expect(ledger.ping()).rejects.toMatchObject(gone)
    renameSync(`${filename}.gone`, filename)
    await ledger.ping()
    await grant()
  },
)

test.each(['', '-wal'])('nor of one whose file%s was replaced', async (ending) => {
  const [one, other] = [await openLedger({}), await openLedger({})]
  await one.grant()
  renameSync(`${other.filename}${ending}`, `${one.filename}${ending}`)
  for (const { grant } of [one, other]) {
    await noticed(grant)
    await expect(grant()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
  }
})
