import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidOptionError } from '@farebox/core'
import { decodeOperation, encodeOperation, type UsageOperation } from './operation-json.ts'

export interface SpoolOptions {
  /** A folder of this machine's own, made if absent. Several processes may share it. */
  directory: string
  /** Usage kept at most; beyond it the database's failure is thrown as without a spool. @defaultValue 100_000 */
  entriesMax?: number
}

/** One change that waits, under the name of its file. */
export interface SpooledOperation {
  name: string
  operation: UsageOperation
}

const EXTENSION = '.json'
/** Where what the ledger refused is kept, for somebody to look at. */
const REFUSED = 'refused'

/**
 * Usage that could not be written to the database, on this machine's disk: one file for each change, complete or absent. A file
 * is durable when `add` resolves, and goes when the ledger has its change; should two processes send the same one, its idempotency
 * key makes it happen once.
 */
export class Spool {
  readonly #directory: string
  readonly #entriesMax: number
  #sequence = 0
  /** The time in the newest name. */
  #newest = 0

  /** @throws {InvalidOptionError} `directory` is no path, or `entriesMax` is no whole number of 1 or more */
  constructor({ directory, entriesMax = 100_000 }: SpoolOptions) {
    if (typeof directory !== 'string' || directory === '') {
      throw new InvalidOptionError(`directory of a spool must be a path, received ${JSON.stringify(directory)}`)
    }
    if (!Number.isSafeInteger(entriesMax) || entriesMax < 1) {
      throw new InvalidOptionError(`entriesMax must be a whole number of 1 or more, received ${entriesMax}`)
    }
    this.#directory = directory
    this.#entriesMax = entriesMax
  }

  /**
   * Keeps a change until the ledger has it.
   *
   * @returns whether it was kept; a full spool keeps nothing
   */
  async add(operation: UsageOperation): Promise<boolean> {
    // Each time, since whoever clears a disk may remove it with what else is old.
    await mkdir(this.#directory, { recursive: true })
    if ((await this.#names()).length >= this.#entriesMax) return false
    // In the order of time, then of this process's calls: a settlement in parts is sent as it was made, also where the clock was set back.
    this.#newest = Math.max(this.#newest, Date.now())
    const order = [this.#newest, this.#sequence++].map((part) => part.toString().padStart(14, '0')).join('-')
    const name = `${order}-${randomUUID()}${EXTENSION}`
    await this.#write(this.#directory, name, encodeOperation(operation))
    return true
  }

  /** How many changes wait. */
  async size(): Promise<number> {
    return (await this.#names()).length
  }

  /**
   * What waits, oldest first, read one by one. A file that is no change of ours is set aside.
   *
   * @param onFailure  hears of a file that cannot be read or set aside, and whether it may yet be a change. It stays, and is passed over
   */
  async *entries(onFailure: (error: unknown, mayBeChange: boolean) => void): AsyncGenerator<SpooledOperation> {
    for (const name of await this.#names()) {
      const text = await this.#read(name).catch((error: unknown) => void onFailure(error, !isFolder(error)))
      if (text === undefined) continue
      const operation = decodeOperation(text)
      if (operation) yield { name, operation }
      else await this.refuse(name, 'it is not a change of the ledger').catch((error: unknown) => onFailure(error, false))
    }
  }

  /** The ledger has it. */
  async remove(name: string): Promise<void> {
    await rm(join(this.#directory, name), { force: true })
  }

  /** The ledger will never take it: it is kept beside, with the reason. */
  async refuse(name: string, reason: string): Promise<void> {
    const folder = join(this.#directory, REFUSED)
    await mkdir(folder, { recursive: true })
    await this.#write(folder, `${name}.reason.txt`, `${reason}\n`)
    await rename(join(this.#directory, name), join(folder, name)).catch(ignoreAbsent)
  }

  /** @returns undefined where it was sent meanwhile */
  #read(name: string): Promise<string | undefined> {
    return readFile(join(this.#directory, name), 'utf8').catch(ignoreAbsent)
  }

  async #names(): Promise<string[]> {
    const names = (await readdir(this.#directory).catch(ignoreAbsent)) ?? []
    return names.filter((name) => name.endsWith(EXTENSION)).sort()
  }

  /** Under another name first, so that a file is never seen half-written, and its folder after it, so that its name is kept as well. */
  async #write(folder: string, name: string, text: string): Promise<void> {
    // What a crash left unfinished, or another process is writing, must not be in the way.
    const unfinished = join(folder, `${name}.${randomUUID()}.part`)
    try {
      const file = await open(unfinished, 'wx', 0o600)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(unfinished, join(folder, name))
    } catch (error) {
      // A disk that is full must not be filled with what could not be kept.
      await rm(unfinished, { force: true }).catch(() => undefined)
      throw error
    }
    const directory = await open(folder, 'r')
    await directory.sync().catch(() => undefined)
    await directory.close()
  }
}

function ignoreAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

function isFolder(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EISDIR'
}
