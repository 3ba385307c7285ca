import {
  microCredits,
  nanoUsd,
  type Offer,
  type ProviderAdapter,
  ProviderError,
  quantity,
  type Unit,
  type Usage,
} from '@farebox/core'
import { PriceBook, type PriceBookDocument } from '@farebox/pricing'
import { createFarebox, credits, type Farebox, type FareboxOptions, presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { simulate } from '../../packages/farebox/src/replay/simulate.ts'
import { openAccount, openBox, openDriver } from './open-box.ts'

type Entry = PriceBookDocument['versions'][number]['entries'][number]

const EVER = { from: 0, to: Date.UTC(2100, 0, 1) }
const question = { messages: [{ role: 'user' as const, content: 'Which train leaves first? '.repeat(200) }], outputTokensMax: 10 }
const picture =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** A usage, in whole tokens or other units by meter. */
function usageOf(counts: Record<string, number | [count: number, unit: Unit]>): Usage {
  const quantities = Object.entries(counts).map(([meter, count]) => {
    const [of, unit] = typeof count === 'number' ? [count, 'tokens' as const] : count
    return { meter, quantity: quantity(of), unit }
  })
  return { quantities, certainty: 'exact' }
}

/** A provider of models that all report the usages given, in turn. */
function selling(models: readonly (Pick<Offer, 'provider'> & Partial<Offer>)[], ...usages: Usage[]): ProviderAdapter {
  let calls = 0
  const chat: ProviderAdapter['chat'] = async ({ model }) => {
    const usage = usages[Math.min(calls++, usages.length - 1)] ?? usageOf({ input: 1_000 })
    return { text: 'The first one.', finishReason: 'stop', model, usage }
  }
  const offers = models.map((offer) => {
    return { service: 'gpt', model: offer.provider, capabilities: { images: true }, quality: 0.8, latencyMs: 100, ...offer }
  })
  return { name: 'test', isSimulated: false, availability: { status: 'ready' }, offers, chat }
}

/** Prices by the thousand of a meter, or of any. */
function entry(provider: string, amount: string, more: Partial<Entry> = {}): Entry {
  return { service: 'gpt', provider, rates: [{ unit: 'tokens', per: '1000', amount }], ...more }
}

function bookOf(...entries: Entry[]): PriceBook {
  return bookFrom({ '2025-01-01T00:00:00Z': entries })
}

function bookFrom(versions: Record<string, Entry[]>): PriceBook {
  const dated = Object.entries(versions).map(([effective_from, entries], index) => {
    return { version: String(index + 1), effective_from, entries }
  })
  return new PriceBook({ name: 'test', currency: 'credits', versions: dated })
}

async function chatted(options: Partial<FareboxOptions>, chats = 1) {
  const box = await openBox({ random: () => 0.5, ...options })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'chat' })
  for (let index = 0; index < chats; index++) await workflow.chat(question)
  return { box, accountId, workflow }
}

async function recommended(box: Farebox, accountId: string) {
  return (await box.recommendations({ accountId, ...EVER })).recommendations
}

/** A simulation by who has the ledger and a price book of its own, and knows no offers. */
function simulated(box: Farebox, book: PriceBook, input: Omit<Parameters<typeof simulate>[1], 'from' | 'to'>) {
  const parts = { ledger: box.ledger, book, catalog: undefined, classifier: undefined, now: Date.now() }
  return simulate({ ...parts, isRetired: () => false }, { ...EVER, ...input })
}

