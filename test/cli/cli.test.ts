import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { farebox } from './run-farebox.ts'
import { startTlsServer } from './tls-server.ts'

let folder: string
let database: TestDatabase
beforeAll(async () => {
  folder = databaseFolder('cli')
  database = await createTestDatabase()
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await database.drop()
})

async function json(...parameters: string[]): Promise<Record<string, unknown>[]> {
  const { code, lines, errors } = await farebox(...parameters, '--json')
  expect(errors).toEqual([])
  expect(code).toBe(0)
  return JSON.parse(lines.join('\n'))
}

describe.each([
  ['SQLite', () => join(folder, 'credits.db')],
  ['Postgres', () => database.url],
])('on %s', (_, store) => {
  test('an account can be opened, filled, keyed and verified from a shell', async () => {
    const at = ['--store', store()]
    const plan = await farebox('migrate', '--plan', ...at)
    expect(plan.code).toBe(2)
    expect(plan.tables[0]).toMatchObject([
      { number: 1, name: 'ledger', checksum: expect.stringMatching(/^[0-9a-f]{64}$/) },
      { number: 2, name: 'views' },
      { number: 3, name: 'rollup_carries' },
      { number: 4, name: 'budgets_by_spender' },
      { number: 5, name: 'newest_events' },
    ])
    expect(plan.lines).toEqual(['schema version 0, 5 steps pending'])
    const withSql = await farebox('migrate', '--sql', '--no-views', ...at)
    expect(withSql.lines[0]).toBe('-- schema version 0, 4 steps pending')
    expect(withSql.lines[1]).toMatch(/^\n-- step 1: ledger\n.*CREATE TABLE (public\.)?farebox_accounts/s)
    expect(await json('migrate', ...at)).toEqual([
      { schema_version: 5, applied: 'ledger, views, rollup_carries, budgets_by_spender, newest_events' },
    ])
    expect(await farebox('migrate', '--plan', ...at)).toMatchObject({
      code: 0,
      lines: ['schema version 5, nothing is pending'],
    })
    expect(await json('migrate', ...at)).toEqual([{ schema_version: 5, applied: 'nothing: it was current' }])
    expect(await json('open-account', 'Ada', '--id', 'ada', ...at)).toEqual([{ account: 'ada' }])
    const granted = await json('grant', 'ada', '6000.5', '--key', 'order-1', ...at)
    expect(granted).toMatchObject([{ available: '6000.5', replayed: false }])
    expect(await json('grant', 'ada', '6000.5', '--key', 'order-1', ...at)).toMatchObject([{ replayed: true }])
    const [key] = await json('create-key', 'ada', '--service', 'gpt', 'voice_stt', ...at)
    const listed = { services: 'gpt, voice_stt', revoked: '', last_used: 'never' }
    expect(await json('keys', 'ada', ...at)).toMatchObject([{ ...listed, prefix: key?.prefix }])
    const [rotated] = await json('rotate-key', String(key?.prefix), '--grace-hours', '1', ...at)
    expect(rotated).toEqual({
      key: expect.stringMatching(/^fbx_/),
      prefix: expect.any(String),
      previous: key?.prefix,
      previous_until: expect.stringMatching(/Z$/),
    })
    expect(await json('keys', 'ada', ...at)).toMatchObject([{ ...listed, prefix: rotated?.prefix }])
    expect(await json('revoke-key', String(key?.prefix), ...at)).toEqual([{ prefix: key?.prefix, revoked: true }])
    await json('open-account', 'Poor', '--id', 'poor', ...at)
    expect(await json('create-key', 'poor', '--minimum-balance', '0', ...at)).toMatchObject([{ prefix: expect.any(String) }])
    const misspelt = await farebox('create-key', 'poor', '--service', 'gpt', 'tts', '--minimum-balance', '0', ...at)
    expect(misspelt).toMatchObject({
      code: 0,
      errors: [expect.stringMatching(/^tts is no service that Farebox calls.* voice_tts/)],
    })
    expect(await json('accounts', ...at)).toEqual([
      { account: 'ada', name: 'Ada', balance: '6000.5', held: '0', available: '6000.5' },
      { account: 'poor', name: 'Poor', balance: '0', held: '0', available: '0' },
    ])
    const { lines, code } = await farebox('verify', ...at)
    expect([lines, code]).toEqual([['2 accounts verified, 0 mismatches'], 0])
  })
})

