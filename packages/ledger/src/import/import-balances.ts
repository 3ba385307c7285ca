import { type Credits, credits, formatCredits, isFareboxError } from '@farebox/core'
import { pMapIterable } from 'p-map'
import { checkFlag, checkInteger, checkOneOf, checkText } from '../check-input.ts'
import { InvalidInputError } from '../errors.ts'
import { checkFieldNames, type FieldNames } from '../known-fields.ts'
import type { Ledger } from '../ledger.ts'
import { type GrantSource, grantSources } from '../rows.ts'
import { type BalanceSource, type CheckedRow, checkRow } from './balance-row.ts'
import { countRow, emptyReport, type ImportReport, type RowResult } from './import-report.ts'

/** How to import balances. */
export interface ImportOptions {
  /**
   * Names the import. Under one name each account is imported once, whatever the source says later. Another name is another
   * import, which grants again. @defaultValue `opening`
   */
  importId?: string
  /** The grants' source. @defaultValue `purchase`: users have paid for their balances, so free credits are spent first */
  source?: GrantSource
  /** Compares without writing anything. Keeps every id in memory, to find duplicate users. @defaultValue false */
  isDryRun?: boolean
  /** Writes nothing unless every row can be imported. Reads the source twice, the first time as a dry run. @defaultValue false */
  isStrict?: boolean
  /** Rows processed at once, which share transactions. @defaultValue 256 */
  concurrency?: number
  /** Called every thousand rows with the report so far. */
  onProgress?: (report: Readonly<ImportReport>) => void
}

const known: FieldNames<ImportOptions> = {
  importId: true,
  source: true,
  isDryRun: true,
  isStrict: true,
  concurrency: true,
  onProgress: true,
}

const CONCURRENCY = 256
const PROGRESS_ROWS = 1_000
/** Kind of the document that records an account's import. */
const KIND = 'import'

/** The content of that document: what the import decided to grant. */
interface Decision extends Record<string, unknown> {
  credits: string
  source: GrantSource
}

/**
 * Opens an account for each user of another system, and grants it the balance it has there. It can be stopped at any moment and
 * run again, even by several processes at once: nothing is imported twice. A balance that has since changed in the source is
 * reported, not applied. A row that cannot be imported is reported with the reason, and the import continues.
 *
 * It holds at most `concurrency` rows in memory, however long the source. A dry run also holds the ids and balances of all rows
 * before.
 *
 * @param rows  for example what `readPostgresBalances` or `readSqliteBalances` returns
 * @throws {InvalidInputError} an option is unknown or invalid
 * @throws {LedgerUnavailableError} the database became unreachable; run the import again
 */
export async function importBalances(
  ledger: Ledger<never>,
  rows: BalanceSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  // A misspelt `isDryRun` would otherwise grant, and a misspelt `importId` name another import.
  checkFieldNames(options, known, 'importBalances()')
  const importId = checkText('importId', options.importId ?? 'opening')
  const source = checkOneOf('source', options.source ?? 'purchase', grantSources)
  checkText('importId', grantIdOf(importId))
  checkConcurrency(options.concurrency)
  const { isDryRun = false, isStrict = false } = options
  // A text would count as true: `'false'` would grant nothing, and say that it could.
  checkFlag('isDryRun', isDryRun)
  checkFlag('isStrict', isStrict)
  const read = { ...options, importId, source }
  if (isStrict && isReadOnce(rows)) throw new InvalidInputError('rows', 'must be readable twice for isStrict: not a generator')
  if (isDryRun || isStrict) {
    const decided = new Map<string, Decision>()
    const planned = await importEach(rows, emptyReport('planned'), read, (row, decision) =>
      planRow(ledger, row, importId, decision, decided),
    )
    if (isStrict && planned.failed + planned.different > 0) return { ...planned, status: 'refused' }
    if (isDryRun) return planned
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
 * Imports one row: records the decision first, then grants it. If the process dies in between, the next run grants what was
 * decided, even if the source has changed by then.
 */
async function importRow(ledger: Ledger<never>, row: CheckedRow, importId: string, decision: Decision): Promise<RowResult> {
  const { accountId, name } = row
  // Submitted together, so that they share a transaction. The queue keeps their order.
  const [isNewAccount, decided] = await Promise.all([
    ledger.openAccount({ accountId, name }).then(({ replayed }) => !replayed, otherwise(isThere, false)),
    ledger
      .saveDocument({ accountId, kind: KIND, documentId: importId, body: decision })
      .then(({ replayed }) => ({ ...decision, isNew: !replayed }), otherwise(isConflict, undefined)),
  ])
  const kept = decided ?? { ...(await decisionOf(ledger, accountId, importId)), isNew: false }
  const amount = credits(kept.credits)
  const isNewGrant = amount > 0n && !(await grantOnce(ledger, accountId, importId, { ...kept, amount })).replayed
  if (!decided) return different(row, kept, decision)
  if (isNewGrant) return { status: 'granted', isNewAccount, amount }
  // If another run granted what this one decided, the other run counts it.
  return { status: kept.isNew && amount === 0n ? 'withoutCredits' : 'importedBefore', isNewAccount }
}

/**
 * Reports what {@link importRow} would do.
 *
 * @param decided  decisions for the rows before, by account
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
  // Reading the balance would first apply whatever is due on the account, so look at its statement instead.
  const [entries, document] = await Promise.all([
    ledger.statement(accountId, { limit: 1 }),
    ledger.document(accountId, KIND, importId),
  ])
  const kept = (document?.body as Decision | undefined) ?? before
  if (kept && (kept.credits !== decision.credits || kept.source !== decision.source)) return different(row, kept, decision)
  const isNewAccount = entries.items.length === 0 && !before
  // A run that ended between its decision and its grant left the grant to the next run.
  const isPending = !before && document && amount > 0n && !(await isGranted(ledger, accountId, importId))
  if (kept && !isPending) return { status: 'importedBefore', isNewAccount }
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

async function isGranted(ledger: Ledger<never>, accountId: string, importId: string): Promise<boolean> {
  return (await ledger.history.grantsOf(accountId, [grantIdOf(importId)])).length > 0
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

/** Whether the account exists already, opened by an import with another user name or by other code. */
function isThere(error: unknown): boolean {
  return isConflict(error) || (isFareboxError(error) && error.code === 'ALREADY_EXISTS')
}

/** Whether the error concerns this row alone. Any other would affect every row, and ends the import. */
function isOfRow(error: unknown): error is Error {
  const codes = ['INVALID_INPUT', 'AMOUNT_OUT_OF_RANGE', 'IDEMPOTENCY_CONFLICT', 'ALREADY_EXISTS', 'LEDGER_INTERNAL']
  return isFareboxError(error) && codes.includes(error.code)
}

function checkConcurrency(concurrency: unknown): void {
  if (concurrency === undefined || concurrency === Number.POSITIVE_INFINITY) return
  if (checkInteger('concurrency', concurrency) < 1)
    throw new InvalidInputError('concurrency', `must be 1 or more, received ${concurrency}`)
}

/** Whether this is a generator, which can be read only once. */
function isReadOnce(rows: BalanceSource): boolean {
  const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]()
  return (iterator as unknown) === rows
}
