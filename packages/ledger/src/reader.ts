import { setImmediate } from 'node:timers/promises'
import { type Credits, checkOptionNames, InvalidOptionError, microCredits, type Service } from '@farebox/core'
import { type BreakdownFilter, type Breakdowns, breakdowns } from './breakdowns.ts'
import { checkInteger, checkKnownId, checkLimit, checkSought, checkText, isPrintable } from './check-input.ts'
import type { LedgerDriver, Query, Snapshot } from './driver.ts'
import { InvalidInputError, NotFoundError } from './errors.ts'
import { decodeEventData, type EventData } from './event-data.ts'
import { keyPages } from './key-pages.ts'
import { KeyRing } from './key-ring.ts'
import type { KeyUse } from './key-uses.ts'
import { startWindow } from './machine/budgets.ts'
import { burnOrder } from './machine/burn-order.ts'
import { hasVersion } from './machine/documents.ts'
import { oldestFirst } from './machine/hold-order.ts'
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
import { unreadableAccount, type VerifyReport } from './verify/report.ts'
import { runOnSnapshot } from './verify/scan.ts'
import { verification } from './verify/verification.ts'
import { listWorkflows, type WorkflowCursor, type WorkflowFilter, type WorkflowPage } from './workflow-list.ts'

/** The balance of an account, and what it is made of. */
export interface Balance {
  accountId: string
  name: string
  /** What is left of grants, less debt. */
  balance: Credits
  held: Credits
  /** balance − held. New work may use this and the credit line. */
  available: Credits
  creditLimit: Credits
  debt: Credits
  /** Present while the account is frozen and takes no new work. */
  isFrozen?: true
}

/** A workflow, as its receipt shows it. */
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
  /** What was charged to it and its children. */
  spent: Credits
  held: Credits
  /** What was set aside when it opened. */
  reserve: Credits | null
  lines: readonly WorkflowLine[]
  createdAt: number
  closedAt: number | null
}

/** A valid API key that was presented, with what it may do. */
export interface AuthenticatedKey {
  accountId: string
  apiKeyId: string
  prefix: string
  name: string
  userId: string | null
  expiresAt: number | null
  /** Empty means every service. */
  services: readonly KeyService[]
}

/** What an API key may do with one service. */
export interface KeyService {
  id: string
  service: Service
  /** Null means every provider. */
  provider: string | null
  enabled: boolean
  costLimitPerRequest: Credits | null
  createdAt: number
}

/** An API key with its history. */
export interface ApiKeySummary extends AuthenticatedKey {
  createdAt: number
  revokedAt: number | null
  /** The prefix of the secret that the last rotation replaced. */
  previousPrefix: string | null
  /** When that secret ends or ended, in epoch milliseconds. */
  previousUntil: number | null
  /**
   * When it was last used, in epoch milliseconds on the store's clock. Null means never. Written at most once a minute, so the
   * true time may be up to a minute later. Closing the ledger that saw the use writes it exactly, for the 10,000 keys that it
   * looked up last.
   */
  lastUsedAt: number | null
}

/** A document that the host stored in an account. */
export interface SavedDocument {
  body: Record<string, unknown>
  createdAt: number
}

/** An event that the ledger emits by itself. It is written in the transaction that caused it. */
export type LedgerEvent = {
  [Type in EventType]: {
    id: string
    type: Type
    accountId: string
    data: EventData[Type]
    createdAt: number
    /** When its delivery is tried next. Null once it was delivered or given up. */
    dueAt: number | null
    attempts: number
    deliveredAt: number | null
    /** Why the last attempt failed. */
    error: string | null
  }
}[EventType]

/** How {@link Ledger.verify} reports its progress. */
export interface VerifyOptions {
  /** Called with how many rows were read since the last call, some hundreds at a time. What it throws ends the verification. */
  onRead?: (rows: number) => void
}

const verifyOptionNames: Record<keyof VerifyOptions, true> = { onRead: true }

/** A page of items, newest first. */
export interface Page<Item> {
  items: Item[]
  /** Pass it as `before` to get the next page. Absent on the last page. */
  next?: number
}

