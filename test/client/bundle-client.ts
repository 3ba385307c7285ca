import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'

/** The client as one script for a page, in which it is called `farebox`. */
export async function bundleClient(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'farebox-client-'))
  try {
    await build({
      config: false,
      entry: { client: join(import.meta.dirname, '../../packages/client/src/index.ts') },
      outDir: folder,
      format: 'iife',
      globalName: 'farebox',
      platform: 'browser',
      target: 'es2022',
      minify: true,
      silent: true,
    })
    return await readFile(join(folder, 'client.global.js'), 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
