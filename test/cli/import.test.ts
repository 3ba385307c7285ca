import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { farebox } from './run-farebox.ts'

const MAIN = join(import.meta.dirname, '../../packages/farebox/src/cli/main.ts')

let folder: string
let database: TestDatabase
beforeAll(async () => {
  folder = databaseFolder('import')
  database = await createTestDatabase()
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await database.drop()
})

async function file(name: string, ...lines: string[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, lines.join('\n'))
  return path
}

/** A store of its own that has been migrated. */
async function newStore(kind: 'SQLite' | 'Postgres', name: string): Promise<string[]> {
  const at = kind === 'SQLite' ? ['--store', join(folder, `${name}.db`)] : ['--store', database.url, '--schema', name]
  expect((await farebox('migrate', ...at)).code).toBe(0)
  return at
}

function open(at: readonly string[]): Ledger {
  const [, store = '', , schema] = at
  return schema === undefined
    ? new Ledger<unknown>(sqlite({ filename: store }))
    : new Ledger<unknown>(postgres({ connectionString: store, schema }))
}

async function balances(at: readonly string[]): Promise<Record<string, string>> {
  const { lines } = await farebox('accounts', '--json', ...at)
  const rows = JSON.parse(lines.join('\n')) as { account: string; balance: string }[]
  return Object.fromEntries(rows.map(({ account, balance }) => [account, balance]))
}

async function report(...parameters: string[]) {
  const { code, lines, errors } = await farebox('import', ...parameters, '--json')
  expect(errors).toEqual([])
  return { code, ...(JSON.parse(lines.join('\n')) as Record<string, unknown>) }
}

