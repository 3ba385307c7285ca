import { expect, test } from 'vitest'
import { isConflict, notConnected, unavailable } from './classify-error.ts'

const failed = (code: string, more: object = {}) => Object.assign(new Error('told by Postgres'), { code, ...more })

test.each(['40001', '40P01', '23505'])('a transaction that fails with %s conflicts with another, and is tried again', (code) => {
  expect(isConflict(failed(code))).toBe(true)
})

test('a host that refuses at all of its addresses is unavailable, for the reasons of each', () => {
  const refused = new AggregateError([
    failed('ECONNREFUSED', { message: 'refused at ::1' }),
    failed('', { message: 'refused at 127.0.0.1' }),
  ])
  expect(notConnected(refused)).toMatchObject({
    code: 'LEDGER_UNAVAILABLE',
    message: 'Postgres failed: refused at ::1; refused at 127.0.0.1',
  })
})

test.each([
  ['42P01', {}, 'SCHEMA_VERSION', 'call migrate()'],
  ['42703', {}, 'LEDGER_UNAVAILABLE', 'call migrate()'],
  ['42P01', { where: 'PL/pgSQL function theirs() line 1 at SQL statement' }, 'LEDGER_UNAVAILABLE', 'theirs()'],
  [
    '42501',
    { where: 'SQL statement "…"\nPL/pgSQL function theirs() line 2 at PERFORM' },
    'LEDGER_UNAVAILABLE',
    '(PL/pgSQL function theirs()',
  ],
  ['P0004', { where: 'PL/pgSQL function theirs() line 1 at ASSERT' }, 'LEDGER_UNAVAILABLE', 'theirs()'],
  ['23P01', {}, 'LEDGER_INTERNAL', 'told by Postgres'],
  ['22003', {}, 'LEDGER_INTERNAL', 'told by Postgres'],
  ['54000', {}, 'LEDGER_INTERNAL', 'told by Postgres'],
  ['53300', {}, 'LEDGER_UNAVAILABLE', 'told by Postgres'],
  ['25006', {}, 'LEDGER_UNAVAILABLE', 'told by Postgres'],
  ['57P01', {}, 'LEDGER_UNAVAILABLE', 'told by Postgres'],
  ['55P03', { where: 'while locking tuple (0,1) in relation "farebox_accounts"' }, 'LEDGER_UNAVAILABLE', 'told by Postgres'],
])('%s with %o is %s', (code, more, expected, message) => {
  expect(unavailable(failed(code, more))).toMatchObject({
    code: expected,
    isRetryable: expected === 'LEDGER_UNAVAILABLE',
    message: expect.stringContaining(message),
  })
})
