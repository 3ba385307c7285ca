import { statSync } from 'node:fs'
import { LedgerUnavailableError } from '../errors.ts'

/**
 * Files that are open, by their names. What is written to a file after it was removed, or after another took its place, goes with this
 * process, and neither SQLite nor the system says so.
 */
export class OpenedFiles {
  readonly #inodes = new Map<string, number>()

  /** @param filenames  of those that are there */
  constructor(filenames: readonly string[]) {
    for (const filename of filenames) {
      const inode = inodeOf(filename)
      if (inode !== undefined) this.#inodes.set(filename, inode)
    }
  }

  /** @throws {LedgerUnavailableError} one of them is not in its place */
  check(): void {
    for (const [filename, inode] of this.#inodes) {
      if (inodeOf(filename) !== inode) {
        throw new LedgerUnavailableError(`${filename} was removed or replaced while it is open: put it back, or start again`)
      }
    }
  }
}

function inodeOf(filename: string): number | undefined {
  try {
    return statSync(filename, { throwIfNoEntry: false })?.ino
  } catch {
    return undefined
  }
}
