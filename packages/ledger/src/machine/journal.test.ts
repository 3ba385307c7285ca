import { expect, test } from 'vitest'
import type { AccountRow, EntryRow, Posting } from '../rows.ts'
import { appendEntry, entryHash } from './journal.ts'
import { LedgerState } from './state.ts'

const entry: Omit<EntryRow, 'hash'> = {
  accountId: 'a',
  sequence: 7,
  at: 1_784_117_130_000,
  verb: 'grant',
  idempotencyKey: 'k',
  content: '{"verb":"grant","amount":"5"}',
  outcome: '{"status":"granted","amount":"5"}',
  postings: '[["granted","-5"],["available","5"]]',
}

// Written once and never to change: a stored chain must still verify with the code of next year.
test('an entry has the hash that it had when it was first written', () => {
  expect(entryHash('previous', entry)).toBe('4a05a16de30b01fe7b18e1987d8e1e7e6e743b62cd9a3aa5f5b7866ba74e30c2')
  const withoutKey = { ...entry, idempotencyKey: null }
  expect(entryHash('previous', withoutKey)).toBe('bd4c83cfab43fe70d299d425ff301c3a200002acdff748672963e7528055ff8f')
})

test.each<[string, Partial<Omit<EntryRow, 'hash'>>]>([
  ['account', { accountId: 'b' }],
  ['sequence', { sequence: 8 }],
  ['time', { at: 1_784_117_130_001 }],
  ['verb', { verb: 'charge' }],
  ['key', { idempotencyKey: null }],
  ['content', { content: '{"verb":"grant","amount":"6"}' }],
  ['outcome', { outcome: '{"status":"granted","amount":"6"}' }],
  ['postings', { postings: '[["granted","-5"]]' }],
])('another %s is another hash', (_, change) => {
  expect(entryHash('previous', { ...entry, ...change })).not.toBe(entryHash('previous', entry))
  expect(entryHash('other', entry)).not.toBe(entryHash('previous', entry))
})

test('an entry that does not balance is not written', () => {
  const state = new LedgerState()
  const account = { accountId: 'a', sequence: 6, chainHash: 'previous' } as AccountRow
  const write = (postings: Posting[]) =>
    appendEntry(state, account, { verb: 'grant', idempotencyKey: null, content: {}, outcome: {}, postings }, 1)
  const lopsided: Posting[] = [
    ['granted', -5n],
    ['available', 4n],
  ]
  expect(() => write(lopsided)).toThrow('the postings of grant in account a add up to -1, not to zero')
  expect([account.sequence, state.changes().journal]).toEqual([6, []])
})
