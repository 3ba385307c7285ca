import type {
  AccountRow,
  ApiKeyRow,
  ApiKeyServiceRow,
  BudgetRow,
  DocumentRow,
  EntryRow,
  EventRow,
  GrantRow,
  HoldRow,
  KeyPrefixRow,
  Rows,
  TableName,
  UsageRow,
  WorkflowRow,
} from '../rows.ts'
import { DUE_AT_ONCE, type LoadKind, loads, tables } from '../tables.ts'
import { appliesTo, type Spender } from './budgets.ts'
import { burnOrder } from './burn-order.ts'
import { getOrInsert } from './get-or-insert.ts'
import { oldestFirst } from './hold-order.ts'
import { KeySet, restOf } from './key-set.ts'
import { RollupSums } from './rollup-sums.ts'

/** Rows to load: those of `kind` whose key columns equal one of `keys`. */
export interface LoadRequest {
  kind: LoadKind
  keys: readonly (readonly string[])[]
}

/** Rows to write, by table. Their order within a table does not matter. */
export type Changes = { [Name in TableName]: Rows[Name][] }

/** The tables to which nearly every operation adds a row, of which few change again in the same batch. */
const growing = ['holds', 'usage_records', 'journal'] as const satisfies readonly TableName[]

/** Rows that a batch has added so far. */
export type NewRows = Pick<Changes, (typeof growing)[number]>

/**
 * The part of the ledger that one batch of operations touches: the loaded rows, as the operations change them, and which of them
 * changed. It does no I/O: `missingRows` says what it lacks, and the driver loads that.
 */
export class LedgerState {
  /** The store's time, which may be earlier than the latest that an account has seen. */
  storeTime = Number.POSITIVE_INFINITY
  readonly usageRollups = new RollupSums('usage_rollups')
  readonly workflowRollups = new RollupSums('workflow_rollups')
  readonly #loaded = new KeySet()
  /** By table, by account (or whatever a primary key begins with), and by the rest of the primary key. */
  readonly #rows = new Map<TableName, Map<string, Map<string, object>>>()
  readonly #changed = new Map<TableName, Set<object>>()
  /** The rows added since they were last taken, of the tables that grow. */
  readonly #newRows = new Map<TableName, object[]>(growing.map((name) => [name, []]))
  readonly #grants = new Map<string, GrantRow[]>()
  /** The loaded budgets of each account, and the accounts that have any stored. */
  readonly #budgets = new Map<string, BudgetRow[]>()
  readonly #budgeted = new Set<string>()
  /** By account and idempotency key. */
  readonly #entries = new Map<string, Map<string, EntryRow>>()

  /** The most holds of an account that are given back at once because they are due. */
  readonly dueAtOnce: number

  constructor(dueAtOnce: number = DUE_AT_ONCE) {
    this.dueAtOnce = dueAtOnce
  }

  /** Whether these rows were loaded, so that their absence is known too. */
  has(kind: LoadKind, key: readonly string[]): boolean {
    return this.#loaded.has(kind, key)
  }

  /** Adds loaded rows. A row that is there already stays the same object. */
  put(request: LoadRequest, rows: readonly object[]): void {
    for (const key of request.keys) this.#loaded.add(request.kind, key)
    const { table } = loads[request.kind]
    for (const row of rows) {
      const known = this.#rowsLike(table, row)
      const id = restOfRow(table, row)
      if (!known.has(id)) known.set(id, row)
    }
    if (request.kind === 'entry') for (const row of rows) this.#remember(row as EntryRow)
    if (request.kind === 'grants') this.#group(this.#grants, request, (rows as GrantRow[]).toSorted(burnOrder))
    if (request.kind === 'account') for (const row of rows as AccountRow[]) if (row.hasBudgets) this.#budgeted.add(row.accountId)
    if (table === 'budgets')
      for (const accountId of new Set((rows as BudgetRow[]).map((row) => row.accountId))) this.#listBudgets(accountId)
  }

  account(accountId: string): AccountRow | undefined {
    return this.#get('accounts', accountId)
  }

