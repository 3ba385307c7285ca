import { once } from 'node:events'
import { request } from 'node:http'
import { nanoUsd, quantity } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { exportPurchases, exportUsage } from '@farebox/ledger/export'
import { CloudEvent } from 'cloudevents'
import { parse } from 'csv-parse/sync'
import { credits, type Farebox } from 'farebox'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { serveApi } from '../farebox/api-client.ts'
import { openAccount, openBox, storeNames } from '../farebox/open-box.ts'
import { openPostgres } from '../ledger/open-postgres.ts'
import { openSqlite } from '../ledger/open-sqlite.ts'
import { expectFocus, scaled } from './focus-rules.ts'

const focus = { creditPrice: '0.0015', currency: 'EUR', seller: 'Acme, Inc.' }
const FORMULA = '=HYPERLINK("http://evil";"Ada")'

async function all(pieces: AsyncIterable<string>): Promise<string> {
  return (await Array.fromAsync(pieces)).join('')
}

const csv = (text: string): Record<string, string>[] => parse(text, { columns: true })
const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe.each(storeNames)('exports on %s', (on) => {
  let box: Farebox
  let ada: { accountId: string; key: string }
  let bob: string

  /** Ada has bought and was given credits, was charged, refunded and corrected; Bob has only bought. */
  beforeEach(async () => {
    box = await openBox({ on, focus })
    ada = await openAccount(box, { balance: credits(0) })
    const { accountId } = ada
    await box.ledger.grant({ accountId, grantId: 'gift', source: 'promo', priority: 1, amount: credits(10) })
    await box.ledger.grant({ accountId, grantId: 'order-1', source: 'purchase', amount: credits('1000.5') })
    const work = { accountId, service: 'gpt', provider: 'gpt-4o' } as const
    const usage = { quantity: quantity(2_500), unit: 'tokens', rated: credits('20.25'), cost: nanoUsd(12_345n) } as const
    await box.ledger.charge({ ...work, usageId: 'u1', userId: FORMULA, usage: { ...usage, details: { prompt: 'never told' } } })
    await box.ledger.charge({ ...work, usageId: 'u2', usage: { ...usage, model: '-1+1' } })
    await box.ledger.refund({ accountId, usageId: 'u2', correctionId: 'u2-back', amount: credits(1) })
    bob = (await box.ledger.openAccount({ name: FORMULA, accountId: 'bob' })).accountId
    await box.ledger.grant({ accountId: bob, source: 'plan', amount: credits(5) })
  })

  it('of all accounts have every record once, however many pages there are', async () => {
    const usage = { quantity: quantity(1), unit: 'tokens', rated: 0n as never } as const
    const made: string[] = []
    for (const accountId of [ada.accountId, bob]) {
      const charges = Array.from({ length: 300 }, (_, index) => ({ accountId, usageId: `${accountId} ${index}` }))
      made.push(...charges.map(({ usageId }) => usageId))
      await Promise.all(charges.map((charge) => box.ledger.charge({ ...charge, service: 'gpt', provider: 'gpt-4o', usage })))
    }
    const told: string[] = []
    for await (const piece of exportUsage(box.ledger, { format: 'jsonl' })) {
      told.push(...lines(piece).map(({ usage_id }) => usage_id))
      if (told.length > 1_000) break
    }
    expect(told.toSorted()).toEqual(['u1', 'u2', 'u2-back', ...made].toSorted())
  })

  it('CSV has every record once, to the last digit, and no cell that a spreadsheet runs', async () => {
    const { accountId } = ada
    const text = await all(exportUsage(box.ledger, { format: 'csv', accountId }))
    expect(text).toMatch(/^account_id,usage_id,created_at,.*\r\n/)
    expect(text).not.toContain('never told')
    const rows = csv(text)
    expect(rows.map(({ usage_id, credits_charged, corrects }) => [usage_id, credits_charged, corrects])).toEqual([
      ['u1', '21', ''],
      ['u2', '21', ''],
      ['u2-back', '-1', 'u2'],
    ])
    expect(rows[0]).toMatchObject({ account_id: accountId, quantity: '2500', credits_rated: '20.25', user_id: `'${FORMULA}` })
    expect(rows[1]?.model).toBe("'-1+1")
    expect(rows[0]).not.toHaveProperty('cost_usd')
    const costs = csv(await all(exportUsage(box.ledger, { format: 'csv', includeCosts: true })))
    expect(costs.map(({ cost_usd }) => cost_usd)).toEqual(['0.000012345', '0.000012345', ''])

    const bought = csv(await all(exportPurchases(box.ledger, { format: 'csv' })))
    expect(bought.map((row) => [row.account_id, row.source, row.credits, row.credits_remaining])).toEqual(
      expect.arrayContaining([
        [accountId, 'promo', '10', expect.any(String)],
        [accountId, 'purchase', '1000.5', expect.any(String)],
        [bob, 'plan', '5', '5'],
      ]),
    )
  })

  it('FOCUS keeps the rules of its version, bills purchases, and spreads them over the usage that they paid for', async () => {
    const usage = csv(await all(exportUsage(box.ledger, { format: 'focus', focus })))
    const purchases = csv(await all(exportPurchases(box.ledger, { format: 'focus', focus })))
    expect([usage.length, purchases.length]).toEqual([3, 3])
    expectFocus([...usage, ...purchases])
    const byId = (id: string) => usage.find(({ x_UsageId }) => x_UsageId === id)
    // Ten of the twenty-one credits were a gift.
    expect(byId('u1')).toMatchObject({
      ChargeCategory: 'Usage',
      BilledCost: '0',
      ListCost: '0.0315',
      EffectiveCost: '0.0165',
      BillingCurrency: 'EUR',
      ProviderName: 'Acme, Inc.',
      ConsumedQuantity: '2500',
      ConsumedUnit: 'Tokens',
      PricingQuantity: '21',
      PricingUnit: 'Credits',
      x_Provider: 'gpt-4o',
    })
    expect(byId('u2')).toMatchObject({ EffectiveCost: '0.0315' })
    expect(byId('u2-back')).toMatchObject({ ChargeCategory: 'Adjustment', ChargeClass: '', EffectiveCost: '-0.0015' })
    expect(purchases.map((row) => [row.ChargeCategory, row.x_GrantSource, row.BilledCost, row.ChargeFrequency])).toEqual(
      expect.arrayContaining([
        ['Credit', 'promo', '0', 'One-Time'],
        ['Purchase', 'purchase', '1.50075', 'One-Time'],
        ['Purchase', 'plan', '0.0075', 'Recurring'],
      ]),
    )
    // What was billed and is not spent yet is what is left of the purchases.
    const sum = (rows: typeof usage, column: string) => rows.reduce((total, row) => total + scaled(row[column] ?? ''), 0n)
    const { balance } = await box.ledger.balance(ada.accountId)
    const bobs = await box.ledger.balance(bob)
    expect(sum(purchases, 'BilledCost') - sum(usage, 'EffectiveCost')).toBe((balance + bobs.balance) * 1_500_000n)
  })

  it('FOCUS bills what is carried over once, and takes back what was charged back, once and when it was', async () => {
    const { accountId } = await box.ledger.openAccount({ name: 'Carla' })
    const plan = { source: 'plan', amount: credits(30), expiresAt: Date.now() + 2_000, rollover: { ttlMs: 86_400_000 } } as const
    await box.ledger.grant({ ...plan, accountId, grantId: 'plan-1' })
    await box.ledger.grant({ accountId, grantId: 'order-2', amount: credits(100), priority: 1 })
    const usage = { quantity: quantity(1), unit: 'minutes', rated: credits(20) } as const
    await box.ledger.charge({ accountId, usageId: 'spent', service: 'phone', provider: 'twilio', usage })
    await vi.waitFor(async () => {
      await box.ledger.sweep()
      expect(await box.ledger.history.grantsOf(accountId, ['rollover:plan-1'])).toHaveLength(1)
    }, 30_000)
    const before = Date.now() - 86_400_000
    // A dispute tells of itself several times, under keys of its own.
    await box.ledger.chargeback({ accountId, grantId: 'order-2', idempotencyKey: 'dispute-opened' })
    await box.ledger.chargeback({ accountId, grantId: 'order-2', idempotencyKey: 'dispute-lost' })
    const purchases = csv(await all(exportPurchases(box.ledger, { format: 'focus', focus, accountId })))
    expectFocus(purchases)
    expect(purchases.map((row) => [row.x_GrantId, row.ChargeCategory, row.BilledCost, row.PricingQuantity]).sort()).toEqual([
      ['order-2', 'Adjustment', '-0.15', '-100'],
      ['order-2', 'Purchase', '0.15', '100'],
      ['plan-1', 'Purchase', '0.045', '30'],
      ['rollover:plan-1', 'Adjustment', '0', '30'],
    ])
    const byDescription = purchases.map(({ ChargeDescription }) => ChargeDescription)
    expect(byDescription).toContain('30 credits (plan), carried over from plan-1')
    expect(byDescription).toContain('Chargeback of order-2, -100 credits (purchase)')
    // What was billed and is not spent is what is left, less what is owed.
    const used = csv(await all(exportUsage(box.ledger, { format: 'focus', focus, accountId })))
    const sum = (rows: typeof used, column: string) => rows.reduce((total, row) => total + scaled(row[column] ?? ''), 0n)
    const { balance } = await box.ledger.balance(accountId)
    expect(balance).toBe(10_000_000n)
    expect(sum(purchases, 'BilledCost') - sum(used, 'EffectiveCost')).toBe(balance * 1_500_000n)

    const of = async (range: object) => csv(await all(exportPurchases(box.ledger, { format: 'focus', focus, ...range })))
    expect(await of({ accountId, until: before })).toEqual([])
    const everybody = await of({ from: before })
    expect(everybody.filter(({ BillingAccountId }) => BillingAccountId === accountId)).toHaveLength(4)
    // The later of the times that it was told is no other chargeback.
    const later = await vi.waitFor(async () => {
      await box.ledger.chargeback({ accountId, grantId: 'order-2', idempotencyKey: `dispute-${Math.random()}` })
      const told = (await box.ledger.statement(accountId)).items.filter(({ verb }) => verb === 'chargeback').map(({ at }) => at)
      expect(Math.max(...told)).toBeGreaterThan(Math.min(...told))
      return Math.max(...told)
    }, 30_000)
    expect(await of({ accountId, from: later })).toEqual([])
  })

  it('CloudEvents are accepted by their own SDK, the same ones each time', async () => {
    const options = { format: 'cloudevents', source: '/billing' } as const
    // A purchase may be called what a usage is called.
    await box.ledger.grant({ accountId: ada.accountId, grantId: 'u1', amount: credits(1) })
    const usage = lines(await all(exportUsage(box.ledger, options)))
    const purchases = lines(await all(exportPurchases(box.ledger, options)))
    for (const event of [...usage, ...purchases]) expect(new CloudEvent(event).validate()).toBe(true)
    expect(usage[0]).toMatchObject({
      id: 'u1',
      source: `/billing:${ada.accountId}`,
      type: 'farebox.usage.recorded',
      subject: ada.accountId,
      data: { credits_charged: '21', unit: 'tokens' },
    })
    const names = [...usage, ...purchases].map(({ id, source }) => [id, source].join())
    expect(new Set(names).size).toBe(names.length)
    expect(lines(await all(exportUsage(box.ledger, options)))).toEqual(usage)
  })

  it('over HTTP a key reads its own account, and the admin any or all, as long as they like', async () => {
    const api = await serveApi(box, ada.key, { adminToken: 'admin' })
    const own = await api.get('/api/v1/export')
    expect([own.status, own.headers.get('content-type'), own.headers.get('content-disposition')]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
      'attachment; filename="farebox-usage.csv"',
    ])
    expect(csv(String(own.body)).map(({ account_id }) => account_id)).toEqual(Array.from({ length: 3 }, () => ada.accountId))
    expect(String(own.body)).not.toContain('cost_usd')
    const purchases = await api.get('/api/v1/export?kind=purchases&format=focus')
    expectFocus(csv(String(purchases.body)))
    const none = await api.get('/api/v1/export?format=jsonl&from=2000-01-01T00:00:00Z&to=2000-02-01T00:00:00Z')
    expect([none.status, none.body]).toEqual([200, ''])
    const admin = api.as('admin')
    expect(csv(String((await admin.get('/api/v1/admin/export?kind=purchases')).body))).toHaveLength(3)
    const adas = csv(String((await admin.get(`/api/v1/admin/export?account_id=${ada.accountId}`)).body))
    expect(adas.map(({ cost_usd }) => cost_usd)).toEqual(['0.000012345', '0.000012345', ''])
    for (const [path, status, field] of [
      ['/api/v1/export?format=xml', 422, 'format'],
      ['/api/v1/export?kind=all', 422, 'kind'],
      ['/api/v1/export?account_id=bob', 422, 'account_id'],
      ['/api/v1/export?from=yesterday', 422, 'from'],
      ['/api/v1/export?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 422, 'to'],
    ] as const) {
      expect(await api.get(path), path).toMatchObject({ status, body: { errors: [{ field }] } })
    }
    expect((await admin.get('/api/v1/admin/export?account_id=nobody')).status).toBe(404)
    expect((await api.get('/api/v1/admin/export')).status).toBe(401)
    expect((await api.as(undefined).get('/api/v1/export')).status).toBe(401)
  })

  it('a cell of several lines is one cell, whatever ends them', async () => {
    for (const end of ['\n', '\r', '\r\n']) {
      const seller = `Acme${end}=1+1`
      const text = await all(exportUsage(box.ledger, { format: 'focus', focus: { ...focus, seller } }))
      expect(text).toContain(`,"${seller}",`)
      expect(csv(text).map((row) => row.ProviderName)).toEqual([seller, seller, seller])
    }
  })

  it('bad options are named at once, before anything is read', () => {
    const base = { format: 'csv' } as const
    for (const [options, name] of [
      [{ format: 'xml' as 'csv' }, 'format'],
      [{ ...base, from: 5, until: 5 }, 'from'],
      [{ ...base, from: Number.NaN }, 'from'],
      [{ ...base, source: 'a b' }, 'source'],
      // Would have told customers what providers charge.
      [{ ...base, includeCosts: 'false' as never }, 'includeCosts'],
      [{ ...base, onRecords: 5 as never }, 'onRecords'],
      [{ format: 'focus' }, 'focus'],
      // Would have told amounts of euros as dollars.
      [{ format: 'focus', focus: { ...focus, curency: 'EUR' } as typeof focus }, 'curency: focus has no such option'],
      [{ format: 'focus', focus: { ...focus, creditPrice: '0' } }, 'focus.creditPrice'],
      [{ format: 'focus', focus: { ...focus, creditPrice: '1e-3' } }, 'focus.creditPrice'],
      [{ format: 'focus', focus: { ...focus, currency: 'credits' } }, 'focus.currency'],
      [{ format: 'focus', focus: { ...focus, seller: ' ' } }, 'focus.seller'],
    ] as const) {
      for (const write of [exportUsage, exportPurchases]) {
        expect(() => write(box.ledger, options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
        expect(() => write(box.ledger, options)).toThrow(name)
      }
    }
  })
})

it.each([
  ['SQLite', openSqlite],
  ['Postgres', openPostgres],
] as const)('FOCUS on %s: what was given costs nothing, also when it came back after its grant had expired', async (_, open) => {
  let now = Date.UTC(2026, 0, 1)
  const { driver, cleanup } = await open({ clock: () => now })
  try {
    const ledger = new Ledger(driver)
    await ledger.migrate()
    const accountId = 'eve'
    await ledger.openAccount({ accountId, name: 'Eve' })
    await ledger.grant({ accountId, amount: credits(10), source: 'promo', expiresAt: now + 1_000 })
    await ledger.grant({ accountId, amount: credits(5), source: 'purchase', expiresAt: now + 1_000 })
    const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(15), roundingStep: credits(1) } as const
    const charge = (usageId: string) => ledger.charge({ accountId, usageId, service: 'gpt', provider: 'gpt-4o', usage })
    await charge('u1')
    now += 5_000
    await ledger.refund({ accountId, usageId: 'u1', correctionId: 'a:back' })
    await charge('u2')
    const rows = csv(await all(exportUsage(ledger, { format: 'focus', focus })))
    const costs = Object.fromEntries(rows.map((row) => [row.x_UsageId, row.EffectiveCost]))
    // Five of the fifteen were sold, each time.
    expect(costs).toEqual({ u1: '0.0075', 'a:back': '-0.0075', u2: '0.0075' })
  } finally {
    await cleanup()
  }
})

it('FOCUS: what was given costs nothing when it came back, whatever the id of its refund holds', async () => {
  let now = Date.UTC(2026, 0, 1)
  const { driver, cleanup } = await openSqlite({ clock: () => now })
  try {
    const ledger = new Ledger(driver)
    await ledger.migrate()
    const accountId = 'eve'
    await ledger.openAccount({ accountId, name: 'Eve' })
    await ledger.grant({ accountId, amount: credits(10), source: 'promo', expiresAt: now + 1_000 })
    const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(10) } as const
    await ledger.charge({ accountId, usageId: 'u1', service: 'gpt', provider: 'gpt-4o', usage })
    now += 5_000
    await ledger.refund({ accountId, usageId: 'u1', correctionId: 'one line\u2028and another' })
    await ledger.charge({ accountId, usageId: 'u2', service: 'gpt', provider: 'gpt-4o', usage })
    const rows = csv(await all(exportUsage(ledger, { format: 'focus', focus })))
    expect(rows.map((row) => row.EffectiveCost)).toEqual(['0', '0', '0'])
  } finally {
    await cleanup()
  }
})

