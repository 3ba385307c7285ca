import { AccountReader } from './account-reader.ts'
import { entriesOf, pagesOf } from './pages.ts'
import { readExport } from './read-export.ts'
import { type ConnectionOptions, type RequestOptions, segment, Transport } from './transport.ts'
import type {
  AccountKeys,
  AccountListing,
  AccountPage,
  AccountsQuery,
  BudgetRequest,
  CreateAccountRequest,
  CreatedAccount,
  CreatedBudget,
  CreatedKey,
  CreateKeyRequest,
  ExportQuery,
  Granted,
  GrantRequest,
  KeyServiceRequest,
  KeyServices,
  RevokedKey,
  RotatedKey,
  RotateKeyRequest,
} from './wire.ts'

/** What {@link createAdminClient} needs. */
export interface AdminClientOptions extends ConnectionOptions {
  /** The server's admin token. It opens every account, so it belongs on servers only. */
  adminToken: string
}

/**
 * A client of the admin routes: accounts, grants, keys and budgets.
 *
 * @throws {TypeError} `baseUrl` is no address, or `adminToken` is missing or no token
 * @example
 * const admin = createAdminClient({ baseUrl: 'https://example.com', adminToken })
 * const { account_id } = await admin.createAccount({ name: 'Ada', credits: 10_000 })
 * const { key } = await admin.createKey({ account_id })
 */
export function createAdminClient(options: AdminClientOptions): AdminClient {
  return new AdminClient(options)
}

/** Every route of the API that the admin token opens. Made by {@link createAdminClient}. */
export class AdminClient {
  readonly #transport: Transport

  constructor({ adminToken, ...connection }: AdminClientOptions) {
    this.#transport = new Transport(connection, 'adminToken', adminToken)
  }

  /** Opens an account, with credits or without. */
  createAccount(body: CreateAccountRequest, options?: RequestOptions): Promise<CreatedAccount> {
    return this.#transport.send({ method: 'POST', path: '/admin/accounts', body }, options)
  }

  /** One page of the accounts, by their ids, with their balances. */
  accounts(query?: AccountsQuery, options?: RequestOptions): Promise<AccountPage> {
    return this.#transport.send({ method: 'GET', path: '/admin/accounts', query }, options)
  }

  /** The accounts, fetched page by page as they are read. */
  listAccounts(query?: AccountsQuery, options?: RequestOptions): AsyncGenerator<AccountListing, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.accounts({ ...query, cursor }, options),
      ({ next_cursor }) => next_cursor,
      query?.cursor,
    )
    return entriesOf(pages, ({ accounts }) => accounts)
  }

  /** Reads of any account whatever its own key could, and what its providers charge besides. */
  account(accountId: string): AccountReader {
    return new AccountReader(this.#transport, { account_id: accountId })
  }

  /** Adds credits to an account. */
  grant(body: GrantRequest, options?: RequestOptions): Promise<Granted> {
    return this.#transport.send({ method: 'POST', path: '/admin/grants', body }, options)
  }

  /** Usage or purchases of all accounts, or of one, with what providers charged, as a file, piece by piece. */
  export(query?: ExportQuery & { account_id?: string }, options?: RequestOptions): AsyncGenerator<Uint8Array, void, undefined> {
    return readExport(this.#transport, '/admin/export', query, options)
  }

  /** Makes an API key, which is shown this once. */
  createKey(body: CreateKeyRequest, options?: RequestOptions): Promise<CreatedKey> {
    return this.#transport.send({ method: 'POST', path: '/admin/keys', body }, options)
  }

  /** An account's keys, newest first, with when each was last used. */
  accountKeys(accountId: string, options?: RequestOptions): Promise<AccountKeys> {
    return this.#transport.send({ method: 'GET', path: `/admin/accounts/${segment(accountId)}/keys` }, options)
  }

  /** Gives a key another secret, which is shown this once. The key keeps its services, limits, budgets and usage. */
  rotateKey(prefix: string, body: RotateKeyRequest = {}, options?: RequestOptions): Promise<RotatedKey> {
    return this.#transport.send({ method: 'POST', path: `/admin/keys/${segment(prefix)}/rotate`, body }, options)
  }

  /** Replaces what a key may use. */
  setKeyServices(prefix: string, services: KeyServiceRequest[], options?: RequestOptions): Promise<KeyServices> {
    return this.#transport.send({ method: 'POST', path: `/admin/keys/${segment(prefix)}/services`, body: { services } }, options)
  }

  /** Ends a key for good. */
  revokeKey(prefix: string, options?: RequestOptions): Promise<RevokedKey> {
    return this.#transport.send({ method: 'POST', path: `/admin/keys/${segment(prefix)}/revoke` }, options)
  }

  /** Limits what an account, a user or a key may spend over a period. Setting it again changes it. */
  setBudget(body: BudgetRequest, options?: RequestOptions): Promise<CreatedBudget> {
    return this.#transport.send({ method: 'POST', path: '/admin/budgets', body }, options)
  }
}
