import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { defaultPriceBook } from '../default-price-book.ts'
import { priceBookJsonSchema } from './price-book-document.ts'

const file = '../../price-book.schema.json'

test('the published JSON Schema is the one that books are read by', async () => {
  await expect(`${JSON.stringify(priceBookJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(file)
})

test('the JSON Schema takes the default book, and refuses a float', () => {
  const check = new Ajv2020({ strict: false, formats: { 'date-time': true, date: true } }).compile(priceBookJsonSchema())
  const book = (amount: unknown) => ({
    name: 'a',
    currency: 'credits',
    versions: [
      {
        version: '1',
        effective_from: '2026-01-01T00:00:00Z',
        entries: [{ service: 'gpt', provider: 'm', rates: [{ unit: 'tokens', amount }] }],
      },
    ],
  })
  expect(check(JSON.parse(JSON.stringify(defaultPriceBook.document)))).toBe(true)
  expect(check(book('0.15'))).toBe(true)
  expect(check(book(0.15))).toBe(false)
  expect(check(book('1e-3'))).toBe(false)
})
