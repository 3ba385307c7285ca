import { credits, microUnits, nanoUsd, QUANTITY_MAX } from '@farebox/core'
import { afterEach, describe, expect, it } from 'vitest'
import { LedgerClosedError } from '../errors.ts'
import { Ledger } from '../ledger.ts'
import type { LedgerUnderTest, OpenLedger } from './ledger-under-test.ts'
import { NOON, usage, work } from './suite.ts'

/** Needs databases that nothing has touched yet. */
export function exerciseMigrations(open: OpenLedger): void {
  describe('migrations, and the life of a driver', () => {
    const opened: LedgerUnderTest[] = []
    const fresh = async (options: Parameters<OpenLedger>[0] = {}): Promise<LedgerUnderTest> => {
      const underTest = await open(options)
      opened.push(underTest)
      return underTest
    }
    afterEach(async () => {
      for (const underTest of opened.splice(0)) await underTest.cleanup()
    })

    it('an empty database gets every table, and a current one is left alone', async () => {
      const { driver } = await fresh()
      const first = await driver.migrate()
      expect(first.applied.length).toBeGreaterThan(0)
      expect(await driver.migrate()).toEqual({ applied: [], version: first.version })
    })

    it('a plan says what would be done, and does nothing', async () => {
      const { driver, sql } = await fresh()
      const plan = await driver.planMigration()
      expect(plan.version).toBe(0)
      expect(plan.pending.length).toBeGreaterThan(0)
      for (const { checksum, sql: text } of plan.pending) {
        expect(checksum).toMatch(/^[0-9a-f]{64}$/)
        expect(text).toMatch(/(CREATE|ALTER) (TABLE|VIEW|INDEX) /)
        expect(text).not.toMatch(/[{}]/)
      }
      await expect(sql('SELECT * FROM farebox_migrations')).rejects.toThrow()
      expect(await driver.planMigration()).toEqual(plan)
      expect((await driver.migrate()).applied).toEqual(plan.pending.map(({ name }) => name))
      const taken = await sql('SELECT number, name, checksum FROM farebox_migrations ORDER BY number')
      expect(taken).toEqual(plan.pending.map(({ number, name, checksum }) => ({ number, name, checksum })))
      expect(await driver.planMigration()).toEqual({ version: plan.pending.at(-1)?.number, pending: [] })
    })

    it('sums of a database from before they could outgrow an integer go on where they were', async () => {
      const { driver, sql } = await fresh({ clock: () => NOON })
      const ledger = new Ledger(driver)
      await ledger.migrate()
      await ledger.openAccount({ accountId: 'a', name: 'Ada' })
      const largest = usage(0, { quantity: microUnits(QUANTITY_MAX), cost: nanoUsd(10n ** 18n) })
      const use = () => ledger.charge({ accountId: 'a', ...work, overage: 'cap', usage: largest })
      for (let record = 0; record < 9; record++) await use()
      // Restores the older schema, which kept each sum in one column.
      for (const name of ['quantity', 'cost']) {
        await sql(`UPDATE farebox_usage_rollups SET ${name} = 9 * ${QUANTITY_MAX}`)
        await sql(`ALTER TABLE farebox_usage_rollups DROP COLUMN ${name}_carry`)
      }
      await sql('DELETE FROM farebox_migrations WHERE number = 3')
      expect(await ledger.migrate()).toEqual({ applied: ['rollup_carries'], version: 5 })
      await use()
      expect((await ledger.verify('a')).mismatches).toEqual([])
      expect((await ledger.breakdowns({ accountId: 'a' })).services).toMatchObject([
        { records: 10, quantity: 10n * QUANTITY_MAX },
      ])
    })

    it('on tables that an older version made it is said what to call, and what was asked can be asked again', async () => {
      const { driver, sql } = await fresh()
      const ledger = new Ledger(driver)
      await ledger.migrate()
      await ledger.openAccount({ accountId: 'a', name: 'Ada' })
      await ledger.grant({ accountId: 'a', amount: credits(100) })
      for (const name of ['quantity', 'cost']) await sql(`ALTER TABLE farebox_usage_rollups DROP COLUMN ${name}_carry`)
      await sql('DELETE FROM farebox_migrations WHERE number = 3')
      const charge = () => ledger.charge({ accountId: 'a', usageId: 'u', ...work, usage: usage(1) })
      const old = { code: 'LEDGER_UNAVAILABLE', isRetryable: true, message: expect.stringContaining('call migrate()') }
      await expect(charge()).rejects.toMatchObject(old)
      await expect(ledger.breakdowns({ accountId: 'a' })).rejects.toMatchObject(old)
      await ledger.migrate()
      expect(await charge()).toMatchObject({ status: 'charged' })
      expect((await ledger.verify('a')).mismatches).toEqual([])
    })

    it('of twenty that migrate at once, one does', async () => {
      const { driver } = await fresh()
      const reports = await Promise.all(Array.from({ length: 20 }, () => driver.migrate()))
      expect(reports.filter(({ applied }) => applied.length > 0)).toHaveLength(1)
      expect(new Set(reports.map(({ version }) => version)).size).toBe(1)
    })

    it('a database that is newer than this code is refused, and says what to upgrade', async () => {
      const { driver, sql } = await fresh()
      const { version } = await driver.migrate()
      await sql(`UPDATE farebox_migrations SET number = ${version + 1} WHERE number = ${version}`)
      for (const look of [() => driver.migrate(), () => driver.planMigration()]) {
        await expect(look()).rejects.toMatchObject({ code: 'SCHEMA_VERSION', message: expect.stringContaining('upgrade') })
      }
    })

    it('a migration that was changed since it was taken is refused', async () => {
      const { driver, sql } = await fresh()
      await driver.migrate()
      await sql(`UPDATE farebox_migrations SET checksum = 'x'`)
      const differs = { code: 'SCHEMA_VERSION', message: expect.stringMatching(/^migration 1 \(ledger\) differs/) }
      await expect(driver.migrate()).rejects.toMatchObject(differs)
      await expect(driver.planMigration()).rejects.toMatchObject(differs)
    })

    it("a database that has somebody else's users table is refused, and stays as it was", async () => {
      const { driver, sql } = await fresh()
      await sql('CREATE TABLE users (id TEXT)')
      await expect(driver.migrate()).rejects.toMatchObject({ code: 'SCHEMA_VERSION', message: expect.stringContaining('users') })
      await sql('DROP TABLE users')
      expect((await driver.migrate()).applied.length).toBeGreaterThan(0)
    })

    it('without its tables a ledger says what to call, and works once that was done', async () => {
      const { driver } = await fresh()
      const ledger = new Ledger(driver)
      const missing = { code: 'SCHEMA_VERSION', message: expect.stringContaining('migrate()') }
      await expect(ledger.openAccount({ name: 'Ada' })).rejects.toMatchObject(missing)
      await expect(ledger.balance('a')).rejects.toMatchObject(missing)
      await ledger.migrate()
      await ledger.openAccount({ accountId: 'a', name: 'Ada' })
      expect((await ledger.balance('a')).balance).toBe(0n)
    })

    it("without a clock of the host's it keeps the store's own time", async () => {
      const { driver } = await fresh()
      const ledger = new Ledger(driver)
      await ledger.migrate()
      const before = await driver.now()
      const { accountId } = await ledger.openAccount({ name: 'Ada' })
      await ledger.grant({ accountId, amount: credits(5) })
      await ledger.charge({ accountId, ...work, usage: usage(1) })
      const after = await driver.now()
      expect(before).toBeGreaterThan(Date.UTC(2020, 0, 1))
      for (const { at } of (await ledger.statement(accountId)).items) {
        expect(at).toBeGreaterThanOrEqual(before)
        expect(at).toBeLessThanOrEqual(after)
      }
    })

    it('closing waits for the changes under way, and then takes no more', async () => {
      const { driver } = await fresh()
      const ledger = new Ledger(driver)
      await ledger.migrate()
      const changes = Array.from({ length: 20 }, (_, index) => ledger.openAccount({ accountId: `a${index}`, name: 'Ada' }))
      await ledger.close()
      for (const change of await Promise.allSettled(changes)) expect(change.status).toBe('fulfilled')
      await expect(ledger.openAccount({ name: 'Eve' })).rejects.toThrow(LedgerClosedError)
      await expect(ledger.balance('a1')).rejects.toThrow(LedgerClosedError)
      await ledger.close()
    })
  })
}