  /** Grants with something left, in the order in which they are spent. */
  grants(accountId: string): GrantRow[] {
    return this.#grants.get(accountId) ?? []
  }

  grant(accountId: string, grantId: string): GrantRow | undefined {
    return this.#get('grants', accountId, grantId)
  }

  hold(accountId: string, holdId: string): HoldRow | undefined {
    return this.#get('holds', accountId, holdId)
  }

  /**
   * The open holds that were loaded for an account. After an `openHolds` load, these are all of them. After a `firstHolds` load, the
   * ones that are due first are among them, one more than are given back at once.
   */
  openHolds(accountId: string, workflowId?: string): HoldRow[] {
    const open: HoldRow[] = []
    for (const row of this.#of('holds', accountId)) {
      const hold = row as HoldRow
      if (hold.state !== 'open') continue
      if (workflowId === undefined || hold.workflowId === workflowId) open.push(hold)
    }
    return open.sort(oldestFirst)
  }

  workflow(accountId: string, workflowId: string): WorkflowRow | undefined {
    return this.#get('workflows', accountId, workflowId)
  }

  entry(accountId: string, idempotencyKey: string): EntryRow | undefined {
    return this.#entries.get(accountId)?.get(idempotencyKey)
  }

  usage(accountId: string, usageId: string): UsageRow | undefined {
    return this.#get('usage_records', accountId, usageId)
  }

