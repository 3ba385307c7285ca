import { expect } from 'vitest'
import type { EventRow, EventType, Rows } from '../../packages/ledger/src/rows.ts'
import type { ReferenceLedger } from './reference-ledger.ts'
import { sum } from './reference-things.ts'
import { expectSameRollups } from './same-rollups.ts'

/** The tables whose rows are compared with the reference. */
export const comparedTables = [
  'accounts',
  'grants',
  'holds',
  'workflows',
  'usage_records',
  'budgets',
  'usage_rollups',
  'workflow_rollups',
  'events',
] as const
type ComparedTable = (typeof comparedTables)[number]

/** Expects the rows of a ledger to say what the reference says of every account, and to have told its owner the same. */
export function expectSameAccounts(
  reference: ReferenceLedger,
  rowsOf: <Name extends ComparedTable>(table: Name) => readonly Rows[Name][],
): void {
  for (const [accountId, account] of reference.accounts) {
    const told = rowsOf('events').filter((row) => row.accountId === accountId)
    expect(told.map(foreseen).sort()).toEqual(account.told.map((each) => JSON.stringify(each)).sort())
  }
  expectSameMoney(reference, rowsOf)
}

/** Expects the same but for what was told: which thresholds were crossed on the way depends on how often somebody looked. */
export function expectSameMoney(
  reference: ReferenceLedger,
  rowsOf: <Name extends ComparedTable>(table: Name) => readonly Rows[Name][],
): void {
  for (const [accountId, account] of reference.accounts) {
    const mine = <Name extends ComparedTable>(table: Name) => rowsOf(table).filter((row) => row.accountId === accountId)
    expect(mine('accounts')[0]).toMatchObject({ posted: account.balance, held: account.held, debt: account.debt })
    expect(byId(mine('grants'), 'grantId', 'remaining')).toEqual(byId(account.grants, 'grantId', 'left'))
    expect(byId(mine('holds'), 'holdId', 'remaining')).toEqual(byId(account.holds, 'holdId', 'left'))
    expect(byId(mine('holds'), 'holdId', 'state')).toEqual(byId(account.holds, 'holdId', 'state'))
    for (const field of ['windowStart', 'used'] as const) {
      expect(byId(mine('budgets'), 'budgetId', field)).toEqual(byId(account.budgets.used, 'budgetId', field))
    }
    for (const workflow of account.workflows) {
      const row = mine('workflows').find(({ workflowId }) => workflowId === workflow.workflowId)
      expect(row).toMatchObject({ spent: account.spent(workflow), held: account.heldIn(workflow) })
      const own = account.usages.filter(({ workflowId }) => workflowId === workflow.workflowId)
      for (const line of row?.lines ?? []) {
        const usages = own.filter(
          ({ service, provider, unit }) => service === line.service && provider === line.provider && unit === line.unit,
        )
        for (const name of ['rated', 'charged', 'shortfall', 'quantity'] as const) {
          expect(line[name], `${workflow.workflowId} ${line.service} ${name}`).toBe(sum(usages.map((usage) => usage[name])))
        }
      }
    }
    expectSameRollups(account, mine('usage_rollups'), mine('workflow_rollups'))
    for (const name of ['rated', 'charged', 'shortfall', 'quantity', 'unit', 'service', 'provider'] as const) {
      expect(byId(mine('usage_records'), 'usageId', name)).toEqual(byId(account.usages, 'usageId', name))
    }
    for (const name of ['workflowId', 'holdId', 'apiKeyId', 'userId', 'corrects', 'cost'] as const) {
      const expected = account.usages.map((usage) => ({ usageId: usage.usageId, [name]: usage[name] ?? null }))
      expect(byId(mine('usage_records'), 'usageId', name)).toEqual(byId(expected as never, 'usageId', name))
    }
  }
}

/** What of an event the reference knows. */
const foreseeable: Record<EventType, readonly string[]> = {
  hold_expired: ['holdId', 'amount'],
  workflow_closed: ['workflowId', 'spent'],
  balance_low: ['balance', 'threshold'],
  top_up_needed: ['balance', 'threshold', 'amount'],
  limit_crossed: ['budgetId', 'percent', 'used', 'limit'],
}

function foreseen({ type, data }: EventRow): string {
  return JSON.stringify(Object.fromEntries([['type', type], ...foreseeable[type].map((name) => [name, data[name]])]))
}

function byId<Name extends string, Field extends string>(
  things: readonly (Record<Name, string> & Record<Field, unknown>)[],
  id: Name,
  field: Field,
): Record<string, unknown> {
  return Object.fromEntries(things.map((thing) => [thing[id], thing[field]]))
}
