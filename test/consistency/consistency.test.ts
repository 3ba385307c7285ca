import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { runSeed } from './run-seed.ts'

// A slice of what `npm run consistency` does.

it('on SQLite, with boxes closed and opened under work, everything that tells of usage agrees', async () => {
  const folder = databaseFolder('consistency')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const { faults, records } = await runSeed({ store: join(folder, 'ledger.db'), seed: 5, steps: 6, hasSecond: false })
  expect(faults).toEqual([])
  expect(records).toBeGreaterThan(0)
})

it('on Postgres, with two processes of which one is killed, everything that tells of usage agrees', async () => {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  const { faults, kills } = await runSeed({ store: database.url, seed: 289, steps: 4, hasSecond: true })
  expect(faults).toEqual([])
  expect(kills).toBeGreaterThan(0)
})
