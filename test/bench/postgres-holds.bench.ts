import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { startPostgres } from '../support/postgres-server.ts'
import { perSecond, ratio, throughput } from './measure.ts'

/**
 * Durable holds per second of the ledger on Postgres (fsync on), against the transaction that a ledger would write by hand: BEGIN,
 * a conditional UPDATE of the balance, an INSERT of the hold, COMMIT, from Node over 32 connections. Each round measures its own
 * baselines, one on a hot row and one on 10,000.
 */
const ROUNDS = 3
const CONNECTIONS = 32
const BASELINE_OPERATIONS = 3_000
const ACCOUNTS = 10_000

interface Variant {
  callers: number
  operations: number
  accounts: 'one hot account' | '10,000 accounts'
  ledgers: 1 | 2
}

const variants: Variant[] = [
  { callers: 1, operations: 500, accounts: 'one hot account', ledgers: 1 },
  { callers: 32, operations: 8_000, accounts: 'one hot account', ledgers: 1 },
  { callers: 256, operations: 16_000, accounts: 'one hot account', ledgers: 1 },
  { callers: 32, operations: 8_000, accounts: '10,000 accounts', ledgers: 1 },
  { callers: 256, operations: 16_000, accounts: '10,000 accounts', ledgers: 1 },
  { callers: 256, operations: 16_000, accounts: 'one hot account', ledgers: 2 },
  { callers: 256, operations: 16_000, accounts: '10,000 accounts', ledgers: 2 },
]

const server = await startPostgres()
try {
  const pool = new pg.Pool({ connectionString: server.url, max: CONNECTIONS })
  const ledgers = [1, 2].map(() => new Ledger(postgres({ connectionString: server.url }))) as [Ledger, Ledger]
  await ledgers[0].migrate()
  const accountIds = await openAccounts(ledgers[0])
  await prepareBaseline(pool)

  const results = variants.map((variant) => ({ variant, rates: [] as number[], ratios: [] as number[] }))
  for (let round = 0; round < ROUNDS; round++) {
    const baselines = { 'one hot account': await byHand(pool, 1), '10,000 accounts': await byHand(pool, ACCOUNTS) }
    for (const result of round % 2 === 0 ? results : [...results].reverse()) {
      const rate = await ledgerRate(ledgers.slice(0, result.variant.ledgers), accountIds, result.variant)
      result.rates.push(rate)
      result.ratios.push(rate / baselines[result.variant.accounts])
    }
  }

  const checked = await Promise.all(accountIds.slice(0, 20).map((accountId) => ledgers[0].verify(accountId)))
  await Promise.all([...ledgers.map((ledger) => ledger.close()), pool.end()])
  console.table(
    results.map(({ variant, rates, ratios }) => ({
      callers: variant.callers,
      on: variant.accounts,
      ledgers: variant.ledgers,
      rate: perSecond(rates),
      'to BEGIN … COMMIT by hand, 32 connections': ratio(ratios),
    })),
  )
  const ratesOf = (callers: number, accounts: Variant['accounts'], count: number) =>
    results.find(({ variant }) => variant.callers === callers && variant.accounts === accounts && variant.ledgers === count)
      ?.rates ?? []
  const against = (a: readonly number[], b: readonly number[]) => ratio(a.map((rate, round) => rate / (b[round] ?? Number.NaN)))
  for (const callers of [32, 256]) {
    const hotToCold = against(ratesOf(callers, 'one hot account', 1), ratesOf(callers, '10,000 accounts', 1))
    console.log(`hot ÷ 10,000 accounts at ${callers} callers: ${hotToCold}`)
  }
  for (const accounts of ['one hot account', '10,000 accounts'] as const) {
    console.log(`two ledgers ÷ one, ${accounts}: ${against(ratesOf(256, accounts, 2), ratesOf(256, accounts, 1))}`)
  }
  const mismatches = checked.flatMap((report) => report.mismatches)
  console.log(`mismatches: ${mismatches.length} in ${checked.reduce((sum, { entries }) => sum + entries, 0)} journal entries`)
  if (mismatches.length > 0) process.exitCode = 1
} finally {
  await server.stop()
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

function ledgerRate(ledgers: readonly Ledger[], accountIds: readonly string[], variant: Variant): Promise<number> {
  return throughput(variant.callers, variant.operations, async (index) => {
    const accountId = accountIds[variant.accounts === 'one hot account' ? 0 : (index * 7919) % ACCOUNTS] ?? ''
    const ledger = ledgers[index % ledgers.length]
    const hold = await ledger?.placeHold({ accountId, amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' })
    if (hold?.status !== 'held') throw new Error(hold?.reason)
  })
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
  return throughput(CONNECTIONS, BASELINE_OPERATIONS, async (index) => {
    const id = `account-${(index * 7919) % accounts}`
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const { rowCount } = await client.query(
        'UPDATE by_hand_accounts SET held = held + 1 WHERE id = $1 AND balance - held >= 1',
        [id],
      )
      if (rowCount !== 1) throw new Error('refused')
      await client.query('INSERT INTO by_hand_holds (account, amount) VALUES ($1, 1)', [id])
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  })
}
