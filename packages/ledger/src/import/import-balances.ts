import { type Credits, credits, formatCredits, isFareboxError } from '@farebox/core'
import { pMapIterable } from 'p-map'
import { checkOneOf, checkText } from '../check-input.ts'
import { InvalidInputError } from '../errors.ts'
import type { Ledger } from '../ledger.ts'
import { type GrantSource, grantSources } from '../rows.ts'
import { type BalanceSource, type CheckedRow, checkRow } from './balance-row.ts'
import { countRow, emptyReport, type ImportReport, type RowResult } from './import-report.ts'

/** How balances are imported. */
export interface ImportOptions {
  /**
   * Names the import. Under one name an account is imported once, whatever its source says later; another name is another import,
   * which grants again. @defaultValue `opening`
   */
  importId?: string
  /** What the grants count as. @defaultValue `purchase`: users have paid for their balances, so free credits are spent before them */
  source?: GrantSource
  /** Reads and compares, and writes nothing. It remembers each id, to find users who come twice. @defaultValue false */
  isDryRun?: boolean
  /** Writes nothing unless every row can be imported; for that it reads the source twice, the first time as a dry run. @defaultValue false */
  isStrict?: boolean
  /** Rows under way at once; they share transactions. @defaultValue 256 */
  concurrency?: number
  /** Told every thousand rows how far it is. */
  onProgress?: (report: Readonly<ImportReport>) => void
}

const CONCURRENCY = 256
const PROGRESS_ROWS = 1_000
/** The kind of document in which each account keeps what was decided about it. */
const KIND = 'import'

/** What an import decided to grant an account, as its document keeps it. */
interface Decision extends Record<string, unknown> {
  credits: string
  source: GrantSource
}

/**
 * Opens an account for each user of another system, with the balance that it has there as a grant. It can be stopped at any moment
 * and run again: what was imported is not imported twice, also by several processes at once. A balance that has changed in the source since
 * is reported and not applied. Rows that cannot be imported are reported with their reason, and the others go on.
 *
 * It holds no more than `concurrency` rows in memory, however long the source, and in a dry run the ids and balances of those before.
 *
 * @param rows  for example what `readPostgresBalances` or `readSqliteBalances` returns
 * @throws {InvalidInputError} an option is wrong
 * @throws {LedgerUnavailableError} the database went away; run it again
 */
export async function importBalances(
  ledger: Ledger<never>,
  rows: BalanceSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const importId = checkText('importId', options.importId ?? 'opening')
  const source = checkOneOf('source', options.source ?? 'purchase', grantSources)
  checkText('importId', grantIdOf(importId))
  const read = { ...options, importId, source }
  if (options.isStrict && isReadOnce(rows))
    throw new InvalidInputError('rows', 'must be readable twice for isStrict: not a generator')
  if (options.isDryRun || options.isStrict) {
    const decided = new Map<string, Decision>()
    const planned = await importEach(rows, emptyReport('planned'), read, (row, decision) =>
      planRow(ledger, row, importId, decision, decided),
    )
    if (options.isStrict && planned.failed + planned.different > 0) return { ...planned, status: 'refused' }
    if (options.isDryRun) return planned
  }
  return importEach(rows, emptyReport('imported'), read, (row, decision) => importRow(ledger, row, importId, decision))
}

async function importEach(
  rows: BalanceSource,
  report: ImportReport,
  { source, concurrency = CONCURRENCY, onProgress }: ImportOptions & { source: GrantSource },
  work: (row: CheckedRow, decision: Decision) => Promise<RowResult>,
): Promise<ImportReport> {
  const results = pMapIterable(
    rows,
    async (given, index): Promise<RowResult> => {
      const row = checkRow(given, index + 1)
      if ('problem' in row) return failed(row, row.problem)
      return work(row, { credits: formatCredits(row.amount), source }).catch((error: unknown) => {
        if (isOfRow(error)) return failed(row, error.message)
        throw error
      })
    },
    { concurrency },
  )
  for await (const result of results) {
    countRow(report, result)
    if (report.rows % PROGRESS_ROWS === 0) onProgress?.(report)
  }
  return report
}

/**
 * First what is to be granted is written down, then it is granted. A row that died between the two is granted by the next run as it
 * was decided, also when its source says something else by then.
 */
