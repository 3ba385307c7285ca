import type { Credits, Quantity, Service, Unit } from '@farebox/core'
import type { LedgerDriver } from './driver.ts'
import { rollupQuery } from './rollup-query.ts'

/** Which part of an account's history a breakdown is about. Times are epoch milliseconds, taken to whole hours. */
export interface BreakdownFilter {
  accountId: string
  /** @defaultValue the beginning */
  from?: number
  /** Exclusive. @defaultValue now */
  to?: number
  apiKeyId?: string
  userId?: string
  workflowName?: string
  service?: Service
  provider?: string
}

/** What one service of one provider was used for, and what was charged for it. */
export interface ServiceBreakdown {
  service: Service
  provider: string
  unit: Unit
  records: number
  quantity: Quantity
  charged: Credits
  shortfall: Credits
}

/** What the workflows of one name came to. */
export interface WorkflowBreakdown {
  name: string
  /** Workflows that were opened. */
  count: number
  closed: number
  charged: Credits
  /** Of the closed ones. */
  averageDurationMs: number
}

/** Where the credits of an account went, by service and by workflow. */
export interface Breakdowns {
  services: ServiceBreakdown[]
  workflows: WorkflowBreakdown[]
}

/** Where credits went, by sums that are kept by day and by hour. */
export async function breakdowns(reads: LedgerDriver, filter: BreakdownFilter): Promise<Breakdowns> {
  const services = await reads.select({
    ...rollupQuery('usage_rollups', ['service', 'provider', 'unit'], ['records', 'quantity', 'charged', 'shortfall'], filter),
    columns: {
      service: 'text',
      provider: 'text',
      unit: 'text',
      records: 'integer',
      quantity: 'bigint',
      charged: 'bigint',
      shortfall: 'bigint',
    },
  })
  const workflows = await reads.select({
    ...rollupQuery('workflow_rollups', ['workflow_name'], ['opened', 'closed', 'charged', 'duration_ms'], {
      ...filter,
      service: undefined,
      provider: undefined,
    }),
    columns: { name: 'text', count: 'integer', closed: 'integer', charged: 'bigint', durationMs: 'integer' },
  })
  const named = workflows.map(({ durationMs, ...row }) => ({
    ...(row as unknown as Omit<WorkflowBreakdown, 'averageDurationMs'>),
    averageDurationMs: row.closed ? Number(durationMs) / Number(row.closed) : 0,
  }))
  return {
    // Attempts that failed are records too, of nothing. What was forgiven of a shortfall makes that of another time smaller.
    services: (services as unknown as ServiceBreakdown[]).filter((row) => isUsed(row) || row.shortfall < 0n),
    workflows: filter.service === undefined && filter.provider === undefined ? named : await usersOf(reads, filter, named),
  }
}

/** Of workflows by name, those that used a service or a provider, with what they used of it. */
async function usersOf(
  reads: LedgerDriver,
  filter: BreakdownFilter,
  workflows: readonly WorkflowBreakdown[],
): Promise<WorkflowBreakdown[]> {
  const rows = await reads.select({
    ...rollupQuery('usage_rollups', ['workflow_name'], ['quantity', 'charged', 'shortfall'], filter),
    columns: { name: 'text', quantity: 'bigint', charged: 'bigint', shortfall: 'bigint' },
  })
  const byName = new Map(workflows.map((workflow) => [workflow.name, workflow]))
  return (rows as unknown as ({ name: string } & ServiceBreakdown)[]).filter(isUsed).flatMap(({ name, charged }) => {
    const workflow = byName.get(name)
    return workflow ? [{ ...workflow, charged }] : []
  })
}

function isUsed({ quantity, charged, shortfall }: ServiceBreakdown): boolean {
  return quantity > 0n || charged !== 0n || shortfall > 0n
}