describe.each(['SQLite', 'Postgres'] as const)('into %s', (kind) => {
  test('a CSV file becomes accounts with balances; a second run grants nothing and says what has changed', async () => {
    const at = await newStore(kind, 'from_csv')
    const path = await file(
      'balances.csv',
      '\uFEFFid,email,credit_balance,name',
      'ada,ada@example.com,1500.25,Ada Lovelace',
      '"grace, h",g@example.com," 12 ","Grace ""Amazing"" Hopper"',
      '',
      'alan,a@example.com,0,',
      'edsger,e@example.com,-3,Edsger',
      'comma,c@example.com,1,000,Comma',
    )
    const first = await report(path, ...at)
    expect(first).toEqual({
      code: 2,
      status: 'imported',
      rows: 5,
      accounts_created: 3,
      granted: 2,
      credits_granted: '1512.25',
      without_credits: 1,
      imported_before: 0,
      different: 0,
      failed: 2,
      problems: [
        { line: 6, account: 'edsger', kind: 'failed', reason: 'the balance is negative: "-3"' },
        { line: 7, kind: 'failed', reason: 'the row has 5 fields, the first line names 4' },
      ],
    })
    expect(await balances(at)).toEqual({ ada: '1500.25', 'grace, h': '12', alan: '0' })
    const again = await file('again.csv', 'credit_balance;id', '1500.250;ada', '13;grace, h', '0;alan')
    expect(await report(again, '--delimiter', ';', ...at)).toMatchObject({
      code: 2,
      granted: 0,
      imported_before: 2,
      different: 1,
      problems: [{ line: 3, account: 'grace, h', kind: 'different', reason: expect.stringContaining('has 13 credits') }],
    })
    expect(await balances(at)).toEqual({ ada: '1500.25', 'grace, h': '12', alan: '0' })
    const verified = await farebox('verify', ...at)
    expect([verified.code, verified.lines]).toEqual([0, ['3 accounts verified, 0 mismatches']])
  })

  test('a dry run and a strict run say so, and write nothing', async () => {
    const at = await newStore(kind, 'planned')
    const path = await file('planned.csv', 'user,credits', 'ada,5', 'bad,five')
    const named = ['--id-column', 'user', '--balance-column', 'credits']
    const dry = await farebox('import', path, '--dry-run', ...named, ...at)
    expect(dry.code).toBe(2)
    expect(dry.lines.slice(0, 4)).toEqual([
      'dry run: nothing was written',
      '2 rows read',
      '1 account to be created',
      '1 to be granted, 5 credits in all',
    ])
    const strict = await farebox('import', path, '--strict', ...named, ...at)
    expect([strict.code, strict.lines[0]]).toEqual([1, 'refused: nothing was written'])
    expect(strict.tables).toEqual([
      [{ line: 3, account: 'bad', kind: 'failed', reason: 'the balance is not a plain decimal: "five"' }],
    ])
    expect(await balances(at)).toEqual({})
  })

  test('killed half-way and run again, every user has the balance once', async () => {
    const at = await newStore(kind, 'killed')
    const count = 4_000
    const rows = Array.from({ length: count }, (_, index) => `u${index},${index}.5`)
    const path = await file('many.csv', 'id,credit_balance', ...rows)
    const ledger = open(at)
    const child = spawn(process.execPath, [...process.execArgv, MAIN, 'import', path, ...at], { stdio: 'ignore' })
    const exited = once(child, 'exit')
    // Some are in, most are not.
    while ((await ledger.accounts({ limit: 300 })).length < 300) await new Promise((resolve) => setTimeout(resolve, 2))
    child.kill('SIGKILL')
    expect((await exited)[1]).toBe('SIGKILL')
    const second = await report(path, ...at)
    expect(second).toMatchObject({ code: 0, rows: count, different: 0, failed: 0 })
    const { granted, imported_before: before } = second as unknown as { granted: number; imported_before: number }
    expect(granted + before).toBe(count)
    expect(before).toBeGreaterThan(0)
    expect(granted).toBeGreaterThan(0)
    const found = new Map((await ledger.accounts({ limit: 2 * count })).map(({ accountId, balance }) => [accountId, balance]))
    expect(found.size).toBe(count)
    for (let index = 0; index < count; index++) expect(found.get(`u${index}`)).toBe(credits(`${index}.5`))
    expect((await ledger.verify('u7')).mismatches).toEqual([])
    await ledger.close()
  })

  test('the users of a Postgres table come in to the last decimal, from wherever it is', async () => {
    const at = await newStore(kind, 'from_postgres')
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query('DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app')
    await client.query(
      'CREATE TABLE app."User Table" (user_id bigint, "Balance" numeric(20,10), title text, rough double precision)',
    )
    await client.query(`INSERT INTO app."User Table" VALUES
      (9007199254740993, 900719925.474099, 'Big', 0.1), (2, 0.1, NULL, 5), (3, NULL, 'None', 6), (4, 'NaN', 'Nan', 7)`)
    const from = ['--from', database.url, '--table', 'app.User Table', '--id-column', 'user_id']
    expect(await report(...from, '--balance-column', 'Balance', '--name-column', 'title', ...at)).toMatchObject({
      rows: 4,
      granted: 2,
      problems: [
        { line: 2, account: '3', reason: 'the row has no balance' },
        { line: 3, account: '4', reason: 'the balance is not a plain decimal: "NaN"' },
      ],
    })
    expect(await balances(at)).toEqual({ '9007199254740993': '900719925.474099', '2': '0.1' })
    expect(await report(...from, '--balance-column', 'rough', '--import-id', 'rough', ...at)).toMatchObject({
      granted: 3,
      problems: [
        { line: 4, account: '9007199254740993', reason: expect.stringContaining('floating point, which does not hold 0.1') },
      ],
    })
    await client.end()
  })

  test('the users of a SQLite table come in too, and of floating point only what is whole', async () => {
    const at = await newStore(kind, 'from_sqlite')
    const app = new Database(join(folder, `app-${kind}.db`))
    app.exec(`CREATE TABLE users (id INTEGER, credit_balance, name TEXT)`)
    app.exec(`INSERT INTO users VALUES (9007199254740993, '12.000001', 'Text'), (2, 7, NULL), (3, 100.0, 'Whole'), (4, 12.1, 'Rough'),
      (5, NULL, 'None'), (6, x'00', 'Blob'), (NULL, 5, 'Nobody')`)
    app.close()
    const from = ['--from', join(folder, `app-${kind}.db`), '--table', 'users', '--name-column', 'name']
    const first = await report(...from, ...at)
    expect(first).toMatchObject({ code: 2, rows: 7, granted: 3, failed: 4 })
    expect((first as unknown as { problems: { reason: string }[] }).problems.map(({ reason }) => reason)).toEqual([
      'the row has no id',
      expect.stringMatching(/floating point, which does not hold 12\.1 exactly/),
      'the row has no balance',
      'the balance is not a number: a BLOB',
    ])
    expect(await balances(at)).toEqual({ '9007199254740993': '12.000001', '2': '7', '3': '100' })
    const ledger = open(at)
    expect(await ledger.balance('3')).toMatchObject({ name: 'Whole', balance: credits(100) })
    await ledger.close()
  })
})

test('users whose ids differ in a letter that is not UTF-8 do not become one user', async () => {
  const path = join(folder, 'latin1.csv')
  await writeFile(path, Buffer.from('id,credit_balance\njos\u00e9,5\njos\u00e8,5\nana,6\n', 'latin1'))
  const at = await newStore('SQLite', 'latin1')
  const reason = 'the row is not UTF-8: save the file as UTF-8'
  expect(await report(path, ...at)).toMatchObject({
    code: 2,
    granted: 1,
    problems: [
      { line: 2, reason },
      { line: 3, reason },
    ],
  })
  expect(await balances(at)).toEqual({ ana: '6' })
})

