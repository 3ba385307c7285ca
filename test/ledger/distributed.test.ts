import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { exerciseLedgerDriver } from '@farebox/ledger/conformance'
import { postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import { openPostgresBy } from './open-postgres.ts'

interface Sent {
  text: string
  values: readonly unknown[]
  /** Counts the transactions of one driver; 0 is outside of any. */
  transaction: number
}

/**
 * Reads of more than one account, or of none: the list of accounts, what is due on any of them, events that are due or were given up, the
 * look-up of a key, and what processes tell of providers. Citus asks every node, or the nearest, and they lock nothing.
 */
const ABOUT_MANY_ACCOUNTS = [
  /FROM public\.farebox_accounts WHERE account_id > \$1 ORDER BY account_id LIMIT \$2$/,
  /FROM public\.farebox_accounts WHERE next_due_at IS NOT NULL AND next_due_at <= \$1 ORDER BY next_due_at LIMIT \$2$/,
  /FROM public\.farebox_events WHERE due_at IS NOT NULL AND due_at <= \$1 ORDER BY due_at LIMIT \$2$/,
  /FROM public\.farebox_events WHERE due_at IS NULL AND delivered_at IS NULL ORDER BY created_at DESC, account_id, event_id LIMIT \$1$/,
  /^SELECT COUNT\(\*\) AS total FROM public\.farebox_events WHERE due_at IS (NOT NULL|NULL AND delivered_at IS NULL)$/,
  // Exports of every account, and those who follow what has changed.
  /FROM public\.farebox_(usage_records|grants) WHERE \(account_id, \w+\) > \(\$1, \$2\) AND created_at >= \$3 AND created_at < \$4 ORDER BY account_id, \w+ LIMIT \$5$/,
  /FROM public\.farebox_accounts WHERE account_id > \$1 AND updated_at >= \$2 ORDER BY account_id LIMIT \$3$/,
  // How far the next page of theirs looks.
  /^SELECT account_id, usage_id FROM public\.farebox_usage_records WHERE \(account_id, usage_id\) > \(\$1, \$2\) ORDER BY account_id, usage_id LIMIT \$3 OFFSET \$4$/,
  /^SELECT account_id FROM public\.farebox_accounts WHERE account_id > \$1 ORDER BY account_id LIMIT \$2 OFFSET \$3$/,
  /FROM public\.farebox_api_key_prefixes WHERE prefix = (\$1|ANY\(\$1::text\[\]\))$/,
  /FROM public\.farebox_provider_health WHERE told_at >= \$1 ORDER BY process_id$/,
]

const sent: Sent[] = []
let transactions = 0

/** A client that notes what it is asked, statement by statement; in the transactions of migrations it looks away. */
class RecordingClient extends pg.Client {
  #transaction = 0
  #isMigrating = false

  // biome-ignore lint/suspicious/noExplicitAny: it is called in all the ways of `pg`
  override query(query: any, ...rest: any[]): any {
    // Once the ledger has added the last of the statements that it sends together.
    queueMicrotask(() => this.#note(query.statements ?? [query]))
    return super.query(query, ...rest)
  }

  #note(statements: readonly { text: string; values?: readonly unknown[] }[]): void {
    for (const { text: whole, values = [] } of statements) {
      const text = whole.replace(/^DECLARE \w+ NO SCROLL CURSOR FOR /, '')
      if (text.startsWith('BEGIN')) this.#transaction = ++transactions
      if (/pg_advisory_xact_lock|farebox_migrations/.test(text)) this.#isMigrating = true
      if (!this.#isMigrating && text.includes('farebox_')) sent.push({ text, values, transaction: this.#transaction })
      if (text === 'COMMIT' || text === 'ROLLBACK') [this.#transaction, this.#isMigrating] = [0, false]
    }
  }
}

exerciseLedgerDriver('distributed postgres', (options) =>
  openPostgresBy(options, { distributed: true, client: RecordingClient, poolSize: 6 }),
)

describe('what a distributed ledger said to Postgres meanwhile', () => {
  afterAll(() => {
    sent.length = 0
  })
  const distinct = () => [...new Set(sent.map(({ text }) => text))]

  test('was something about every table, and never a change of the schema', () => {
    for (const verb of ['SELECT', 'INSERT']) expect(distinct().filter((text) => text.startsWith(verb)).length).toBeGreaterThan(10)
    expect(distinct().filter((text) => !/^(SELECT|INSERT) /.test(text))).toEqual([
      'UPDATE public.farebox_documents SET body = $1 WHERE account_id = $2 AND kind = $3 AND document_id = ANY($4)',
      'DELETE FROM public.farebox_provider_health WHERE told_at < $1',
    ])
  })

  test('named the account of every table that accounts own, in every read', () => {
    const reads = distinct().filter((text) => text.startsWith('SELECT'))
    const others = reads.filter((text) => {
      const tables = text.match(/public\.farebox_\w+/g)?.length ?? 0
      return (text.match(/account_id = \$\d+/g)?.length ?? 0) < tables
    })
    expect(others.filter((text) => !ABOUT_MANY_ACCOUNTS.some((known) => known.test(text)))).toEqual([])
  })

  test('locked one account at a time', () => {
    const locks = distinct().filter((text) => text.includes('FOR UPDATE'))
    expect(locks).toHaveLength(1)
    expect(locks[0]).toMatch(/FROM public\.farebox_accounts WHERE account_id = \$1 ORDER BY account_id FOR UPDATE$/)
  })

  test('gave every row that it wrote its account, and found conflicts by keys that begin with it', () => {
    for (const text of distinct().filter((text) => text.startsWith('INSERT'))) {
      if (/^INSERT INTO public\.farebox_(api_key_prefixes|provider_health)\b/.test(text)) continue
      expect(text).toMatch(/^INSERT INTO public\.farebox_\w+ AS stored \(account_id, /)
      if (text.includes('ON CONFLICT')) expect(text).toMatch(/ON CONFLICT \(account_id\b/)
      // Citus refuses to move a row from one account to another.
      expect(text).not.toMatch(/SET (.*, )?account_id =/)
    }
  })

  test('was about one account in each transaction', () => {
    const accounts = new Map<number, Set<string>>()
    for (const { text, values, transaction } of sent) {
      if (transaction === 0 || /farebox_(api_key_prefixes|provider_health)/.test(text)) continue
      const known = accounts.get(transaction) ?? new Set()
      accounts.set(transaction, known)
      for (const accountId of accountsIn(text, values)) known.add(accountId)
    }
    expect(accounts.size).toBeGreaterThan(100)
    expect([...accounts.values()].filter(({ size }) => size !== 1)).toEqual([])
  })
})

/** The accounts that a statement names: as its first value, or in the array of them. */
function accountsIn(text: string, values: readonly unknown[]): string[] {
  const [first] = values
  return text.startsWith('INSERT') ? (first as { elements: string[] }).elements : [String(first)]
}

test.each([
  ['one after another', {}],
  ['distributed', { distributed: true, poolSize: 6 }],
])('three ledgers on the same accounts never deadlock: %s', async (_, options) => {
  const database = await createTestDatabase()
  const ledgers = Array.from({ length: 3 }, () => new Ledger(postgres({ connectionString: database.url, ...options })))
  const first = ledgers[0] as Ledger
  await first.migrate()
  const accounts = await Promise.all(Array.from({ length: 12 }, () => first.openAccount({ name: 'x' })))
  await Promise.all(accounts.map(({ accountId }) => first.grant({ accountId, amount: credits(1_000) })))
  const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
  const charge = (ledger: Ledger, index: number) =>
    ledger.charge({ accountId: accounts[index % 12]?.accountId ?? '', service: 'gpt', provider: 'gpt-4o', usage })
  await Promise.all(
    ledgers.map(async (ledger, which) => {
      for (let round = 0; round < 12; round++) {
        // Each in an order of its own.
        const order = Array.from({ length: 24 }, (_, index) => (which === 1 ? 24 - index : index * (which + 1) + round))
        const outcomes = await Promise.all(order.map((index) => charge(ledger, index)))
        expect(outcomes.filter(({ status }) => status !== 'charged')).toEqual([])
      }
    }),
  )
  for (const { accountId } of accounts) expect((await first.verify(accountId)).mismatches).toEqual([])
  const balances = await Promise.all(accounts.map(({ accountId }) => first.balance(accountId)))
  expect(balances.reduce((sum, { balance }) => sum + balance, 0n)).toBe(credits(12_000 - 3 * 12 * 24))
  await Promise.all(ledgers.map((ledger) => ledger.close()))
  // A server process counts its deadlocks when it ends.
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const { rows } = await client.query('SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()')
  expect(rows).toEqual([{ deadlocks: 0 }])
  await client.end()
  await database.drop()
})
