import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chmodSync, chownSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serverUser } from './postgres-binaries.ts'

export interface Pgbouncer {
  /** The database that it was started for, by way of it. */
  url: string
  stop(): Promise<void>
}

const startsWithinMs = 60_000

/** Where PgBouncer is installed; undefined where it is not. Debian puts it where only root looks. */
export const pgbouncerProgram: string | undefined = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** How a test that needs PgBouncer is named where that is absent, so that nobody takes silence for success. */
export function pgbouncerTestName(claim: string): string {
  return pgbouncerProgram ? claim : `${claim} (skipped: there is no pgbouncer on the PATH)`
}

const defaultSettings = `pool_mode = transaction
default_pool_size = 4
server_round_robin = 1`

/**
 * Starts a PgBouncer before one database.
 *
 * @param settings  lines of its configuration, except for where it listens and whom it lets in. @defaultValue transaction mode, where each transaction gets the server connection that has rested longest
 */
export async function startPgbouncer(databaseUrl: string, settings = defaultSettings): Promise<Pgbouncer> {
  if (!pgbouncerProgram) throw new Error('there is no pgbouncer on the PATH')
  const to = new URL(databaseUrl)
  const database = to.pathname.slice(1)
  const user = serverUser()
  const folder = await mkdtemp(join(tmpdir(), 'farebox-pgbouncer-'))
  const port = await freePort()
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    `[databases]
${database} = host=${to.hostname} port=${to.port || 5432} user=${to.username} password=${decodeURIComponent(to.password)}
[pgbouncer]
${settings}
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
`,
  )
  // It refuses to run as root, as PostgreSQL does.
  if (user) for (const file of [folder, join(folder, 'pgbouncer.ini')]) chownSync(file, user.uid, user.gid)
  chmodSync(folder, 0o700)
  const process_ = spawn(pgbouncerProgram, ['-q', 'pgbouncer.ini'], { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  process_.stderr?.on('data', (text) => {
    log += text
  })
  const stop = async () => {
    await end(process_)
    await rm(folder, { recursive: true, force: true })
  }
  const deadline = Date.now() + startsWithinMs
  while (!(await isListening(port))) {
    if (process_.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`PgBouncer did not start: ${log.slice(-2_000)}`)
    }
    await sleep(10)
  }
  return { url: `postgresql://${to.username}@127.0.0.1:${port}/${database}`, stop }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  // SIGTERM in the versions before 1.23: at once, whatever is connected.
  child.kill('SIGTERM')
  await Promise.race([exited, sleep(1_000)])
  child.kill('SIGKILL')
  await exited
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1')
  return address.port
}
