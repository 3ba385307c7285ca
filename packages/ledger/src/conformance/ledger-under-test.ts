import type { Clock } from '@farebox/core'
import type { LedgerDriver } from '../driver.ts'

/** A driver on a database of its own, with the access to it that a host and an operator have. */
export interface LedgerUnderTest {
  driver: LedgerDriver
  /** Runs one statement on a separate connection, as an operator would, and returns its rows. */
  sql(text: string): Promise<Record<string, unknown>[]>
  /** Begins a transaction as the host would. */
  begin(): Promise<HostTransaction>
  /** Closes the driver and everything that was opened for it. */
  cleanup(): Promise<void>
}

/** A transaction that the host opened and will end. */
export interface HostTransaction {
  /** What the ledger's methods take as `transaction`. */
  handle: unknown
  /** Runs a statement of the host inside it. */
  sql(text: string): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** Opens a driver on a new, empty database of its own. Without `clock` it uses the store's own time. */
export type OpenLedger = (options: { clock?: Clock }) => Promise<LedgerUnderTest>
