import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LedgerState, type NewRows } from '../../packages/ledger/src/machine/state.ts'
import { runInMemory } from '../../packages/ledger/src/verify/scan.ts'
import { verification } from '../../packages/ledger/src/verify/verification.ts'
import { MemoryStorage } from '../simulator/memory-storage.ts'
import { commitInMemory } from './commit-in-memory.ts'
import { expectSameHistory, histories } from './history.ts'
import { expectSameAccounts, expectSameMoney } from './same-accounts.ts'

test.each([
  ['at its end', undefined, undefined],
  ['as it goes on', 1, undefined],
  ['what is due in parts', undefined, 1],
])('the state machine does what the reference does, step for step, and writes %s', async (_, writeEvery, dueAtOnce) => {
  await fc.assert(
    fc.asyncProperty(histories, async (seeds) => {
      const storage = new MemoryStorage(dueAtOnce)
      const writeEarly = (rows: NewRows) => storage.write({ ...new LedgerState().changes(), ...rows })
      const commit = commitInMemory(storage, { dueAtOnce, ...(writeEvery !== undefined && { writeEarly, writeEvery }) })
      const pendingTopUp = (accountId: string) => storage.of('accounts', accountId)[0]?.alerts?.pendingTopUpId ?? null
      // Which thresholds were crossed on the way depends on how often somebody looked, and so does what is asked for.
      const [expectSame, awaited] = dueAtOnce === undefined ? [expectSameAccounts, pendingTopUp] : [expectSameMoney]
      const reference = await expectSameHistory('world', seeds, commit, awaited)
      expectSame(reference, (table) => storage.all(table))
      for (const accountId of reference.accounts.keys()) {
        for (const entriesOfPart of [undefined, 3]) {
          const report = runInMemory(verification(accountId, entriesOfPart), (table) => storage.of(table, accountId))
          expect(report.mismatches).toEqual([])
        }
        const verbs = new Map(storage.of('journal', accountId).map(({ sequence, verb }) => [sequence, verb]))
        for (const { sequence } of storage.of('usage_records', accountId)) {
          expect(['settleHold', 'charge', 'refund', 'adjust']).toContain(verbs.get(sequence))
        }
      }
    }),
    { numRuns: 120 },
  )
})
