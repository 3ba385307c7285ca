import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { loadStatement } from '../sql.ts'
import { type Load, type LoadKind, loads } from '../tables.ts'
import { migrateSqlite } from './migrate.ts'
import { dialect } from './writes.ts'

const database = new Database(':memory:')
migrateSqlite(database, 0, { views: false, prefix: 'farebox_' })

test.each(Object.entries(loads) as [LoadKind, Load][])(
  '%s are found without a look at others of the account',
  (kind, { by, where, first }) => {
    const statement = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${loadStatement(kind, dialect)}`)
    const plan = statement.all(...by)
    expect(plan.slice(1).map((step) => step.detail)).toEqual(first === undefined ? [] : ['USE TEMP B-TREE FOR ORDER BY'])
    const [{ detail } = { detail: '' }] = plan
    for (const column of by) expect(detail).toContain(`${column}=?`)
    // A condition is met by an index of only those rows, or by columns of the index.
    if (where !== undefined) expect(detail).toMatch(/USING (COVERING )?INDEX farebox_/)
  },
)
