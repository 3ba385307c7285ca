import { credits } from '@farebox/core'
import { Ledger, type LedgerDriver } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import { openSqlite } from './open-sqlite.ts'

/** Each sorts differently by its bytes and as people of some language do. */
const WORDS = ['A', 'a', 'Á', 'á', 'a-b', 'ab', 'a_b', 'B', 'b', '-', '_', '10', '9', 'ß', 'ss', '\u{1F600}', 'a\u0301', 'ﬁ', 'ﬀ']
const inBytes = WORDS.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

describe('in a database that sorts as people do', () => {
  let url: string
  let admin: pg.Client
  let close: (() => Promise<unknown>)[]
  beforeEach(async () => {
    const database = await createTestDatabase()
    admin = new pg.Client({ connectionString: database.url })
    await admin.connect()
    const name = `${admin.database}_icu`
    await admin.query(
      `CREATE DATABASE ${name} ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C' TEMPLATE template0`,
    )
    const its = new URL(database.url)
    its.pathname = name
    url = its.href
    close = [() => admin.query(`DROP DATABASE ${name}`), () => admin.end(), () => database.drop()]
  })
  afterEach(async () => {
    for (const step of close) await step()
  })

  function open(driver: LedgerDriver<never>): Ledger<never> {
    const ledger = new Ledger(driver)
    close.unshift(() => ledger.close())
    return ledger
  }

  test('every list and every page has the order that it has on SQLite: that of the bytes', async () => {
    const clock = () => 1_700_000_000_000
    const { driver, cleanup } = await openSqlite({ clock })
    close.push(cleanup)
    const [onPostgres, onSqlite] = [await listed(open(postgres({ connectionString: url, clock }))), await listed(open(driver))]
    expect(onPostgres).toEqual(onSqlite)
    expect(onPostgres.accounts).toEqual(inBytes)
    expect(onPostgres.usage).toEqual(inBytes)
    expect(onPostgres.series).toEqual(inBytes)
    expect(onPostgres.workflows).toEqual(inBytes.toReversed())
  })

  test('every text in an index compares by bytes, or an upgrade of the system could lose what was found by it', async () => {
    await open(postgres({ connectionString: url })).migrate()
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query(`
      SELECT DISTINCT t.relname, a.attname, l.collname
      FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(i.indkey)
      JOIN pg_collation l ON l.oid = a.attcollation
      WHERE t.relname LIKE 'farebox%'`)
    await client.end()
    expect(rows.length).toBeGreaterThan(30)
    expect(rows.filter(({ collname }) => collname !== 'C')).toEqual([])
  })

  test('a database of before, which compares text in its own way, is current and goes on', async () => {
    const driver = postgres({ connectionString: url })
    const ledger = open(driver)
    await ledger.migrate()
    const former = 'e3fd957c7cbb1902321d900f9b1014b427f9e4184103ce053330c517d471d20b'
    await driver.write({ text: `UPDATE public.farebox_migrations SET checksum = ? WHERE number = 1`, values: [former] })
    await driver.write({ text: 'ALTER TABLE {usage_rollups} ALTER service TYPE TEXT COLLATE "default"', values: [] })
    expect((await ledger.migrate()).applied).toEqual([])
    expect((await ledger.planMigration()).pending).toEqual([])
    await ledger.openAccount({ accountId: 'a', name: 'Ada' })
    await ledger.grant({ accountId: 'a', amount: credits(5) })
    const usage = { quantity: 1n as never, unit: 'tokens', rated: credits(1) } as const
    await ledger.charge({ accountId: 'a', service: 'gpt', provider: 'gpt-4o-mini', usage })
    expect((await ledger.breakdowns({ accountId: 'a' })).services).toHaveLength(1)
    expect((await ledger.verify('a')).mismatches).toEqual([])
  })
})

/** Everything that the ledger lists, of accounts, usage, workflows, keys, budgets and documents with these ids, two at a time. */
async function listed(ledger: Ledger<never>): Promise<Record<string, unknown>> {
  await ledger.migrate()
  for (const id of WORDS) {
    await ledger.openAccount({ accountId: id, name: id })
    await ledger.grant({ accountId: id, grantId: id, amount: credits(100) })
  }
  const accountId = 'a'
  const services = [...WORDS.map((provider) => ({ service: 'gpt', provider }) as const), { service: 'gpt' } as const]
  for (const [index, id] of WORDS.entries())
    await ledger.createApiKey({
      accountId,
      apiKeyId: id,
      services,
      minimumBalance: credits(0),
      secret: String(10_000_000 + index),
    })
  for (const id of WORDS) {
    await ledger.grant({ accountId, grantId: `more ${id}`, amount: credits(100) })
    await ledger.openWorkflow({ accountId, workflowId: id, name: id })
    const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
    await ledger.charge({ accountId, usageId: id, workflowId: id, userId: id, service: 'gpt', provider: 'gpt-4o-mini', usage })
    await ledger.setBudget({ accountId, budgetId: id, userId: id, period: 'day', limit: credits(50) })
    await ledger.saveDocument({ accountId, kind: 'note', documentId: id, body: { id } })
  }

  const accounts = []
  for (let after: string | undefined; ; ) {
    const page = await ledger.accounts({ after, limit: 2 })
    accounts.push(...page.map((account) => account.accountId))
    if (page.length < 2) break
    after = page.at(-1)?.accountId
  }
  const workflows = []
  for (let before: { createdAt: number; workflowId: string } | undefined; ; ) {
    const page = await ledger.workflows({ accountId }, { before, limit: 2 })
    workflows.push(...page.workflows.map(({ workflowId }) => workflowId))
    if (page.next === undefined) break
    before = page.next
  }
  const series = []
  for (let after: { startsAt: number; name: string | null } | undefined; ; ) {
    const page = await ledger.usageSeries({
      accountId,
      granularity: 'day',
      groupBy: 'user',
      to: 1_700_000_000_001,
      after,
      limit: 2,
    })
    series.push(...page.entries.map(({ name }) => name))
    if (page.next === undefined) break
    after = page.next
  }
  return {
    accounts,
    workflows,
    series,
    usage: (await Array.fromAsync(ledger.history.usage({ accountId }))).flat().map(({ usageId }) => usageId),
    grants: (await Array.fromAsync(ledger.history.grants({}))).flat().map((row) => [row.accountId, row.grantId]),
    spent: (await ledger.grants(accountId)).map(({ grantId }) => grantId),
    breakdowns: await ledger.breakdowns({ accountId }),
    budgets: (await ledger.budgets(accountId)).map(({ budgetId }) => budgetId),
    last: await ledger.history.lastDocument(accountId, 'note'),
    keys: (await ledger.apiKeys(accountId)).map((key) => [key.apiKeyId, key.services.map(({ provider }) => provider)]),
    events: (await ledger.events({ accountId })).map(({ id }) => id),
  }
}
