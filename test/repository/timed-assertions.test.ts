import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { repositoryFolder, sourceFiles } from './workspace.ts'

/** Now without an earlier moment that has a name: so much time has passed. */
const measures = /\b(?:Date|performance)\.now\(\)\s*-\s*[a-z_$]/i

it('no test measures how long something took, but by a clock of its own', () => {
  const tests = ['packages', 'examples', 'test'].flatMap(sourceFiles).filter((file) => file.endsWith('.test.ts'))
  const timed = tests.filter((file) => {
    const text = readFileSync(join(repositoryFolder, file), 'utf8')
    return measures.test(text) && !text.includes('vi.useFakeTimers(')
  })
  expect(tests.length).toBeGreaterThan(100)
  expect(timed).toEqual([])
})
