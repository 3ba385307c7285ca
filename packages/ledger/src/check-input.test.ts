import { expect, test } from 'vitest'
import {
  checkAmount,
  checkAmountOrZero,
  checkInteger,
  checkKeyServices,
  checkKnownId,
  checkOneOf,
  checkSpan,
  checkText,
  checkTime,
  escapeSeparators,
} from './check-input.ts'
import { InvalidInputError } from './errors.ts'

const BILLION = 1_000_000_000_000_000n

test.each<[string, (value: never) => unknown, unknown[], unknown[]]>([
  ['text', (value) => checkText('f', value), ['a', 'ä 🎟️', 'x'.repeat(200)], ['', 'x'.repeat(201), 'a\n', '\ud800', 5, null, {}]],
  [
    'known id',
    (value) => checkKnownId('f', value),
    [
      'a',
      'x'.repeat(200),
      `reserve:${'x'.repeat(200)}`,
      `rollover:rollover:${'x'.repeat(200)}`,
      `refund:${'x'.repeat(200)}:12`,
      'refund:refund::1',
    ],
    ['', 'x'.repeat(201), 'reserve:', `reserve:${'x'.repeat(201)}`, `refund:${'x'.repeat(201)}:12`, 'rollover:a\n', 5, null],
  ],
  ['amount', (value) => checkAmount('f', value), [1n, BILLION], [0n, -1n, BILLION + 1n, 5, '5', Number.NaN, null]],
  ['amount or zero', (value) => checkAmountOrZero('f', value), [0n, 1n, BILLION], [-1n, BILLION + 1n, 0, '0', null]],
  ['time', (value) => checkTime('f', value), [0, 9_000_000_000_000], [-1, 0.5, 9_000_000_000_001, Number.NaN, '5', 5n, null]],
  [
    'span',
    (value) => checkSpan('f', value, 1),
    [1, 366 * 86_400_000],
    [0, -1, 1.5, 366 * 86_400_000 + 1, Number.POSITIVE_INFINITY],
  ],
  ['integer', (value) => checkInteger('f', value), [0, -5, 2 ** 53 - 1], [0.5, 2 ** 53, Number.NaN, '5', 5n, null]],
  ['choice', (value) => checkOneOf('f', value, ['a', 'b']), ['a', 'b'], ['c', '', undefined, null, 0, ['a']]],
])('%s: takes what is one, and names the field of what is not', (_, check, good, bad) => {
  for (const value of good) expect(check(value as never)).toBe(value)
  for (const value of bad) {
    expect(() => check(value as never)).toThrow(InvalidInputError)
    expect(() => check(value as never)).toThrow(/^f /)
  }
})

test('a message quotes what was received, and never much of it', () => {
  expect(() => checkAmount('amount', 5)).toThrow('received 5')
  expect(() => checkAmount('amount', -5n)).toThrow('received -5n')
  try {
    checkText('name', 'x'.repeat(1_000_000))
  } catch (error) {
    expect((error as Error).message.length).toBeLessThan(200)
  }
})

test('ids that are made of several parts are different when a part is', () => {
  const [one] = checkKeyServices([{ service: 'gpt', provider: 'tts:z' }], 'a')
  const [other] = checkKeyServices([{ service: 'tts', provider: 'z' }], 'a:gpt')
  const [every] = checkKeyServices([{ service: 'gpt' }], 'a')
  const [star] = checkKeyServices([{ service: 'gpt', provider: '*' }], 'a')
  expect(new Set([one, other, every, star].map((row) => row?.id)).size).toBe(4)
  expect(escapeSeparators('plain-id@x')).toBe('plain-id@x')
})

test('says what would be taken, and names what is no number', () => {
  expect(() => checkAmountOrZero('f', -1n)).toThrow('f must be 0, or above 0 and at most a billion credits')
  expect(() => checkAmount('f', 0n)).toThrow('f must be above 0 and at most a billion credits')
  expect(() => checkTime('f', Number.NaN)).toThrow('received NaN')
  expect(() => checkInteger('f', Number.POSITIVE_INFINITY)).toThrow('received Infinity')
})
