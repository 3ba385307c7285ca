import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { repositoryFolder } from './workspace.ts'

/** Paths and addresses that are true on one machine only. Written so that this file does not find itself. */
const machineOnly = [
  /(?<![\w.~])\/(?:home|Users)\/[\w.-]+\//,
  /(?<![\w.~])\/root\//,
  /(?:localhost|127\.0\.0\.1):(?:4873|8081)\b/,
  /https?:\/\/[\w.:@-]*(?:artifactory|verdaccio|nexus)[\w.:-]*/i,
  /registry[ \t]*=[ \t]*https?:/,
]

it('names no path of this machine and no address of its package registry', () => {
  const ours = [repositoryFolder, homedir(), registryHost()].filter((text) => text.length > 6)
  const offences = trackedFiles().flatMap((file) => {
    const text = readFileSync(join(repositoryFolder, file), 'utf8')
    const found = [...ours.filter((each) => text.includes(each)), ...machineOnly.flatMap((each) => text.match(each)?.[0] ?? [])]
    return found.map((each) => `${file}: ${each}`)
  })
  expect(offences).toEqual([])
})

it('keeps no log that a profiler or a server has left', () => {
  expect(trackedFiles().filter((file) => file.endsWith('.log'))).toEqual([])
})

/** Files that are committed or about to be. An unpacked archive has no git, and there every file counts. */
function trackedFiles(): string[] {
  const files = existsSync(join(repositoryFolder, '.git'))
    ? execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'], {
        cwd: repositoryFolder,
        encoding: 'utf8',
      }).split('\0')
    : globSync('**/*', { cwd: repositoryFolder, exclude: ['**/node_modules', '**/dist', 'test/documentation/snippet-*'] })
  return files.filter((file) => isText(file) && statSync(join(repositoryFolder, file), { throwIfNoEntry: false })?.isFile())
}

function isText(file: string): boolean {
  return !/\.(?:png|jpe?g|gif|wav|mp3|ogg|webm|pdf|ico|woff2?)$/.test(file)
}

/** Empty for npm's own registry, which documents may well mention. */
function registryHost(): string {
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { cwd: repositoryFolder, encoding: 'utf8', stdio: 'pipe' })
  const { host } = new URL(registry.trim())
  return host === 'registry.npmjs.org' ? '' : host
}
