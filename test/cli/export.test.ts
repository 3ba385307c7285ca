import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { credits, quantity } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { parse } from 'csv-parse/sync'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { expectFocus } from '../exports/focus-rules.ts'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { farebox } from './run-farebox.ts'

let folder: string
let database: TestDatabase
beforeAll(async () => {
  folder = databaseFolder('export')
  database = await createTestDatabase()
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await database.drop()
})

const csv = (text: string): Record<string, string>[] => parse(text, { columns: true })

describe.each([
  ['SQLite', () => join(folder, 'credits.db'), (store: string) => sqlite({ filename: store })],
  ['Postgres', () => database.url, (store: string) => postgres({ connectionString: store })],
] as const)('farebox export on %s', (name, where, driver) => {
  let at: string[]
  const file = (ending: string) => join(folder, `${name}.${ending}`)
  beforeAll(async () => {
    at = ['--store', where()]
    const ledger = new Ledger(driver(where()) as never)
    await ledger.migrate()
    for (const accountId of ['ada', 'bob']) {
      await ledger.openAccount({ accountId, name: accountId })
      await ledger.grant({ accountId, amount: credits(100) })
      const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(2) } as const
      await ledger.charge({ accountId, usageId: 'u', service: 'gpt', provider: 'gpt-4o', usage })
    }
    await ledger.close()
  })

  test('writes a file that is whole, says what is in it, and replaces none unless told to', async () => {
    const out = file('csv')
    const ran = await farebox('export', ...at, '--out', out, '--json')
    expect(ran).toMatchObject({ code: 0, errors: [] })
    expect(JSON.parse(ran.lines.join(''))).toEqual([
      { file: out, kind: 'usage', format: 'csv', records: 2, bytes: readFileSync(out).length },
    ])
    expect(csv(readFileSync(out, 'utf8')).map(({ account_id }) => account_id)).toEqual(['ada', 'bob'])
    const again = await farebox('export', ...at, '--out', out, '--account', 'ada')
    expect(again).toMatchObject({ code: 1, errors: [`farebox: there is a file ${out} already: --force replaces it`] })
    expect(csv(readFileSync(out, 'utf8'))).toHaveLength(2)
    const forced = await farebox('export', ...at, '--out', out, '--account', 'ada', '--force')
    expect(forced).toMatchObject({ code: 0, tables: [[{ records: 1 }]] })
    expect(csv(readFileSync(out, 'utf8'))).toHaveLength(1)
    expect(readdirSync(folder).filter((each) => each.includes('partial'))).toEqual([])
  })

  test('what another export left when it was killed is not in the way', async () => {
    const out = file('after')
    // A process of the same number, as each is in a container.
    const left = `${out}.${process.pid}.partial`
    writeFileSync(left, 'half')
    expect(await farebox('export', ...at, '--out', out)).toMatchObject({ code: 0, errors: [] })
    expect(csv(readFileSync(out, 'utf8'))).toHaveLength(2)
    expect(readFileSync(left, 'utf8')).toBe('half')
    rmSync(left)
  })

  test('replaces what a link leads to, and nothing that is no file', async () => {
    const [out, link, socket] = [file('linked.csv'), file('link.csv'), file('socket')]
    writeFileSync(out, 'before')
    symlinkSync(out, link)
    expect(await farebox('export', ...at, '--out', link, '--force')).toMatchObject({ code: 0, errors: [] })
    expect([lstatSync(link).isSymbolicLink(), csv(readFileSync(out, 'utf8')).length]).toEqual([true, 2])
    const server = createServer().listen(socket)
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    symlinkSync(socket, file('to-socket'))
    for (const place of [socket, file('to-socket')]) {
      const { code, errors } = await farebox('export', ...at, '--out', place, '--force')
      expect([code, errors]).toEqual([1, [`farebox: --out does not name a file: ${place}; without --out it goes to the output`]])
    }
    expect([lstatSync(socket).isSocket(), lstatSync(file('to-socket')).isSymbolicLink()]).toEqual([true, true])
    const inFolder = await farebox('export', ...at, '--out', folder)
    expect([inFolder.code, inFolder.errors]).toEqual([1, [`farebox: --out names a folder, not a file: ${folder}`]])
    const inNewFolder = await farebox('export', ...at, '--out', `${file('new')}/`)
    expect([inNewFolder.code, inNewFolder.errors]).toEqual([1, [`farebox: --out names a folder, not a file: ${file('new')}`]])
    expect(existsSync(file('new'))).toBe(false)
  })

  test('takes the times that usage takes', async () => {
    for (const time of ['2020-01-01T12:00Z', '2020-01-01T12:00+05:30', '2020-01-01T12:00:00.5Z']) {
      const { code, lines, errors } = await farebox('export', ...at, '--format', 'jsonl', '--account', 'ada', '--from', time)
      expect([time, code, errors, lines.length]).toEqual([time, 0, [], 1])
    }
    expect((await farebox('export', ...at, '--from', '2020-01-01T12:00')).errors[0]).toContain('a time such as 2026-11-01T12:00Z')
  })

  test('leaves nothing where it fails, and says why', async () => {
    const out = file('none')
    for (const [options, why] of [
      [['--account', 'nobody'], 'nobody'],
      [['--format', 'focus'], '--credit-price'],
      [['--format', 'focus', '--credit-price', 'cheap', '--seller', 'Acme'], 'focus.creditPrice'],
      [['--format', 'xml'], 'xml'],
      [['--from', 'yesterday'], '2026-11-01'],
      [['--from', '2026-11-31'], '2026-11-01'],
      [['--from', '2026-11-02', '--to', '2026-11-01'], 'from'],
    ] as const) {
      const { code, errors } = await farebox('export', ...at, ...options, '--out', out)
      expect([code, errors.join('\n')]).toEqual([1, expect.stringContaining(why)])
      expect(existsSync(out), options.join(' ')).toBe(false)
    }
    expect((await farebox('export', ...at, '--json')).errors).toEqual(['farebox: --json tells of a file: give --out'])
    expect((await farebox('export', ...at, '--out', join(folder, 'no', 'where'))).code).toBe(1)
  })

  test('writes every format, to the output where no file is named', async () => {
    const focus = ['--format', 'focus', '--credit-price', '0.01', '--currency', 'EUR', '--seller', 'Acme']
    for (const kind of ['usage', 'purchases']) {
      const { code, lines } = await farebox('export', ...at, '--kind', kind, ...focus)
      expect(code).toBe(0)
      const rows = csv(lines.join('\n'))
      expect(rows).toHaveLength(2)
      expectFocus(rows)
      for (const format of ['jsonl', 'cloudevents']) {
        const text = (await farebox('export', ...at, '--kind', kind, '--format', format)).lines.join('\n')
        expect(text.split('\n').map((line) => JSON.parse(line))).toHaveLength(2)
      }
    }
    const later = await farebox('export', ...at, '--from', '2100-01-01', '--format', 'jsonl')
    expect(later).toMatchObject({ code: 0, lines: [] })
  })

  test.each(['csv', 'focus', 'jsonl', 'cloudevents'])('prints %s as it writes it to a file, byte for byte', async (format) => {
    const ledger = new Ledger(driver(where()) as never)
    await ledger.openAccount({ accountId: 'eve', name: 'eve' })
    // An attempt that came to nothing, of which FOCUS has no row.
    const usage = { quantity: quantity(0), unit: 'tokens', rated: credits(0) } as const
    await ledger.charge({ accountId: 'eve', usageId: 'none', service: 'gpt', provider: 'gpt-4o', usage })
    await ledger.close()
    for (const accountId of ['ada', 'eve']) {
      const out = file(`${accountId}.${format}`)
      const options = ['--format', format, '--credit-price', '0.001', '--seller', 'Acme', '--account', accountId]
      expect(await farebox('export', ...at, ...options, '--out', out)).toMatchObject({ code: 0 })
      const { lines } = await farebox('export', ...at, ...options)
      expect(lines.map((line) => `${line}\n`).join('')).toBe(readFileSync(out, 'utf8'))
    }
  })

  test('farebox reconcile compares the records of the box that a module makes', async () => {
    const config = join(folder, `${name}.config.mjs`)
    const root = new URL('../../packages/', import.meta.url).href
    await writeFile(
      config,
      `import { createFarebox } from '${root}farebox/src/index.ts'
       import { simulated } from '${root}providers/src/simulated/index.ts'
       import { ${name.toLowerCase()} } from '${root}ledger/src/${name.toLowerCase()}/index.ts'
       const open = () => ${name === 'SQLite' ? `sqlite({ filename: ${JSON.stringify(where())} })` : `postgres({ connectionString: ${JSON.stringify(where())} })`}
       const adapter = {
         ...simulated(),
         async *records({ from, until }) {
           const at = Date.now() - 3600000
           if (at >= from && at < until) yield { requestId: 'unknown-1', service: 'gpt', at, status: 'final' }
         },
       }
       export default () => createFarebox({ store: open(), providers: [adapter] })`,
    )
    const ran = await farebox('reconcile', '--config', config, '--dry-run')
    expect(ran).toMatchObject({ code: 2, errors: [] })
    expect(ran.tables).toEqual([
      [{ type: 'not_recorded', adapter: 'simulated', request_id: 'unknown-1', at: expect.any(String) }],
    ])
    expect(ran.lines).toEqual(['dry run: nothing was changed', 'simulated: 1 record', '0 agree, 1 differ'])
    const json = await farebox('reconcile', '--config', config, '--from', '2020-01-01', '--to', '2020-01-02', '--json')
    expect(json.code).toBe(0)
    expect(JSON.parse(json.lines.join(''))).toEqual({
      from: '2020-01-01T00:00:00.000Z',
      to: '2020-01-02T00:00:00.000Z',
      adapters: [{ name: 'simulated', records: 0 }],
      agreed: 0,
      differences: [],
    })
  })
})

