import { quantity } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { exportPurchases, exportUsage } from '@farebox/ledger/export'
import { parse } from 'csv-parse/sync'
import { credits } from 'farebox'
import { expect, it } from 'vitest'
import { openPostgres } from '../ledger/open-postgres.ts'
import { openSqlite } from '../ledger/open-sqlite.ts'

const focus = { creditPrice: '0.0015', currency: 'EUR', seller: 'Acme' }
const JANUARY = Date.UTC(2026, 0, 31, 23, 30)
const FEBRUARY = Date.UTC(2026, 1, 1, 0, 30)

const stores = [
  ['SQLite', openSqlite],
  ['Postgres', openPostgres],
] as const

type Rows = Record<string, string>[]

async function read(pieces: AsyncIterable<string>): Promise<Rows> {
  return parse((await Array.fromAsync(pieces)).join(''), { columns: true })
}

/** Runs `work` with a ledger and a clock that it may set. */
async function withLedger(open: (typeof stores)[number][1], work: (ledger: Ledger, clock: { now: number }) => Promise<void>) {
  const clock = { now: JANUARY }
  const { driver, cleanup } = await open({ clock: () => clock.now })
  try {
    const ledger = new Ledger(driver)
    await ledger.migrate()
    await work(ledger as Ledger, clock)
  } finally {
    await cleanup()
  }
}

const tokens = { quantity: quantity(5), unit: 'tokens', rated: credits(15), roundingStep: credits(1) } as const
const gpt = { service: 'gpt', provider: 'gpt-4o' } as const

it.each(stores)('%s: a usage row tells its hold, its workflow, and what could not be charged', async (_, open) => {
  await withLedger(open, async (ledger) => {
    const accountId = 'a'
    await ledger.openAccount({ accountId, name: 'Ada' })
    await ledger.grant({ accountId, amount: credits(10) })
    await ledger.openWorkflow({ accountId, workflowId: 'w1', name: 'work' })
    await ledger.placeHold({ accountId, workflowId: 'w1', holdId: 'h1', ...gpt, amount: credits(4), ttlMs: 60_000 })
    await ledger.settleHold({ accountId, holdId: 'h1', usageId: 'u1', provider: 'gpt-4o', usage: tokens })
    const [row] = await read(exportUsage(ledger, { format: 'csv' }))
    expect(row).toMatchObject({
      usage_id: 'u1',
      workflow_id: 'w1',
      hold_id: 'h1',
      credits_rated: '15',
      credits_charged: '10',
      credits_shortfall: '5',
    })
  })
})

it.each(stores)('%s: a purchase row tells when it counts, what is left of it and what is gone', async (_, open) => {
  await withLedger(open, async (ledger, clock) => {
    const accountId = 'a'
    await ledger.openAccount({ accountId, name: 'Ada' })
    const effectiveAt = JANUARY + 1_000
    const expiresAt = JANUARY + 2_000
    await ledger.grant({ accountId, grantId: 'g', amount: credits(10), effectiveAt, expiresAt, services: ['gpt', 'vision'] })
    clock.now = JANUARY + 1_500
    await ledger.charge({ accountId, usageId: 'u', ...gpt, usage: { ...tokens, rated: credits(3) } })
    clock.now = FEBRUARY
    await ledger.sweep()
    expect(await read(exportPurchases(ledger, { format: 'csv' }))).toMatchObject([
      {
        grant_id: 'g',
        created_at: '2026-01-31T23:30:00.000Z',
        effective_at: '2026-01-31T23:30:01.000Z',
        expires_at: '2026-01-31T23:30:02.000Z',
        credits: '10',
        credits_remaining: '0',
        credits_gone: '7',
        services: 'gpt, vision',
      },
    ])
  })
})