describe.each([
  ['SQLite', () => join(folder, 'words.db')],
  ['Postgres', () => database.url],
])('on %s, in words that name the fix', (name, store) => {
  const run = async (...parameters: string[]) => {
    const { code, errors, lines } = await farebox(...parameters, '--store', store())
    return [code, errors, lines]
  }
  const refused = (...words: string[]) => [1, words.map((each) => `farebox: ${each}`), []]

  test('answers that were kept are deleted when they are old', async () => {
    await run('migrate')
    const accountId = `kept-${name}`
    const today = Date.now()
    for (const daysAgo of [31, 29, 2, 0]) {
      const clock = () => today - daysAgo * 86_400_000
      const ledger: Ledger = new Ledger<never>(
        name === 'Postgres' ? postgres({ connectionString: store(), clock }) : sqlite({ filename: store(), clock }),
      )
      await ledger.openAccount({ accountId, name: 'Kept' })
      await ledger.saveDocument({ accountId, kind: 'run_end', documentId: `${daysAgo}#1`, body: { answer: {} } })
      await ledger.close()
    }
    expect(await run('forget-answers')).toEqual([0, [], ['1 answer deleted']])
    expect(await run('forget-answers', '--days', '1.5', '--json')).toEqual([0, [], ['{\n  "answers_deleted": 2\n}']])
    expect(await run('forget-answers', '--days', '1.5')).toEqual([0, [], ['0 answers deleted']])
    const { code, errors } = await farebox('forget-answers', '--days', '0', '--store', store())
    expect([code, errors[0]]).toEqual([
      1,
      expect.stringMatching(/'0' is invalid.* It must be a number of days, an hour at least/),
    ])
  })

  test('one of a thing is one of it', async () => {
    await run('migrate')
    await run('open-account', 'One', '--id', `one-${name}`)
    await run('grant', `one-${name}`, '10')
    const isPostgres = name === 'Postgres'
    const { createFarebox } = await import('farebox')
    const driver = isPostgres ? postgres({ connectionString: store() }) : sqlite({ filename: store() })
    const box = createFarebox({ store: driver, providers: [] })
    const workflow = box.workflow({ accountId: `one-${name}`, name: 'chat' })
    await workflow.record('gpt', 'gpt-4o-mini', 1_000, 'tokens')
    await workflow.close()
    await box.close()
    expect(await run('usage', `one-${name}`)).toEqual([0, [], ['1 credit']])
    const [, , simulated] = await run(
      'simulate',
      '--set',
      'primary_ai_model=gpt-4o',
      '--month',
      'this',
      '--account',
      `one-${name}`,
    )
    expect(simulated).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^1 workflow with 1 call, from /),
        expect.stringMatching(/^1 credit then, 8 now: \+7 /),
      ]),
    )
    const focus = ['--format', 'focus', '--credit-price', '0.001', '--seller', 'Us', '--account', `one-${name}`]
    expect((await run('export', ...focus))[2]?.toString()).toContain('"1000 tokens of gpt-4o-mini, 1 credit"')
  })

  test('what is for the other database is refused, and not left out', async () => {
    const [option, other, its] = name === 'Postgres' ? ['--prefix', 'SQLite', '--schema'] : ['--schema', 'Postgres', '--prefix']
    expect(await run('accounts', option, 'other')).toEqual(refused(`${option} is for ${other}: give ${its}`))
  })

  test('times, names and prefixes that cannot be', async () => {
    await run('migrate')
    await run('open-account', 'Ada', '--id', 'ada')
    expect(await run('open-account', 'Bob', '--id', 'ada')).toEqual(
      refused('there is an account ada already, of another name: give another --id, or the same name'),
    )
    expect(await run('export', '--from', '2026-12-01', '--to', '2026-11-01')).toEqual(
      refused('--from must be before --to: received 2026-12-01T00:00:00.000Z and 2026-11-01T00:00:00.000Z'),
    )
    for (const range of [
      ['--from', '0001-01-01'],
      ['--to', '9999-12-31'],
    ]) {
      expect((await run('usage', 'ada', '--granularity', 'month', ...range))[0]).toBe(0)
    }
    const much = '99999999999999999999'
    expect(await run('grant', 'ada', much)).toEqual(refused(`credits must be at most 1000000000, received ${much}`))
    expect(await run('rotate-key', 'fbx_abcdefgh')).toEqual(refused('no API key "abcdefgh"'))
    expect(await run('rotate-key', 'abcdefgh', '--grace-hours', '8785')).toEqual(
      refused('--grace-hours must be a whole number from 0 to 8784, received 8785'),
    )
    expect(await run('simulate', '--prices', join(folder, 'none.json'))).toEqual(
      refused(`there is no price book ${join(folder, 'none.json')}: name a JSON file`),
    )
  })
})

