import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'
import { blocksOf, pages } from './pages.ts'

const folder = mkdtempSync(join(repositoryFolder, 'test/documentation/snippet-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('compiles in the strict project of a reader who pastes it', { timeout: 300_000 }, async () => {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../../tsconfig.json', include: ['**/*.ts'] }))
  for (const page of pages) {
    const here = join(folder, page.replace(/\W+/g, '-'))
    mkdirSync(here)
    // What the client's page shows is parts of one program, which `test/client/readme.test.ts` is.
    const programs = blocksOf(page).filter(({ language, kind }) => language === 'ts' && kind !== 'client')
    for (const [index, { name, text }] of programs.entries()) writeFileSync(join(here, name ?? `program-${index}.ts`), text)
  }
  const compiler = join(repositoryFolder, 'node_modules/typescript/bin/tsc')
  const told = await promisify(execFile)(process.execPath, [compiler, '-p', folder]).catch(({ stdout }) => ({ stdout }))
  expect(told.stdout.replaceAll(`${folder}/`, '')).toBe('')
})