test('an export never takes the place of the ledger that it is made of', async () => {
  const [store, link] = [join(folder, 'kept.db'), join(folder, 'kept-link.db')]
  await farebox('migrate', '--store', store)
  symlinkSync(store, link)
  const before = readFileSync(store)
  for (const [from, out] of [
    [store, store],
    [link, store],
    [store, link],
    // Of SQLite, and not there until somebody writes.
    [store, `${store}-wal`],
    [link, `${store}-journal`],
  ] as const) {
    const { code, errors } = await farebox('export', '--store', from, '--out', out, '--force')
    expect([code, errors]).toEqual([1, [`farebox: --out names the store itself: ${out}`]])
  }
  expect(readFileSync(store)).toEqual(before)
})

/** A module that exports something to compare records of, which are none. */
const BOX = `{ close: async () => {}, reconcile: async ({ from = 0, until = 1 }) => ({ from, until, adapters: [], agreed: 0, differences: [] }) }`

// In a process of its own, because what runs the tests loads modules in its own way, too.
test.each([
  ['ends when it is done, whatever its module has left open', 'open.mjs', `setInterval(() => {}, 1_000); export default ${BOX}`],
  [
    'takes a module that a compiler made CommonJS of',
    'compiled.cjs',
    `exports.__esModule = true; exports.default = () => (${BOX})`,
  ],
  ['takes a module that was written as CommonJS', 'written.cjs', `module.exports = ${BOX}`],
])('farebox reconcile %s', async (_, name, text) => {
  const config = join(folder, name)
  await writeFile(config, text)
  const main = join(import.meta.dirname, '../../packages/farebox/src/cli/main.ts')
  const child = spawn(process.execPath, ['--conditions=farebox-source', main, 'reconcile', '--config', config])
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString()
    })
  }
  const [code] = await once(child, 'close')
  expect([code, output]).toEqual([0, 'none of the providers has records to compare with\n0 agree, 0 differ\n'])
})