test('an export of tables that are not there is no file with nothing in it', async () => {
  const ran = await farebox('export', '--store', database.url, '--schema', 'unmade')
  expect([ran.code, ran.errors, ran.lines]).toEqual([
    1,
    ['farebox: the tables are not all there yet: run farebox migrate first'],
    [],
  ])
})

test('a store that is not named is not taken for the folder that one is in', async () => {
  const { code, errors } = await farebox('accounts', '--store', '')
  expect([code, errors]).toEqual([1, ['farebox: --store is empty: give a postgres:// URL or the path of a SQLite file']])
})

test('a store whose name is blank is refused, since its tables would end with the command that makes them', async () => {
  const { code, errors } = await farebox('migrate', '--store', ' ')
  expect([code, errors]).toEqual([1, ['farebox: --store is empty: give a postgres:// URL or the path of a SQLite file']])
})

test('verify tells how far it is with an account that takes long', async () => {
  const file = join(folder, 'large.db')
  const at = ['--store', file]
  await farebox('migrate', ...at)
  await farebox('open-account', 'Ada', '--id', 'ada', ...at)
  const raw = new Database(file)
  raw.exec(`WITH RECURSIVE hours (hour) AS (SELECT 1 UNION ALL SELECT hour + 1 FROM hours LIMIT 200000)
    INSERT INTO farebox_workflow_rollups SELECT 'ada', 'hour', hour * 3600000, '', '', '', 0, 0, 0, 0 FROM hours`)
  raw.close()
  const { code, lines, errors } = await farebox('verify', ...at)
  expect([code, lines]).toEqual([0, ['1 account verified, 0 mismatches']])
  expect(errors).toEqual([expect.stringMatching(/^ada: 100\d{3} rows read$/), expect.stringMatching(/^ada: 200\d{3} rows read$/)])
})

test('verify leaves exit code 2 when a balance was changed behind the ledger', async () => {
  const file = join(folder, 'tampered.db')
  const at = ['--store', file]
  await farebox('migrate', ...at)
  await farebox('open-account', 'Ada', '--id', 'ada', ...at)
  const raw = new Database(file)
  raw.exec("UPDATE farebox_accounts SET posted = 1 WHERE account_id = 'ada'")
  raw.close()
  const { code, tables } = await farebox('verify', 'ada', ...at)
  expect(code).toBe(2)
  expect(tables[0]).toContainEqual(expect.objectContaining({ account: 'ada', kind: 'balance', expected: '0', found: '1' }))
})