test('a file that was put together of two, whose lines end in different ways, is read to its end', async () => {
  const path = await file('mixed.csv', 'id,credit_balance\r', 'ada,5\r', 'bob,6', '"carol",7', 'dan,8')
  const at = await newStore('SQLite', 'mixed')
  expect(await report(path, ...at)).toMatchObject({ code: 0, granted: 4, failed: 0 })
  expect(await balances(at)).toEqual({ ada: '5', bob: '6', carol: '7', dan: '8' })
})

test('a strict import of a pipe, which can be read only once, is refused and does not find it empty', async () => {
  const at = await newStore('SQLite', 'piped')
  const path = await file('piped.csv', 'id,credit_balance', 'ada,5')
  const piped = (...parameters: string[]) =>
    spawnSync('sh', ['-c', 'cat "$0" | "$@"', path, process.execPath, ...process.execArgv, MAIN, 'import', ...parameters, ...at])
  const { status, stderr } = piped('/dev/stdin', '--strict')
  const refusal = 'farebox: --strict reads the rows twice, and /dev/stdin is a pipe: write them to a file first\n'
  expect([status, stderr.toString()]).toEqual([1, refusal])
  expect(piped('/dev/stdin').status).toBe(0)
  expect(await balances(at)).toEqual({ ada: '5' })
})

test('a file whose columns are separated by something else says which option names that, and a tab is written as \\t', async () => {
  const at = await newStore('SQLite', 'tabs')
  const path = await file('tabs.tsv', 'id\tcredit_balance', 'ada\t5')
  expect((await farebox('import', path, ...at)).errors).toEqual([
    expect.stringMatching(/: name it with --id-column, or what separates the columns with --delimiter$/),
  ])
  expect(await report(path, '--delimiter', '\\t', ...at)).toMatchObject({ code: 0, granted: 1 })
})

test('of every kind of floating point in a Postgres source, what is whole comes in, and nothing else', async () => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`
    CREATE DOMAIN rough AS double precision; CREATE DOMAIN rough_credits AS rough;
    CREATE TABLE roughly (id int, plain real, domain rough_credits);
    INSERT INTO roughly VALUES (1, 1000000, 5), (2, 123456792, 1000000), (3, 99999.99, 99999.99)`)
  for (const [column, expected] of [
    ['plain', { '1': '1000000', '2': '123456792' }],
    ['domain', { '1': '5', '2': '1000000' }],
  ] as const) {
    const at = await newStore('SQLite', `rough_${column}`)
    const from = ['--from', database.url, '--table', 'roughly', '--balance-column', column]
    const problems = [{ account: '3', reason: expect.stringContaining('floating point, which does not hold 99999.99') }]
    expect(await report(...from, ...at)).toMatchObject({ granted: 2, problems })
    expect(await balances(at)).toEqual(expected)
  }
  await client.end()
})

