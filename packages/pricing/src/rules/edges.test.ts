import { quantity } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { PriceNotFoundError } from '../errors.ts'
import { rate } from '../rate.ts'
import { refuseAboveMaximum } from '../rating.ts'
import { at, bookOf, costOf, type EntryDocument, query, seconds, tokens } from '../testing/book-of.ts'

const HOUR = 3_600_000
const minutes = (count: number) => ({ meter: 'duration', quantity: quantity(count), unit: 'minutes' as const })

describe('an entry with rules', () => {
  const ruled: Partial<EntryDocument> = { rates: [{ unit: 'minutes', meter: 'duration', amount: '1' }], connect_fee: '2' }

  test('has no price for a unit that none of its rates names, unless nothing of it was used', () => {
    expect(() => costOf(bookOf(ruled), [minutes(1), tokens(1)])).toThrow(PriceNotFoundError)
    expect(() => costOf(bookOf(ruled), [tokens(1)])).toThrow(/tokens of input/)
    expect(costOf(bookOf(ruled), [minutes(1), tokens(0)])).toBe('3')
  })

  test('begins a tier where it says, though that is finer than usage is counted', () => {
    const steps = [{ amount: '2' }, { above: '0.0000015', amount: '1000' }]
    const tiers = { mode: 'whole_request' as const, comparison: 'gte' as const, measured: ['input'], steps }
    const book = bookOf({ rates: [{ unit: 'tokens', meter: 'input', tiers }] })
    const used = (count: string) => costOf(book, [{ ...tokens(0), quantity: quantity(count) }])
    expect([used('0.000001'), used('0.000002')]).toEqual(['0.000002', '0.002'])
  })

  test('passes over what was used before of a unit that it has no price for', () => {
    const book = bookOf({
      rates: [{ unit: 'minutes', meter: 'duration', amount: '1', included: { quantity: '5', basis: 'period' } }],
    })
    expect(costOf(book, [minutes(4)], { usedBefore: [minutes(3), tokens(9)] })).toBe('2')
  })

  test('asks how characters were counted before only where the call uses some', () => {
    const said = (count: number) => ({ meter: 'characters', quantity: quantity(count), unit: 'characters' as const })
    const book = bookOf({
      rates: [
        { unit: 'minutes', meter: 'duration', amount: '1' },
        { unit: 'characters', amount: '1', counting: 'utf8_bytes', included: { quantity: '5', basis: 'period' } },
      ],
    })
    const usedBefore = [said(3)]
    expect(costOf(book, [minutes(2)], { usedBefore })).toBe('2')
    const speech = { ...said(4), counts: { utf8_bytes: quantity(4) } }
    expect(() => costOf(book, [speech], { usedBefore })).toThrow(/counts characters as utf8_bytes/)
    expect(costOf(book, [speech], { usedBefore: [{ ...said(3), counts: { utf8_bytes: quantity(3) } }] })).toBe('2')
  })

  test('counts characters as code points where neither the usage nor the rate says otherwise', () => {
    const usage = { meter: 'characters', quantity: quantity(7), unit: 'characters' as const }
    const book = (counting?: 'code_points' | 'utf8_bytes') =>
      bookOf({ rates: [{ unit: 'characters', amount: '1', ...(counting && { counting }) }], connect_fee: '1' })
    expect([book(), book('code_points')].map((one) => costOf(one, [usage]))).toEqual(['8', '8'])
    expect(costOf(book(), [{ ...usage, counts: { utf8_bytes: quantity(9) } }])).toBe('8')
    expect(() => costOf(book('utf8_bytes'), [usage])).toThrow(/counts characters as utf8_bytes/)
    expect(() => costOf(book('code_points'), [{ ...usage, counts: { utf8_bytes: quantity(9) } }])).toThrow(PriceNotFoundError)
  })
})

describe('rounding by line', () => {
  const book = (more: Partial<EntryDocument>, mode: 'up' | 'half_even' = 'up') =>
    bookOf({ rates: [{ unit: 'minutes', amount: '0.5' }], ...more }, { rounding: { mode, step: '1', point: 'line' } })

  test('rounds the connect fee by itself, as a line', () => {
    expect(costOf(book({ connect_fee: '0.3' }), [minutes(1)])).toBe('2')
  })

  test('rounds a minimum charge that a call is raised to', () => {
    expect(costOf(book({ minimum_charge: '4.5' }), [minutes(1)])).toBe('5')
    expect(costOf(book({ minimum_charge: '0.5' }), [minutes(1)])).toBe('1')
  })

  test('of two nearest steps half_even takes the even one', () => {
    expect(costOf(book({}, 'half_even'), [minutes(1)])).toBe('0')
    expect(costOf(book({}, 'half_even'), [minutes(3)])).toBe('2')
    expect(costOf(book({}, 'half_even'), [minutes(5)])).toBe('2')
  })
})

test('only a call that its book refuses may not be begun', () => {
  const planned = (action: 'cap' | 'refuse') => rate(bookOf({ maximum_charge: { amount: '5', action } }), query, [minutes(6)])
  expect(() => refuseAboveMaximum(planned('cap'))).not.toThrow()
  expect(() => refuseAboveMaximum(planned('refuse'))).toThrow(/6/)
})

describe('a window', () => {
  const inWindow = (window: NonNullable<EntryDocument['windows']>[number], when: number) =>
    costOf(bookOf({ windows: [{ factor: '2', ...window }] }), [minutes(1)], { at: when }) === '2'
  /** `at` is Saturday, 2026-11-21, noon. */
  const day = { name: 'days', first_day: '2026-11-21', last_day: '2026-11-22' }

  test('holds its first day and its last, and none beside them', () => {
    expect([-13, -12, 11, 35, 36].map((hours) => inWindow(day, at + hours * HOUR))).toEqual([false, true, true, true, false])
  })

  test('begins and ends at its minutes', () => {
    const window = { name: 'lunch', from: '11:45', until: '12:15' }
    expect([-16, -15, 0, 14, 15].map((count) => inWindow(window, at + count * 60_000))).toEqual([false, true, true, true, false])
  })

  test('that goes past midnight belongs to the day on which it began', () => {
    const night = { name: 'night', from: '22:00', until: '06:00', first_day: '2026-11-21', last_day: '2026-11-21' }
    expect([-8, 9, 10, 17, 18, 34].map((hours) => inWindow(night, at + hours * HOUR))).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ])
  })
})

describe('tiers', () => {
  const steps = [{ amount: '3' }, { above: '10', amount: '2' }]
  const book = (basis: 'request' | 'period', mode: 'volume' | 'graduated' = 'volume') =>
    bookOf({ rates: [{ unit: 'minutes', tiers: { mode, basis, comparison: 'gt', steps } }] })

  test('by request look at nothing that was used before', () => {
    expect(costOf(book('request'), [minutes(5)], { usedBefore: [minutes(100)] })).toBe('15')
    expect(costOf(book('period'), [minutes(5)], { usedBefore: [minutes(100)] })).toBe('10')
  })

  test('by volume over a period price what came before again when it reaches another tier, and only then', () => {
    expect(costOf(book('period'), [minutes(5)], { usedBefore: [minutes(5)] })).toBe('15')
    expect(costOf(book('period'), [minutes(6)], { usedBefore: [minutes(5)] })).toBe('7')
    expect(costOf(book('period'), [seconds(660)])).toBe('22')
    const call = rate(book('period'), { ...query, usedBefore: [minutes(5)] }, [minutes(5)]).call
    expect(call.lines[0]?.portions).toHaveLength(1)
  })
})