test.each([
  [['grant', 'nobody', '5'], /no account "nobody"/],
  [['grant', 'poor', 'many'], /credits must be above 0, a plain decimal .* received many/],
  [['grant', 'poor', '-5'], /credits must be above 0, .* received -5/],
  [['grant', 'poor', '0.0000001'], /credits must be above 0, .* at most six decimals .* received 0\.0000001/],
  [['grant', 'poor', '1000000000.000001'], /credits must be at most 1000000000, received 1000000000\.000001/],
  [['create-key', 'poor', '--minimum-balance', '9999999999'], /credits must be at most 1000000000, received 9999999999/],
  [['export', '--out', '/no/such/folder/usage.csv'], /there is no folder \/no\/such\/folder$/],
  [['usage', 'nobody'], /no account "nobody"/],
  [['keys', 'nobody'], /no account "nobody"/],
  [['create-key', 'poor'], /an API key needs a balance of 5000 credits, 0 are available/],
  [['revoke-key', 'abcdefgh'], /no API key "abcdefgh"/],
  [['rotate-key', 'abcdefgh'], /no API key "abcdefgh"/],
  [['rotate-key', 'abcdefgh', '--grace-hours', 'never'], /--grace-hours must be a whole number/],
])('%j says what is wrong in one line, and leaves exit code 1', async (parameters, problem) => {
  const at = ['--store', join(folder, 'errors.db')]
  await farebox('migrate', ...at)
  await farebox('open-account', 'Poor', '--id', 'poor', ...at)
  const { code, errors } = await farebox(...parameters, ...at)
  expect(code).toBe(1)
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatch(problem)
})

test('tables says where each table belongs, and how a Citus cluster is told', async () => {
  const at = ['--store', database.url, '--schema', 'spread']
  const early = await farebox('tables', ...at)
  expect([early.code, early.errors]).toEqual([1, ['farebox: the tables are not all there yet: run farebox migrate first']])
  await farebox('migrate', '--no-views', ...at)
  const rows = await json('tables', ...at)
  expect(rows).toContainEqual({
    table: 'spread.farebox_holds',
    placement: 'distributed by account_id',
    primary_key: 'account_id, hold_id',
  })
  expect(rows.filter(({ placement }) => placement !== 'distributed by account_id')).toEqual([
    { table: 'spread.farebox_api_key_prefixes', placement: 'reference', primary_key: 'prefix' },
    { table: 'spread.farebox_provider_health', placement: 'reference', primary_key: 'process_id' },
  ])
  const { lines } = await farebox('tables', '--citus', ...at)
  expect(lines).toHaveLength(rows.length)
  expect(lines[0]).toBe("SELECT create_distributed_table('spread.farebox_accounts', 'account_id');")
  const file = join(folder, 'one-file.db')
  await farebox('migrate', '--store', file)
  expect(await farebox('tables', '--citus', '--store', file)).toMatchObject({
    code: 1,
    errors: ['farebox: --citus needs a postgres:// URL as --store'],
  })
})

test('a store that is neither a file nor Postgres is refused without repeating its secrets', async () => {
  const { code, errors } = await farebox('migrate', '--store', 'mysql://root:secret@localhost/x')
  expect(code).toBe(1)
  expect(errors.join()).toMatch(/--store must be a postgres:\/\/ URL/)
  expect(errors.join()).not.toContain('secret')
})

test.each([
  ['jdbc:postgresql://app:secret@localhost/x', 'jdbc:postgresql'],
  ['postgresql+psycopg://app:secret@localhost/x', 'postgresql+psycopg'],
])('an address that another library would take, %s, is not made the path of a file', async (address, scheme) => {
  const why = `must be a postgres:// URL or the path of a SQLite file, received ${scheme}://…`
  expect(await farebox('migrate', '--store', address)).toMatchObject({ code: 1, errors: [`farebox: --store ${why}`] })
  const at = ['--store', join(folder, 'into.db')]
  await farebox('migrate', ...at)
  const imported = await farebox('import', '--from', address, '--table', 'users', ...at)
  expect(imported).toMatchObject({ code: 1, errors: [`farebox: --from ${why}`] })
})

test('a postgres URL in capital letters is one', async () => {
  const store = database.url.replace(/^\w+/, (scheme) => scheme.toUpperCase())
  expect(await farebox('migrate', '--plan', '--store', store, '--schema', 'capital')).toMatchObject({ code: 2, errors: [] })
})

