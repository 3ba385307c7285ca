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

/**
 * A code block of a page, with what a comment before it says that it is.
 *
 * | kind | what is done with it |
 * |---|---|
 * | `program` | run; prints what the `output` after it says |
 * | `shell` | the same, with the command `farebox` |
 * | `server` | started on a free port; wants a key at `/ai/ask` |
 * | `file` | kept under its name beside the page's programs and tests, which import it |
 * | `test` | run by vitest |
 * | `rule`, `client` | read by tests of the package that the page is about |
 */
export interface Block {
  kind: string | undefined
  /** The file that it is, where the comment names one. */
  name: string | undefined
  language: string
  text: string
}

/** The code blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(repositoryFolder, page), 'utf8')
  const blocks = text.matchAll(/(?:<!-- (\w+)(?: ([\w.-]+))? -->\n)?^```(\w*)\n(.*?)^```$/gms)
  return [...blocks].map(([, kind, name, language = '', body = '']) => ({ kind, name, language, text: body }))
}
