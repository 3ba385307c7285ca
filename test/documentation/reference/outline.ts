import { relative } from 'node:path'
import { entryPoints, repositoryFolder, workspacePackages } from '../../repository/workspace.ts'
import { identityOf, type Places } from './links.ts'
import { type Member, membersOf } from './signature.ts'
import { Slugs } from './slugs.ts'
import { type Declaration, type Export, exportsOf, findDeclaration } from './source-module.ts'

/** The kinds of names, in the order in which a page has them. */
export const kinds = ['Functions', 'Classes', 'Errors', 'Constants', 'Types'] as const
export type Kind = (typeof kinds)[number]

/** The reference of one package. */
export interface Page {
  /** Relative to the repository: `packages/core/API.md`. */
  path: string
  packageName: string
  sections: Section[]
}

/** What one subpath exports. */
export interface Section {
  specifier: string
  items: Item[]
  /** Names that are described elsewhere, or come from packages that are not ours. */
  handedOn: Export[]
}

export interface Item {
  name: string
  kind: Kind
  slug: string
  declaration: Declaration
  members: Member[]
}

/** What is on which page, and where. A name is described once: where its own package first exports it. */
export function outline(): { pages: Page[]; places: Places } {
  const packages = workspacePackages('packages').map(({ folder, manifest }) => ({
    folder,
    name: manifest.name,
    entries: entryPoints({ folder, manifest }),
  }))
  const exported = packages.map((each) => each.entries.map(({ specifier, source }) => ({ specifier, names: exportsOf(source) })))
  const described = new Set(
    exported.flat(2).flatMap(({ names }) => names.flatMap(({ declaration }) => (declaration ? [identityOf(declaration)] : []))),
  )
  const places = new Map<string, { page: string; slug: string }>()

  const pages = packages.map(({ folder, name, entries }): Page => {
    const path = `${folder}/API.md`
    const slugs = new Slugs()
    slugs.next(`API of ${name}`)
    const sections = entries.map(({ specifier, source }): Section => {
      slugs.next(specifier)
      const section: Section = { specifier, items: [], handedOn: [] }
      const items = exportsOf(source).flatMap((each) => {
        const { declaration } = each
        const isOwn = declaration && relative(repositoryFolder, declaration.module.file).startsWith(`${folder}/`)
        if (isOwn && !places.has(identityOf(declaration))) return [{ name: each.name, declaration, kind: kindOf(declaration) }]
        section.handedOn.push(each)
        return []
      })
      for (const kind of kinds) {
        const ofKind = items.filter((item) => item.kind === kind)
        if (ofKind.length > 0) slugs.next(kind)
        for (const item of ofKind) {
          const slug = slugs.next(item.name)
          for (const key of [identityOf(item.declaration), `${path}#${item.name}`]) places.set(key, { page: path, slug })
          const isDescribed = (other: Declaration) => described.has(identityOf(other))
          const own = membersOf(item.declaration, isDescribed).filter(({ doc }) => !doc?.isInternal)
          const members = kind === 'Classes' ? own.flatMap((member) => [member, ...membersWithin(member, isDescribed)]) : own
          for (const member of kind === 'Classes' ? members.filter(({ isMethod }) => isMethod) : []) {
            const place = { page: path, slug: slugs.next(methodHeading(item.name, member)) }
            for (const key of [identityOf(item.declaration), `${path}#${item.name}`]) places.set(`${key}.${member.name}`, place)
          }
          section.items.push({ ...item, slug, members })
        }
      }
      return section
    })
    return { path, packageName: name, sections }
  })
  return { pages, places }
}

/** What can be called on a property whose class has no name that users can import: `agents.create` of `agents`. */
function membersWithin({ name, signature, module }: Member, isDescribed: (other: Declaration) => boolean): Member[] {
  const [, typeName = ''] = signature.match(/: (\w+)$/) ?? []
  const type = findDeclaration(module.file, typeName)
  if (!type || isDescribed(type)) return []
  return membersOf(type, isDescribed)
    .filter(({ isMethod, doc, name: method }) => isMethod && !doc?.isInternal && method !== 'constructor')
    .map((member) => ({ ...member, name: `${name}.${member.name}` }))
}

/** `Ledger.grant`, or `new Ledger`. */
export function methodHeading(className: string, { name }: Member): string {
  return name === 'constructor' ? `new ${className}` : `${className}.${name}`
}

function kindOf({ nodes, name }: Declaration): Kind {
  switch (nodes[0]?.type) {
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
      return 'Functions'
    case 'ClassDeclaration':
      return name.endsWith('Error') ? 'Errors' : 'Classes'
    case 'VariableDeclaration':
      return 'Constants'
    default:
      return 'Types'
  }
}
