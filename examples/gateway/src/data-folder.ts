import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isToken, SetupError } from './environment.ts'

/** How often a token's file that is empty is read, and how long apart. */
const EMPTY_TRIES = 10
const EMPTY_MS = 50

/** @throws {SetupError} the folder cannot be created or written to */
export async function openDataFolder(path: string): Promise<string> {
  const folder = resolve(path)
  try {
    await makeFolder(folder)
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new SetupError(
      `cannot write to the data folder ${folder} (${(error as NodeJS.ErrnoException).code}): set FAREBOX_DATA_DIR`,
    )
  }
  return folder
}

/**
 * Creates a folder and its parents. Node's `recursive` option would retry for ever in a place like /proc, where creating a folder
 * fails with `ENOENT` although its parent exists.
 */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder)
  if (parent !== folder && !(await isThere(parent))) await makeFolder(parent)
  if (!(await isThere(folder))) await mkdir(folder, { mode: 0o700 })
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}

/**
 * Returns the admin token of this folder, and creates it at the first start. Only the folder's owner can read it.
 *
 * @throws {SetupError} the token cannot be written or read, or the file holds no token
 */
export async function adminTokenIn(folder: string): Promise<{ token: string; isNew: boolean; file: string }> {
  const file = join(folder, 'admin-token')
  const made = `fba_${randomBytes(24).toString('base64url')}`
  try {
    await writeFile(file, `${made}\n`, { flag: 'wx', mode: 0o600 })
    return { token: made, isNew: true, file }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') {
      // A full disk leaves an empty file behind.
      await rm(file, { force: true }).catch(() => undefined)
      throw new SetupError(`cannot write ${file}: ${message}`)
    }
  }
  const token = await keptToken(file)
  // An empty token would close the admin routes to everybody, and a short one could be guessed.
  if (!isToken(token)) throw new SetupError(`${file} holds no admin token: remove it, and the next start makes one`)
  return { token, isNew: false, file }
}

/** What a file holds; where that is nothing, once more for a while: another gateway that starts may be about to write it. */
async function keptToken(file: string): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const text = await readFile(file, 'utf8').catch((error: Error) => {
      throw new SetupError(`cannot read ${file}: ${error.message}`)
    })
    if (text !== '' || tries === EMPTY_TRIES) return text.trim()
    await sleep(EMPTY_MS)
  }
}
