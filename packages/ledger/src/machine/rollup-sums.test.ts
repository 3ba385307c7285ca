import { expect, test } from 'vitest'
import type { Rows } from '../rows.ts'
import { CARRY } from '../tables.ts'
import { RollupSums } from './rollup-sums.ts'

const NOON = Date.UTC(2026, 6, 15, 12)
const HOUR = 3_600_000
const DAY_START = NOON - 12 * HOUR

const dimensions = { accountId: 'a', service: 'gpt', provider: 'x', unit: 'tokens', workflowName: 'call', apiKeyId: 'k' } as const
const carries = { quantityCarry: 0n, costCarry: 0n }
const counted = {
  ...dimensions,
  ...carries,
  userId: 'ada',
  records: 1n,
  quantity: 7n,
  charged: 5n,
  shortfall: 2n,
  cost: 11n,
} as const
const twice = { records: 2n, quantity: 14n, charged: 10n, shortfall: 4n, cost: 22n }

test('what happens in two hours of one day is two rows of hours and one of the day', () => {
  const sums = new RollupSums('usage_rollups')
  sums.add(NOON, counted)
  sums.add(NOON + HOUR - 1, counted)
  sums.add(NOON + HOUR, counted)
  const day = { records: 3n, quantity: 21n, charged: 15n, shortfall: 6n, cost: 33n }
  expect(sums.rows).toEqual([
    { ...counted, period: 'hour', startsAt: NOON, ...twice },
    { ...counted, period: 'day', startsAt: DAY_START, ...day },
    { ...counted, period: 'hour', startsAt: NOON + HOUR },
  ])
})

test('what is given back is counted below nothing, and a day that ends is another row', () => {
  const sums = new RollupSums('usage_rollups')
  sums.add(NOON, { ...counted, records: 0n, charged: -8n })
  sums.add(NOON + 12 * HOUR, counted)
  expect(sums.rows.map(({ period, startsAt, charged, records }) => [period, startsAt, charged, records])).toEqual([
    ['hour', NOON, -8n, 0n],
    ['day', DAY_START, -8n, 0n],
    ['hour', NOON + 12 * HOUR, 5n, 1n],
    ['day', NOON + 12 * HOUR, 5n, 1n],
  ])
})

test('what outgrows a column is carried to the next, whichever way it goes, and adds up to the same', () => {
  const sums = new RollupSums('usage_rollups')
  const totals = () =>
    sums.rows.map(({ quantity, quantityCarry, cost, costCarry }) => [quantity + quantityCarry * CARRY, cost + costCarry * CARRY])
  for (let times = 0; times < 25; times++) sums.add(NOON, { ...counted, quantity: CARRY, cost: CARRY - 1n })
  expect(sums.rows[0]).toMatchObject({ quantity: 0n, quantityCarry: 25n, cost: CARRY - 25n, costCarry: 24n })
  for (let times = 0; times < 30; times++) sums.add(NOON, { ...counted, cost: -CARRY })
  expect(sums.rows[0]).toMatchObject({ quantity: 210n, quantityCarry: 25n, cost: -25n, costCarry: -5n })
  expect(totals()).toEqual(Array(2).fill([25n * CARRY + 210n, -5n * CARRY - 25n]))
})

test('what is just as much as is carried is carried whole', () => {
  const sums = new RollupSums('usage_rollups')
  sums.add(NOON, { ...counted, quantity: CARRY, cost: -CARRY })
  expect(sums.rows[0]).toMatchObject({ quantity: 0n, quantityCarry: 1n, cost: 0n, costCarry: -1n })
})

test.each<Partial<Rows['usage_rollups']>>([
  { accountId: 'b' },
  { service: 'phone' },
  { provider: 'y' },
  { unit: 'minutes' },
  { workflowName: 'chat' },
  { apiKeyId: 'l' },
  { userId: 'bob' },
])('another %j is a row of its own', (other) => {
  const sums = new RollupSums('usage_rollups')
  sums.add(NOON, counted)
  sums.add(NOON, { ...counted, ...other })
  sums.add(NOON, counted)
  expect(sums.rows).toMatchObject([
    { ...counted, period: 'hour', ...twice },
    { ...counted, period: 'day', ...twice },
    { ...counted, ...other, period: 'hour' },
    { ...counted, ...other, period: 'day' },
  ])
})
