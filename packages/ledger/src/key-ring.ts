import type { Service } from '@farebox/core'
import { apiKeyHash, apiKeyPrefix, isSameHash } from './api-key-secret.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { KEY_TTL_MS, KeyCache } from './key-cache.ts'
import { type KeyUse, KeyUses, type KnownUse } from './key-uses.ts'
import type { ApiKeySummary, AuthenticatedKey, KeyService } from './reader.ts'
import type { ApiKeyRow, ApiKeyServiceRow, TableName } from './rows.ts'
import { type RowsOf, rowsQuery } from './rows-query.ts'
import { StoreClock } from './store-clock.ts'

/** A key that was presented under one of its secrets. */
export interface PresentedKey {
  key: AuthenticatedKey
  use: KnownUse
  /** When this secret ends, in epoch milliseconds on the store's clock. Null means never. */
  until: number | null
}

/** Authenticates and lists the API keys of a ledger. */
export class KeyRing {
  readonly #reads: LedgerDriver
  readonly #clock: StoreClock
  readonly #known = new KeyCache()
  readonly #uses: KeyUses
  /** When the reading of keys that were handed out began, on the monotonic clock. */
  readonly #readings = new WeakMap<AuthenticatedKey, number>()
  /** When keys were changed here, by their ids, oldest first. What began to be read before may be out of date. */
  readonly #changes = new Map<string, number>()

  /** @param write  stores when a key was used */
  constructor(reads: LedgerDriver, write: (use: KeyUse) => Promise<unknown>) {
    this.#reads = reads
    this.#clock = new StoreClock(reads)
    this.#uses = new KeyUses(write)
  }

  /** The key that a secret belongs to, or `undefined` if it does not exist, was revoked or has expired. */
  async authenticate(secret: string): Promise<AuthenticatedKey | undefined> {
    if (!isOfLength(secret)) return undefined
    const hash = apiKeyHash(secret)
    const presented = this.#known.get(hash) ?? (await this.#find(secret, hash))
    return presented && this.#use(presented)
  }

  /** The same without asking the database. Returns `undefined` also for a key that is not cached. */
  known(secret: string): AuthenticatedKey | undefined {
    const presented = isOfLength(secret) ? this.#known.get(apiKeyHash(secret)) : undefined
    return presented && this.#use(presented)
  }

  /**
   * A key that was handed out earlier, as it is now: the same object where it was read a moment ago, and was not changed here
   * since. A secret that was rotated away does not matter: it is the same key.
   */
  current(key: AuthenticatedKey): AuthenticatedKey | undefined | Promise<AuthenticatedKey | undefined> {
    const readAt = this.#readings.get(key)
    const changedAt = this.#changes.get(key.apiKeyId)
    const isFresh =
      readAt !== undefined && performance.now() - readAt < KEY_TTL_MS && !(changedAt !== undefined && readAt <= changedAt)
    if (!isFresh) return this.#readAgain(key)
    return this.#hasExpired(key.expiresAt) ? undefined : key
  }

  /** The key with a prefix, which may be the prefix of an earlier secret. */
  async byPrefix(prefix: string): Promise<ApiKeySummary | undefined> {
    const row = await this.#rowByPrefix(prefix)
    return row && summaryOf(row, await this.#servicesOf(row))
  }

  /** An account's keys, newest first. */
  async ofAccount(accountId: string): Promise<ApiKeySummary[]> {
    const [keys, services] = await Promise.all([
      this.#rows('api_keys', 'WHERE account_id = ? ORDER BY created_at DESC, api_key_id', [accountId]),
      this.#rows('api_key_services', 'WHERE account_id = ? ORDER BY service_type, provider NULLS FIRST', [accountId]),
    ])
    const byKey = Map.groupBy(services, ({ apiKeyId }) => apiKeyId)
    return keys.map((row) => summaryOf(row, byKey.get(row.apiKeyId) ?? []))
  }

  /** Drops a key from the cache, because it was changed. */
  forget(apiKeyId: string): void {
    this.#known.forget(apiKeyId)
    const now = performance.now()
    // Whatever was read before these is too old by now.
    for (const [id, changedAt] of this.#changes) {
      if (now - changedAt < KEY_TTL_MS) break
      this.#changes.delete(id)
    }
    this.#changes.delete(apiKeyId)
    this.#changes.set(apiKeyId, now)
  }

  /** Writes the last uses of keys that are not written yet. */
  close(): Promise<void> {
    return this.#uses.flush()
  }

  #use(presented: PresentedKey): AuthenticatedKey | undefined {
    const now = this.#clock.reckon()
    if (presented.until !== null && presented.until <= now) return undefined
    this.#uses.note(presented.use, now)
    return presented.key
  }

