export type { BreakdownFilter, Breakdowns, ServiceBreakdown, WorkflowBreakdown } from './breakdowns.ts'
export { type Granularity, granularities } from './buckets.ts'
export type { BatchLimits, LedgerDriver, Query } from './driver.ts'
export * from './errors.ts'
export type { EventData } from './event-data.ts'
export type { AccountFacts, ChangedAccount, ChargedBackGrant, HistoryRange, LedgerHistory, UsageTail } from './history.ts'
export type { BalanceRow, BalanceSource, UnreadableRow } from './import/balance-row.ts'
export { type ImportOptions, importBalances } from './import/import-balances.ts'
export type { ImportProblem, ImportReport } from './import/import-report.ts'
export type * from './inputs.ts'
export { type KeepAliveOptions, keepAlive } from './keep-alive.ts'
export { keyPermission } from './key-ring.ts'
export { checkFieldNames, type FieldNames } from './known-fields.ts'
export { type CallOptions, Ledger, type LedgerOptions } from './ledger.ts'
export { isTakenBack } from './machine/corrections.ts'
export type { AppliedMigration, Migration, MigrationPlan, MigrationReport, PlannedMigration } from './migrations.ts'
export { chargeIdOf, documentIdOf, workflowIdOf } from './new-id.ts'
export { newUuid } from './new-uuid.ts'
export type * from './operations.ts'
export { type CloudEventsOptions, cloudEvents } from './outbox/cloud-events.ts'
export { DeliveryRefusedError, Outbox, type OutboxOptions, type OutboxReport } from './outbox/outbox.ts'
export { type StripeMeterClient, type StripeMeterEventsOptions, stripeMeterEvents } from './outbox/stripe-meter-events.ts'
export {
  type DeliverUsage,
  type UndeliveredUsage,
  UsageOutbox,
  type UsageOutboxOptions,
  type UsageOutboxReport,
} from './outbox/usage-outbox.ts'
export { type WebhookOptions, webhook } from './outbox/webhook.ts'
export type * from './outcomes.ts'
export type { ProviderHealth, ToldHealth } from './provider-health.ts'
export type { CommitReport, QueueStats } from './queue-watch.ts'
export * from './reader.ts'
export * from './rows.ts'
export type { SpoolReport, UsageSpoolOptions } from './spool/usage-spool.ts'
export { citusStatements, type TablePlacement, tablePlacements } from './table-placement.ts'
export {
  type SeriesCursor,
  type SeriesEntry,
  type SeriesGroup,
  seriesGroups,
  type UsageSeries,
  type UsageSeriesInput,
} from './usage-series.ts'
export type { Mismatch, VerifyReport } from './verify/report.ts'
export type { WorkflowCursor, WorkflowFilter, WorkflowListing, WorkflowPage } from './workflow-list.ts'
