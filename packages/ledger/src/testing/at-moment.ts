import { dueAt } from '../machine/advance.ts'
import type { HoldRow } from '../rows.ts'
import type { LoadKind } from '../tables.ts'

/**
 * Of the open holds of an account, those that a load finds which compares with a moment. All rows for any other load.
 *
 * @param key  of the load, which ends with the moment
 */
export function atMoment<Row extends object>(kind: LoadKind, rows: Row[], key: readonly string[], dueAtOnce: number): Row[] {
  const due = (row: Row) => dueAt(row as unknown as HoldRow)
  const moment = Number(key.at(-1))
  const inOrder = (found: Row[]) => found.toSorted((a, b) => due(a) - due(b))
  if (kind === 'dueHolds') return inOrder(rows.filter((row) => due(row) <= moment)).slice(0, dueAtOnce + 1)
  return kind === 'nextHold' ? inOrder(rows.filter((row) => due(row) > moment)).slice(0, 1) : rows
}
