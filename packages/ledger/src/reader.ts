import { type Credits, microCredits, type Service } from '@farebox/core'
import { type BreakdownFilter, type Breakdowns, breakdowns } from './breakdowns.ts'
import { checkInteger, checkKnownId, checkLimit, checkText } from './check-input.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { NotFoundError } from './errors.ts'
import { decodeEventData, type EventData } from './event-data.ts'
import { KeyRing } from './key-ring.ts'
import type { KeyUse } from './key-uses.ts'
import { startWindow } from './machine/budgets.ts'
import { burnOrder } from './machine/burn-order.ts'
import { decodeEntry } from './machine/journal.ts'
import type {
  BudgetRow,
  DocumentRow,
  EventType,
  GrantRow,
  HoldRow,
  JournalEntry,
  TableName,
  UsageRow,
  WorkflowLine,
  WorkflowState,
} from './rows.ts'
import { type RowsOf, rowsQuery } from './rows-query.ts'
import { UnreadableRowError } from './unreadable-row.ts'
import { type UsageSeries, type UsageSeriesInput, usageSeries } from './usage-series.ts'
import { type AccountRows, unreadableAccount, type VerifyReport, verifiedTables, verifyAccount } from './verify.ts'
import { listWorkflows, type WorkflowCursor, type WorkflowFilter, type WorkflowPage } from './workflow-list.ts'

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
  /** What was set aside when it opened. */
  reserve: Credits | null
  lines: readonly WorkflowLine[]
  createdAt: number
  closedAt: number | null
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

/** What a key may do with one service. */
export interface KeyService {
  id: string
  service: Service
  /** Null is every provider. */
  provider: string | null
  enabled: boolean
  costLimitPerRequest: Credits | null
  createdAt: number
}

/** A key with its history. */
export interface ApiKeySummary extends AuthenticatedKey {
  createdAt: number
  revokedAt: number | null
  /** Of the secret that the last rotation replaced. */
  previousPrefix: string | null
  /** When that secret ends, or has ended, epoch milliseconds. */
  previousUntil: number | null
  /**
   * When it was last used, epoch milliseconds on the store's clock; null is never. Written at most once a minute, so the true time
   * may be up to a minute later; exact once the ledger that saw it was closed.
   */
  lastUsedAt: number | null
}

/** What the host kept in its account. */
export interface SavedDocument {
  body: Record<string, unknown>
  createdAt: number
}

/** Something that the ledger tells by itself, in the transaction that caused it. */
export type LedgerEvent = {
  [Type in EventType]: {
    id: string
    type: Type
    accountId: string
    data: EventData[Type]
    createdAt: number
    /** When it is tried next; null when it was delivered or given up. */
    dueAt: number | null
    attempts: number
    deliveredAt: number | null
    /** Why the last attempt failed. */
    error: string | null
  }
}[EventType]

/** A page of something, newest first. */
export interface Page<Item> {
  items: Item[]
  /** Give it as `before` to read on; absent at the end. */
  next?: number
}

/** Epoch milliseconds on the store's clock, the end excluded. */
export interface TimeRange {
  from: number
  until: number
}

const IN_RANGE = 'created_at >= ? AND created_at < ?'
const PAGE = 500
const GIVEN_UP = 'due_at IS NULL AND delivered_at IS NULL'

/** Those of an account that are not used up. */
const LASTING_GRANTS = 'WHERE account_id = ? AND remaining > 0'

/** The queries of the ledger. They change nothing, except that what is due on an account happens before its balance is read. */
export abstract class LedgerReader {
  readonly #reads: LedgerDriver
  readonly #keys: KeyRing

  constructor(driver: LedgerDriver<never>) {
    this.#reads = driver as LedgerDriver
    this.#keys = new KeyRing(this.#reads, (use) => this.noteKeyUse(use))
  }

  protected abstract advance(accountId: string): Promise<void>

  protected abstract noteKeyUse(use: KeyUse): Promise<unknown>

