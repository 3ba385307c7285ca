import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A built file, ready to send. */
export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The compressed file, if compressing it saves enough. */
  readonly gzipped: Uint8Array<ArrayBuffer> | undefined
  readonly type: string
}

export interface Pages {
  /** The page, with placeholders for its own base path and for the address of the API. */
  readonly index: string
  /** By path beneath the page: `assets/app-3f2a.js`. */
  readonly assets: ReadonlyMap<string, PageFile>
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/** @throws {Error} the built pages are not found; the message says what to do */
export async function readPages(given?: string): Promise<Pages> {
  const folder = given === undefined ? builtPages() : pathToFileURL(`${given}/`)
  try {
    const assets = new URL('assets/', folder)
    const names = await readdir(assets)
    const files = names
      .filter((name) => extname(name) in TYPES)
      .map(async (name): Promise<[string, PageFile]> => {
        const gzipped = names.includes(`${name}.gz`) ? await readFile(new URL(`${name}.gz`, assets)) : undefined
        return [`assets/${name}`, { bytes: await readFile(new URL(name, assets)), gzipped, type: TYPES[extname(name)] ?? '' }]
      })
    return { index: await readFile(new URL('index.html', folder), 'utf8'), assets: new Map(await Promise.all(files)) }
  } catch (cause) {
    const fix =
      'run the build (node packages/build.ts in a clone), or say with pagesFolder where a bundled server finds dist/pages of @farebox/dashboard'
    throw new Error(`the pages of the dashboard are not at ${folder.pathname}: ${fix}`, { cause })
  }
}

/**
 * The same folder, whether this runs from `src` or from `dist`. Looked for only when needed: a program bundled as CommonJS has no
 * `import.meta.url`.
 */
function builtPages(): URL {
  const here: string | undefined = import.meta.url
  if (here !== undefined) return beside(here, '../dist/pages/')
  throw new Error(
    'bundled as CommonJS, the dashboard cannot find its pages: say with pagesFolder where dist/pages of its package is',
  )
}

/** Apart from the path, because a bundler takes `new URL('../…', import.meta.url)` for a file to bring, and this is a folder: Next.js would not build. */
function beside(module: string, path: string): URL {
  return new URL(path, module)
}