it('a long export is read as fast as it is taken, and no further when its reader leaves', async () => {
  const read: number[] = []
  const box = await openBox()
  const { accountId, key } = await openAccount(box)
  const usage = {
    quantity: quantity(1),
    unit: 'tokens',
    rated: credits('0.000001'),
    roundingStep: 1n,
    details: { pad: 'x'.repeat(900) },
  } as const
  await Promise.all(
    Array.from({ length: 2_400 }, (_, index) =>
      box.ledger.charge({
        accountId,
        usageId: `u${index}`,
        service: 'gpt',
        provider: 'gpt-4o',
        usage: { ...usage, roundingStep: usage.roundingStep as never },
      }),
    ),
  )
  const text = await all(exportUsage(box.ledger, { format: 'csv', accountId, onRecords: (count) => read.push(count) }))
  expect(read).toEqual([500, 500, 500, 500, 400])
  expect(new Set(csv(text).map(({ usage_id }) => usage_id)).size).toBe(2_400)

  read.length = 0
  const pieces = exportUsage(box.ledger, { format: 'jsonl', accountId, onRecords: (count) => read.push(count) })
  await pieces.next()
  expect(read).toEqual([500])
  await pieces.return()
  expect(await pieces.next()).toEqual({ done: true, value: undefined })

  // A reader that takes the first bytes and goes away harms nobody.
  const api = await serveApi(box, key)
  const left = request(`${api.url}/api/v1/export`, { headers: { authorization: `Bearer ${key}` } }).end()
  const [response] = await once(left, 'response')
  await once(response, 'data')
  left.destroy()
  expect((await api.get('/healthz')).status).toBe(200)
  const whole = await api.get('/api/v1/export')
  expect(csv(String(whole.body))).toHaveLength(2_400)
})
