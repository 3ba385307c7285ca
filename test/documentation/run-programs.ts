import { pathToFileURL } from 'node:url'

/**
 * Runs programs one after another, and prints a NUL after each. They share what they import, so that a page of six costs little more than
 * one; each is over when its last `await` is, and the process ends only when none has left anything open.
 */
for (const program of process.argv.slice(2)) {
  await import(pathToFileURL(program).href)
  process.stdout.write('\0')
}
