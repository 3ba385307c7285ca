import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Where the providers' published specifications lie, when they are at hand: they are not ours to ship. */
const specsFolder = process.env.FAREBOX_SPECS ?? join(import.meta.dirname, '../../..', 'shared', 'specs')

/** Whether a specification is at hand. */
export function hasSpec(file: string): boolean {
  return existsSync(join(specsFolder, file))
}

/** The text of a specification that is kept compressed. */
export function readSpec(file: string): string {
  return gunzipSync(readFileSync(join(specsFolder, file))).toString('utf8')
}

/** How a test that needs a specification is named where that is absent, so that nobody takes silence for success. */
export function specTestName(claim: string, file: string): string {
  return hasSpec(file) ? claim : `${claim} (skipped: there is no ${file} in the folder that FAREBOX_SPECS names)`
}
