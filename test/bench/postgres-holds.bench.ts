import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { startPostgres } from '../support/postgres-server.ts'
import { median, perSecond, ratio, throughput } from './measure.ts'
import { pgbench, pgbenchProgram } from './pgbench.ts'
import type { Task, TaskReport } from './postgres-holds-process.ts'

/**
 * Durable holds per second of the ledger on Postgres (fsync on), against the transaction that a ledger would write by hand: BEGIN,
 * a conditional UPDATE of the balance, an INSERT of the hold, COMMIT, over 32 connections. Where pgbench is installed it runs that
 * transaction, prepared; elsewhere Node does, which is slower. Each round measures its own baselines, on a hot row and on 10,000.
 */
const ROUNDS = 3
const CONNECTIONS = 32
const BASELINE_OPERATIONS = 3_000
const BASELINE_SECONDS = 2
const ACCOUNTS = 10_000
const HOT = 'one hot account'
const COLD = '10,000 accounts'

interface Variant {
  callers: number
  operations: number
  accounts: typeof HOT | typeof COLD
  processes: 1 | 2
}

const variants: Variant[] = [
  { callers: 1, operations: 1_000, accounts: HOT, processes: 1 },
  { callers: 32, operations: 12_000, accounts: HOT, processes: 1 },
  { callers: 256, operations: 24_000, accounts: HOT, processes: 1 },
  { callers: 1, operations: 1_000, accounts: COLD, processes: 1 },
  { callers: 32, operations: 12_000, accounts: COLD, processes: 1 },
  { callers: 256, operations: 24_000, accounts: COLD, processes: 1 },
  { callers: 256, operations: 24_000, accounts: HOT, processes: 2 },
  { callers: 256, operations: 24_000, accounts: COLD, processes: 2 },
]

const results = variants.map((variant) => ({
  variant,
  rates: [] as number[],
  ratios: [] as number[],
  batch: [] as number[],
  wait: [] as number[],
}))

const server = await startPostgres()
try {
  const pool = new pg.Pool({ connectionString: server.url, max: CONNECTIONS })
  const ledger = new Ledger(postgres({ connectionString: server.url }))
  await ledger.migrate()
  const accountIds = await openAccounts(ledger)
  await prepareBaseline(pool)
  const processes = await Promise.all([startProcess(), startProcess()])
  for (const { variant } of results) await measure(processes, { ...variant, operations: Math.ceil(variant.operations / 10) })

  const baselines: Record<Variant['accounts'], number[]> = { [HOT]: [], [COLD]: [] }
  for (let round = 0; round < ROUNDS; round++) {
    baselines[HOT].push(await byHand(pool, 1))
    baselines[COLD].push(await byHand(pool, ACCOUNTS))
    for (const result of round % 2 === 0 ? results : [...results].reverse()) {
      const { rate, batch, wait } = await measure(processes, result.variant)
      result.rates.push(rate)
      result.ratios.push(rate / (baselines[result.variant.accounts][round] ?? Number.NaN))
      result.batch.push(batch)
      result.wait.push(wait)
    }
  }
  for (const each of processes) each.disconnect()

  const checked = await Promise.all(accountIds.slice(0, 20).map((accountId) => ledger.verify(accountId)))
  await Promise.all([ledger.close(), pool.end()])
  const baseline = pgbenchProgram ? `pgbench, ${CONNECTIONS} clients` : `Node, ${CONNECTIONS} connections`
  if (!pgbenchProgram)
    console.log('pgbench is not installed (Debian: postgresql): the baseline is the same transaction from Node')
  console.log(`${baseline}: ${perSecond(baselines[HOT])} on ${HOT}, ${perSecond(baselines[COLD])} on ${COLD}`)
  console.table(
    results.map(({ variant, rates, ratios, batch, wait }) => ({
      callers: variant.callers,
      on: variant.accounts,
      processes: variant.processes,
      rate: perSecond(rates),
      [`to ${baseline}`]: ratio(ratios),
      'holds per batch': Math.round(median(batch)),
      'mean wait': `${median(wait).toFixed(1)} ms`,
    })),
  )
  for (const callers of [32, 256]) {
    console.log(`hot ÷ 10,000 accounts at ${callers} callers: ${against(ratesOf(callers, HOT, 1), ratesOf(callers, COLD, 1))}`)
  }
  for (const accounts of [HOT, COLD] as const) {
    console.log(`two processes ÷ one, ${accounts}: ${against(ratesOf(256, accounts, 2), ratesOf(256, accounts, 1))}`)
  }
  const mismatches = checked.flatMap((report) => report.mismatches)
  console.log(`mismatches: ${mismatches.length} in ${checked.reduce((sum, { entries }) => sum + entries, 0)} journal entries`)
  if (mismatches.length > 0) process.exitCode = 1
} finally {
  await server.stop()
}

