import { microCredits } from '@farebox/core'
import { expect, test } from 'vitest'
import { type BalanceRow, checkRow } from './balance-row.ts'

const row = (credits: unknown, more: Partial<BalanceRow> = {}) => checkRow({ accountId: 'a', credits, ...more } as BalanceRow, 7)

test.each([
  ['0', 0n],
  ['12', 12_000_000n],
  ['12.50', 12_500_000n],
  ['0.000001', 1n],
  ['007.1', 7_100_000n],
  ['12.500000000000000000000000000000', 12_500_000n],
  ['1000000000', 1_000_000_000_000_000n],
  // What no float holds: 2^53 + 1 micro-credits.
  ['9007199254.740993', undefined],
  ['907199254.740993', 907_199_254_740_993n],
  [microCredits(5n), 5n],
])('%s is taken as it stands', (given, amount) => {
  if (amount === undefined) expect(row(given)).toMatchObject({ problem: expect.stringContaining('at most a billion') })
  else expect(row(given)).toEqual({ line: 7, accountId: 'a', name: 'a', amount })
})

test.each([
  ['', /is empty/],
  ['-5', /is negative: "-5"/],
  ['1e3', /not a plain decimal: "1e3"/],
  ['1,000', /not a plain decimal/],
  ['$5', /not a plain decimal/],
  ['.5', /not a plain decimal/],
  ['NaN', /not a plain decimal/],
  ['٣', /not a plain decimal/],
  ['0x10', /not a plain decimal/],
  ['0.0000001', /more than six decimals/],
  ['1000000000.000001', /at most a billion/],
  ['9'.repeat(40), /at most a billion/],
  ['9'.repeat(1_000), /not a plain decimal/],
  [12.5, /received a number/],
  [undefined, /received a undefined/],
  [-5n, /above 0/],
])('%s is refused', (given, problem) => {
  expect(row(given)).toMatchObject({ line: 7, problem: expect.stringMatching(problem) })
})

test('an id or a name that cannot be kept is refused', () => {
  for (const accountId of ['', 'x'.repeat(201), 'a\nb', 5, undefined]) {
    expect(row('5', { accountId: accountId as string })).toMatchObject({ problem: expect.stringMatching(/^id must/) })
  }
  expect(row('5', { name: '\u0000' })).toMatchObject({ problem: expect.stringMatching(/^name must/) })
})

test('a row whose name or amount cannot be kept still says whose it is', () => {
  for (const more of [{ name: 'x'.repeat(201) }, { credits: -5n as never }])
    expect(row('5', more)).toEqual({ accountId: 'a', line: 7, problem: expect.any(String) })
})

test('an id that lost a character is refused, because another may have lost one too', () => {
  expect(row('5', { accountId: 'jos\uFFFD' })).toMatchObject({ problem: expect.stringContaining('lost a character') })
})

test.each([
  [null, 'null'],
  [undefined, 'undefined'],
  ['ada,5', 'string'],
])('a row that is %j is one row that cannot be imported', (given, shown) => {
  const problem = `the row must be an object, received ${shown}`
  expect(checkRow(given as unknown as BalanceRow, 3)).toEqual({ line: 3, problem })
})

test('a row says where it stands, or its position is taken', () => {
  expect(row('5', { line: 42 })).toMatchObject({ line: 42 })
  expect(checkRow({ problem: 'torn' }, 3)).toEqual({ line: 3, problem: 'torn' })
})
