import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseSync } from 'oxc-parser'

export const repositoryFolder = join(import.meta.dirname, '../..')

export interface WorkspacePackage {
  /** Folder relative to the repository, e.g. `packages/core`. */
  folder: string
  manifest: Manifest
}

export interface Manifest {
  name: string
  version: string
  exports?: Record<string, string | { 'farebox-source': string }>
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
  devDependencies?: Record<string, string>
}

/** @param parent  `packages` or `examples` */
export function workspacePackages(parent: string): WorkspacePackage[] {
  return globSync(`${parent}/*/package.json`, { cwd: repositoryFolder })
    .sort()
    .map((file) => ({
      folder: dirname(file),
      manifest: JSON.parse(readFileSync(join(repositoryFolder, file), 'utf8')) as Manifest,
    }))
}

/** What users may import, e.g. `@farebox/ledger/sqlite`, with the source file behind it. */
export function entryPoints({ folder, manifest }: WorkspacePackage): { specifier: string; source: string }[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) =>
    typeof target === 'string'
      ? []
      : [{ specifier: manifest.name + subpath.slice(1), source: join(repositoryFolder, folder, target['farebox-source']) }],
  )
}

/** What comes and goes while tests run is no source. */
const passing = ['**/node_modules/**', '**/dist/**', 'test/documentation/snippet-*/**']

/** Paths relative to the repository. */
export function sourceFiles(folder: string): string[] {
  return globSync(`${folder}/**/*.ts`, { cwd: repositoryFolder, exclude: passing }).sort()
}

/** Every specifier that `file` imports or re-exports, for its values or its types. */
export function importsOf(file: string): string[] {
  const { text, module } = parse(join(repositoryFolder, file))
  return [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...module.staticExports.flatMap((statement) => statement.entries.flatMap((entry) => entry.moduleRequest?.value ?? [])),
    ...module.dynamicImports.flatMap(({ moduleRequest }) => {
      // A specifier that is computed cannot be read here, and none of ours is.
      const literal = text.slice(moduleRequest.start, moduleRequest.end).match(/^['"`]([^'"`$]+)['"`]$/)
      return literal?.[1] ?? []
    }),
  ]
}

/** The names that the module `file` exports, types included, as `type Name` or `Name`. */
export function exportedNames(file: string): string[] {
  const names = parse(file).module.staticExports.flatMap((statement) =>
    statement.entries.flatMap((entry) => {
      const from = entry.moduleRequest?.value
      if (from !== undefined && entry.importName.kind === 'AllButDefault' && entry.exportName.kind === 'None') {
        return from.startsWith('.') ? exportedNames(join(dirname(file), from)) : [`* from ${from}`]
      }
      const name = entry.exportName.name ?? 'default'
      return [entry.isType ? `type ${name}` : name]
    }),
  )
  return [...new Set(names)].sort()
}

function parse(file: string) {
  const text = readFileSync(file, 'utf8')
  const { module, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  return { text, module }
}
