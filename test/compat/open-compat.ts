import type { AddressInfo } from 'node:net'
import type { ProviderAdapter } from '@farebox/core'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { createAdaptorServer } from '@hono/node-server'
import { defaultPriceBook, type Farebox, type FareboxOptions, PriceBook, presets, type RoutesOptions } from 'farebox'
import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import { onTestFinished } from 'vitest'
import { type ApiClient, apiClient } from '../farebox/api-client.ts'
import { type Host, hosts } from '../farebox/hosts.ts'
import { openAccount, openBox, type TestAccount } from '../farebox/open-box.ts'
import type { OpenaiLoopback } from '../loopback/openai.ts'

/** The default book, and a price for embeddings, which it has none of. */
export const prices = new PriceBook({
  ...defaultPriceBook.document,
  versions: defaultPriceBook.document.versions.map((version) => ({
    ...version,
    entries: [
      ...version.entries,
      {
        service: 'embedding',
        provider: 'text-embedding-3-small',
        rates: [{ unit: 'tokens' as const, amount: '1', per: '1000' }],
      },
    ],
  })),
})

/** The gateway's server: nothing but the routes. */
const gateway: Pick<Host, 'name' | 'serveRoutes'> = {
  name: "the gateway's server",
  async serveRoutes(box, options) {
    const server = createAdaptorServer({ fetch: box.routes(options), serverOptions: { keepAliveTimeout: 0 } })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      if ('closeAllConnections' in server) server.closeAllConnections()
      await closed
    })
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  },
}

/** Where the routes are mounted: in somebody's Express, in their Koa, and by themselves. */
export const compatHosts: readonly Pick<Host, 'name' | 'serveRoutes'>[] = [...hosts.slice(0, 2), gateway]

/** OpenAI's clients as customers have them. The types of the newer stand for both. */
export const clients: readonly { sdk: string; Client: typeof OpenAI }[] = [
  { sdk: 'openai 7', Client: OpenAI },
  { sdk: 'openai 6', Client: OpenAI6 as unknown as typeof OpenAI },
]

/** Every client at every host. */
export const pairs = compatHosts.flatMap((host) => clients.map((client) => ({ ...client, host, name: host.name })))

export interface Compat {
  box: Farebox
  account: TestAccount
  api: ApiClient
  /** Where the clients' base URL goes to. */
  baseURL: string
  /** A client with the account's key. */
  openai(options?: Partial<ConstructorParameters<typeof OpenAI>[0]>): OpenAI
  /** What the account has spent, in micro-credits. */
  spent(): Promise<bigint>
}

/** A served box with an account, over simulated providers unless others are given. */
export async function openCompat({
  host = gateway,
  Client = OpenAI,
  provider = simulated(),
  balance,
  routes,
  ...options
}: Partial<FareboxOptions> & {
  host?: Pick<Host, 'serveRoutes'>
  Client?: typeof OpenAI
  provider?: ProviderAdapter
  balance?: bigint
  routes?: RoutesOptions
} = {}): Promise<Compat> {
  const box = await openBox({ providers: [provider], prices, configuration: presets.balanced(), ...options })
  const account = await openAccount(box, balance === undefined ? {} : { balance: balance as never })
  const before = (await box.ledger.balance(account.accountId)).balance
  const { url } = await host.serveRoutes(box, routes)
  const baseURL = `${url}/v1`
  return {
    box,
    account,
    api: apiClient(url, account.key),
    baseURL,
    openai: (given) => new Client({ apiKey: account.key, baseURL, maxRetries: 0, ...given }),
    spent: async () => before - (await box.ledger.balance(account.accountId)).balance,
  }
}

/** The OpenAI adapter over a loopback, by one of its two APIs for chats. */
export function openaiOver({ apiKey, url }: OpenaiLoopback, api: 'chat' | 'responses' = 'chat'): ProviderAdapter {
  return openai({ apiKey, baseURL: url, api })
}
