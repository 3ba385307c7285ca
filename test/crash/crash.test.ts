import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { crashRound, type RoundReport } from './crash-round.ts'
import { killApps, killServer } from './crashes.ts'

/** `npm run crash` does this fifty times over. */
const folder = mkdtempSync(join(tmpdir(), 'farebox-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function expectNothingLost({ problems, acknowledged, journalEntries }: RoundReport): void {
  expect(problems).toEqual([])
  expect(acknowledged).toBeGreaterThan(0)
  expect(journalEntries).toBeGreaterThan(0)
}

test('two app processes that are killed at work on one SQLite file lose nothing and double nothing', async () => {
  const filename = join(folder, 'credits.db')
  const report = await crashRound({ location: ['sqlite', filename], folder }, 'sqlite', killApps)
  expectNothingLost(report)
  expect(report.processesKilled).toBe(2)
})

describe('on a Postgres server', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => {
    await server.stop()
  })

  test('two app processes that are killed at work lose nothing and double nothing', async () => {
    const report = await crashRound({ location: ['postgres', server.url], folder }, 'apps', killApps)
    expectNothingLost(report)
    expect(report.processesKilled).toBe(2)
  })

  test('two app processes outlive a server that is killed under them, and lose nothing and double nothing', async () => {
    const report = await crashRound({ location: ['postgres', server.url], folder }, 'server', killServer(server))
    expectNothingLost(report)
    expect(report.processesKilled).toBe(0)
  })
})
