import { type Credits, microCredits, type Quantity, type Service, type Unit } from '@farebox/core'
import type { LedgerDriver } from './driver.ts'
import { checkFieldNames, type FieldNames } from './known-fields.ts'
import { rollupTotals } from './rollup-query.ts'

/** Which part of an account's history a breakdown covers. Times are epoch milliseconds, extended to whole hours. */
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

/** How much of one service of one provider was used, and what was charged for it. */
export interface ServiceBreakdown {
  service: Service
  provider: string
  unit: Unit
  records: number
  quantity: Quantity
  charged: Credits
  shortfall: Credits
}

/** The totals of the workflows with one name. */
export interface WorkflowBreakdown {
  name: string
  /** How many were opened. */
  count: number
  closed: number
  charged: Credits
  /** The average duration of the closed ones. */
  averageDurationMs: number
}

/** Where the credits of an account went, by service and by workflow. */
export interface Breakdowns {
  services: ServiceBreakdown[]
  workflows: WorkflowBreakdown[]
}

export const filterFields: FieldNames<BreakdownFilter> = {
  accountId: true,
  from: true,
  to: true,
  apiKeyId: true,
  userId: true,
  workflowName: true,
  service: true,
  provider: true,
}

/** Where credits went, from daily and hourly sums. */
export async function breakdowns(reads: LedgerDriver, filter: BreakdownFilter): Promise<Breakdowns> {
  checkFieldNames(filter, filterFields, 'breakdowns()')
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
      // Failed attempts are records too, but of no usage. A negative shortfall is one of another time that was waived since.
      .filter((row) => isUsed(row) || row.shortfall < 0n)
      .map((row) => ({ ...row, records: Number(row.records) }) as ServiceBreakdown),
    workflows: filter.service === undefined && filter.provider === undefined ? named : await usersOf(reads, filter, named),
  }
}

/** Of workflows by name, those that used a service or provider, with what they were charged for it. */
async function usersOf(
  reads: LedgerDriver,
  filter: BreakdownFilter,
  workflows: readonly WorkflowBreakdown[],
): Promise<WorkflowBreakdown[]> {
  const counted = { dimensions: ['workflowName'], counters: ['quantity', 'charged', 'shortfall'] } as const
  const rows = await rollupTotals(reads, 'usage_rollups', counted, filter)
  const byName = new Map(workflows.map((workflow) => [workflow.name, workflow]))
  return rows
    .filter((row) => row.workflowName !== '' && isUsed(row))
    .map(({ workflowName: name, charged }) => {
      // One that was opened at another time is in no totals if all that it was charged comes to nothing.
      const totals = byName.get(name) ?? { name, count: 0, closed: 0, averageDurationMs: 0 }
      return { ...totals, charged: microCredits(charged) }
    })
}

function isUsed({ quantity, charged, shortfall }: Record<'quantity' | 'charged' | 'shortfall', bigint>): boolean {
  return quantity > 0n || charged !== 0n || shortfall > 0n
}
