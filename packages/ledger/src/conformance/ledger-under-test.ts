import type { Clock } from '@farebox/core'
import type { LedgerDriver } from '../driver.ts'

/** A driver on an empty database of its own, and the ways into that database that a host and an operator have. */
export interface LedgerUnderTest {
  driver: LedgerDriver
  /** Runs one statement on a connection of its own, as an operator would, and answers its rows. */
  sql(text: string): Promise<Record<string, unknown>[]>
  /** Begins a transaction of the host's own. */
  begin(): Promise<HostTransaction>
  /** Closes the driver and everything that was opened for it. */
  cleanup(): Promise<void>
}

/** A transaction that the host opened and will end. */
export interface HostTransaction {
  /** What a verb takes as `transaction`. */
  handle: unknown
  /** Runs a statement of the host's own inside it. */
  sql(text: string): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** Opens a driver on an empty database that nobody else uses. Without `clock` it takes the store's own time. */
export type OpenLedger = (options: { clock?: Clock }) => Promise<LedgerUnderTest>
