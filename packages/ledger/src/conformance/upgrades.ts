import { credits } from '@farebox/core'
import { afterEach, describe, expect, it } from 'vitest'
import { Ledger } from '../ledger.ts'
import { migrations } from '../migrations.generated.ts'
import type { PlannedMigration } from '../migrations.ts'
import type { LedgerUnderTest, OpenLedger } from './ledger-under-test.ts'
import { DAY, HOUR, held, NOON, usage, work } from './suite.ts'

/** The same in every database. */
const VERSIONS = (migrations.sqlite ?? []).map(({ number }) => number)

/** Needs databases that nothing has touched yet. */
export function exerciseUpgrades(open: OpenLedger): void {
  describe('upgrades of a database with data in it', () => {
    let now = NOON
    let underTest: LedgerUnderTest | undefined
    afterEach(async () => {
      now = NOON
      await underTest?.cleanup()
    })

    it.each(VERSIONS.slice(0, -1))('from version %d, work goes on, and every answer is as it was', async (version) => {
      underTest = await open({ clock: () => now })
      const { driver } = underTest
      const { pending: steps } = await driver.planMigration()
      const before = new Ledger(driver)
      await before.migrate()
      const secret = await fill(before, () => {
        now += HOUR
      })
      const answers = await answersOf(before)
      await rebuild(underTest, steps, version)

      const ledger = new Ledger(driver)
      const missing = steps.filter(({ number }) => number > version).map(({ name }) => name)
      expect(await ledger.migrate()).toEqual({ applied: missing, version: VERSIONS.at(-1) })
      expect(await answersOf(ledger)).toEqual(answers)
      expect((await ledger.verify('a')).mismatches).toEqual([])

      expect(await ledger.charge(charge)).toMatchObject({ status: 'charged', replayed: true })
      expect(await ledger.charge({ ...charge, usageId: 'later', idempotencyKey: 'later' })).toMatchObject({ status: 'charged' })
      expect(await ledger.settleHold({ accountId: 'a', holdId: 'open', usage: usage(3) })).toMatchObject({ status: 'charged' })
      expect(await ledger.settleHold({ accountId: 'a', holdId: 'partial', usage: usage(3) })).toMatchObject({ status: 'charged' })
      expect(await ledger.refund({ accountId: 'a', usageId: 'settled' })).toMatchObject({ refunded: credits(7) })
      expect(await ledger.closeWorkflow({ accountId: 'a', workflowId: 'open' })).toMatchObject({ status: 'closed' })
      expect(await ledger.authenticate(secret)).toMatchObject({ accountId: 'a', apiKeyId: 'k' })
      const beyond = { ...work, accountId: 'a', apiKeyId: 'k', amount: credits(90) }
      expect(await ledger.placeHold(beyond)).toMatchObject({ status: 'refused', reason: 'budget_exceeded' })
      now += 2 * DAY
      expect(await ledger.balance('a')).toMatchObject({ held: 0n })
      expect(await ledger.breakdowns({ accountId: 'a' })).toMatchObject({ services: [{ records: 7 }] })
      expect((await ledger.verify('a')).mismatches).toEqual([])
    })
  })
}

const charge = { ...work, accountId: 'a', usageId: 'u', idempotencyKey: 'once', workflowId: 'open', usage: usage('2.5') }

