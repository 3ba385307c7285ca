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
  type UsageRow,
  type WorkflowCursor,
} from '@farebox/ledger'
import { Argument, Option } from 'commander'
import { chargesOf } from '../charges-of.ts'
import { refundUsage } from '../refund-usage.ts'
import { type ServiceBreakdownJson, usageReport } from '../usage-report.ts'
import { allAccounts } from './all-accounts.ts'
import { barePrefix } from './bare-prefix.ts'
import { counted } from './counted.ts'
import { parseCredits } from './parse-credits.ts'
import { parseRange, type RangeOptions } from './parse-range.ts'
import type { Shared, Shell } from './shell.ts'

const GRANT_ID = 'the id of the grant: grant prints it, and export --kind purchases lists it'

/** Adds `accounts`, `open-account`, `grant`, `revoke-grant`, `chargeback`, `refund`, `freeze` and `usage`. */
export function addAccountCommands(shell: Shell): void {
  const { terminal } = shell

  shell
    .command('accounts', 'list accounts with their balances')
    .action((shared: Shared) => shell.withLedger(shared, (ledger) => shell.printEach(shared, accountRows(ledger), 'account')))

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
    .command('revoke-grant', 'take back what is left of a grant; what was spent of it stays paid')
    .argument('<account>', 'the id of the account')
    .argument('<grant>', GRANT_ID)
    .action((accountId: string, grantId: string, shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        const { amount, replayed } = await ledger.revokeGrant({ accountId, grantId })
        const { balance } = await ledger.balance(accountId)
        shell.print(shared, [{ grant: grantId, revoked: formatCredits(amount), balance: formatCredits(balance), replayed }])
      }),
    )

  shell
    .command('chargeback', 'take back a whole grant whose payment was reversed; what was spent of it becomes debt')
    .argument('<account>', 'the id of the account')
    .argument('<grant>', GRANT_ID)
    .option('--reason <text>', 'why, for the record')
    .action((accountId: string, grantId: string, shared: Shared & { reason?: string }) =>
      shell.withLedger(shared, async (ledger) => {
        const outcome = await ledger.chargeback({ accountId, grantId, reason: shared.reason })
        const { recovered, owed, balance, replayed } = outcome
        shell.print(shared, [
          {
            grant: grantId,
            recovered: formatCredits(recovered),
            owed: formatCredits(owed),
            balance: formatCredits(balance),
            replayed,
          },
        ])
      }),
    )

  shell
    .command('refund', 'give back a charge or a part of it, to the grants that paid for it')
    .argument('<account>', 'the id of the account')
    .argument('<usage>', 'the id of the charge: usage --records lists it')
    .addOption(
      new Option('--credits <credits>', 'how many credits, more than 0 (default: all that is left of the charge)').argParser(
        parseCredits,
      ),
    )
    .option('--reason <text>', 'why, for the record')
    .option('--key <key>', 'an idempotency key; repeating a key gives nothing back again')
    .action((accountId: string, usageId: string, shared: Shared & { credits?: Credits; reason?: string; key?: string }) =>
      shell.withLedger(shared, async (ledger) => {
        const { credits: amount, reason, key: idempotencyKey } = shared
        const refund = await refundUsage(ledger, { accountId, usageId, amount, reason, idempotencyKey })
        shell.print(shared, [
          {
            refund: refund.correctionId,
            refunded: formatCredits(refund.refunded),
            refundable: formatCredits(refund.refundable),
            balance: formatCredits(refund.balance),
            replayed: refund.replayed,
          },
        ])
      }),
    )

  shell
    .command('freeze', 'freeze an account: it takes no new work; work in progress may still be charged')
    .argument('<account>', 'the id of the account')
    .option('--undo', 'let it take new work again')
    .option('--reason <text>', 'why, for the record')
    .action((accountId: string, shared: Shared & { undo?: boolean; reason?: string }) =>
      shell.withLedger(shared, async (ledger) => {
        const { isFrozen } = await ledger.freezeAccount({ accountId, isFrozen: !shared.undo, reason: shared.reason })
        shell.print(shared, [{ account: accountId, frozen: isFrozen }])
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
    .addOption(
      new Option(
        '--records',
        'list each charge with its id, and what a refund of it can still give back; reads every record of that time',
      ).conflicts(['granularity', 'by']),
    )
    .action((accountId: string, shared: UsageOptions) =>
      shell.withLedger(shared, async (ledger) => {
        // A missing account has used nothing either. Reading its balance makes that an error.
        await ledger.balance(accountId)
        const filter = await usageFilter(ledger, accountId, shared)
        if (shared.records) return shell.printEach(shared, chargeRows(shell, ledger, filter), 'charge')
        if (shared.granularity || shared.by) return printSeries(shell, shared, ledger, filter)
        const report = await usageReport(ledger, filter)
        if (shared.json) return terminal.line(JSON.stringify(report, null, 2))
        shell.print(shared, report.service_breakdown.map(withExactCredits))
        terminal.line(counted(report.total_credits_exact ?? report.total_credits, 'credit'))
      }),
    )
}

async function* accountRows(ledger: Ledger): AsyncGenerator<object, void, undefined> {
  for await (const accountId of allAccounts(ledger)) {
    const { name, balance, held, available, isFrozen } = await ledger.balance(accountId)
    yield {
      account: accountId,
      name,
      balance: formatCredits(balance),
      held: formatCredits(held),
      available: formatCredits(available),
      ...(isFrozen && { frozen: isFrozen }),
    }
  }
}

/** A line with its exact credits alone: in whole credits, the lines would not come to the total below them. */
function withExactCredits({ total_credits, total_credits_exact, ...line }: ServiceBreakdownJson): object {
  return { ...line, total_credits: total_credits_exact ?? total_credits }
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
  records?: boolean
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

/** Charges in the order in which they were written. Their details are most of a record, and not kept. */
async function* chargeRows(shell: Shell, ledger: Ledger, filter: BreakdownFilter): AsyncGenerator<object, void, undefined> {
  const { terminal } = shell
  const { accountId, from, to = Number.POSITIVE_INFINITY, service, provider, workflowName, apiKeyId, userId } = filter
  const workflows = workflowName === undefined ? undefined : await workflowIds(ledger, accountId, workflowName)
  const records: ChargedRow[] = []
  let read = 0
  // Corrections may be later than what they correct.
  for await (const page of ledger.history.usage({ accountId, from })) {
    for (const row of page) {
      if (
        (row.corrects !== null || row.createdAt < to) &&
        (service === undefined || row.service === service) &&
        (provider === undefined || row.provider === provider) &&
        (apiKeyId === undefined || row.apiKeyId === apiKeyId) &&
        (userId === undefined || row.userId === userId) &&
        (!workflows || workflows.has(row.workflowId ?? ''))
      )
        records.push(chargedRow(row))
    }
    read += page.length
    terminal.progress?.(`${counted(read, 'record')} read`)
  }
  records.sort((left, right) => left.sequence - right.sequence)
  for (const { record, refundable } of chargesOf(records)) {
    yield {
      usage: record.usageId,
      charged_at: new Date(record.createdAt).toISOString(),
      workflow: record.workflowId,
      service: record.service,
      provider: record.provider,
      credits: formatCredits(record.charged),
      refundable: formatCredits(refundable),
    }
  }
}

type ChargedRow = Pick<
  UsageRow,
  'usageId' | 'sequence' | 'createdAt' | 'workflowId' | 'service' | 'provider' | 'charged' | 'corrects'
>

function chargedRow({ usageId, sequence, createdAt, workflowId, service, provider, charged, corrects }: UsageRow): ChargedRow {
  return { usageId, sequence, createdAt, workflowId, service, provider, charged, corrects }
}

/** The workflows of an account with one name. */
async function workflowIds(ledger: Ledger, accountId: string, name: string): Promise<Set<string>> {
  const ids = new Set<string>()
  let before: WorkflowCursor | undefined
  do {
    const { workflows, next } = await ledger.workflows({ accountId, name }, { before })
    for (const { workflowId } of workflows) ids.add(workflowId)
    before = next
  } while (before)
  return ids
}
