import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { credits, quantity } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { farebox } from './run-farebox.ts'

let folder: string
let database: TestDatabase
beforeAll(async () => {
  folder = databaseFolder('give-back')
  database = await createTestDatabase()
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await database.drop()
})

describe.each([
  ['SQLite', () => join(folder, 'credits.db')],
  ['Postgres', () => database.url],
])('an operator at a shell, on %s,', (name, store) => {
  const run = async (...parameters: string[]) => {
    const { code, errors, lines, tables } = await farebox(...parameters, '--store', store())
    return { code, errors, lines, tables }
  }
  const json = async (...parameters: string[]): Promise<unknown> => {
    const { code, errors, lines } = await run(...parameters, '--json')
    expect([code, errors]).toEqual([0, []])
    return JSON.parse(lines.join('\n'))
  }
  const refused = (...words: string[]) => ({ code: 1, errors: words.map((each) => `farebox: ${each}`), lines: [], tables: [] })

  beforeAll(async () => {
    await run('migrate')
    await run('open-account', 'Ada', '--id', 'ada')
    await run('grant', 'ada', '100')
    const ledger: Ledger =
      name === 'Postgres' ? new Ledger(postgres({ connectionString: store() })) : new Ledger(sqlite({ filename: store() }))
    const charge = async (usageId: string, service: string, workflowId?: string) =>
      ledger.charge({
        accountId: 'ada',
        usageId,
        service,
        provider: 'gpt-4o',
        workflowId,
        usage: { quantity: quantity(1_000), unit: 'tokens', rated: credits(service === 'free' ? 0 : 8) },
      })
    for (const [workflowId, name] of [
      ['w1', 'lesson'],
      ['w2', 'support'],
    ] as const)
      await ledger.openWorkflow({ accountId: 'ada', workflowId, name })
    await charge('first', 'gpt', 'w1')
    await charge('second', 'vision', 'w2')
    await charge('third', 'gpt')
    await charge('nothing', 'free')
    await ledger.close()
  })

  test('finds a charge and gives it back, in parts and whole', async () => {
    const listed = { charged_at: expect.stringMatching(/Z$/), provider: 'gpt-4o', credits: '8', refundable: '8' }
    const first = { ...listed, usage: 'first', workflow: 'w1', service: 'gpt' }
    const third = { ...listed, usage: 'third', workflow: null, service: 'gpt' }
    const second = { ...listed, usage: 'second', workflow: 'w2', service: 'vision' }
    expect(await json('usage', 'ada', '--records')).toEqual([first, second, third])
    expect(await json('usage', 'ada', '--records', '--service', 'gpt')).toEqual([first, third])
    expect(await json('usage', 'ada', '--records', '--workflow', 'support')).toEqual([second])
    expect(await json('usage', 'ada', '--records', '--workflow', 'none')).toEqual([])
    expect(await json('usage', 'ada', '--records', '--to', '2020-01-01')).toEqual([])

    const refund = ['refund', 'ada', 'first', '--credits', '2.5', '--reason', 'cut short', '--key', 'ticket-7']
    const given = { refund: expect.any(String), refunded: '2.5', refundable: '5.5', balance: '78.5', replayed: false }
    expect(await json(...refund)).toEqual([given])
    expect((await run('usage', 'ada', '--records', '--to', '2999-01-01', '--service', 'gpt')).tables[0]).toMatchObject([
      { usage: 'first', credits: '8', refundable: '5.5' },
      { usage: 'third', credits: '8', refundable: '8' },
    ])
    // What was given back later than the time asked for cannot be given back again.
    const charges = (await json('usage', 'ada', '--records')) as { charged_at: string }[]
    const until = new Date(Date.parse(charges.at(-1)?.charged_at ?? '') + 1).toISOString()
    expect(await json('usage', 'ada', '--records', '--to', until)).toMatchObject([{ refundable: '5.5' }, second, third])
    expect((await run('refund', 'ada', 'first')).tables).toMatchObject([[{ refunded: '5.5', refundable: '0', balance: '84' }]])
    expect(await json(...refund)).toEqual([{ ...given, replayed: true }])
    expect(await json('accounts')).toMatchObject([{ balance: '84' }])
  })

  test('is told why a refund cannot be, and nothing is given back', async () => {
    await run('refund', 'ada', 'third', '--credits', '1', '--key', 'part')
    const [{ refund }] = (await json('refund', 'ada', 'third', '--credits', '1', '--key', 'part')) as [{ refund: string }]
    expect(await run('refund', 'ada', 'third', '--credits', '7.000001')).toEqual(
      refused('7 credits of the charge of usage "third" are left to give back, not 7.000001'),
    )
    expect(await run('refund', 'ada', 'nothing')).toEqual(
      refused('nothing of the charge of usage "nothing" is left to give back'),
    )
    expect(await run('refund', 'ada', 'nowhere')).toEqual(refused('no usage "nowhere"'))
    expect(await run('refund', 'eve', 'third')).toEqual(refused('no account "eve"'))
    expect(await run('refund', 'ada', refund)).toEqual(refused('usageId names a correction of third: correct that one'))
    expect(await run('refund', 'ada', 'third', '--key', 'part')).toEqual(
      refused('idempotency key "part" was used before with another amount'),
    )
    for (const amount of ['0', '-1', '1.0000001', '1e3', 'all', '', '1000000001']) {
      const { code, errors } = await run('refund', 'ada', 'third', `--credits=${amount}`)
      expect([code, errors]).toEqual([1, [expect.stringMatching(/^farebox: credits must be /)]])
    }
    expect(await json('usage', 'ada', '--records', '--service', 'gpt')).toMatchObject([{}, { usage: 'third', refundable: '7' }])
    const both = await run('usage', 'ada', '--records', '--by', 'service')
    expect([both.code, both.errors[0]]).toEqual([1, expect.stringContaining("'--records' cannot be used with option '--by")])
  })

  test('freezes an account, and lets it go on', async () => {
    expect(await json('freeze', 'ada', '--reason', 'a dispute')).toEqual([{ account: 'ada', frozen: true }])
    expect(await json('accounts')).toMatchObject([{ account: 'ada', frozen: true }])
    expect(await json('freeze', 'ada', '--undo')).toEqual([{ account: 'ada', frozen: false }])
    expect((await json('accounts')) as object[]).toEqual([expect.not.objectContaining({ frozen: expect.anything() })])
    expect(await run('freeze', 'eve')).toEqual(refused('no account "eve"'))
  })

  test('takes grants back', async () => {
    const before = (await json('accounts')) as [{ balance: string }]
    const [mistake, reversed] = [
      ((await json('grant', 'ada', '30')) as [{ grant: string }])[0].grant,
      ((await json('grant', 'ada', '40')) as [{ grant: string }])[0].grant,
    ]
    expect(await json('revoke-grant', 'ada', mistake)).toMatchObject([{ grant: mistake, revoked: '30', replayed: false }])
    expect(await json('revoke-grant', 'ada', mistake)).toMatchObject([{ grant: mistake, revoked: '30', replayed: true }])
    expect(await json('chargeback', 'ada', reversed, '--reason', 'disputed')).toEqual([
      { grant: reversed, recovered: '40', owed: '0', balance: before[0].balance, replayed: false },
    ])
    expect(await run('revoke-grant', 'ada', 'none')).toEqual(refused('no grant "none"'))
    expect(await run('chargeback', 'eve', reversed)).toEqual(refused('no account "eve"'))
    expect(await run('verify')).toMatchObject({ code: 0, lines: ['1 account verified, 0 mismatches'] })
  })
})