test('a Postgres source that shortens what is floating point, or whose text is in no encoding, is not believed', async () => {
  const at = await newStore('SQLite', 'shortening')
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const name = `${client.database}_ascii`
  await client.query(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
  try {
    // As every server before Postgres 12 does.
    await client.query(`ALTER DATABASE ${name} SET extra_float_digits = 0`)
    const source = new URL(database.url)
    source.pathname = name
    const app = new pg.Client({ connectionString: source.href })
    await app.connect()
    await app.query('CREATE TABLE members (id text, rough real, whole int)')
    await app.query("INSERT INTO members VALUES ('1', 99999.99, 5), ('2', 100000, 5)")
    const from = ['--from', source.href, '--table', 'members', '--balance-column']
    expect(await report(...from, 'rough', ...at)).toMatchObject({
      granted: 1,
      credits_granted: '100000',
      problems: [{ account: '1', reason: expect.stringContaining('does not hold 99999.99') }],
    })
    await app.query("SET client_encoding = 'SQL_ASCII'; INSERT INTO members VALUES (E'jos\\351', 1, 5)")
    await app.end()
    expect(await farebox('import', ...from, 'whole', ...at)).toMatchObject({
      code: 1,
      errors: [expect.stringMatching(/the table members of the source holds text that is not in its encoding/)],
    })
  } finally {
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await client.end()
  }
})

test('an app can import from a table in the very file that the ledger is in', async () => {
  const path = join(folder, 'both.db')
  const app = new Database(path)
  app.exec('CREATE TABLE members (id TEXT, credit_balance TEXT)')
  const insert = app.prepare('INSERT INTO members VALUES (?, ?)')
  app.exec('BEGIN')
  for (let index = 0; index < 1_000; index++) insert.run(`m${index}`, '2.5')
  app.exec('COMMIT')
  app.close()
  expect((await farebox('migrate', '--store', path)).code).toBe(0)
  expect(await report('--from', path, '--table', 'members', '--store', path)).toMatchObject({
    code: 0,
    granted: 1_000,
    credits_granted: '2500',
  })
})

test('a SQLite file that is misspelt is said to be absent, and not to be copied', async () => {
  const store = join(folder, 'into.db')
  await farebox('migrate', '--store', store)
  const absent = join(folder, 'absent.db')
  expect(await farebox('import', '--from', absent, '--table', 'users', '--store', store)).toMatchObject({
    code: 1,
    errors: [`farebox: cannot open ${absent}: there is no such file`],
  })
})

describe('what cannot be imported is said in one line, and exit code 1', () => {
  test.each<[string, () => Promise<string[]>, RegExp]>([
    ['nothing to import', async () => [], /give either a CSV file or --from/],
    ['two sources', async () => [await file('x.csv', 'id'), '--from', 'y.db'], /give either a CSV file or --from/],
    ['a table without a name', async () => ['--from', 'y.db'], /--table is missing/],
    [
      'a URL of another kind',
      async () => ['--from', 'mysql://root:secret@x', '--table', 't'],
      /^farebox: --from must be .*mysql:\/\/…$/,
    ],
    [
      'a URL whose password makes it none',
      async () => ['--from', 'postgres://app:se#cret@127.0.0.1/app', '--table', 't'],
      /^farebox: connectionString is no URL: in a password, (?!.*cret)/,
    ],
    [
      'a URL with a per cent sign that encodes no text',
      async () => ['--from', 'postgres://app:se%adcret@127.0.0.1/app', '--table', 't'],
      /^farebox: connectionString is no URL: in a password, .* % as %25$/,
    ],
    ['a file that is not there', async () => [join(folder, 'none.csv')], /there is no file .*none\.csv/],
    ['a folder', async () => [folder], /cannot be read \(EISDIR\)/],
    ['an empty file', async () => [await file('empty.csv', '')], /is empty: its first line must name the columns/],
    [
      'a column that is not there',
      async () => [await file('other.csv', 'user,credits', 'ada,5')],
      /there is no column "id" in .*, which has user, credits: name it with --id-column/,
    ],
    [
      'a column that is there twice',
      async () => [await file('twice.csv', 'id,credit_balance,id', 'ada,5,eve')],
      /there are two columns "id"/,
    ],
    [
      'a quote that is never closed',
      async () => [await file('quote.csv', 'id,credit_balance', 'ada,5', '"eve,6', 'x,7')],
      /is no CSV from line \d on: Quote Not Closed/,
    ],
    [
      'the line where that quote opened, not where the file ends',
      async () => [await file('quoted.csv', 'id,credit_balance', 'ada,5', '"eve,6', 'x,7', 'y,8', 'z,9')],
      /is no CSV from line 3 on: Quote Not Closed/,
    ],
    [
      'nor where another quote seems to close it',
      async () => [await file('closing.csv', 'id,credit_balance', 'ada,5', '"eve,6', 'x,7', '"bob",8', 'z,9')],
      /is no CSV from line 3 on: Invalid Closing Quote: .* at line 5/,
    ],
    ['a SQLite file that is not there', async () => ['--from', join(folder, 'no.db'), '--table', 't'], /cannot open .*no\.db/],
    [
      'a table that is not there',
      async () => ['--from', join(folder, 'tables.db'), '--table', 't'],
      /cannot read t of .*no such table/,
    ],
    [
      'a column that the table lacks',
      async () => ['--from', join(folder, 'tables.db'), '--table', 'users', '--id-column', 'uid'],
      /cannot read users of .*no such column/,
    ],
    [
      'a Postgres table that is not there',
      async () => ['--from', database.url, '--table', 'none'],
      /there is no table none in the source/,
    ],
    [
      'a Postgres server that is not there',
      async () => ['--from', 'postgres://127.0.0.1:1/x', '--table', 'users'],
      /Postgres failed: .*ECONNREFUSED/,
    ],
  ])('%s', async (_, parameters, problem) => {
    const source = new Database(join(folder, 'tables.db'))
    source.exec('CREATE TABLE IF NOT EXISTS users (id TEXT, credit_balance TEXT)')
    source.close()
    const at = await newStore('SQLite', 'errors')
    const { code, errors, lines } = await farebox('import', ...(await parameters()), ...at)
    expect([code, lines]).toEqual([1, []])
    expect(errors[0]).toMatch(problem)
  })
})
