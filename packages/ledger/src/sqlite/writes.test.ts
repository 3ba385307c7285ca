import { expect, test } from 'vitest'
import { tables } from '../tables.ts'
import { COLUMNS_MAX, InsertsByShape, updateOf } from './writes.ts'

test('no table has more columns than the shape of a row can tell apart', () => {
  for (const { columns } of Object.values(tables)) expect(columns.length).toBeLessThanOrEqual(COLUMNS_MAX)
})

test('rows of one shape share statements of sixteen, and what is null, zero or an empty list is in their text', () => {
  const inserts = new InsertsByShape(tables.api_key_prefixes)
  for (let index = 0; index < 18; index++) inserts.add([`p${index}`, 'ada', index === 17 ? '[]' : 'k'])
  const [sixteen, one, other, ...rest] = [...inserts.statements()]
  expect(rest).toEqual([])
  expect(sixteen?.text.match(/\(\?, \?, \?\)/g)).toHaveLength(16)
  expect(sixteen?.values.slice(0, 6)).toEqual(['p0', 'ada', 'k', 'p1', 'ada', 'k'])
  expect(one?.values).toEqual(['p16', 'ada', 'k'])
  expect(other?.text).toContain("(?, ?, '[]')")
  expect(other?.values).toEqual(['p17', 'ada'])
})

test('an update names the columns that changed and the key, and nothing is written where none did', () => {
  const before = ['p', 'ada', 'k']
  expect(updateOf(tables.api_key_prefixes, before, [...before])).toBeUndefined()
  const update = updateOf(tables.api_key_prefixes, before, ['p', 'ada', 'other'])
  expect(update).toMatchObject({ values: ['other', 'p'] })
  expect(update?.text).toContain('SET api_key_id = ? WHERE prefix = ?')
})