it.each(stores)('%s: FOCUS names each account, and corrects in the month of the correction', async (_, open) => {
  await withLedger(open, async (ledger, clock) => {
    for (const accountId of ['a', 'b', 'c']) {
      await ledger.openAccount({ accountId, name: `Name of ${accountId}` })
      await ledger.grant({ accountId, grantId: `order-${accountId}`, amount: credits(100) })
      await ledger.grant({ accountId, grantId: `more-${accountId}`, amount: credits(50) })
      await ledger.grant({ accountId, grantId: `sorry-${accountId}`, amount: credits(5), source: 'adjustment', priority: 1 })
      await ledger.charge({ accountId, usageId: `u-${accountId}`, ...gpt, usage: tokens })
      await ledger.charge({ accountId, usageId: `free-${accountId}`, ...gpt, usage: { ...tokens, rated: credits(0) } })
      await ledger.charge({ accountId, usageId: `one-${accountId}`, ...gpt, usage: { ...tokens, rated: credits(1) } })
    }
    clock.now = FEBRUARY
    for (const accountId of ['a', 'b', 'c']) {
      await ledger.refund({ accountId, usageId: `u-${accountId}`, correctionId: `back-${accountId}` })
      await ledger.chargeback({ accountId, grantId: `order-${accountId}` })
      await ledger.chargeback({ accountId, grantId: `more-${accountId}` })
    }
    const usage = await read(exportUsage(ledger, { format: 'focus', focus }))
    const purchases = await read(exportPurchases(ledger, { format: 'focus', focus }))
    for (const row of [...usage, ...purchases]) expect(row.BillingAccountName).toBe(`Name of ${row.BillingAccountId}`)
    for (const id of ['a', 'b', 'c']) {
      const byId = (usageId: string) => usage.find(({ x_UsageId }) => x_UsageId === usageId)
      // Five of the fifteen were given.
      expect(byId(`u-${id}`)).toMatchObject({ ChargeCategory: 'Usage', ChargeClass: '', EffectiveCost: '0.015' })
      expect(byId(`free-${id}`)).toMatchObject({ ConsumedQuantity: '5', EffectiveCost: '0', x_CreditsCharged: '0' })
      expect(byId(`one-${id}`)?.ChargeDescription).toBe('5 tokens of gpt-4o, 1 credit')
      expect(byId(`back-${id}`)).toMatchObject({
        ChargeCategory: 'Adjustment',
        ChargeClass: 'Correction',
        BillingPeriodStart: '2026-02-01T00:00:00Z',
        BillingPeriodEnd: '2026-03-01T00:00:00Z',
      })
    }
    const told = purchases.map((row) => [row.x_GrantId, row.ChargeCategory, row.ChargeClass, row.BillingPeriodStart])
    expect(told.sort()).toEqual(
      ['a', 'b', 'c']
        .flatMap((id) => [
          [`order-${id}`, 'Purchase', '', '2026-01-01T00:00:00Z'],
          [`order-${id}`, 'Adjustment', 'Correction', '2026-02-01T00:00:00Z'],
          [`more-${id}`, 'Purchase', '', '2026-01-01T00:00:00Z'],
          [`more-${id}`, 'Adjustment', 'Correction', '2026-02-01T00:00:00Z'],
          [`sorry-${id}`, 'Adjustment', '', '2026-01-01T00:00:00Z'],
        ])
        .sort(),
    )
  })
})

it.each(stores)('%s: an export of one account and month has nothing of another, chargebacks neither', async (_, open) => {
  await withLedger(open, async (ledger, clock) => {
    for (const accountId of ['a', 'b']) {
      await ledger.openAccount({ accountId, name: accountId })
      await ledger.grant({ accountId, grantId: `order-${accountId}`, amount: credits(100) })
      await ledger.charge({ accountId, usageId: `u-${accountId}`, ...gpt, usage: tokens })
    }
    clock.now = FEBRUARY
    for (const accountId of ['a', 'b']) {
      await ledger.refund({ accountId, usageId: `u-${accountId}`, correctionId: `back-${accountId}` })
      await ledger.chargeback({ accountId, grantId: `order-${accountId}` })
    }
    const idsOf = async (range: { accountId?: string; from?: number; until?: number }) => {
      const usage = await read(exportUsage(ledger, { format: 'focus', focus, ...range }))
      const purchases = await read(exportPurchases(ledger, { format: 'focus', focus, ...range }))
      return [...usage.map((row) => row.x_UsageId), ...purchases.map((row) => `${row.x_GrantId} ${row.ChargeCategory}`)].sort()
    }
    expect(await idsOf({ accountId: 'a' })).toEqual(['back-a', 'order-a Adjustment', 'order-a Purchase', 'u-a'])
    expect(await idsOf({ accountId: 'a', until: FEBRUARY })).toEqual(['order-a Purchase', 'u-a'])
    expect(await idsOf({ accountId: 'b', from: FEBRUARY })).toEqual(['back-b', 'order-b Adjustment'])
    const both = ['back-a', 'back-b', 'order-a Adjustment', 'order-b Adjustment']
    expect(await idsOf({ from: FEBRUARY, until: FEBRUARY + 1 })).toEqual(both)
  })
})
