import type { ProviderAdapter, Usage } from '@farebox/core'
import { ProviderError, quantity } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { credits, type FareboxOptions, formatCredits, PriceBook, type PriceBookDocument, presets, type Workflow } from 'farebox'
import { describe, expect, it } from 'vitest'
import { openAccount, openBeside, openBox } from './open-box.ts'

type Entry = PriceBookDocument['versions'][number]['entries'][number]

function bookOf(...entries: Entry[]): PriceBook {
  const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
  return new PriceBook({ name: 'ours', currency: 'credits', versions: [version] })
}

function phone(amount: string, rules: Partial<Entry> = {}): Entry {
  return { service: 'phone', provider: 'twilio', rates: [{ unit: 'minutes', amount }], ...rules }
}

function chat(provider: string, amount: string): Entry {
  return { service: 'gpt', provider, rates: [{ unit: 'tokens', amount, per: '1000' }] }
}

async function open(options: Partial<FareboxOptions>): Promise<Workflow> {
  const box = await openBox(options)
  const { accountId } = await openAccount(box)
  return box.workflow({ accountId, name: 'work' })
}

/** What was charged, and what its explanation comes to. */
async function explained(workflow: Workflow): Promise<[charged: string, explained: string | undefined][]> {
  return (await workflow.explain()).map(({ charged, explanation }) => [formatCredits(charged), explanation?.charged])
}

describe('the price of a phone call is explained by its numbers', () => {
  const deck = bookOf(phone('20'), phone('200', { to: ['+43'] }), phone('100', { to: ['+43'], from: ['+49'] }))
  const to = '+4315551234'

  it('where the host recorded it, whole or in slices', async () => {
    const workflow = await open({ prices: deck })
    await workflow.record('phone', 'twilio', 1, 'minutes', { to, from: '+493055512345' })
    for (const used of [60, 90]) await workflow.record('phone', 'twilio', used, 'seconds', { to, call: 'a' })
    expect(await explained(workflow)).toEqual([
      ['100', '100'],
      ['200', '200'],
      // Of the whole call so far.
      ['300', '500'],
    ])
  })

  it('where it was called, or metered while it lasted', async () => {
    const workflow = await open({ prices: deck, providers: [simulated({ callSeconds: 60 })] })
    await workflow.call({ to, instructions: { type: 'say', text: 'Hello' }, durationSecondsMax: 120 })
    const time = await workflow.meter({ service: 'phone', provider: 'twilio', to })
    await time.end(60)
    expect(await explained(workflow)).toEqual([
      ['200', '200'],
      ['200', '200'],
    ])
  })
})

describe('where a new version of the prices begins in the middle', () => {
  const begins = Date.parse('2026-06-01T00:00:00Z')
  const version = (name: string, at: number, ...entries: Entry[]) => ({
    version: name,
    effective_from: new Date(at).toISOString(),
    entries,
  })
  const book =
    (...old: Entry[]) =>
    (...newer: Entry[]) =>
      new PriceBook({
        name: 'ours',
        currency: 'credits',
        versions: [version('1', begins - 86_400_000, ...old), version('2', begins, ...newer)],
      })

  it.each([0, 1_000])('a call is explained by the prices that it began with, when it ends %i ms after', async (lateMs) => {
    let now = begins - 1_000
    const answers: ProviderAdapter = {
      name: 'answers',
      isSimulated: false,
      availability: { status: 'ready' },
      offers: [{ service: 'gpt', provider: 'usual', model: 'usual', capabilities: {}, quality: 0.8, latencyMs: 100 }],
      async chat() {
        now = begins + lateMs
        const quantities = [{ meter: 'input', quantity: quantity(1_000), unit: 'tokens' as const }]
        return { text: 'Hello', finishReason: 'stop', model: 'usual', usage: { quantities, certainty: 'exact' } }
      },
    }
    const workflow = await open({
      prices: book(chat('usual', '2'))(chat('usual', '5')),
      providers: [answers],
      configuration: presets.balanced({ primaryAiModel: 'usual' }),
      clock: () => now,
    })
    await workflow.chat({ messages: [{ role: 'user', content: 'Hello' }], outputTokensMax: 10 })
    expect(await explained(workflow)).toEqual([['2', '2']])
  })

  it('so are all slices of a call, whose price depends on the time of day when it began', async () => {
    let now = begins - 60_000
    const night = { name: 'night', zone: 'UTC', from: '23:00', until: '00:00' }
    const rates = (amount: string) => [{ unit: 'minutes' as const, amount }]
    const dear = phone('20', { windows: [{ ...night, rates: rates('50') }] })
    const workflow = await open({ prices: book(dear)(phone('30')), clock: () => now })
    await workflow.record('phone', 'twilio', 1, 'minutes', { call: 'a' })
    now = begins + 60_000
    await workflow.record('phone', 'twilio', 1, 'minutes', { call: 'a' })
    expect(await explained(workflow)).toEqual([
      ['50', '50'],
      ['50', '100'],
    ])
  })
})

