import { expect } from 'vitest'
import type { UsageRollupRow, WorkflowRollupRow } from '../../packages/ledger/src/rows.ts'
import { CARRY } from '../../packages/ledger/src/tables.ts'
import type { ReferenceAccount } from './reference-account.ts'

const LENGTHS = { hour: 3_600_000, day: 86_400_000 }

/** Expects the rollups of an account to be sums over what the reference did, by everything that a breakdown asks for. */
export function expectSameRollups(
  account: ReferenceAccount,
  usageRollups: readonly UsageRollupRow[],
  workflowRollups: readonly WorkflowRollupRow[],
): void {
  const usage = new Sums()
  const workflows = new Sums()
  for (const record of account.usages) {
    const workflow = account.workflows.find(({ workflowId }) => workflowId === record.workflowId)
    const whose = [workflow?.name ?? '', record.apiKeyId ?? '', record.userId ?? '']
    const counts = { records: record.corrects === undefined ? 1n : 0n, quantity: record.quantity, cost: record.cost ?? 0n }
    const { charged, shortfall, recordedAt } = record
    usage.add(recordedAt, [record.service, record.provider, record.unit, ...whose], { ...counts, charged, shortfall })
    if (workflow) workflows.add(recordedAt, whose, { charged })
  }
  for (const { name, apiKeyId = '', userId = '', openedAt, closedAt, isClosed } of account.workflows) {
    workflows.add(openedAt, [name, apiKeyId, userId], { opened: 1n })
    if (isClosed) workflows.add(closedAt, [name, apiKeyId, userId], { closed: 1n, durationMs: BigInt(closedAt - openedAt) })
  }

  const found = { usage: new Sums(), workflows: new Sums() }
  for (const { period, startsAt, service, provider, unit, workflowName, apiKeyId, userId, ...row } of usageRollups) {
    const { quantityCarry, costCarry, ...counts } = row
    counts.quantity += quantityCarry * CARRY
    counts.cost += costCarry * CARRY
    found.usage.put(period, startsAt, [service, provider, unit, workflowName, apiKeyId, userId], counts)
  }
  for (const { period, startsAt, workflowName, apiKeyId, userId, ...row } of workflowRollups) {
    found.workflows.put(period, startsAt, [workflowName, apiKeyId, userId], row)
  }
  expect(found.usage.all).toEqual(usage.all)
  expect(found.workflows.all).toEqual(workflows.all)
}

/** Sums by hour and by day, and by dimensions; those that are zero are left out. */
class Sums {
  readonly #sums = new Map<string, bigint>()

  get all(): Record<string, bigint> {
    return Object.fromEntries([...this.#sums].filter(([, amount]) => amount !== 0n).sort())
  }

  add(at: number, dimensions: readonly string[], counts: Record<string, bigint>): void {
    for (const [period, length] of Object.entries(LENGTHS)) this.put(period, at - (at % length), dimensions, counts)
  }

  put(period: string, startsAt: number, dimensions: readonly string[], counts: object): void {
    for (const [name, count] of Object.entries(counts)) {
      if (typeof count !== 'bigint') continue
      const key = [period, startsAt, ...dimensions, name].join(' / ')
      this.#sums.set(key, (this.#sums.get(key) ?? 0n) + count)
    }
  }
}