/** A range of epoch milliseconds on the store's clock, without its end. */
export interface TimeRange {
  from: number
  until: number
}

type DocumentKey = Pick<DocumentRow, 'accountId' | 'kind' | 'documentId'>

/** How many usage records one query decodes at most. */
const USAGE_AT_ONCE = 500
/** How many ids of usage records one query reads at most, where it takes the event loop. */
const USAGE_IDS_AT_ONCE = 5_000

const IN_RANGE = 'created_at >= ? AND created_at < ?'
const GIVEN_UP = 'due_at IS NULL AND delivered_at IS NULL'

/** The grants of an account that have something left. */
const LASTING_GRANTS = 'WHERE account_id = ? AND remaining > 0'

/** The queries of the ledger. They change nothing, except that reading a balance first applies what is due on the account. */
export abstract class LedgerReader {
  readonly #reads: LedgerDriver
  readonly #keys: KeyRing
  /** The tail of the verifications. Each takes a connection for long: many at once would leave none to the changes, and no file handle. */
  #verifying: Promise<unknown> = Promise.resolve()

  constructor(driver: LedgerDriver<never>) {
    this.#reads = driver as LedgerDriver
    this.#keys = new KeyRing(this.#reads, (use) => this.noteKeyUse(use))
  }

  protected abstract advance(accountId: string): Promise<void>

  protected abstract noteKeyUse(use: KeyUse): Promise<unknown>

