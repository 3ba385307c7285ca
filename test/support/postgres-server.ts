import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isReachableBy, locatePostgresBinaries, type ServerUser, serverUser } from './postgres-binaries.ts'

const startWithinMs = 60_000

export interface PostgresServer {
  /** Connection string of the superuser and the `postgres` database. */
  readonly url: string
  readonly port: number
  /** Process id of the postmaster; changes on `restart()`. */
  readonly pid: number
  /** Ends the server the hard way, data kept, and resolves when it is gone. @defaultValue SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts the server again on the same data and port, ending it first if it runs. */
  restart(): Promise<void>
  /** Ends the server and removes its data. */
  stop(): Promise<void>
}

export interface StartPostgresOptions {
  /** Server settings beyond ours, e.g. `{ max_prepared_transactions: 10 }`. Durability (`fsync`) stays on by default. */
  settings?: Record<string, string | number>
  /** The folder in which its own is made. @defaultValue the temporary folder, on the disk */
  parent?: string
}

/**
 * Starts a private PostgreSQL server on 127.0.0.1, with its data in a folder of its own.
 *
 * The server has its own session, so Ctrl-C in the terminal reaches the tests and not the database under them; a guard
 * process ends it and removes its data if this process goes away without calling `stop()`.
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  const user = serverUser()
  const binaries = await locatePostgresBinaries(user)
  const folder = await createServerFolder(user, options.parent ?? tmpdir())
  const guard = startGuard(folder, user)
  const dataFolder = join(folder, 'data')
  const password = randomBytes(12).toString('hex')
  let port = 0
  let postmaster: ChildProcess | undefined

  async function launch(): Promise<void> {
    const settings = { ...defaultSettings, ...options.settings, port }
    // A new file: dying backends of a killed server still write to the old one, over the message that this launch fails with.
    rmSync(join(folder, 'server.log'), { force: true })
    const log = openSync(join(folder, 'server.log'), 'w')
    const launched = spawn(
      binaries.postgres,
      ['-D', dataFolder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...user, cwd: folder, env: serverEnvironment(), detached: true, stdio: ['ignore', log, log] },
    )
    launched.unref()
    closeSync(log)
    postmaster = launched
    await untilReady(launched, dataFolder, join(folder, 'server.log'))
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (postmaster === undefined || hasExited(postmaster)) return
    const exited = new Promise<void>((resolve) => postmaster?.once('exit', () => resolve()))
    postmaster.ref()
    postmaster.kill(signal)
    await exited
  }

  async function stop(): Promise<void> {
    // SIGQUIT is PostgreSQL's immediate shutdown: it takes the backends along and writes nothing we are about to delete.
    await kill('SIGQUIT')
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    guard.stdin?.end()
  }

  async function restart(): Promise<void> {
    await kill('SIGQUIT')
    await retryWhile(launch, isHeldByDyingBackends)
  }

  try {
    await initialiseData(binaries.initdb, dataFolder, password, user)
    // The port is free when we look; somebody may take it before PostgreSQL does.
    await retryWhile(async () => {
      port = await freePort()
      await launch()
    }, isPortTaken)
  } catch (error) {
    await stop()
    throw error
  }

  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    get pid() {
      return postmaster?.pid ?? 0
    },
    kill,
    restart,
    stop,
  }
}

const defaultSettings: Record<string, string | number> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  timezone: 'UTC',
  log_timezone: 'UTC',
  fsync: 'on',
}

async function createServerFolder(user: ServerUser | undefined, wished: string): Promise<string> {
  // TMPDIR may be private to us, e.g. below root's home, where the server's user could not go.
  const parent = user === undefined || isReachableBy(user, wished) ? wished : '/tmp'
  const folder = await mkdtemp(join(parent, 'farebox-postgres-'))
  if (user !== undefined) {
    chownSync(folder, user.uid, user.gid)
    chmodSync(folder, 0o755)
  }
  return folder
}

/** Waits for this process to end, however it ends: then its end of the pipe closes. */
function startGuard(folder: string, user: ServerUser | undefined): ChildProcess {
  const script = `
    cat >/dev/null
    [ -d "$1" ] || exit 0
    [ -f "$1/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
    sleep 1
    rm -rf "$1"`
  const guard = spawn('/bin/sh', ['-c', script, 'farebox-postgres-guard', folder], {
    ...user,
    cwd: dirname(folder),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  guard.on('error', () => {})
  if (guard.stdin !== null && 'unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref()
  return guard
}

async function initialiseData(initdb: string, dataFolder: string, password: string, user: ServerUser | undefined): Promise<void> {
  const passwordFile = join(dirname(dataFolder), 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid)
  const settings = [
    '--username=postgres',
    '--auth=password',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]
  try {
    await promisify(execFile)(initdb, ['-D', dataFolder, ...settings], {
      ...user,
      cwd: dirname(dataFolder),
      env: serverEnvironment(),
    })
  } catch (error) {
    throw new Error(`PostgreSQL's initdb failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The caller's environment without `PG*`, which PostgreSQL would obey. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')))
}

async function untilReady(postmaster: ChildProcess, dataFolder: string, logFile: string): Promise<void> {
  let failure: Error | undefined
  postmaster.once('error', (error) => {
    failure = error
  })
  const deadline = Date.now() + startWithinMs
  while (failure === undefined && !hasExited(postmaster) && Date.now() < deadline) {
    if (isReady(postmaster, dataFolder)) return
    await sleep(5)
  }
  postmaster.kill('SIGQUIT')
  const log = existsSync(logFile) ? readFileSync(logFile, 'utf8').trim() : ''
  throw new Error(`PostgreSQL did not start: ${failure?.message ?? log.slice(-2_000)}`, { cause: failure })
}

/** PostgreSQL writes its state into the eighth line of this file; `pg_ctl --wait` looks there too. */
function isReady(postmaster: ChildProcess, dataFolder: string): boolean {
  try {
    const lines = readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')
    return lines[0] === String(postmaster.pid) && lines[7]?.trim() === 'ready'
  } catch {
    return false
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && /could not bind|Address already in use/.test(error.message)
}

/** Backends of a killed postmaster notice its death within moments, and until then keep its memory and lock file. */
function isHeldByDyingBackends(error: unknown): boolean {
  return error instanceof Error && /pre-existing shared memory block|lock file .* already exists/.test(error.message)
}

async function retryWhile(action: () => Promise<void>, isRetryable: (error: unknown) => boolean): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action()
    } catch (error) {
      if (attempt === 50 || !isRetryable(error)) throw error
      await sleep(100)
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1')
  return address.port
}
