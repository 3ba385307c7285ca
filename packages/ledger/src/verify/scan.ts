import { setImmediate } from 'node:timers/promises'
import type { Snapshot } from '../driver.ts'
import type { Rows } from '../rows.ts'
import { rowsQuery } from '../rows-query.ts'

/** The tables that a verification reads. */
export type VerifiedTable =
  | 'accounts'
  | 'journal'
  | 'usage_records'
  | 'grants'
  | 'holds'
  | 'workflows'
  | 'usage_rollups'
  | 'workflow_rollups'
  | 'budgets'
  | 'api_keys'

/** A reading of an account's rows in one table, all of them once. Every scan of a verification reads them as of the same moment. */
export interface Scan<Name extends VerifiedTable = VerifiedTable> {
  table: Name
  /** The column by which the rows are to come. @defaultValue any order */
  orderBy?: 'sequence'
  /** A condition in SQL. Rows that do not meet it may come all the same, and `each` ignores them. */
  where?: string
  /** Columns that `each` does without, by property. They need not be read. */
  without?: readonly (keyof Rows[Name])[]
  each(row: Rows[Name]): void
}

/** Widens a scan of one table to one of any: what runs it gives it only rows of its table. */
export function scan<Name extends VerifiedTable>(of: Scan<Name>): Scan {
  return of as unknown as Scan
}

/** All rows of a table that has few of an account. */
export function* rowsOf<Name extends VerifiedTable>(table: Name): Generator<Scan, Rows[Name][], void> {
  const rows: Rows[Name][] = []
  yield scan<Name>({ table, each: (row) => void rows.push(row) })
  return rows
}

interface SnapshotScan {
  snapshot: Snapshot
  accountId: string
  /** Called with the number of rows of each page. */
  onRead?: ((rows: number) => void) | undefined
}

/** Runs a verification over the rows of an account in a database. */
export async function runOnSnapshot<Result>(
  scans: Generator<Scan, Result, void>,
  { snapshot, accountId, onRead }: SnapshotScan,
): Promise<Result> {
  for (;;) {
    const step = scans.next()
    if (step.done) return step.value
    const { table, orderBy, where, without, each } = step.value
    const condition = where === undefined ? 'account_id = ?' : `account_id = ? AND ${where}`
    const rest = `WHERE ${condition}${orderBy === undefined ? '' : ` ORDER BY ${orderBy}`}`
    for await (const page of snapshot.pages(rowsQuery(table, rest, [accountId], without))) {
      for (const row of page) each(row as unknown as Parameters<typeof each>[0])
      onRead?.(page.length)
    }
    await setImmediate()
  }
}

/** Runs a verification over rows in memory. */
export function runInMemory<Result>(
  scans: Generator<Scan, Result, void>,
  rowsOfTable: (table: VerifiedTable) => readonly object[],
): Result {
  for (;;) {
    const step = scans.next()
    if (step.done) return step.value
    const { table, orderBy, each } = step.value
    const rows = rowsOfTable(table) as Parameters<typeof each>[0][]
    for (const row of orderBy ? rows.toSorted((a, b) => sequenceOf(a) - sequenceOf(b)) : rows) each(row)
  }
}

function sequenceOf(row: object): number {
  return (row as { sequence: number }).sequence
}
