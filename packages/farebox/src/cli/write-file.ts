import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, existsSync, realpathSync, rmSync, statSync } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'
import { finished } from 'node:stream/promises'
import { InvalidOptionError } from '@farebox/core'

/**
 * Writes a file that appears whole or not at all: under another name first, and in its place once all of it is on the disk.
 *
 * @param overwrites  whether it may replace an existing file
 * @returns           how many bytes were written
 * @throws {InvalidOptionError} the file exists, the path is not that of a file, or its folder does not exist
 */
export async function writeFileWhole(
  out: string,
  pieces: Iterable<string> | AsyncIterable<string>,
  overwrites: boolean,
): Promise<number> {
  const path = resolve(out)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory() || out.endsWith('/') || out.endsWith(sep))
    throw new InvalidOptionError(`--out names a folder, not a file: ${path}`)
  // A file in the place of a device or a pipe would destroy it, such as /dev/stdout for a privileged user.
  if (found && !found.isFile())
    throw new InvalidOptionError(`--out does not name a file: ${path}; without --out it goes to the output`)
  if (!overwrites && found) throw new InvalidOptionError(`there is a file ${path} already: --force replaces it`)
  // Replace the target of a link, not the link.
  return writeWhole(found ? realpathSync(path) : path, pieces, overwrites)
}

async function writeWhole(path: string, pieces: Iterable<string> | AsyncIterable<string>, overwrites: boolean): Promise<number> {
  const folder = dirname(resolve(path))
  if (!existsSync(folder)) throw new InvalidOptionError(`there is no folder ${folder}`)
  // Random, not the process id: in containers all have the same one, and a killed process leaves its file behind.
  const beside = `${path}.${randomUUID()}.partial`
  const stopListening = onEndSignal(() => rmSync(beside, { force: true }))
  const stream = createWriteStream(beside, { flags: 'wx' })
  try {
    await once(stream, 'open')
    for await (const piece of pieces) if (!stream.write(piece)) await once(stream, 'drain')
    stream.end()
    await finished(stream)
    await toDisk(beside)
    if (overwrites) await rename(beside, path)
    else await placeNew(beside, path)
    return stream.bytesWritten
  } finally {
    stream.destroy()
    await rm(beside, { force: true })
    stopListening()
  }
}

/**
 * Cleans up where somebody ends the process before the work is done, which then ends as it would have.
 *
 * @returns  stops listening
 */
function onEndSignal(cleanUp: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const end = (signal: NodeJS.Signals) => {
    stopListening()
    cleanUp()
    // Unless somebody else listens too, and says how it ends.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
  const stopListening = () => {
    for (const signal of signals) process.off(signal, end)
  }
  for (const signal of signals) process.on(signal, end)
  return stopListening
}

async function toDisk(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Fails if the file was created in the meantime. A rename would silently replace it. */
async function placeNew(from: string, path: string): Promise<void> {
  try {
    await link(from, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new InvalidOptionError(`there is a file ${path} already: --force replaces it`)
    // Not every file system supports links.
    await rename(from, path)
  }
}
