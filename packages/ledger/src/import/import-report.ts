import { type Credits, microCredits } from '@farebox/core'

/** What an import did, or would do. Each row counts as `granted`, `withoutCredits`, `importedBefore`, `different` or `failed`. */
export interface ImportReport {
  /** `planned`: a dry run. `refused`: with `isStrict`, a row failed or differed, so nothing was written. */
  status: 'imported' | 'planned' | 'refused'
  rows: number
  /** Accounts that did not exist before. */
  accountsCreated: number
  /** Rows whose credits this run granted. */
  granted: number
  creditsGranted: Credits
  /** Rows of 0 credits: the account exists, with nothing to grant. */
  withoutCredits: number
  /** Rows that an earlier run, or an earlier row of the same user, imported with the same balance. */
  importedBefore: number
  /** Rows that an earlier run, or row of the same user, imported with another balance or source. They were left as they are. */
  different: number
  /** Rows that could not be imported. */
  failed: number
  /** The first thousand rows that failed or differed, in the order of the source. */
  problems: ImportProblem[]
}

/** A row that was not imported, and why. */
export interface ImportProblem {
  kind: 'failed' | 'different'
  /** The row's line in the source. */
  line: number
  /** Absent if the row has no readable id. */
  accountId?: string
  reason: string
}

/** The result of one row. */
export type RowResult =
  | { status: 'granted'; isNewAccount: boolean; amount: Credits }
  | { status: 'withoutCredits' | 'importedBefore'; isNewAccount: boolean }
  | ({ status: ImportProblem['kind'] } & Omit<ImportProblem, 'kind'>)

/** Further problems are only counted, so that a source full of bad rows does not fill the memory. */
const PROBLEMS_MAX = 1_000

export function emptyReport(status: ImportReport['status']): ImportReport {
  const none = { rows: 0, accountsCreated: 0, granted: 0, withoutCredits: 0, importedBefore: 0, different: 0, failed: 0 }
  return { status, ...none, creditsGranted: microCredits(0n), problems: [] }
}

/** Adds one row to the report. */
export function countRow(report: ImportReport, result: RowResult): void {
  report.rows++
  report[result.status]++
  if ('reason' in result) {
    const { status: kind, ...problem } = result
    if (report.problems.length < PROBLEMS_MAX) report.problems.push({ kind, ...problem })
    return
  }
  if (result.isNewAccount) report.accountsCreated++
  if (result.status === 'granted') report.creditsGranted = microCredits(report.creditsGranted + result.amount)
}
