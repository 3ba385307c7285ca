import { expect, test } from 'vitest'
import { burnRate } from '../../packages/dashboard/app/views/burn-rate.ts'

const at = (time: string) => Date.parse(`2026-03-10T${time}Z`)
const spent = (day: number, total_credits: number) => ({
  starts_at: new Date(Date.UTC(2026, 2, day)).toISOString(),
  total_credits,
})
const rateAt = (time: string, ...entries: readonly ReturnType<typeof spent>[]) => burnRate(entries as never, 600, at(time))

test('a first day is taken on to a whole one, from at least a quarter of it', () => {
  expect(rateAt('12:00:00', spent(10, 60))).toEqual({ perDay: 120, days: 0, spentToday: 60, daysLeft: 5 })
  expect(rateAt('00:00:00', spent(10, 60))).toEqual({ perDay: 240, days: 0, spentToday: 60, daysLeft: 2.5 })
  // What was spent longer ago than a week says nothing of how fast it goes now.
  expect(rateAt('12:00:00', spent(2, 1_000), spent(10, 60))).toMatchObject({ perDay: 120, days: 0 })
})

test('today is left out as soon as there is a full day, and nothing is no rate', () => {
  expect(rateAt('12:00:00', spent(9, 100), spent(10, 60))).toEqual({ perDay: 100, days: 1, spentToday: 60, daysLeft: 6 })
  expect(rateAt('12:00:00', spent(7, 60), spent(9, 30))).toMatchObject({ perDay: 30, days: 3, spentToday: 0 })
  expect(rateAt('12:00:00')).toEqual({ perDay: 0, days: 0, spentToday: 0, daysLeft: undefined })
})

test('what is given back counts on its day, also where that is more than was spent on it', () => {
  expect(rateAt('12:00:00', spent(7, 900), spent(8, -300), spent(9, 30))).toMatchObject({ perDay: 210, days: 3 })
  expect(rateAt('12:00:00', spent(9, 100), spent(10, -40))).toMatchObject({ perDay: 100, days: 1, spentToday: -40 })
  // Of what was spent before the first of the days.
  expect(rateAt('12:00:00', spent(4, -500), spent(7, 60), spent(9, 30))).toMatchObject({ perDay: 30, days: 3 })
  expect(rateAt('12:00:00', spent(8, 100), spent(9, -400))).toMatchObject({ perDay: 0, days: 2, daysLeft: undefined })
  expect(rateAt('12:00:00', spent(10, -40))).toEqual({ perDay: 0, days: 0, spentToday: -40, daysLeft: undefined })
})
