import type { DocComment } from './doc-comment.ts'
import { Links, type Places } from './links.ts'
import { type Item, kinds, methodHeading, type Page, type Section } from './outline.ts'
import { type Member, signatureOf } from './signature.ts'

/** The Markdown of one package's reference. */
export function pageText(page: Page, places: Places): string {
  const links = new Links(page.path, places)
  return [
    `# API of ${page.packageName}`,
    `Every name that the package exports, from the comments in its sources: change those and run \`npm run reference\`, not this page. The
[README](README.md) says what the package is for.`,
    ...(page.sections.length > 1
      ? [page.sections.map(({ specifier }) => `- [\`${specifier}\`](#${slugOf(specifier)})`).join('\n')]
      : []),
    ...page.sections.flatMap((section) => sectionText(section, links)),
  ]
    .join('\n\n')
    .concat('\n')
}

function sectionText({ specifier, items, handedOn }: Section, links: Links): string[] {
  const grouped = kinds
    .map((kind) => ({ kind, items: items.filter((item) => item.kind === kind) }))
    .filter((group) => group.items.length > 0)
  const contents = grouped.map(
    (group) => `**${group.kind}**: ${group.items.map(({ name, slug }) => `[${name}](#${slug})`).join(', ')}`,
  )
  const others = handedOn.map(({ name, declaration }) => {
    const address = declaration && links.toDeclaration(declaration)
    return address ? `[${name}](${address})` : name
  })
  return [
    `## ${specifier}`,
    ...contents,
    ...(others.length > 0 ? [`**Described elsewhere**: ${others.join(', ')}`] : []),
    ...grouped.flatMap((group) => [`### ${group.kind}`, ...group.items.flatMap((item) => itemText(item, links))]),
  ]
}

function itemText(item: Item, links: Links): string[] {
  const { declaration, name, kind, members } = item
  const { file } = declaration.module
  const signature = signatureOf(declaration)
  const heads = `#### ${name}`
  if (kind === 'Errors') {
    const code = members.find((member) => member.name === 'code')?.signature.match(/'(\w+)'/)?.[1]
    const facts = members.filter((member) => member.name !== 'code' && member.name !== 'constructor' && !member.isMethod)
    return [heads, ...(code ? [`Code \`${code}\`.`] : []), ...docText(declaration.doc, file, links), ...memberList(facts, links)]
  }
  const isClass = kind === 'Classes'
  const listed = isClass ? members.filter(({ isMethod, name }) => !isMethod && name !== 'constructor') : members
  const methods = isClass ? members.filter(({ isMethod, name }) => isMethod || name === 'constructor') : []
  return [
    heads,
    ...(isPlain(item, signature) ? [] : [block(signature)]),
    ...docText(declaration.doc, file, links),
    ...memberList(listed, links),
    ...seeAlso(
      [{ file, text: signature }, ...listed.map(({ module, signature: text }) => ({ file: module.file, text }))],
      name,
      links,
    ),
    ...methods.flatMap((method) => [
      `##### ${methodHeading(name, method)}`,
      block(method.signature),
      ...docText(method.doc, method.module.file, links.within(name)),
      ...seeAlso([{ file: method.module.file, text: method.signature }], name, links),
    ]),
  ]
}

/** An interface whose heading and members say all that its first line would. */
function isPlain({ name, kind }: Item, signature: string): boolean {
  return (kind === 'Types' || kind === 'Classes') && /^(?:interface|class) \w+$/.test(signature) && signature.endsWith(` ${name}`)
}

function docText(doc: DocComment | undefined, file: string, links: Links): string[] {
  if (!doc) return []
  const prose = (text: string) => links.prose(file, text)
  const facts = [
    ...doc.params.map(({ name, text }) => `- \`${name}\`: ${prose(text)}`),
    ...(doc.returns ? [`- returns ${prose(doc.returns)}`] : []),
    ...doc.throws.map(
      (text) => `- throws ${prose(text.replace(/^\{(\w+)\}/, '{@link $1}').replace(/^(\{@link \w+\}) (?=\S)/, '$1: '))}`,
    ),
    ...(doc.defaultValue ? [`- default: ${prose(doc.defaultValue)}`] : []),
    ...(doc.source ? [`- source: ${prose(doc.source)}`] : []),
  ]
  return [
    ...(doc.description ? [prose(doc.description)] : []),
    ...(facts.length > 0 ? [facts.join('\n')] : []),
    ...doc.examples.map((example) => (example.startsWith('```') ? example : block(example))),
  ]
}

function memberList(members: Member[], links: Links): string[] {
  if (members.length === 0) return []
  return [
    members
      .map(({ signature, doc, module }) => {
        const said = [
          ...(doc?.description ? [links.prose(module.file, doc.description).replaceAll('\n', '\n  ')] : []),
          ...(doc?.defaultValue ? [`Default: ${links.prose(module.file, doc.defaultValue)}.`] : []),
          ...(doc?.throws ?? []).map((text) => `Throws ${links.prose(module.file, text.replace(/^\{(\w+)\}/, '{@link $1}'))}.`),
        ].join(' ')
        return `- \`${signature.replace(/^readonly /, '')}\`${said && `: ${said}`}`
      })
      .join('\n'),
  ]
}

function seeAlso(signatures: { file: string; text: string }[], name: string, links: Links): string[] {
  const found = new Set(signatures.flatMap(({ file, text }) => links.ofSignature(file, text, name)))
  return found.size > 0 ? [`See ${[...found].join(', ')}.`] : []
}

function block(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``
}

function slugOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}_\- ]/gu, '')
}
