import { runBatch } from '../machine/batch.ts'
import type { Operation, Outcome } from '../operations.ts'
import type { Rows, TableName } from '../rows.ts'
import { DUE_AT_ONCE, type Load, type LoadKind, loads, tables } from '../tables.ts'
import { runInMemory } from '../verify/scan.ts'
import { verification } from '../verify/verification.ts'
import { dueFirst } from './due-first.ts'

/** 2026-07-15 12:00:30 UTC, a Wednesday. */
export const START = Date.UTC(2026, 6, 15, 12, 0, 30)

/** The rows of the ledger in memory, driven as a database driver does. */
export class MemoryRows {
  now = START
  /** Whether rows are loaded newest first: a database gives them in any order. */
  isBackwards = false
  /** How many holds of an account one transaction gives back because they are due. */
  dueAtOnce = DUE_AT_ONCE
  transactions = 0
  /** What was loaded, in order. */
  readonly requested: LoadKind[] = []
  readonly #rows = new Map<TableName, Map<string, Record<string, unknown>>>()

  commit(operations: readonly Operation[]): Outcome[] {
    for (;;) {
      const outcomes = this.commitOnce(operations)
      if (outcomes) return outcomes
    }
  }

  /** One transaction. No outcomes if the batch has to be run again. */
  commitOnce(operations: readonly Operation[]): Outcome[] | undefined {
    this.transactions++
    const batch = runBatch(operations, { dueAtOnce: this.dueAtOnce })
    let step = batch.next()
    while (!step.done) {
      this.requested.push(...step.value.map(({ kind }) => kind))
      const rows = step.value.map(({ kind, keys }) => keys.flatMap((key) => this.#load(kind, key)))
      step = batch.next({ now: this.now, rows })
    }
    for (const [name, changed] of Object.entries(step.value.changes) as [TableName, object[]][]) {
      for (const row of changed) this.#write(name, structuredClone(row) as Record<string, unknown>)
    }
    return step.value.outcomes
  }

  all<Name extends TableName>(name: Name): Rows[Name][] {
    return [...this.#table(name).values()] as unknown as Rows[Name][]
  }

  /** Everything, for comparison. */
  dump(): unknown {
    const names = (Object.keys(tables) as TableName[]).sort()
    return structuredClone(names.map((name) => [name, [...this.#table(name)].sort(([a], [b]) => (a < b ? -1 : 1))]))
  }

  get account(): Rows['accounts'] {
    const [account] = this.all('accounts')
    if (!account) throw new Error('the account was not opened')
    return account
  }

  /** What does not add up in the books of the one account. */
  verify(): unknown {
    return runInMemory(verification(this.account.accountId), (table) => this.all(table)).mismatches
  }

  #load(kind: LoadKind, key: readonly string[]): object[] {
    const { table, by } = loads[kind]
    const properties = by.map((name) => tables[table].columns.find((column) => column.name === name)?.property ?? name)
    const rows = [...this.#table(table).values()]
    const wanted = (this.isBackwards ? rows.reverse() : rows).filter(
      (row) => properties.every((property, index) => row[property] === key[index]) && isWanted(kind, row),
    )
    return dueFirst(kind, wanted, this.dueAtOnce).map((row) => structuredClone(row))
  }

  #write(name: TableName, row: Record<string, unknown>): void {
    const { mode, primaryKey, columns } = tables[name]
    const id = primaryKey.map((key) => row[columns.find((column) => column.name === key)?.property ?? key]).join(' ')
    const known = this.#table(name).get(id)
    if (known && mode === 'insert') throw new Error(`${name} ${id} was inserted twice`)
    if (known && mode === 'add') {
      for (const [property, value] of Object.entries(row)) {
        if (typeof value === 'bigint') known[property] = (known[property] as bigint) + value
      }
    } else this.#table(name).set(id, row)
  }

  #table(name: TableName): Map<string, Record<string, unknown>> {
    const table = this.#rows.get(name) ?? new Map()
    this.#rows.set(name, table)
    return table
  }
}

function isWanted(kind: LoadKind, row: Record<string, unknown>): boolean {
  if ((loads[kind] as Load).where === `state = 'open'`) return row.state === 'open'
  if (kind === 'sharedBudgets') return row.userId === null && row.apiKeyId === null
  return kind !== 'grants' || row.state === 'pending' || row.state === 'active' || (row.pinned as bigint) > 0n
}
