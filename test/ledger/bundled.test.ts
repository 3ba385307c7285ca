import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'tsup'
import { expect, it, onTestFinished } from 'vitest'

it('runs in one ES module whose banner declares createRequire, as CommonJS packages in it need', async () => {
  const folder = await mkdtemp(join(import.meta.dirname, '../../node_modules/.cache/bundled-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const entry = join(folder, 'server.mjs')
  await writeFile(entry, "import { sqlite } from '@farebox/ledger/sqlite'\nconsole.log(typeof sqlite)")
  const outDir = join(folder, 'out')
  const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"
  await build({
    config: false,
    entry: { server: entry },
    outDir,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    silent: true,
    noExternal: [/.*/],
    external: ['better-sqlite3'],
    outExtension: () => ({ js: '.mjs' }),
    banner: { js: banner },
    esbuildOptions: (options) => {
      options.conditions = ['farebox-source']
    },
  })
  expect(execFileSync(process.execPath, [join(outDir, 'server.mjs')], { encoding: 'utf8' })).toBe('function\n')
})
