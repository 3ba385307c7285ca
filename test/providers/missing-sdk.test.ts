import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'

/** A server whose chats and speech go to OpenAI, and whose admin reads how they failed. */
const program = `
  import { sqlite } from '@farebox/ledger/sqlite'
  import { openai } from '@farebox/providers/openai'
  import { createFarebox, credits } from 'farebox'
  const lines = []
  const tell = (facts, message) => void lines.push({ message, ...facts })
  const logger = { debug: () => {}, info: tell, warn: tell, error: tell }
  const adapter = openai({ apiKey: 'sk-1', ...JSON.parse(process.argv[2]) })
  const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [adapter], logger })
  await box.migrate()
  const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
  await box.ledger.grant({ accountId, amount: credits(100) })
  const speak = () => box.workflow({ accountId, name: 'x' }).speak({ text: 'Hi' }).then(
    () => ({ code: 'NONE' }),
    ({ code, message, isRetryable, cause }) => ({ code, message, isRetryable, cause: cause?.message }))
  const read = async (token) => {
    const headers = { authorization: 'Bearer ' + token }
    const answer = await box.routes({ adminToken: 'secret' })(new Request('http://localhost/readyz', { headers }))
    return (await answer.json()).providers
  }
  const first = await speak()
  const needs = lines.filter(({ message }) => message === 'an attempt failed').map((line) => line.needs)
  const second = await speak()
  console.log(JSON.stringify({ first, needs, second, admin: await read('secret'), public: await read('none') }))
  await box.close()
`

/** @param files  those of an SDK in the place of OpenAI's. Without them, none is installed. */
async function withoutOpenai(options: object, files: Record<string, string> = {}) {
  // Within the repository, so that the program finds its packages.
  const folder = await mkdtemp(join(import.meta.dirname, 'missing-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const sdk = join(folder, 'node_modules/openai')
  await mkdir(sdk, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(sdk, name), text)
  const [main] = Object.keys(files)
  const instead = main === undefined ? 'openai-of-nobody' : pathToFileURL(join(sdk, main)).href
  const hooks = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (asked, context, next) => next(asked === 'openai' ? '${instead}' : asked, context) })`
  await writeFile(join(folder, 'program.ts'), program)
  const words = [...process.execArgv, '--import', `data:text/javascript,${encodeURIComponent(hooks)}`]
  const run = await promisify(execFile)(process.execPath, [...words, join(folder, 'program.ts'), JSON.stringify(options)])
  return JSON.parse(run.stdout)
}

const needs = '"openai" (^6.30 or ^7)'

it('an SDK that is not installed is named to the operator, not to customers, and turns its adapter off', async () => {
  const { first, ...rest } = await withoutOpenai({})
  expect(first).toMatchObject({ code: 'PROVIDERS_FAILED', isRetryable: false, cause: expect.stringContaining(needs) })
  expect(first.message).not.toContain(needs)
  const disabled = { name: 'openai', simulated: false, status: 'disabled' }
  expect(rest).toEqual({
    needs: [needs],
    second: expect.objectContaining({ code: 'NO_PROVIDER' }),
    admin: [{ ...disabled, reason: expect.stringContaining(`needs the package ${needs}: install it`) }],
    public: [disabled],
  })
})

it('an SDK that only speech needs is named, and leaves chats by fetch alone on', async () => {
  const { needs: named, second, admin } = await withoutOpenai({ transport: 'fetch' })
  expect(named).toEqual([needs])
  expect(second).toMatchObject({ code: 'PROVIDERS_FAILED', isRetryable: false })
  expect(admin).toEqual([{ name: 'openai', simulated: false, status: 'ready' }])
})

it.each([
  ['a package', { 'index.mjs': `import 'zod-of-nobody'` }, '"zod-of-nobody"'],
  ['a package, in CommonJS', { 'index.cjs': `require('zod-of-nobody')` }, '"zod-of-nobody"'],
  ['a file', { 'index.mjs': `import './core.mjs'` }, '"openai" with all its files'],
  ['a file, in CommonJS', { 'index.cjs': `require('./core.cjs')` }, '"openai" with all its files'],
])('an SDK that is installed and misses %s is not called missing itself', async (_, files, missing) => {
  const { needs: named, admin } = await withoutOpenai({}, files)
  const told = `${missing}, without which ${needs} does not load`
  expect(named).toEqual([told])
  expect(admin).toEqual([expect.objectContaining({ reason: expect.stringContaining(`needs the package ${told}: install it`) })])
})
