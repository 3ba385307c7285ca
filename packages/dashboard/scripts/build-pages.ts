import { globSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { build } from 'esbuild'

const packageFolder = join(import.meta.dirname, '..')
const app = join(packageFolder, 'app')
const builtPages = join(packageFolder, 'dist/pages')

/** Compressing a smaller file saves nothing. */
const GZIP_BYTES_MIN = 1_000

/**
 * Builds the pages into `dist/pages`: the page itself, and its assets, with a content hash in each name. They come there all at once, since
 * tests may build and read them while another process builds.
 */
export async function buildPages(): Promise<void> {
  const pages = `${builtPages}-${process.pid}`
  const { metafile } = await build({
    // The names of the modules count in the hashes, and esbuild names them from here.
    absWorkingDir: packageFolder,
    entryPoints: {
      app: join(app, 'main.tsx'),
      theme: join(app, 'early-theme.ts'),
      styles: join(app, 'styles/index.css'),
      icon: join(app, 'icon.svg'),
    },
    outdir: join(pages, 'assets'),
    entryNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    bundle: true,
    format: 'esm',
    target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
    conditions: ['farebox-source'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.woff2': 'file', '.svg': 'copy' },
    minify: true,
    legalComments: 'linked',
    metafile: true,
    logLevel: 'error',
  })
  // The built file of each entry, by the entry's name.
  const built = new Map(
    Object.keys(metafile.outputs).map((file) => [
      basename(file).replace(/-[A-Z0-9]{8}(?=\.)/, ''),
      relative(pages, join(packageFolder, file)),
    ]),
  )
  const template = await readFile(join(app, 'index.html'), 'utf8')
  const index = template.replace(/\{\{file:(.+?)\}\}/g, (_, name: string) => {
    const file = built.get(name)
    if (file === undefined)
      throw new Error(`app/index.html names ${name}, which was not built: there are ${[...built.keys()].join(', ')}`)
    return file
  })
  await mkdir(pages, { recursive: true })
  await writeFile(join(pages, 'index.html'), index)
  const font = join(packageFolder, 'node_modules/@fontsource-variable/inter/LICENSE')
  await cp(font, join(pages, 'assets/inter-license.txt'))
  await Promise.all(globSync(join(pages, 'assets/*.{js,css,svg}')).map(compress))
  await putInPlace(pages)
}

/** Moves what is there aside before it removes it: while it empties a folder, another process may put its own in that place. */
async function putInPlace(pages: string): Promise<void> {
  const old = `${pages}-old`
  do {
    await isRenamed(builtPages, old, 'ENOENT')
    await rm(old, { recursive: true, force: true })
  } while (!(await isRenamed(pages, builtPages, 'ENOTEMPTY')))
}

/** Whether a folder was renamed, and did not fail to be with the given code. */
async function isRenamed(from: string, to: string, code: string): Promise<boolean> {
  return rename(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === code) return false
      throw error
    },
  )
}

/** Builds the pages unless they are newer than all their sources. For tests, which may run before any build. */
export async function buildPagesIfStale(): Promise<void> {
  const sources = globSync([join(app, '**/*'), join(packageFolder, '../client/src/*.ts'), import.meta.filename])
  const newest = Math.max(...(await Promise.all(sources.map(modified))))
  if ((await modified(join(builtPages, 'index.html'))) < newest) await buildPages()
}

async function compress(file: string): Promise<void> {
  const bytes = await readFile(file)
  if (bytes.length >= GZIP_BYTES_MIN) await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }))
}

async function modified(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  )
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildPages()
