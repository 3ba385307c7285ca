import { describe, expect, test } from 'vitest'
import type { PriceBook } from './price-book.ts'
import { rateCall } from './rate-call.ts'
import { rationalText } from './rational.ts'
import { bookOf, query, seconds } from './testing/book-of.ts'

/** The steps of a call of so many seconds, as decimals. */
function stepsOf(book: PriceBook, count: number) {
  const { lines, roundedLines, window, ...amounts } = rateCall(book.find(query), query, [seconds(count)])
  const texts = Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, rationalText(amount)]))
  return {
    ...texts,
    lines: lines.map(({ amount, factors }) => [rationalText(amount), factors.map(({ name }) => name)]),
    ...(roundedLines && { roundedLines: roundedLines.map((line) => rationalText(line)) }),
    ...(window !== undefined && { window }),
  }
}

describe('the steps of a rated call', () => {
  test('are those that a rule asks for, and no others', () => {
    expect(stepsOf(bookOf({}), 90)).toEqual({ lines: [['1.5', []]], subtotal: '1.5', total: '1.5' })
  })

  test('name the window whose prices hold, and its factor where it has one', () => {
    const weekend = { name: 'weekend', days: ['sat' as const, 'sun' as const] }
    expect(stepsOf(bookOf({ windows: [{ ...weekend, factor: '0.5' }] }), 60)).toEqual({
      window: 'weekend',
      lines: [['0.5', ['window weekend']]],
      subtotal: '0.5',
      total: '0.5',
    })
    const rates = [{ unit: 'minutes' as const, amount: '3' }]
    expect(stepsOf(bookOf({ windows: [{ ...weekend, rates }] }), 60)).toEqual({
      window: 'weekend',
      lines: [['3', []]],
      subtotal: '3',
      total: '3',
    })
    expect(stepsOf(bookOf({ windows: [{ name: 'weekday', days: ['mon'], factor: '0.5' }] }), 60)).not.toHaveProperty('window')
  })

  test('round each line where the book says so, the fee beside them, and a minimum charge that takes their place', () => {
    const book = (more: object) => bookOf({ rounding: { mode: 'up', step: '1', point: 'line' }, ...more })
    expect(stepsOf(book({ connect_fee: '0.2' }), 90)).toEqual({
      lines: [['1.5', []]],
      roundedLines: ['2'],
      subtotal: '2',
      connectFee: '1',
      total: '3',
    })
    expect(stepsOf(book({ minimum_charge: '2.5' }), 90)).toMatchObject({ raisedTo: '2.5', roundedTo: '3', total: '3' })
    // Rounded lines are whole already: nothing is left to be rounded of the call.
    expect(stepsOf(book({ minimum_charge: '1.5' }), 90)).toEqual({
      lines: [['1.5', []]],
      roundedLines: ['2'],
      subtotal: '2',
      total: '2',
    })
  })

  test('tell of a minimum that is above, and not of one that is just reached; likewise of rounding and of a maximum', () => {
    expect(stepsOf(bookOf({ minimum_charge: '1.5' }), 90)).not.toHaveProperty('raisedTo')
    expect(stepsOf(bookOf({ minimum_charge: '1.6' }), 90)).toMatchObject({ raisedTo: '1.6', total: '1.6' })
    const halves = { rounding: { mode: 'up' as const, step: '0.5', point: 'resource' as const } }
    expect(stepsOf(bookOf(halves), 90)).not.toHaveProperty('roundedTo')
    expect(stepsOf(bookOf(halves), 91)).toMatchObject({ roundedTo: '2', total: '2' })
    const capped = bookOf({ maximum_charge: { amount: '2', action: 'cap' } })
    expect(stepsOf(capped, 120)).not.toHaveProperty('beforeMaximum')
    expect(stepsOf(capped, 180)).toMatchObject({ beforeMaximum: '3', total: '2' })
  })
})
