import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'
import { pages } from './pages.ts'
import { Slugs } from './reference/slugs.ts'

const linked = [...pages, ...globSync(['examples/*/README.md', 'packages/*/API.md'], { cwd: repositoryFolder }).sort()]
const anchors = new Map<string, Set<string>>()

it('points to files and headings that are there', () => {
  const broken = linked.flatMap((page) => linksOf(page).flatMap((link) => (leads(page, link) ? [] : [`${page}: ${link}`])))
  expect(broken).toEqual([])
})

it('leaves no guide out of the index of guides', () => {
  const guides = pages.filter((page) => page.includes('/guides/') && !page.endsWith('README.md'))
  const listed = linksOf('packages/farebox/guides/README.md').map((link) => join('packages/farebox/guides', link))
  expect(guides.filter((guide) => !listed.includes(guide))).toEqual([])
})

/** The targets of a page's links that lead to this repository. */
function linksOf(page: string): string[] {
  const prose = withoutCode(readFileSync(join(repositoryFolder, page), 'utf8')).replace(/`[^`\n]*`/g, '')
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

function leads(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : relative(repositoryFolder, join(repositoryFolder, dirname(page), path))
  if (!existsSync(join(repositoryFolder, target))) return false
  return anchor === undefined || anchorsOf(target).has(anchor)
}

function anchorsOf(page: string): Set<string> {
  const known = anchors.get(page)
  if (known) return known
  const file = join(repositoryFolder, page)
  const slugs = new Slugs()
  const text = statSync(file).isFile() ? withoutCode(readFileSync(file, 'utf8')) : ''
  const found = new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slugs.next(heading.replaceAll('`', ''))))
  anchors.set(page, found)
  return found
}

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '')
}
