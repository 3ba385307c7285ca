import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidOptionError } from '@farebox/core'
import type { Farebox } from '../farebox.ts'

/**
 * Loads the host's Farebox from a module, for commands that need providers. Its default export is a Farebox, or a function that
 * makes one.
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
  // Check its methods, not its class: a second copy of the package has a class of its own.
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

/** Unwraps a module that was compiled to CommonJS: its `export default` is a field of what Node imports as the default export. */
function defaultOf({ default: exported }: { default?: unknown }): unknown {
  const isCompiled = typeof exported === 'object' && exported !== null && '__esModule' in exported && 'default' in exported
  return isCompiled ? exported.default : exported
}

function isFarebox(value: unknown): value is Farebox {
  if (typeof value !== 'object' || value === null) return false
  const { reconcile, close } = value as Partial<Record<'reconcile' | 'close', unknown>>
  return typeof reconcile === 'function' && typeof close === 'function'
}
