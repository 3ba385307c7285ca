import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import pg from 'pg'
import { startPostgres } from '../support/postgres-server.ts'
import { ratio } from './measure.ts'

/**
 * How long what a dashboard asks takes over 10 million usage records, and a tenth of that in workflows, against 10 thousand of another
 * account in the same database: breakdowns, usage over time, pages of workflows. Both accounts
 * used the same: six providers of four services, for three kinds of workflow, by four keys, over the same thirty days. The records
 * are written by SQL, and their sums with them, as the ledger writes them; each breakdown is compared with a sum over the records.
 */
const RECORDS = { few: 10_000, many: Number(process.env.FAREBOX_RECORDS ?? 10_000_000) }
const DAYS = 30
const ROUNDS = 51
const DAY = 86_400_000
/** 2026-06-01 00:00 UTC. */
const SINCE = Date.UTC(2026, 5, 1)

interface Store {
  name: string
  ledger: Ledger
  /** Runs SQL in which `{series}` is the numbers from 1 to `{count}`. */
  run(text: string, count?: number): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

const WEEK = { from: SINCE + 10 * DAY + 5 * 3_600_000, to: SINCE + 17 * DAY + 7 * 3_600_000 }
const MONTH = { from: SINCE, to: SINCE + DAYS * DAY }

const queries: [name: string, ask: (ledger: Ledger, accountId: string) => Promise<unknown>][] = [
  ['breakdown of all of it', (ledger, accountId) => ledger.breakdowns({ accountId })],
  ['of all of one key', (ledger, accountId) => ledger.breakdowns({ accountId, apiKeyId: 'key-1' })],
  ['of one service', (ledger, accountId) => ledger.breakdowns({ accountId, service: 'phone' })],
  ['of a week, from hour to hour', (ledger, accountId) => ledger.breakdowns({ accountId, ...WEEK })],
  ['of a day', (ledger, accountId) => ledger.breakdowns({ accountId, from: SINCE + 10 * DAY, to: SINCE + 11 * DAY })],
  ['series of days', (ledger, accountId) => ledger.usageSeries({ accountId, ...MONTH, granularity: 'day' })],
  [
    'of days, by provider',
    (ledger, accountId) => ledger.usageSeries({ accountId, ...MONTH, granularity: 'day', groupBy: 'provider' }),
  ],
  ['of days, by key', (ledger, accountId) => ledger.usageSeries({ accountId, ...MONTH, granularity: 'day', groupBy: 'api_key' })],
  ['of months', (ledger, accountId) => ledger.usageSeries({ accountId, ...MONTH, granularity: 'month', groupBy: 'workflow' })],
  ['of hours of a week', (ledger, accountId) => ledger.usageSeries({ accountId, ...WEEK, granularity: 'hour' })],
  [
    'of hours of a week, by service',
    (ledger, accountId) => ledger.usageSeries({ accountId, ...WEEK, granularity: 'hour', groupBy: 'service' }),
  ],
  ['newest workflows', (ledger, accountId) => ledger.workflows({ accountId })],
  ['of one name and user', (ledger, accountId) => ledger.workflows({ accountId, name: 'call-1', userId: 'user-2' })],
  ['that are open', (ledger, accountId) => ledger.workflows({ accountId, state: 'open' })],
  ['of nobody', (ledger, accountId) => ledger.workflows({ accountId, userId: 'nobody' })],
  [
    'a page in the middle',
    (ledger, accountId) => ledger.workflows({ accountId }, { before: { createdAt: SINCE + 15 * DAY, workflowId: '' } }),
  ],
]

const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))
const server = await startPostgres({ settings: { max_wal_size: '8GB', shared_buffers: '256MB' } })
try {
  let mismatches = 0
  const databases = { sqlite: openSqlite, postgres: openPostgres }
  const chosen = Object.entries(databases).filter(([name]) => (process.env.FAREBOX_DATABASE ?? name) === name)
  for (const [, open] of chosen) {
    const store = await open()
    try {
      mismatches += await compare(store)
    } finally {
      await store.close()
    }
  }
  if (mismatches > 0) process.exitCode = 1
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function compare(store: Store): Promise<number> {
  const { ledger } = store
  await ledger.migrate()
  for (const [accountId, count] of Object.entries(RECORDS)) {
    await ledger.openAccount({ accountId, name: accountId })
    await ledger.grant({ accountId, amount: credits(1_000_000_000) })
    await writeRecords(store, accountId, count)
  }
  await store.run('ANALYZE')

  const rows = queries.map(([name, ask]) => ({ name, ask, few: [] as number[], many: [] as number[] }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const row of rows) {
      for (const accountId of round % 2 === 0 ? (['few', 'many'] as const) : (['many', 'few'] as const)) {
        const started = performance.now()
        await row.ask(ledger, accountId)
        row[accountId].push(performance.now() - started)
      }
    }
  }
  console.log(
    `\n${store.name}: over ${DAYS} days of ${RECORDS.many.toLocaleString('en')} records, and of ${RECORDS.few.toLocaleString('en')}`,
  )
  console.table(
    rows.map(({ name, few, many }) => ({
      asked: name,
      few: milliseconds(few),
      many: milliseconds(many),
      'many ÷ few': ratio(many.map((time, round) => time / (few[round] ?? Number.NaN))),
    })),
  )
  const mismatches = (await mismatchesOf(store, 'few')) + (await mismatchesOf(store, 'many'))
  console.log(`mismatches between breakdowns and records: ${mismatches}`)
  return mismatches
}

/** Records of an account, evenly over the days, with every combination of what breakdowns go by; and their sums. */
async function writeRecords({ run }: Store, accountId: string, count: number): Promise<void> {
  const combination = 'n % 72'
  const service = `CASE ${combination} % 6 WHEN 0 THEN 'gpt' WHEN 1 THEN 'gpt' WHEN 2 THEN 'voice_stt' WHEN 3 THEN 'voice_tts' WHEN 4 THEN 'voice_tts' ELSE 'phone' END`
  const provider = `CASE ${combination} % 6 WHEN 0 THEN 'gpt-4o' WHEN 1 THEN 'gpt-4o-mini' WHEN 2 THEN 'deepgram' WHEN 3 THEN 'cartesia' WHEN 4 THEN 'elevenlabs' ELSE 'twilio' END`
  const unit = `CASE ${combination} % 6 WHEN 2 THEN 'minutes' WHEN 3 THEN 'characters' WHEN 4 THEN 'characters' WHEN 5 THEN 'minutes' ELSE 'tokens' END`
  const workflow = `(${combination} / 6) % 3`
  const key = `${combination} / 18`
  // A step that shares no factor with the number of combinations takes each of them through every hour.
  const at = `${SINCE} + CAST((n * 7919.0 * ${(DAYS * DAY) / count}) AS BIGINT) % ${DAYS * DAY}`
  await run(
    `INSERT INTO farebox_usage_records (account_id, usage_id, sequence, workflow_id, service, provider, quantity, unit, rated, charged, shortfall,
       cost, certainty, lots, api_key_id, user_id, created_at)
     SELECT '${accountId}', 'usage-' || (10000000 + n), n, 'workflow-' || (${workflow}), ${service}, ${provider}, 1000000 + n % 7, ${unit}, 900000, 1000000, 0,
       500, 'exact', '[["first","1000000"]]', 'key-' || (${key}), 'user-' || (${key}), ${at}
     FROM {series}`,
    count,
  )
  // The last of each ten thousand is open still.
  await run(
    `INSERT INTO farebox_workflows (account_id, workflow_id, root_id, name, user_id, api_key_id, state, spent, held, lines, created_at, closed_at)
     SELECT '${accountId}', 'w-' || (10000000 + n), 'w-' || (10000000 + n), 'call-' || (n % 3), 'user-' || (n % 4), 'key-' || (n % 4),
       CASE n % 10000 WHEN 0 THEN 'open' ELSE 'closed' END, 1000000, 0, '[]', ${SINCE} + CAST(n * 1.0 * ${(DAYS * DAY * 10) / count} AS BIGINT), NULL
     FROM {series}`,
    count / 10,
  )
  const periods = { hour: 3_600_000, day: DAY }
  for (const [period, length] of Object.entries(periods)) {
    const start = `created_at - created_at % ${length}`
    const dimensions = `'call-' || substr(workflow_id, 10), api_key_id, user_id`
    await run(
      `INSERT INTO farebox_usage_rollups (account_id, period, starts_at, service, provider, unit, workflow_name, api_key_id, user_id, records, quantity, charged, shortfall, cost)
       SELECT account_id, '${period}', ${start}, service, provider, unit, ${dimensions}, COUNT(*), SUM(quantity), SUM(charged), SUM(shortfall), SUM(cost)
       FROM farebox_usage_records WHERE account_id = '${accountId}' GROUP BY 1, 3, 4, 5, 6, 7, 8, 9`,
    )
    await run(
      `INSERT INTO farebox_workflow_rollups (account_id, period, starts_at, workflow_name, api_key_id, user_id, opened, closed, duration_ms, charged)
       SELECT account_id, '${period}', ${start}, ${dimensions}, 1, 1, 1000, SUM(charged)
       FROM farebox_usage_records WHERE account_id = '${accountId}' GROUP BY 1, 3, 4, 5, 6`,
    )
  }
}

/** How many lines of a breakdown are not what the records add up to. */
async function mismatchesOf({ ledger, run }: Store, accountId: string): Promise<number> {
  const { services } = await ledger.breakdowns({ accountId })
  const records = await run(
    `SELECT service, provider, CAST(COUNT(*) AS TEXT) AS records, CAST(SUM(quantity) AS TEXT) AS quantity, CAST(SUM(charged) AS TEXT) AS charged
     FROM farebox_usage_records WHERE account_id = '${accountId}' GROUP BY service, provider`,
  )
  const told = new Map(
    services.map((line) => [`${line.service} ${line.provider}`, `${line.records} ${line.quantity} ${line.charged}`]),
  )
  const wrong = records.filter(
    (row) => told.get(`${row.service} ${row.provider}`) !== `${row.records} ${row.quantity} ${row.charged}`,
  )
  return wrong.length + Math.abs(records.length - services.length)
}

async function openSqlite(): Promise<Store> {
  const filename = join(folder, 'breakdown.db')
  const ledger = new Ledger(sqlite({ filename }))
  const database = new Database(filename)
  database.pragma('synchronous = OFF')
  database.pragma('cache_size = -262144')
  return {
    name: 'SQLite',
    ledger,
    async run(text, count = 0) {
      const series = `(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count}) SELECT n FROM numbers)`
      const statement = database.prepare<[], Record<string, unknown>>(text.replace('{series}', series))
      if (statement.reader) return statement.all()
      statement.run()
      return []
    },
    async close() {
      await ledger.close()
      database.close()
    },
  }
}

async function openPostgres(): Promise<Store> {
  const ledger = new Ledger(postgres({ connectionString: server.url }))
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  return {
    name: 'Postgres',
    ledger,
    run: async (text, count = 0) =>
      (await client.query<Record<string, unknown>>(text.replace('{series}', `generate_series(1, ${count}) AS numbers(n)`))).rows,
    async close() {
      await ledger.close()
      await client.end()
    },
  }
}

function milliseconds(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b)
  return `${(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(2)} ms`
}
