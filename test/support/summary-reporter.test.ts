import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')
const reporter = join(import.meta.dirname, 'summary-reporter.ts')
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farebox-summary-'))
  await writeFile(
    join(folder, 'vitest.config.mjs'),
    `export default { test: { globals: true, reporters: ['default', ${JSON.stringify(reporter)}] } }`,
  )
})

afterEach(() => rm(folder, { recursive: true, force: true }))

it('ends a good run with the number of tests that passed', async () => {
  expect(await lastLine({ 'a.test.js': `it('a', () => {}); it('b', () => {})` })).toBe('2 passed, 0 failed')
})

it('counts failed and skipped tests', async () => {
  const a = `it('a', () => {}); it('b', () => { throw new Error('b') }); it.skip('c', () => {}); it.todo('d')`
  expect(await lastLine({ 'a.test.js': a })).toBe('1 passed, 1 failed, 2 skipped')
})

it('counts a file that cannot be read, a failed hook and an unhandled error as failures', async () => {
  expect(
    await lastLine({
      'a.test.js': `it('a', () => {})`,
      'broken.test.js': `import './missing.js'`,
      'hook.test.js': `describe('s', () => { afterAll(() => { throw new Error('hook') }); it('b', () => {}) })`,
      'unhandled.test.js': `it('c', async () => { Promise.reject(new Error('c')); await new Promise((r) => setTimeout(r, 50)) })`,
    }),
  ).toBe('3 passed, 3 failed')
})

it('does not call a run without tests a good one', async () => {
  expect(await lastLine({})).toBe('0 passed, 1 failed')
})

async function lastLine(files: Record<string, string>): Promise<string | undefined> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const output = await new Promise<string>((resolve) =>
    execFile(process.execPath, [vitest, 'run', '--root', folder], { cwd: folder }, (_error, stdout) => resolve(stdout)),
  )
  return output.trimEnd().split('\n').at(-1)
}
