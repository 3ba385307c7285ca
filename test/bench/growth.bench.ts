import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credits, quantity } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import pg from 'pg'
import { startPostgres } from '../support/postgres-server.ts'
import { throughput } from './measure.ts'

/**
 * How much a ledger grows by: bytes on disk for each hold that is placed and settled, with its usage record, two journal entries with
 * their idempotency keys, and its part of the rollups; by table, indexes included. Half of the lives are one hold after another of an
 * account, half belong to a workflow of four.
 */
const LIVES = 20_000
const CALLERS = 64
const ACCOUNTS = 100

/** Bytes by table, indexes included. */
type Sizes = Record<string, number>

const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))
try {
  const rows: Record<string, Record<string, string>> = {}
  const tell = (database: string, sizes: Sizes) => {
    for (const [table, bytes] of Object.entries(sizes)) {
      if (bytes === 0) continue
      rows[table] = { ...rows[table], [database]: Math.round(bytes / LIVES).toLocaleString('en') }
    }
  }
  tell('SQLite', await growthOnSqlite())
  tell('Postgres', await growthOnPostgres())
  console.log(`Bytes for each of ${LIVES.toLocaleString('en')} lives of a hold, on ${ACCOUNTS} accounts:`)
  console.table(rows)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function growthOnSqlite(): Promise<Sizes> {
  const filename = join(folder, 'growth.db')
  const ledger = new Ledger(sqlite({ filename }))
  const database = new Database(filename)
  const sizes = async () => {
    database.pragma('wal_checkpoint(TRUNCATE)')
    const pages = database
      .prepare<[], { name: string; bytes: number }>(
        `SELECT m.tbl_name AS name, SUM(s.pgsize) AS bytes FROM dbstat AS s JOIN sqlite_schema AS m ON m.name = s.name GROUP BY m.tbl_name`,
      )
      .all()
    return Object.fromEntries(pages.map(({ name, bytes }) => [name, bytes]))
  }
  const grown = await growthOf(ledger, sizes)
  database.close()
  return grown
}

async function growthOnPostgres(): Promise<Sizes> {
  const server = await startPostgres()
  try {
    const ledger = new Ledger(postgres({ connectionString: server.url }))
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    const sizes = async () => {
      // What dead rows leave behind is space that is used again.
      await client.query('VACUUM FULL')
      const { rows } = await client.query<{ name: string; bytes: string }>(
        `SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class WHERE relkind = 'r' AND relname LIKE 'farebox_%' OR relname = 'api_key_services'`,
      )
      return Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes)]))
    }
    const grown = await growthOf(ledger, sizes)
    await client.end()
    return grown
  } finally {
    await server.stop()
  }
}

async function growthOf(ledger: Ledger, sizes: () => Promise<Sizes>): Promise<Sizes> {
  await ledger.migrate()
  const accountIds = Array.from({ length: ACCOUNTS }, (_, index) => `account-${index}`)
  for (const accountId of accountIds) {
    await ledger.openAccount({ accountId, name: 'Ada' })
    await ledger.grant({ accountId, grantId: 'first', amount: credits(1_000_000) })
  }
  const before = await sizes()
  await throughput(CALLERS, LIVES / 4, async (index) => {
    const accountId = accountIds[index % ACCOUNTS] ?? ''
    const { workflowId } = index % 2 === 0 ? await opened(ledger, accountId) : {}
    for (let leg = 0; leg < 4; leg++) await live(ledger, accountId, workflowId)
    if (workflowId) await ledger.closeWorkflow({ accountId, workflowId })
  })
  const after = await sizes()
  for (const accountId of accountIds) {
    const { mismatches } = await ledger.verify(accountId)
    if (mismatches.length > 0) throw new Error(`${accountId} has ${mismatches.length} mismatches`)
  }
  await ledger.close()
  const grown: Sizes = Object.fromEntries(Object.keys(after).map((table) => [table, (after[table] ?? 0) - (before[table] ?? 0)]))
  return { ...grown, 'all tables': Object.values(grown).reduce((sum, bytes) => sum + bytes, 0) }
}

async function opened(ledger: Ledger, accountId: string): Promise<{ workflowId: string }> {
  const outcome = await ledger.openWorkflow({ accountId, name: 'voice_chat', userId: 'ada' })
  if (outcome.status !== 'opened') throw new Error(outcome.reason)
  return outcome
}

async function live(ledger: Ledger, accountId: string, workflowId: string | undefined): Promise<void> {
  const work = { service: 'gpt', provider: 'gpt-4o-mini', apiKeyId: 'key-1', userId: 'ada', workflowId }
  const hold = await ledger.placeHold({ accountId, amount: credits(2), ...work })
  if (hold.status !== 'held') throw new Error(hold.reason)
  const usage = {
    quantity: quantity(1_234),
    unit: 'tokens' as const,
    rated: credits('1.234'),
    model: 'gpt-4o-mini',
    priceVersion: '2026-07-01',
  }
  const settled = await ledger.settleHold({ accountId, holdId: hold.holdId, usage })
  if (settled.status !== 'charged') throw new Error(settled.reason)
}
