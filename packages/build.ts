import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build as bundle } from 'tsup'
import { buildUnlessUnchanged } from './build-stamp.ts'
import { buildPages } from './dashboard/scripts/build-pages.ts'

interface Manifest {
  name: string
  exports: Record<string, string | { 'farebox-source': string }>
}

const packagesFolder = import.meta.dirname
const repositoryFolder = dirname(packagesFolder)
const declarationsFolder = join(repositoryFolder, 'node_modules/.cache/farebox/declarations')

/**
 * Builds every package into its `dist`, unless neither the sources nor the `dist`s have changed since that was last done: JavaScript
 * with tsup, declarations with `tsc`.
 *
 * One call for all packages, and no order among them: each bundles only its own files, and the types of the others are
 * read from their sources. What to build is read from the manifests, so a new subpath needs no configuration here.
 */
export async function buildPackages(): Promise<void> {
  const stamp = join(repositoryFolder, 'node_modules/.cache/farebox/build-stamp')
  const hasBuilt = await buildUnlessUnchanged(stamp, { inputs: inputFiles, outputs: outputFiles }, build)
  if (!hasBuilt) console.log('The packages are as they were built last.')
}

async function build(): Promise<void> {
  const folders = globSync('*/package.json', { cwd: packagesFolder }).map((manifest) => join(packagesFolder, dirname(manifest)))
  const declarations = emitDeclarations()
  await Promise.all(folders.map((folder) => bundlePackage(folder)))
  await buildPages()
  await declarations
  await Promise.all(folders.map(placeDeclarations))
}

/** Sources and settings, with the lockfile for the versions of compilers and of types. */
function inputFiles(): string[] {
  return filesOf(['packages/**', 'tsconfig.json', 'pnpm-lock.yaml'], ['**/node_modules', '**/dist', '**/*.test.ts', '**/*.md'])
}

function outputFiles(): string[] {
  return filesOf(['packages/*/dist/**'], [])
}

function filesOf(patterns: string[], exclude: string[]): string[] {
  return globSync(patterns, { cwd: repositoryFolder, exclude, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** @param outDir  where to write, when that is not the package's `dist` */
export async function bundlePackage(folder: string, outDir = join(folder, 'dist')): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
  await bundle({
    config: false,
    tsconfig: join(repositoryFolder, 'tsconfig.json'),
    entry: entriesOf(manifest, folder),
    outDir,
    format: 'esm',
    // What tsup and esbuild would otherwise find out from the current directory, which may be any.
    outExtension: () => ({ js: '.js' }),
    esbuildOptions: (options) => {
      options.absWorkingDir = repositoryFolder
    },
    target: 'node22',
    platform: 'neutral',
    splitting: true,
    sourcemap: true,
    // The dashboard's pages are replaced as a whole, by what builds them.
    clean: ['!pages', '!pages/**'],
    // Everything imported by name stays an import: dependencies are installed beside us, never copied into us.
    skipNodeModulesBundle: true,
    silent: true,
  })
}

/** One entry per export subpath, program and thread, e.g. `{ 'sqlite/index': '…/src/sqlite/index.ts' }`. The last two are started by their paths. */
function entriesOf(manifest: Manifest, folder: string): Record<string, string> {
  const sources = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [] : [target['farebox-source']],
  )
  const programs = globSync(['src/cli/main.ts', 'src/**/*.thread.ts'], { cwd: folder })
  return Object.fromEntries(
    [...new Set([...sources, ...programs].map((source) => join(folder, source)))].map((source) => [
      relative(join(folder, 'src'), source).replace(/\.ts$/, ''),
      source,
    ]),
  )
}

/** `tsc` writes one tree for all packages, which `placeDeclarations` then divides. */
async function emitDeclarations(): Promise<void> {
  await rm(declarationsFolder, { recursive: true, force: true })
  const compiler = join(repositoryFolder, 'node_modules/typescript/bin/tsc')
  try {
    await promisify(execFile)(process.execPath, [compiler, '-p', join(packagesFolder, 'tsconfig.build.json')])
  } catch (error) {
    throw new Error(`tsc could not write the declarations:\n${(error as { stdout?: string }).stdout ?? error}`)
  }
}

async function placeDeclarations(folder: string): Promise<void> {
  const emitted = join(declarationsFolder, relative(packagesFolder, folder), 'src')
  const target = join(folder, 'dist')
  await mkdir(target, { recursive: true })
  await cp(emitted, target, { recursive: true })
  // The maps lead an editor from a declaration to the source we ship, so they must say where that is from here.
  await Promise.all(
    globSync('**/*.d.ts.map', { cwd: emitted }).map(async (file) => {
      const map = JSON.parse(await readFile(join(emitted, file), 'utf8')) as { sources: string[] }
      const source = join(folder, 'src', file.replace(/\.d\.ts\.map$/, '.ts'))
      map.sources = [relative(dirname(join(target, file)), source)]
      await writeFile(join(target, file), JSON.stringify(map))
    }),
  )
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildPackages()