function ratesOf(callers: number, accounts: Variant['accounts'], processes: number): readonly number[] {
  const is = ({ variant }: { variant: Variant }) =>
    variant.callers === callers && variant.accounts === accounts && variant.processes === processes
  return results.find(is)?.rates ?? []
}

function against(a: readonly number[], b: readonly number[]): string {
  return ratio(a.map((rate, round) => rate / (b[round] ?? Number.NaN)))
}

async function openAccounts(ledger: Ledger): Promise<string[]> {
  const ids = Array.from({ length: ACCOUNTS }, (_, index) => `account-${index}`)
  await Promise.all(
    ids.map(async (accountId) => {
      await ledger.openAccount({ accountId, name: accountId })
      await ledger.grant({ accountId, amount: credits(100_000_000) })
    }),
  )
  return ids
}

/** A process with a ledger of its own. It ends when it is disconnected. */
async function startProcess(): Promise<ChildProcess> {
  const started = fork(join(import.meta.dirname, 'postgres-holds-process.ts'), [server.url])
  await once(started, 'message')
  return started
}

/** Shares the callers and operations of a variant out over its processes. */
async function measure(
  processes: readonly ChildProcess[],
  variant: Variant,
): Promise<{ rate: number; batch: number; wait: number }> {
  const task: Task = {
    callers: variant.callers / variant.processes,
    operations: variant.operations / variant.processes,
    accounts: variant.accounts === HOT ? 1 : ACCOUNTS,
  }
  const reports = await Promise.all(
    processes.slice(0, variant.processes).map(async (each) => {
      const reported = once(each, 'message') as Promise<[TaskReport]>
      each.send(task)
      return (await reported)[0]
    }),
  )
  const sum = (of: (report: TaskReport) => number) => reports.reduce((total, report) => total + of(report), 0)
  const operations = sum(({ stats }) => stats.operations)
  return {
    rate: (operations / Math.max(...reports.map(({ durationMs }) => durationMs))) * 1_000,
    batch: operations / sum(({ stats }) => stats.batches),
    wait: sum(({ stats }) => stats.waitMsSum) / operations,
  }
}

async function prepareBaseline(pool: pg.Pool): Promise<void> {
  await pool.query('CREATE TABLE by_hand_accounts (id TEXT PRIMARY KEY, balance BIGINT NOT NULL, held BIGINT NOT NULL)')
  await pool.query('CREATE TABLE by_hand_holds (id BIGSERIAL PRIMARY KEY, account TEXT NOT NULL, amount BIGINT NOT NULL)')
  await pool.query(
    "INSERT INTO by_hand_accounts SELECT 'account-' || n, 1000000000, 0 FROM generate_series(0, $1::int - 1) AS n",
    [ACCOUNTS],
  )
  await pool.query('VACUUM ANALYZE')
}

function byHand(pool: pg.Pool, accounts: number): Promise<number> {
  const update = (id: string) => `UPDATE by_hand_accounts SET held = held + 1 WHERE id = ${id} AND balance - held >= 1`
  const insert = (id: string) => `INSERT INTO by_hand_holds (account, amount) VALUES (${id}, 1)`
  if (pgbenchProgram) {
    const id = `'account-' || :n`
    const script = `\\set n random(0, ${accounts - 1})\nBEGIN;\n${update(id)};\n${insert(id)};\nCOMMIT;\n`
    return pgbench(server.url, script, { clients: CONNECTIONS, seconds: BASELINE_SECONDS })
  }
  return throughput(CONNECTIONS, BASELINE_OPERATIONS, async (index) => {
    const id = `account-${(index * 7919) % accounts}`
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const { rowCount } = await client.query(update('$1'), [id])
      if (rowCount !== 1) throw new Error('refused')
      await client.query(insert('$1'), [id])
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  })
}
