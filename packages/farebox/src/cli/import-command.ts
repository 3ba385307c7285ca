import { existsSync, statSync } from 'node:fs'
import { formatCredits, InvalidOptionError } from '@farebox/core'
import { type BalanceSource, type GrantSource, grantSources, type ImportReport, importBalances } from '@farebox/ledger'
import { Option } from 'commander'
import { counted } from './counted.ts'
import { readCsvBalances } from './read-csv.ts'
import type { Shared, Shell } from './shell.ts'
import { isPostgres } from './store.ts'

interface ImportCommandOptions extends Shared {
  from?: string
  table?: string
  idColumn: string
  balanceColumn: string
  nameColumn?: string
  delimiter: string
  importId: string
  source: GrantSource
  dryRun?: boolean
  strict?: boolean
}

/** Rows between two progress messages. */
const PROGRESS_ROWS = 5_000

/** Adds `import`. */
export function addImportCommand(shell: Shell): void {
  const { terminal } = shell

  shell
    .command('import', 'import the users of another system as accounts with balances; if it stops, run it again')
    .argument('[file]', 'a CSV file whose first line names the columns')
    .option('--from <where>', 'instead of a CSV file: a postgres:// URL, or the path of a SQLite file, that holds --table')
    .option('--table <name>', 'the table or view that holds the users: users, or on Postgres app.users')
    .option('--id-column <name>', 'the column of user ids, which become the account ids', 'id')
    .option('--balance-column <name>', 'the column of credits, as plain decimals, not floating point', 'credit_balance')
    .option('--name-column <name>', 'the column of names (default: the column name of a CSV file, if it has one)')
    .option('--delimiter <character>', 'the character that separates the fields of a CSV file', ',')
    .option('--import-id <name>', 'a name for the import; each user is imported only once under the same name', 'opening')
    .addOption(new Option('--source <source>', 'the source to record for the credits').choices(grantSources).default('purchase'))
    .option('--dry-run', 'read and compare, but write nothing')
    .option('--strict', 'write nothing unless every row can be imported')
    .action((file: string | undefined, options: ImportCommandOptions) =>
      shell.withLedger(options, async (ledger) => {
        const rows = await sourceOf(file, options)
        const report = await importBalances(ledger, rows, {
          importId: options.importId,
          source: options.source,
          isDryRun: options.dryRun,
          isStrict: options.strict,
          onProgress: ({ rows: count, status }) => {
            if (count % PROGRESS_ROWS === 0) terminal.error(`${count} rows ${status === 'planned' ? 'compared' : 'imported'}`)
          },
        })
        if (report.status === 'refused') terminal.exitCode(1)
        else if (report.failed + report.different > 0) terminal.exitCode(2)
        if (options.json) return terminal.line(JSON.stringify(reportJson(report), null, 2))
        if (report.problems.length > 0) terminal.table(report.problems.map(problemJson))
        for (const line of reportLines(report)) terminal.line(line)
      }),
    )
}

/** Loads each reader on demand, since a user installs only one of the two databases' packages. */
async function sourceOf(file: string | undefined, options: ImportCommandOptions): Promise<BalanceSource> {
  const { from, table, idColumn, balanceColumn, nameColumn } = options
  if ((file === undefined) === (from === undefined)) throw new InvalidOptionError('give either a CSV file or --from')
  if (file !== undefined) {
    // A shell hands it over as it was typed.
    const delimiter = options.delimiter === '\\t' ? '\t' : options.delimiter
    if (delimiter.length !== 1)
      throw new InvalidOptionError(`--delimiter must be one character, received ${JSON.stringify(delimiter)}`)
    if (options.strict) checkReadableTwice(file)
    return readCsvBalances({ path: file, idColumn, balanceColumn, nameColumn, delimiter })
  }
  if (table === undefined) throw new InvalidOptionError('--table is missing: name the table or view that has the users')
  const columns = { table, idColumn, balanceColumn, nameColumn }
  const where = from ?? ''
  if (isPostgres(where, '--from')) {
    const { readPostgresBalances } = await import('@farebox/ledger/postgres')
    return readPostgresBalances({ connectionString: where, ...columns })
  }
  if (!existsSync(where)) throw new InvalidOptionError(`cannot open ${where}: there is no such file`)
  const { readSqliteBalances } = await import('@farebox/ledger/sqlite')
  return readSqliteBalances({ filename: where, ...columns })
}

/** @throws {InvalidOptionError} it is a pipe, which would be empty the second time, or wait forever for somebody to write into it */
function checkReadableTwice(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found || found.isFile() || found.isDirectory()) return
  throw new InvalidOptionError(`--strict reads the rows twice, and ${file} is a pipe: write them to a file first`)
}

function reportLines(report: ImportReport): string[] {
  const before = { imported: [], planned: ['dry run: nothing was written'], refused: ['refused: nothing was written'] }[
    report.status
  ]
  const toBe = report.status === 'imported' ? '' : 'to be '
  const more = report.failed + report.different - report.problems.length
  return [
    ...(more > 0 ? [`… and ${more} more that failed or differ`] : []),
    ...before,
    `${counted(report.rows, 'row')} read`,
    `${counted(report.accountsCreated, 'account')} ${toBe}created`,
    `${report.granted} ${toBe}granted, ${counted(formatCredits(report.creditsGranted), 'credit')} in all`,
    `${report.withoutCredits} without credits`,
    `${report.importedBefore} imported before`,
    `${report.different} different from what was imported before, and left as they are`,
    `${report.failed} failed`,
  ]
}

function reportJson(report: ImportReport) {
  return {
    status: report.status,
    rows: report.rows,
    accounts_created: report.accountsCreated,
    granted: report.granted,
    credits_granted: formatCredits(report.creditsGranted),
    without_credits: report.withoutCredits,
    imported_before: report.importedBefore,
    different: report.different,
    failed: report.failed,
    problems: report.problems.map(problemJson),
  }
}

function problemJson({ kind, line, accountId, reason }: ImportReport['problems'][number]) {
  return { line, account: accountId, kind, reason }
}
