import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { repositoryFolder } from './workspace.ts'

// `packages/install.mjs` in a small workspace, where a script stands in for pnpm and leaves what pnpm leaves.

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'farebox-install-'))
  await write('package.json', '{"devDependencies":{"a":"1"}}')
  await write('packages/one/package.json', '{"dependencies":{"a":"1"}}')
  await write('packages/two/package.json', '{}')
  await write('pnpm-lock.yaml', 'a: 1')
  await write(
    'pnpm.mjs',
    `import { appendFileSync, cpSync, existsSync, mkdirSync } from 'node:fs'
    for (const folder of ['node_modules/.pnpm', 'packages/one/node_modules']) mkdirSync(folder, { recursive: true })
    cpSync('pnpm-lock.yaml', 'node_modules/.pnpm/lock.yaml')
    appendFileSync('installs', 'i')
    if (existsSync('fail')) process.exit(7)`,
  )
  await cp(join(repositoryFolder, 'packages/install.mjs'), join(root, 'packages/install.mjs'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

it('installs once, and again only after something has changed', async () => {
  const changes: Record<string, () => Promise<unknown>> = {
    'the first time': async () => undefined,
    'another lockfile': () => write('pnpm-lock.yaml', 'a: 2'),
    'another manifest': () => write('packages/two/package.json', '{"dependencies":{}}'),
    'a new package': () => write('examples/three/package.json', '{}'),
    'somebody installed from another lockfile': () => write('node_modules/.pnpm/lock.yaml', 'a: 0'),
    'no node_modules': () => rm(join(root, 'node_modules'), { recursive: true }),
    'no node_modules in a package': () => rm(join(root, 'packages/one/node_modules'), { recursive: true }),
  }
  let count = 0
  for (const [name, change] of Object.entries(changes)) {
    await change()
    count++
    expect(await installs(), name).toBe(count)
  }
  expect(await installs(), 'nothing').toBe(count)
})

it('passes on that an install failed, and tries again', async () => {
  await write('fail', '')
  expect(await install()).toBe(7)
  await rm(join(root, 'fail'))
  expect(await installs()).toBe(2)
})

it('says so when there is no program to install with', async () => {
  expect(await install('no-such-program')).toBe(1)
})

/** Runs it, which must go well. @returns how many installs there have been */
async function installs(): Promise<number> {
  expect(await install()).toBe(0)
  return (await readFile(join(root, 'installs'), 'utf8')).length
}

/** @returns the exit code */
function install(...command: string[]): Promise<unknown> {
  const [program = process.execPath, ...parameters] = command.length > 0 ? command : [process.execPath, 'pnpm.mjs']
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'packages/install.mjs'), program, ...parameters], (error) => resolve(error?.code ?? 0))
  })
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true })
  await writeFile(join(root, file), text)
}
