import { globSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { buildUnlessUnchanged } from '../../packages/build-stamp.ts'

let root: string
const source = () => join(root, 'source.ts')
const built = () => join(root, 'dist/built.js')
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'farebox-build-'))
  await writeFile(source(), 'one')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const files = {
  inputs: () => globSync(join(root, '*.ts')),
  outputs: () => globSync(join(root, 'dist/*')),
}

/** Copies the source. @returns whether it had to */
function build(): Promise<boolean> {
  return buildUnlessUnchanged(join(root, 'cache/stamp'), files, async () => {
    await mkdir(join(root, 'dist'), { recursive: true })
    await writeFile(built(), await readFile(source()))
  })
}

it('builds once, and then not again, though a checkout touches the source', async () => {
  expect(await build()).toBe(true)
  await utimes(source(), new Date(), new Date(Date.now() + 60_000))
  expect(await build()).toBe(false)
})

it.each<[string, () => Promise<unknown>]>([
  ['a source is edited within the same moment', () => writeFile(source(), 'two').then(() => utimes(source(), 0, 0))],
  ['there is a new source', () => writeFile(join(root, 'more.ts'), '')],
  ['what was built is gone', () => rm(join(root, 'dist'), { recursive: true })],
  ['what was built is another', () => writeFile(built(), 'by hand')],
  ['there is something else beside it', () => writeFile(join(root, 'dist/stray.js'), '')],
])('builds again when %s', async (_, change) => {
  await utimes(source(), 0, 0)
  await build()
  await change()
  expect(await build()).toBe(true)
})

it('builds again after it failed, though the source is as it was when it went well', async () => {
  await build()
  await writeFile(source(), 'two')
  const failing = buildUnlessUnchanged(join(root, 'cache/stamp'), files, () => Promise.reject(new Error('no')))
  await expect(failing).rejects.toThrow('no')
  await writeFile(source(), 'one')
  expect(await build()).toBe(true)
})
