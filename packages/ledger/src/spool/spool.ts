import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeOption, InvalidOptionError } from '@farebox/core'
import { decodeOperation, encodeOperation, type UsageOperation } from './operation-json.ts'

export interface SpoolOptions {
  /** A local folder, created if absent. Several processes may share it. */
  directory: string
  /**
   * Most changes to keep. Beyond that, the database's error is thrown as without a spool. Several processes that share a folder may
   * together keep somewhat more. @defaultValue 100_000
   */
  entriesMax?: number
}

/** One waiting change, with the name of its file. */
export interface SpooledOperation {
  name: string
  operation: UsageOperation
}

const EXTENSION = '.json'
/** How many digits the time and the sequence number in a file's name have. */
const DIGITS = 14
const NAME = /^\d{14}-\d{14}-/
/** What a process that was killed left of a file of ours. */
const UNFINISHED = /^\d{14}-\d{14}-[\da-f-]{36}\.json\.[\da-f-]{36}\.part$/
/** Writing a file takes no longer, by far. */
const UNFINISHED_MS = 3_600_000
/** The folder is read again once this part of what was found has been added. */
const ADDED_PART = 10
/** Subfolder for changes that the ledger refused, kept for inspection. */
const REFUSED = 'refused'

/**
 * Keeps usage that could not be written to the database on the local disk: one file for each change, complete or absent. A file
 * is durable when `add` resolves, and removed once the ledger has its change. If two processes send the same change, its
 * idempotency key makes it happen once.
 */
export class Spool {
  readonly #directory: string
  readonly #entriesMax: number
  #sequence = 0
  /** The time in the newest file's name. */
  #newest = 0
  /** How many files the folder had when it was last read, and how many names were given since. */
  #found: number | undefined
  #named = 0
  /** Names are given one after another: the folder, read for several at once, would not answer in the order of the calls. */
  #naming: Promise<unknown> = Promise.resolve()

  /** @throws {InvalidOptionError} `directory` is not a path, or `entriesMax` is not a whole number of 1 or more */
  constructor({ directory, entriesMax = 100_000 }: SpoolOptions) {
    if (typeof directory !== 'string' || directory === '') {
      throw new InvalidOptionError(`directory of a spool must be a path, received ${describeOption(directory)}`)
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
   * @returns whether it was kept; a full spool keeps nothing more
   */
  async add(operation: UsageOperation): Promise<boolean> {
    const naming = this.#naming.then(() => this.#nextName())
    this.#naming = naming.catch(() => undefined)
    const name = await naming
    if (name === undefined) return false
    await this.#write(this.#directory, name, encodeOperation(operation))
    return true
  }

  /**
   * Names sort by time, then by this process's calls, and after all that are there. So partial settlements are sent in order, even
   * if the clock was set back, also before this process started.
   *
   * @returns `undefined` if the spool is full
   */
  async #nextName(): Promise<string | undefined> {
    // Create it each time, because a disk cleanup may have removed it.
    await mkdir(this.#directory, { recursive: true })
    // Not each time: where much waits, reading all the names takes longer than writing a file.
    const found = this.#found ?? 0
    const mayBeFull = found + this.#named >= this.#entriesMax
    if (mayBeFull || this.#named * ADDED_PART >= found) await this.#count()
    if ((this.#found ?? 0) + this.#named >= this.#entriesMax) return undefined
    this.#named++
    this.#newest = Math.max(this.#newest, Date.now())
    const order = [this.#newest, this.#sequence++].map((part) => part.toString().padStart(DIGITS, '0')).join('-')
    return `${order}-${randomUUID()}${EXTENSION}`
  }

  /** Counts the files, which other processes add and send too, and finds the newest. */
  async #count(): Promise<void> {
    const names = await this.#all()
    if (this.#found === undefined) await this.#removeUnfinished(names)
    this.#found = 0
    this.#named = 0
    for (const name of names) {
      if (!name.endsWith(EXTENSION)) continue
      this.#found++
      if (NAME.test(name)) this.#newest = Math.max(this.#newest, Number(name.slice(0, DIGITS)) + 1)
    }
  }

  /** Removes what killed processes left of files that they were writing: nobody was told that these were kept. */
  async #removeUnfinished(names: readonly string[]): Promise<void> {
    for (const name of names.filter((one) => UNFINISHED.test(one))) {
      const path = join(this.#directory, name)
      const isOld = await stat(path).then(
        ({ mtimeMs }) => mtimeMs < Date.now() - UNFINISHED_MS,
        () => false,
      )
      if (isOld) await rm(path, { force: true }).catch(() => undefined)
    }
  }

  /** How many changes wait. */
  async size(): Promise<number> {
    return (await this.#names()).length
  }

  /**
   * Reads the waiting changes one by one, oldest first. A file that holds no ledger change is moved to `refused`.
   *
   * @param onFailure  called for a file that cannot be read or moved, with whether it may be a change. The file is skipped.
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

  /** Removes a change that the ledger has. */
  async remove(name: string): Promise<void> {
    await rm(join(this.#directory, name), { force: true })
  }

  /** Moves a change that the ledger will never accept to `refused`, with the reason beside it. */
  async refuse(name: string, reason: string): Promise<void> {
    const folder = join(this.#directory, REFUSED)
    await mkdir(folder, { recursive: true })
    await this.#write(folder, `${name}.reason.txt`, `${reason}\n`)
    await rename(join(this.#directory, name), join(folder, name)).catch(ignoreAbsent)
  }

  /** @returns `undefined` if the change was sent meanwhile */
  #read(name: string): Promise<string | undefined> {
    return readFile(join(this.#directory, name), 'utf8').catch(ignoreAbsent)
  }

  async #names(): Promise<string[]> {
    return (await this.#all()).filter((name) => name.endsWith(EXTENSION)).sort()
  }

  async #all(): Promise<string[]> {
    return (await readdir(this.#directory).catch(ignoreAbsent)) ?? []
  }

  /**
   * Writes under a temporary name first, so that nobody sees half a file, then syncs the folder, so that the name is durable too.
   */
  async #write(folder: string, name: string, text: string): Promise<void> {
    // A unique name avoids files that a crash left behind or another process is writing.
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
      // Failed attempts must not fill a disk that is full already.
      await rm(unfinished, { force: true }).catch(() => undefined)
      throw error
    }
    await syncFolder(folder)
  }
}

/** What systems answer that cannot open or sync a folder, and keep the names of files by themselves. */
const NO_FOLDER_SYNC: ReadonlySet<unknown> = new Set(['EACCES', 'EINVAL', 'EISDIR', 'ENOSYS', 'ENOTSUP', 'EPERM'])

/** Makes the names of new files durable. A disk that fails at that must be told: the file may be gone after a power cut. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const directory = await open(folder, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && NO_FOLDER_SYNC.has(error.code))) throw error
  }
}

function ignoreAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

function isFolder(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EISDIR'
}
