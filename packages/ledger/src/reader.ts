import { type Credits, microCredits, type Quantity, type Service, type Unit } from '@farebox/core'
import { apiKeyHash, apiKeyPrefix, isSameHash } from './api-key-secret.ts'
import { checkText } from './check-input.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { NotFoundError } from './errors.ts'
import { KeyCache } from './key-cache.ts'
import { burnOrder } from './machine/burn-order.ts'
import { decodeEntry } from './machine/journal.ts'
import type {
  ApiKeyRow,
  BudgetRow,
  GrantRow,
  HoldRow,
  JournalEntry,
  TableName,
  UsageRow,
  WorkflowLine,
  WorkflowState,
} from './rows.ts'
import { type RowsOf, rowsQuery } from './rows-query.ts'
import { type AccountRows, type VerifyReport, verifiedTables, verifyAccount } from './verify.ts'

/** What an account has. */
export interface Balance {
  accountId: string
  name: string
  /** What grants still hold, less debt. */
  balance: Credits
  held: Credits
  /** balance − held; new work may use this and the credit line. */
  available: Credits
  creditLimit: Credits
  debt: Credits
}

/** A workflow as its receipt shows it. */
export interface WorkflowSummary {
  accountId: string
  workflowId: string
  name: string
  businessAdapter: string | null
  userId: string | null
  apiKeyId: string | null
  parentId: string | null
  state: WorkflowState
  maxCredits: Credits | null
  /** Charged to it, and to its children. */
  spent: Credits
  held: Credits
  lines: readonly WorkflowLine[]
  createdAt: number
  closedAt: number | null
}

/** Which part of an account's history a breakdown is about. Times are epoch milliseconds, taken to whole hours. */
export interface BreakdownFilter {
  accountId: string
  /** @defaultValue the beginning */
  from?: number
  /** Exclusive. @defaultValue now */
  to?: number
  apiKeyId?: string
  userId?: string
  workflowName?: string
}

export interface ServiceBreakdown {
  service: Service
  provider: string
  unit: Unit
  records: number
  quantity: Quantity
  charged: Credits
  shortfall: Credits
}

export interface WorkflowBreakdown {
  name: string
  /** Workflows that were opened. */
  count: number
  closed: number
  charged: Credits
  /** Of the closed ones. */
  averageDurationMs: number
}

export interface Breakdowns {
  services: ServiceBreakdown[]
  workflows: WorkflowBreakdown[]
}

/** A key that was presented and is good, with what it may do. */
export interface AuthenticatedKey {
  accountId: string
  apiKeyId: string
  prefix: string
  name: string
  userId: string | null
  expiresAt: number | null
  /** Empty: every service. */
  services: readonly KeyService[]
}

export interface KeyService {
  id: string
  service: Service
  /** Null is every provider. */
  provider: string | null
  enabled: boolean
  costLimitPerRequest: Credits | null
  createdAt: number
}

export interface ApiKeySummary extends AuthenticatedKey {
  createdAt: number
  revokedAt: number | null
}

/** What the host kept in its account. */
export interface SavedDocument {
  body: Record<string, unknown>
  createdAt: number
}

/** A page of something, newest first. */
export interface Page<Item> {
  items: Item[]
  /** Give it as `before` to read on; absent at the end. */
  next?: number
}

/** The queries of the ledger. They change nothing, except that what is due on an account happens before its balance is read. */
export abstract class LedgerReader {
  readonly #reads: LedgerDriver
  readonly #keys = new KeyCache()

  constructor(driver: LedgerDriver<never>) {
    this.#reads = driver as LedgerDriver
  }

  protected abstract advance(accountId: string): Promise<void>

  /** Asks the database for its time. @throws {LedgerUnavailableError} it does not answer */
  async ping(): Promise<void> {
    await this.#reads.now()
  }

  /** @throws {NotFoundError} no such account */
  async balance(accountId: string): Promise<Balance> {
    const account = await this.#account(accountId)
    if (account.nextDueAt !== null && account.nextDueAt <= (await this.#reads.now())) {
      await this.advance(accountId)
      return balanceOf(await this.#account(accountId))
    }
    return balanceOf(account)
  }

  /** Accounts by id, a page at a time. */
  async accounts({ after = '', limit = 100 }: { after?: string; limit?: number } = {}): Promise<Balance[]> {
    const rows = await this.#rows('accounts', 'WHERE account_id > ? ORDER BY account_id LIMIT ?', [after, limit])
    return rows.map(balanceOf)
  }

  /** Grants that are spendable now or later, or hold something back, in the order in which they are spent. */
  async grants(accountId: string): Promise<GrantRow[]> {
    const rows = await this.#rows('grants', `WHERE account_id = ? AND remaining > 0`, [checkText('accountId', accountId)])
    return rows.sort(burnOrder)
  }

  /** The account's journal, newest first. */
  async statement(
    accountId: string,
    { before, limit = 100 }: { before?: number; limit?: number } = {},
  ): Promise<Page<JournalEntry>> {
    const items = await this.#rows('journal', 'WHERE account_id = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?', [
      checkText('accountId', accountId),
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    ])
    return { items: items.map(decodeEntry), ...(items.length === limit && { next: items.at(-1)?.sequence }) }
  }

