import { expect } from 'vitest'

type Row = Record<string, string>

/**
 * The columns that FOCUS 1.2 calls mandatory. Source: the feature level of each column in
 * https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec (specification/columns, v1.2).
 */
const MANDATORY = [
  'BilledCost',
  'BillingAccountId',
  'BillingAccountName',
  'BillingCurrency',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'ContractedCost',
  'EffectiveCost',
  'InvoiceIssuerName',
  'ListCost',
  'PricingQuantity',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'ServiceCategory',
  'ServiceName',
]
const NULLABLE = new Set(['ChargeClass', 'PricingQuantity', 'PricingUnit', 'BillingAccountName', 'ChargeDescription'])
const COSTS = ['BilledCost', 'ContractedCost', 'EffectiveCost', 'ListCost'] as const
const CATEGORIES = ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment']
const SERVICE_CATEGORIES = ['AI and Machine Learning', 'Analytics', 'Networking', 'Media', 'Other']

/** Holds the rows of an export to the rules of FOCUS 1.2 that can be told from a row. */
export function expectFocus(rows: readonly Row[]): void {
  for (const row of rows) {
    const of = (name: string) => {
      const value = row[name]
      if (value === undefined) throw new Error(`column ${name} is missing`)
      return value
    }
    for (const name of MANDATORY) if (!NULLABLE.has(name)) expect(of(name), name).not.toBe('')
    for (const name of Object.keys(row)) expect(name).toMatch(/^(x_)?[A-Z][A-Za-z]+$/)
    for (const name of [...COSTS, 'PricingQuantity']) expect(of(name), name).toMatch(/^-?\d+(\.\d+)?$/)
    expect(of('BillingCurrency')).toMatch(/^[A-Z]{3}$/)
    for (const name of ['BillingPeriodStart', 'BillingPeriodEnd', 'ChargePeriodStart', 'ChargePeriodEnd']) {
      expect(of(name), name).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)
    }
    expect(of('BillingPeriodStart') <= of('ChargePeriodStart') && of('ChargePeriodEnd') <= of('BillingPeriodEnd')).toBe(true)
    expect(of('ChargePeriodStart') < of('ChargePeriodEnd')).toBe(true)
    expect(CATEGORIES).toContain(of('ChargeCategory'))
    expect(SERVICE_CATEGORIES).toContain(of('ServiceCategory'))
    expect(['', 'Correction']).toContain(of('ChargeClass'))
    expect(['One-Time', 'Recurring', 'Usage-Based']).toContain(of('ChargeFrequency'))

    const isCharge = ['Usage', 'Purchase'].includes(of('ChargeCategory')) && of('ChargeClass') !== 'Correction'
    if (isCharge) {
      for (const name of ['PricingCategory', 'PricingQuantity', 'PricingUnit', 'SkuId', 'SkuPriceId', 'ListUnitPrice']) {
        expect(of(name), name).not.toBe('')
      }
    }
    // A unit price times its quantity is the cost.
    for (const [price, cost] of [
      ['ListUnitPrice', 'ListCost'],
      ['ContractedUnitPrice', 'ContractedCost'],
    ] as const) {
      if (of(price) !== '') expect(scaled(of(price)) * scaled(of('PricingQuantity')), cost).toBe(scaled(of(cost)) * 10n ** 15n)
    }
    if (of('ChargeCategory') === 'Usage') {
      expect(scaled(of('ConsumedQuantity')) > 0n, 'ConsumedQuantity').toBe(true)
      expect(of('ConsumedUnit')).not.toBe('')
    } else {
      expect([of('ConsumedQuantity'), of('ConsumedUnit')]).toEqual(['', ''])
    }
    // A purchase that covers what is still to come has no effective cost of its own.
    if (of('ChargeCategory') === 'Purchase') expect(of('EffectiveCost')).toBe('0')
    if (of('ChargeCategory') === 'Credit')
      expect([of('EffectiveCost'), of('ListCost')]).toEqual([of('BilledCost'), of('BilledCost')])
  }
}

/** A decimal in units of 1e-15. */
export function scaled(decimal: string): bigint {
  const [, sign = '', whole = '', decimals = ''] = /^(-?)(\d+)(?:\.(\d{1,15}))?$/.exec(decimal) ?? []
  return BigInt(`${sign}${whole}${decimals.padEnd(15, '0')}`)
}