  /** The loaded corrections of a usage record. */
  corrections(accountId: string, usageId: string): UsageRow[] {
    return [...(this.#of('usage_records', accountId) as Iterable<UsageRow>)].filter(({ corrects }) => corrects === usageId)
  }

  /** Puts a grant that was spent back on the list of grants to spend from. */
  reviveGrant(grant: GrantRow): void {
    if (!this.grants(grant.accountId).includes(grant)) this.#listGrant(grant)
  }

  apiKey(accountId: string, apiKeyId: string): ApiKeyRow | undefined {
    return this.#get('api_keys', accountId, apiKeyId)
  }

  keyServices(accountId: string, apiKeyId: string): ApiKeyServiceRow[] {
    const services = this.#of('api_key_services', accountId) as Iterable<ApiKeyServiceRow>
    return [...services].filter((service) => service.apiKeyId === apiKeyId)
  }

  keyPrefix(prefix: string): KeyPrefixRow | undefined {
    return this.#get('api_key_prefixes', prefix)
  }

  event(accountId: string, eventId: string): EventRow | undefined {
    return this.#get('events', accountId, eventId)
  }

  document(accountId: string, kind: string, documentId: string): DocumentRow | undefined {
    return this.#get('documents', accountId, restOf([accountId, kind, documentId]))
  }

  budget(accountId: string, budgetId: string): BudgetRow | undefined {
    return this.#get('budgets', accountId, budgetId)
  }

  /** The budgets that were loaded for an account: those of everybody whose work the batch concerns. */
  budgets(accountId: string): BudgetRow[] {
    return this.#budgets.get(accountId) ?? []
  }

  /**
   * The budgets in which the work of any of these spenders counts.
   *
   * @throws {Error} they were not loaded: `missingRows` has overlooked them, and nothing may be spent past them
   */
  budgetsOf(accountId: string, spenders: readonly Spender[]): BudgetRow[] {
    if (this.#budgeted.has(accountId)) for (const spender of spenders) this.#checkBudgetsOf(accountId, spender)
    return this.budgets(accountId).filter((budget) => spenders.some((spender) => appliesTo(budget, spender)))
  }

  /** Adds a new row and marks it to be written. */
  insert<Name extends TableName>(table: Name, row: Rows[Name]): void {
    this.touch(table, row)
    this.#newRows.get(table)?.push(row)
    // Entries are looked up only by idempotency key.
    if (table === 'journal') {
      this.#remember(row as EntryRow)
      return
    }
    this.#rowsLike(table, row).set(restOfRow(table, row), row)
    if (table === 'grants') this.#listGrant(row as GrantRow)
    if (table === 'budgets') this.#listBudgets((row as BudgetRow).accountId)
  }

  /** Marks a changed row to be written. */
  touch<Name extends TableName>(table: Name, row: Rows[Name]): void {
    getOrInsert(this.#changed, table, () => new Set<object>()).add(row)
  }

  /** Takes a grant with nothing left off the list of grants to spend from. */
  dropGrant(grant: GrantRow): void {
    const open = this.grants(grant.accountId)
    const at = open.indexOf(grant)
    if (at >= 0) open.splice(at, 1)
  }

  /** Returns the rows added since it was last called, for the caller to write. They count as unchanged from then on. */
  takeNewRows(): NewRows {
    const taken = Object.fromEntries(this.#newRows) as object
    for (const [name, rows] of this.#newRows) {
      for (const row of rows) this.#changed.get(name)?.delete(row)
      this.#newRows.set(name, [])
    }
    return taken as NewRows
  }

  changes(): Changes {
    const changes = {} as Record<TableName, object[]>
    for (const name of Object.keys(tables) as TableName[]) changes[name] = [...(this.#changed.get(name) ?? [])]
    changes.usage_rollups = this.usageRollups.rows
    changes.workflow_rollups = this.workflowRollups.rows
    return changes as Changes
  }

  #remember(entry: EntryRow): void {
    if (entry.idempotencyKey === null) return
    getOrInsert(this.#entries, entry.accountId, () => new Map<string, EntryRow>()).set(entry.idempotencyKey, entry)
  }

  #listGrant(grant: GrantRow): void {
    const open = this.grants(grant.accountId)
    open.push(grant)
    this.#grants.set(grant.accountId, open.sort(burnOrder))
  }

  #listBudgets(accountId: string): void {
    this.#budgets.set(accountId, ([...this.#of('budgets', accountId)] as BudgetRow[]).sort(byId))
  }

  #checkBudgetsOf(accountId: string, { userId, apiKeyId }: Spender): void {
    const isLoaded =
      this.has('sharedBudgets', [accountId]) &&
      ((userId ?? null) === null || this.has('userBudgets', [accountId, userId as string])) &&
      ((apiKeyId ?? null) === null || this.has('keyBudgets', [accountId, apiKeyId as string]))
    if (!isLoaded) throw new Error(`the budgets of user ${userId} and key ${apiKeyId} were not loaded`)
  }

  #group<Row extends { accountId: string }>(groups: Map<string, Row[]>, request: LoadRequest, rows: readonly Row[]): void {
    for (const [accountId = ''] of request.keys) groups.set(accountId, [])
    for (const row of rows) groups.get(row.accountId)?.push(row)
  }

  /** @param rest  the rest of the primary key, see {@link restOf} */
  #get<Name extends TableName>(table: Name, first: string, rest = ''): Rows[Name] | undefined {
    return this.#rows.get(table)?.get(first)?.get(rest) as Rows[Name] | undefined
  }

  /** The rows of one table and account. */
  #of(table: TableName, accountId: string): Iterable<object> {
    return this.#rows.get(table)?.get(accountId)?.values() ?? []
  }

  /** The rows of one table whose primary keys begin like that of `row`. */
  #rowsLike(table: TableName, row: object): Map<string, object> {
    const byFirst = getOrInsert(this.#rows, table, () => new Map<string, Map<string, object>>())
    const first = (row as Record<string, string>)[keyProperties[table][0] ?? ''] ?? ''
    return getOrInsert(byFirst, first, () => new Map<string, object>())
  }
}

/** The order in which budgets count and are counted in. Databases return rows in orders of their own. */
function byId(a: BudgetRow, b: BudgetRow): number {
  return a.budgetId < b.budgetId ? -1 : 1
}

function restOfRow(table: TableName, row: object): string {
  const values = row as Record<string, string>
  const [, second, third] = keyProperties[table]
  if (second === undefined) return ''
  return third === undefined ? (values[second] ?? '') : restOf(keyProperties[table].map((property) => values[property] ?? ''))
}

/** The properties that make up each table's primary key. */
const keyProperties = Object.fromEntries(
  Object.values(tables).map((table) => [
    table.name,
    table.primaryKey.map((name) => table.columns.find((column) => column.name === name)?.property ?? name),
  ]),
) as Record<TableName, string[]>
