import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(2) } as const
const work = { service: 'gpt', provider: 'gpt-4o-mini', usage } as const

/** What a server says that takes nobody any more: https://www.postgresql.org/docs/current/protocol-message-formats.html */
function fatalMessage(): Buffer {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')
  const head = Buffer.alloc(5, 'E')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

describe('a server that goes away', () => {
  let database: TestDatabase
  let url: string
  let accountId: string
  /** Whether what passes is lost without a word, as where a machine or a route has gone. */
  let isSilent = false
  let whenReady: ((client: Socket) => void) | undefined
  /** Told of each message either way before it passes. */
  let onMessage: ((client: Socket) => void) | undefined
  /** Told once a transaction waits for its process, of which nothing comes through from then on. */
  let whenBegun: (() => void) | undefined
  /** Given what lets pass that the server is ready after a failed transaction, which until then does not. */
  let whenFailed: ((pass: () => void) => void) | undefined
  const sockets = new Set<Socket>()
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const { hostname, port } = new URL(database.url)
    const server = connect(Number(port || 5432), hostname)
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
    }
    let isAsleep = false
    client.on('data', (data) => {
      onMessage?.(client)
      if (!isSilent && !isAsleep && !client.destroyed) server.write(data)
    })
    server.on('data', (data: Buffer) => {
      onMessage?.(client)
      if (isSilent || isAsleep || client.destroyed) return
      // ReadyForQuery, in a transaction.
      if (whenBegun && data.subarray(-6).equals(Buffer.from('Z\0\0\0\x05T'))) {
        isAsleep = true
        whenBegun()
        return
      }
      // ReadyForQuery, outside a transaction.
      if (whenReady && data.subarray(-6).equals(Buffer.from('Z\0\0\0\x05I'))) {
        client.end(Buffer.concat([data, fatalMessage()]))
        whenReady(client)
      } else if (whenFailed && data.subarray(-6).equals(Buffer.from('Z\0\0\0\x05E'))) {
        client.write(data.subarray(0, -6))
        whenFailed(() => client.destroyed || client.write(data.subarray(-6)))
      } else client.write(data)
    })
    // A server that has gone does not answer that its client leaves.
    client.on('end', () => isSilent || isAsleep || client.end())
    client.on('close', () => isAsleep || server.destroy())
    server.on('close', () => client.destroy())
  })

  beforeEach(async () => {
    database = await createTestDatabase()
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const by = new URL(database.url)
    by.hostname = '127.0.0.1'
    by.port = String((proxy.address() as AddressInfo).port)
    url = by.href
    const ledger = new Ledger(postgres({ connectionString: database.url }))
    await ledger.migrate()
    accountId = (await ledger.openAccount({ name: 'Ada' })).accountId
    await ledger.grant({ accountId, amount: credits(100) })
    await ledger.close()
  })
  afterEach(async () => {
    isSilent = false
    whenReady = undefined
    whenBegun = undefined
    onMessage = undefined
    whenFailed = undefined
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await new Promise((resolve) => proxy.close(resolve))
    await database.drop()
  })

  test('without a word: a change is told so after a while, and its account goes on when the server is back', async () => {
    const ledger = new Ledger(postgres({ connectionString: url, answerTimeoutMs: 2_000 }))
    const charge = () => ledger.charge({ accountId, usageId: 'u', ...work })
    await ledger.charge({ accountId, usageId: 'before', ...work })
    isSilent = true
    await expect(charge()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
    isSilent = false
    expect(await charge()).toMatchObject({ status: 'charged', balance: credits(96) })
    expect((await ledger.verify(accountId)).mismatches).toEqual([])
    await ledger.close()
  })

  test.each(['cut', 'silent'] as const)(
    'at any moment of a change, %s: it was made or it was not, and the same again makes it once',
    async (how) => {
      // Only silence has to be waited for; what is cut is told at once.
      const answerTimeoutMs = how === 'cut' ? 30_000 : 1_000
      let passed = 0
      for (let at = 1, isOver = false; !isOver; at++) {
        const ledger = new Ledger(postgres({ connectionString: url, answerTimeoutMs }))
        await ledger.balance(accountId)
        passed = 0
        onMessage = (client) => {
          passed++
          if (passed !== at) return
          if (how === 'cut') client.destroy()
          else isSilent = true
        }
        const charge = () => ledger.charge({ accountId, usageId: `u${at}`, ...work })
        const first = await charge().catch((error: unknown) => error)
        onMessage = undefined
        isSilent = false
        isOver = passed < at
        if (!isOver) expect(first, `message ${at}`).toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
        // A server that lost its client in the middle may still be at work for it.
        await expect.poll(() => charge()).toMatchObject({ status: 'charged' })
        expect((await ledger.balance(accountId)).balance, `message ${at}`).toBe(credits(100 - 2 * at))
        expect((await ledger.verify(accountId)).mismatches).toEqual([])
        await ledger.close()
      }
      // The question for the server's process, a round trip to read and one to write: there and back.
      expect(passed).toBeGreaterThanOrEqual(6)
    },
  )

  test('without a word: a process that sleeps within a change does not keep the account from the others', async () => {
    const asleep = new Ledger(postgres({ connectionString: url }))
    await asleep.balance(accountId)
    const begun = new Promise<void>((resolve) => {
      whenBegun = resolve
    })
    const lost = asleep.charge({ accountId, usageId: 'u', ...work }).catch((error: unknown) => error)
    await begun
    whenBegun = undefined
    const awake = new Ledger(postgres({ connectionString: database.url, answerTimeoutMs: 20_000 }))
    expect(await awake.charge({ accountId, ...work })).toMatchObject({ status: 'charged', balance: credits(98) })
    for (const socket of sockets) socket.destroy()
    expect(await lost).toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
    expect(await asleep.charge({ accountId, usageId: 'u', ...work })).toMatchObject({ status: 'charged', balance: credits(96) })
    await Promise.all([asleep.close(), awake.close()])
  })

  test('a change that was given up while it waited for one account does not keep the others locked', async () => {
    const ledger = new Ledger(postgres({ connectionString: database.url, answerTimeoutMs: 1_000 }))
    const [first = '', second = ''] = [accountId, (await ledger.openAccount({ name: 'Bea' })).accountId].sort()
    await ledger.grant({ accountId: second, amount: credits(100) })
    await ledger.grant({ accountId: first, amount: credits(100) })
    const host = new pg.Client({ connectionString: database.url })
    await host.connect()
    await host.query('BEGIN')
    await host.query('SELECT 1 FROM farebox_accounts WHERE account_id = $1 FOR UPDATE', [second])
    const [one, two] = await Promise.allSettled([first, second].map((id) => ledger.charge({ accountId: id, ...work })))
    expect([one?.status, two?.status]).toEqual(['rejected', 'rejected'])
    const alone = () => ledger.charge({ accountId: first, usageId: 'alone', ...work })
    await expect.poll(() => alone().catch(() => undefined), { timeout: 10_000 }).toMatchObject({ status: 'charged' })
    await host.query('ROLLBACK')
    await host.end()
    await ledger.close()
  })

  test("a time limit of a host's pool holds as well, and one of the connection string", async () => {
    const pool = new pg.Pool({ connectionString: url, query_timeout: 1_000 })
    pool.on('error', () => undefined)
    for (const options of [{ pool }, { connectionString: `${url}?query_timeout=1000` }]) {
      const ledger = new Ledger(postgres(options))
      await ledger.balance(accountId)
      isSilent = true
      await expect(ledger.charge({ accountId, ...work })).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
      isSilent = false
      expect((await ledger.balance(accountId)).balance).toBe(credits(100))
      await ledger.close()
    }
    await pool.end()
  })

  test('for so long after a conflict that no rollback was sent: its connection, in a transaction still, is not used again', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    pool.on('error', () => undefined)
    await pool.query(`CREATE SEQUENCE farebox_attempts;
      CREATE FUNCTION conflict_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('farebox_attempts') = 1 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER conflict BEFORE INSERT ON farebox_usage_records FOR EACH ROW EXECUTE FUNCTION conflict_once()`)
    const ledger = new Ledger(postgres({ pool }))
    await ledger.balance(accountId)
    whenFailed = (pass) => {
      whenFailed = undefined
      pool.once('release', pass)
    }
    expect(await ledger.charge({ accountId, ...work })).toMatchObject({ status: 'charged', balance: credits(98) })
    expect(whenFailed).toBeUndefined()
    await pool.query('CREATE TABLE of_the_host ()')
    await ledger.close()
    await pool.end()
  })

  test('without a word: the process of a ledger that was closed ends all the same', async () => {
    const program = `
      import { Ledger } from '@farebox/ledger'
      import { postgres } from '@farebox/ledger/postgres'
      const ledger = new Ledger(postgres({ connectionString: process.argv[1] }))
      await ledger.balance(process.argv[2])
      process.once('message', async () => {
        await ledger.close()
        process.disconnect()
      })
      process.send('connected')`
    const app = spawn(
      process.execPath,
      ['--conditions=farebox-source', '--input-type=module', '-e', program, '--', url, accountId],
      {
        cwd: import.meta.dirname,
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    )
    const ended = once(app, 'exit')
    try {
      await once(app, 'message')
      isSilent = true
      app.send('close')
      expect(await ended).toEqual([0, null])
    } finally {
      app.kill('SIGKILL')
    }
  })

  test('in the moment in which it takes a connection: the process goes on', async () => {
    const ledger = new Ledger(postgres({ connectionString: url }))
    const taken = new Promise((resolve) => {
      whenReady = resolve
    })
    await expect(ledger.charge({ accountId, ...work })).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
    await taken
    whenReady = undefined
    expect(await ledger.charge({ accountId, ...work })).toMatchObject({ status: 'charged' })
    await ledger.close()
  })
})
