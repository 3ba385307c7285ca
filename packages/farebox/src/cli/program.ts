import { type Credits, credits, formatCredits, isFareboxError } from '@farebox/core'
import type { Ledger } from '@farebox/ledger'
import { grantSources } from '@farebox/ledger'
import { defaultPriceBook } from '@farebox/pricing'
import { Argument, Command, Option } from 'commander'
import { usageReport } from '../usage-report.ts'
import { openStore } from './store.ts'

/** Where a command writes to, and what it leaves as the exit code. */
export interface Terminal {
  /** Prints rows for people. */
  table(rows: readonly object[]): void
  line(text: string): void
  error(text: string): void
  exitCode(code: number): void
}

interface Shared {
  store: string
  schema?: string
  json?: boolean
}

/** Rows of accounts that are read at once. */
const PAGE = 500

/** The `farebox` command. Exit codes: 0 done, 1 could not be done, 2 `verify` found something. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('farebox')
    .description('Look after the credits of a Farebox.')
    .configureOutput({ writeOut: (text) => terminal.line(text.trimEnd()), writeErr: (text) => terminal.error(text.trimEnd()) })
    .exitOverride()

  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .requiredOption('--store <where>', 'a postgres:// URL, or the path of a SQLite file')
      .option('--schema <name>', 'Postgres schema that holds the tables')
      .option('--json', 'print JSON')

  const print = (shared: Shared, rows: readonly object[]): void => {
    if (shared.json) terminal.line(JSON.stringify(rows, null, 2))
    else if (rows.length > 0) terminal.table(rows)
    else terminal.line('nothing found')
  }

  command('migrate', 'bring the tables up to date').action((shared: Shared) =>
    withLedger(shared, async (ledger) => {
      const { applied, version } = await ledger.migrate()
      print(shared, [{ schema_version: version, applied: applied.join(', ') || 'nothing: it was current' }])
    }),
  )

  command('verify', 'replay the journals and recompute every sum')
    .argument('[account...]', 'only these accounts')
    .action((accounts: string[], shared: Shared) =>
      withLedger(shared, async (ledger) => {
        let verified = 0
        const found: object[] = []
        for await (const accountId of accounts.length > 0 ? accounts : allAccounts(ledger)) {
          const { mismatches } = await ledger.verify(accountId)
          for (const { kind, at, expected, found: was } of mismatches)
            found.push({ account: accountId, kind, at, expected, found: was })
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

  command('accounts', 'list accounts with their balances').action((shared: Shared) =>
    withLedger(shared, async (ledger) => {
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
      print(shared, rows)
    }),
  )

  command('open-account', 'open an account')
    .argument('<name>', 'whose it is')
    .option('--id <account>', 'its id; the same id again opens nothing new')
    .action((name: string, shared: Shared & { id?: string }) =>
      withLedger(shared, async (ledger) =>
        print(shared, [{ account: (await ledger.openAccount({ name, accountId: shared.id })).accountId }]),
      ),
    )

  command('grant', 'add credits to an account')
    .argument('<account>', 'its id')
    .addArgument(new Argument('<credits>', 'how many').argParser(parseCredits))
    .addOption(new Option('--source <source>', 'where they come from').choices(grantSources).default('purchase'))
    .option('--key <key>', 'idempotency key: the same key again grants nothing new')
    .action((accountId: string, amount: Credits, shared: Shared & { source: (typeof grantSources)[number]; key?: string }) =>
      withLedger(shared, async (ledger) => {
        const granted = await ledger.grant({ accountId, amount, source: shared.source, idempotencyKey: shared.key })
        print(shared, [{ grant: granted.grantId, available: formatCredits(granted.available), replayed: granted.replayed }])
      }),
    )

  command('keys', "list an account's API keys")
    .argument('<account>', 'its id')
    .action((accountId: string, shared: Shared) =>
      withLedger(shared, async (ledger) => {
        const keys = await ledger.apiKeys(accountId)
        print(
          shared,
          keys.map(({ prefix, name, services, createdAt, expiresAt, revokedAt }) => ({
            prefix,
            name,
            services:
              services
                .filter(({ enabled }) => enabled)
                .map(({ service, provider }) => (provider ? `${service}:${provider}` : service))
                .join(', ') || 'all',
            created: day(createdAt),
            expires: day(expiresAt),
            revoked: day(revokedAt),
          })),
        )
      }),
    )

  command('create-key', 'make an API key; it is shown this once')
    .argument('<account>', 'its id')
    .option('--name <name>', 'what it is for', 'default')
    .option('--service <service...>', 'the services that it may use')
    .action((accountId: string, shared: Shared & { name: string; service?: string[] }) =>
      withLedger(shared, async (ledger) => {
        const services = shared.service?.map((service) => ({ service }))
        const outcome = await ledger.createApiKey({ accountId, name: shared.name, services })
        if (outcome.status === 'created') return print(shared, [{ key: outcome.secret, prefix: outcome.prefix }])
        const { requested, available } = outcome
        throw new Error(
          `an API key needs a balance of ${formatCredits(requested)} credits, ${formatCredits(available)} are available`,
        )
      }),
    )

  command('revoke-key', 'end an API key for good')
    .argument('<prefix>', 'the first eight characters after fbx_')
    .action((prefix: string, shared: Shared) =>
      withLedger(shared, async (ledger) => {
        const key = await ledger.apiKey(prefix)
        if (!key) throw new Error(`there is no API key ${prefix}`)
        await ledger.revokeApiKey(key)
        print(shared, [{ prefix, revoked: true }])
      }),
    )

  command('usage', 'where the credits of an account went')
    .argument('<account>', 'its id')
    .action((accountId: string, shared: Shared) =>
      withLedger(shared, async (ledger) => {
        const report = await usageReport(ledger, { accountId })
        if (shared.json) return terminal.line(JSON.stringify(report, null, 2))
        print(shared, report.service_breakdown)
        terminal.line(`${report.total_credits} credits`)
      }),
    )

  program
    .command('prices')
    .description('the default price book, in credits')
    .option('--json', 'print JSON')
    .action((shared: Shared) => {
      const { entries } = defaultPriceBook.entries(Date.now())
      print(
        shared,
        entries.flatMap(({ service, provider, rates }) =>
          rates.map(({ amount, per, unit }) => ({ service, provider, credits: amount, per: `${per} ${unit}` })),
        ),
      )
    })

  return program

  async function withLedger(shared: Shared, work: (ledger: Ledger) => Promise<void>): Promise<void> {
    const ledger = await openStore(shared.store, shared.schema)
    try {
      await work(ledger)
    } finally {
      await ledger.close()
    }
  }
}

/** Runs a command line; whatever goes wrong is one line and exit code 1. */
export async function runProgram(program: Command, parameters: readonly string[], terminal: Terminal): Promise<void> {
  try {
    await program.parseAsync(parameters, { from: 'user' })
  } catch (error) {
    // Commander has printed its own errors, and throws for --help too.
    if (isCommanderExit(error)) return terminal.exitCode(error.exitCode)
    terminal.error(`farebox: ${error instanceof Error ? error.message : String(error)}`)
    if (isFareboxError(error) && error.isRetryable) terminal.error('farebox: trying again may help')
    terminal.exitCode(1)
  }
}

async function* allAccounts(ledger: Ledger): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const page = await ledger.accounts({ after, limit: PAGE })
    yield* page.map(({ accountId }) => accountId)
    if (page.length < PAGE) return
    after = page.at(-1)?.accountId ?? ''
  }
}

function parseCredits(text: string): Credits {
  return credits(text)
}

function day(at: number | null): string {
  return at === null ? '' : new Date(at).toISOString().slice(0, 10)
}

function isCommanderExit(error: unknown): error is { exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}
