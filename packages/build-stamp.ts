import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What a build reads and what it writes, listed when asked; paths are absolute. */
export interface BuildFiles {
  inputs(): string[]
  outputs(): string[]
}

/**
 * Builds, unless all that it would read and all that it wrote are as they were after the last build. Files are compared by what is in
 * them, for a checkout touches files that it does not change, and an editor may change one twice within the same second.
 *
 * @param stamp  the file in which the last build is remembered
 * @returns      whether it built
 */
export async function buildUnlessUnchanged(stamp: string, files: BuildFiles, build: () => Promise<void>): Promise<boolean> {
  const inputs = await digest(files.inputs())
  const remembered = await readFile(stamp, 'utf8').catch(() => undefined)
  if (remembered === `${inputs} ${await digest(files.outputs())}`) return false
  // So a build that is cut short leaves nothing that a later one could believe.
  await rm(stamp, { force: true })
  await build()
  await mkdir(dirname(stamp), { recursive: true })
  await writeFile(stamp, `${inputs} ${await digest(files.outputs())}`)
  return true
}

/** Of the names and the contents of files, and of the Node that runs. */
async function digest(files: string[]): Promise<string> {
  const hash = createHash('sha256').update(process.version)
  for (const file of files.toSorted()) {
    const bytes = await readFile(file)
    hash.update(`\n${file} ${bytes.length}\n`).update(bytes)
  }
  return hash.digest('hex')
}
