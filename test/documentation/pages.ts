import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryFolder } from '../repository/workspace.ts'

/** The pages that are written for readers, relative to the repository; the reference is made, and has tests of its own. */
export const pages = [
  'README.md',
  ...globSync(['*.md', 'packages/*/README.md', 'packages/farebox/guides/*.md'], { cwd: repositoryFolder })
    .filter((page) => page !== 'README.md' && page !== 'CHANGELOG.md')
    .sort(),
]

/** The text of a page. */
export function pageText(page: string): string {
  return readFileSync(join(repositoryFolder, page), 'utf8')
}
