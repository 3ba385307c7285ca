import { credits, microUnits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import type { Mismatch } from '../verify/report.ts'
import { charged, expectInvalid, HOUR, NOON, type Suite, usage, whole, work } from './suite.ts'

export function exerciseJournal(suite: Suite): void {
  /** An account in which everything has happened that the ledger keeps sums of. */
  async function busyAccount(): Promise<string> {
    const accountId = await suite.account(100, { creditLimit: credits(20) })
    await suite.ledger.grant({ accountId, grantId: 'promo', source: 'promo', amount: credits(10), expiresAt: NOON + HOUR })
    await suite.ledger.grant({ accountId, grantId: 'later', amount: credits(10), effectiveAt: NOON + HOUR })
    await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call' })
    await suite.ledger.openWorkflow({ accountId, workflowId: 'c', name: 'leg', parentId: 'w' })
    const holdId = await suite.hold(accountId, 20, { workflowId: 'w' })
    await suite.ledger.settleHold({ accountId, holdId, usage: usage('7.5') })
    await suite.ledger.charge({
      accountId,
      workflowId: 'c',
      service: 'phone',
      provider: 'twilio',
      usage: usage(40, { unit: 'minutes' }),
    })
    await suite.hold(accountId, 30, { holdId: 'open', workflowId: 'c' })
    await suite.ledger.charge({ accountId, ...work, usage: usage(60), overage: 'cap' })
    return accountId
  }

  describe('journal and verify', () => {
    it('the statement tells every change, newest first, a page at a time', async () => {
      const accountId = await busyAccount()
      const all = (await suite.ledger.statement(accountId)).items
      expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => all.length - index))
      expect(all.map(({ verb }) => verb).reverse()).toEqual([
        'openAccount',
        'grant',
        'grant',
        'grant',
        'openWorkflow',
        'openWorkflow',
        'placeHold',
        'settleHold',
        'charge',
        'placeHold',
        'charge',
      ])
      const paged = []
      for (let before: number | undefined; ; ) {
        const page = await suite.ledger.statement(accountId, { before, limit: 4 })
        paged.push(...page.items)
        if (page.next === undefined) break
        before = page.next
      }
      expect(paged).toEqual(all)
    })

    it('the last page says that it is the last, also where it is full', async () => {
      const accountId = await suite.account(10)
      const [granted, opened] = (await suite.ledger.statement(accountId)).items
      expect(await suite.ledger.statement(accountId, { limit: 2 })).toEqual({ items: [granted, opened] })
      expect(await suite.ledger.latestStatement(accountId, { limit: 2 })).not.toHaveProperty('next')
      expect(await suite.ledger.latestStatement(accountId, { limit: 1 })).toMatchObject({ items: [granted], next: 2 })
      expect(await suite.ledger.statement(accountId, { before: 2, limit: 1 })).toEqual({ items: [opened] })
    })

    it('a page before what is no number is refused by name, and not empty', async () => {
      const accountId = await suite.account(10)
      for (const before of [Number.NaN, 1.5, '2' as never]) {
        await expectInvalid('before', () => suite.ledger.statement(accountId, { before }))
      }
    })

    it('the newest page and the balance after it are of one moment, though others write all the while', async () => {
      const accountId = await busyAccount()
      const writing = Array.from({ length: 40 }, () =>
        suite.ledger.charge({ accountId, ...work, usage: usage(1), overage: 'cap' }),
      )
      const statements = await Promise.all(Array.from({ length: 20 }, () => suite.another().latestStatement(accountId)))
      await Promise.all(writing)
      for (const { items, balance } of [...statements, await suite.ledger.latestStatement(accountId)]) {
        const moved = items.flatMap(({ postings }) => postings).filter(([bucket]) => bucket === 'available' || bucket === 'held')
        expect(moved.reduce((sum, [, amount]) => sum + amount, 0n)).toBe(balance.balance)
      }
      // It includes a grant that has taken effect meanwhile.
      suite.now = NOON + 2 * HOUR
      const { items, balance, next } = await suite.ledger.latestStatement(accountId, { limit: 3 })
      expect([items.length, next]).toEqual([3, items[2]?.sequence])
      expect(balance).toEqual(await suite.ledger.balance(accountId))
      await expect(suite.ledger.latestStatement('nobody')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
    })

    it('the balance and the grants behind it are of one moment, though others write all the while', async () => {
      const accountId = await suite.account(100)
      const writing = Array.from({ length: 40 }, (_, index) =>
        index % 4 === 0
          ? suite.ledger.grant({ accountId, amount: credits(1) })
          : suite.ledger.charge({ accountId, ...work, usage: usage(1) }),
      )
      const read = await Promise.all(Array.from({ length: 20 }, () => suite.another().balanceAndGrants(accountId)))
      await Promise.all(writing)
      for (const { balance, grants } of [...read, await suite.ledger.balanceAndGrants(accountId)]) {
        expect(grants.reduce((sum, { remaining }) => sum + remaining, 0n)).toBe(balance.balance)
      }
      // Whatever is due is applied first, and grants come in the order in which they are spent.
      await suite.ledger.grant({ accountId, grantId: 'brief', amount: credits(5), expiresAt: NOON + HOUR })
      expect((await suite.ledger.balanceAndGrants(accountId)).grants[0]?.grantId).toBe('brief')
      suite.now = NOON + 2 * HOUR
      const { balance, grants } = await suite.ledger.balanceAndGrants(accountId)
      expect(grants).toEqual(await suite.ledger.grants(accountId))
      expect(balance).toEqual(await suite.ledger.balance(accountId))
      await expect(suite.ledger.balanceAndGrants('nobody')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
    })

    it('every entry adds up to zero within the book of its account', async () => {
      const accountId = await busyAccount()
      suite.now = NOON + 2 * HOUR
      await suite.ledger.balance(accountId)
      for (const { sequence, postings } of (await suite.ledger.statement(accountId)).items) {
        expect(
          postings.reduce((total, [, amount]) => total + amount, 0n),
          `entry ${sequence}`,
        ).toBe(0n)
      }
    })

    it('a settlement tells what was held, what was spent on which service, and what went back', async () => {
      const accountId = await suite.account(10)
      const holdId = await suite.hold(accountId, 6)
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(4) })
      const postings = (await suite.ledger.statement(accountId, { limit: 1 })).items[0]?.postings
      const sums: Record<string, bigint> = {}
      for (const [bucket, amount] of postings ?? []) sums[bucket] = (sums[bucket] ?? 0n) + amount
      expect(sums).toEqual({ held: credits(-6), 'spent:gpt': credits(4), available: credits(2) })
    })

    it('a shortfall is written down beside what was spent', async () => {
      const accountId = await suite.account(3)
      await suite.ledger.charge({ accountId, ...work, usage: usage(10), overage: 'cap' })
      expect((await suite.ledger.statement(accountId)).items[0]?.postings).toEqual([
        ['available', -credits(3)],
        ['spent:gpt', credits(3)],
        ['shortfall:gpt', credits(7)],
        ['uncollected', -credits(7)],
      ])
    })

    it('verify finds nothing in an account to which everything has happened', async () => {
      const accountId = await busyAccount()
      expect(await suite.ledger.verify(accountId)).toEqual({ accountId, entries: 11, usageRecords: 3, mismatches: [] })
      suite.now = NOON + 2 * HOUR
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'w' })
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
    })

    it('verify finds nothing while others are writing', async () => {
      const accountId = await busyAccount()
      let writing = true
      const writer = (async () => {
        while (writing) {
          await suite.ledger.grant({ accountId, amount: credits(1) })
          charged(await suite.another().charge({ accountId, ...work, usage: usage(1) }))
        }
      })()
      for (let round = 0; round < 20; round++) expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
      writing = false
      await writer
    })

    it.each<[string, string]>([
      ['none of what was held', 'used = 0'],
      ['less than was charged', 'used = used - 1'],
      ['more than was charged', 'used = used + 1'],
    ])('verify finds a budget that has counted %s', async (_, tampering) => {
      const accountId = await suite.account(100)
      await suite.ledger.setBudget({ accountId, budgetId: 'b', period: 'day', limit: credits(50) })
      // Nothing is given back for work of the millisecond in which a budget was made.
      suite.now += 1
      const holdId = await suite.hold(accountId, 6)
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(4) })
      await suite.ledger.charge({ accountId, ...work, usageId: 'u', usage: usage(3) })
      await suite.ledger.refund({ accountId, usageId: 'u', amount: credits(1) })
      await suite.hold(accountId, 5)
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
      await suite.sql(`UPDATE farebox_budgets SET ${tampering} WHERE account_id = '${accountId}'`)
      const expected = String(credits(4 + 3 - 1 + 5))
      expect((await suite.ledger.verify(accountId)).mismatches).toMatchObject([{ kind: 'budget', at: 'b', expected }])
      await suite.sql(`UPDATE farebox_budgets SET used = ${expected} WHERE account_id = '${accountId}'`)
    })

    it('an account that does not exist is a mismatch', async () => {
      expect((await suite.ledger.verify('nobody')).mismatches).toMatchObject([{ kind: 'account_missing', at: 'nobody' }])
    })

    it('a row that somebody has made unreadable is told as such, and takes no other account with it', async () => {
      const [broken, other] = [await suite.account(10), await suite.account(10)]
      const charge = (accountId: string) => suite.ledger.charge({ accountId, ...work, usage: usage(1) })
      for (const text of ['{never closed', 'null']) {
        await suite.sql(`UPDATE farebox_accounts SET alerts = '${text}' WHERE account_id = '${broken}'`)
        expect(await Promise.allSettled([charge(broken), charge(other)])).toMatchObject([
          { reason: { code: 'LEDGER_INTERNAL', isRetryable: false, message: expect.stringContaining('alerts') } },
          { value: { status: 'charged' } },
        ])
        expect((await suite.ledger.verify(broken)).mismatches).toMatchObject([{ kind: 'row_unreadable', at: 'alerts' }])
      }
      await suite.sql(`UPDATE farebox_accounts SET alerts = NULL WHERE account_id = '${broken}'`)
      expect((await charge(broken)).status).toBe('charged')

      await suite.sql(`UPDATE farebox_journal SET postings = '{' || postings WHERE account_id = '${broken}' AND sequence = 2`)
      expect((await suite.ledger.verify(broken)).mismatches).toMatchObject([{ kind: 'row_unreadable', at: 'postings' }])
      await expect(suite.ledger.statement(broken)).rejects.toMatchObject({ code: 'LEDGER_INTERNAL' })
      await suite.sql(`UPDATE farebox_journal SET postings = substr(postings, 2) WHERE account_id = '${broken}' AND sequence = 2`)
      expect((await suite.ledger.verify(broken)).mismatches).toEqual([])
    })

    // Each tampers with one row, in SQL that both databases accept. `{id}` stands for the account.
    it.each<[string, Mismatch['kind'], string]>([
      ['a raised balance', 'balance', `UPDATE farebox_accounts SET posted = posted + 1 WHERE account_id = '{id}'`],
      ['a raised hold total', 'held', `UPDATE farebox_accounts SET held = held + 1 WHERE account_id = '{id}'`],
      ['a forgiven credit line', 'pins', `UPDATE farebox_accounts SET credit_held = credit_held + 1 WHERE account_id = '{id}'`],
      ['a forged debt', 'grants', `UPDATE farebox_accounts SET debt = debt + 1 WHERE account_id = '{id}'`],
      [
        'a changed posting',
        'hash_broken',
        `UPDATE farebox_journal SET postings = '[["granted","-9"],["available","9"]]' WHERE account_id = '{id}' AND sequence = 2`,
      ],
      [
        'an unbalanced entry',
        'entry_unbalanced',
        `UPDATE farebox_journal SET postings = '[["available","9"]]' WHERE account_id = '{id}' AND sequence = 2`,
      ],
      [
        'a changed outcome',
        'hash_broken',
        `UPDATE farebox_journal SET outcome = '{}' WHERE account_id = '{id}' AND sequence = 3`,
      ],
      ['a changed time', 'hash_broken', `UPDATE farebox_journal SET at = at + 1 WHERE account_id = '{id}' AND sequence = 3`],
      ['an edited hash', 'hash_broken', `UPDATE farebox_journal SET hash = 'x' WHERE account_id = '{id}' AND sequence = 4`],
      ['an edited last hash', 'head_broken', `UPDATE farebox_journal SET hash = 'x' WHERE account_id = '{id}' AND sequence = 11`],
      ['a deleted entry', 'sequence_gap', `DELETE FROM farebox_journal WHERE account_id = '{id}' AND sequence = 5`],
      ['a deleted last entry', 'head_broken', `DELETE FROM farebox_journal WHERE account_id = '{id}' AND sequence = 11`],
      [
        'a grant with more left',
        'grants',
        `UPDATE farebox_grants SET remaining = remaining + 1 WHERE account_id = '{id}' AND grant_id = 'first'`,
      ],
      [
        'a pending grant with more in it',
        'grants',
        `UPDATE farebox_grants SET remaining = remaining + 1 WHERE account_id = '{id}' AND grant_id = 'later'`,
      ],
      [
        'a grant of which more is gone',
        'grants',
        `UPDATE farebox_grants SET gone = gone + 1 WHERE account_id = '{id}' AND grant_id = 'promo'`,
      ],
      [
        'a usage record that another grant paid for',
        'grants',
        `UPDATE farebox_usage_records SET lots = replace(lots, '"promo"', '"first"') WHERE account_id = '{id}'`,
      ],
      ['a deleted grant', 'grants', `DELETE FROM farebox_grants WHERE account_id = '{id}' AND grant_id = 'later'`],
      [
        'a loosened pin',
        'pins',
        `UPDATE farebox_grants SET pinned = pinned - 1 WHERE account_id = '{id}' AND grant_id = 'first'`,
      ],
      [
        'a smaller hold',
        'held',
        `UPDATE farebox_holds SET remaining = remaining - 1 WHERE account_id = '{id}' AND hold_id = 'open'`,
      ],
      ['a hold with other lots', 'pins', `UPDATE farebox_holds SET lots = '[]' WHERE account_id = '{id}' AND hold_id = 'open'`],
      [
        'a hold that was rated at less',
        'usage',
        `UPDATE farebox_holds SET rated = rated - 1 WHERE account_id = '{id}' AND hold_id = 'open'`,
      ],
      ['a deleted hold', 'held', `DELETE FROM farebox_holds WHERE account_id = '{id}' AND hold_id = 'open'`],
      [
        'a lowered charge',
        'usage',
        `UPDATE farebox_usage_records SET charged = charged - 1 WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a lowered shortfall',
        'usage',
        `UPDATE farebox_usage_records SET shortfall = shortfall - 1 WHERE account_id = '{id}' AND shortfall > 0`,
      ],
      [
        'a usage record moved to another service',
        'usage',
        `UPDATE farebox_usage_records SET service = 'vision' WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      ['a deleted usage record', 'usage', `DELETE FROM farebox_usage_records WHERE account_id = '{id}' AND service = 'phone'`],
      [
        'a usage record by another name',
        'usage',
        `UPDATE farebox_usage_records SET usage_id = 'mine' WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a usage record of another entry',
        'usage',
        `UPDATE farebox_usage_records SET sequence = sequence - 1 WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a usage record of another second',
        'usage',
        `UPDATE farebox_usage_records SET created_at = created_at + 1000 WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      ['usage records deleted with their rollup', 'usage', `DELETE FROM farebox_usage_records WHERE account_id = '{id}'`],
      [
        'a rollup with a lower charge',
        'rollup',
        `UPDATE farebox_usage_rollups SET charged = charged - 1 WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a rollup with other records',
        'rollup',
        `UPDATE farebox_usage_rollups SET records = records + 1 WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a rollup with another quantity',
        'rollup',
        `UPDATE farebox_usage_rollups SET quantity = quantity + 1 WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a rollup moved to another service',
        'rollup',
        `UPDATE farebox_usage_rollups SET service = 'vision' WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a rollup moved to another hour',
        'rollup',
        `UPDATE farebox_usage_rollups SET starts_at = starts_at - 3600000 WHERE account_id = '{id}' AND service = 'phone' AND period = 'hour'`,
      ],
      [
        'a rollup moved to another user',
        'rollup',
        `UPDATE farebox_usage_rollups SET user_id = 'mallory' WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a usage record moved to another key',
        'rollup',
        `UPDATE farebox_usage_records SET api_key_id = 'mallory' WHERE account_id = '{id}' AND service = 'phone'`,
      ],
      [
        'a rollup of workflows moved to another day',
        'rollup',
        `UPDATE farebox_workflow_rollups SET starts_at = starts_at + 86400000 WHERE account_id = '{id}' AND period = 'day'`,
      ],
      [
        'a rollup of workflows with a lower charge',
        'rollup',
        `UPDATE farebox_workflow_rollups SET charged = charged - 1 WHERE account_id = '{id}' AND charged > 0`,
      ],
      [
        'a rollup with another count of workflows',
        'rollup',
        `UPDATE farebox_workflow_rollups SET opened = opened + 1 WHERE account_id = '{id}'`,
      ],
      [
        'a workflow line',
        'workflow',
        `UPDATE farebox_workflows SET lines = '[]' WHERE account_id = '{id}' AND workflow_id = 'w'`,
      ],
      [
        'what does not count on a workflow line',
        'workflow',
        `UPDATE farebox_workflows SET lines = replace(lines, '"units"', '"uncounted":["1","0"],"units"') WHERE account_id = '{id}' AND workflow_id = 'w'`,
      ],
      [
        'what a workflow has spent',
        'workflow',
        `UPDATE farebox_workflows SET spent = spent - 1 WHERE account_id = '{id}' AND workflow_id = 'w'`,
      ],
      [
        'what a workflow holds',
        'workflow',
        `UPDATE farebox_workflows SET held = held - 1 WHERE account_id = '{id}' AND workflow_id = 'c'`,
      ],
    ])('verify finds %s', async (_, kind, statement) => {
      const accountId = await busyAccount()
      suite.expectBroken(accountId)
      await suite.sql(statement.replaceAll('{id}', accountId))
      const { mismatches } = await suite.ledger.verify(accountId)
      expect(mismatches.map((mismatch) => mismatch.kind)).toContain(kind)
      for (const mismatch of mismatches) expect(mismatch.expected).not.toBe(mismatch.found)
    })

    it('verify finds two entries that were swapped', async () => {
      const accountId = await busyAccount()
      suite.expectBroken(accountId)
      const swap = (from: number, to: number) =>
        suite.sql(`UPDATE farebox_journal SET sequence = ${to} WHERE account_id = '${accountId}' AND sequence = ${from}`)
      await swap(3, 1_000)
      await swap(4, 3)
      await swap(1_000, 4)
      const { mismatches } = await suite.ledger.verify(accountId)
      expect(mismatches.map(({ kind }) => kind)).toContain('hash_broken')
    })

    it('verify reads more than one page of one moment, while others write and the event loop gets its turns', async () => {
      const accountId = await suite.account(10_000)
      const charge = () => suite.another().charge({ accountId, ...work, usage: usage(1) })
      await Promise.all(Array.from({ length: 1_500 }, charge))
      let pages = 0
      let turns = 0
      const counting = setInterval(() => void turns++, 0)
      const writing: Promise<unknown>[] = []
      const report = await suite.ledger.verify(accountId, {
        onRead(rows) {
          expect(rows).toBeLessThanOrEqual(200)
          pages += 1
          if (pages <= 20) writing.push(charge())
        },
      })
      clearInterval(counting)
      expect(report).toMatchObject({ mismatches: [], usageRecords: 1_500 })
      expect(pages).toBeGreaterThan(20)
      expect(turns).toBeGreaterThan(3)
      await Promise.all(writing)
      expect(await suite.ledger.verify(accountId)).toMatchObject({ mismatches: [], usageRecords: 1_500 + writing.length })
    })

    it('verify refuses an option that it does not know', async () => {
      const accountId = await suite.account(1)
      await expect(suite.ledger.verify(accountId, { onProgress() {} } as never)).rejects.toThrow(
        /onProgress: verify.. has no such option; known are onRead/,
      )
      await expect(suite.ledger.verify(accountId, { onRead: 3 } as never)).rejects.toThrow(
        'onRead of verify() must be a function, received number',
      )
    })

    it('breakdowns add up what was spent by service and provider, and count workflows', async () => {
      const accountId = await suite.account(1_000)
      const charge = (service: string, provider: string, amount: number, more: object = {}) =>
        suite.ledger.charge({ accountId, service, provider, usage: usage(amount, { quantity: microUnits(2_000_000n) }), ...more })
      for (const workflowId of ['1', '2', '3'])
        await suite.ledger.openWorkflow({ accountId, workflowId, name: workflowId === '3' ? 'b' : 'a' })
      await charge('phone', 'twilio', 100, { workflowId: '1', apiKeyId: 'k', userId: 'ada' })
      await charge('gpt', 'gpt-4o-mini', 3, { workflowId: '1', apiKeyId: 'k', userId: 'ada' })
      await charge('gpt', 'gpt-4o-mini', 4, { workflowId: '3', apiKeyId: 'j', userId: 'bob' })
      suite.now = NOON + 10 * HOUR
      await suite.ledger.closeWorkflow({ accountId, workflowId: '1' })
      await charge('gpt', 'gpt-4o-mini', 5)
      const both = await suite.ledger.breakdowns({ accountId })
      expect(
        both.services.map(({ service, provider, records, charged: spent }) => [service, provider, records, whole(spent)]),
      ).toEqual([
        ['phone', 'twilio', 1, 100],
        ['gpt', 'gpt-4o-mini', 3, 12],
      ])
      expect(both.services[1]).toMatchObject({ unit: 'tokens', quantity: 6_000_000n, shortfall: 0n })
      expect(both.workflows).toEqual([
        { name: 'a', count: 2, closed: 1, charged: credits(103), averageDurationMs: 10 * HOUR },
        { name: 'b', count: 1, closed: 0, charged: credits(4), averageDurationMs: 0 },
      ])
      const spent = async (filter: object) => {
        const { services } = await suite.ledger.breakdowns({ accountId, ...filter })
        return Object.fromEntries(services.map((row) => [row.service, whole(row.charged)]))
      }
      expect(await spent({ apiKeyId: 'k' })).toEqual({ phone: 100, gpt: 3 })
      expect(await spent({ userId: 'bob' })).toEqual({ gpt: 4 })
      expect(await spent({ workflowName: 'b' })).toEqual({ gpt: 4 })
      expect(await spent({ from: NOON + 10 * HOUR })).toEqual({ gpt: 5 })
      expect(await spent({ to: NOON + HOUR })).toEqual({ phone: 100, gpt: 7 })
      expect(await spent({ from: NOON + HOUR, to: NOON + 5 * HOUR })).toEqual({})
    })
  })
}
