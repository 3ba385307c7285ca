import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'

const APP = fileURLToPath(new URL('./crowded-app.ts', import.meta.url))
/** In blocks of 512 bytes: the log reaches it long before the file does. */
const BLOCKS_MAX = 6_000
const ROUNDS = 15

test('where the log has no more room, it is copied into the file, and charges go on', async () => {
  const folder = databaseFolder('crowded')
  const filename = join(folder, 'credits.db')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const command = `ulimit -f ${BLOCKS_MAX}; exec "$0" "$@"`
  const app = spawn('sh', ['-c', command, process.execPath, '--conditions=farebox-source', APP, filename, String(ROUNDS)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onTestFinished(() => void app.kill())
  const [ends] = await once(app, 'message')
  expect(new Set(ends)).toEqual(new Set(['charged']))

  const ledger = new Ledger(sqlite({ filename }))
  onTestFinished(() => ledger.close())
  expect(await ledger.balance('a')).toMatchObject({ balance: credits(100_000 - ROUNDS * 100) })
  expect((await ledger.verify('a')).mismatches).toEqual([])
})
