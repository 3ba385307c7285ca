import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repositoryFolder } from '../../repository/workspace.ts'
import { outline } from './outline.ts'
import { pageText } from './page-text.ts'

/** What each package's reference should say now, by its path relative to the repository. */
export function references(): Map<string, string> {
  const { pages, places } = outline()
  return new Map(pages.map((page) => [page.path, pageText(page, places)]))
}

/** The pages that say something else, or are not there. */
export function staleReferences(): string[] {
  return [...references()].filter(([path, text]) => read(path) !== text).map(([path]) => path)
}

/** The exported names that nothing is said about, as `path: name`. */
export function undocumentedNames(): string[] {
  return outline().pages.flatMap(({ sections, packageName }) =>
    sections.flatMap(({ items }) =>
      items.filter(({ declaration }) => !declaration.doc?.description).map(({ name }) => `${packageName}: ${name}`),
    ),
  )
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(repositoryFolder, path), 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const stale = staleReferences()
  if (process.argv.includes('--check')) {
    for (const path of stale) console.error(`${path} is stale: run npm run reference`)
    process.exitCode = stale.length > 0 ? 1 : 0
  } else {
    const texts = references()
    for (const path of stale) writeFileSync(join(repositoryFolder, path), texts.get(path) ?? '')
    console.log(stale.length > 0 ? `wrote ${stale.join(', ')}` : 'every page says what the sources say')
  }
}
