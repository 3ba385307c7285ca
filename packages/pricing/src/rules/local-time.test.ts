import { InvalidOptionError } from '@farebox/core'
import { expect, it } from 'vitest'
import { dayBefore, localTime } from './local-time.ts'

it.each([
  ['2026-11-30T18:29:00Z', 'Asia/Kolkata', { day: '2026-11-30', weekday: 0, minute: 23 * 60 + 59 }],
  ['2026-11-30T18:30:00Z', 'Asia/Kolkata', { day: '2026-12-01', weekday: 1, minute: 0 }],
  ['2026-11-30T18:15:00Z', 'Asia/Kathmandu', { day: '2026-12-01', weekday: 1, minute: 0 }],
  ['2026-11-30T03:29:00Z', 'America/St_Johns', { day: '2026-11-29', weekday: 6, minute: 23 * 60 + 59 }],
  // The last minute before the clock is set forward, and the first after.
  ['2026-03-29T00:59:00Z', 'Europe/Vienna', { day: '2026-03-29', weekday: 6, minute: 119 }],
  ['2026-03-29T01:00:00Z', 'Europe/Vienna', { day: '2026-03-29', weekday: 6, minute: 180 }],
  ['1969-12-31T23:59:00Z', 'UTC', { day: '1969-12-31', weekday: 2, minute: 23 * 60 + 59 }],
])('%s in %s', (at, zone, expected) => {
  expect(localTime(Date.parse(at), zone)).toEqual(expected)
})

it('the day before Monday is the Sunday of the week before', () => {
  expect(dayBefore({ day: '2026-03-02', weekday: 0, minute: 5 })).toEqual({ day: '2026-03-01', weekday: 6 })
  expect(dayBefore({ day: '2026-03-01', weekday: 6, minute: 5 })).toEqual({ day: '2026-02-28', weekday: 5 })
})

it.each([
  [8.64e15, 'Asia/Kolkata'],
  [8.64e15 + 1, 'America/New_York'],
  [8.64e15 + 1, 'UTC'],
  [Number.POSITIVE_INFINITY, 'UTC'],
])('%d has no day in %s, which is said', (at, zone) => {
  expect(() => localTime(at, zone)).toThrow(InvalidOptionError)
  expect(() => localTime(at, zone)).toThrow(String(at))
})
