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
  UsageRollupRow,
  UsageRow,
  WorkflowRollupRow,
  WorkflowRow,
} from '../rows.ts'
import { type LoadKind, loads, tables } from '../tables.ts'
import { burnOrder } from './burn-order.ts'

/** Rows to load: of `kind`, those whose columns equal one of `keys`. */
export interface LoadRequest {
  kind: LoadKind
  keys: readonly (readonly string[])[]
}

/** Rows to write, in any order within one table. */
export type Changes = { [Name in TableName]: Rows[Name][] }

/**
 * The part of the ledger that one batch of operations touches: the rows that were loaded, as the operations change them, and
 * which of them changed. It does no I/O: it says what it lacks, and is given it.
 */
export class LedgerState {
  readonly #loaded = new Set<string>()
  readonly #rows = new Map<TableName, Map<string, object>>()
  readonly #changed = new Map<TableName, Set<object>>()
  readonly #grants = new Map<string, GrantRow[]>()
  readonly #budgets = new Map<string, BudgetRow[]>()

  /** Whether these rows, or their absence, are known. */
  has(kind: LoadKind, key: readonly string[]): boolean {
    return this.#loaded.has(`${kind}\0${joinKey(key)}`)
  }

  /** Takes what was loaded. A row that an earlier load brought stays the same object. */
  put(request: LoadRequest, rows: readonly object[]): void {
    for (const key of request.keys) this.#loaded.add(`${request.kind}\0${joinKey(key)}`)
    const { table } = loads[request.kind]
    const known = this.#table(table)
    for (const row of rows) {
      const id = rowKey(table, row)
      if (!known.has(id)) known.set(id, row)
    }
    if (request.kind === 'entry') for (const row of rows) this.#remember(row as EntryRow)
    if (request.kind === 'grants') this.#group(this.#grants, request, rows as GrantRow[])
    if (request.kind === 'budgets') this.#group(this.#budgets, request, rows as BudgetRow[])
    if (request.kind === 'grants') for (const [accountId] of request.keys) this.#grants.get(accountId ?? '')?.sort(burnOrder)
  }

  account(accountId: string): AccountRow | undefined {
    return this.#get('accounts', accountId)
  }

  /** Grants that are spendable now or later, in the order in which they are spent. */
  grants(accountId: string): GrantRow[] {
    return this.#grants.get(accountId) ?? []
  }

  grant(accountId: string, grantId: string): GrantRow | undefined {
    return this.#get('grants', accountId, grantId)
  }

  hold(accountId: string, holdId: string): HoldRow | undefined {
    return this.#get('holds', accountId, holdId)
  }

  /** The open holds that were loaded for an account; all of them after an `openHolds` load. */
  openHolds(accountId: string, workflowId?: string): HoldRow[] {
    const open: HoldRow[] = []
    for (const row of this.#table('holds').values()) {
      const hold = row as HoldRow
      if (hold.accountId !== accountId || hold.state !== 'open') continue
      if (workflowId === undefined || hold.workflowId === workflowId) open.push(hold)
    }
    return open.sort((a, b) => a.createdAt - b.createdAt || (a.holdId < b.holdId ? -1 : 1))
  }

  workflow(accountId: string, workflowId: string): WorkflowRow | undefined {
    return this.#get('workflows', accountId, workflowId)
  }

  entry(accountId: string, idempotencyKey: string): EntryRow | undefined {
    return this.#entries.get(`${accountId}\0${idempotencyKey}`)
  }

  usage(accountId: string, usageId: string): UsageRow | undefined {
    return this.#get('usage_records', accountId, usageId)
  }

