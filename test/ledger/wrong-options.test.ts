import { cloudEvents, keepAlive, Ledger, stripeMeterEvents, webhook } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { describe, expect, it } from 'vitest'
import { said } from '../support/said.ts'

// What programs without types give by mistake, and would notice only when a delivery, an extension or a write fails.

describe('a receiver of usage', () => {
  const stripe = { billing: { meterEvents: { create: async () => ({}) } } }
  const meter = (changes: object) => stripeMeterEvents({ stripe, eventName: 'credits', customerOf: () => 'cus_1', ...changes })

  it.each<[object, string]>([
    [{ customerOf: undefined }, 'customerOf must be a function, received undefined'],
    [{ customerOf: 'cus_1' }, 'customerOf must be a function, received "cus_1"'],
    [{ value: 'credit' }, 'value must be credits, micro_credits or a function, received "credit"'],
    [{ value: 5 }, 'value must be credits, micro_credits or a function, received 5'],
    [{ payloadKeys: 'customer' }, 'stripeMeterEvents({ payloadKeys }) takes an object of options, received string'],
    [
      { payloadKeys: { custmer: 'org' } },
      'custmer: stripeMeterEvents({ payloadKeys }) has no such option; known are customer, value',
    ],
    [{ payloadKeys: { customer: 5 } }, 'payloadKeys.customer must be a text that is not blank, received 5'],
    [{ payloadKeys: { value: ' ' } }, 'payloadKeys.value must be a text that is not blank, received " "'],
    [{ payloadKeys: { customer: 'value' } }, 'payloadKeys.customer and payloadKeys.value must differ, received "value" for both'],
  ])('of Stripe is refused with %j, with which no record would reach its meter', (changes, message) => {
    expect(said(() => meter(changes))).toContain(message)
  })

  it('of Stripe takes keys of its own, one or both', () => {
    expect(said(() => meter({ payloadKeys: { customer: 'org' }, value: 'micro_credits' }))).toBe('nothing was said')
    expect(said(() => meter({ payloadKeys: { customer: 'org', value: undefined }, value: () => '5' }))).toBe('nothing was said')
  })

  const url = 'https://example.com'
  const secret = `whsec_${Buffer.alloc(24).toString('base64')}`
  it.each<[string, () => unknown, string]>([
    ['webhook()', () => webhook({ url, secret, fetch: {} as never }), 'fetch must be a function, received an object'],
    ['cloudEvents()', () => cloudEvents({ url, fetch: 5 as never }), 'fetch must be a function, received 5'],
    ['cloudEvents()', () => cloudEvents({ url, source: 5 as never }), 'source must be a URI reference, received 5'],
    ['cloudEvents()', () => cloudEvents({ url, source: null as never }), 'source must be a URI reference, received null'],
    ['cloudEvents()', () => cloudEvents({ url, headers: 'Bearer x' as never }), 'headers must be an object, received "Bearer x"'],
    ['cloudEvents()', () => cloudEvents({ url, headers: { authorization: 'a\nb' } }), 'headers.authorization cannot be sent: '],
    [
      'cloudEvents()',
      () => cloudEvents({ url, headers: { authorization: undefined as never } }),
      'headers.authorization must be a text, received undefined',
    ],
  ])('of %s is refused at once: %#', (_, make, message) => {
    expect(said(make)).toContain(message)
  })
})

describe('a store', () => {
  const open = (database: unknown) => sqlite({ database: database as never })
  const pooled = (pool: unknown) => postgres({ pool: pool as never })
  const noDatabase = 'sqlite({ database }) must be a better-sqlite3 database: new Database(filename); received'
  const noPool = 'postgres({ pool }) must be a pool of pg: new pg.Pool({ connectionString }); received'

  it.each<[() => unknown, string]>([
    [() => open(null), `${noDatabase} null`],
    [() => open('credits.db'), `${noDatabase} "credits.db"`],
    [() => open({}), `${noDatabase} an object`],
    [() => pooled(null), `${noPool} null`],
    [() => pooled('postgres://host/database'), `${noPool} a text`],
    [() => pooled({ query: () => undefined }), `${noPool} an object`],
    [
      () => postgres({ connectionString: 'postgres://h/d', schema: true as never }),
      'schema must be a plain lower-case name, received true',
    ],
  ])(
    'of the host is refused if it is none, in whose place credits would be kept where nobody looks for them: %#',
    (make, message) => {
      expect(said(make)).toBe(message)
    },
  )

  it.each(['', 0, false, Number.NaN, 'spool'])(
    'is given no spool that is %s, with which usage would be lost without a word',
    (spool) => {
      const make = () => new Ledger(sqlite({ filename: ':memory:' }), { spool: spool as never })
      expect(said(make)).toBe(`the spool takes an object of options, received ${typeof spool}`)
    },
  )
})

describe('keepAlive', () => {
  const hold = { accountId: 'ada', holdId: 'call' }
  const ledger = new Ledger(sqlite({ filename: ':memory:' }))
  it.each<[object, string]>([
    [{ accountId: undefined }, 'accountId must be a text of 1 to '],
    [{ holdId: '' }, 'holdId must be a text of 1 to '],
    [{ ttlMs: 1_000.5 }, 'ttlMs must be whole milliseconds from 1 to a year, received 1000.5'],
    [{ ttlMs: '60000' }, 'ttlMs must be whole milliseconds from 1 to a year, received "60000"'],
    [{ ttlMs: Number.POSITIVE_INFINITY }, 'ttlMs must be whole milliseconds from 1 to a year, received Infinity'],
    [{ ttlMs: 5n }, 'ttlMs must be whole milliseconds from 1 to a year, received 5n'],
    [{ onLost: 'hang up' }, 'onLost must be a function, received "hang up"'],
    [{ onExtended: {} }, 'onExtended must be a function, received an object'],
    [{ onError: console }, 'onError must be a function, received an object'],
  ])('refuses %o, with which the hold would be lost and nobody told', (changes, message) => {
    expect(() => keepAlive(ledger, { ...hold, ...changes })).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    )
  })
})
