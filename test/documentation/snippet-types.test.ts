import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'
import { blocksOf, pages } from './pages.ts'

const folder = mkdtempSync(join(repositoryFolder, 'test/documentation/snippet-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(() => {
  for (const page of pages) {
    const here = join(folder, page.replace(/\W+/g, '-'))
    mkdirSync(here)
    // What the client's page shows is parts of one program, which `test/client/readme.test.ts` is.
    const programs = blocksOf(page).filter(({ language, kind }) => language === 'ts' && kind !== 'client')
    for (const [index, { name, text }] of programs.entries()) writeFileSync(join(here, name ?? `program-${index}.ts`), text)
  }
})

it('compiles in the strict project of a reader who pastes it', { timeout: 300_000 }, async () => {
  expect(await compiled({})).toBe('')
})

it('compiles in a project for Node alone, without the types of browsers', { timeout: 300_000 }, async () => {
  const told = await compiled({ lib: ['es2024', 'esnext.array'] })
  // The packages' own sources need them; a reader has only their declarations.
  expect(
    told
      .split('\n')
      .filter((line) => !line.startsWith('packages/'))
      .join('\n'),
  ).toBe('')
})

/** What the compiler says of all programs, with options beside those of the repository. */
async function compiled(compilerOptions: object): Promise<string> {
  const config = { extends: '../../../tsconfig.json', include: ['**/*.ts'], compilerOptions }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(repositoryFolder, 'node_modules/typescript/bin/tsc')
  const told = await promisify(execFile)(process.execPath, [compiler, '-p', folder]).catch(({ stdout }) => ({ stdout }))
  return told.stdout.replaceAll(`${folder}/`, '')
}