describe('a recommendation', () => {
  const configuration = presets.balanced({ primaryAiModel: 'large' })
  const providers = [selling([{ provider: 'large' }, { provider: 'small', quality: 0.5 }])]
  const prices = bookOf(entry('large', '50'), entry('small', '10'))

  it.each([
    ['2026-01-01', []],
    ['2199-01-01', ['small']],
  ])('is for no model that is retired by now: one retired on %s', async (retires, expected) => {
    const costs = new PriceBook({
      name: 'costs',
      currency: 'usd',
      versions: [
        {
          version: '1',
          effective_from: '2025-01-01T00:00:00Z',
          entries: [{ ...entry('small', '1'), model: 'small', retires }],
        },
      ],
    })
    const { box, accountId } = await chatted({ providers, prices, costs, configuration })
    expect((await recommended(box, accountId)).map(({ to_provider }) => to_provider)).toEqual(expected)
  })

  it('says how much would move in its own unit, whatever else the calls counted', async () => {
    const searches: Entry['rates'][number] = { unit: 'requests', meter: 'web_searches', amount: '1' }
    const searched = [entry('large', '50'), entry('small', '10')].map((one) => ({ ...one, rates: [...one.rates, searches] }))
    const usage = usageOf({ input: 2_000, output: 500, web_searches: [7, 'requests'] })
    const sellers = [selling([{ provider: 'large' }, { provider: 'small' }], usage)]
    const { box, accountId } = await chatted({ providers: sellers, prices: bookOf(...searched), configuration }, 2)
    expect(await recommended(box, accountId)).toMatchObject([
      { units_consumed: 5_000, unit_type: 'tokens', credits_saved: 200, share_saved: 0.7575 },
    ])
  })

  it('is not made where what a call counted has no price there, so that nobody knows what it would have cost', async () => {
    const searches: Entry['rates'][number] = { unit: 'requests', meter: 'web_searches', amount: '1' }
    const large = entry('large', '50')
    const book = bookOf({ ...large, rates: [...large.rates, searches] }, entry('small', '10'))
    const usages = [usageOf({ input: 1_000 }), usageOf({ input: 1_000, web_searches: [7, 'requests'] })]
    const sellers = [selling([{ provider: 'large' }, { provider: 'small' }], ...usages)]
    const plain = await chatted({ providers: sellers, prices: book, configuration })
    expect(await recommended(plain.box, plain.accountId)).toMatchObject([{ to_provider: 'small', calls: 1 }])
    await plain.workflow.chat(question)
    expect(await recommended(plain.box, plain.accountId)).toEqual([])
  })

  it('leaves work outside Farebox where it was done, if it has no price elsewhere', async () => {
    const large = entry('large', '50')
    const book = bookOf({ ...large, rates: [...large.rates, { unit: 'requests', amount: '1' }] }, entry('small', '10'))
    const { box, accountId, workflow } = await chatted({ providers, prices: book, configuration })
    await workflow.record('gpt', 'large', 3, 'requests')
    expect(await recommended(box, accountId)).toMatchObject([
      { change: { primary_ai_model: 'small' }, credits_used: 53, credits_saved: 40, calls: 2, calls_changed: 1 },
    ])
  })

  it('is made though a call would go to nobody, if nobody who is on offer by now could serve it anyway', async () => {
    const before = selling([{ provider: 'large' }, { provider: 'seer' }, { provider: 'small' }])
    const sees = (provider: string, images: boolean) => ({ provider, capabilities: { images } })
    const after = selling([sees('large', false), sees('small', false)])
    const prices = bookOf(entry('large', '50'), entry('seer', '50'), entry('small', '10'))
    const strict = presets.balanced({ primaryAiModel: 'large', fallbackAiModel: null, lastResort: false })
    const { box, accountId } = await chatted({ providers: [before], prices, configuration: strict })
    const later = createFarebox({ store: openDriver(box), providers: [after], prices, configuration: strict })
    const seeing = { ...strict, primaryAiModel: 'seer' }
    const content = [
      { type: 'text' as const, text: 'What is this?' },
      { type: 'image' as const, url: picture },
    ]
    const album = box.workflow({ accountId, name: 'chat', configuration: seeing })
    await album.chat({ messages: [{ role: 'user', content }], outputTokensMax: 10 })
    expect(await recommended(later, accountId)).toMatchObject([{ to_provider: 'small', calls: 2, calls_changed: 1 }])
  })

  it.each([
    ['8', ['small']],
    // The call that was tried at another provider is charged like the others, today too.
    ['11', []],
  ])('is of what trials are charged, with the prices of today too: %s credits', async (small, expected) => {
    let now = Date.UTC(2026, 0, 1)
    const prices = bookFrom({
      '2025-01-01T00:00:00Z': [entry('usual', '10'), entry('tried', '15'), entry('small', '9')],
      '2026-06-01T00:00:00Z': [entry('usual', '10'), entry('tried', '15'), entry('small', small)],
    })
    const sellers = [
      selling([
        { provider: 'usual', quality: 0.95 },
        { provider: 'tried', quality: 0.85 },
        { provider: 'small', quality: 0.95 },
      ]),
    ]
    const trying = presets.balanced({
      strategy: 'balanced',
      exploration: 1,
      primaryAiModel: 'usual',
      fallbackAiModel: 'tried',
      lastResort: false,
    })
    const { box, accountId, workflow } = await chatted({ providers: sellers, prices, configuration: trying, clock: () => now }, 3)
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.map(({ provider, charged }) => [provider, charged])).toEqual([
      ['usual', credits(10)],
      ['tried', credits(10)],
      ['usual', credits(10)],
    ])
    now = Date.UTC(2026, 6, 1)
    expect((await recommended(box, accountId)).map(({ to_provider }) => to_provider)).toEqual(expected)
  })

  it('counts the tokens of an image as the other model does, also those that came from a cache', async () => {
    const models = [
      { provider: 'large', capabilities: { images: true, imageTokensMax: 1_000 } },
      { provider: 'small', capabilities: { images: true, imageTokensMax: 4_000 } },
    ]
    const usage = usageOf({ input: 100, cached_input: 900, output: 10 })
    const box = await openBox({
      providers: [selling(models, usage)],
      prices: bookOf(entry('large', '50'), entry('small', '20')),
      configuration,
    })
    const { accountId } = await openAccount(box)
    const content = [
      { type: 'text' as const, text: 'What is this?' },
      { type: 'image' as const, url: picture },
    ]
    await box.workflow({ accountId, name: 'album' }).chat({ messages: [{ role: 'user', content }], outputTokensMax: 10 })
    // A cheaper token is no saving where an image is four times as many.
    expect(await recommended(box, accountId)).toEqual([])
    const { creditsThen, creditsNow } = await box.simulate({ ...EVER, accountId, changes: { primaryAiModel: 'small' } })
    expect(creditsThen).toBe(credits(51))
    expect(creditsNow).toBeGreaterThan(creditsThen)
  })
})

