import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { repositoryFolder } from './workspace.ts'

it('writes the same files from whichever directory it is run', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'farebox-build-from-'))
  onTestFinished(() => rm(scratch, { recursive: true, force: true }))
  const fromRoot = await builtFrom(repositoryFolder, join(scratch, 'from-root'))
  expect(fromRoot).toHaveProperty('index.js')
  // Above this one there is no package.json that would say "type": "module".
  expect(await builtFrom(scratch, join(scratch, 'from-elsewhere'))).toEqual(fromRoot)
})

/** @returns what is in each file of a small package that was bundled */
async function builtFrom(cwd: string, outDir: string): Promise<Record<string, string>> {
  const [build, client] = ['build.ts', 'client'].map((name) => join(repositoryFolder, 'packages', name))
  const program = `import { bundlePackage } from ${JSON.stringify(build)}
    await bundlePackage(${JSON.stringify(client)}, ${JSON.stringify(outDir)})`
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd })
  const names = (await readdir(outDir)).sort().filter((name) => !name.endsWith('.map')) // these say where the sources are from there
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(outDir, name), 'utf8')])))
}