describe('a charge is explained by the version that priced it, of the book as it is now', () => {
  const at = Date.parse('2026-06-01T00:00:00Z')
  const day = 86_400_000
  const versions = (...rows: [name: string, from: number, ...entries: Entry[]][]) =>
    new PriceBook({
      name: 'ours',
      currency: 'credits',
      versions: rows.map(([version, from, ...entries]) => ({ version, effective_from: new Date(from).toISOString(), entries })),
    })

  it.each<[string, PriceBook, string | undefined]>([
    [
      'also where another was dated back to before the call',
      versions(['1', at - day, phone('20')], ['2', at - 1, phone('30')]),
      '20',
    ],
    [
      'also where another was dated back to the call itself',
      versions(['1', at - day, phone('20')], ['2', at, phone('30')]),
      '20',
    ],
    ['also where it begins later now', versions(['0', at - day, phone('10')], ['1', at + day, phone('20')]), '20'],
    ['and by none where it is gone', versions(['2', at - day, phone('30')]), undefined],
    [
      'and by none where it prices this provider no more',
      versions(['1', at - day, chat('usual', '2')], ['2', at - 1, phone('30')]),
      undefined,
    ],
  ])('%s', async (_, prices, total) => {
    const clock = () => at
    const box = await openBox({ prices: versions(['1', at - day, phone('20')]), clock, storeClock: clock })
    const { accountId } = await openAccount(box)
    await box.workflow({ accountId, name: 'work', workflowId: 'work' }).record('phone', 'twilio', 1, 'minutes')
    const workflow = openBeside(box, { prices, clock }).workflow({ accountId, name: 'work', workflowId: 'work' })
    expect(await explained(workflow)).toEqual([['20', total]])
  })
})

it.each([
  ['plain', {}, '40'],
  ['with a fee', { connect_fee: '5' }, '45'],
])('parts of live work are explained as one call as far as each, by a price that is %s', async (_, rules, total) => {
  const workflow = await open({ prices: bookOf(phone('20', rules)) })
  const time = await workflow.meter({ service: 'phone', provider: 'twilio' })
  for (let second = 1; second <= 120; second += 1) await time.reached(second)
  await time.end(120)
  const charges = await workflow.explain()
  expect(charges.length).toBeGreaterThan(1)
  expect(new Set(charges.map(({ call }) => call))).toEqual(new Set([charges.at(-1)?.usageId]))
  expect(charges.at(-1)?.explanation?.charged).toBe(total)
  const rated = charges.reduce((sum, charge) => sum + charge.rated, 0n)
  expect(rated).toBe(credits(total))
})

it('what is heard live is explained by the price of its live model', async () => {
  const hears: ProviderAdapter = {
    name: 'hears',
    isSimulated: false,
    availability: { status: 'ready' },
    offers: [
      {
        service: 'voice_stt',
        provider: 'deepgram',
        model: 'nova',
        liveModel: 'nova-streaming',
        capabilities: { streaming: true },
        quality: 0.8,
        latencyMs: 100,
      },
    ],
    async *streamTranscription({ audio }) {
      yield { type: 'open' }
      for await (const _ of audio);
      yield { type: 'finish', model: 'nova-streaming', durationSeconds: 60 }
    },
  }
  const ear = (model: string, amount: string): Entry => {
    return { service: 'voice_stt', provider: 'deepgram', model, rates: [{ unit: 'minutes', amount }] }
  }
  const workflow = await open({ prices: bookOf(ear('nova', '2'), ear('nova-streaming', '6')), providers: [hears] })
  async function* sound() {
    for (let second = 0; second < 60; second += 1) yield new Uint8Array(8_000)
  }
  const stream = await workflow.listen({ audio: sound(), format: { encoding: 'mulaw', sampleRate: 8_000 } })
  for await (const _ of stream.events);
  await stream.settled
  expect((await workflow.explain()).at(-1)?.explanation?.charged).toBe('6')
})

describe('an answer of several candidates', () => {
  const usage: Usage = {
    quantities: [{ meter: 'input', quantity: quantity(1_000), unit: 'tokens' }],
    certainty: 'exact',
  }
  const model = (name: string, answer: ProviderAdapter['chat']): ProviderAdapter => ({
    name: `adapter of ${name}`,
    isSimulated: false,
    availability: { status: 'ready' },
    offers: [{ service: 'gpt', provider: name, model: name, capabilities: {}, quality: 0.8, latencyMs: 100 }],
    chat: answer,
  })
  const answering = (name: string) => model(name, async () => ({ text: name, finishReason: 'stop', model: name, usage }))
  const ask = { messages: [{ role: 'user' as const, content: 'Hello' }], outputTokensMax: 10 }

  it('is explained by the price of the one that it was charged as', async () => {
    const workflow = await open({
      providers: [answering('usual'), answering('dearer')],
      prices: bookOf(chat('usual', '2'), chat('dearer', '3')),
      configuration: presets.balanced({ primaryAiModel: 'usual', strategy: 'balanced', exploration: 1 }),
      random: () => 0,
    })
    await workflow.chat(ask)
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'dearer', creditsUsed: credits(2) })
    expect(await explained(workflow)).toEqual([
      ['2', '2'],
      ['2', '2'],
    ])
  })

  it('is the only one that is explained: an attempt at our own expense was charged to nobody', async () => {
    const failing = model('failing', async () => {
      throw new ProviderError('cut off', { kind: 'incomplete', provider: 'failing', usage })
    })
    const workflow = await open({
      providers: [failing, answering('good')],
      prices: bookOf(chat('failing', '7'), chat('good', '1')),
      configuration: presets.balanced({ primaryAiModel: 'failing', fallbackAiModel: 'good' }),
    })
    await workflow.chat(ask)
    expect(await explained(workflow)).toEqual([
      ['0', undefined],
      ['1', '1'],
    ])
  })
})

it('what the host charges is explained by itself, though its id looks like that of a part of live work', async () => {
  const box = await openBox()
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'clips' })
  await workflow.open()
  const usage = { quantity: quantity(40), unit: 'tokens' as const, rated: credits(1), priceVersion: 'default@1' }
  for (const usageId of ['clip.part1', 'clip.part2'])
    await box.ledger.charge({ accountId, workflowId: workflow.id, usageId, service: 'gpt', provider: 'gpt-4', usage })
  expect((await workflow.explain()).map(({ call, explanation }) => [call, explanation?.total])).toEqual([
    [undefined, '1'],
    [undefined, '1'],
  ])
})
