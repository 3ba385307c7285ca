import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { createTestDatabase, startPostgres } from './postgres.ts'

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // The server dies under some of these clients on purpose.
  await client.connect()
  return client
}

describe('createTestDatabase', () => {
  it('gives each caller an empty database of its own', async () => {
    const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()])
    const client = await connect(first.url)
    await client.query('CREATE TABLE holds (id text)')
    await client.end()

    const other = await connect(second.url)
    expect((await other.query(`SELECT to_regclass('holds') AS found`)).rows).toEqual([{ found: null }])
    await other.end()
    await Promise.all([first.drop(), second.drop()])
  })

  it('commits durably, as a real deployment does', async () => {
    const database = await createTestDatabase()
    const client = await connect(database.url)
    expect((await client.query('SHOW fsync')).rows).toEqual([{ fsync: 'on' }])
    expect((await client.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'on' }])
    await client.end()
    await database.drop()
  })

  it('reports a connection that the test left open, and still removes the database', async () => {
    const database = await createTestDatabase()
    const client = await connect(database.url)
    await client.query('SELECT 42 AS left_open')
    await expect(database.drop()).rejects.toThrow(/1 connection\(s\).*SELECT 42 AS left_open/)
    await expect(connect(database.url)).rejects.toThrow(/does not exist/)
    await client.end()
  })
})

describe('startPostgres', () => {
  it('keeps committed rows when the server is killed and restarted, and leaves nothing behind when stopped', async () => {
    const server = await startPostgres()
    const client = await connect(server.url)
    await client.query('CREATE TABLE entries (id int)')
    await client.query('INSERT INTO entries VALUES (1)')
    const { rows } = await client.query('SHOW data_directory')
    const firstPid = server.pid

    await server.kill()
    await expect(connect(server.url)).rejects.toThrow()
    await server.restart()
    expect(server.pid).not.toBe(firstPid)

    const again = await connect(server.url)
    expect((await again.query('SELECT id FROM entries')).rows).toEqual([{ id: 1 }])
    await again.end()
    await server.stop()
    expect(existsSync(rows[0].data_directory)).toBe(false)
    await expect(connect(server.url)).rejects.toThrow()
  })

  it('takes settings, so a test can ask for a server it can fill', async () => {
    const server = await startPostgres({ settings: { max_connections: 10 } })
    const client = await connect(server.url)
    expect((await client.query('SHOW max_connections')).rows).toEqual([{ max_connections: '10' }])
    await client.end()
    await server.stop()
  })

  it('ends with the process that started it, even when that is killed', async () => {
    const module = JSON.stringify(join(import.meta.dirname, 'postgres-server.ts'))
    const program = `import { startPostgres } from ${module}; console.log((await startPostgres()).url); setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [output] = (await once(owner.stdout, 'data')) as [Buffer]
    const url = output.toString().trim()
    const client = await connect(url)
    const { rows } = await client.query('SHOW data_directory')

    owner.kill('SIGKILL')
    await expect.poll(() => existsSync(rows[0].data_directory), { interval: 100 }).toBe(false)
    await expect(connect(url)).rejects.toThrow()
  })
})
