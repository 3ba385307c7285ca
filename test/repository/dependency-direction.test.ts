import { isBuiltin } from 'node:module'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entryPoints, importsOf, sourceFiles, workspacePackages } from './workspace.ts'

/** Which package may know which. An arrow the other way would let the engine depend on one provider or one server. */
const mayImport: Record<string, string[]> = {
  '@farebox/core': [],
  '@farebox/pricing': ['@farebox/core'],
  '@farebox/ledger': ['@farebox/core'],
  '@farebox/router': ['@farebox/core', '@farebox/pricing'],
  '@farebox/providers': ['@farebox/core'],
  '@farebox/client': ['@farebox/core'],
  '@farebox/dashboard': ['@farebox/client', '@farebox/core'],
  farebox: ['@farebox/core', '@farebox/ledger', '@farebox/pricing', '@farebox/router'],
}

const packages = workspacePackages('packages')
const examples = workspacePackages('examples')
const publicEntries = new Set(packages.flatMap(entryPoints).map(({ specifier }) => specifier))

it('gives every package a place in the order', () => {
  expect(packages.map(({ manifest }) => manifest.name).sort()).toEqual(Object.keys(mayImport).sort())
})

describe.each(packages.map((each) => [each.manifest.name, each] as const))('%s', (name, { folder, manifest }) => {
  const allowed = mayImport[name] ?? []
  const files = sourceFiles(`${folder}/src`)

  it('declares only the packages beneath it', () => {
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies }
    expect(Object.keys(declared).filter((each) => isOurs(each) && !allowed.includes(each))).toEqual([])
  })

  it('imports only the packages beneath it, through their public entries', () => {
    const offences = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => isOurs(specifier))
        .filter((specifier) => !allowed.includes(packageName(specifier)) || !publicEntries.has(specifier))
        .map((specifier) => `${file} imports ${specifier}`),
    )
    expect(offences).toEqual([])
  })

  it('ships no import that its manifest leaves to chance', () => {
    const installed = { ...manifest.dependencies, ...manifest.peerDependencies }
    const offences = files
      .filter((file) => !file.endsWith('.test.ts'))
      .flatMap((file) =>
        importsOf(file)
          .filter((specifier) => !specifier.startsWith('.') && !isBuiltin(specifier))
          .filter((specifier) => !Object.hasOwn(installed, packageName(specifier)))
          .map((specifier) => `${file} imports ${specifier}`),
      )
    expect(offences).toEqual([])
  })

  // A strict installer, such as Yarn's Plug'n'Play without a fallback, gives a package only what its own dependents declare.
  it('passes on the optional packages of those beneath it, in the same versions', () => {
    const expected = packages
      .filter((sister) => Object.hasOwn(manifest.dependencies ?? {}, sister.manifest.name))
      .flatMap((sister) => Object.entries(sister.manifest.peerDependencies ?? {}))
      .filter(([peer]) => peer !== 'vitest') // of the suites, which no package imports
    expect(manifest.peerDependencies ?? {}).toMatchObject(Object.fromEntries(expected))
    for (const [peer] of expected) expect(manifest.peerDependenciesMeta?.[peer], peer).toEqual({ optional: true })
  })

  // ^0.60.0 is 0.60 alone: npm refused to install us beside any of the 0.x releases after it.
  it('shuts out no release of a peer between the oldest and the newest that it takes', () => {
    const ranges = Object.entries(manifest.peerDependencies ?? {})
    expect(ranges.filter(([, range]) => /[\^~]\s*0\./.test(range))).toEqual([])
  })

  it('reaches into no other folder', () => {
    expect(files.flatMap((file) => importsBeyond(`${folder}/src`, file))).toEqual([])
  })
})

describe('examples', () => {
  it('use what users can: public entries, and nothing beside their own folder', () => {
    const offences = examples.flatMap(({ folder }) =>
      sourceFiles(folder)
        .filter((file) => !file.endsWith('.test.ts'))
        .flatMap((file) => [
          ...importsBeyond(folder, file),
          ...importsOf(file)
            .filter((specifier) => isOurs(specifier) && !publicEntries.has(specifier))
            .map((specifier) => `${file} imports ${specifier}`),
        ]),
    )
    expect(offences).toEqual([])
  })
})

function importsBeyond(folder: string, file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.') && relative(folder, join(file, '..', specifier)).startsWith('..'))
    .map((specifier) => `${file} imports ${specifier}`)
}

function isOurs(specifier: string): boolean {
  return specifier.startsWith('@farebox/') || packageName(specifier) === 'farebox'
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
