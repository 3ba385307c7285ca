import { formatCredits } from '@farebox/core'
import type { Shared, Shell } from './shell.ts'

/** `keys`, `create-key` and `revoke-key`. */
export function addKeyCommands(shell: Shell): void {
  shell
    .command('keys', "list an account's API keys")
    .argument('<account>', 'its id')
    .action((accountId: string, shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        await ledger.balance(accountId)
        const keys = await ledger.apiKeys(accountId)
        shell.print(
          shared,
          keys.map(({ prefix, name, services, createdAt, expiresAt, revokedAt }) => ({
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
          })),
        )
      }),
    )

  shell
    .command('create-key', 'make an API key; it is shown this once')
    .argument('<account>', 'its id')
    .option('--name <name>', 'what it is for', 'default')
    .option('--service <service...>', 'the services that it may use')
    .action((accountId: string, shared: Shared & { name: string; service?: string[] }) =>
      shell.withLedger(shared, async (ledger) => {
        const services = shared.service?.map((service) => ({ service }))
        const outcome = await ledger.createApiKey({ accountId, name: shared.name, services })
        if (outcome.status === 'created') return shell.print(shared, [{ key: outcome.secret, prefix: outcome.prefix }])
        const { requested, available } = outcome
        throw new Error(
          `an API key needs a balance of ${formatCredits(requested)} credits, ${formatCredits(available)} are available`,
        )
      }),
    )

  shell
    .command('revoke-key', 'end an API key for good')
    .argument('<prefix>', 'the first eight characters after fbx_')
    .action((prefix: string, shared: Shared) =>
      shell.withLedger(shared, async (ledger) => {
        const key = await ledger.apiKey(prefix)
        if (!key) throw new Error(`there is no API key ${prefix}`)
        await ledger.revokeApiKey(key)
        shell.print(shared, [{ prefix, revoked: true }])
      }),
    )
}

function day(at: number | null): string {
  return at === null ? '' : new Date(at).toISOString().slice(0, 10)
}
