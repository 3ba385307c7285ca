import { type Credits, formatCredits, InvalidOptionError, services as knownServices } from '@farebox/core'
import { type ApiKeySummary, type Ledger, NotFoundError } from '@farebox/ledger'
import { Option } from 'commander'
import { barePrefix } from './bare-prefix.ts'
import { parseCreditsOrZero } from './parse-credits.ts'
import type { Shared, Shell } from './shell.ts'

/** The hours of a leap year. */
const GRACE_HOURS_MAX = 8_784

/** Adds `keys`, `create-key`, `rotate-key` and `revoke-key`. */
export function addKeyCommands(shell: Shell): void {
  shell
    .command('keys', "list an account's API keys")
    .argument('<account>', 'the id of the account')
    .action((accountId: string, shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        await ledger.balance(accountId)
        const keys = await ledger.apiKeys(accountId)
        shell.print(
          shared,
          keys.map(({ prefix, name, services, createdAt, expiresAt, revokedAt, lastUsedAt }) => ({
            prefix,
            name,
            services:
              services
                .filter(({ enabled }) => enabled)
                .map(({ service, provider }) => (provider ? `${service}:${provider}` : service))
                .join(', ') || (services.length > 0 ? 'none' : 'all'),
            created: day(createdAt),
            expires: day(expiresAt),
            revoked: day(revokedAt),
            last_used: lastUsedAt === null ? 'never' : instant(lastUsedAt),
          })),
        )
      }),
    )

  shell
    .command('create-key', 'create an API key; it is shown only once')
    .argument('<account>', 'the id of the account')
    .option('--name <name>', 'a name that says what the key is for', 'default')
    .option('--service <service...>', 'the services that the key may use (default: all)')
    .addOption(
      new Option(
        '--minimum-balance <credits>',
        'the credits that the account must have available, without its credit line (default: 5000)',
      ).argParser(parseCreditsOrZero),
    )
    .action((accountId: string, shared: Shared & { name: string; service?: string[]; minimumBalance?: Credits }) =>
      shell.withLedger(shared, async (ledger) => {
        const services = shared.service?.map((service) => ({ service }))
        const { name, minimumBalance } = shared
        const outcome = await ledger.createApiKey({ accountId, name, services, minimumBalance })
        if (outcome.status === 'created') {
          tellUnknown(shared.service)
          return shell.print(shared, [{ key: outcome.secret, prefix: outcome.prefix }])
        }
        const { requested, available } = outcome
        throw new Error(
          `an API key needs a balance of ${formatCredits(requested)} credits, ${formatCredits(available)} are available`,
        )
      }),
    )

  shell
    .command(
      'rotate-key',
      'give an API key a new secret, which is shown only once; the key keeps its services, limits and budgets',
    )
    .argument('<prefix>', 'the prefix of the key: the first eight characters after fbx_')
    .addOption(
      new Option('--grace-hours <hours>', 'how many hours the previous secret stays valid; 0 if it has leaked')
        .argParser(parseHours)
        .default(24),
    )
    .action((prefix: string, shared: Shared & { graceHours: number }) =>
      shell.withLedger(shared, async (ledger) => {
        const { accountId, apiKeyId } = await keyOf(ledger, prefix)
        const graceMs = shared.graceHours * 3_600_000
        const rotated = await ledger.rotateApiKey({ accountId, apiKeyId, graceMs })
        shell.print(shared, [
          {
            key: rotated.secret,
            prefix: rotated.prefix,
            previous: rotated.previousPrefix,
            previous_until: instant(rotated.previousUntil),
          },
        ])
      }),
    )

  shell
    .command('revoke-key', 'revoke an API key for good')
    .argument('<prefix>', 'the prefix of the key: the first eight characters after fbx_')
    .action((prefix: string, shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        const { accountId, apiKeyId } = await keyOf(ledger, prefix)
        await ledger.revokeApiKey({ accountId, apiKeyId })
        shell.print(shared, [{ prefix: barePrefix(prefix), revoked: true }])
      }),
    )

  /** A key for a service that a team has added is useful, and one for a misspelt service never is. */
  function tellUnknown(named: readonly string[] = []): void {
    const known = new Set<string>(knownServices)
    for (const service of named.filter((name) => !known.has(name))) {
      shell.terminal.error(
        `${service} is no service that Farebox calls, so the key is of use only if it is one of your own; known are ${knownServices.join(', ')}`,
      )
    }
  }
}

async function keyOf(ledger: Ledger, prefix: string): Promise<ApiKeySummary> {
  const bare = barePrefix(prefix)
  const key = await ledger.apiKey(bare)
  if (!key) throw new NotFoundError('API_KEY_NOT_FOUND', bare)
  return key
}

function parseHours(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > GRACE_HOURS_MAX)
    throw new InvalidOptionError(`--grace-hours must be a whole number from 0 to ${GRACE_HOURS_MAX}, received ${text}`)
  return Number(text)
}

function instant(at: number): string {
  return new Date(at).toISOString()
}

function day(at: number | null): string {
  return at === null ? '' : new Date(at).toISOString().slice(0, 10)
}
