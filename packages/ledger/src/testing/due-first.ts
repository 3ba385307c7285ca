import { dueAt } from '../machine/advance.ts'
import type { HoldRow } from '../rows.ts'
import type { LoadKind } from '../tables.ts'

/** Of the open holds of an account, those that a `firstHolds` load finds. All rows for any other load. */
export function dueFirst<Row extends object>(kind: LoadKind, rows: Row[], dueAtOnce: number): Row[] {
  if (kind !== 'firstHolds') return rows
  const due = (row: Row) => dueAt(row as unknown as HoldRow)
  return rows.toSorted((a, b) => due(a) - due(b)).slice(0, dueAtOnce + 1)
}