describe('a simulation', () => {
  it('prices each model of a provider by its own price', async () => {
    const providers = [
      selling([
        { provider: 'gpt', model: 'may', quality: 0.9 },
        { provider: 'gpt', model: 'november', latencyMs: 10 },
      ]),
    ]
    const prices = bookOf(entry('gpt', '50', { model: 'may' }), entry('gpt', '20', { model: 'november' }))
    const best = presets.balanced({ primaryAiModel: 'gpt', strategy: 'highest_quality' })
    const { box, accountId } = await chatted({ providers, prices, configuration: best })
    const moved = await box.simulate({ ...EVER, accountId, changes: { strategy: 'lowest_latency' } })
    expect([moved.creditsThen, moved.creditsNow]).toEqual([credits(50), credits(20)])
    const dearer = bookOf(entry('gpt', '60', { model: 'may' }), entry('gpt', '10', { model: 'november' }))
    expect(await box.simulate({ ...EVER, accountId, prices: dearer })).toMatchObject({ creditsNow: credits(60) })
  })

  it('tells that a price by period is unknown, for it depends on what else was used in the period', async () => {
    const prices = bookOf(entry('large', '50'))
    const { box, accountId } = await chatted({
      providers: [selling([{ provider: 'large' }])],
      prices,
      configuration: presets.balanced({ primaryAiModel: 'large' }),
    })
    const steps = [{ amount: '2' }, { above: '10', amount: '1' }]
    const rate: Entry['rates'][number] = {
      unit: 'tokens',
      tiers: { mode: 'graduated', comparison: 'gt', basis: 'period', steps },
    }
    const byPeriod = bookOf(entry('large', '0', { rates: [rate] }))
    expect(await box.simulate({ ...EVER, accountId, prices: byPeriod })).toMatchObject({
      creditsNow: credits(50),
      notReplayed: [{ service: 'gpt', calls: 1, reason: expect.stringContaining('no rate') }],
    })
  })

  it('rounds what stays as it was as the ledger did, where the book has its price no more', async () => {
    const whole = { rounding: { point: 'total', mode: 'up', step: '1' } } as const
    const box = await openBox({ prices: bookOf(entry('gone', '0.4', whole)) })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'chat' })
    for (let index = 0; index < 3; index++) await workflow.record('gpt', 'gone', 1_000, 'tokens')
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.map(({ charged }) => charged)).toEqual([credits(1), 0n, credits(1)])
    await box.ledger.refund({ accountId, usageId: records[2]?.usageId ?? '', amount: credits('0.1') })
    // Two move. The third stays, because it was corrected, and is a whole credit by itself as well.
    const changes = { primaryAiModel: 'kept' }
    const { creditsThen, creditsNow } = await simulated(box, bookOf(entry('kept', '10', whole)), { accountId, changes })
    expect([creditsThen, creditsNow]).toEqual([credits('1.9'), credits('20.9')])
  })

  it('leaves a call where it was if the one that would be asked first was asked first, and did not answer', async () => {
    const { chat, ...rest } = selling([
      { provider: 'usual', quality: 0.95 },
      { provider: 'tried', quality: 0.85 },
    ])
    const failing: ProviderAdapter['chat'] = async (...input) => {
      if (input[0].model === 'tried') throw new ProviderError('overloaded', { kind: 'overloaded', provider: 'tried' })
      return (chat ?? expect.unreachable())(...input)
    }
    const { box, accountId, workflow } = await chatted(
      {
        providers: [{ ...rest, chat: failing }],
        prices: bookOf(entry('usual', '10'), entry('tried', '15')),
        configuration: presets.balanced({ strategy: 'balanced', exploration: 1, primaryAiModel: 'usual' }),
      },
      2,
    )
    const [, tried] = await workflow.decisions()
    expect(tried).toMatchObject({ provider: 'usual', decision: { candidates: [{ provider: 'tried' }, {}] } })
    const changes = { strategy: 'configured', primaryAiModel: 'tried' } as const
    const { lines } = await box.simulate({ ...EVER, accountId, changes })
    // The other one was answered by `usual`, and would have gone to `tried`.
    expect(lines.map(({ moved }) => moved)).toEqual([[{ from: 'usual', to: 'tried', calls: 1 }]])
  })

  it('of other prices is of the offers of then, whoever is on offer by now', async () => {
    const configuration = presets.balanced({ primaryAiModel: 'large', fallbackAiModel: null, strategy: 'lowest_cost' })
    const prices = bookOf(entry('large', '50'), entry('small', '10'))
    const { box, accountId } = await chatted({ providers: [selling([{ provider: 'large' }])], prices, configuration })
    const later = createFarebox({
      store: openDriver(box),
      providers: [selling([{ provider: 'large' }, { provider: 'small' }])],
      prices,
      configuration,
    })
    expect(await later.simulate({ ...EVER, accountId, prices })).toMatchObject({ difference: 0n })
    const changes = { qualityMin: 0.1 }
    expect(await later.simulate({ ...EVER, accountId, changes })).toMatchObject({ creditsNow: credits(10) })
  })

  it('of work that was recorded without a model is by the price of the provider, not of one of its models', async () => {
    const prices = bookOf(entry('large', '50'), entry('small', '10'), entry('small', '30', { model: 'small' }))
    const box = await openBox({ prices, providers: [selling([{ provider: 'large' }, { provider: 'small' }])] })
    const { accountId } = await openAccount(box)
    await box.workflow({ accountId, name: 'own' }).record('gpt', 'large', 1_000, 'tokens')
    const changes = { primaryAiModel: 'small' }
    expect(await box.simulate({ ...EVER, accountId, changes })).toMatchObject({ creditsNow: credits(10) })
  })

  it('prices work anew that was free, though what it cost us was corrected', async () => {
    const box = await openBox({ prices: bookOf(entry('large', '0')) })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'free' })
    await workflow.record('gpt', 'large', 1_000, 'tokens')
    const [record = expect.unreachable()] = await box.ledger.usageOf(accountId, workflow.id)
    await box.ledger.adjust({ accountId, usageId: record.usageId, cost: nanoUsd(5n) })
    const priced = await box.simulate({ ...EVER, accountId, prices: bookOf(entry('large', '25')) })
    expect(priced).toMatchObject({ creditsThen: 0n, creditsNow: credits(25), notReplayed: [] })
  })

  it('has all that was charged: without any quantity, and for a failed attempt afterwards, though no balance covered it', async () => {
    const box = await openBox({ prices: bookOf(entry('large', '5')) })
    const { accountId } = await openAccount(box, { balance: credits(3) })
    const workflow = box.workflow({ accountId, name: 'owed' })
    await workflow.open()
    const charge = async (usageId: string, rated: bigint) => {
      const usage = { quantity: quantity(0), unit: 'tokens' as const, rated: microCredits(rated) }
      await box.ledger.charge({ accountId, workflowId: workflow.id, usageId, service: 'gpt', provider: 'large', usage })
    }
    await charge('fee', credits(3))
    await charge('failed', 0n)
    await box.ledger.adjust({ accountId, usageId: 'failed', charge: credits(7) })
    const { spent } = await box.ledger.workflow(accountId, workflow.id)
    expect(spent).toBe(credits(3))
    const { creditsThen, calls } = await box.simulate({ ...EVER, accountId, changes: {} })
    expect([creditsThen, calls]).toEqual([credits(10), 2])
  })

  it('is of each call by itself, also where one provider has calls of two services under one name', async () => {
    const prices = bookOf(entry('large', '5'), entry('large', '7', { service: 'vision' }))
    const box = await openBox({ prices })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'named' })
    for (const service of ['gpt', 'vision']) await workflow.record(service, 'large', 1_000, 'tokens', { call: 'a' })
    const { lines } = await box.simulate({ ...EVER, accountId, prices })
    expect(lines.map(({ service, calls, creditsNow }) => [service, calls, creditsNow])).toEqual([
      ['vision', 1, credits(7)],
      ['gpt', 1, credits(5)],
    ])
  })
})
