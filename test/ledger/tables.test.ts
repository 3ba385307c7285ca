import { citusStatements, tablePlacements } from '@farebox/ledger'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'

/** Tables that no account owns: the look-up from the start of a key to its account, what processes tell of providers, and what the migrations remember. */
const OWNED_BY_NOBODY = ['farebox_api_key_prefixes', 'farebox_provider_health', 'farebox_migrations']

interface Key {
  table: string
  kind: string
  /** Its columns, in order. */
  columns: string[]
}

const POSTGRES_KEYS = `
  SELECT t.relname AS "table",
    CASE WHEN i.indisprimary THEN 'primary' WHEN i.indisunique THEN 'unique' ELSE 'index' END AS kind,
    array_to_string(ARRAY(
      SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY AS k (number, position)
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.position
    ), ',') AS columns
  FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE n.nspname = 'public'
  UNION ALL
  SELECT t.relname, 'foreign', array_to_string(ARRAY(
      SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY AS k (number, position)
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.position
    ), ',')
  FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE c.contype = 'f' AND n.nspname = 'public'`

const SQLITE_KEYS = `
  SELECT t.name AS "table",
    CASE WHEN i.origin = 'pk' THEN 'primary' WHEN i."unique" THEN 'unique' ELSE 'index' END AS kind,
    (SELECT group_concat(k.name, ',' ORDER BY k.seqno) FROM pragma_index_info(i.name) AS k) AS columns
  FROM pragma_table_list AS t JOIN pragma_index_list(t.name) AS i WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
  UNION ALL
  SELECT t.name, 'primary', (SELECT group_concat(c.name, ',' ORDER BY c.pk) FROM pragma_table_info(t.name) AS c WHERE c.pk > 0)
  FROM pragma_table_list AS t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
  UNION ALL
  SELECT t.name, 'foreign', (SELECT group_concat(f."from", ',' ORDER BY f.seq) FROM pragma_foreign_key_list(t.name) AS f)
  FROM pragma_table_list AS t WHERE t.type = 'table' AND EXISTS (SELECT 1 FROM pragma_foreign_key_list(t.name))`

describe.each([
  ['SQLite', openSqlite, SQLITE_KEYS],
  ['Postgres', openPostgres, POSTGRES_KEYS],
])('the tables on %s', (_, open, text) => {
  let keys: Key[]
  let cleanup: () => Promise<void>
  beforeAll(async () => {
    const underTest = await open({})
    cleanup = underTest.cleanup
    await underTest.driver.migrate()
    keys = (await underTest.sql(text)).map((row) => ({
      table: String(row.table),
      kind: String(row.kind),
      columns: String(row.columns).split(','),
    }))
  })
  afterAll(() => cleanup())
  const owned = () => keys.filter(({ table }) => !OWNED_BY_NOBODY.includes(table))

  test('are those that have a place in a database that is spread out, each with the primary key that it is said to have', () => {
    const found = new Map(keys.filter(({ kind }) => kind === 'primary').map(({ table, columns }) => [table, columns]))
    for (const { name, primaryKey } of tablePlacements()) expect(found.get(name), name).toEqual(primaryKey)
    expect([...found.keys()].sort()).toEqual([...tablePlacements().map(({ name }) => name), 'farebox_migrations'].sort())
  })

  test('begin every primary, unique and foreign key with account_id, if an account owns them', () => {
    const must = owned().filter(({ kind }) => kind !== 'index')
    expect(must.length).toBeGreaterThan(12)
    expect(must.filter(({ columns }) => columns[0] !== 'account_id')).toEqual([])
  })

  test('begin every other index with account_id too, but for those of what is due on any account', () => {
    const others = owned().filter(({ kind, columns }) => kind === 'index' && columns[0] !== 'account_id')
    expect(others.toSorted((a, b) => (a.table < b.table ? -1 : 1))).toEqual([
      { table: 'farebox_accounts', kind: 'index', columns: ['next_due_at'] },
      { table: 'farebox_events', kind: 'index', columns: ['due_at'] },
    ])
  })
})

test('a Citus cluster is told of every table once, of the accounts first', () => {
  const statements = citusStatements('credits')
  expect(statements[0]).toBe("SELECT create_distributed_table('credits.farebox_accounts', 'account_id');")
  expect(statements).toContain(
    "SELECT create_distributed_table('credits.farebox_holds', 'account_id', colocate_with => 'credits.farebox_accounts');",
  )
  expect(statements.filter((text) => !text.includes('create_distributed_table'))).toEqual([
    "SELECT create_reference_table('credits.farebox_api_key_prefixes');",
    "SELECT create_reference_table('credits.farebox_provider_health');",
  ])
  expect(statements).toHaveLength(tablePlacements().length)
})
