import { Ledger } from '@farebox/ledger'
import type { LedgerUnderTest, OpenLedger } from '@farebox/ledger/conformance'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Operation } from '../../packages/ledger/src/operations.ts'
import type { Rows } from '../../packages/ledger/src/rows.ts'
import { rowsQuery } from '../../packages/ledger/src/rows-query.ts'
import { openPostgres } from '../ledger/open-postgres.ts'
import { openSqlite } from '../ledger/open-sqlite.ts'
import { expectSameHistory, histories } from './history.ts'
import type { ReferenceLedger } from './reference-ledger.ts'
import { comparedTables, expectSameAccounts } from './same-accounts.ts'

const drivers: [string, OpenLedger, { numRuns: number }][] = [
  ['SQLite', openSqlite, { numRuns: 15 }],
  ['Postgres', openPostgres, { numRuns: 8 }],
]

describe.each(drivers)('a ledger on %s', (_, open, parameters) => {
  let clock = 0
  let runs = 0
  let underTest: LedgerUnderTest
  beforeAll(async () => {
    underTest = await open({ clock: () => clock })
    await underTest.driver.migrate()
  })
  afterAll(() => underTest.cleanup())

  test('does what the reference does, step for step', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (seeds) => {
        const commit = (operations: readonly Operation[], now: number) => {
          clock = now
          return underTest.driver.commit(operations)
        }
        const reference = await expectSameHistory(`run${runs++}`, seeds, commit, pendingTopUp)
        await expectSameRows(reference)
      }),
      parameters,
    )
  })

  async function pendingTopUp(accountId: string): Promise<string | null> {
    const [rows] = await underTest.driver.selectAll([rowsQuery('accounts', 'WHERE account_id = ?', [accountId])])
    return (rows as Rows['accounts'][] | undefined)?.[0]?.alerts?.pendingTopUpId ?? null
  }

  /** The rows at the end are what the reference says, and their books are in order. */
  async function expectSameRows(reference: ReferenceLedger): Promise<void> {
    const ledger = new Ledger(underTest.driver)
    const rows = new Map<string, object[]>()
    for (const accountId of reference.accounts.keys()) {
      const queries = comparedTables.map((table) => rowsQuery(table, 'WHERE account_id = ?', [accountId]))
      const read = await underTest.driver.selectAll(queries)
      for (const [index, table] of comparedTables.entries()) {
        rows.set(table, [...(rows.get(table) ?? []), ...(read[index] ?? [])])
      }
      expect((await ledger.verify(accountId)).mismatches, accountId).toEqual([])
    }
    expectSameAccounts(reference, (table) => (rows.get(table) ?? []) as unknown as Rows[typeof table][])
  }
})