async function importRow(ledger: Ledger<never>, row: CheckedRow, importId: string, decision: Decision): Promise<RowResult> {
  const { accountId, name } = row
  // Asked for together, so that they share a transaction; the queue keeps their order.
  const [isNewAccount, decided] = await Promise.all([
    ledger.openAccount({ accountId, name }).then(({ replayed }) => !replayed, otherwise(isThere, false)),
    ledger
      .saveDocument({ accountId, kind: KIND, documentId: importId, body: decision })
      .then(({ replayed }) => ({ ...decision, isNew: !replayed }), otherwise(isConflict, undefined)),
  ])
  const kept = decided ?? { ...(await decisionOf(ledger, accountId, importId)), isNew: false }
  const amount = credits(kept.credits)
  const isGranted = amount > 0n && !(await grantOnce(ledger, accountId, importId, { ...kept, amount })).replayed
  if (!decided) return different(row, kept, decision)
  if (isGranted) return { status: 'granted', isNewAccount, amount }
  // Decided by this run, and granted by another one in between: then that one counts it.
  return { status: kept.isNew && amount === 0n ? 'withoutCredits' : 'importedBefore', isNewAccount }
}

/**
 * What {@link importRow} would do.
 *
 * @param decided  by account, for the rows before
 */
async function planRow(
  ledger: Ledger<never>,
  row: CheckedRow,
  importId: string,
  decision: Decision,
  decided: Map<string, Decision>,
): Promise<RowResult> {
  const { accountId, amount } = row
  const before = decided.get(accountId)
  if (!before) decided.set(accountId, decision)
  // Not by its balance, which would let what is due on the account happen first.
  const [entries, document] = await Promise.all([
    ledger.statement(accountId, { limit: 1 }),
    ledger.document(accountId, KIND, importId),
  ])
  const kept = (document?.body as Decision | undefined) ?? before
  if (kept && (kept.credits !== decision.credits || kept.source !== decision.source)) return different(row, kept, decision)
  const isNewAccount = entries.items.length === 0 && !before
  if (kept) return { status: 'importedBefore', isNewAccount }
  return amount > 0n ? { status: 'granted', isNewAccount, amount } : { status: 'withoutCredits', isNewAccount }
}

function grantOnce(
  ledger: Ledger<never>,
  accountId: string,
  importId: string,
  { amount, source }: { amount: Credits; source: GrantSource },
) {
  return ledger.grant({ accountId, grantId: grantIdOf(importId), amount, source })
}

async function decisionOf(ledger: Ledger<never>, accountId: string, importId: string): Promise<Decision> {
  return (await ledger.document(accountId, KIND, importId))?.body as Decision
}

function grantIdOf(importId: string): string {
  return `import:${importId}`
}

function different({ line, accountId }: CheckedRow, before: Decision, now: Decision): RowResult {
  const show = ({ credits: amount, source }: Decision) => `${amount} credits (${source})`
  return { status: 'different', line, accountId, reason: `imported before as ${show(before)}, the source has ${show(now)} now` }
}

function failed({ line, accountId }: { line: number; accountId?: string }, reason: string): RowResult {
  return { status: 'failed', line, ...(accountId !== undefined && { accountId }), reason }
}

function otherwise<Value>(isExpected: (error: unknown) => boolean, value: Value): (error: unknown) => Value {
  return (error) => {
    if (isExpected(error)) return value
    throw error
  }
}

function isConflict(error: unknown): boolean {
  return isFareboxError(error) && error.code === 'IDEMPOTENCY_CONFLICT'
}

/** The account was opened before, by an import under another name for the user or by somebody else. */
function isThere(error: unknown): boolean {
  return isConflict(error) || (isFareboxError(error) && error.code === 'ALREADY_EXISTS')
}

/** Errors that are about this row alone. Any other would be every row's, and ends the import. */
function isOfRow(error: unknown): error is Error {
  const codes = ['INVALID_INPUT', 'AMOUNT_OUT_OF_RANGE', 'IDEMPOTENCY_CONFLICT', 'ALREADY_EXISTS', 'LEDGER_INTERNAL']
  return isFareboxError(error) && codes.includes(error.code)
}

/** Whether this is a generator, which is over when it was read. */
function isReadOnce(rows: BalanceSource): boolean {
  const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]()
  return (iterator as unknown) === rows
}
