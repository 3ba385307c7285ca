import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'

export { startPostgres } from './postgres-server.ts'

/** How long connections that a test has closed may take to leave the server's list. */
const connectionsLeaveWithinMs = 20_000

export interface TestDatabase {
  /** Connection string of an empty database that nobody else uses. */
  url: string
  /** Removes the database. Rejects, naming the last query of each, if connections were left open. */
  drop(): Promise<void>
}

/**
 * Creates an empty database on the PostgreSQL server of this test run: the one `FAREBOX_TEST_DATABASE_URL` or
 * `DATABASE_URL` names (its user must be allowed to create databases), otherwise one that the run starts by itself.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = await testServerUrl()
  const name = `farebox_test_${randomBytes(8).toString('hex')}`
  // Not template1: it cannot be copied while anybody is connected to it.
  await query(serverUrl, `CREATE DATABASE ${name} TEMPLATE template0`)

  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    async drop() {
      const leaked = await openConnections(serverUrl, name)
      await query(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      if (leaked.length > 0) {
        throw new Error(`${leaked.length} connection(s) to ${name} left open; last queries: ${leaked.join(' | ')}`)
      }
    },
  }
}

async function testServerUrl(): Promise<string> {
  const given = process.env.FAREBOX_TEST_DATABASE_URL || process.env.DATABASE_URL
  if (given) return given
  const reply = await fetch(inject('postgresBrokerUrl'))
  const text = await reply.text()
  if (!reply.ok) throw new Error(text)
  return text
}

async function openConnections(serverUrl: string, database: string): Promise<string[]> {
  const deadline = Date.now() + connectionsLeaveWithinMs
  for (;;) {
    const { rows } = await query(serverUrl, 'SELECT query FROM pg_stat_activity WHERE datname = $1', [database])
    if (rows.length === 0 || Date.now() > deadline) return rows.map((row) => String(row.query))
    await sleep(20)
  }
}

async function query(url: string, sql: string, parameters: unknown[] = []): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(sql, parameters)
  } finally {
    await client.end()
  }
}