  /**
   * Asks the database for an answer: the time alone would not do, which a clock may tell that knows nothing of it.
   *
   * @throws {LedgerUnavailableError} it does not answer
   * @throws {LedgerClosedError} it was closed
   */
  async ping(): Promise<void> {
    await this.#reads.select({ text: 'SELECT 1 AS answer', values: [], columns: { answer: { type: 'integer' } } })
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

  /** Accounts by id, a page at a time, with their balances as they were last written: what is due since happens when they are used, or by `sweep`. */
  async accounts({ after = '', limit = 100 }: { after?: string; limit?: number } = {}): Promise<Balance[]> {
    const rows = await this.#rows('accounts', 'WHERE account_id > ? ORDER BY account_id LIMIT ?', [after, checkLimit(limit)])
    return rows.map(balanceOf)
  }

  /**
   * Grants that are spendable now or later, or hold something back, in the order in which they are spent. As they were last written: one that has
   * expired since is among them until the account is used, its balance read, or by `sweep`.
   */
  async grants(accountId: string): Promise<GrantRow[]> {
    const rows = await this.#rows('grants', LASTING_GRANTS, [checkText('accountId', accountId)])
    return rows.sort(burnOrder)
  }

  /**
   * The balance, and the grants of {@link grants} behind it: both as of one moment, whoever writes meanwhile.
   *
   * @throws {NotFoundError} no such account
   */
  async balanceAndGrants(accountId: string): Promise<{ balance: Balance; grants: GrantRow[] }> {
    const { balance, rows } = await this.#balanceWith(accountId, rowsQuery('grants', LASTING_GRANTS, [accountId]))
    return { balance, grants: (rows as unknown as RowsOf<'grants'>).sort(burnOrder) }
  }

  /**
   * The account's journal, newest first.
   *
   * @param before  the sequence of the entry that the page before ended with
   * @throws {InvalidInputError} `before` or `limit` is no whole number
   */
  async statement(
    accountId: string,
    { before, limit = 100 }: { before?: number; limit?: number } = {},
  ): Promise<Page<JournalEntry>> {
    const items = await this.#rows('journal', 'WHERE account_id = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?', [
      checkText('accountId', accountId),
      checkInteger('before', before ?? Number.MAX_SAFE_INTEGER),
      checkLimit(limit) + 1,
    ])
    return pageOf(items, limit)
  }

  /**
   * The newest page of the account's journal, and the balance after its first entry: both as of one moment, whoever writes meanwhile.
   * Read on with {@link statement}.
   *
   * @throws {NotFoundError} no such account
   */
  async latestStatement(
    accountId: string,
    { limit = 100 }: { limit?: number } = {},
  ): Promise<Page<JournalEntry> & { balance: Balance }> {
    const { balance, rows } = await this.#balanceWith(
      accountId,
      rowsQuery('journal', 'WHERE account_id = ? ORDER BY sequence DESC LIMIT ?', [accountId, checkLimit(limit) + 1]),
    )
    return { ...pageOf(rows as unknown as RowsOf<'journal'>, limit), balance }
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
      checkKnownId('holdId', holdId),
    ])
    if (!row) throw new NotFoundError('HOLD_NOT_FOUND', holdId)
    return row
  }

  /** What one workflow's attempts consumed, oldest first. */
  usageOf(accountId: string, workflowId: string): Promise<UsageRow[]> {
    return this.#rows('usage_records', 'WHERE account_id = ? AND workflow_id = ? ORDER BY sequence', [accountId, workflowId])
  }

  /** What the attempts of several workflows consumed, by workflow, oldest first. */
  async usageOfWorkflows(accountId: string, workflowIds: readonly string[]): Promise<Map<string, UsageRow[]>> {
    if (workflowIds.length === 0) return new Map()
    const rows = await this.#rows(
      'usage_records',
      `WHERE account_id = ? AND workflow_id IN (${workflowIds.map(() => '?').join(', ')}) ORDER BY sequence`,
      [checkText('accountId', accountId), ...workflowIds],
    )
    return Map.groupBy(rows, ({ workflowId }) => workflowId ?? '')
  }

  /**
   * What was consumed in a range of time, of all accounts, by account and usage id. It looks at every record that there is, so it is for work
   * that is done now and then, such as comparing them with a provider's invoice.
   *
   * @param service  only of this one
   */
  async *usageBetween({ from, until, service }: TimeRange & { service: Service }): AsyncGenerator<UsageRow, void, undefined> {
    yield* this.#pages(
      'usage_records',
      ['account_id', 'usage_id'],
      `service = ? AND ${IN_RANGE}`,
      [service, from, until],
      (row) => [row.accountId, row.usageId],
    )
  }

  /** What {@link Ledger.saveDocument} kept in a range of time, of one kind and all accounts. */
  async *documentsBetween({ from, until, kind }: TimeRange & { kind: string }): AsyncGenerator<DocumentRow, void, undefined> {
    yield* this.#pages('documents', ['account_id', 'document_id'], `kind = ? AND ${IN_RANGE}`, [kind, from, until], (row) => [
      row.accountId,
      row.documentId,
    ])
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

  /** An account's budgets as they were last written: one whose window is over still says what that window used. */
  budgets(accountId: string): Promise<BudgetRow[]> {
    return this.#rows('budgets', 'WHERE account_id = ? ORDER BY budget_id', [checkText('accountId', accountId)])
  }

  /** An account's budgets, each in the window that it is in now. */
  async currentBudgets(accountId: string): Promise<BudgetRow[]> {
    const budgets = await this.budgets(accountId)
    if (budgets.length === 0) return budgets
    const now = await this.#reads.now()
    for (const budget of budgets) if (budget.windowEnd !== null && budget.windowEnd <= now) startWindow(budget, now)
    return budgets
  }

  /** Workflows of an account, newest first. */
  workflows(filter: WorkflowFilter, page: { before?: WorkflowCursor; limit?: number } = {}): Promise<WorkflowPage> {
    return listWorkflows(this.#reads, filter, page)
  }

  /**
   * Usage over time, by hour, day, week or month, and by what it was for. Reads the same sums as {@link breakdowns}.
   *
   * @throws {InvalidInputError} `from` is not before `to`, or so long before it that there are too many buckets
   */
  usageSeries(input: UsageSeriesInput): Promise<UsageSeries> {
    return usageSeries(this.#reads, input)
  }

  /**
   * Where credits went, by service and by workflow. Reads sums that are kept by day and by hour, so it costs the same however much was
   * used in that time. Of one service or provider, workflows are those that used it: what they used of it, but how many they were and
   * how long they took as of all of their name.
   */
  breakdowns(filter: BreakdownFilter): Promise<Breakdowns> {
    return breakdowns(this.#reads, filter)
  }

  /**
   * Whose key this is, and what it may do; `undefined` for a key that does not exist, was revoked or has expired. A good key is
   * remembered for ten seconds: a revocation, a rotation or other services take effect at once in this process, and in others
   * within that time. When it expires is a matter of the store's clock.
   */
  authenticate(secret: string): Promise<AuthenticatedKey | undefined> {
    return this.#keys.authenticate(secret)
  }

  /**
   * {@link authenticate} at once, from what is remembered: `undefined` also for a good key that was not asked about in the last ten
   * seconds. For hot paths, which ask the other way when this does not know.
   */
  knownKey(secret: string): AuthenticatedKey | undefined {
    return this.#keys.known(secret)
  }

  /** The key of a prefix, good or not; `undefined` when there is none. A prefix from before a rotation leads to its key too. */
  apiKey(prefix: string): Promise<ApiKeySummary | undefined> {
    return this.#keys.byPrefix(checkText('prefix', prefix))
  }

  /** An account's keys, newest first. */
  apiKeys(accountId: string): Promise<ApiKeySummary[]> {
    return this.#keys.ofAccount(checkText('accountId', accountId))
  }

  /** Replays an account's journal and recomputes every sum that is kept of it. */
  async verify(accountId: string): Promise<VerifyReport> {
    const ofAccount = [checkText('accountId', accountId)]
    try {
      const read = await this.#reads.selectAll(verifiedTables.map((table) => rowsQuery(table, 'WHERE account_id = ?', ofAccount)))
      const rows = Object.fromEntries(verifiedTables.map((table, index) => [table, read[index]])) as unknown as AccountRows
      return verifyAccount(accountId, rows)
    } catch (error) {
      if (error instanceof UnreadableRowError) return unreadableAccount(accountId, error)
      throw error
    }
  }

  protected closeKeys(): Promise<void> {
    return this.#keys.close()
  }

  protected forgetApiKey(apiKeyId: string): void {
    this.#keys.forget(apiKeyId)
  }

  /** What the ledger told, or tried to: of one account, newest first, or of all that was given up and waits for somebody to look. */
  async events(
    filter: { accountId: string } | { isGivenUp: true },
    { limit = 100 }: { limit?: number } = {},
  ): Promise<LedgerEvent[]> {
    const [condition, values] =
      'accountId' in filter
        ? (['account_id = ?', [checkText('accountId', filter.accountId)]] as const)
        : ([GIVEN_UP, []] as const)
    const rest = `WHERE ${condition} ORDER BY created_at DESC, account_id, event_id LIMIT ?`
    return (await this.#rows('events', rest, [...values, checkLimit(limit)])).map(eventOf)
  }

  /** How many events are still to be delivered, and how many were given up: for a metrics page. */
  async eventCounts(): Promise<{ waiting: number; givenUp: number }> {
    const count = async (condition: string) => {
      const text = `SELECT COUNT(*) AS total FROM {events} WHERE ${condition}`
      const [row] = await this.#reads.select({ text, values: [], columns: { total: 'integer' } })
      return Number(row?.total ?? 0)
    }
    const [waiting, givenUp] = await Promise.all([count('due_at IS NOT NULL'), count(GIVEN_UP)])
    return { waiting, givenUp }
  }

  /** @internal Events that are to be delivered by now, the oldest first. */
  async eventsDue(limit: number): Promise<{ now: number; events: LedgerEvent[] }> {
    const now = await this.#reads.now()
    const rows = await this.#rows('events', 'WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?', [now, limit])
    return { now, events: rows.map(eventOf) }
  }

  protected async accountsDue(limit: number): Promise<string[]> {
    const rows = await this.#reads.select({
      text: 'SELECT account_id FROM {accounts} WHERE next_due_at IS NOT NULL AND next_due_at <= ? ORDER BY next_due_at LIMIT ?',
      values: [await this.#reads.now(), checkLimit(limit)],
      columns: { accountId: 'text' },
    })
    return rows.map((row) => row.accountId as string)
  }

  /** The rows that meet a condition, in the order of their keys, a page at a time. */
  async *#pages<Name extends TableName>(
    table: Name,
    keys: readonly string[],
    condition: string,
    values: Query['values'],
    keyOf: (row: RowsOf<Name>[number]) => string[],
  ): AsyncGenerator<RowsOf<Name>[number], void, undefined> {
    const order = keys.join(', ')
    let after = keys.map(() => '')
    for (;;) {
      const rest = `WHERE ${condition} AND (${order}) > (${keys.map(() => '?').join(', ')}) ORDER BY ${order} LIMIT ?`
      const rows = await this.#rows(table, rest, [...values, ...after, PAGE])
      yield* rows
      const last = rows.at(-1)
      if (rows.length < PAGE || last === undefined) return
      after = keyOf(last)
    }
  }

  /** The balance, and what a query of the same account finds: as of one moment. What is due happens first, as it does where the balance alone is asked for. */
  async #balanceWith(accountId: string, query: Query): Promise<{ balance: Balance; rows: Record<string, unknown>[] }> {
    await this.balance(accountId)
    const [accounts = [], rows = []] = await this.#reads.selectAll([
      rowsQuery('accounts', 'WHERE account_id = ?', [accountId]),
      query,
    ])
    const [account] = accounts as unknown as RowsOf<'accounts'>
    if (!account) throw new NotFoundError('ACCOUNT_NOT_FOUND', accountId)
    return { balance: balanceOf(account), rows }
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

/** @param rows  one more than the limit, where there are more */
function pageOf(rows: RowsOf<'journal'>, limit: number): Page<JournalEntry> {
  const items = rows.slice(0, limit).map(decodeEntry)
  return { items, ...(rows.length > limit && { next: items.at(-1)?.sequence }) }
}

function eventOf({ data, eventId, type, ...row }: RowsOf<'events'>[number]): LedgerEvent {
  return { ...row, id: eventId, type, data: decodeEventData(data) } as LedgerEvent
}

function balanceOf(account: RowsOf<'accounts'>[number]): Balance {
  const { accountId, name, posted, held, creditLimit, debt } = account
  return { accountId, name, balance: posted, held, available: microCredits(posted - held), creditLimit, debt }
}