test('farebox reconcile --json names a cost alike, whether it is known or not', async () => {
  const config = join(folder, 'costs.mjs')
  const of = `accountId: 'ada', usageId: 'u', adapter: 'telephone', requestId: 'CA1'`
  const differences = `[
    { type: 'late_price', ${of}, estimated: null, billed: 28_000_000n, isApplied: true },
    { type: 'late_price', ${of}, estimated: 14_000_000n, billed: 28_000_000n, isApplied: true },
    { type: 'not_recorded', adapter: 'telephone', requestId: 'CA2', at: 0, cost: undefined },
    { type: 'not_recorded', adapter: 'telephone', requestId: 'CA3', at: 0, cost: 1_000_000n },
  ]`
  await writeFile(config, `export default ${BOX.replace('differences: []', `differences: ${differences}`)}`)
  const { code, lines } = await farebox('reconcile', '--config', config, '--json')
  expect(code).toBe(2)
  const late = { type: 'late_price', account_id: 'ada', usage_id: 'u', adapter: 'telephone', request_id: 'CA1' }
  const missing = { type: 'not_recorded', adapter: 'telephone', at: '1970-01-01T00:00:00.000Z' }
  expect(JSON.parse(lines.join('')).differences).toEqual([
    { ...late, estimated_usd: null, billed_usd: '0.028', is_applied: true },
    { ...late, estimated_usd: '0.014', billed_usd: '0.028', is_applied: true },
    { ...missing, request_id: 'CA2', cost_usd: null },
    { ...missing, request_id: 'CA3', cost_usd: '0.001' },
  ])
})

