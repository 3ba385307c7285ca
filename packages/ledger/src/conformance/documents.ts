import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { charged, expectInvalid, type Suite, usage } from './suite.ts'

export function exerciseDocuments(suite: Suite): void {
  describe('documents', () => {
    it('a document comes back as it was saved, in its own account and kind alone', async () => {
      const [accountId, stranger] = [await suite.account(0), await suite.account(0)]
      const body = { name: 'Zoë\u0000"', nested: { usage: null, list: [1, 2.5, true, null] }, hash: 'x', body: 'y', verb: 'z' }
      expect(await suite.ledger.saveDocument({ accountId, kind: 'agent', documentId: 'd', body })).toEqual({
        status: 'saved',
        documentId: 'd',
        replayed: false,
      })
      expect(await suite.ledger.document(accountId, 'agent', 'd')).toMatchObject({ body })
      expect(await suite.ledger.document(accountId, 'other', 'd')).toBeUndefined()
      expect(await suite.ledger.document(stranger, 'agent', 'd')).toBeUndefined()
    })

    it('a document is never changed: the same again is a replay, another is a conflict that names what differs', async () => {
      const accountId = await suite.account(0)
      const save = (body: Record<string, unknown>) =>
        suite.ledger.saveDocument({ accountId, kind: 'agent', documentId: 'd', body })
      await save({ model: 'a', hash: '1', usage: null, extra: { usage: 5 } })
      expect(await save({ model: 'a', hash: '1', usage: null, extra: { usage: 5 } })).toMatchObject({ replayed: true })
      await expect(save({ model: 'b', hash: '2', usage: null })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        differs: ['body.extra', 'body.hash', 'body.model'],
      })
      await expect(
        suite.ledger.saveDocument({ accountId, kind: 'agent', documentId: 'd', body: {}, idempotencyKey: 'other' }),
      ).rejects.toMatchObject({ code: 'ALREADY_EXISTS', id: 'd' })
    })

    it('a document tells who saved it, and is the same from whoever else saves it', async () => {
      const accountId = await suite.account(0)
      const save = (savedBy: string | undefined, body = { model: 'a' }) =>
        suite.ledger.saveDocument({ accountId, kind: 'agent', documentId: 'd', body, savedBy })
      const both = await Promise.all([save('one'), save('two')])
      expect(both.map(({ replayed }) => replayed)).toEqual([false, true])
      for (const other of ['one', 'three', undefined]) expect(await save(other)).toMatchObject({ replayed: true })
      expect(await suite.ledger.document(accountId, 'agent', 'd')).toMatchObject({ body: { model: 'a', savedBy: 'one' } })
      await expect(save('one', { model: 'b' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', differs: ['body.model'] })
      await expectInvalid('savedBy', () => save(7 as never))
      const versioned = { accountId, kind: 'note', documentId: 'n', body: {}, version: 1 }
      await expectInvalid('savedBy', () => suite.ledger.saveDocument({ ...versioned, savedBy: 'one' }))
    })

    it('a document with a version takes the place of earlier ones, and of nothing else', async () => {
      const accountId = await suite.account(0)
      const save = (version: number, body: Record<string, unknown>, documentId = 'd') =>
        suite.ledger.saveDocument({ accountId, kind: 'note', documentId, body, version })
      const kept = async () => (await suite.ledger.document(accountId, 'note', 'd'))?.body
      expect(await save(5, { at: 'five' })).toEqual({ status: 'saved', documentId: 'd', replayed: false })
      expect(await save(7, { at: 'seven' })).toMatchObject({ replayed: false })
      expect(await kept()).toEqual({ at: 'seven', version: 7 })
      for (const version of [7, 6]) expect(await save(version, { at: 'late' })).toMatchObject({ replayed: true })
      expect(await kept()).toEqual({ at: 'seven', version: 7 })
      // The highest version wins, in whatever order they arrive.
      await Promise.all([9, 12, 10, 8, 11].map((version) => save(version, {})))
      expect(await kept()).toEqual({ version: 12 })
      await suite.ledger.saveDocument({ accountId, kind: 'note', documentId: 'fixed', body: {} })
      await expect(save(1, {}, 'fixed')).rejects.toMatchObject({ code: 'ALREADY_EXISTS', id: 'fixed' })
      await expect(suite.ledger.saveDocument({ accountId, kind: 'note', documentId: 'd', body: {} })).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
      })
      const wrong = { accountId, kind: 'note', documentId: 'd', body: {}, version: 13 }
      await expectInvalid('version', () => suite.ledger.saveDocument({ ...wrong, version: 1.5 }))
      await expectInvalid('documentId', () => suite.ledger.saveDocument({ ...wrong, documentId: undefined as never }))
      await expectInvalid('idempotencyKey', () => suite.ledger.saveDocument({ ...wrong, idempotencyKey: 'k' }))
    })

    it('documents about a hold or a grant, whatever their kind, are in the way of nothing that is done with it', async () => {
      const accountId = await suite.account(0)
      const save = (kind: string, documentId: string) => suite.ledger.saveDocument({ accountId, kind, documentId, body: {} })
      await save('grant', 'g')
      await suite.ledger.grant({ accountId, grantId: 'g', amount: credits(10) })
      const holdId = await suite.hold(accountId, 6)
      await save('usage', holdId)
      expect(charged(await suite.ledger.settleHold({ accountId, holdId, usage: usage(4) }))).toMatchObject({
        charged: credits(4),
      })
      await save('chargeback', 'g')
      expect(await suite.ledger.chargeback({ accountId, grantId: 'g' })).toMatchObject({ owed: credits(4) })
    })

    it('documents are overwritten by their ids, in their own account and kind alone, and saving one again is still a replay', async () => {
      const [accountId, stranger] = [await suite.account(0), await suite.account(0)]
      const body = { text: 'what a model wrote' }
      const save = (owner: string, kind: string, documentId: string) =>
        suite.ledger.saveDocument({ accountId: owner, kind, documentId, body })
      for (const documentId of ['a', 'b', 'c']) await save(accountId, 'answer', documentId)
      await save(accountId, 'other', 'a')
      await save(stranger, 'answer', 'a')
      const input = { accountId, kind: 'answer', documentIds: ['a', 'c', 'unknown'], body: { text: null } }
      await suite.ledger.overwriteDocuments(input)
      await suite.ledger.overwriteDocuments({ ...input, documentIds: [] })
      const kept = async (owner: string, kind: string, documentId: string) =>
        (await suite.ledger.document(owner, kind, documentId))?.body
      expect(await Promise.all(['a', 'b', 'c'].map((documentId) => kept(accountId, 'answer', documentId)))).toEqual([
        input.body,
        body,
        input.body,
      ])
      expect([await kept(accountId, 'other', 'a'), await kept(stranger, 'answer', 'a')]).toEqual([body, body])
      expect(await save(accountId, 'answer', 'a')).toMatchObject({ replayed: true })
      const overwrite = (wrong: object) => suite.ledger.overwriteDocuments({ ...input, ...wrong })
      await expectInvalid('documentId', () => overwrite({ documentId: 'a' }))
      await expectInvalid('documentIds', () => overwrite({ documentIds: 'a' }))
      await expectInvalid('documentIds[1]', () => overwrite({ documentIds: ['a', 5] }))
      await expectInvalid('body', () => overwrite({ body: [] }))
    })

    it('documents with a version are not overwritten: only a later version takes their place', async () => {
      const accountId = await suite.account(0)
      const ids = { accountId, kind: 'note' }
      await suite.ledger.saveDocument({ ...ids, documentId: 'versioned', body: { at: 'two' }, version: 2 })
      // The word alone is no version.
      const plain = { nested: { version: 1 }, text: '"version":1' }
      await suite.ledger.saveDocument({ ...ids, documentId: 'plain', body: plain })
      await suite.ledger.overwriteDocuments({ ...ids, documentIds: ['versioned', 'plain'], body: { text: null } })
      const kept = async (documentId: string) => (await suite.ledger.document(accountId, 'note', documentId))?.body
      expect(await kept('versioned')).toEqual({ at: 'two', version: 2 })
      expect(await kept('plain')).toEqual({ text: null })
      await suite.ledger.saveDocument({ ...ids, documentId: 'versioned', body: { at: 'three' }, version: 3 })
      expect(await kept('versioned')).toEqual({ at: 'three', version: 3 })
    })

    it('what JSON cannot carry is refused by name', async () => {
      const accountId = await suite.account(0)
      const cyclic: Record<string, unknown> = {}
      cyclic.self = cyclic
      for (const body of [null, undefined, 'text', 5, [], cyclic, { count: 5n }, { long: 'x'.repeat(8_400_000) }]) {
        await expectInvalid('body', () => suite.ledger.saveDocument({ accountId, kind: 'agent', body: body as never }))
      }
      await expectInvalid('kind', () => suite.ledger.saveDocument({ accountId, kind: 'A b', body: {} }))
    })
  })
}
