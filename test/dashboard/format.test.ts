import { expect, test } from 'vitest'
import { duration, exactly, instant, serviceName } from '../../packages/dashboard/app/format.ts'

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

test('a decimal is shown to its last digit, also where no number of JavaScript holds it', () => {
  expect(exactly('123456789012345.123456').replaceAll(/[^0-9.]/g, '')).toBe('123456789012345.123456')
  expect(exactly('-99999999999.000001').replaceAll(/[^0-9.]/g, '')).toBe('99999999999.000001')
})

test('an instant says of which time zone it is', () => {
  expect(instant('2026-11-29T06:25:09Z')).toMatch(/UTC|GMT|[A-Z]{3,4}$/)
})

test('a service of a team keeps its name, whatever every object has under it', () => {
  expect(['gpt', 'constructor', 'toString', 'fax'].map(serviceName)).toEqual(['Chat', 'constructor', 'toString', 'fax'])
})
