import { expect, test } from 'vitest'
import { contentOf, differences } from './content.ts'

test('content names every field that was given, amounts as decimals, and leaves out what was not', () => {
  expect(contentOf('charge', { amount: 5n, name: 'x', userId: undefined, usage: { rated: 7n, details: { a: 1n } } })).toEqual({
    verb: 'charge',
    amount: '5',
    name: 'x',
    'usage.rated': '7',
    'usage.details': '{"a":"1"}',
  })
})

test('what is made up for each call is left out, but only where it is made up', () => {
  const content = contentOf('createApiKey', { prefix: 'x', hash: 'y', body: { hash: 'kept', usage: null, body: 'kept' } })
  expect(content).toEqual({ verb: 'createApiKey', 'body.hash': '"kept"', 'body.usage': 'null', 'body.body': '"kept"' })
})

test('a settlement is the same whatever the price by which it asks what is left, and a hold is not', () => {
  const at = (verb: string, unitPrice?: bigint) => contentOf(verb, { holdId: 'h', unitPrice })
  expect(differences(at('settleHold', 2n), at('settleHold'))).toEqual([])
  expect(differences(at('settleHold', 2n), at('settleHold', 3n))).toEqual([])
  expect(differences(at('placeHold', 2n), at('placeHold', 3n))).toEqual(['unitPrice'])
})

test('a key is the same whatever balance was asked for before it was made, which each process may set for itself', () => {
  const at = (minimumBalance: bigint) => contentOf('createApiKey', { apiKeyId: 'k', minimumBalance })
  expect(differences(at(5_000n), at(1n))).toEqual([])
})

test('long values are kept as a digest that still tells them apart', () => {
  const one = contentOf('v', { text: 'x'.repeat(1_000) })
  const other = contentOf('v', { text: `${'x'.repeat(999)}y` })
  expect(one.text).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(differences(one, other)).toEqual(['text'])
})

test('a field that is missing on either side is a difference, and differences are in order', () => {
  expect(differences({ b: '1', c: '1', same: '1' }, { a: '1', c: '2', same: '1' })).toEqual(['a', 'b', 'c'])
  expect(differences({ a: '1' }, { a: '1' })).toEqual([])
})

test("a number and the text of it are not the same in a body, whose fields are the host's own", () => {
  expect(differences(contentOf('v', { body: { a: 1 } }), contentOf('v', { body: { a: '1' } }))).toEqual(['body.a'])
})

test('a time zone is the same under either of its names, and other fields of such names are not', () => {
  expect(
    differences({ timeZone: 'Asia/Calcutta', userId: 'Asia/Calcutta' }, { timeZone: 'Asia/Kolkata', userId: 'Asia/Kolkata' }),
  ).toEqual(['userId'])
  for (const timeZone of ['Asia/Colombo', 'Mars/Olympus'])
    expect(differences({ timeZone: 'Asia/Kolkata' }, { timeZone })).toEqual(['timeZone'])
  expect(differences({ timeZone: 'Mars/Olympus' }, { timeZone: 'Mars/Base' })).toEqual(['timeZone'])
})
