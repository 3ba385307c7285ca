import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { InvalidOptionError } from '@farebox/core'
import type { ExportFormat, FocusOptions } from '@farebox/ledger/export'
import { Option } from 'commander'
import { checkOrder } from './parse-range.ts'
import { parseTime } from './parse-time.ts'
import { lacksTables, type Shared, type Shell, tablesUnmade } from './shell.ts'
import { isPostgres } from './store.ts'
import { writeFileWhole } from './write-file.ts'

interface ExportCommandOptions extends Shared {
  kind: 'usage' | 'purchases'
  format: ExportFormat
  account?: string
  from?: number
  to?: number
  out?: string
  force?: boolean
  includeCosts?: boolean
  creditPrice?: string
  currency: string
  seller?: string
}

/** Records between two progress messages. */
const PROGRESS = 10_000

/** Adds `export`. */
export function addExportCommand(shell: Shell): void {
  const { terminal } = shell
  shell
    .command('export', 'export usage or purchases, to a file or to standard output')
    .addOption(new Option('--kind <kind>', 'what to export').choices(['usage', 'purchases']).default('usage'))
    .addOption(
      new Option('--format <format>', 'the format; focus is FOCUS 1.2 as CSV')
        .choices(['csv', 'focus', 'jsonl', 'cloudevents'])
        .default('csv'),
    )
    .option('--account <account>', 'only this account')
    .option('--from <time>', 'only from this day or time on', parseTime)
    .option('--to <time>', 'only before this day or time', parseTime)
    .option('--out <file>', 'the file to write; it appears only once it is complete')
    .option('--force', 'replace an existing file')
    .option('--include-costs', 'include what providers charge you')
    .option('--credit-price <amount>', 'for focus: what a credit costs, such as 0.001')
    .option('--currency <code>', 'for focus: the currency of that price', 'USD')
    .option('--seller <name>', 'for focus: who sells the credits')
    .action((options: ExportCommandOptions) =>
      shell.withLedger(options, async (ledger) => {
        const { kind, format, account: accountId, from, to: until, out, force = false, includeCosts } = options
        if (out !== undefined) checkNotStore(out, options.store)
        if (options.json && out === undefined) throw new InvalidOptionError('--json tells of a file: give --out')
        checkOrder(from, until)
        // Fail before the first line is printed.
        if (await lacksTables(ledger)) throw tablesUnmade()
        // Loaded on demand: other commands do not need it.
        const { exportPurchases, exportUsage } = await import('@farebox/ledger/export')
        if (accountId !== undefined) await ledger.history.account(accountId)
        let records = 0
        const onRecords = (count: number) => {
          const before = Math.floor(records / PROGRESS)
          records += count
          if (out !== undefined && Math.floor(records / PROGRESS) > before) terminal.error(`${records} records written`)
        }
        const write = kind === 'usage' ? exportUsage : exportPurchases
        const focus = format === 'focus' ? focusOf(options) : undefined
        const pieces = write(ledger, { format, accountId, from, until, includeCosts, focus, onRecords })
        if (out === undefined) {
          // A page may have nothing to export. Drop only the last line break, which the terminal adds again.
          for await (const piece of pieces) if (piece !== '') terminal.line(piece.replace(/\n$/, ''))
          return
        }
        const bytes = await writeFileWhole(out, pieces, force)
        shell.print(options, [{ file: resolve(out), kind, format, records, bytes }])
      }),
    )
}

/** Keeps an export from replacing its own ledger, even with --force. @throws {InvalidOptionError} both are the same file */
function checkNotStore(out: string, store: string): void {
  const folder = dirname(resolve(out))
  if (isPostgres(store, '--store') || !existsSync(folder)) return
  const file = realpathSync(store)
  // SQLite's own files beside it come and go.
  const named = existsSync(out) ? realpathSync(out) : join(realpathSync(folder), basename(out))
  if ([file, `${file}-wal`, `${file}-shm`, `${file}-journal`].includes(named)) {
    throw new InvalidOptionError(`--out names the store itself: ${resolve(out)}`)
  }
}

function focusOf({ creditPrice, currency, seller }: ExportCommandOptions): FocusOptions {
  if (creditPrice === undefined || seller === undefined) {
    throw new InvalidOptionError('--format focus needs --credit-price and --seller: what a credit costs, and who sells it')
  }
  return { creditPrice, currency, seller }
}
