import { isDeepStrictEqual } from 'node:util'
import type { UsageRow } from '@farebox/ledger'
import type { Farebox } from 'farebox'

/** Receipts say of each workflow what its records do, line by line and attempt by attempt, however often one asks. */
export async function checkReceipts(box: Farebox, accountId: string): Promise<string[]> {
  const faults: string[] = []
  const { workflows } = await box.ledger.workflows({ accountId }, { limit: 1_000 })
  for (const { workflowId, name } of workflows) {
    const { spent, createdAt, closedAt } = await box.ledger.workflow(accountId, workflowId)
    const rows = await box.ledger.usageOf(accountId, workflowId)
    const workflow = box.workflow({ accountId, name, workflowId, isOpened: true })
    const receipt = await workflow.receipt()
    if (closedAt !== null && !isDeepStrictEqual(receipt, await workflow.close())) faults.push(`${workflowId} has two receipts`)
    const same = (what: string, told: unknown, due: unknown) => {
      if (!isDeepStrictEqual(told, due)) faults.push(`${what} of the receipt of ${workflowId}: ${text(told)}, not ${text(due)}`)
    }
    const { workflow_id, workflow_name, services_used, total_credits_used, shortfall, duration, attempts } = receipt
    same('id and name', [workflow_id, workflow_name], [workflowId, name])
    same('total', total_credits_used, whole(spent))
    same('duration', duration, ((closedAt ?? box.now()) - createdAt) / 1_000)
    same('shortfall', shortfall ?? 0, whole(rows.reduce((sum, row) => sum + row.shortfall, 0n)))
    same(
      'lines',
      services_used
        .map((line) => [line.service_type, line.provider, line.unit_type, line.units_consumed, line.credits_used].join(' '))
        .sort(),
      linesOf(rows),
    )
    for (const { attempt_id, credits_used } of attempts ?? [])
      same(`attempt ${attempt_id}`, credits_used, whole(paidFor(attempt_id, rows)))
  }
  return faults
}

function linesOf(rows: readonly UsageRow[]): string[] {
  const lines = Map.groupBy(rows, ({ service, provider, unit }) => `${service} ${provider} ${unit}`)
  return [...lines]
    .flatMap(([line, own]) => {
      const total = (name: 'quantity' | 'charged' | 'shortfall') => own.reduce((sum, row) => sum + row[name], 0n)
      if (total('quantity') === 0n && total('charged') === 0n && total('shortfall') <= 0n) return []
      return [`${line} ${Number(total('quantity')) / 1_000_000} ${whole(total('charged'))}`]
    })
    .sort()
}

/** What the records of an attempt were charged, and what was corrected of them since. */
function paidFor(attemptId: string, rows: readonly UsageRow[]): bigint {
  const own = rows.filter(({ details }) => (details as { attempt?: string } | null)?.attempt === attemptId)
  const ids = new Set(own.map(({ usageId }) => usageId))
  const all = rows.filter(({ usageId, corrects }) => ids.has(usageId) || ids.has(corrects ?? ''))
  return all.reduce((sum, { charged }) => sum + charged, 0n)
}

/** Whole credits. A fraction is rounded up, so that what was given back is not more than it was. */
function whole(amount: bigint): number {
  return Math.ceil(Number(amount) / 1_000_000)
}

function text(value: unknown): string {
  return JSON.stringify(value)
}
