import type { Changes, LoadRequest } from '../../packages/ledger/src/machine/state.ts'
import type { Rows, TableName } from '../../packages/ledger/src/rows.ts'
import { DUE_AT_ONCE, type Load, type LoadKind, loads, type Table, tables } from '../../packages/ledger/src/tables.ts'
import { dueFirst } from '../../packages/ledger/src/testing/due-first.ts'

/** What a unique key says about a row that two transactions both inserted: the second must be tried again. */
export class ConflictError extends Error {}

type Row = Record<string, unknown>

/**
 * The tables of the ledger in memory, with the keys and counters that a database would enforce, and no more knowledge of money than
 * one. What is written here is durable: nothing that crashes around it takes anything away.
 */
export class MemoryStorage {
  readonly #rows = new Map<TableName, Map<string, Row>>()
  readonly #indexes = new Map<LoadKind, Map<string, Set<Row>>>()
  /** How often something of each account was written: what an optimistic transaction compares. */
  readonly #versions = new Map<string, number>()

  readonly #dueAtOnce: number

  /** @param dueAtOnce  how many holds of an account one transaction gives back because they are due */
  constructor(dueAtOnce: number = DUE_AT_ONCE) {
    this.#dueAtOnce = dueAtOnce
    for (const name of Object.keys(tables) as TableName[]) this.#rows.set(name, new Map())
    for (const kind of Object.keys(loads) as LoadKind[]) this.#indexes.set(kind, new Map())
  }

  /** The rows of a request, as copies. */
  load({ kind, keys }: LoadRequest): object[] {
    return keys.flatMap((key) => this.#wanted(kind, key).map(copyOf))
  }

  /** The rows themselves, to look at. */
  peek<Kind extends LoadKind>(kind: Kind, ...key: string[]): Rows[(typeof loads)[Kind]['table']][] {
    return this.#wanted(kind, key) as unknown as Rows[(typeof loads)[Kind]['table']][]
  }

  /**
   * Writes all changes, or none.
   *
   * @throws {ConflictError} a row that is only ever inserted is there already
   */
  write(changes: Changes): void {
    for (const [name, rows] of changed(changes)) {
      if (tables[name].mode !== 'insert') continue
      for (const row of rows) if (this.#table(name).has(keyOf(tables[name], row))) throw new ConflictError(`${name} has this row`)
    }
    for (const entry of changes.journal) {
      const isKnown = this.#indexes.get('entry')?.has(`${entry.accountId}\0${entry.idempotencyKey}`)
      if (entry.idempotencyKey !== null && isKnown) throw new ConflictError('journal has this key')
    }
    for (const [name, rows] of changed(changes)) for (const row of rows) this.#put(tables[name], copyOf(row))
    const owners = new Set(changed(changes).flatMap(([, rows]) => rows.map(({ accountId }) => accountId as string)))
    for (const accountId of owners) this.#versions.set(accountId, this.version(accountId) + 1)
  }

  version(accountId: string): number {
    return this.#versions.get(accountId) ?? 0
  }

  all<Name extends TableName>(name: Name): Rows[Name][] {
    return [...this.#table(name).values()] as unknown as Rows[Name][]
  }

  /** All rows of a table that one account has, or one of them. */
  of<Name extends Exclude<TableName, 'provider_health'>>(name: Name, accountId: string): Rows[Name][] {
    return this.all(name).filter((row) => row.accountId === accountId)
  }

  #wanted(kind: LoadKind, key: readonly string[]): Row[] {
    const name = key.join('\0')
    const wanted = [...(this.#indexes.get(kind)?.get(name) ?? [])].filter((row) => isWanted(kind, row))
    return dueFirst(kind, wanted, this.#dueAtOnce)
  }

  #put(table: Table, row: Row): void {
    const rows = this.#table(table.name)
    const key = keyOf(table, row)
    const known = rows.get(key)
    if (known && table.mode === 'add') {
      for (const [property, value] of Object.entries(row)) {
        if (typeof value === 'bigint') known[property] = (known[property] as bigint) + value
      }
      return
    }
    rows.set(key, row)
    for (const [kind, properties] of indexesOf[table.name]) {
      const index = this.#indexes.get(kind)
      const name = properties.map((property) => row[property]).join('\0')
      if (known) index?.get(properties.map((property) => known[property]).join('\0'))?.delete(known)
      const entries = index?.get(name) ?? new Set()
      index?.set(name, entries.add(row))
    }
  }

  #table(name: TableName): Map<string, Row> {
    return this.#rows.get(name) as Map<string, Row>
  }
}

/** The tables that change, each with its rows. */
function changed(changes: Changes): [TableName, Row[]][] {
  return (Object.entries(changes) as unknown as [TableName, Row[]][]).filter(([, rows]) => rows.length > 0)
}

/** A copy that shares nothing which the state machine changes: rows are flat but for lists of flat things. */
function copyOf(row: object): Row {
  const copy: Row = { ...row }
  for (const [property, value] of Object.entries(copy)) {
    if (Array.isArray(value)) copy[property] = value.map((item) => (typeof item === 'object' ? { ...item } : item))
  }
  return copy
}

function keyOf(table: Table, row: Row): string {
  return table.primaryKey.map((name) => row[propertyOf(table.name, name)]).join('\0')
}

function propertyOf(table: TableName, column: string): string {
  return tables[table].columns.find(({ name }) => name === column)?.property ?? column
}

function isWanted(kind: LoadKind, row: Row): boolean {
  const { where }: Load = loads[kind]
  if (where === undefined) return true
  if (where === `state = 'open'`) return row.state === 'open'
  if (where === 'remaining > 0') return (row.remaining as bigint) > 0n
  if (where === 'user_id IS NULL AND api_key_id IS NULL') return row.userId === null && row.apiKeyId === null
  throw new Error(`the storage in memory does not know the condition ${where}`)
}

/** By table, the loads that read it, each with the properties that it reads by. */
const indexesOf = Object.fromEntries(
  (Object.keys(tables) as TableName[]).map((name) => [
    name,
    (Object.entries(loads) as [LoadKind, Load][])
      .filter(([, load]) => load.table === name)
      .map(([kind, { by }]): [LoadKind, string[]] => [kind, by.map((column) => propertyOf(name, column))]),
  ]),
) as Record<TableName, [LoadKind, string[]][]>
