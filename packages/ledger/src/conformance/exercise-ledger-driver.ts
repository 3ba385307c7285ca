import { describe } from 'vitest'
import { exerciseAccounts } from './accounts.ts'
import { exerciseAnalytics } from './analytics.ts'
import { exerciseApiKeyRotation } from './api-key-rotation.ts'
import { exerciseApiKeyUse } from './api-key-use.ts'
import { exerciseApiKeys } from './api-keys.ts'
import { exerciseBriefWorkflows } from './brief-workflows.ts'
import { exerciseBudgets } from './budgets.ts'
import { exerciseConcurrency } from './concurrency.ts'
import { exerciseCorrections } from './corrections.ts'
import { exerciseDocuments } from './documents.ts'
import { exerciseEvents } from './events.ts'
import { exerciseGrants } from './grants.ts'
import { exerciseHistory } from './history.ts'
import { exerciseHolds } from './holds.ts'
import { exerciseHostTransactions } from './host-transactions.ts'
import { exerciseIdempotency } from './idempotency.ts'
import { exerciseImports } from './imports.ts'
import { exerciseJournal } from './journal.ts'
import type { OpenLedger } from './ledger-under-test.ts'
import { exerciseMigrations } from './migrations.ts'
import { exerciseOperators } from './operators.ts'
import { exerciseProviderHealth } from './provider-health.ts'
import { exerciseReserves } from './reserves.ts'
import { exerciseSettlements } from './settlements.ts'
import { Suite } from './suite.ts'
import { exerciseTerms } from './terms.ts'
import { exerciseUpgrades } from './upgrades.ts'
import { exerciseWorkflows } from './workflows.ts'

/**
 * Tests that a driver fulfils the contract of `LedgerDriver`: everything the ledger promises, on that database. Call it in a
 * vitest file. After each test, it verifies the books of every account the test opened.
 *
 * @param open  opens the driver on a new, empty database of its own; called several times
 */
export function exerciseLedgerDriver(name: string, open: OpenLedger): void {
  describe(`${name} as a ledger driver`, () => {
    describe('in use', () => {
      const suite = new Suite(open)
      exerciseAccounts(suite)
      exerciseGrants(suite)
      exerciseHolds(suite)
      exerciseSettlements(suite)
      exerciseWorkflows(suite)
      exerciseBriefWorkflows(suite)
      exerciseReserves(suite)
      exerciseIdempotency(suite)
      exerciseApiKeys(suite)
      exerciseApiKeyRotation(suite)
      exerciseApiKeyUse(suite)
      exerciseBudgets(suite)
      exerciseEvents(suite)
      exerciseDocuments(suite)
      exerciseCorrections(suite)
      exerciseJournal(suite)
      exerciseTerms(suite)
      exerciseAnalytics(suite)
      exerciseImports(suite)
      exerciseConcurrency(suite)
      exerciseHostTransactions(suite)
      exerciseOperators(suite)
      exerciseProviderHealth(suite)
      exerciseHistory(suite)
    })
    exerciseMigrations(open)
    exerciseUpgrades(open)
  })
}
