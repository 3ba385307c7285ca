import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'
import type { Report, Word } from './health-process.ts'

const PROCESS = fileURLToPath(new URL('./health-process.ts', import.meta.url))

describe.each(['sqlite', 'postgres'] as const)('two processes on one %s database', (kind) => {
  const cleanups: (() => unknown)[] = []
  let learning: ChildProcess
  let listening: ChildProcess

  async function locate(): Promise<string> {
    if (kind === 'postgres') {
      const database = await createTestDatabase()
      cleanups.push(() => database.drop())
      return database.url
    }
    const folder = databaseFolder('health')
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    return join(folder, 'credits.db')
  }

  async function start(location: string, clockMs: number): Promise<ChildProcess> {
    const server = fork(PROCESS, [kind, location, String(clockMs)])
    cleanups.push(async () => {
      const exited = once(server, 'exit')
      server.send('end')
      await exited
    })
    await once(server, 'message')
    return server
  }

  async function serve(server: ChildProcess, word: Word): Promise<Report> {
    const reported = once(server, 'message') as Promise<[Report]>
    server.send(word)
    return (await reported)[0]
  }

  beforeAll(async () => {
    const location = await locate()
    const ledger = new Ledger<unknown>(
      kind === 'sqlite' ? sqlite({ filename: location }) : postgres({ connectionString: location }),
    )
    await ledger.migrate()
    await ledger.close()
    ;[learning, listening] = await Promise.all([start(location, 0), start(location, 3_600_000)])
  })
  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup()
  })

  test.each([
    ['rate_limited', 'rate_limited', 1],
    ['authentication', 'refusing', 1],
    ['unavailable', 'sick', 4],
  ] as const)(
    'what one learns of a provider that is %s, the other avoids, though its clock is an hour fast',
    async (fails, condition, requests) => {
      const provider = `is ${fails}`
      expect(await serve(listening, { provider, requests: 1 })).toMatchObject({ called: [provider] })
      const learned = await serve(learning, { provider, requests, fails })
      expect(learned).toMatchObject({ reading: { condition } })
      const heard = () => serve(listening, { provider, requests: 0 })
      await expect.poll(() => heard()).toMatchObject({ reading: { condition } })
      expect(await serve(listening, { provider, requests: 1 })).toMatchObject({ called: ['other'] })
    },
  )
})