  /** @throws {NotFoundError} no such workflow in this account */
  async workflow(accountId: string, workflowId: string): Promise<WorkflowSummary> {
    const [row] = await this.#rows('workflows', 'WHERE account_id = ? AND workflow_id = ?', [
      checkText('accountId', accountId),
      checkText('workflowId', workflowId),
    ])
    if (!row) throw new NotFoundError('WORKFLOW_NOT_FOUND', workflowId)
    return row
  }

  /** @throws {NotFoundError} no such hold in this account */
  async hold(accountId: string, holdId: string): Promise<HoldRow> {
    const [row] = await this.#rows('holds', 'WHERE account_id = ? AND hold_id = ?', [
      checkText('accountId', accountId),
      checkText('holdId', holdId),
    ])
    if (!row) throw new NotFoundError('HOLD_NOT_FOUND', holdId)
    return row
  }

  /** What one workflow's attempts consumed, oldest first. */
  usageOf(accountId: string, workflowId: string): Promise<UsageRow[]> {
    return this.#rows('usage_records', 'WHERE account_id = ? AND workflow_id = ? ORDER BY sequence', [accountId, workflowId])
  }

  /** What {@link Ledger.saveDocument} kept; `undefined` when there is no such document. */
  async document(accountId: string, kind: string, documentId: string): Promise<SavedDocument | undefined> {
    const [row] = await this.#rows('documents', 'WHERE account_id = ? AND kind = ? AND document_id = ?', [
      checkText('accountId', accountId),
      kind,
      documentId,
    ])
    return row && { body: row.body as Record<string, unknown>, createdAt: row.createdAt }
  }

  budgets(accountId: string): Promise<BudgetRow[]> {
    return this.#rows('budgets', 'WHERE account_id = ? ORDER BY budget_id', [checkText('accountId', accountId)])
  }

  /** Where credits went, by service and by workflow. Reads sums kept by hour, so it costs the same however long the history. */
  async breakdowns(filter: BreakdownFilter): Promise<Breakdowns> {
    const usage = rollupConditions(filter)
    const services = await this.#reads.select({
      text: `SELECT service, provider, unit, SUM(records), SUM(quantity), SUM(charged), SUM(shortfall) FROM {usage_rollups} WHERE ${usage.text} GROUP BY service, provider, unit ORDER BY SUM(charged) DESC, service, provider, unit`,
      values: usage.values,
      columns: {
        service: 'text',
        provider: 'text',
        unit: 'text',
        records: 'integer',
        quantity: 'bigint',
        charged: 'bigint',
        shortfall: 'bigint',
      },
    })
    const workflows = await this.#reads.select({
      text: `SELECT workflow_name, SUM(opened), SUM(closed), SUM(charged), SUM(duration_ms) FROM {workflow_rollups} WHERE ${usage.text} GROUP BY workflow_name ORDER BY SUM(charged) DESC, workflow_name`,
      values: usage.values,
      columns: { name: 'text', count: 'integer', closed: 'integer', charged: 'bigint', durationMs: 'integer' },
    })
    return {
      services: services as unknown as ServiceBreakdown[],
      workflows: workflows.map(({ durationMs, ...row }) => ({
        ...(row as unknown as Omit<WorkflowBreakdown, 'averageDurationMs'>),
        averageDurationMs: row.closed ? Number(durationMs) / Number(row.closed) : 0,
      })),
    }
  }

  /**
   * Whose key this is, and what it may do; `undefined` for a key that does not exist, was revoked or has expired. Good keys are
   * remembered for a few seconds; a revocation in this process takes effect at once.
   */
  async authenticate(secret: string): Promise<AuthenticatedKey | undefined> {
    // No key is empty, very long or has control characters, which Postgres would refuse to look for.
    if (secret.length === 0 || secret.length > 512 || /\p{Cc}/u.test(secret)) return undefined
    const hash = apiKeyHash(secret)
    // Key expiry needs no better clock than the host's, and a round trip per request would be a high price for it.
    const now = Date.now()
    const key = this.#keys.get(hash, now) ?? (await this.#readKey(apiKeyPrefix(secret), hash, now))
    return key && (key.expiresAt === null || key.expiresAt > now) ? key : undefined
  }

  /** The key of a prefix, good or not; `undefined` when there is none. */
  async apiKey(prefix: string): Promise<ApiKeySummary | undefined> {
    const key = await this.#keyByPrefix(checkText('prefix', prefix))
    return key && this.#summary(key)
  }

  /** An account's keys, newest first. */
  async apiKeys(accountId: string): Promise<ApiKeySummary[]> {
    const keys = await this.#rows('api_keys', 'WHERE account_id = ? ORDER BY created_at DESC, api_key_id', [accountId])
    return Promise.all(keys.map((key) => this.#summary(key)))
  }

  /** Replays an account's journal and recomputes every sum that is kept of it. */
  async verify(accountId: string): Promise<VerifyReport> {
    const read = await this.#reads.selectAll(
      verifiedTables.map((table) => rowsQuery(table, 'WHERE account_id = ?', [checkText('accountId', accountId)])),
    )
    return verifyAccount(
      accountId,
      Object.fromEntries(verifiedTables.map((table, index) => [table, read[index]])) as unknown as AccountRows,
    )
  }

  protected forgetApiKey(apiKeyId: string): void {
    this.#keys.forget(apiKeyId)
  }

  protected async accountsDue(limit: number): Promise<string[]> {
    const rows = await this.#reads.select({
      text: 'SELECT account_id FROM {accounts} WHERE next_due_at IS NOT NULL AND next_due_at <= ? ORDER BY next_due_at LIMIT ?',
      values: [await this.#reads.now(), limit],
      columns: { accountId: 'text' },
    })
    return rows.map((row) => row.accountId as string)
  }

  async #readKey(prefix: string, hash: string, now: number): Promise<AuthenticatedKey | undefined> {
    const { forgotten } = this.#keys
    const row = await this.#keyByPrefix(prefix)
    if (!row || !isSameHash(row.hash, hash) || row.revokedAt !== null) return undefined
    const key = await this.#summary(row)
    this.#keys.set(hash, key, now, forgotten)
    return key
  }

  async #keyByPrefix(prefix: string): Promise<ApiKeyRow | undefined> {
    const [found] = await this.#rows('api_key_prefixes', 'WHERE prefix = ?', [prefix])
    if (!found) return undefined
    return (await this.#rows('api_keys', 'WHERE account_id = ? AND api_key_id = ?', [found.accountId, found.apiKeyId]))[0]
  }

  async #summary({ hash: _, ...key }: ApiKeyRow): Promise<ApiKeySummary> {
    return { ...key, services: await this.#keyServices(key.accountId, key.apiKeyId) }
  }

  async #keyServices(accountId: string, apiKeyId: string): Promise<KeyService[]> {
    const rows = await this.#rows('api_key_services', 'WHERE account_id = ? AND api_key_id = ? ORDER BY service_type, provider', [
      accountId,
      apiKeyId,
    ])
    return rows.map(({ id, serviceType, provider, enabled, costLimitPerRequest, createdAt }) => ({
      id,
      service: serviceType,
      provider,
      enabled,
      costLimitPerRequest,
      createdAt,
    }))
  }

  async #account(accountId: string): Promise<RowsOf<'accounts'>[number]> {
    const [account] = await this.#rows('accounts', 'WHERE account_id = ?', [checkText('accountId', accountId)])
    if (!account) throw new NotFoundError('ACCOUNT_NOT_FOUND', accountId)
    return account
  }

  #rows<Name extends TableName>(name: Name, rest: string, values: Query['values']): Promise<RowsOf<Name>> {
    return this.#reads.select(rowsQuery(name, rest, values)) as unknown as Promise<RowsOf<Name>>
  }
}

