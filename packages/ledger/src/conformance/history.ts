import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { DAY, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseHistory(suite: Suite): void {
  describe('history', () => {
    it('usage and grants are read in pages, of one account or of all, in a range of time', async () => {
      const accountId = await suite.account(1_000)
      const other = await suite.account(10)
      suite.now = NOON + DAY
      for (const usageId of ['b', 'a', 'c']) await suite.ledger.charge({ ...work, accountId, usageId, usage: usage(1) })
      await suite.ledger.charge({ ...work, accountId: other, usageId: 'a', usage: usage(1) })
      suite.now = NOON + 2 * DAY
      await suite.ledger.refund({ accountId, usageId: 'a', correctionId: 'a-back' })
      const { history } = suite.ledger
      const ids = (await flat(history.usage({ accountId }))).map(({ usageId }) => usageId)
      expect(ids).toEqual(['a', 'a-back', 'b', 'c'])
      const first = await flat(history.usage({ accountId, from: NOON + DAY, until: NOON + 2 * DAY }))
      expect(first.map(({ usageId }) => usageId)).toEqual(['a', 'b', 'c'])
      const everybody = (await flat(history.usage({ from: NOON + DAY }))).map((row) => [row.accountId, row.usageId])
      expect(everybody.filter(([account]) => account === other || account === accountId)).toHaveLength(5)
      expect(everybody.map((row) => row.join('\0'))).toEqual(everybody.map((row) => row.join('\0')).toSorted())
      expect(await flat(history.grants({ accountId }))).toMatchObject([{ grantId: 'first', amount: credits(1_000) }])
      expect(await flat(history.grants({ accountId, from: NOON + DAY }))).toEqual([])
      expect((await history.usageOf(accountId, ['c', 'nothing'])).map(({ usageId }) => usageId)).toEqual(['c'])
      expect(await history.usageOf(accountId, [])).toEqual([])
      await expect(history.account('nobody')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
    })

    it('a chargeback at the very moment between two ranges of time is in the later one alone', async () => {
      const accountId = await suite.account(10)
      suite.now = NOON + DAY
      await suite.ledger.chargeback({ accountId, grantId: 'first' })
      const { history } = suite.ledger
      const at = NOON + DAY
      const found = { accountId, grantId: 'first', at }
      expect(await flat(history.chargebacks({ accountId, from: at, until: at + 1 }))).toEqual([found])
      expect(await flat(history.chargebacks({ accountId, from: NOON, until: at }))).toEqual([])
    })

    it('the chargebacks of an account are told once each, however many there are and however often one was repeated', async () => {
      const accountId = await suite.account(0)
      const { history } = suite.ledger
      const ids = Array.from({ length: 501 }, (_, index) => `g${index}`)
      await Promise.all(ids.map((grantId) => suite.ledger.grant({ accountId, grantId, amount: credits(1) })))
      suite.now = NOON + DAY
      await Promise.all(ids.map((grantId) => suite.ledger.chargeback({ accountId, grantId })))
      suite.now = NOON + 2 * DAY
      for (const idempotencyKey of ['again', 'and again'])
        await suite.ledger.chargeback({ accountId, grantId: 'g7', idempotencyKey })
      const told = await flat(history.chargebacks({ accountId }))
      expect(told.map(({ grantId }) => grantId).toSorted()).toEqual(ids.toSorted())
      expect(new Set(told.map(({ at }) => at))).toEqual(new Set([NOON + DAY]))
    })

    it('more than a page is read whole, once each', async () => {
      const accountId = await suite.account(501)
      const charge = (index: number) => suite.ledger.charge({ ...work, accountId, usageId: `u${index}`, usage: usage(1) })
      await Promise.all(Array.from({ length: 501 }, (_, index) => charge(index)))
      const pages = await Array.fromAsync(suite.ledger.history.usage({ accountId }))
      expect(pages.map(({ length }) => length)).toEqual([500, 1])
      expect(new Set(pages.flat().map(({ usageId }) => usageId)).size).toBe(501)
    })

    it('the tail of an account is its records in the order in which they were written, whatever else happened', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.charge({ ...work, accountId, usageId: 'z', usage: usage(1) })
      const holdId = await suite.hold(accountId, 10)
      await suite.ledger.settleHold({ accountId, holdId, usageId: 'part', final: false, usage: usage(1) })
      await suite.ledger.settleHold({ accountId, holdId, usage: usage(1) })
      await suite.ledger.refund({ accountId, usageId: 'z', correctionId: 'y' })
      await suite.ledger.adjust({ accountId, usageId: 'part', correctionId: 'x', charge: credits(2) })
      const { history } = suite.ledger
      const tail = await history.usageAfter(accountId, 0)
      expect(tail.records.map(({ usageId }) => usageId)).toEqual(['z', 'part', holdId, 'y', 'x'])
      expect(tail).toMatchObject({ through: 8, hasMore: false })
      expect(await history.usageAfter(accountId, tail.through)).toEqual({ records: [], through: tail.through, hasMore: false })
      const [first, second] = [await history.usageAfter(accountId, 0, 4), await history.usageAfter(accountId, 4, 4)]
      expect([first.hasMore, first.through]).toEqual([true, 4])
      expect([...first.records, ...second.records]).toEqual(tail.records)
    })

    it('accounts that changed are told with how often, and the last document of a kind is found', async () => {
      const [still, moving] = [await suite.account(1), await suite.account(1)]
      suite.now = NOON + DAY
      for (const documentId of ['001', '010', '002']) {
        await suite.ledger.saveDocument({ accountId: moving, kind: 'note', documentId, body: { documentId } })
      }
      const changed = await flat(suite.ledger.history.changedSince(NOON + DAY))
      expect(changed.find(({ accountId }) => accountId === still)).toBeUndefined()
      expect(changed).toContainEqual({ accountId: moving, sequence: 5, updatedAt: NOON + DAY })
      expect(await suite.ledger.history.lastDocument(moving, 'note')).toEqual({ documentId: '010', body: { documentId: '010' } })
      expect(await suite.ledger.history.lastDocument(still, 'note')).toBeUndefined()
    })

    it('events are counted by whether they wait or were given up', async () => {
      const before = await suite.ledger.eventCounts()
      const accountId = await suite.account(10)
      await suite.ledger.setAlerts({ accountId, balanceLow: credits(9) })
      await suite.ledger.charge({ ...work, accountId, usage: usage(5) })
      expect(await suite.ledger.eventCounts()).toEqual({ ...before, waiting: before.waiting + 1 })
      const [event] = await suite.ledger.events({ accountId })
      await suite.ledger.endDelivery({ accountId, eventId: event?.id ?? '', error: 'nobody is there' })
      expect(await suite.ledger.eventCounts()).toEqual({ ...before, givenUp: before.givenUp + 1 })
    })
  })
}

/** The rows of all pages. */
async function flat<Row>(pages: AsyncIterable<readonly Row[]>): Promise<Row[]> {
  return (await Array.fromAsync(pages)).flat()
}
