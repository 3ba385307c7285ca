import { accessSync, constants, mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const GIB = 1024 ** 3

/** Linux keeps the files of this folder in memory. Containers may have next to no room in it. */
const MEMORY_FOLDER = '/dev/shm'

/**
 * Makes a folder for databases that nobody keeps; whoever makes it removes it.
 *
 * It is in memory where there is room. The databases still sync at each commit, and half of what the tests once took was to wait for a
 * disk to do so. Tests of crashes and benchmarks use the disk.
 */
export function databaseFolder(name: string): string {
  return mkdtempSync(join(databaseParent(), `farebox-${name}-`))
}

/** Where folders for databases that nobody keeps are made. */
export function databaseParent(): string {
  return hasRoomInMemory() ? MEMORY_FOLDER : tmpdir()
}

function hasRoomInMemory(): boolean {
  try {
    accessSync(MEMORY_FOLDER, constants.W_OK)
    const { bavail, bsize } = statfsSync(MEMORY_FOLDER)
    return bavail * bsize > 2 * GIB && process.availableMemory() > 4 * GIB
  } catch {
    return false
  }
}