test.each(['SIGINT', 'SIGTERM'] as const)('an export that %s ends leaves no part of its file, and ends by it', async (signal) => {
  const store = await createTestDatabase()
  onTestFinished(() => store.drop())
  const ledger = new Ledger(postgres({ connectionString: store.url }))
  await ledger.migrate()
  await ledger.close()
  // Keeps the export waiting in the middle of its work.
  const other = new pg.Client({ connectionString: store.url })
  await other.connect()
  onTestFinished(() => other.end())
  await other.query('BEGIN; LOCK TABLE farebox_usage_records')
  const out = join(folder, `ended-by-${signal}.csv`)
  const main = join(import.meta.dirname, '../../packages/farebox/src/cli/main.ts')
  const parameters = ['--conditions=farebox-source', main, 'export', '--store', store.url, '--out', out]
  const child = spawn(process.execPath, parameters, { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  const left = () => readdirSync(folder).filter((each) => each.startsWith(`ended-by-${signal}`))
  await expect.poll(left).toHaveLength(1)
  child.kill(signal)
  expect(await once(child, 'close')).toEqual([null, signal])
  expect(left()).toEqual([])
})

test('farebox reconcile says what is wrong with its module', async () => {
  const none = join(folder, 'none.mjs')
  expect(await farebox('reconcile', '--config', none)).toMatchObject({ code: 1, errors: [`farebox: there is no file ${none}`] })
  expect(await farebox('reconcile', '--config', folder)).toMatchObject({
    code: 1,
    errors: [`farebox: --config names a folder, not a file: ${folder}`],
  })
  const broken = join(folder, 'broken.mjs')
  await writeFile(broken, 'throw new Error("no key")')
  expect(await farebox('reconcile', '--config', broken)).toMatchObject({
    code: 1,
    errors: [`farebox: ${broken} cannot be loaded: no key`],
  })
  const other = join(folder, 'other.mjs')
  await writeFile(other, 'export default { reconcile: true }')
  const { code, errors } = await farebox('reconcile', '--config', other)
  expect([code, errors[0]]).toEqual([1, expect.stringContaining('must be a Farebox, or a function that makes one')])
  expect((await farebox('reconcile')).code).toBe(1)
})