  /** Looks up a key that is not cached. No key contains control characters, which Postgres would reject in a query. */
  async #find(secret: string, hash: string): Promise<PresentedKey | undefined> {
    return /\p{Cc}/u.test(secret) ? undefined : this.#read(apiKeyPrefix(secret), hash)
  }

  async #read(prefix: string, hash: string): Promise<PresentedKey | undefined> {
    const { forgotten } = this.#known
    const readAt = performance.now()
    const row = await this.#rowByPrefix(prefix)
    if (!row || row.revokedAt !== null) return undefined
    const isCurrent = isSameHash(row.hash, hash)
    if (!isCurrent && !(row.previousHash !== null && isSameHash(row.previousHash, hash))) return undefined
    const [services] = await Promise.all([this.#servicesOf(row), this.#clock.read()])
    const until = isCurrent ? row.expiresAt : row.previousUntil
    const presented = { key: this.#handOut(row, services, readAt), use: this.#uses.learn(row), until }
    this.#known.set(hash, presented, forgotten)
    return presented
  }

  async #readAgain({ accountId, apiKeyId }: AuthenticatedKey): Promise<AuthenticatedKey | undefined> {
    const readAt = performance.now()
    const [row] = await this.#rows('api_keys', 'WHERE account_id = ? AND api_key_id = ?', [accountId, apiKeyId])
    if (!row || row.revokedAt !== null) return undefined
    const [services] = await Promise.all([this.#servicesOf(row), this.#clock.read()])
    return this.#hasExpired(row.expiresAt) ? undefined : this.#handOut(row, services, readAt)
  }

  #hasExpired(until: number | null): boolean {
    return until !== null && until <= this.#clock.reckon()
  }

  #handOut(row: ApiKeyRow, services: readonly ApiKeyServiceRow[], readAt: number): AuthenticatedKey {
    const key = keyOf(row, services)
    this.#readings.set(key, readAt)
    return key
  }

  async #rowByPrefix(prefix: string): Promise<ApiKeyRow | undefined> {
    const [found] = await this.#rows('api_key_prefixes', 'WHERE prefix = ?', [prefix])
    if (!found) return undefined
    return (await this.#rows('api_keys', 'WHERE account_id = ? AND api_key_id = ?', [found.accountId, found.apiKeyId]))[0]
  }

  #servicesOf({ accountId, apiKeyId }: ApiKeyRow): Promise<ApiKeyServiceRow[]> {
    return this.#rows('api_key_services', 'WHERE account_id = ? AND api_key_id = ? ORDER BY service_type, provider NULLS FIRST', [
      accountId,
      apiKeyId,
    ])
  }

  #rows<Name extends TableName>(name: Name, rest: string, values: Query['values']): Promise<RowsOf<Name>> {
    return this.#reads.select(rowsQuery(name, rest, values)) as unknown as Promise<RowsOf<Name>>
  }
}

/**
 * What a key may do with a service, or `undefined` if it may not use it. A row for the provider takes precedence over one for
 * the whole service.
 */
export function keyPermission(
  key: Pick<AuthenticatedKey, 'services'>,
  service: Service,
  provider?: string,
): Pick<KeyService, 'costLimitPerRequest'> | undefined {
  if (key.services.length === 0) return { costLimitPerRequest: null }
  const rows = key.services.filter((row) => row.service === service)
  const row = rows.find((candidate) => candidate.provider === provider) ?? rows.find((candidate) => candidate.provider === null)
  return row?.enabled ? { costLimitPerRequest: row.costLimitPerRequest } : undefined
}

/**
 * Whether it may be a secret at all. No key is empty or very long. Hosts pass on what a request carries, which may be nothing, or a
 * header given twice.
 */
function isOfLength(secret: string): boolean {
  return typeof secret === 'string' && secret.length > 0 && secret.length <= 512
}

function keyOf(row: ApiKeyRow, services: readonly ApiKeyServiceRow[]): AuthenticatedKey {
  const { accountId, apiKeyId, prefix, name, userId, expiresAt } = row
  return { accountId, apiKeyId, prefix, name, userId, expiresAt, services: services.map(serviceOf) }
}

function summaryOf(row: ApiKeyRow, services: readonly ApiKeyServiceRow[]): ApiKeySummary {
  const { createdAt, revokedAt, previousPrefix, previousUntil, lastUsedAt } = row
  return { ...keyOf(row, services), createdAt, revokedAt, previousPrefix, previousUntil, lastUsedAt }
}

function serviceOf({ id, serviceType, provider, enabled, costLimitPerRequest, createdAt }: ApiKeyServiceRow): KeyService {
  return { id, service: serviceType, provider, enabled, costLimitPerRequest, createdAt }
}
