import { InvalidOptionError } from '@farebox/core'
import { cloudEvents, stripeMeterEvents, webhook } from '@farebox/ledger'
import { describe, expect, it } from 'vitest'

// What programs without types give by mistake, and would notice only when a delivery, an extension or a write fails.

function said(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.message
    throw error
  }
  return 'nothing was said'
}

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
