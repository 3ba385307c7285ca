import { expect, test } from 'vitest'
import { duration } from '../../packages/dashboard/app/format.ts'

test.each([
  [59.94, '59.9 s'],
  [59.97, '1 min 0 s'],
  [119.7, '2 min 0 s'],
  [200, '3 min 20 s'],
  [3_599.8, '1 h 0 min'],
  [7_190, '2 h 0 min'],
  [7_500, '2 h 5 min'],
])('%s seconds are %s: no minute has 60, and no hour', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})
