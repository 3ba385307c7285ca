import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credits, quantity } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { longestStall, perSecond, ratio, throughput } from './measure.ts'

/**
 * Durable holds per second of the ledger on SQLite (synchronous=FULL), against raw better-sqlite3 transactions one at a time:
 * a conditional UPDATE of the balance and an INSERT of the hold, which is what a ledger without group commit would do at least.
 */
const ROUNDS = 4
const BASELINE_OPERATIONS = 3_000
const ACCOUNTS = 10_000
const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))

interface Variant {
  name: string
  callers: number
  operations: number
  accounts: 'one hot account' | '10,000 accounts'
  /** A whole life of a hold, with its usage record and rollup, instead of placing it only. */
  isLifecycle: boolean
}

const variants: Variant[] = [
  { name: 'hold', callers: 1, operations: 2_000, accounts: 'one hot account', isLifecycle: false },
  { name: 'hold', callers: 64, operations: 20_000, accounts: 'one hot account', isLifecycle: false },
  { name: 'hold', callers: 256, operations: 40_000, accounts: 'one hot account', isLifecycle: false },
  { name: 'hold', callers: 64, operations: 10_000, accounts: '10,000 accounts', isLifecycle: false },
  { name: 'hold', callers: 256, operations: 20_000, accounts: '10,000 accounts', isLifecycle: false },
  { name: 'hold → settle', callers: 256, operations: 12_000, accounts: 'one hot account', isLifecycle: true },
]

try {
  const results = variants.map((variant) => ({ variant, rates: [] as number[], ratios: [] as number[] }))
  let stall = 0
  const ledger = new Ledger(sqlite({ filename: join(folder, 'ledger.db') }))
  await ledger.migrate()
  const accountIds = await openAccounts(ledger)
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? results : [...results].reverse()
    for (const result of order) {
      const baseline = oneAtATime(join(folder, `raw-${round}.db`))
      let rate = 0
      const measured = await longestStall(async () => {
        rate = await ledgerRate(ledger, accountIds, result.variant)
      })
      if (result.variant.callers === 64) stall = Math.max(stall, measured)
      result.rates.push(rate)
      result.ratios.push(rate / baseline)
    }
  }
  const checked = await Promise.all(accountIds.slice(0, 20).map((accountId) => ledger.verify(accountId)))
  await ledger.close()
  console.table(
    results.map(({ variant, rates, ratios }) => ({
      what: variant.name,
      callers: variant.callers,
      on: variant.accounts,
      rate: perSecond(rates),
      'to raw, one at a time': ratio(ratios),
    })),
  )
  console.log(`longest stall of the event loop at 64 callers: ${stall.toFixed(1)} ms`)
  const mismatches = checked.flatMap((report) => report.mismatches)
  console.log(`mismatches: ${mismatches.length} in ${checked.reduce((sum, { entries }) => sum + entries, 0)} journal entries`)
  if (mismatches.length > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
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

function ledgerRate(ledger: Ledger, accountIds: readonly string[], variant: Variant): Promise<number> {
  return throughput(variant.callers, variant.operations, async (index) => {
    const accountId = accountIds[variant.accounts === 'one hot account' ? 0 : (index * 7919) % ACCOUNTS] ?? ''
    const hold = await ledger.placeHold({ accountId, amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' })
    if (hold.status !== 'held') throw new Error(hold.reason)
    if (!variant.isLifecycle) return
    const usage = { quantity: quantity(500), unit: 'tokens' as const, rated: credits('0.5') }
    const settled = await ledger.settleHold({ accountId, holdId: hold.holdId, usage })
    if (settled.status !== 'charged') throw new Error(settled.reason)
  })
}

function oneAtATime(filename: string): number {
  const database = new Database(filename)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(
    'CREATE TABLE IF NOT EXISTS a (id TEXT PRIMARY KEY, balance INTEGER, held INTEGER); CREATE TABLE IF NOT EXISTS h (id TEXT PRIMARY KEY, account TEXT, amount INTEGER)',
  )
  database.prepare('INSERT OR IGNORE INTO a VALUES (?, ?, 0)').run('hot', 1_000_000_000)
  const update = database.prepare('UPDATE a SET held = held + 1 WHERE id = ? AND balance - held >= 1')
  const insert = database.prepare('INSERT INTO h VALUES (?, ?, 1)')
  const place = database.transaction((id: string) => {
    if (update.run('hot').changes !== 1) throw new Error('refused')
    insert.run(id, 'hot')
  })
  const first = database.prepare('SELECT count(*) AS n FROM h').get() as { n: number }
  const started = performance.now()
  for (let index = 0; index < BASELINE_OPERATIONS; index++) place.immediate(`h${first.n + index}`)
  const rate = (BASELINE_OPERATIONS / (performance.now() - started)) * 1_000
  database.close()
  return rate
}
