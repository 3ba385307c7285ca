import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'
import { blocksOf, pages } from './pages.ts'

// Tests that a page shows are tests: they are written beside the files that the page names, and join this one.
const folder = mkdtempSync(join(repositoryFolder, 'test/documentation/snippet-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
for (const page of pages) {
  const blocks = blocksOf(page)
  const tests = blocks.filter(({ kind }) => kind === 'test')
  for (const { kind, name, text } of blocks) {
    if ((kind === 'file' || kind === 'test') && name !== undefined) writeFileSync(join(folder, name), text)
  }
  for (const { name } of tests) {
    count++
    await import(join(folder, name ?? ''))
  }
}

it('is shown by a page', () => {
  expect(count).toBeGreaterThan(0)
})
