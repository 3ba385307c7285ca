import { quantity } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { PriceBook } from '../price-book.ts'
import { rate } from '../rate.ts'
import { nanoUsdOf } from '../rating.ts'
import { importedBook } from './imported-prices.ts'
import { importTwilioVoice } from './twilio-voice.ts'

const source = { source: 'OutboundVoicePricing.csv', checked: '2026-11-20' }
const at = Date.parse('2026-11-21T00:00:00Z')

/** In the columns of Twilio's file. */
const csv = `\uFEFFISO,Country,Description,Price / min,Origination Prefixes,Destination Prefixes
AT,Austria,Programmable Outbound Minute - Austria,0.15500,,43
AT,Austria,Programmable Outbound Minute - Austria - from EEA,0.01600,"43,49,33",43
AT,Austria,"Programmable Outbound Minute - Austria - from US/CA",0.01700,1,43
AT,Austria,Programmable Outbound Minute - Austria - from the Bahamas,0.09900,1242,43
AT,Austria,Programmable Outbound Minute - Austria - Mobile,0.18000,ALL,"43650, 43660"
US,United States,Programmable Outbound Minute - United States,0.0140,ROW,1
US,United States,Programmable Outbound Minute - United States - Alaska,$0.090,,1907
ZZ,Nowhere,Programmable Outbound Minute - Nowhere - Toll free,0.00,,1800
ZZ,Nowhere,Programmable Outbound Minute - Nowhere,,,999
ZZ,Nowhere,Programmable Outbound Minute - Nowhere - on request,n/a,,998
ZZ,Nowhere,Programmable Outbound Minute - Nowhere - all,0.5,,
ZZ,Nowhere,Programmable Outbound Minute - Nowhere - words,0.5,,forty-three
ZZ,Nowhere,Programmable Outbound Minute - Nowhere - twice,0.02,,"1907,1908"
`

describe('a deck of Twilio', () => {
  const imported = importTwilioVoice(csv, source)
  const book = new PriceBook(importedBook(imported, { name: 'deck', version: '1', effectiveFrom: '2026-01-01T00:00:00Z' }))
  const minutes = (to: string, from: string | undefined, seconds: number) => {
    const usage = [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' as const }]
    return nanoUsdOf(rate(book, { service: 'phone', provider: 'twilio', to, from, at }, usage))
  }

  it.each<[string, string | undefined, bigint]>([
    ['+4315551234', undefined, 155_000_000n],
    ['+4315551234', '+442075551234', 155_000_000n],
    ['+4315551234', '+493055512345', 16_000_000n],
    ['+4315551234', '+14155551234', 17_000_000n],
    // The longest beginning of the number called from, too.
    ['+4315551234', '+12425551234', 99_000_000n],
    ['+436505551234', '+493055512345', 180_000_000n],
    ['+14155551234', '+493055512345', 14_000_000n],
    ['+19075551234', undefined, 90_000_000n],
    ['+19085551234', undefined, 20_000_000n],
    ['+18005551234', undefined, 0n],
  ])('a minute to %s from %s', (to, from, nanoUsd) => {
    expect(minutes(to, from, 60)).toBe(nanoUsd)
  })

  it('bills started minutes', () => {
    expect(minutes('+14155551234', undefined, 1)).toBe(14_000_000n)
    expect(minutes('+14155551234', undefined, 61)).toBe(28_000_000n)
  })

  it('has no price for a number that no row is for, and none for an unknown price', () => {
    for (const to of ['+99955512345', '+99855512345', '+5555551234']) {
      expect(() => minutes(to, undefined, 60)).toThrow(expect.objectContaining({ code: 'PRICE_NOT_FOUND' }))
    }
  })

  it('says which rows were not taken, and why', () => {
    expect(imported.notTaken).toEqual([
      { row: 'line 10', field: 'price / min', reason: '"" is no price' },
      { row: 'line 11', field: 'price / min', reason: '"n/a" is no price' },
      { row: 'line 12', field: 'destination prefixes', reason: '"" are no beginnings of numbers' },
      { row: 'line 13', field: 'destination prefixes', reason: '"forty-three" are no beginnings of numbers' },
      { row: 'line 14', field: 'destination prefixes', reason: '+1907 has the price of line 8 already' },
    ])
  })

  it('takes of a row what no row before it has, whatever the numbers called from', () => {
    const header = 'Country,Description,Price / min,Origination Prefixes,Destination Prefixes\n'
    const { entries, notTaken } = importTwilioVoice(
      `${header}AT,A,0.01,"43, 49","33"\nAT,B,0.01,"49, 44","33, 34"\nAT,C,0.02,"44, 1","33"\n`,
      source,
    )
    const book = new PriceBook(importedBook({ entries }, { name: 'deck', version: '1', effectiveFrom: '2026-11-01T00:00:00Z' }))
    const priceOf = (from: string, to: string) =>
      book.lookUp({ service: 'phone', provider: 'twilio', at, from, to })?.entry.rates[0]?.amount
    expect([
      priceOf('+49', '+33'),
      priceOf('+44', '+33'),
      priceOf('+49', '+34'),
      priceOf('+44', '+34'),
      priceOf('+1', '+33'),
    ]).toEqual(['0.01', '0.01', '0.01', '0.01', '0.02'])
    expect(notTaken).toEqual([{ row: 'line 4', field: 'destination prefixes', reason: '+33 has the price of line 3 already' }])
  })

  it('takes what a row says twice, or in other words, once', () => {
    const header = 'Country,Description,Price / min,Origination Prefixes,Destination Prefixes\n'
    const { entries, notTaken } = importTwilioVoice(`${header}AT,A,0.0140,row,"43, +43"\nAT,B,$00.014,all,43\n`, source)
    expect([entries.map(({ to, from }) => [to, from]), notTaken]).toEqual([[[['+43'], undefined]], []])
  })

  it('says which columns a file lacks', () => {
    expect(importTwilioVoice('Country,Price\nAT,1\n', source)).toEqual({
      entries: [],
      notTaken: [
        { row: 'line 1', reason: 'the header lacks description, price / min, origination prefixes, destination prefixes' },
      ],
    })
  })
})