test('tables are not made where they would be gone at once', async () => {
  expect(await farebox('migrate', '--store', ':memory:')).toMatchObject({
    code: 1,
    errors: ['farebox: --store :memory: would end with the command: give the path of a file'],
  })
})

test('what no time will mend on Postgres is not said to be well again soon', async () => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  // Roles are of the whole server, which other runs may share.
  const role = `reader_${randomBytes(6).toString('hex')}`
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'right'`)
  try {
    const at = (change: (url: URL) => void) => {
      const url = new URL(database.url)
      change(url)
      return ['--store', url.href]
    }
    const reader = (password: string) => at((url) => Object.assign(url, { username: role, password }))
    for (const [store, problem] of [
      [reader('wrong'), /password authentication failed for user "reader_\w+"$/],
      [reader('right'), /permission denied for database/],
      [at((url) => Object.assign(url, { pathname: '/of_nobody' })), /database "of_nobody" does not exist$/],
    ] as const) {
      const { code, errors } = await farebox('migrate', '--schema', 'reader_only', ...store)
      expect([code, errors]).toEqual([1, [expect.stringMatching(problem)]])
    }
  } finally {
    await client.query(`DROP ROLE ${role}`)
    await client.end()
  }
})

describe('a Postgres server that is asked for TLS', () => {
  test.each([
    [
      'and whose certificate nobody vouches for, is not said to be well again soon, and may be trusted',
      true,
      '?sslmode=verify-full',
      [/self-signed certificate/, /^farebox: trust its authority with \?sslmode=verify-full&sslrootcert=ca\.pem in the URL$/],
    ],
    ['and has none, is not said to be well again soon', false, '?sslmode=verify-full', [/does not support SSL connections$/]],
    [
      'whose authority is in a file that is not there, is not said to be well again soon',
      true,
      '?sslmode=verify-full&sslrootcert=/nowhere/ca.pem',
      [/no such file or directory, open '\/nowhere\/ca\.pem'$/],
    ],
  ] as const)('%s', async (_, takesTls, query, expected) => {
    const server = await startTlsServer(takesTls)
    try {
      const { code, errors } = await farebox('accounts', '--store', `${server.url}${query}`)
      expect([code, errors]).toEqual([1, expected.map((line) => expect.stringMatching(line))])
    } finally {
      await server.stop()
    }
  })
})

test('a whole API key names itself, and is repeated by no error', async () => {
  const at = ['--store', join(folder, 'whole-key.db')]
  await farebox('migrate', ...at)
  await farebox('open-account', 'Ada', '--id', 'ada', ...at)
  const [created] = await json('create-key', 'ada', '--minimum-balance', '0', ...at)
  const key = String(created?.key)
  expect(await farebox('usage', 'ada', '--key', key, ...at)).toMatchObject({ code: 0, errors: [] })
  expect(await json('revoke-key', key, ...at)).toEqual([{ prefix: created?.prefix, revoked: true }])
  const other = `fbx_${'x'.repeat(43)}`
  for (const command of [
    ['revoke-key', other],
    ['rotate-key', other],
    ['usage', 'ada', '--key', other],
  ]) {
    expect(await farebox(...command, ...at)).toMatchObject({ code: 1, errors: ['farebox: no API key "xxxxxxxx"'] })
  }
})

test('a file that is not there is not made: only migrate makes one', async () => {
  const typo = join(folder, 'typo.db')
  for (const command of [['accounts'], ['verify'], ['open-account', 'Ada'], ['keys', 'ada']]) {
    const { code, errors } = await farebox(...command, '--store', typo)
    expect([code, errors]).toEqual([1, [`farebox: there is no file ${typo}; to make one: farebox migrate --store ${typo}`]])
  }
  expect(existsSync(typo)).toBe(false)
})

test.each([
  [() => join(folder, 'no', 'such', 'credits.db'), /there is no folder .*such$/],
  [() => folder, /--store names a folder, not a file/],
])('a place where no file can be is said in one line, and trying again is not recommended', async (path, problem) => {
  for (const command of ['migrate', 'accounts']) {
    const { code, errors } = await farebox(command, '--store', path())
    expect(code).toBe(1)
    expect(errors).toEqual([expect.stringMatching(problem)])
  }
})

test('a store whose tables have names of their own is looked after by its prefix', async () => {
  const at = ['--store', join(folder, 'prefixed.db'), '--prefix', 'team_']
  await farebox('migrate', ...at)
  await farebox('open-account', 'Ada', '--id', 'ada', ...at)
  expect(await json('accounts', ...at)).toMatchObject([{ account: 'ada' }])
  const file = new Database(join(folder, 'prefixed.db'))
  const made = file.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'team_migrations'").pluck().all()
  file.close()
  expect((await json('tables', ...at)).map(({ table }) => table).sort()).toEqual(made.sort())
  const { code, errors } = await farebox('accounts', '--store', join(folder, 'prefixed.db'))
  expect(code).toBe(1)
  expect(errors.join()).toMatch(/migrate/)
})

test.each([
  ['SQLite', () => join(folder, 'empty.db'), []],
  ['Postgres', () => database.url, ['--schema', 'never_made']],
])('a store on %s without tables says which command makes them', async (_, store, options) => {
  if (options.length === 0) {
    const empty = new Database(store())
    empty.exec('CREATE TABLE of_the_host (id INTEGER)')
    empty.close()
  }
  for (const command of [['accounts'], ['grant', 'ada', '5'], ['verify']]) {
    const { code, errors } = await farebox(...command, '--store', store(), ...options)
    expect([code, errors]).toEqual([1, ['farebox: the tables are not all there yet: run farebox migrate first']])
  }
})

test.each([
  ['SQLite', () => join(folder, 'host.db'), []],
  ['Postgres', () => database.url, ['--schema', 'of_the_host']],
])('where the host has a table of our names on %s, migrate says which, and not to migrate first', async (_, store, options) => {
  if (options.length === 0) {
    const host = new Database(store())
    host.exec('CREATE TABLE users (id INTEGER)')
    host.close()
  } else {
    const host = new pg.Client({ connectionString: store() })
    await host.connect()
    await host.query('CREATE SCHEMA of_the_host; CREATE TABLE of_the_host.users (id INTEGER)')
    await host.end()
  }
  const { code, errors } = await farebox('migrate', '--store', store(), ...options)
  expect([code, errors]).toEqual([1, [expect.stringMatching(/users.* already exists.* not Farebox's.* views/)]])
  expect((await farebox('migrate', '--no-views', '--store', store(), ...options)).code).toBe(0)
})

test('a file that is no database is said to be none, and is left as it is', async () => {
  for (const [name, content] of [
    ['notes.txt', 'hello, I am no database'],
    ['nothing.db', ''],
  ] as const) {
    const file = join(folder, name)
    await writeFile(file, content)
    const { code, errors } = await farebox('accounts', '--store', file)
    expect([code, errors]).toEqual([
      1,
      [expect.stringMatching(content === '' ? /is empty; .*farebox migrate --store/ : /is not a SQLite database/)],
    ])
    expect(await readFile(file, 'utf8')).toBe(content)
  }
  expect((await farebox('migrate', '--store', join(folder, 'notes.txt'))).errors).toEqual([
    expect.stringMatching(/is not a SQLite database/),
  ])
  // SQLite makes a database of an empty file.
  expect((await farebox('migrate', '--store', join(folder, 'nothing.db'))).code).toBe(0)
})

describe('a file of SQLite', () => {
  /** A store with an account, whose whole content is in its one file. */
  async function storeOf(name: string): Promise<string> {
    const file = join(folder, name)
    await farebox('migrate', '--store', file)
    await farebox('open-account', 'Ada', '--id', 'ada', '--store', file)
    const database = new Database(file)
    database.pragma('wal_checkpoint(TRUNCATE)')
    database.close()
    return file
  }

  test('that is newer than the command is neither read nor written', async () => {
    const file = await storeOf('newer.db')
    const database = new Database(file)
    database.exec("INSERT INTO farebox_migrations VALUES (99, 'later', 'of a later release', 0)")
    database.close()
    for (const parameters of [['accounts'], ['usage', 'ada'], ['verify'], ['keys', 'ada'], ['grant', 'ada', '5'], ['migrate']]) {
      const { code, errors, lines, tables } = await farebox(...parameters, '--store', file)
      expect([code, errors, lines, tables], parameters.join(' ')).toEqual([
        1,
        ['farebox: the database has schema version 99 (later), this version of Farebox knows 5: upgrade @farebox/ledger'],
        [],
        [],
      ])
    }
  })

  test('that is damaged is not said to be well again soon', async () => {
    const whole = await readFile(await storeOf('whole.db'))
    const file = join(folder, 'damaged.db')
    await writeFile(file, whole.subarray(0, 5_000))
    const { code, errors } = await farebox('accounts', '--store', file)
    expect([code, errors]).toEqual([1, ['farebox: SQLite failed: database disk image is malformed']])
  })

  test('beside which nothing may be written is to be copied', async () => {
    const file = await storeOf('closed.db')
    // What a folder that may only be read does too, but not to root.
    for (const end of ['-wal', '-shm']) {
      await rm(`${file}${end}`, { force: true })
      await mkdir(`${file}${end}`)
    }
    const { code, errors } = await farebox('accounts', '--store', file)
    expect([code, errors]).toEqual([
      1,
      [
        'farebox: SQLite failed: unable to open database file',
        'farebox: SQLite writes beside a file that it reads too: copy it to where you may write',
      ],
    ])
  })
})

test.each([
  [['accounts'], /required option '--store <where>'/],
  [['usage', '--store', 'a.db'], /missing required argument 'account'/],
  [['acounts'], /unknown command 'acounts'/],
])('%j is told what is missing, and where to read what a command takes', async (parameters, problem) => {
  const { code, errors } = await farebox(...parameters)
  expect(code).toBe(1)
  expect(errors.join('\n')).toMatch(problem)
  expect(errors.join('\n')).toContain('--help')
})

test('in a clone that is not built, the command says how to build it', async () => {
  const bin = join(folder, 'bin')
  await cp(join(import.meta.dirname, '../../packages/farebox/bin'), bin, { recursive: true })
  const ran = promisify(execFile)(process.execPath, [join(bin, 'farebox.js'), '--help'])
  await expect(ran).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^farebox is not built yet: run "npm run build"/),
  })
})

test('says which version it is', async () => {
  const { version } = JSON.parse(await readFile(join(repositoryFolder, 'packages/farebox/package.json'), 'utf8'))
  expect(await farebox('--version')).toMatchObject({ code: 0, lines: [version], errors: [] })
})

test.each([
  ['better-sqlite3', 'absent.db'],
  ['pg', 'postgres://127.0.0.1:1/credits'],
])('where %s is not installed, says to install it, and not to try again', async (name, store) => {
  const hooks = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (asked, context, next) => next(asked === '${name}' ? '${name}-of-nobody' : asked, context) })`
  const main = join(repositoryFolder, 'packages/farebox/src/cli/main.ts')
  const words = [...process.execArgv, '--import', `data:text/javascript,${encodeURIComponent(hooks)}`, main, 'migrate']
  const ran = promisify(execFile)(process.execPath, [...words, '--store', store], { cwd: folder })
  const { stderr } = await ran.then(
    () => expect.fail('it migrated'),
    (error: { stderr: string }) => error,
  )
  expect(stderr).toMatch(new RegExp(`\nfarebox: install it beside farebox: npm install ${name}`))
  expect(stderr).not.toContain('trying again')
})

test.each(['20.20.2', '22.13.1'])('on Node %s, the command says which Node it needs', async (version) => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const words = ['--import', `data:text/javascript,${encodeURIComponent(old)}`]
  const program = join(repositoryFolder, 'packages/farebox/bin/farebox.js')
  const ran = promisify(execFile)(process.execPath, [...words, program, '--help'])
  await expect(ran).rejects.toMatchObject({ code: 1, stderr: `farebox needs Node 22.14 or later, this is ${version}\n` })
})
