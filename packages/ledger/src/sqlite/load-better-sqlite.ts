import { InvalidOptionError } from '@farebox/core'
import { codeOf, messageOf } from './classify-error.ts'
import type { SqliteDatabase } from './handle.ts'

/** The part of better-sqlite3 that opens a file, or what {@link SqliteDatabase.serialize} returned. */
export type BetterSqlite = new (
  filename: string | Buffer,
  options: { timeout: number; readonly?: boolean; fileMustExist?: boolean },
) => SqliteDatabase

/**
 * Loads better-sqlite3 on demand, because it is an optional dependency.
 *
 * @throws {InvalidOptionError} this version of Node is too old for it, or it is not installed
 */
export async function loadBetterSqlite(): Promise<BetterSqlite> {
  // On older versions, better-sqlite3 13 crashes the process without a message.
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 22 || (major === 22 && minor < 14)) {
    throw new InvalidOptionError(`@farebox/ledger/sqlite needs Node 22.14 or later, this is ${process.versions.node}`)
  }
  try {
    return (await import('better-sqlite3')).default
  } catch (error) {
    throw (
      withoutNativePart(error) ??
      new InvalidOptionError('better-sqlite3 cannot be loaded: install it beside @farebox/ledger, and leave it out of a bundle', {
        cause: error,
      })
    )
  }
}

/**
 * The error to throw if better-sqlite3 is installed and its native part is missing or was built for another Node, which trying
 * again does not change. It loads that part when it first opens a file. Its message tells no paths, which the cause has. Where it
 * was bundled, it does not find that part, or not even its own folder.
 */
export function withoutNativePart(error: unknown): InvalidOptionError | undefined {
  const isMissing = /better_sqlite3\.node|^Could not locate the bindings file/.test(messageOf(error))
  const isNative =
    codeOf(error) === 'ERR_DLOPEN_FAILED' ||
    error instanceof ReferenceError ||
    (isMissing && !codeOf(error).startsWith('SQLITE_'))
  if (!isNative) return undefined
  const { platform, arch, version } = process
  const message = `better-sqlite3 was not built for Node ${version} on ${platform}-${arch}: install it with this Node, allow its install script, and leave it out of a bundle`
  return new InvalidOptionError(message, { cause: error })
}
