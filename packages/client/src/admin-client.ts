import { AccountReader } from './account-reader.ts'
import { entriesOf, pagesOf } from './pages.ts'
import { readExport } from './read-export.ts'
import { type ConnectionOptions, checkId, type RequestOptions, segment, Transport } from './transport.ts'
import type {
  AccountKeys,
  AccountListing,
  AccountPage,
  AccountsQuery,
  BudgetRequest,
  ChargebackRequest,
  ChargedBack,
  CreateAccountRequest,
  CreatedAccount,
  CreatedBudget,
  CreatedKey,
  CreateKeyRequest,
  ExportQuery,
  FreezeRequest,
  FrozenAccount,
  Granted,
  GrantRequest,
  KeyServiceRequest,
  KeyServices,
  Refunded,
  RefundRequest,
  RevokedGrant,
  RevokedKey,
  RevokeGrantRequest,
  RotatedKey,
  RotateKeyRequest,
} from './wire/index.ts'

/** The options of {@link createAdminClient}. */
export interface AdminClientOptions extends ConnectionOptions {
  /** The server's admin token. It gives access to every account, so keep it on servers. */
  adminToken: string
}

/**
 * Creates a client of the admin routes: accounts, grants, refunds, keys and budgets.
 *
 * @throws {TypeError} an option is unknown or wrong, `baseUrl` is not an address, or `adminToken` is missing or malformed
 * @example
 * const admin = createAdminClient({ baseUrl: 'https://example.com', adminToken })
 * const { account_id } = await admin.createAccount({ name: 'Ada', credits: 10_000 })
 * const { key } = await admin.createKey({ account_id })
 */
export function createAdminClient(options: AdminClientOptions): AdminClient {
  return new AdminClient(options)
}

/** Every admin route of the API, and every read of any account. Made by {@link createAdminClient}. */
export class AdminClient {
  readonly #transport: Transport

  constructor({ adminToken, ...connection }: AdminClientOptions) {
    this.#transport = new Transport(connection, 'adminToken', adminToken)
  }

  /** Opens an account, optionally with credits. */
  createAccount(body: CreateAccountRequest, options?: RequestOptions): Promise<CreatedAccount> {
    return this.#transport.send({ method: 'POST', path: '/admin/accounts', body }, options)
  }

  /** Fetches one page of accounts with their balances, ordered by id. */
  accounts(query?: AccountsQuery, options?: RequestOptions): Promise<AccountPage> {
    return this.#transport.send({ method: 'GET', path: '/admin/accounts', query }, options)
  }

  /** Iterates over all accounts. Fetches each page as you reach it. */
  listAccounts(query?: AccountsQuery, options?: RequestOptions): AsyncGenerator<AccountListing, void, undefined> {
    const pages = pagesOf(
      (cursor) => this.accounts({ ...query, cursor }, options),
      ({ next_cursor }) => next_cursor,
      query?.cursor,
    )
    return entriesOf(pages, ({ accounts }) => accounts)
  }

  /**
   * Reads any account: everything that its own key could read, and what providers charge as well.
   *
   * @throws {TypeError} `accountId` is no id
   */
  account(accountId: string): AccountReader {
    return new AccountReader(this.#transport, { account_id: checkId(accountId) })
  }

  /** Adds credits to an account. */
  grant(body: GrantRequest, options?: RequestOptions): Promise<Granted> {
    return this.#transport.send({ method: 'POST', path: '/admin/grants', body }, options)
  }

  /** Takes back what is left of a grant. What was spent of it stays paid. {@link AccountReader.credits} lists the grants. */
  revokeGrant(grantId: string, body: RevokeGrantRequest, options?: RequestOptions): Promise<RevokedGrant> {
    return this.#transport.send({ method: 'POST', path: `/admin/grants/${segment(grantId)}/revoke`, body }, options)
  }

  /** Takes back a whole grant whose payment was reversed. What was spent of it becomes debt, which the next grants repay first. */
  chargebackGrant(grantId: string, body: ChargebackRequest, options?: RequestOptions): Promise<ChargedBack> {
    return this.#transport.send({ method: 'POST', path: `/admin/grants/${segment(grantId)}/chargeback`, body }, options)
  }

  /**
   * Gives back a charge or a part of it. Its `usage_id` is among the `charges` of its workflow, and in exports. The credits return
   * to the grants that paid for it.
   *
   * @throws {FareboxApiError} `REFUND_EXCEEDS_CHARGE`: less than that is left of the charge, or nothing at all
   */
  refund(body: RefundRequest, options?: RequestOptions): Promise<Refunded> {
    return this.#transport.send({ method: 'POST', path: '/admin/refunds', body }, options)
  }

  /** Freezes an account: it takes no new work. Work in progress may still be charged. */
  freezeAccount(accountId: string, body: FreezeRequest = {}, options?: RequestOptions): Promise<FrozenAccount> {
    return this.#transport.send({ method: 'POST', path: `/admin/accounts/${segment(accountId)}/freeze`, body }, options)
  }

  /** Lets a frozen account take new work again. */
  unfreezeAccount(accountId: string, body: FreezeRequest = {}, options?: RequestOptions): Promise<FrozenAccount> {
    return this.#transport.send({ method: 'POST', path: `/admin/accounts/${segment(accountId)}/unfreeze`, body }, options)
  }

  /** Exports usage or purchases of all accounts, or of one, as a file, chunk by chunk. Includes what providers charged. */
  export(query?: ExportQuery & { account_id?: string }, options?: RequestOptions): AsyncGenerator<Uint8Array, void, undefined> {
    return readExport(this.#transport, '/admin/export', query, options)
  }

  /** Creates an API key. The answer is the only time that the key is shown. */
  createKey(body: CreateKeyRequest, options?: RequestOptions): Promise<CreatedKey> {
    return this.#transport.send({ method: 'POST', path: '/admin/keys', body }, options)
  }

  /** Lists an account's keys, newest first, with when each was last used. */
  accountKeys(accountId: string, options?: RequestOptions): Promise<AccountKeys> {
    return this.#transport.send({ method: 'GET', path: `/admin/accounts/${segment(accountId)}/keys` }, options)
  }

  /** Gives a key a new secret, shown only in this answer. The key keeps its services, limits, budgets and usage. */
  rotateKey(prefix: string, body: RotateKeyRequest = {}, options?: RequestOptions): Promise<RotatedKey> {
    return this.#transport.send({ method: 'POST', path: `/admin/keys/${segment(prefix)}/rotate`, body }, options)
  }

  /** Replaces the services that a key may use. */
  setKeyServices(prefix: string, services: KeyServiceRequest[], options?: RequestOptions): Promise<KeyServices> {
    return this.#transport.send({ method: 'POST', path: `/admin/keys/${segment(prefix)}/services`, body: { services } }, options)
  }

  /** Revokes a key for good. */
  revokeKey(prefix: string, options?: RequestOptions): Promise<RevokedKey> {
    return this.#transport.send({ method: 'POST', path: `/admin/keys/${segment(prefix)}/revoke` }, options)
  }

  /** Limits what an account, a user or a key may spend per period. Setting the same budget again changes it. */
  setBudget(body: BudgetRequest, options?: RequestOptions): Promise<CreatedBudget> {
    return this.#transport.send({ method: 'POST', path: '/admin/budgets', body }, options)
  }
}
