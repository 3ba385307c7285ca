import { type Credits, microCredits, type Quantity, type Service, type Unit } from '@farebox/core'
import type { LedgerDriver } from './driver.ts'
import { rollupTotals } from './rollup-query.ts'

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
  const services = await rollupTotals(
    reads,
    'usage_rollups',
    { dimensions: ['service', 'provider', 'unit'], counters: ['records', 'quantity', 'charged', 'shortfall'] },
    filter,
  )
  const workflows = await rollupTotals(
    reads,
    'workflow_rollups',
    { dimensions: ['workflowName'], counters: ['opened', 'closed', 'charged', 'durationMs'] },
    { ...filter, service: undefined, provider: undefined },
  )
  const named = workflows.map(
    ({ workflowName, opened, closed, charged, durationMs }): WorkflowBreakdown => ({
      name: workflowName,
      count: Number(opened),
      closed: Number(closed),
      charged: microCredits(charged),
      averageDurationMs: closed ? Number(durationMs) / Number(closed) : 0,
    }),
  )
  return {
    services: services
      // Attempts that failed are records too, of nothing. What was forgiven of a shortfall makes that of another time smaller.
      .filter((row) => isUsed(row) || row.shortfall < 0n)
      .map((row) => ({ ...row, records: Number(row.records) }) as ServiceBreakdown),
    workflows: filter.service === undefined && filter.provider === undefined ? named : await usersOf(reads, filter, named),
  }
}

/** Of workflows by name, those that used a service or a provider, with what they used of it. */
async function usersOf(
  reads: LedgerDriver,
  filter: BreakdownFilter,
  workflows: readonly WorkflowBreakdown[],
): Promise<WorkflowBreakdown[]> {
  const counted = { dimensions: ['workflowName'], counters: ['quantity', 'charged', 'shortfall'] } as const
  const rows = await rollupTotals(reads, 'usage_rollups', counted, filter)
  const byName = new Map(workflows.map((workflow) => [workflow.name, workflow]))
  return rows.filter(isUsed).flatMap(({ workflowName, charged }) => {
    const workflow = byName.get(workflowName)
    return workflow ? [{ ...workflow, charged: microCredits(charged) }] : []
  })
}

function isUsed({ quantity, charged, shortfall }: Record<'quantity' | 'charged' | 'shortfall', bigint>): boolean {
  return quantity > 0n || charged !== 0n || shortfall > 0n
}
