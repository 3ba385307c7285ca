import fc from 'fast-check'
import { expect, test } from 'vitest'
import { budgetPeriods } from '../rows.ts'
import { hourOf, windowEnd, windowStart } from './windows.ts'

const at = (text: string) => Date.parse(text)

test.each([
  ['minute', '2026-02-28T23:59:59.999Z', '2026-02-28T23:59:00Z', '2026-03-01T00:00:00Z'],
  ['hour', '2026-02-28T23:59:59.999Z', '2026-02-28T23:00:00Z', '2026-03-01T00:00:00Z'],
  ['day', '2026-02-28T23:59:59.999Z', '2026-02-28T00:00:00Z', '2026-03-01T00:00:00Z'],
  ['week', '2026-02-28T23:59:59.999Z', '2026-02-23T00:00:00Z', '2026-03-02T00:00:00Z'],
  ['week', '2026-03-02T00:00:00Z', '2026-03-02T00:00:00Z', '2026-03-09T00:00:00Z'],
  ['week', '1970-01-01T00:00:00Z', '1969-12-29T00:00:00Z', '1970-01-05T00:00:00Z'],
  ['month', '2026-02-28T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
  ['month', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['month', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
] as const)('the %s of %s begins at %s and ends at %s', (period, now, start, end) => {
  expect(windowStart(period, at(now))).toBe(at(start))
  expect(windowEnd(period, at(start))).toBe(at(end))
})

test('total begins with the epoch and never ends', () => {
  expect(windowStart('total', at('2026-02-28T23:59:59Z'))).toBe(0)
  expect(windowEnd('total', 0)).toBeUndefined()
})

test('every moment lies in its window, and windows follow each other without a gap', () => {
  fc.assert(
    fc.property(fc.constantFrom(...budgetPeriods), fc.integer({ min: 0, max: 9_000_000_000_000 }), (period, now) => {
      const start = windowStart(period, now)
      const end = windowEnd(period, start) ?? Number.POSITIVE_INFINITY
      expect(start <= now && now < end).toBe(true)
      if (Number.isFinite(end)) expect(windowStart(period, end)).toBe(end)
      expect(windowStart(period, Math.min(end - 1, now))).toBe(start)
      expect(hourOf(now)).toBe(windowStart('hour', now))
    }),
  )
})
