import { InvalidOptionError } from '@farebox/core'
import { citusStatements, type Ledger, type MigrationPlan, tablePlacements } from '@farebox/ledger'
import { InvalidArgumentError, Option } from 'commander'
import { forgetAnswers } from '../forget-answers.ts'
import { allAccounts, PAGE } from './all-accounts.ts'
import { counted } from './counted.ts'
import { lacksTables, type Shared, type Shell, tablesUnmade } from './shell.ts'
import { isPostgres } from './store.ts'

interface MigrateOptions extends Shared {
  plan?: boolean
  sql?: boolean
  views: boolean
}

/** Adds `migrate`, `tables`, `verify` and `forget-answers`. */
export function addStoreCommands(shell: Shell): void {
  const { terminal } = shell

  shell
    .command('migrate', 'create the tables, or bring them up to date')
    .option('--plan', 'only show the pending steps; the exit code is 2 if there are any')
    .addOption(new Option('--sql', 'also print the SQL statements of each step; implies --plan').implies({ plan: true }))
    .option('--no-views', 'do not create the views for SQL by hand, whose names may clash with those of your own tables')
    .action((shared: MigrateOptions) =>
      shell.withLedger(
        shared,
        async (ledger) => {
          if (shared.plan) return printPlan(shell, shared, await ledger.planMigration())
          const { applied, version } = await ledger.migrate()
          shell.print(shared, [{ schema_version: version, applied: applied.join(', ') || 'nothing: it was current' }])
        },
        { isNew: true, views: shared.views },
      ),
    )

  shell
    .command('tables', 'list the tables, and where to place each in a database that is distributed over several servers')
    .option('--citus', 'print the SQL statements that distribute the tables over a Citus cluster')
    .action((shared: Shared & { citus?: boolean }) =>
      shell.withLedger(shared, async (ledger) => {
        if (await lacksTables(ledger)) throw tablesUnmade()
        if (shared.citus) {
          if (!isPostgres(shared.store, '--store')) throw new InvalidOptionError('--citus needs a postgres:// URL as --store')
          const statements = citusStatements(shared.schema)
          if (shared.json) terminal.line(JSON.stringify(statements, null, 2))
          else for (const statement of statements) terminal.line(statement)
          return
        }
        const { schema, prefix } = shared
        const inStore = (name: string) => (prefix === undefined ? name : name.replace(/^farebox_/, prefix))
        const rows = tablePlacements().map(({ name, placement, primaryKey }) => ({
          table: schema === undefined ? inStore(name) : `${schema}.${name}`,
          placement,
          primary_key: primaryKey.join(', '),
        }))
        shell.print(shared, rows)
      }),
    )

  shell
    .command('verify', 'verify the accounts: replay their journals and recompute every sum')
    .argument('[account...]', 'the ids of the accounts (default: all)')
    .action((accounts: string[], shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        let verified = 0
        const found: object[] = []
        for await (const accountId of accounts.length > 0 ? accounts : allAccounts(ledger)) {
          let read = 0
          let told = 0
          const onRead = (rows: number) => {
            read += rows
            if (read - told < ROWS_TOLD) return
            told = read
            terminal.error(`${accountId}: ${read} rows read`)
          }
          found.push(...(await mismatchesOf(ledger, accountId, onRead)))
          verified += 1
          if (verified % PAGE === 0) terminal.error(`${verified} accounts verified`)
        }
        if (found.length > 0) terminal.exitCode(2)
        if (shared.json) terminal.line(JSON.stringify({ accounts: verified, mismatches: found }, null, 2))
        else {
          if (found.length > 0) terminal.table(found)
          const mismatches = found.length === 1 ? 'mismatch' : 'mismatches'
          terminal.line(`${counted(verified, 'account')} verified, ${found.length} ${mismatches}`)
        }
      }),
    )

  shell
    .command('forget-answers', 'delete the answers that were kept for requests with an idempotency key')
    .option('--days <days>', 'keep the answers of so many days: 30 or 0.5', parseDays, 30)
    .action((shared: Shared & { days: number }) =>
      shell.withLedger(shared, async (ledger) => {
        let forgotten = 0
        let told = 0
        const onForgotten = (count: number) => {
          forgotten += count
          if (forgotten - told < PAGE * 10) return
          told = forgotten
          terminal.error(`${forgotten} answers deleted`)
        }
        await forgetAnswers(ledger, { olderThanMs: Math.round(shared.days * DAY_MS), onForgotten }, Date.now())
        if (shared.json) terminal.line(JSON.stringify({ answers_deleted: forgotten }, null, 2))
        else terminal.line(`${counted(forgotten, 'answer')} deleted`)
      }),
    )
}

const DAY_MS = 86_400_000
/** How often a verification of one account tells how far it is: every few seconds. */
const ROWS_TOLD = 100_000

function parseDays(text: string): number {
  const days = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
  if (days * 24 >= 1 && days <= 36_600) return days
  throw new InvalidArgumentError('It must be a number of days, an hour at least: 30 or 0.5.')
}

function printPlan({ terminal }: Shell, { json, sql }: MigrateOptions, { version, pending }: MigrationPlan): void {
  if (pending.length > 0) terminal.exitCode(2)
  const steps = pending.map(({ number, name, checksum, sql: text }) => ({
    number,
    name,
    checksum,
    ...(json && sql && { sql: text }),
  }))
  const what = steps.length === 0 ? 'nothing is pending' : `${counted(steps.length, 'step')} pending`
  if (json) terminal.line(JSON.stringify({ schema_version: version, pending: steps }, null, 2))
  else if (sql) {
    // Print nothing but SQL, so that SQL tools can read it.
    terminal.line(`-- schema version ${version}, ${what}`)
    for (const step of pending) terminal.line(`\n-- step ${step.number}: ${step.name}\n${step.sql.trimEnd()}`)
  } else {
    if (steps.length > 0) terminal.table(steps)
    terminal.line(`schema version ${version}, ${what}`)
  }
}

async function mismatchesOf(ledger: Ledger, accountId: string, onRead: (rows: number) => void): Promise<object[]> {
  const { mismatches } = await ledger.verify(accountId, { onRead })
  return mismatches.map(({ kind, at, expected, found }) => ({ account: accountId, kind, at, expected, found }))
}