/**
 * What a key may do with a service: `undefined` when it may not. A row for the provider counts before one for the whole service.
 */
export function keyPermission(
  key: Pick<AuthenticatedKey, 'services'>,
  service: Service,
  provider?: string,
): { costLimitPerRequest: Credits | null } | undefined {
  if (key.services.length === 0) return { costLimitPerRequest: null }
  const rows = key.services.filter((row) => row.service === service)
  const row = rows.find((candidate) => candidate.provider === provider) ?? rows.find((candidate) => candidate.provider === null)
  return row?.enabled ? { costLimitPerRequest: row.costLimitPerRequest } : undefined
}

function balanceOf(account: RowsOf<'accounts'>[number]): Balance {
  const { accountId, name, posted, held, creditLimit, debt } = account
  return { accountId, name, balance: posted, held, available: microCredits(posted - held), creditLimit, debt }
}

function rollupConditions({ accountId, from, to, apiKeyId, userId, workflowName }: BreakdownFilter): {
  text: string
  values: Query['values']
} {
  const conditions = ['account_id = ?', 'hour >= ?', 'hour < ?']
  const values: (string | number)[] = [checkText('accountId', accountId), hourFloor(from ?? 0), to ?? Number.MAX_SAFE_INTEGER]
  const equals = { api_key_id: apiKeyId, user_id: userId, workflow_name: workflowName }
  for (const [column, value] of Object.entries(equals)) {
    if (value === undefined) continue
    conditions.push(`${column} = ?`)
    values.push(value)
  }
  return { text: conditions.join(' AND '), values }
}

function hourFloor(at: number): number {
  return at - (at % 3_600_000)
}
