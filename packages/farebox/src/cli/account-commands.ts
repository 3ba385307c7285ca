import { type Credits, formatCredits } from '@farebox/core'
import { type GrantSource, grantSources } from '@farebox/ledger'
import { Argument, Option } from 'commander'
import { usageReport } from '../usage-report.ts'
import { allAccounts } from './all-accounts.ts'
import { parseCredits } from './parse-credits.ts'
import type { Shared, Shell } from './shell.ts'

/** `accounts`, `open-account`, `grant` and `usage`. */
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
    .argument('<name>', 'whose it is')
    .option('--id <account>', 'its id; the same id again opens nothing new')
    .action((name: string, shared: Shared & { id?: string }) =>
      shell.withLedger(shared, async (ledger) =>
        shell.print(shared, [{ account: (await ledger.openAccount({ name, accountId: shared.id })).accountId }]),
      ),
    )

  shell
    .command('grant', 'add credits to an account')
    .argument('<account>', 'its id')
    .addArgument(new Argument('<credits>', 'how many, above 0: 50 or 0.25').argParser(parseCredits))
    .addOption(new Option('--source <source>', 'where they come from').choices(grantSources).default('purchase'))
    .option('--key <key>', 'idempotency key: the same key again grants nothing new')
    .action((accountId: string, amount: Credits, shared: Shared & { source: GrantSource; key?: string }) =>
      shell.withLedger(shared, async (ledger) => {
        const granted = await ledger.grant({ accountId, amount, source: shared.source, idempotencyKey: shared.key })
        shell.print(shared, [{ grant: granted.grantId, available: formatCredits(granted.available), replayed: granted.replayed }])
      }),
    )

  shell
    .command('usage', 'where the credits of an account went')
    .argument('<account>', 'its id')
    .action((accountId: string, shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        // An account that is not there has used nothing either, and should not look like one that is.
        await ledger.balance(accountId)
        const report = await usageReport(ledger, { accountId })
        if (shared.json) return terminal.line(JSON.stringify(report, null, 2))
        shell.print(shared, report.service_breakdown)
        terminal.line(`${report.total_credits} credits`)
      }),
    )
}
