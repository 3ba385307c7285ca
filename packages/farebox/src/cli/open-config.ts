import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidOptionError } from '@farebox/core'
import type { Farebox } from '../farebox.ts'

/**
 * The Farebox of a module of the host's, for commands that need providers: its default export is one, or a function that makes one.
 *
 * @throws {InvalidOptionError} there is no such file, it cannot be loaded, or it exports something else
 */
export async function openConfig(path: string): Promise<Farebox> {
  const file = resolve(path)
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) throw new InvalidOptionError(`there is no file ${file}`)
  if (found.isDirectory()) throw new InvalidOptionError(`--config names a folder, not a file: ${file}`)
  const exported = defaultOf(await load(file))
  const box: unknown = typeof exported === 'function' ? await exported() : await exported
  // By what it can do, and not by its class, which a second copy of the package has as well.
  if (!isFarebox(box)) {
    throw new InvalidOptionError(
      `the default export of ${file} must be a Farebox, or a function that makes one: createFarebox({ … })`,
    )
  }
  return box
}

async function load(file: string): Promise<{ default?: unknown }> {
  try {
    return await import(pathToFileURL(file).href)
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    throw new InvalidOptionError(`${file} cannot be loaded: ${words}`, { cause: error })
  }
}

/** What compilers make of `export default` in CommonJS, such as TypeScript, is a field of what Node has as the default export. */
function defaultOf({ default: exported }: { default?: unknown }): unknown {
  const isCompiled = typeof exported === 'object' && exported !== null && '__esModule' in exported && 'default' in exported
  return isCompiled ? exported.default : exported
}

function isFarebox(value: unknown): value is Farebox {
  if (typeof value !== 'object' || value === null) return false
  const { reconcile, close } = value as Partial<Record<'reconcile' | 'close', unknown>>
  return typeof reconcile === 'function' && typeof close === 'function'
}
