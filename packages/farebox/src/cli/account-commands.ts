import { type Credits, formatCredits, InvalidOptionError } from '@farebox/core'
import {
  type BreakdownFilter,
  type GrantSource,
  type Granularity,
  grantSources,
  granularities,
  IdempotencyConflictError,
  type Ledger,
  NotFoundError,
  type SeriesCursor,
  type SeriesGroup,
  seriesGroups,
} from '@farebox/ledger'
import { Argument, Option } from 'commander'
import { usageReport } from '../usage-report.ts'
import { allAccounts } from './all-accounts.ts'
import { barePrefix } from './bare-prefix.ts'
import { counted } from './counted.ts'
import { parseCredits } from './parse-credits.ts'
import { parseRange, type RangeOptions } from './parse-range.ts'
import type { Shared, Shell } from './shell.ts'

/** Adds `accounts`, `open-account`, `grant` and `usage`. */
export function addAccountCommands(shell: Shell): void {
  const { terminal } = shell

  shell.command('accounts', 'list accounts with their balances').action((shared: Shared) =>
    shell.withLedger(shared, async (ledger) => {
      const rows: object[] = []
      for await (const accountId of allAccounts(ledger)) {
        const { name, balance, held, available } = await ledger.balance(accountId)
        rows.push({
          account: accountId,
          name,
          balance: formatCredits(balance),
          held: formatCredits(held),
          available: formatCredits(available),
        })
      }
      shell.print(shared, rows)
    }),
  )

  shell
    .command('open-account', 'open an account')
    .argument('<name>', 'the name of its owner')
    .option('--id <account>', 'the id of the account; repeating an id opens nothing new')
    .action((name: string, shared: Shared & { id?: string }) =>
      shell.withLedger(shared, async (ledger) => shell.print(shared, [{ account: await openAccount(ledger, name, shared.id) }])),
    )

  shell
    .command('grant', 'add credits to an account')
    .argument('<account>', 'the id of the account')
    .addArgument(new Argument('<credits>', 'how many credits, more than 0: 50 or 0.25').argParser(parseCredits))
    .addOption(new Option('--source <source>', 'where the credits come from').choices(grantSources).default('purchase'))
    .option('--key <key>', 'an idempotency key; repeating a key grants nothing new')
    .action((accountId: string, amount: Credits, shared: Shared & { source: GrantSource; key?: string }) =>
      shell.withLedger(shared, async (ledger) => {
        const granted = await ledger.grant({ accountId, amount, source: shared.source, idempotencyKey: shared.key })
        shell.print(shared, [{ grant: granted.grantId, available: formatCredits(granted.available), replayed: granted.replayed }])
      }),
    )

  shell
    .command('usage', 'show where the credits of an account went')
    .argument('<account>', 'the id of the account')
    .option(
      '--from <time>',
      'only from this time on: 2026-07-01 or 2026-07-01T12:00Z (default: everything; with --granularity, the last 48 hours, 30 days, 26 weeks or 12 months)',
    )
    .option('--to <time>', 'only before this time (default: now)')
    .option('--month <month>', 'only this UTC month: last, this or 2026-07')
    .option('--service <service>', 'only this service')
    .option('--provider <provider>', 'only this provider')
    .option('--workflow <name>', 'only workflows of this name')
    .option('--key <prefix>', 'only the usage of this key')
    .option('--user <user>', 'only the usage of this user')
    .addOption(new Option('--granularity <span>', 'show usage over time, in spans of this length').choices(granularities))
    .addOption(
      new Option('--by <part>', 'divide each span by this; without --granularity, the spans are days').choices(seriesGroups),
    )
    .action((accountId: string, shared: UsageOptions) =>
      shell.withLedger(shared, async (ledger) => {
        // A missing account has used nothing either. Reading its balance makes that an error.
        await ledger.balance(accountId)
        const filter = await usageFilter(ledger, accountId, shared)
        if (shared.granularity || shared.by) return printSeries(shell, shared, ledger, filter)
        const report = await usageReport(ledger, filter)
        if (shared.json) return terminal.line(JSON.stringify(report, null, 2))
        shell.print(shared, report.service_breakdown)
        terminal.line(counted(report.total_credits, 'credit'))
      }),
    )
}

async function openAccount(ledger: Ledger, name: string, id: string | undefined): Promise<string> {
  try {
    return (await ledger.openAccount({ name, accountId: id })).accountId
  } catch (error) {
    // The ledger treats the id as an idempotency key, but the user gave none: name the account instead.
    if (!(error instanceof IdempotencyConflictError)) throw error
    throw new InvalidOptionError(`there is an account ${id} already, of another name: give another --id, or the same name`, {
      cause: error,
    })
  }
}

interface UsageOptions extends Shared, RangeOptions {
  service?: string
  provider?: string
  workflow?: string
  key?: string
  user?: string
  granularity?: Granularity
  by?: SeriesGroup
}

async function usageFilter(ledger: Ledger, accountId: string, options: UsageOptions): Promise<BreakdownFilter> {
  const { service, provider, workflow, key: prefix, user } = options
  const bare = prefix === undefined ? undefined : barePrefix(prefix)
  const key = bare === undefined ? undefined : await ledger.apiKey(bare)
  if (bare !== undefined && key?.accountId !== accountId) throw new NotFoundError('API_KEY_NOT_FOUND', bare)
  const scope = { service, provider, workflowName: workflow, apiKeyId: key?.apiKeyId, userId: user }
  return { accountId, ...parseRange(options, Date.now()), ...scope }
}

async function printSeries(shell: Shell, options: UsageOptions, ledger: Ledger, filter: BreakdownFilter): Promise<void> {
  const { granularity = 'day', by = 'none' } = options
  const rows: object[] = []
  let next: SeriesCursor | undefined
  do {
    const page = await ledger.usageSeries({ ...filter, granularity, groupBy: by, after: next })
    rows.push(
      ...page.entries.map(({ startsAt, name, charged, records }) => ({
        starts_at: new Date(startsAt).toISOString(),
        ...(by !== 'none' && { name }),
        credits: formatCredits(charged),
        usage_count: records,
      })),
    )
    next = page.next
  } while (next)
  shell.print(options, rows)
}