  /**
   * Checks that the database answers a query. Asking for the time would prove nothing: a clock may run without the database.
   *
   * @throws {LedgerUnavailableError} the database does not answer
   * @throws {LedgerClosedError} the ledger was closed
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

  /**
   * Accounts in the order of their ids, a page at a time. Their balances are as last written: what has become due since is
   * applied when an account is used, or by `sweep`.
   *
   * @param options.after  the last id of the page before
   * @param options.limit  the most accounts to return. @defaultValue 100
   * @throws {InvalidOptionError} an option is unknown
   */
  async accounts(options: { after?: string; limit?: number } = {}): Promise<Balance[]> {
    checkOptionNames(options, { after: true, limit: true }, 'accounts()')
    const { after = '', limit = 100 } = options
    const rows = await this.#rows('accounts', 'WHERE account_id > ? ORDER BY account_id LIMIT ?', [
      checkSought('after', after),
      checkLimit(limit),
    ])
    return rows.map(balanceOf)
  }

  /**
   * Grants with something left, in the order in which they are spent. They are as last written: a grant that has expired since is
   * still among them until the account is used, its balance is read, or `sweep` runs.
   */
  async grants(accountId: string): Promise<GrantRow[]> {
    const rows = await this.#rows('grants', LASTING_GRANTS, [checkText('accountId', accountId)])
    return rows.sort(burnOrder)
  }

  /**
   * The balance and the {@link grants} behind it, both as of the same moment.
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
   * @param options.before  the sequence of the last entry on the previous page
   * @param options.limit   the most entries to return. @defaultValue 100
   * @throws {InvalidInputError} `before` or `limit` is not a whole number
   * @throws {InvalidOptionError} an option is unknown
   */
  async statement(accountId: string, options: { before?: number; limit?: number } = {}): Promise<Page<JournalEntry>> {
    checkOptionNames(options, { before: true, limit: true }, 'statement()')
    const { before, limit = 100 } = options
    const items = await this.#rows('journal', 'WHERE account_id = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?', [
      checkText('accountId', accountId),
      checkInteger('before', before ?? Number.MAX_SAFE_INTEGER),
      checkLimit(limit) + 1,
    ])
    return pageOf(items, limit)
  }

  /**
   * The newest page of the account's journal, and the balance after its newest entry, both as of the same moment.
   * Get further pages with {@link statement}.
   *
   * @param options.limit  the most entries to return. @defaultValue 100
   * @throws {NotFoundError} no such account
   * @throws {InvalidOptionError} an option is unknown
   */
  async latestStatement(accountId: string, options: { limit?: number } = {}): Promise<Page<JournalEntry> & { balance: Balance }> {
    checkOptionNames(options, { limit: true }, 'latestStatement()')
    const { limit = 100 } = options
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

  /**
   * The holds of a workflow, whatever became of them, oldest first. It looks at every hold of the account, a few thousand at a time,
   * so it is meant for occasional work, such as ending what a process left behind.
   */
  async holdsOf(accountId: string, workflowId: string): Promise<HoldRow[]> {
    const pages = keyPages<HoldRow>(this.#reads, {
      table: 'holds',
      of: { text: 'account_id = ?', values: [checkText('accountId', accountId)] },
      keys: ['hold_id'],
      keyOf: ({ holdId }) => [holdId],
      only: { text: 'workflow_id = ?', values: [checkSought('workflowId', workflowId)] },
      read: (rest, values) => this.#rows('holds', rest, values),
    })
    const holds: HoldRow[] = []
    for await (const page of pages) holds.push(...page)
    return holds.sort(oldestFirst)
  }

  /** The usage records of a workflow, oldest first. */
  async usageOf(accountId: string, workflowId: string): Promise<UsageRow[]> {
    return this.#usageOfAll(checkText('accountId', accountId), [checkSought('workflowId', workflowId)])
  }

  /**
   * A usage record with its corrections, oldest first. What is left of its charge is the sum of `charged` over all of them.
   *
   * @throws {NotFoundError} no such usage record in this account
   */
  async usageRecord(accountId: string, usageId: string): Promise<{ record: UsageRow; corrections: UsageRow[] }> {
    const ids = [checkText('accountId', accountId), checkText('usageId', usageId)]
    // Two queries: SQLite has no index for an OR of both, and would read all usage of the account.
    const [found = [], corrections = []] = (await this.#reads.selectAll([
      rowsQuery('usage_records', 'WHERE account_id = ? AND usage_id = ?', ids),
      rowsQuery('usage_records', 'WHERE account_id = ? AND corrects = ? ORDER BY sequence', ids),
    ])) as unknown as RowsOf<'usage_records'>[]
    const [record] = found
    if (!record) throw new NotFoundError('USAGE_NOT_FOUND', usageId)
    return { record, corrections }
  }

  /** The usage records of several workflows, grouped by workflow, oldest first. */
  async usageOfWorkflows(accountId: string, workflowIds: readonly string[]): Promise<Map<string, UsageRow[]>> {
    if (!Array.isArray(workflowIds)) throw new InvalidInputError('workflowIds', 'must be a list of ids')
    if (workflowIds.length === 0) return new Map()
    const sought = workflowIds.map((workflowId, index) => checkSought(`workflowIds[${index}]`, workflowId))
    const rows = await this.#usageOfAll(checkText('accountId', accountId), sought)
    return Map.groupBy(rows, ({ workflowId }) => workflowId ?? '')
  }

  /**
   * The usage records of all accounts in a range of time, in the order of account and usage id. It scans every record, so it is
   * meant for occasional work, such as comparing usage with a provider's invoice.
   *
   * @param service  the only service to include
   */
  async *usageBetween({ from, until, service }: TimeRange & { service: Service }): AsyncGenerator<UsageRow, void, undefined> {
    for await (const page of keyPages<UsageRow>(this.#reads, {
      table: 'usage_records',
      keys: ['account_id', 'usage_id'],
      keyOf: (row) => [row.accountId, row.usageId],
      only: {
        text: `service = ? AND ${IN_RANGE}`,
        values: [checkSought('service', service), checkInteger('from', from), checkInteger('until', until)],
      },
      read: (rest, values) => this.#rows('usage_records', rest, values),
    }))
      yield* page
  }

  /** The documents of one kind that {@link Ledger.saveDocument} stored in a range of time, in all accounts. */
  async *documentsBetween({ from, until, kind }: TimeRange & { kind: string }): AsyncGenerator<DocumentRow, void, undefined> {
    for await (const page of keyPages<DocumentRow>(this.#reads, {
      table: 'documents',
      keys: ['account_id', 'kind', 'document_id'],
      keyOf: (row) => [row.accountId, row.kind, row.documentId],
      only: {
        text: `kind = ? AND ${IN_RANGE}`,
        values: [checkSought('kind', kind), checkInteger('from', from), checkInteger('until', until)],
      },
      read: (rest, values) => this.#rows('documents', rest, values),
    }))
      yield* page
  }

  /**
   * @internal The documents of one kind, saved before `until`, whose bodies begin with a field of this name. The database looks at
   * the bodies, and sends none.
   */
  async *documentsBeginningWith({
    kind,
    field,
    until,
  }: {
    kind: string
    field: string
    until: number
  }): AsyncGenerator<DocumentKey, void, undefined> {
    for await (const page of keyPages<DocumentKey>(this.#reads, {
      table: 'documents',
      keys: ['account_id', 'kind', 'document_id'],
      keyOf: (row) => [row.accountId, row.kind, row.documentId],
      only: { text: 'kind = ? AND created_at < ? AND body LIKE ?', values: [kind, until, `{"${field}":%`] },
      read: async (rest, values) => {
        const rows = await this.#reads.select({
          text: `SELECT account_id, kind, document_id FROM {documents} ${rest}`,
          values,
          columns: { accountId: 'text', kind: 'text', documentId: 'text' },
        })
        return rows as unknown as DocumentKey[]
      },
    }))
      yield* page
  }

  /** A document that {@link Ledger.saveDocument} stored, or `undefined` if there is none. */
  async document(accountId: string, kind: string, documentId: string): Promise<SavedDocument | undefined> {
    // Callers pass on what they were asked for, such as the id of an agent.
    if (typeof documentId !== 'string' || !isPrintable(documentId)) return undefined
    const [row] = await this.#rows('documents', 'WHERE account_id = ? AND kind = ? AND document_id = ?', [
      checkText('accountId', accountId),
      checkSought('kind', kind),
      documentId,
    ])
    return row && { body: row.body as Record<string, unknown>, createdAt: row.createdAt }
  }

  /** Which of these documents have a version, and so may be replaced. */
  protected async replaceableDocuments(accountId: string, kind: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    // Only bodies that may have a version are read: others can be large, and many.
    const rows = await this.#rows(
      'documents',
      `WHERE account_id = ? AND kind = ? AND document_id = ANY(?) AND body LIKE '%"version":%'`,
      [accountId, kind, ids],
    )
    return new Set(rows.filter(({ body }) => hasVersion(body)).map(({ documentId }) => documentId))
  }

  /** An account's budgets as last written. A budget whose window is over still shows what was used in that window. */
  budgets(accountId: string): Promise<BudgetRow[]> {
    return this.#rows('budgets', 'WHERE account_id = ? ORDER BY budget_id', [checkText('accountId', accountId)])
  }

  /** An account's budgets, each in its current window. */
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
   * Usage over time, by hour, day, week or month, and by what it was spent on. Reads the same sums as {@link breakdowns}.
   *
   * @throws {InvalidInputError} `from` is not before `to`, or so long before it that there are too many buckets
   */
  usageSeries(input: UsageSeriesInput): Promise<UsageSeries> {
    return usageSeries(this.#reads, input)
  }

  /**
   * Where credits went, by service and by workflow. It reads daily and hourly sums, so its cost does not grow with the usage in
   * that time. Filtered by service or provider, it lists the workflows that used it, with what they were charged for it. Their
   * counts and durations still cover all workflows of the same name.
   */
  breakdowns(filter: BreakdownFilter): Promise<Breakdowns> {
    return breakdowns(this.#reads, filter)
  }

  /**
   * Tells whose API key this is and what it may do, or `undefined` if it does not exist, was revoked or has expired. A valid key
   * is cached for ten seconds: a revocation, a rotation or a change of its services takes effect at once in this process, and in
   * others within that time. The store's clock decides when a key has expired.
   */
  authenticate(secret: string): Promise<AuthenticatedKey | undefined> {
    return this.#keys.authenticate(secret)
  }

  /**
   * Looks an API key up in the cache of {@link authenticate}, without waiting. Returns `undefined` also for a valid key that is
   * not cached. Meant for hot paths, which call `authenticate` if this finds nothing.
   */
  knownKey(secret: string): AuthenticatedKey | undefined {
    return this.#keys.known(secret)
  }

  /**
   * An API key that {@link authenticate} found earlier, as it is now, or `undefined` if it was revoked or has expired since. Meant
   * for work that outlives its request. Answers without waiting where the key was read within ten seconds and this process has not
   * changed it since. A secret that was rotated away does not end the key.
   */
  currentKey(key: AuthenticatedKey): AuthenticatedKey | undefined | Promise<AuthenticatedKey | undefined> {
    return this.#keys.current(key)
  }

  /** The API key with a prefix, valid or not, or `undefined` if there is none. Prefixes from before a rotation work too. */
  apiKey(prefix: string): Promise<ApiKeySummary | undefined> {
    return this.#keys.byPrefix(checkText('prefix', prefix))
  }

  /** An account's API keys, newest first. */
  apiKeys(accountId: string): Promise<ApiKeySummary[]> {
    return this.#keys.ofAccount(checkText('accountId', accountId))
  }

  /**
   * Replays an account's journal and checks every sum that is derived from it, as of one moment. Reads a few hundred rows at a time,
   * so that other work goes on and an account may be larger than memory. A ledger runs one verification at a time: others wait. On
   * Postgres, it keeps one connection of the pool. On SQLite, the write-ahead log grows meanwhile by what is written; a database
   * without such a log, or in memory, is first copied as a whole into memory.
   *
   * @throws {InvalidOptionError} an option is unknown, or `onRead` is no function
   */
  async verify(accountId: string, options: VerifyOptions = {}): Promise<VerifyReport> {
    checkText('accountId', accountId)
    checkOptionNames(options, verifyOptionNames, 'verify()')
    const { onRead } = options
    if (onRead !== undefined && typeof onRead !== 'function')
      throw new InvalidOptionError(`onRead of verify() must be a function, received ${typeof onRead}`)
    const run = (snapshot: Snapshot) => runOnSnapshot(verification(accountId), { snapshot, accountId, onRead })
    const verifying = this.#verifying.then(() => this.#reads.snapshot(run))
    this.#verifying = verifying.catch(() => undefined)
    try {
      return await verifying
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

  /**
   * Events, newest first: those of one account, or those of all accounts whose delivery was given up.
   *
   * @param options.limit  the most events to return. @defaultValue 100
   * @throws {InvalidOptionError} an option is unknown
   */
  async events(filter: { accountId: string } | { isGivenUp: true }, options: { limit?: number } = {}): Promise<LedgerEvent[]> {
    checkOptionNames(options, { limit: true }, 'events()')
    const { limit = 100 } = options
    const [condition, values] =
      'accountId' in filter
        ? (['account_id = ?', [checkText('accountId', filter.accountId)]] as const)
        : ([GIVEN_UP, []] as const)
    const rest = `WHERE ${condition} ORDER BY created_at DESC, account_id, event_id LIMIT ?`
    return (await this.#rows('events', rest, [...values, checkLimit(limit)])).map(eventOf)
  }

  /** How many events are waiting to be delivered, and how many were given up, for a metrics page. */
  async eventCounts(): Promise<{ waiting: number; givenUp: number }> {
    const count = async (condition: string) => {
      const text = `SELECT COUNT(*) AS total FROM {events} WHERE ${condition}`
      const [row] = await this.#reads.select({ text, values: [], columns: { total: 'integer' } })
      return Number(row?.total ?? 0)
    }
    const [waiting, givenUp] = await Promise.all([count('due_at IS NOT NULL'), count(GIVEN_UP)])
    return { waiting, givenUp }
  }

  /** @internal Events that are due for delivery, the longest due first. */
  async eventsDue(limit: number, exceptOf: readonly string[] = []): Promise<{ now: number; events: LedgerEvent[] }> {
    const now = await this.#reads.now()
    const [others, accounts] = exceptOf.length > 0 ? ['AND NOT (account_id = ANY(?)) ', [exceptOf]] : ['', []]
    const due = `WHERE due_at IS NOT NULL AND due_at <= ? ${others}ORDER BY due_at LIMIT ?`
    const rows = await this.#rows('events', due, [now, ...accounts, limit])
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

  /** The balance and the result of a query on the same account, both as of one moment. Like `balance`, applies what is due first. */
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

  /** Usage records of workflows, oldest first. SQLite reads on the event loop, so many are read a few hundred at a time. */
  async #usageOfAll(accountId: string, workflowIds: readonly string[]): Promise<UsageRow[]> {
    const [where, sought] = ofWorkflows(workflowIds)
    const few = await this.#rows('usage_records', `${where} LIMIT ?`, [accountId, sought, USAGE_AT_ONCE + 1])
    return (few.length > USAGE_AT_ONCE ? await this.#manyUsageOfAll(accountId, workflowIds) : few).sort(
      (left, right) => left.sequence - right.sequence,
    )
  }

  async #manyUsageOfAll(accountId: string, workflowIds: readonly string[]): Promise<UsageRow[]> {
    const ids = await this.#usageIdsOfAll(accountId, workflowIds)
    const rows: UsageRow[] = []
    for (let start = 0; start < ids.length; start += USAGE_AT_ONCE) {
      await setImmediate()
      const some = ids.slice(start, start + USAGE_AT_ONCE)
      rows.push(...(await this.#rows('usage_records', 'WHERE account_id = ? AND usage_id = ANY(?)', [accountId, some])))
    }
    return rows
  }

  async #usageIdsOfAll(accountId: string, workflowIds: readonly string[]): Promise<string[]> {
    const { rowNumber } = this.#reads
    const [where, sought] = ofWorkflows(workflowIds)
    const limit = rowNumber === undefined ? Number.MAX_SAFE_INTEGER : USAGE_IDS_AT_ONCE
    const first = await this.#reads.select({
      text: `SELECT usage_id FROM {usage_records} ${where} LIMIT ?`,
      values: [accountId, sought, limit],
      columns: { usageId: 'text' },
    })
    if (rowNumber === undefined || first.length < limit) return first.map(({ usageId }) => String(usageId))
    const rest = `WHERE account_id = ? AND workflow_id = ? AND ${rowNumber} > ? ORDER BY ${rowNumber} LIMIT ?`
    const text = `SELECT usage_id, ${rowNumber} FROM {usage_records} ${rest}`
    const columns = { usageId: 'text', number: 'integer' } as const
    const ids: string[] = []
    for (const workflowId of new Set(workflowIds)) {
      for (let after: number | undefined = 0; after !== undefined; ) {
        await setImmediate()
        const found = await this.#reads.select({ text, values: [accountId, workflowId, after, limit], columns })
        for (const { usageId } of found) ids.push(String(usageId))
        after = found.length < limit ? undefined : Number(found.at(-1)?.number)
      }
    }
    return ids
  }

  #rows<Name extends TableName>(name: Name, rest: string, values: Query['values']): Promise<RowsOf<Name>> {
    return this.#reads.select(rowsQuery(name, rest, values)) as unknown as Promise<RowsOf<Name>>
  }
}

/** The condition that usage is of workflows, after the value of its account. The plan for one is better than that for a list. */
function ofWorkflows(workflowIds: readonly string[]): [where: string, sought: string | readonly string[]] {
  const [workflowId, ...others] = workflowIds
  return workflowId !== undefined && others.length === 0
    ? ['WHERE account_id = ? AND workflow_id = ?', workflowId]
    : ['WHERE account_id = ? AND workflow_id = ANY(?)', workflowIds]
}

/** @param rows  one more than `limit` if there is a further page */
function pageOf(rows: RowsOf<'journal'>, limit: number): Page<JournalEntry> {
  const items = rows.slice(0, limit).map(decodeEntry)
  return { items, ...(rows.length > limit && { next: items.at(-1)?.sequence }) }
}

function eventOf({ data, eventId, type, ...row }: RowsOf<'events'>[number]): LedgerEvent {
  return { ...row, id: eventId, type, data: decodeEventData(data) } as LedgerEvent
}

function balanceOf(account: RowsOf<'accounts'>[number]): Balance {
  const { accountId, name, posted, held, creditLimit, debt, isFrozen } = account
  const available = microCredits(posted - held)
  return { accountId, name, balance: posted, held, available, creditLimit, debt, ...(isFrozen && { isFrozen }) }
}
