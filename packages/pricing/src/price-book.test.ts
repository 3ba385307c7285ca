import { expect, test } from 'vitest'
import type { PriceBookDocument } from './document/price-book-document.ts'
import { PriceBook } from './price-book.ts'

function book(change: (document: PriceBookDocument) => void): () => PriceBook {
  const document: PriceBookDocument = {
    name: 'test',
    currency: 'credits',
    versions: [
      { version: 'a', effective_from: '2026-01-01T00:00:00Z', entries: [entry('1')] },
      { version: 'b', effective_from: '2026-06-01T00:00:00Z', entries: [entry('2')] },
    ],
  }
  change(document)
  return () => new PriceBook(document)
}

function entry(amount: string): PriceBookDocument['versions'][number]['entries'][number] {
  return { service: 'gpt', provider: 'm', rates: [{ unit: 'tokens', amount }] }
}

test('a lookup finds the version in force at its time', () => {
  const prices = book(() => undefined)()
  const amountAt = (at: string) => prices.find({ service: 'gpt', provider: 'm', at: Date.parse(at) }).entry.rates[0]?.amount
  expect(amountAt('2026-05-31T23:59:59Z')).toBe('1')
  expect(amountAt('2026-06-01T00:00:00Z')).toBe('2')
})

test.each<[string, (document: PriceBookDocument) => void]>([
  ['amount', (document) => Object.assign(document.versions[0]?.entries[0]?.rates[0] ?? {}, { amount: '1e3' })],
  ['amount', (document) => Object.assign(document.versions[0]?.entries[0]?.rates[0] ?? {}, { amount: '-1' })],
  ['unit', (document) => Object.assign(document.versions[0]?.entries[0]?.rates[0] ?? {}, { unit: 'token' })],
  ['priced twice', (document) => document.versions[0]?.entries.push(entry('3'))],
  ['must be after version b', (document) => document.versions.reverse()],
  ['margin', (document) => Object.assign(document, { margin: 1 })],
])('a document with a bad %s is refused, and the message says where', (problem, change) => {
  expect(book(change)).toThrow(problem)
})
