import { expect, test } from 'vitest'
import { OneAccount } from '../testing/one-account.ts'

const place = { kind: 'note', documentId: 'through' }

test('a document with a version takes the place of an earlier one, and of no later one, without an entry', () => {
  const ledger = new OneAccount(10)
  const entries = ledger.all('journal').length
  const save = (version: number) => ledger.do('replaceDocument', { ...place, body: { by: `v${version}` }, version })
  expect([save(3), save(3), save(2), save(7)]).toEqual(
    [false, true, true, false].map((replayed) => ({ status: 'saved', documentId: 'through', replayed })),
  )
  expect(ledger.all('documents').map(({ body }) => body)).toEqual([{ by: 'v7', version: 7 }])
  expect(ledger.all('journal')).toHaveLength(entries)
})

test('a document without a version is replaced by none', () => {
  const ledger = new OneAccount(10)
  ledger.do('saveDocument', { ...place, body: { by: 'hand' } })
  expect(ledger.do('replaceDocument', { ...place, body: {}, version: 1 })).toEqual({
    status: 'failed',
    code: 'ALREADY_EXISTS',
    what: 'note',
    id: 'through',
  })
  expect(ledger.all('documents').map(({ body }) => body)).toEqual([{ by: 'hand' }])
})
