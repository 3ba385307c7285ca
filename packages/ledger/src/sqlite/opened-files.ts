import { type Stats, statSync } from 'node:fs'
import { LedgerUnavailableError } from '../errors.ts'

/** How long a check stays valid. Checking before each change would take a fifth of the time of a lone one. */
const LOOK_EVERY_MS = 50

/** Tells the file at a path from another one at the same path. */
type Identity = Pick<Stats, 'ino' | 'birthtimeMs'>

/**
 * Checks that open files are still at their paths. What a process writes to a file after it was removed or replaced is gone when
 * the process ends, and neither SQLite nor the operating system reports it.
 */
export class OpenedFiles {
  readonly #files = new Map<string, Identity>()
  #nextLook = 0

  /** @param filenames  paths to watch; those that do not exist are ignored */
  constructor(filenames: readonly string[]) {
    for (const filename of filenames) {
      const identity = identityOf(filename)
      if (identity !== undefined) this.#files.set(filename, identity)
    }
  }

  /** @throws {LedgerUnavailableError} one of the files was removed or replaced. It looks at most every 50 ms. */
  check(): void {
    const now = performance.now()
    if (now < this.#nextLook) return
    for (const [filename, opened] of this.#files) {
      const found = identityOf(filename)
      if (found === undefined || !isSame(found, opened)) {
        throw new LedgerUnavailableError(`${filename} was removed or replaced while it is open: put it back, or start again`)
      }
    }
    this.#nextLook = now + LOOK_EVERY_MS
  }
}

/** Some file systems invent inode numbers, and others record no birth time. Only a different file differs in both. */
function isSame(found: Identity, opened: Identity): boolean {
  return found.ino === opened.ino || (found.birthtimeMs === opened.birthtimeMs && found.birthtimeMs > 0)
}

function identityOf(filename: string): Identity | undefined {
  try {
    return statSync(filename, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
