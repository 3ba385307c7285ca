import fc from 'fast-check'
import { expect, test } from 'vitest'
import { budgetPeriods } from '../rows.ts'
import { windowOf } from './windows.ts'

const at = (text: string) => Date.parse(text)

test.each([
  ['minute', 'UTC', '2026-02-28T23:59:59.999Z', '2026-02-28T23:59:00Z', '2026-03-01T00:00:00Z'],
  ['hour', 'UTC', '2026-02-28T23:59:59.999Z', '2026-02-28T23:00:00Z', '2026-03-01T00:00:00Z'],
  ['hour', 'Asia/Kolkata', '2026-02-28T23:59:59.999Z', '2026-02-28T23:00:00Z', '2026-03-01T00:00:00Z'],
  ['day', 'UTC', '2026-02-28T23:59:59.999Z', '2026-02-28T00:00:00Z', '2026-03-01T00:00:00Z'],
  ['week', 'UTC', '2026-02-28T23:59:59.999Z', '2026-02-23T00:00:00Z', '2026-03-02T00:00:00Z'],
  ['week', 'UTC', '2026-03-02T00:00:00Z', '2026-03-02T00:00:00Z', '2026-03-09T00:00:00Z'],
  ['week', 'UTC', '1970-01-01T00:00:00Z', '1969-12-29T00:00:00Z', '1970-01-05T00:00:00Z'],
  ['month', 'UTC', '2026-02-28T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
  ['month', 'UTC', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['month', 'UTC', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  ['day', 'Asia/Kolkata', '2026-07-15T18:29:59Z', '2026-07-14T18:30:00Z', '2026-07-15T18:30:00Z'],
  ['day', 'America/Los_Angeles', '2026-07-15T03:00:00Z', '2026-07-14T07:00:00Z', '2026-07-15T07:00:00Z'],
  // The days on which clocks change in Berlin have 23 and 25 hours.
  ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  ['week', 'Europe/Berlin', '2026-10-25T22:30:00Z', '2026-10-18T22:00:00Z', '2026-10-25T23:00:00Z'],
  ['month', 'Europe/Berlin', '2026-03-31T21:59:59Z', '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'],
  // In Cairo clocks go from midnight to one: the day begins at one.
  ['day', 'Africa/Cairo', '2026-04-23T22:30:00Z', '2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
  // In Kathmandu they went from midnight to a quarter past when 1986 began.
  ['month', 'Asia/Kathmandu', '1985-12-01T00:00:00Z', '1985-11-30T18:30:00Z', '1985-12-31T18:30:00Z'],
  ['day', 'Asia/Kathmandu', '1985-12-31T18:30:00Z', '1985-12-31T18:30:00Z', '1986-01-01T18:15:00Z'],
  // In Amman and Vostok they went back to midnight: it was that twice, and the day began the first time.
  ['day', 'Asia/Amman', '2010-10-28T21:30:00Z', '2010-10-28T21:00:00Z', '2010-10-29T22:00:00Z'],
  ['day', 'Asia/Amman', '2010-10-28T20:30:00Z', '2010-10-27T21:00:00Z', '2010-10-28T21:00:00Z'],
  ['week', 'Antarctica/Vostok', '2023-12-17T18:00:00Z', '2023-12-17T17:00:00Z', '2023-12-24T19:00:00Z'],
  // A day that never was, and one whose midnight came an hour after the clocks had first shown it nearly.
  ['day', 'Pacific/Apia', '2011-12-30T09:59:59Z', '2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z'],
  ['day', 'America/Sao_Paulo', '2018-02-18T02:30:00Z', '2018-02-17T02:00:00Z', '2018-02-18T03:00:00Z'],
] as const)('the %s in %s of %s begins at %s and ends at %s', (period, timeZone, now, start, end) => {
  expect(windowOf(period, timeZone, at(now))).toEqual({ start: at(start), end: at(end) })
})

test('total begins with the epoch and never ends', () => {
  expect(windowOf('total', 'UTC', at('2026-02-28T23:59:59Z'))).toEqual({ start: 0, end: null })
})

test('every moment lies in its window, and windows follow each other without a gap', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'Africa/Cairo',
    'Australia/Lord_Howe',
    'America/St_Johns',
    'Pacific/Apia',
    'Asia/Kathmandu',
  ]
  const moment = fc.integer({ min: at('1975-01-01T00:00:00Z'), max: at('2100-01-01T00:00:00Z') })
  fc.assert(
    fc.property(fc.constantFrom(...budgetPeriods), fc.constantFrom(...zones), moment, (period, timeZone, now) => {
      const { start, end } = windowOf(period, timeZone, now)
      expect(start <= now && now < (end ?? Number.POSITIVE_INFINITY)).toBe(true)
      if (end !== null) expect(windowOf(period, timeZone, end).start).toBe(end)
      expect(windowOf(period, timeZone, start)).toEqual({ start, end })
    }),
    { numRuns: 500 },
  )
})
