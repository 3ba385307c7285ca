import { expect, test } from 'vitest'
import { tables } from '../tables.ts'
import { arrayLiteral, columnArrays } from './codec.ts'

test('each column becomes one array, in which repeated, absent and awkward values keep their places', () => {
  const names = ['a', 'a', null, null, 'a', 'say "x"', 'C:\\d', '{},NULL', 'NULL', '']
  const rows = names.map((name, index) => ({ accountId: 'x', name, posted: BigInt(index >> 1), isFrozen: index > 7 }))
  const columns = columnArrays(tables.accounts, rows).map(arrayLiteral)
  const of = (name: string) => columns[tables.accounts.columns.findIndex((column) => column.name === name)]
  expect(of('account_id')).toBe(`{${names.map(() => '"x"').join(',')}}`)
  expect(of('name')).toBe(String.raw`{"a","a",NULL,NULL,"a","say \"x\"","C:\\d","{},NULL","NULL",""}`)
  expect(of('posted')).toBe('{0,0,1,1,2,2,3,3,4,4}')
  expect(of('is_frozen')).toBe('{false,false,false,false,false,false,false,false,true,true}')
  expect(of('next_due_at')).toBe(`{${names.map(() => 'NULL').join(',')}}`)
})

test('the values of a load are one array', () => {
  expect(arrayLiteral({ type: 'text', elements: ['a', '"', undefined] })).toBe(String.raw`{"a","\"",NULL}`)
  expect(arrayLiteral({ type: 'text', elements: [] })).toBe('{}')
})
