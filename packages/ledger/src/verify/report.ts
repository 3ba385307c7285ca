import type { UnreadableRowError } from '../unreadable-row.ts'

/** Two values that should be equal and are not. */
export interface Mismatch {
  kind:
    | 'account_missing'
    | 'sequence_gap'
    | 'hash_broken'
    | 'head_broken'
    | 'entry_unbalanced'
    | 'balance'
    | 'held'
    | 'grants'
    | 'pins'
    | 'usage'
    | 'workflow'
    | 'budget'
    | 'rollup'
    | 'terms'
    | 'row_unreadable'
  /**
   * Where it was found: an entry's sequence, the id of a grant, a hold, a workflow, a budget or an API key, or a service; for terms with the
   * field, and for what is compared as a whole in words. For `row_unreadable`, which ends the verification, the column.
   */
  at: string
  expected: string
  found: string
}

/** The result of replaying an account. */
export interface VerifyReport {
  accountId: string
  entries: number
  usageRecords: number
  mismatches: Mismatch[]
}

/** The report on an account with a row that cannot be read. */
export function unreadableAccount(accountId: string, { column, cause }: UnreadableRowError): VerifyReport {
  const found = cause instanceof Error ? cause.message : String(cause)
  const mismatch: Mismatch = { kind: 'row_unreadable', at: column, expected: 'what the ledger wrote', found }
  return { accountId, entries: 0, usageRecords: 0, mismatches: [mismatch] }
}

/** Values that are compared. Those of ids and names are strings. */
type Compared = string | number | bigint | undefined

/** Collects what differs. */
export class Findings {
  readonly mismatches: Mismatch[] = []

  /** @param at  where, or how to tell where: most values are equal, and it is told of none of them */
  expect(kind: Mismatch['kind'], at: string | (() => string), expected: Compared, found: Compared): void {
    if (expected === found) return
    const where = typeof at === 'string' ? at : at()
    this.mismatches.push({ kind, at: where, expected: String(expected), found: String(found) })
  }
}
