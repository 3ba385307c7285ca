import { type Stats, statSync } from 'node:fs'
import { LedgerUnavailableError } from '../errors.ts'

/** How long files are taken to be where they were: to look costs a lone change a fifth of its time. */
const LOOK_EVERY_MS = 50

/** Which file is in a place. */
type Identity = Pick<Stats, 'ino' | 'birthtimeMs'>

/**
 * Files that are open, by their names. What is written to a file after it was removed, or after another took its place, goes with this
 * process, and neither SQLite nor the system says so.
 */
export class OpenedFiles {
  readonly #files = new Map<string, Identity>()
  #nextLook = 0

  /** @param filenames  of those that are there */
  constructor(filenames: readonly string[]) {
    for (const filename of filenames) {
      const identity = identityOf(filename)
      if (identity !== undefined) this.#files.set(filename, identity)
    }
  }

  /** @throws {LedgerUnavailableError} one of them was not in its place, a moment ago at most */
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

/** Some file systems make numbers of files up, and others do not know when one was made: another file differs in both. */
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
