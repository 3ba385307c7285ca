import { expect, test } from 'vitest'
import type { EntryRow } from '../rows.ts'
import { entryHash } from './journal.ts'

const entry: Omit<EntryRow, 'hash'> = {
  accountId: 'a',
  sequence: 7,
  at: 1_784_117_130_000,
  verb: 'grant',
  idempotencyKey: 'k',
  content: { verb: 'grant', amount: '"5"' },
  outcome: { status: 'granted', amount: '5' },
  postings: [
    ['granted', -5n],
    ['available', 5n],
  ],
}

// Written once and never to change: a stored chain must still verify with the code of next year.
test('an entry has the hash that it had when it was first written', () => {
  expect(entryHash('previous', entry)).toBe('66a4a5855b646f9029dbd84343f10d1f6bd074640d71aafc84fd5e4ebb467b30')
})

test.each<[string, Partial<Omit<EntryRow, 'hash'>>]>([
  ['account', { accountId: 'b' }],
  ['sequence', { sequence: 8 }],
  ['time', { at: 1_784_117_130_001 }],
  ['verb', { verb: 'charge' }],
  ['key', { idempotencyKey: null }],
  ['content', { content: { verb: 'grant', amount: '"6"' } }],
  ['outcome', { outcome: { status: 'granted', amount: '6' } }],
  ['postings', { postings: [['granted', -5n]] }],
])('another %s is another hash', (_, change) => {
  expect(entryHash('previous', { ...entry, ...change })).not.toBe(entryHash('previous', entry))
  expect(entryHash('other', entry)).not.toBe(entryHash('previous', entry))
})
