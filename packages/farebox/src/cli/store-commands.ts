import type { Ledger } from '@farebox/ledger'
import { allAccounts, PAGE } from './all-accounts.ts'
import type { Shared, Shell } from './shell.ts'

/** `migrate` and `verify`. */
export function addStoreCommands(shell: Shell): void {
  const { terminal } = shell

  shell.command('migrate', 'bring the tables up to date').action((shared: Shared) =>
    shell.withLedger(
      shared,
      async (ledger) => {
        const { applied, version } = await ledger.migrate()
        shell.print(shared, [{ schema_version: version, applied: applied.join(', ') || 'nothing: it was current' }])
      },
      { isNew: true },
    ),
  )

  shell
    .command('verify', 'replay the journals and recompute every sum')
    .argument('[account...]', 'only these accounts')
    .action((accounts: string[], shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        let verified = 0
        const found: object[] = []
        for await (const accountId of accounts.length > 0 ? accounts : allAccounts(ledger)) {
          found.push(...(await mismatchesOf(ledger, accountId)))
          verified += 1
          if (verified % PAGE === 0) terminal.error(`${verified} accounts verified`)
        }
        if (found.length > 0) terminal.exitCode(2)
        if (shared.json) terminal.line(JSON.stringify({ accounts: verified, mismatches: found }, null, 2))
        else {
          if (found.length > 0) terminal.table(found)
          terminal.line(`${verified} accounts verified, ${found.length} mismatches`)
        }
      }),
    )
}

async function mismatchesOf(ledger: Ledger, accountId: string): Promise<object[]> {
  const { mismatches } = await ledger.verify(accountId)
  return mismatches.map(({ kind, at, expected, found }) => ({ account: accountId, kind, at, expected, found }))
}
