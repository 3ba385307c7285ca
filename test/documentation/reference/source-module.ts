import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Declaration as DeclarationNode, type Program, parseSync } from 'oxc-parser'
import { entryPoints, workspacePackages } from '../../repository/workspace.ts'
import { type DocComment, parseDocComment } from './doc-comment.ts'

/** What a module declares under one name: several nodes where a function has overloads. */
export interface Declaration {
  name: string
  module: SourceModule
  nodes: DeclarationNode[]
  doc: DocComment | undefined
}

/** One source file, parsed, with its doc comments by the place of what they are about. */
export interface SourceModule {
  file: string
  text: string
  program: Program
  declarations: Map<string, Declaration>
  /** The doc comment that stands directly before `offset`. */
  docAt(offset: number): DocComment | undefined
}

/** A name as a module exports it: declared in one of our files, or only handed on from a package that is not ours. */
export type Export = { name: string; declaration: Declaration | undefined }

const modules = new Map<string, SourceModule>()
const packages = workspacePackages('packages')
const entries = new Map(packages.flatMap(entryPoints).map(({ specifier, source }) => [specifier, source]))

/** @param file  absolute */
function sourceModule(file: string): SourceModule {
  const known = modules.get(file)
  if (known) return known
  const text = readFileSync(file, 'utf8')
  const { program, comments, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  const docs = new Map<number, DocComment>()
  for (const { type, value, end } of comments) {
    if (type === 'Block' && value.startsWith('*'))
      docs.set(end + (/^\s*/.exec(text.slice(end))?.[0].length ?? 0), parseDocComment(value))
  }
  const module: SourceModule = { file, text, program, declarations: new Map(), docAt: (offset) => docs.get(offset) }
  modules.set(file, module)
  for (const statement of program.body) {
    const node = statement.type === 'ExportNamedDeclaration' ? statement.declaration : (statement as DeclarationNode)
    if (node) for (const name of namesOf(node)) declare(module, name, node, docs.get(statement.start))
  }
  return module
}

/** What users can import from an entry, by name, in alphabetical order. */
export function exportsOf(file: string): Export[] {
  const { program } = sourceModule(file)
  const found = new Map<string, Export>()
  for (const statement of program.body) {
    if (statement.type === 'ExportAllDeclaration') {
      const target = resolve(file, statement.source.value)
      if (target) for (const each of exportsOf(target)) found.set(each.name, each)
    }
    if (statement.type !== 'ExportNamedDeclaration') continue
    for (const name of statement.declaration ? namesOf(statement.declaration) : []) {
      found.set(name, { name, declaration: findDeclaration(file, name) })
    }
    for (const { local, exported } of statement.specifiers) {
      const name = wordOf(exported)
      const from = statement.source ? resolve(file, statement.source.value) : file
      found.set(name, { name, declaration: from ? findDeclaration(from, wordOf(local)) : undefined })
    }
  }
  return [...found.values()].sort((one, other) => compare(one.name, other.name))
}

/** What `name` means in `file`: declared there, imported, or handed on. `undefined`: it is not ours. */
export function findDeclaration(file: string, name: string): Declaration | undefined {
  const { program, declarations } = sourceModule(file)
  const own = declarations.get(name)
  if (own) return own
  for (const statement of program.body) {
    if (statement.type === 'ImportDeclaration') {
      const named = statement.specifiers.find((each) => each.local.name === name)
      const target = named?.type === 'ImportSpecifier' ? resolve(file, statement.source.value) : undefined
      if (named?.type === 'ImportSpecifier' && target) return findDeclaration(target, wordOf(named.imported))
    }
    if (statement.type === 'ExportNamedDeclaration' && statement.source) {
      const named = statement.specifiers.find((each) => wordOf(each.exported) === name)
      const target = named ? resolve(file, statement.source.value) : undefined
      if (named && target) return findDeclaration(target, wordOf(named.local))
    }
    if (statement.type === 'ExportAllDeclaration') {
      const target = resolve(file, statement.source.value)
      const found = target ? findDeclaration(target, name) : undefined
      if (found) return found
    }
  }
  return undefined
}

/** Compares as bytes do, so that every machine lists in one order; capitals are no reason to stand apart. */
function compare(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()]
  if (a !== b) return a < b ? -1 : 1
  return one < other ? -1 : Number(one !== other)
}

function declare(module: SourceModule, name: string, node: DeclarationNode, doc: DocComment | undefined): void {
  const known = module.declarations.get(name)
  if (!known) module.declarations.set(name, { name, module, nodes: [node], doc })
  else {
    known.nodes.push(node)
    known.doc ??= doc
  }
}

function resolve(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return entries.get(specifier)
  const target = join(dirname(file), specifier)
  return existsSync(target) ? target : undefined
}

function namesOf(node: DeclarationNode): string[] {
  switch (node.type) {
    case 'VariableDeclaration':
      return node.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []))
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'ClassDeclaration':
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
      return node.id ? [node.id.name] : []
    default:
      return []
  }
}

function wordOf(name: { type: string; name?: string; value?: unknown }): string {
  return name.name ?? String(name.value)
}