/** Puts rows into every table. Returns the secret of the API key. */
async function fill(ledger: Ledger, wait: () => void): Promise<string> {
  const accountId = 'a'
  await ledger.openAccount({ accountId, name: 'Ada', debtLimit: credits(10) })
  await ledger.setAlerts({ accountId, balanceLow: credits(140) })
  await ledger.grant({ accountId, grantId: 'paid', amount: credits(100) })
  await ledger.grant({ accountId, grantId: 'promo', source: 'promo', amount: credits(50), expiresAt: NOON + DAY })
  const services = [{ service: work.service, costLimitPerRequest: credits(95) }]
  const key = await ledger.createApiKey({ accountId, apiKeyId: 'k', services, minimumBalance: credits(0) })
  await ledger.setBudget({ accountId, budgetId: 'b', apiKeyId: 'k', period: 'month', limit: credits(80) })
  await ledger.openWorkflow({ accountId, workflowId: 'open', name: 'call', reserve: credits(20) })
  await ledger.openWorkflow({ accountId, workflowId: 'done', name: 'call' })
  await ledger.charge({ ...work, accountId, workflowId: 'done', usage: usage(1) })
  await ledger.closeWorkflow({ accountId, workflowId: 'done' })
  await ledger.charge(charge)
  await ledger.refund({ accountId, usageId: 'u', amount: credits(1) })
  const hold = async (holdId: string, ttlMs = DAY) =>
    held(await ledger.placeHold({ ...work, accountId, apiKeyId: 'k', holdId, amount: credits(10), ttlMs, graceMs: 0 }))
  await hold('expired', HOUR)
  wait()
  for (const holdId of ['open', 'partial', 'settled', 'released']) await hold(holdId)
  await ledger.settleHold({ accountId, holdId: 'partial', usageId: 'part', usage: usage(2), final: false })
  await ledger.settleHold({ accountId, holdId: 'settled', usageId: 'settled', usage: usage(7) })
  await ledger.releaseHold({ accountId, holdId: 'released' })
  await ledger.saveDocument({ accountId, kind: 'agent', documentId: 'd', body: { name: 'Bo' } })
  await ledger.health.publish('process', [])
  if (key.status !== 'created' || !key.secret) throw new Error('the key was not created')
  return key.secret
}

async function answersOf(ledger: Ledger): Promise<unknown> {
  const accountId = 'a'
  return {
    money: await ledger.balanceAndGrants(accountId),
    statement: await ledger.statement(accountId, { limit: 100 }),
    holds: await Promise.all(['open', 'partial', 'settled', 'released', 'expired'].map((id) => ledger.hold(accountId, id))),
    workflows: await Promise.all(['open', 'done'].map((id) => ledger.workflow(accountId, id))),
    listed: await ledger.workflows({ accountId }),
    usage: await ledger.usageOf(accountId, 'open'),
    breakdowns: await ledger.breakdowns({ accountId }),
    keys: await ledger.apiKeys(accountId),
    budgets: await ledger.currentBudgets(accountId),
    events: await ledger.events({ accountId }),
    document: await ledger.document(accountId, 'agent', 'd'),
    health: await ledger.health.read(),
  }
}

/** Makes all tables anew, as the migrations up to `version` did, with the rows that they have now. */
async function rebuild({ sql }: LedgerUnderTest, steps: readonly PlannedMigration[], version: number): Promise<void> {
  const all = textOf(steps)
  const later = textOf(steps.filter(({ number }) => number > version))
  for (const [, view] of all.matchAll(/CREATE VIEW (\S+)/g)) await sql(`DROP VIEW ${view}`)
  const tables = [...all.matchAll(/CREATE TABLE (\S+)/g)].map(([, table = '']) => table)
  for (const [index, table] of tables.entries()) {
    await sql(`CREATE TABLE kept_${index} AS SELECT * FROM ${table}`)
    await sql(`DROP TABLE ${table}`)
  }
  for (const statement of textOf(steps.filter(({ number }) => number <= version)).split(/;$/m)) {
    if (statement.trim() !== '') await sql(statement)
  }
  for (const [index, table] of tables.entries()) {
    const [row] = await sql(`SELECT * FROM kept_${index}`)
    if (!row) throw new Error(`${table} has no row to upgrade`)
    const added = [...later.matchAll(/ALTER TABLE (\S+) ADD COLUMN (\w+)/g)].filter(([, of]) => of === table)
    const names = Object.keys(row).filter((name) => !added.some(([, , column]) => column === name))
    await sql(`INSERT INTO ${table} (${names}) SELECT ${names} FROM kept_${index}`)
  }
  await sql(`DELETE FROM farebox_migrations WHERE number > ${version}`)
}

function textOf(steps: readonly PlannedMigration[]): string {
  return steps.map(({ sql }) => sql).join('\n')
}