  /** The records that were loaded as corrections of one. */
  corrections(accountId: string, usageId: string): UsageRow[] {
    return [...this.#table('usage_records').values()].filter((row): row is UsageRow => {
      const record = row as UsageRow
      return record.accountId === accountId && record.corrects === usageId
    })
  }

  /** Puts a grant that was spent back on the list of those that are spent from. */
  reviveGrant(grant: GrantRow): void {
    const open = this.grants(grant.accountId)
    if (!open.includes(grant)) open.push(grant)
    this.#grants.set(grant.accountId, open.sort(burnOrder))
  }

  apiKey(accountId: string, apiKeyId: string): ApiKeyRow | undefined {
    return this.#get('api_keys', accountId, apiKeyId)
  }

  keyServices(accountId: string, apiKeyId: string): ApiKeyServiceRow[] {
    return [...this.#table('api_key_services').values()].filter((row): row is ApiKeyServiceRow => {
      const service = row as ApiKeyServiceRow
      return service.accountId === accountId && service.apiKeyId === apiKeyId
    })
  }

  keyPrefix(prefix: string): KeyPrefixRow | undefined {
    return this.#get('api_key_prefixes', prefix)
  }

  event(accountId: string, eventId: string): EventRow | undefined {
    return this.#get('events', accountId, eventId)
  }

  document(accountId: string, kind: string, documentId: string): DocumentRow | undefined {
    return this.#get('documents', accountId, kind, documentId)
  }

  budgets(accountId: string): BudgetRow[] {
    return this.#budgets.get(accountId) ?? []
  }

  /** Adds a new row, and remembers to write it. */
  insert<Name extends TableName>(table: Name, row: Rows[Name]): void {
    this.#table(table).set(rowKey(table, row), row)
    this.touch(table, row)
    if (table === 'grants') {
      const grant = row as GrantRow
      const open = this.grants(grant.accountId)
      open.push(grant)
      this.#grants.set(grant.accountId, open.sort(burnOrder))
    }
    if (table === 'budgets') {
      const budget = row as BudgetRow
      this.#budgets.set(budget.accountId, [...this.budgets(budget.accountId), budget])
    }
    if (table === 'journal') this.#remember(row as EntryRow)
  }

  /** Remembers to write a row that was changed. */
  touch<Name extends TableName>(table: Name, row: Rows[Name]): void {
    getOrInsert(this.#changed, table, () => new Set<object>()).add(row)
  }

  /** Takes a grant with nothing left off the list of those that are spent from. */
  dropGrant(grant: GrantRow): void {
    const open = this.grants(grant.accountId)
    const at = open.indexOf(grant)
    if (at >= 0) open.splice(at, 1)
  }

  /** Adds to the counters of a rollup. Several additions in one batch are one write. */
  add(table: 'usage_rollups', row: UsageRollupRow): void
  add(table: 'workflow_rollups', row: WorkflowRollupRow): void
  add(table: 'usage_rollups' | 'workflow_rollups', row: UsageRollupRow | WorkflowRollupRow): void {
    const known = this.#table(table)
    const id = rowKey(table, row)
    const sums = known.get(id) as Record<string, unknown> | undefined
    if (!sums) {
      known.set(id, row)
      this.touch(table, row)
      return
    }
    const added = row as unknown as Record<string, bigint>
    for (const property of counters[table]) sums[property] = (sums[property] as bigint) + (added[property] ?? 0n)
  }

  changes(): Changes {
    const changes = {} as Record<TableName, object[]>
    for (const name of Object.keys(tables) as TableName[]) changes[name] = [...(this.#changed.get(name) ?? [])]
    return changes as Changes
  }

  readonly #entries = new Map<string, EntryRow>()

  #remember(entry: EntryRow): void {
    if (entry.idempotencyKey !== null) this.#entries.set(`${entry.accountId}\0${entry.idempotencyKey}`, entry)
  }

  #group<Row extends { accountId: string }>(groups: Map<string, Row[]>, request: LoadRequest, rows: readonly Row[]): void {
    for (const [accountId = ''] of request.keys) groups.set(accountId, [])
    for (const row of rows) groups.get(row.accountId)?.push(row)
  }

  #get<Name extends TableName>(table: Name, ...key: string[]): Rows[Name] | undefined {
    return this.#table(table).get(joinKey(key)) as Rows[Name] | undefined
  }

  #table(name: TableName): Map<string, object> {
    return getOrInsert(this.#rows, name, () => new Map<string, object>())
  }
}

/** The value of a key, made at first use. */
export function getOrInsert<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

/** One text for a key of several columns. Most have one or two, which need no loop. */
export function joinKey(key: readonly string[]): string {
  if (key.length === 1) return key[0] ?? ''
  return key.length === 2 ? `${key[0]}\0${key[1]}` : key.join('\0')
}

function rowKey(table: TableName, row: object): string {
  const values = row as Record<string, unknown>
  const [first = '', second, ...others] = keyProperties[table]
  if (second === undefined) return String(values[first])
  let key = `${values[first]}\0${values[second]}`
  for (const property of others) key += `\0${values[property]}`
  return key
}

/** What a rollup counts. */
const counters = { usage_rollups: countersOf('usage_rollups'), workflow_rollups: countersOf('workflow_rollups') }

function countersOf(table: TableName): string[] {
  return tables[table].columns.filter(({ type }) => type === 'bigint').map(({ property }) => property)
}

const keyProperties = Object.fromEntries(
  Object.values(tables).map((table) => [
    table.name,
    table.primaryKey.map((name) => table.columns.find((column) => column.name === name)?.property ?? name),
  ]),
) as Record<TableName, string[]>
