import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'

const builtForAnother = `process.dlopen = () => { throw Object.assign(new Error('compiled against a different Node.js version'), { code: 'ERR_DLOPEN_FAILED' }) }`
const neverBuilt = `process.dlopen = () => { throw new Error('Could not locate the bindings file. Tried: /srv/better_sqlite3.node') }`
const bundled = `process.dlopen = () => { throw new ReferenceError('__dirname is not defined') }`

it.each([
  ['was built for another Node', builtForAnother],
  ['was never built, as where install scripts are not allowed', neverBuilt],
  ['is out of reach, as where it was bundled', bundled],
])('a better-sqlite3 whose native part %s is no passing failure', async (_, failing) => {
  const program = `
    import { Ledger } from '@farebox/ledger'
    import { sqlite } from '@farebox/ledger/sqlite'
    ${failing}
    const ledger = new Ledger(sqlite({ filename: process.argv[1] }))
    const thrown = await ledger.migrate().catch((error) => error)
    console.log(JSON.stringify({ code: thrown.code, isRetryable: thrown.isRetryable, message: thrown.message }))`
  const file = join(databaseFolder('native-part'), 'credits.db')
  const flags = ['--conditions=farebox-source', '--input-type=module', '-e', program, file]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: join(import.meta.dirname, '../..') })
  expect(JSON.parse(stdout)).toEqual({
    code: 'INVALID_OPTION',
    isRetryable: false,
    message: expect.stringMatching(/^better-sqlite3 was not built for Node v\d+.*: install it with this Node/),
  })
})
