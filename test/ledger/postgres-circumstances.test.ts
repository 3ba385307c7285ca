import { randomBytes } from 'node:crypto'
import { credits } from '@farebox/core'
import { Ledger, seriesGroups } from '@farebox/ledger'
import { type PostgresOptions, postgres, readPostgresBalances } from '@farebox/ledger/postgres'
import pg from 'pg'
import oldestPg from 'pg816'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(2) } as const
const work = { service: 'gpt', provider: 'gpt-4o-mini', usage } as const

describe('a database as somebody else has set it up', () => {
  let database: TestDatabase
  let admin: pg.Client
  const ledgers: Ledger<never>[] = []
  const open = (connectionString: string, options: Partial<PostgresOptions> = {}) => {
    const ledger = new Ledger(postgres({ connectionString, ...options }))
    ledgers.push(ledger)
    return ledger
  }
  beforeEach(async () => {
    database = await createTestDatabase()
    admin = new pg.Client({ connectionString: database.url })
    await admin.connect()
  })
  afterEach(async () => {
    for (const ledger of ledgers.splice(0)) await ledger.close()
    await admin.end()
    await database.drop()
  })

  /** Charges an account from two ledgers at once, after both have migrated. */
  async function chargeFromTwo(url: string): Promise<Ledger> {
    const [one, other] = [open(url), open(url)]
    await Promise.all([one.migrate(), other.migrate()])
    await one.openAccount({ accountId: 'a', name: 'Zoë' })
    await one.grant({ accountId: 'a', amount: credits(100) })
    for (let round = 0; round < 5; round++) {
      const charges = [one, other].flatMap((ledger, index) =>
        [1, 2].map((count) => ledger.charge({ accountId: 'a', usageId: `${round}-${index}-${count}`, ...work })),
      )
      for (const { status } of await Promise.all(charges)) expect(status).toBe('charged')
    }
    expect(await one.balance('a')).toMatchObject({ name: 'Zoë', balance: credits(60) })
    expect((await one.verify('a')).mismatches).toEqual([])
    return one
  }

  test('is left once by two who close the ledger at the same time, as two signals to a process do', async () => {
    const ledger = open(database.url)
    await ledger.migrate()
    await Promise.all([ledger.close(), ledger.close()])
    await expect(ledger.balance('a')).rejects.toMatchObject({ code: 'LEDGER_CLOSED' })
  })

  test('answers who asked before the ledger was closed, also those who wait for a connection', async () => {
    const ledger = open(database.url)
    await ledger.migrate()
    await ledger.openAccount({ accountId: 'a', name: 'Zoë' })
    const statements = Array.from({ length: 10 }, () => ledger.statement('a'))
    const report = ledger.migrate()
    await ledger.close()
    for (const { items } of await Promise.all(statements)) expect(items).toHaveLength(1)
    await expect(report).resolves.toMatchObject({ applied: [] })
    await expect(ledger.statement('a')).rejects.toMatchObject({ code: 'LEDGER_CLOSED' })
  })

  test.each([
    ['with a time limit of its own, as the ledger opens them', { query_timeout: 30_000 }],
    ['without one', {}],
  ])('is served through the oldest pg that the ledger takes, %s', async (_, limits) => {
    const pool = new oldestPg.Pool({ connectionString: database.url, max: 2, ...limits })
    const ledger = new Ledger(postgres({ pool }))
    await ledger.migrate()
    await ledger.openAccount({ accountId: 'a', name: 'Zoë' })
    await ledger.grant({ accountId: 'a', amount: credits(100) })
    expect(await ledger.charge({ accountId: 'a', ...work })).toMatchObject({ status: 'charged', balance: credits(98) })
    await ledger.close()
    await pool.end()
  })

  test('that answers too late fails a change through the oldest pg, and not the process', async () => {
    const pool = new oldestPg.Pool({ connectionString: database.url, max: 2, query_timeout: 200 })
    const ledger = new Ledger(postgres({ pool }))
    await ledger.migrate()
    await ledger.openAccount({ accountId: 'a', name: 'Zoë' })
    await admin.query("BEGIN; SELECT 1 FROM farebox_accounts WHERE account_id = 'a' FOR UPDATE")
    await expect(ledger.grant({ accountId: 'a', amount: credits(100) })).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    await admin.query('ROLLBACK')
    expect(await ledger.grant({ accountId: 'a', amount: credits(100) })).toMatchObject({ status: 'granted' })
    await ledger.close()
    await pool.end()
  })

  test.each(['repeatable read', 'serializable'])('whose transactions are %s by default', async (isolation) => {
    await admin.query(`ALTER DATABASE ${admin.database} SET default_transaction_isolation = '${isolation}'`)
    await chargeFromTwo(database.url)
  })

  test.each(['repeatable read', 'serializable'])(
    'whose transactions are %s by default: of two who write the same row at once, the later waits, and does not fail',
    async (isolation) => {
      await admin.query(`ALTER DATABASE ${admin.database} SET default_transaction_isolation = '${isolation}'`)
      const ledger = open(database.url)
      await ledger.migrate()
      await ledger.health.publish('one', 'old')
      await admin.query("BEGIN; UPDATE farebox_provider_health SET told_at = 0 WHERE process_id = 'one'")
      const published = ledger.health.publish('one', 'new')
      await expect.poll(async () => (await admin.query('SELECT FROM pg_locks WHERE NOT granted')).rowCount).toBeGreaterThan(0)
      await admin.query('COMMIT')
      await published
      expect(await ledger.health.read()).toMatchObject([{ processId: 'one', news: 'new' }])
    },
  )

  test('that writes times, numbers and strings in its own way, and looks for tables elsewhere', async () => {
    const settings = {
      search_path: 'nowhere',
      TimeZone: 'Asia/Kathmandu',
      DateStyle: 'SQL, DMY',
      IntervalStyle: 'sql_standard',
      extra_float_digits: '-15',
      bytea_output: 'escape',
    }
    for (const [name, value] of Object.entries(settings)) {
      await admin.query(`ALTER DATABASE ${admin.database} SET ${name} = '${value}'`)
    }
    await chargeFromTwo(database.url)
    const age = 'SELECT extract(epoch FROM now() - to_timestamp(max(created_at) / 1000.0))::int AS age FROM farebox_usage_records'
    const { rows } = await admin.query(age)
    expect(Math.abs(rows[0].age)).toBeLessThan(3_600)
  })

  test.each(['LATIN1', 'SQL_ASCII'])(
    'whose encoding is %s: what it cannot hold is said, and keeps nobody else',
    async (encoding) => {
      const name = `${admin.database}_${encoding.toLowerCase()}`
      await admin.query(`CREATE DATABASE ${name} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
      const url = new URL(database.url)
      url.pathname = name
      try {
        const ledger = await chargeFromTwo(url.href)
        const [odd, plain] = await Promise.allSettled([
          ledger.openAccount({ accountId: 'odd', name: '\u{1F600}' }),
          ledger.openAccount({ accountId: 'plain', name: 'Ada' }),
        ])
        expect(plain).toMatchObject({ status: 'fulfilled' })
        const unheld = { code: 'LEDGER_INTERNAL', message: expect.stringContaining("ENCODING 'UTF8'") }
        if (encoding === 'LATIN1') expect(odd).toMatchObject({ reason: unheld })
        else expect(await ledger.balance('odd')).toMatchObject({ name: '\u{1F600}' })
      } finally {
        for (const ledger of ledgers.splice(0)) await ledger.close()
        await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      }
    },
  )

  test('that sorts ids as people do: pages neither repeat an id nor leave one out', async () => {
    const name = `${admin.database}_icu`
    await admin.query(
      `CREATE DATABASE ${name} ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C' TEMPLATE template0`,
    )
    const url = new URL(database.url)
    url.pathname = name
    try {
      const ledger = await chargeFromTwo(url.href)
      const ids = [
        'A',
        'a',
        'Á',
        'á',
        'a-b',
        'ab',
        'a_b',
        'B',
        'b',
        '-',
        '_',
        '10',
        '9',
        'ß',
        'ss',
        '\u{1F600}',
        'a\u0301',
        'ﬁ',
        'fi',
      ]
      for (const id of ids) if (id !== 'a') await ledger.openAccount({ accountId: id, name: id })
      const seen: string[] = []
      for (let after = ''; ; ) {
        const page = await ledger.accounts({ after, limit: 2 })
        seen.push(...page.map(({ accountId }) => accountId))
        if (page.length < 2) break
        after = page.at(-1)?.accountId ?? ''
      }
      expect(seen.toSorted()).toEqual(ids.toSorted())
    } finally {
      for (const ledger of ledgers.splice(0)) await ledger.close()
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    }
  })

  test('in which somebody has made functions and operators that would fit better than those of Postgres: none is called', async () => {
    // Anybody may make these in `public` up to Postgres 14, and they would run with the rights of the ledger's role.
    const functions = ['text', 'bigint', 'boolean'].map((type) => `unnest(${type}[]) RETURNS SETOF ${type}`)
    functions.push('to_timestamp(numeric) RETURNS timestamptz', 'trim_scale(bigint) RETURNS numeric')
    for (const [left, right] of ['numeric integer', 'numeric bigint', 'bigint numeric'].map((pair) => pair.split(' '))) {
      functions.push(`made(${left}, ${right}) RETURNS numeric`, `asked(${left}, ${right}) RETURNS boolean`)
    }
    functions.push('made(bigint, integer) RETURNS bigint')
    for (const declaration of functions) {
      const body = `BEGIN RAISE EXCEPTION 'somebody else was called: ${declaration}'; END`
      await admin.query(`CREATE FUNCTION public.${declaration} LANGUAGE plpgsql AS $$ ${body} $$`)
    }
    const make = (name: string, left: string, right: string, by: string) =>
      admin.query(`CREATE OPERATOR public.${name} (LEFTARG = ${left}, RIGHTARG = ${right}, FUNCTION = public.${by})`)
    for (const [left = '', right = ''] of ['numeric integer', 'numeric bigint', 'bigint numeric'].map((pair) =>
      pair.split(' '),
    )) {
      for (const name of ['+', '-', '*', '/', '%']) await make(name, left, right, 'made')
      for (const name of ['=', '<>', '<', '>', '<=', '>=']) await make(name, left, right, 'asked')
    }
    await make('%', 'bigint', 'integer', 'made')

    const ledger = await chargeFromTwo(database.url)
    for (const groupBy of seriesGroups) {
      for (const granularity of ['hour', 'day', 'week', 'month'] as const) {
        expect((await ledger.usageSeries({ accountId: 'a', granularity, groupBy })).entries).toMatchObject([{ records: 20 }])
      }
    }
    expect((await ledger.breakdowns({ accountId: 'a' })).services).toMatchObject([{ records: 20 }])
    for (const view of ['users', 'multi_service_usage_records', 'api_key_services']) await admin.query(`SELECT * FROM ${view}`)
  })

  test('a change that no index has room for fails for good, and those that share its transaction do not', async () => {
    const ledger = open(database.url)
    await ledger.migrate()
    // Too varied to be compressed, and 600 bytes each.
    const long = () =>
      randomBytes(400).reduce(
        (text, byte, index) => (index % 2 ? text : text + String.fromCharCode(0x4e00 + byte * 64 + (index % 64))),
        '',
      )
    const accountId = long()
    for (const id of [accountId, 'b']) {
      await ledger.openAccount({ accountId: id, name: 'Ada' })
      await ledger.grant({ accountId: id, amount: credits(10) })
    }
    const outcomes = await Promise.allSettled([
      ledger.charge({
        ...work,
        accountId,
        provider: long(),
        userId: long(),
        apiKeyId: long(),
        workflowId: 'w',
        opensWorkflow: { name: long() },
      }),
      ledger.charge({ ...work, accountId: 'b' }),
    ])
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'LEDGER_INTERNAL', isRetryable: false } },
      { status: 'fulfilled', value: { status: 'charged' } },
    ])
    expect((await ledger.balance(accountId)).balance).toBe(credits(10))
  })

  describe('to whose tables somebody has added rules', () => {
    let ledger: Ledger
    const both = (name: string) =>
      Promise.allSettled([
        ledger.openAccount({ accountId: name, name }),
        ledger.charge({ accountId: 'a', usageId: `beside-${name}`, ...work }),
      ])
    const trigger = (body: string) =>
      admin.query(`CREATE FUNCTION their_rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.name LIKE 'bad%' THEN ${body} END IF; RETURN NEW; END $$;
        CREATE TRIGGER theirs BEFORE INSERT ON farebox_accounts FOR EACH ROW EXECUTE FUNCTION their_rule()`)
    beforeEach(async () => {
      ledger = await chargeFromTwo(database.url)
    })

    test('a trigger that raises refuses that change, which may be accepted later, and none beside it', async () => {
      await trigger("RAISE EXCEPTION 'nobody may be called %', NEW.name;")
      const message = expect.stringMatching(/nobody may be called bad \(.*their_rule\(\)/)
      expect(await both('bad')).toMatchObject([
        { reason: { name: 'LedgerUnavailableError', code: 'LEDGER_UNAVAILABLE', isRetryable: true, message } },
        { value: { status: 'charged' } },
      ])
      await admin.query('DROP FUNCTION their_rule CASCADE')
      expect(await both('bad')).toMatchObject([{ value: { status: 'opened' } }, { value: { status: 'charged', replayed: true } }])
      expect(await ledger.balance('a')).toMatchObject({ balance: credits(58) })
    })

    test.each(['45000', 'AA001', '42501', '40001', '55P03'])(
      'a trigger that raises with the code %s fails none beside that change',
      async (code) => {
        await trigger(`RAISE EXCEPTION 'not %', NEW.name USING ERRCODE = '${code}';`)
        expect(await both('bad')).toMatchObject([
          { reason: { code: 'LEDGER_UNAVAILABLE', isRetryable: true, message: expect.stringContaining('not bad') } },
          { value: { status: 'charged' } },
        ])
      },
    )

    test.each(['40001', '40P01'])('a change that loses a race (%s) is made at the second attempt', async (code) => {
      await admin.query('CREATE SEQUENCE attempts')
      await trigger(`IF nextval('attempts') = 1 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '${code}'; END IF;`)
      expect(await both('bad')).toMatchObject([{ value: { status: 'opened' } }, { value: { status: 'charged' } }])
      expect((await admin.query("SELECT nextval('attempts')::int AS attempt")).rows).toEqual([{ attempt: 3 }])
    })

    test.each([
      ['a table', 'INSERT INTO their_log VALUES (NEW.name);', 'relation "their_log" does not exist'],
      ['a column', 'NEW.nothing := 1;', 'has no field "nothing"'],
    ])('a trigger that lacks %s is told as such, and not as a ledger without tables', async (_, body, message) => {
      await trigger(body)
      for (const { reason } of (await both('bad')) as PromiseRejectedResult[]) {
        expect(reason).toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
        expect(reason.message).toContain(message)
        expect(reason.message).toContain('their_rule()')
        expect(reason.message).not.toContain('migrate()')
      }
      await admin.query('DROP FUNCTION their_rule CASCADE')
      expect(await both('bad')).toMatchObject([{ value: { status: 'opened' } }, { value: { status: 'charged' } }])
    })

    test.each([
      ['a foreign key', 'FOREIGN KEY (account_id) REFERENCES people'],
      ['a foreign key that is checked at the end', 'FOREIGN KEY (account_id) REFERENCES people DEFERRABLE INITIALLY DEFERRED'],
      ['a check', "CHECK (name <> 'bad')"],
      ['a unique name', 'UNIQUE (name)'],
      ['an exclusion', 'EXCLUDE (name WITH =)'],
    ])('%s refuses that change for good, by its name, and none beside it', async (_, rule) => {
      await admin.query("CREATE TABLE people (id TEXT PRIMARY KEY); INSERT INTO people VALUES ('a'), ('other')")
      await ledger.openAccount({ accountId: 'other', name: rule.startsWith('CHECK') ? 'good' : 'bad' })
      await admin.query(`ALTER TABLE farebox_accounts ADD CONSTRAINT their_rule ${rule}`)
      expect(await both('bad')).toMatchObject([
        { reason: { code: 'LEDGER_INTERNAL', isRetryable: false, message: expect.stringContaining('their_rule') } },
        { value: { status: 'charged' } },
      ])
      expect((await ledger.verify('a')).mismatches).toEqual([])
    })
  })

  test('a client that reads a truth as something else is refused: it took accounts with budgets for such without', async () => {
    const own = await chargeFromTwo(database.url)
    await own.setBudget({ accountId: 'a', period: 'total', limit: credits(1) })
    const types = { getTypeParser: (oid: number) => (text: string) => (oid === 16 ? Number(text === 't') : text) }
    const pool = new pg.Pool({ connectionString: database.url, max: 1, types } as pg.PoolConfig)
    const ledger = new Ledger(
      postgres({
        pool: {
          async connect() {
            const client = await pool.connect()
            const query = async ({ text, values }: pg.QueryConfig) =>
              client.query({ text, values, rowMode: 'array' } as pg.QueryArrayConfig)
            return { query, release: (error) => client.release(error) }
          },
          end: async () => undefined,
        },
      }),
    )
    await expect(ledger.charge({ accountId: 'a', ...work })).rejects.toMatchObject({
      code: 'LEDGER_INTERNAL',
      message: expect.stringContaining('read bool as true and false'),
    })
    expect((await own.balance('a')).balance).toBe(credits(60))
    await ledger.close()
    await pool.end()
  })

  describe('for a role that may make nothing in it', () => {
    const role = `writer_${randomBytes(6).toString('hex')}`
    const asRole = () => {
      const url = new URL(database.url)
      url.username = role
      url.password = 'secret'
      return url.href
    }
    beforeEach(async () => void (await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)))
    afterEach(async () => void (await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)))

    test('an app may migrate at every start where nothing is pending, and serve', async () => {
      await open(database.url, { schema: 'credits' }).migrate()
      await admin.query(
        `GRANT USAGE ON SCHEMA credits TO ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA credits TO ${role}`,
      )
      const ledger = open(asRole(), { schema: 'credits' })
      expect(await ledger.migrate()).toMatchObject({ applied: [] })
      await ledger.openAccount({ accountId: 'a', name: 'Ada' })
      await ledger.grant({ accountId: 'a', amount: credits(100) })
      expect(await ledger.charge({ accountId: 'a', ...work })).toMatchObject({ status: 'charged' })

      // The same where an operator has made the database read-only for a while.
      await admin.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`)
      const frozen = open(asRole(), { schema: 'credits' })
      expect(await frozen.migrate()).toMatchObject({ applied: [] })
      expect((await frozen.balance('a')).balance).toBe(credits(98))
      await expect(frozen.charge({ accountId: 'a', ...work })).rejects.toMatchObject({
        code: 'LEDGER_UNAVAILABLE',
        isRetryable: true,
      })
    })

    test('one from which row level security hides the rows is told so, and serves once it sees them', async () => {
      await open(database.url, { schema: 'credits' }).migrate()
      const { rows } = await admin.query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'credits'")
      await admin.query(`GRANT USAGE ON SCHEMA credits TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA credits TO ${role}`)
      for (const { name } of rows) await admin.query(`ALTER TABLE credits.${name} ENABLE ROW LEVEL SECURITY`)
      const ledger = open(asRole(), { schema: 'credits' })
      const hidden = {
        code: 'SCHEMA_VERSION',
        message: expect.stringMatching(new RegExp(`row level security .* ${role}.* BYPASSRLS`)),
      }
      await expect(ledger.migrate()).rejects.toMatchObject(hidden)
      await expect(ledger.planMigration()).rejects.toMatchObject(hidden)
      for (const { name } of rows) await admin.query(`CREATE POLICY all_rows ON credits.${name} TO ${role} USING (true)`)
      expect(await ledger.migrate()).toMatchObject({ applied: [] })
      await ledger.openAccount({ accountId: 'a', name: 'Ada' })
      await ledger.grant({ accountId: 'a', amount: credits(100) })
      expect(await ledger.charge({ accountId: 'a', ...work })).toMatchObject({ status: 'charged', balance: credits(98) })
    })

    test('a schema that was made for it is enough to migrate', async () => {
      await admin.query(`CREATE SCHEMA credits AUTHORIZATION ${role}`)
      expect((await open(asRole(), { schema: 'credits' }).migrate()).applied).not.toEqual([])
      await expect(open(asRole(), { schema: 'other' }).migrate()).rejects.toMatchObject({
        code: 'LEDGER_UNAVAILABLE',
        message: expect.stringContaining('permission denied'),
      })
    })
  })

  test.each([
    ['text', (text: string) => text],
    ['something of its own', (text: string) => ({ text })],
  ])("a host's pool may read every value as %s: what was migrated is known again", async (_, read) => {
    const types = { getTypeParser: () => read }
    const pool = new pg.Pool({ connectionString: database.url, max: 1, types })
    const ledger = new Ledger(postgres({ pool }))
    const { version } = await ledger.migrate()
    expect(await ledger.migrate()).toEqual({ applied: [], version })
    expect(await ledger.planMigration()).toEqual({ version, pending: [] })
    await pool.end()
  })

  test('a host may parse text in its own way for all of its process: balances are imported as they are', async () => {
    await admin.query("CREATE TABLE users_of_old AS SELECT 'ada' AS id, 12.50 AS credits, 'Ada' AS name")
    const { TEXT } = pg.types.builtins
    const parse = pg.types.getTypeParser(TEXT)
    pg.types.setTypeParser(TEXT, (text) => text.toUpperCase())
    try {
      const columns = { table: 'users_of_old', idColumn: 'id', balanceColumn: 'credits', nameColumn: 'name' }
      const rows = await Array.fromAsync(readPostgresBalances({ connectionString: database.url, ...columns }))
      expect(rows).toEqual([{ line: 1, accountId: 'ada', credits: '12.50', name: 'Ada' }])
    } finally {
      pg.types.setTypeParser(TEXT, parse)
    }
  })

  test('may be given longer to answer than a timer can wait', async () => {
    const ledger = open(database.url, { answerTimeoutMs: 2 ** 40 })
    await ledger.migrate()
    expect(await ledger.openAccount({ accountId: 'a', name: 'Ada' })).toMatchObject({ status: 'opened' })
  })

  test('that ends the connection from which balances are read fails the import, and not the process', async () => {
    await admin.query('CREATE TABLE users_of_old AS SELECT id::text, 1 AS credits FROM generate_series(1, 2500) AS ids (id)')
    const columns = { table: 'users_of_old', idColumn: 'id', balanceColumn: 'credits' }
    const rows = readPostgresBalances({ connectionString: database.url, ...columns })[Symbol.asyncIterator]()
    expect(await rows.next()).toMatchObject({ value: { line: 1 } })
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
    const rest = async () => {
      while (!(await rows.next()).done);
    }
    await expect(rest()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
  })

  describe('whose queries may take only so long', () => {
    /** Above what a query takes, and below what a step is made to take. */
    const limitMs = 2_000
    const slow = (limitMs + 300) / 1_000
    const others = { idle_in_transaction_session_timeout: limitMs, lock_timeout: limitMs }

    async function limit(settings: Record<string, number>): Promise<void> {
      for (const [name, value] of Object.entries(settings)) {
        const { rowCount } = await admin.query('SELECT FROM pg_settings WHERE name = $1', [name])
        if (rowCount) await admin.query(`ALTER DATABASE ${admin.database} SET ${name} = ${value}`)
      }
    }

    test('a migration takes as long as it needs, and leaves the limits as they were', async () => {
      await admin.query(`CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
          IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '%.users') THEN PERFORM pg_sleep(${slow}); END IF;
        END $$;
        CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION slowly()`)
      await limit({ statement_timeout: limitMs, transaction_timeout: limitMs, ...others })
      // The time that the host's pool gives a query, too.
      const pool = new pg.Pool({ connectionString: database.url, max: 1, query_timeout: limitMs })
      const ledger = new Ledger(postgres({ pool }))
      expect((await ledger.migrate()).applied).not.toEqual([])
      for (const name of ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) {
        expect((await pool.query(`SHOW ${name}`)).rows).toEqual([{ [name]: '2s' }])
      }
      await ledger.close()
      await pool.end()
    })

    test('a migration waits for another one that takes longer, but not so long for a table', async () => {
      await limit({ statement_timeout: limitMs, ...others })
      const migrating = 'SELECT pg_advisory_lock(28820821684514680)'
      await admin.query(migrating)
      const ledger = open(database.url)
      const migrated = ledger.migrate()
      await admin.query(`SELECT pg_sleep(${slow})`)
      await admin.query('SELECT pg_advisory_unlock_all()')
      expect((await migrated).applied).not.toEqual([])

      await admin.query('DELETE FROM farebox_migrations WHERE number > 2')
      await admin.query('BEGIN; SELECT FROM farebox_usage_rollups')
      await expect(open(database.url).migrate()).rejects.toMatchObject({
        code: 'LEDGER_UNAVAILABLE',
        message: expect.stringContaining('lock timeout'),
      })
      await admin.query('ROLLBACK')
    })
  })
})
