import { credits, quantity } from '@farebox/core'
import { expect, it, vi } from 'vitest'
import type { GrantRow, UsageRow } from '../rows.ts'
import { resolveFocusOptions } from './focus-options.ts'
import { focusPurchaseRow, focusUsageRow } from './focus-rows.ts'

const options = resolveFocusOptions({ creditPrice: '0.01', seller: 'Acme' })
const account = { name: 'Ada' } as never
const usage = {
  accountId: 'ada',
  usageId: 'u1',
  service: 'gpt',
  provider: 'gpt-4o',
  quantity: quantity(5),
  unit: 'tokens',
  charged: credits(10),
  corrects: null,
  createdAt: Date.UTC(2026, 10, 1, 0, 30),
} as unknown as UsageRow
const grant = { grantId: 'g1', accountId: 'ada', source: 'plan', amount: credits(100), createdAt: usage.createdAt } as GrantRow

it('what was drawn on credit costs what it will be paid with, beside what was given', () => {
  const lots = [
    { grantId: 'given', amount: credits(3) },
    { grantId: '', amount: credits(5) },
    { grantId: 'bought', amount: credits(2) },
  ]
  const sources = new Map([
    ['given', 'promo'],
    ['bought', 'purchase'],
  ] as const)
  expect(focusUsageRow({ ...usage, lots } as UsageRow, { account, sources }, options)).toMatchObject({
    EffectiveCost: '0.07',
    ListCost: '0.1',
  })
})

it.each(['Pacific/Kiritimati', 'America/Los_Angeles'])('a billing period is a month of UTC, also in %s', (zone) => {
  vi.stubEnv('TZ', zone)
  try {
    expect(focusUsageRow({ ...usage, lots: [] } as UsageRow, { account, sources: new Map() }, options)).toMatchObject({
      BillingPeriodStart: '2026-11-01T00:00:00Z',
      BillingPeriodEnd: '2026-12-01T00:00:00Z',
      ChargePeriodStart: '2026-11-01T00:00:00Z',
    })
  } finally {
    vi.unstubAllEnvs()
  }
})

it('a plan recurs, and its chargeback does not', () => {
  expect(focusPurchaseRow({ grant }, account, options)).toMatchObject({
    ChargeCategory: 'Purchase',
    ChargeFrequency: 'Recurring',
    BilledCost: '1',
  })
  const back = focusPurchaseRow({ grant, chargedBackAt: grant.createdAt + 1 }, account, options)
  expect(back).toMatchObject({ ChargeCategory: 'Adjustment', ChargeFrequency: 'One-Time', BilledCost: '-1', ChargeClass: null })
})

it('what was carried over is not billed again, whatever the id of its grant holds', () => {
  const source = 'purchase' as const
  for (const grantId of ['rollover:g1', 'rollover:one line\u2028and another'])
    expect(focusPurchaseRow({ grant: { ...grant, source, grantId } }, account, options)).toMatchObject({ BilledCost: '0' })
})
