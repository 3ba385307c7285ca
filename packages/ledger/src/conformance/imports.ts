import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import type { BalanceRow, UnreadableRow } from '../import/balance-row.ts'
import { type ImportOptions, importBalances } from '../import/import-balances.ts'
import type { ImportReport } from '../import/import-report.ts'
import { expectInvalid, type Suite, usage, work } from './suite.ts'

export function exerciseImports(suite: Suite): void {
  /** Ids that no other test has. */
  let tests = 0
  const user = (name: string) => `${name}-${tests}`
  function rows(balances: Record<string, string>): BalanceRow[] {
    return Object.entries(balances).map(([name, amount]) => ({ accountId: user(name), name, credits: amount }))
  }
  async function imports(balances: readonly (BalanceRow | UnreadableRow)[], options: ImportOptions = {}): Promise<ImportReport> {
    const report = await importBalances(suite.ledger, balances, options)
    for (const { accountId } of balances) {
      if (accountId && (await suite.ledger.statement(accountId)).items.length > 0) suite.verifyAfterwards(accountId)
    }
    return report
  }
  const balanceOf = async (name: string) => (await suite.ledger.balance(user(name))).balance
  const nothing = { granted: 0, withoutCredits: 0, importedBefore: 0, different: 0, failed: 0 }

  describe('importing balances', () => {
    it('each user becomes an account with a grant of the balance, to the last decimal', async () => {
      tests++
      const report = await imports(rows({ ada: '12.5', grace: '0.000001', alan: '0', rich: '900000000.123456' }))
      expect(report).toEqual({
        ...nothing,
        status: 'imported',
        rows: 4,
        accountsCreated: 4,
        granted: 3,
        withoutCredits: 1,
        creditsGranted: credits('900000012.623457'),
        problems: [],
      })
      expect(await balanceOf('ada')).toBe(12_500_000n)
      expect(await balanceOf('grace')).toBe(1n)
      expect(await suite.ledger.balance(user('alan'))).toMatchObject({ name: 'alan', balance: 0n })
      expect(await suite.ledger.grants(user('ada'))).toMatchObject([{ grantId: 'import:opening', source: 'purchase' }])
    })

    it('a second run grants nothing twice, and another import under another name grants again', async () => {
      tests++
      const source = rows({ ada: '10', alan: '0' })
      await imports(source)
      await suite.ledger.charge({ accountId: user('ada'), ...work, usage: usage(4) })
      expect(await imports(source)).toMatchObject({
        ...nothing,
        rows: 2,
        accountsCreated: 0,
        importedBefore: 2,
        creditsGranted: 0n,
      })
      expect(await balanceOf('ada')).toBe(credits(6))
      expect(await imports(source, { importId: 'bonus', source: 'promo' })).toMatchObject({ granted: 1, withoutCredits: 1 })
      expect(await balanceOf('ada')).toBe(credits(16))
    })

    it('a balance that has changed in the source is reported, and not applied; from nothing to something too', async () => {
      tests++
      await imports(rows({ ada: '10', alan: '0', grace: '5', edsger: '7' }))
      const report = await imports(rows({ ada: '11', alan: '3', grace: '5.0', edsger: '7' }))
      expect(report).toMatchObject({ ...nothing, different: 2, importedBefore: 2 })
      expect(report.problems).toEqual([
        {
          kind: 'different',
          line: 1,
          accountId: user('ada'),
          reason: 'imported before as 10 credits (purchase), the source has 11 credits (purchase) now',
        },
        {
          kind: 'different',
          line: 2,
          accountId: user('alan'),
          reason: 'imported before as 0 credits (purchase), the source has 3 credits (purchase) now',
        },
      ])
      expect([await balanceOf('ada'), await balanceOf('alan')]).toEqual([credits(10), 0n])
      expect(await imports(rows({ edsger: '7' }), { source: 'promo' })).toMatchObject({ ...nothing, different: 1 })
    })

    it('bad rows are reported with their line, and the good ones go in', async () => {
      tests++
      const report = await imports([
        ...rows({ ada: '1' }),
        { line: 77, accountId: user('neg'), credits: '-1' },
        { line: 78, problem: 'a quote is not closed' },
        { accountId: user('float'), credits: '1e3' },
        ...rows({ grace: '2' }),
      ])
      expect(report).toMatchObject({ ...nothing, rows: 5, granted: 2, failed: 3, accountsCreated: 2 })
      expect(report.problems).toEqual([
        { kind: 'failed', line: 77, accountId: user('neg'), reason: 'the balance is negative: "-1"' },
        { kind: 'failed', line: 78, reason: 'a quote is not closed' },
        { kind: 'failed', line: 4, accountId: user('float'), reason: 'the balance is not a plain decimal: "1e3"' },
      ])
      expect(await balanceOf('grace')).toBe(credits(2))
    })

    it('when it is strict, one bad row keeps everything out, and a list without any goes in', async () => {
      tests++
      const bad = [...rows({ ada: '1', grace: '2' }), { accountId: user('neg'), credits: '-1' }]
      expect(await imports(bad, { isStrict: true })).toMatchObject({ status: 'refused', failed: 1, rows: 3 })
      for (const name of ['ada', 'grace', 'neg']) {
        await expect(balanceOf(name)).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
      }
      expect(await imports(rows({ ada: '1' }), { isStrict: true })).toMatchObject({ status: 'imported', granted: 1 })
      expect(await imports(rows({ ada: '2' }), { isStrict: true })).toMatchObject({ status: 'refused', different: 1 })
      const once = (function* () {})()
      await expectInvalid('rows', () => importBalances(suite.ledger, once, { isStrict: true }))
    })

    it('a switch that is a text is refused, as every text would count as true', async () => {
      tests++
      const source = rows({ ada: '5' })
      await expectInvalid('isDryRun', () => importBalances(suite.ledger, source, { isDryRun: 'false' as never }))
      await expectInvalid('isStrict', () => importBalances(suite.ledger, source, { isStrict: 'false' as never }))
    })

    it('a dry run tells of a balance that was imported before from another source', async () => {
      tests++
      const source = rows({ ada: '5' })
      await imports(source)
      const report = await imports(source, { source: 'promo', isDryRun: true })
      expect(report).toMatchObject({ ...nothing, different: 1 })
      expect(report.problems[0]?.reason).toContain('5 credits (promo)')
    })

    it('a user who comes three times is planned by the first balance, as it is imported', async () => {
      tests++
      const source = [...rows({ ada: '5' }), ...rows({ ada: '6' }), ...rows({ ada: '5' })]
      const counts = { granted: 1, different: 1, importedBefore: 1 }
      expect(await imports(source, { isDryRun: true, concurrency: 1 })).toMatchObject(counts)
      expect(await imports(source, { concurrency: 1 })).toMatchObject(counts)
    })

    it('a source full of bad rows is counted whole, and told of by its first thousand', async () => {
      tests++
      const bad = Array.from({ length: 1_001 }, (_, index) => ({ accountId: user('bad'), credits: `x${index}` }))
      const report = await imports(bad, { isDryRun: true })
      expect([report.failed, report.problems.length, report.problems.at(-1)?.line]).toEqual([1_001, 1_000, 1_000])
    })

    it('a billion credits are imported, and a millionth more is not', async () => {
      tests++
      const report = await imports(rows({ rich: '1000000000', richer: '1000000000.000001' }), { isDryRun: true })
      expect(report).toMatchObject({ granted: 1, failed: 1, creditsGranted: credits(1_000_000_000) })
    })

    it('a user who comes twice with two balances keeps everything out when it is strict, and is planned once', async () => {
      tests++
      const [ada, grace] = rows({ ada: '5', grace: '1' }) as [BalanceRow, BalanceRow]
      const twice = [ada, grace, { ...ada, credits: '7' }]
      expect(await imports(twice, { isStrict: true })).toMatchObject({ status: 'refused', granted: 2, different: 1 })
      await expect(balanceOf('grace')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
      const planned = { granted: 2, importedBefore: 1, accountsCreated: 2, creditsGranted: credits(6) }
      expect(await imports([ada, grace, ada], { isDryRun: true })).toMatchObject({ ...planned, status: 'planned' })
      expect(await imports([ada, grace, ada], { isStrict: true })).toMatchObject({ ...planned, status: 'imported' })
    })

    it('a dry run says what would happen, and writes nothing', async () => {
      tests++
      await imports(rows({ ada: '10' }))
      await suite.ledger.openAccount({ accountId: user('known'), name: 'known' })
      suite.verifyAfterwards(user('known'))
      const source = [...rows({ ada: '11', known: '5', grace: '2', alan: '0' }), { accountId: user('bad'), credits: 'x' }]
      const entries = (await suite.ledger.statement(user('known'))).items.length
      const expected = { granted: 2, withoutCredits: 1, importedBefore: 0, different: 1, failed: 1, accountsCreated: 2 }
      expect(await importBalances(suite.ledger, source, { isDryRun: true })).toMatchObject({
        ...expected,
        status: 'planned',
        creditsGranted: credits(7),
      })
      await expect(balanceOf('grace')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
      expect((await suite.ledger.statement(user('known'))).items).toHaveLength(entries)
      expect(await imports(source.slice(0, 4))).toMatchObject({ ...expected, failed: 0, status: 'imported' })
    })

    it('an account that is there already keeps its name and its credits, and gets its grant', async () => {
      tests++
      const accountId = user('ada')
      await suite.ledger.openAccount({ accountId, name: 'Ada Lovelace', creditLimit: credits(5), idempotencyKey: 'mine' })
      await suite.ledger.grant({ accountId, amount: credits(1) })
      expect(await imports(rows({ ada: '10' }))).toMatchObject({ accountsCreated: 0, granted: 1 })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ name: 'Ada Lovelace', balance: credits(11) })
    })

    it('a user who comes twice is imported once', async () => {
      tests++
      const [ada] = rows({ ada: '10' })
      const report = await imports([ada as BalanceRow, ada as BalanceRow, { ...ada, credits: '11' } as BalanceRow])
      expect(report).toMatchObject({ ...nothing, granted: 1, importedBefore: 1, different: 1, accountsCreated: 1 })
      expect(await balanceOf('ada')).toBe(credits(10))
    })

    it('two that import the same at once grant each user once', async () => {
      tests++
      const source = rows(Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`u${index}`, `${index + 1}`])))
      const reports = await Promise.all([imports(source), importBalances(suite.another(), source)])
      const total = reports.reduce((sum, { creditsGranted }) => sum + creditsGranted, 0n)
      expect(total).toBe(credits(200 * 201) / 2n)
      expect(reports.map(({ granted, importedBefore }) => granted + importedBefore)).toEqual([200, 200])
    })

    it('a row that died between what was decided and its grant is granted as decided, also when its source has changed', async () => {
      tests++
      const accountId = user('ada')
      await suite.ledger.openAccount({ accountId, name: 'ada' })
      await suite.ledger.saveDocument({
        accountId,
        kind: 'import',
        documentId: 'opening',
        body: { credits: '10', source: 'purchase' },
      })
      expect(await imports(rows({ ada: '12' }))).toMatchObject({ ...nothing, different: 1 })
      expect(await balanceOf('ada')).toBe(credits(10))
    })

    it('a dry run says that a row is still to be granted which died before its grant, and the next run grants it', async () => {
      tests++
      const body = { credits: '10', source: 'purchase' }
      for (const name of ['ada', 'grace', 'alan']) {
        await suite.ledger.openAccount({ accountId: user(name), name })
        const decided = name === 'alan' ? { ...body, credits: '0' } : body
        await suite.ledger.saveDocument({ accountId: user(name), kind: 'import', documentId: 'opening', body: decided })
      }
      await suite.ledger.grant({
        accountId: user('grace'),
        grantId: 'import:opening',
        amount: credits(10),
        source: 'purchase',
      })
      const source = [...rows({ ada: '10', grace: '10', alan: '0' }), ...rows({ ada: '10' })]
      const expected = { ...nothing, rows: 4, accountsCreated: 0, granted: 1, importedBefore: 3, creditsGranted: credits(10) }
      expect(await imports(source, { isDryRun: true })).toMatchObject({ ...expected, status: 'planned' })
      expect(await imports(source)).toMatchObject({ ...expected, status: 'imported' })
      expect(await imports(source, { isDryRun: true })).toMatchObject({ ...nothing, importedBefore: 4 })
    })

    it('a source is read as fast as it is written, and no faster', async () => {
      tests++
      let read = 0
      let done = 0
      let ahead = 0
      async function* source(): AsyncGenerator<BalanceRow> {
        for (; read < 2_000; read++) {
          ahead = Math.max(ahead, read - done)
          yield { accountId: user(`u${read}`), credits: '1' }
        }
      }
      const progress: number[] = []
      const report = await importBalances(suite.ledger, source(), {
        concurrency: 100,
        onProgress: ({ rows: count }) => {
          done = count
          progress.push(count)
        },
      })
      expect(report).toMatchObject({ rows: 2_000, granted: 2_000 })
      expect(progress).toEqual([1_000, 2_000])
      expect(ahead).toBeLessThan(1_000 + 200)
    })

    it('options that cannot be are refused by name', async () => {
      await expectInvalid('importId', () => importBalances(suite.ledger, [], { importId: '' }))
      await expectInvalid('source', () => importBalances(suite.ledger, [], { source: 'gift' as never }))
      for (const concurrency of [0, 1.5, '5' as never])
        await expectInvalid('concurrency', () => importBalances(suite.ledger, [], { concurrency }))
    })

    it('an option that is misspelt is refused, so that nothing is granted in place of a dry run', async () => {
      tests++
      const misspelt = { dryRun: true } as ImportOptions
      await expectInvalid('dryRun', () => importBalances(suite.ledger, rows({ ada: '10' }), misspelt))
      await expect(balanceOf('ada')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
    })
  })
}
