import { readFileSync } from 'node:fs'
import { credits, microCredits, nanoUsd, quantity } from '@farebox/core'
import { PriceBook } from '@farebox/pricing'
import { simulated } from '@farebox/providers/simulated'
import { unpackDecision } from '@farebox/router'
import { defaultPriceBook, type Farebox, type FareboxOptions, presets, type ServiceConfiguration, simulationJson } from 'farebox'
import { describe, expect, it, vi } from 'vitest'
import { simulate } from '../../packages/farebox/src/replay/simulate.ts'
import { openAccount, openBox, openKey, storeNames } from './open-box.ts'

const sound = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const question = { messages: [{ role: 'user' as const, content: 'Which train leaves first, and from where? '.repeat(20) }] }
const picture =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const EVER = { from: 0, to: Date.UTC(2100, 0, 1) }

/** What would save most, by workflow and service, where the premium preset was in use. */
const CHANGES = [
  'chat {"primary_ai_model":"gpt-4o-mini"}',
  'lesson {"primary_ai_model":"gpt-4o-mini"}',
  'lesson {"tts_provider":"cartesia"}',
]

/** What a team does: calls of every kind that are routed, in two kinds of workflow. */
async function work(box: Farebox, accountId: string): Promise<void> {
  for (let index = 0; index < 3; index++) {
    const lesson = box.workflow({ accountId, name: 'lesson', userId: `u${index}` })
    await lesson.transcribe({ audio: sound })
    await lesson.chat(question)
    await lesson.chat({ ...question, complexity: 'high' })
    await lesson.speak({ text: 'The train to Bath leaves first, from platform two. '.repeat(50) })
    await lesson.close()
  }
  const chat = box.workflow({ accountId, name: 'chat' })
  for await (const _ of (await chat.streamChat(question)).events) {
    // Read to its end, so that it is charged.
  }
  await chat.close()
}

/** A book whose every rate of a default one is another amount. */
function bookOf(change: (amount: string, provider: string) => string | undefined, from = '2025-01-01T00:00:00Z'): PriceBook {
  const { entries } = defaultPriceBook.document.versions[0] ?? { entries: [] }
  return new PriceBook({
    name: 'other',
    currency: 'credits',
    versions: [
      {
        version: '1',
        effective_from: from,
        entries: entries.flatMap((entry) => {
          const rates = entry.rates.flatMap((rate) => {
            const amount = change(rate.amount ?? '0', entry.provider)
            return amount === undefined ? [] : [{ ...rate, amount }]
          })
          return rates.length > 0 ? [{ ...entry, rates }] : []
        }),
      },
    ],
  })
}

/** A rate per thousand tokens. */
function rate(amount: string, meter?: string) {
  return { unit: 'tokens' as const, amount, per: '1000', ...(meter !== undefined && { meter }) }
}

/** A box that did the work of a team, under a configuration. */
async function workedBox(
  configuration: ServiceConfiguration,
  options: Partial<FareboxOptions> & { on?: 'SQLite' | 'Postgres' } = {},
) {
  const box = await openBox({ configuration, random: () => 0.5, ...options })
  const account = await openAccount(box)
  await work(box, account.accountId)
  const { total_credits: spent } = await box.usage({ accountId: account.accountId })
  return { box, ...account, spent: credits(spent) }
}

describe.each(storeNames)('what recorded work would have cost, on %s', (on) => {
  it('is not moved to whom the API key may not use by now, though it was only too dear then, and no offers are known', async () => {
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o-mini', maxCreditsPerRequest: credits(3) })
    const box = await openBox({ on, configuration, random: () => 0.5 })
    const { accountId } = await openAccount(box)
    const key = await openKey(box, accountId, { services: [{ service: 'gpt' }] })
    const workflow = box.workflow({ accountId, name: 'chat', apiKey: await box.authenticate(key.key) })
    await workflow.chat({ ...question, outputTokensMax: 50 })
    await workflow.close()
    const [{ details } = {}] = await box.ledger.usageOf(accountId, workflow.id)
    expect(JSON.stringify(details)).toContain('over_request_limit')
    const parts = { ledger: box.ledger, book: defaultPriceBook, catalog: undefined, classifier: undefined, now: Date.now() }
    const moved = async () => {
      const changes = { primaryAiModel: 'gpt-4', maxCreditsPerRequest: null }
      const { lines } = await simulate({ ...parts, isRetired: () => false }, { ...EVER, accountId, changes })
      return lines.flatMap((line) => line.moved.map(({ to }) => to))
    }
    expect(await moved()).toEqual(['gpt-4'])
    const services = [{ service: 'gpt' }, { service: 'gpt', provider: 'gpt-4', enabled: false }]
    await box.ledger.setKeyServices({ accountId, apiKeyId: key.apiKeyId, services })
    // The fallback of the configuration, which the key may still use.
    expect(await moved()).toEqual(['claude-3-haiku'])
  })

  it('is, under another configuration, what the same work costs under it; and nothing else under its own', async () => {
    const cheap = await workedBox(presets.balanced(), { on })
    const dear = await workedBox(presets.premiumQuality())
    expect(dear.spent).not.toBe(cheap.spent)
    const upwards = await cheap.box.simulate({ ...EVER, accountId: cheap.accountId, configuration: presets.premiumQuality() })
    expect(upwards).toMatchObject({
      accounts: 1,
      workflows: 4,
      calls: 13,
      creditsThen: cheap.spent,
      creditsNow: dear.spent,
      difference: dear.spent - cheap.spent,
      notReplayed: [],
    })
    const downwards = await dear.box.simulate({ ...EVER, configuration: presets.balanced() })
    expect(downwards).toMatchObject({ creditsThen: dear.spent, creditsNow: cheap.spent })
    expect(await dear.box.simulate({ ...EVER, configuration: presets.premiumQuality() })).toMatchObject({ difference: 0n })
    const lines = Object.fromEntries(upwards.lines.map((line) => [`${line.workflowName} ${line.service}`, line]))
    expect(lines['lesson voice_stt']?.moved).toEqual([{ from: 'deepgram', to: 'openai-whisper', calls: 3 }])
    expect(lines['lesson voice_tts']?.moved).toEqual([{ from: 'openai-tts', to: 'elevenlabs', calls: 3 }])
    expect(lines['lesson gpt']?.moved).toEqual([{ from: 'gpt-4o-mini', to: 'gpt-4', calls: 6 }])
    expect(upwards.lines.reduce((sum, line) => sum + line.difference, 0n)).toBe(upwards.difference)
    const only = await cheap.box.simulate({ ...EVER, name: 'chat', changes: { sttProvider: 'openai-whisper' } })
    expect(only).toMatchObject({ workflows: 1, calls: 1, difference: 0n })
  })
})

describe('what recorded work would have cost', () => {
  it('includes what a failed attempt was charged afterwards', async () => {
    const box = await openBox({ providers: [simulated({ failures: () => ({ kind: 'incomplete' }) })], retries: { triesMax: 1 } })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'broken' })
    await workflow.record('phone', 'twilio', 1, 'minutes')
    await expect(workflow.chat({ messages: [{ role: 'user', content: 'hello' }] })).rejects.toThrow()
    const failed = (await box.ledger.usageOf(accountId, workflow.id)).find(({ service }) => service === 'gpt')
    await box.ledger.adjust({ accountId, usageId: failed?.usageId ?? '', charge: credits(7) })
    const same = await box.simulate({ ...EVER, prices: defaultPriceBook })
    expect([same.creditsThen, same.difference]).toEqual([credits(20 + 7), 0n])
    expect(same.notReplayed).toEqual([
      { service: 'gpt', reason: expect.stringContaining('corrected'), calls: 1, credits: credits(7) },
    ])
  })

  it('is the same to the last micro-credit under the same prices, whatever was done', async () => {
    const box = await openBox({
      providers: [simulated({ failures: { 'gpt-4o': { kind: 'overloaded' } } })],
      configuration: presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'gpt-4' }),
    })
    const { accountId } = await openAccount(box)
    await work(box, accountId)
    const elsewhere = box.workflow({ accountId, name: 'elsewhere' })
    await elsewhere.record('gpt', 'gpt-4', 1_234, 'tokens')
    await elsewhere.record('gpt', 'gpt-4', '0.5', 'tokens')
    for (const seconds of [7, 11, 41]) await elsewhere.record('phone', 'twilio', seconds, 'seconds', { call: 'a' })
    await elsewhere.close()
    const undone = box.workflow({ accountId, name: 'undone' })
    await undone.record('phone', 'twilio', 3, 'minutes')
    await undone.refund('nobody answered')
    const usage = { quantity: quantity(1), unit: 'minutes' as const, rated: credits(9) }
    await box.ledger.charge({ accountId, service: 'phone', provider: 'twilio', usage })

    const same = await box.simulate({ ...EVER, prices: defaultPriceBook })
    const { total_credits } = await box.usage({ accountId })
    expect(same.creditsThen).toBe(credits(total_credits))
    expect(same.difference).toBe(0n)
    expect(same.notReplayed).toEqual([
      { service: 'phone', reason: 'usage that belongs to no workflow', calls: 1, credits: credits(9) },
      { service: 'phone', reason: expect.stringContaining('refunded'), calls: 1, credits: 0n },
    ])
    // Twice the price is twice the cost, but for what a line is rounded up by.
    const twice = await box.simulate({ ...EVER, prices: bookOf((amount) => String(Number(amount) * 2)), name: 'elsewhere' })
    const line = twice.lines.find(({ service }) => service === 'phone')
    expect([line?.creditsThen, line?.creditsNow]).toEqual([credits(20), credits(40)])
    expect(twice.lines.find(({ service }) => service === 'gpt')).toMatchObject({
      creditsThen: credits(31),
      creditsNow: credits(62),
    })
    expect(twice.assumptions.join()).toContain('prices of other@1')
    // A book that begins tomorrow says what the past would have cost with it.
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    const later = await box.simulate({ ...EVER, prices: bookOf((amount) => amount, tomorrow) })
    expect(later.difference).toBe(0n)
    const partly = await box.simulate({
      ...EVER,
      prices: bookOf((amount, provider) => (provider === 'gpt-4' ? undefined : amount)),
      name: 'elsewhere',
    })
    expect(partly.notReplayed).toContainEqual(
      expect.objectContaining({ service: 'gpt', reason: expect.stringContaining('no rate') }),
    )
    expect(partly.difference).toBe(0n)
    expect(JSON.parse(JSON.stringify(simulationJson(partly)))).toMatchObject({
      difference: '0',
      credits_then: '51',
    })
  })

  it('is, of calls that try a provider out, no more than at the one that it was tried out instead of, as it is charged', async () => {
    const usual = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'gpt-4' })
    const trying: ServiceConfiguration = { ...usual, strategy: 'balanced', exploration: 1 }
    const at = (gpt4o: string, gpt4: string) => bookOf((_, provider) => ({ 'gpt-4o': gpt4o, 'gpt-4': gpt4 })[provider])
    const worked = async (configuration: ServiceConfiguration, prices: PriceBook) => {
      const box = await openBox({ configuration, prices, random: () => 0.5 })
      const { accountId } = await openAccount(box)
      const providers: string[] = []
      for (let calls = 1; calls <= 3; calls++)
        providers.push((await box.workflow({ accountId, name: 'chat' }).chat(question)).provider)
      const { total_credits: spent } = await box.usage({ accountId })
      return { box, providers, spent: credits(spent) }
    }
    const { box, providers, spent } = await worked(trying, at('10', '15'))
    expect(providers).toEqual(['gpt-4o', 'gpt-4', 'gpt-4o'])
    const changes = { strategy: 'configured', primaryAiModel: 'gpt-4' } as const
    const simulated = await box.simulate({ ...EVER, changes })
    const { spent: unlike } = await worked({ ...trying, ...changes }, at('10', '15'))
    expect([simulated.creditsThen, simulated.creditsNow]).toEqual([spent, unlike])
    expect(unlike).toBeGreaterThan(spent)
    for (const prices of [at('20', '30'), at('10', '5'), at('30', '15'), at('10', '30')]) {
      const { creditsNow } = await box.simulate({ ...EVER, prices })
      expect(creditsNow).toBe((await worked(trying, prices)).spent)
    }
  })

  it('is, of work done outside Farebox, at the first provider named that is on offer, ready and allowed to its key', async () => {
    const { offers, ...rest } = simulated({ services: ['gpt'] })
    const selling = (...names: string[]) => offers.filter(({ provider }) => names.includes(provider))
    const off = { status: 'disabled', reason: 'no key' } as const
    const box = await openBox({
      providers: [
        { ...rest, offers: selling('gpt-4o-mini', 'gpt-4o') },
        { ...rest, name: 'off', availability: off, offers: selling('claude-3-haiku') },
      ],
    })
    const { accountId } = await openAccount(box)
    const key = await openKey(box, accountId, { services: [{ service: 'gpt' }] })
    const workflow = box.workflow({ accountId, name: 'own', apiKey: await box.authenticate(key.key) })
    await workflow.record('gpt', 'gpt-4', 1_000, 'tokens')
    await workflow.close()
    const outcome = async (primaryAiModel: string, fallbackAiModel: string | null = null) => {
      const { lines, notReplayed } = await box.simulate({ ...EVER, changes: { primaryAiModel, fallbackAiModel } })
      return lines.flatMap((line) => line.moved.map(({ to }) => to))[0] ?? notReplayed[0]?.reason ?? 'as it was'
    }
    expect(await outcome('gpt-4o')).toBe('gpt-4o')
    expect(await outcome('claude-3-haiku', 'gpt-4o-mini')).toBe('gpt-4o-mini')
    expect(await outcome('claude-3-haiku')).toContain('on offer and ready')
    // It is not on offer any more, and would have stayed where it was.
    expect(await outcome('gpt-4', 'gpt-4o')).toBe('as it was')
    const services = [{ service: 'gpt' }, { service: 'gpt', provider: 'gpt-4o', enabled: false }]
    await box.ledger.setKeyServices({ accountId, apiKeyId: key.apiKeyId, services })
    expect(await outcome('gpt-4o', 'gpt-4o-mini')).toContain('the API key may not use')
  })

  it('is not moved where the most that a call may come to is above what its key may spend on one', async () => {
    const box = await openBox({ configuration: presets.balanced(), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    const key = await openKey(box, accountId, { services: [{ service: 'gpt' }] })
    const workflow = box.workflow({ accountId, name: 'own', apiKey: await box.authenticate(key.key) })
    await workflow.chat({ ...question, outputTokensMax: 50 })
    const [{ details } = {}] = await box.ledger.usageOf(accountId, workflow.id)
    const { decision } = details as { decision?: unknown }
    const { charge, ceiling } = unpackDecision(decision)?.candidates.find(({ provider }) => provider === 'gpt-4') ?? {}
    const [least, most] = [credits(charge ?? '0'), credits(ceiling ?? '0')]
    expect(most).toBeGreaterThan(least)
    for (const [limit, moved] of [
      [most, ['gpt-4']],
      [most - 1n, []],
      [least, []],
    ] as const) {
      const services = [{ service: 'gpt' }, { service: 'gpt', provider: 'gpt-4', costLimitPerRequest: microCredits(limit) }]
      await box.ledger.setKeyServices({ accountId, apiKeyId: key.apiKeyId, services })
      const { lines } = await box.simulate({ ...EVER, changes: { primaryAiModel: 'gpt-4' } })
      expect(lines.flatMap((line) => line.moved.map(({ to }) => to))).toEqual(moved)
    }
  })

  it('is of every workflow once, however many there are; recommendations stop at the page that has as many calls as they may', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const works = Array.from({ length: 205 }, async () => {
      await box.workflow({ accountId, name: 'work' }).record('gpt', 'gpt-4', 1_000, 'tokens')
    })
    await Promise.all(works)
    const { total_credits: spent } = await box.usage({ accountId })
    const same = await box.simulate({ ...EVER, prices: defaultPriceBook })
    expect(same).toMatchObject({ workflows: 205, calls: 205, creditsThen: credits(spent), creditsNow: credits(spent) })
    const read = async (callsMax: number) => {
      const { workflows, calls, is_complete, recommendations } = await box.recommendations({ accountId, callsMax })
      const [found] = recommendations
      return [workflows, calls, is_complete, found?.confidence, found?.assumptions.some((said) => said.includes('typical'))]
    }
    expect(await read(100)).toEqual([100, 100, false, 'low', true])
    expect(await read(101)).toEqual([200, 200, false, 'low', true])
    expect(await read(1_000)).toEqual([205, 205, true, 'low', false])
  })

  it('is a price for work that was free', async () => {
    const box = await openBox({ prices: bookOf(() => '0') })
    const { accountId } = await openAccount(box)
    await box.workflow({ accountId, name: 'free' }).record('gpt', 'gpt-4', 1_000, 'tokens')
    const priced = await box.simulate({ ...EVER, prices: defaultPriceBook })
    expect(priced).toMatchObject({ calls: 1, creditsThen: 0n, creditsNow: credits(25), notReplayed: [] })
  })

  it('counts what a balance did not cover like what was charged, of corrections too', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box, { balance: credits(5) })
    const workflow = box.workflow({ accountId, name: 'owed' })
    await workflow.open()
    const [usage, usageId] = [{ quantity: quantity(1_000), unit: 'tokens', rated: credits(8) } as const, 'u']
    await box.ledger.charge({
      accountId,
      workflowId: workflow.id,
      usageId,
      service: 'gpt',
      provider: 'gpt-4o',
      usage,
      overage: 'cap',
    })
    const same = () => box.simulate({ ...EVER, prices: defaultPriceBook })
    expect(await same()).toMatchObject({ calls: 1, creditsThen: credits(8), creditsNow: credits(8) })
    await box.ledger.adjust({ accountId, usageId, charge: credits(10) })
    expect(await same()).toMatchObject({ calls: 1, creditsThen: credits(10), creditsNow: credits(10) })
  })

  it('includes what a last charge without usage rounded up', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'rounded' })
    await workflow.open()
    const charge = (usageId: string, tokens: number, rated: string, roundingStep = credits(1)) => {
      const usage = { quantity: quantity(tokens), unit: 'tokens', rated: credits(rated), roundingStep } as const
      return box.ledger.charge({ accountId, workflowId: workflow.id, usageId, service: 'gpt', provider: 'own', usage })
    }
    expect(await charge('part', 1_000, '1.6', credits('0.1'))).toMatchObject({ charged: credits('1.6') })
    expect(await charge('end', 0, '0')).toMatchObject({ charged: credits('0.4') })
    expect(await box.simulate({ ...EVER, changes: {} })).toMatchObject({ creditsThen: credits(2), difference: 0n })
  })

  it('is of each call by itself, where calls of several services and providers were named alike', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'named' })
    const call = 'a'
    for (const seconds of [50, 10]) await workflow.record('phone', 'twilio', seconds, 'seconds', { call })
    for (const provider of ['gpt-4', 'gpt-4o']) await workflow.record('gpt', provider, 1_000, 'tokens', { call })
    await workflow.close()
    const { total_credits } = await box.usage({ accountId })
    const same = await box.simulate({ ...EVER, prices: defaultPriceBook })
    expect(same).toMatchObject({ calls: 3, creditsThen: credits(total_credits), creditsNow: credits(total_credits) })
    expect(Object.fromEntries(same.lines.map(({ service, calls }) => [service, calls]))).toEqual({ gpt: 2, phone: 1 })
  })

  it('is on the line of each unit, where slices of one call were in several', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'mixed' })
    for (const [units, unit, call] of [
      [61, 'seconds', 'a'],
      ['0.33', 'minutes', 'a'],
      [7, 'seconds', 'b'],
      ['0.07', 'minutes', 'a'],
      ['1.01', 'minutes', 'b'],
      [11, 'seconds', undefined],
    ] as const)
      await workflow.record('phone', 'twilio', units, unit, { call })
    await workflow.close()
    const { total_credits } = await box.usage({ accountId })
    const same = await box.simulate({ ...EVER, prices: defaultPriceBook })
    expect([same.creditsThen, same.creditsNow, same.notReplayed]).toEqual([credits(total_credits), credits(total_credits), []])
    // A line on which only one of two calls has changed is rounded with what was there.
    const usage = (await box.ledger.usageOf(accountId, workflow.id)).filter(({ details }) =>
      JSON.stringify(details).includes('"b"'),
    )
    for (const { usageId } of usage) await box.ledger.adjust({ accountId, usageId, cost: nanoUsd(1n), charge: credits(2) })
    const { creditsThen, creditsNow } = await box.simulate({ ...EVER, prices: defaultPriceBook })
    expect(creditsNow).toBe(creditsThen)
  })

  it('is no less because calls were taken back one by one, each of which was rounded up by itself', async () => {
    const box = await openBox({ configuration: presets.premiumQuality(), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'chat' })
    for (let index = 0; index < 10; index++) {
      await workflow.record('gpt', 'gpt-4', 1, 'tokens')
      await workflow.refund('nobody answered')
    }
    await workflow.chat(question)
    await workflow.close()
    const { total_credits: spent } = await box.usage({ accountId })
    const same = await box.simulate({ ...EVER, accountId, prices: defaultPriceBook })
    expect(same).toMatchObject({ creditsThen: credits(spent), creditsNow: credits(spent) })
    const { recommendations } = await box.recommendations({ accountId })
    expect(recommendations).toMatchObject([
      { change: { primary_ai_model: 'gpt-4o-mini' }, credits_used: spent, calls_changed: 1 },
    ])

    const cheap = await openBox({ configuration: presets.premiumQuality({ primaryAiModel: 'gpt-4o-mini' }), random: () => 0.5 })
    const other = await openAccount(cheap)
    await cheap.workflow({ accountId: other.accountId, name: 'chat' }).chat(question)
    const { total_credits: cost } = await cheap.usage({ accountId: other.accountId })
    expect(recommendations[0]?.credits_saved).toBe(spent - cost)
  })

  it.each(['0.1', '2.5', '10'])('rounds what stays as it was to the step of its book, %s credits', async (step) => {
    const { versions, ...document } = defaultPriceBook.document
    const rounding = { point: 'total', mode: 'up', step } as const
    const prices = new PriceBook({
      ...document,
      versions: versions.map((version) => ({ ...version, entries: version.entries.map((entry) => ({ ...entry, rounding })) })),
    })
    const chatted = async (primaryAiModel: string, chats: number) => {
      const box = await openBox({ configuration: presets.balanced({ primaryAiModel }), prices, random: () => 0.5 })
      const { accountId } = await openAccount(box)
      const workflow = box.workflow({ accountId, name: 'chat' })
      for (let index = 0; index < chats; index++) await workflow.chat({ ...question, complexity: 'high' })
      const records = await box.ledger.usageOf(accountId, workflow.id)
      return { box, accountId, records, spent: records.reduce((sum, { charged }) => sum + charged, 0n) }
    }
    const { box, accountId, records } = await chatted('gpt-4o', 2)
    const given = microCredits(1n)
    await box.ledger.refund({ accountId, usageId: records[0]?.usageId ?? '', amount: given })
    const simulation = await box.simulate({ ...EVER, accountId, changes: { primaryAiModel: 'gpt-4o-mini' } })
    const [stays, moves] = [await chatted('gpt-4o', 1), await chatted('gpt-4o-mini', 1)]
    expect(simulation.creditsNow).toBe(stays.spent + moves.spent - given)
  })

  it('refuses, under another limit, the calls that the limit would have refused: by the most that each may come to', async () => {
    const rates = Object.entries({ input: '1', cache_write: '50', output: '1' }).map(([meter, amount]) => {
      return { unit: 'tokens' as const, per: '1000', meter, amount }
    })
    const entries = [{ service: 'gpt', provider: 'gpt-4o', rates }]
    const prices = new PriceBook({
      name: 'kept',
      currency: 'credits',
      versions: [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }],
    })
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o', lastResort: false })
    const box = await openBox({ prices, configuration })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'chat' })
    await workflow.chat(question)
    await workflow.close()
    const changes = { maxCreditsPerRequest: credits(5) }
    const strict = await openBox({ prices, configuration: { ...configuration, ...changes } })
    const other = strict.workflow({ accountId: (await openAccount(strict)).accountId, name: 'chat' })
    await expect(other.chat(question)).rejects.toMatchObject({ code: 'REQUEST_LIMIT' })
    const refused = [{ service: 'gpt', calls: 1, reason: expect.stringContaining('a request may cost 5') }]
    expect(await box.simulate({ ...EVER, changes })).toMatchObject({ notReplayed: refused })
    expect(await box.simulate({ ...EVER, changes, prices })).toMatchObject({ notReplayed: refused })
  })

  it('is what was charged under the same prices, where a call that a later one was rounded with was refunded', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'chat' })
    // 4 tokens are a tenth of a credit: the first ones cost a whole one, and the others nothing more.
    for (let index = 0; index < 2; index++) await workflow.record('gpt', 'gpt-4', 4, 'tokens')
    const [first] = await box.ledger.usageOf(accountId, workflow.id)
    await box.ledger.refund({ accountId, usageId: first?.usageId ?? '' })
    await workflow.close()
    const same = await box.simulate({ ...EVER, accountId, prices: defaultPriceBook })
    expect(same).toMatchObject({ creditsThen: 0n, difference: 0n })
  })

  it.each([
    ['had its cost corrected', { cost: nanoUsd(5n) }],
    ['was charged again', { charge: credits(5) }],
  ])('is what was charged under the same prices, where a refunded call %s after others of its line', async (_, later) => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'lesson' })
    const record = () => workflow.record('gpt', 'gpt-4o', 3, 'tokens')
    await record()
    const [first = expect.unreachable()] = await box.ledger.usageOf(accountId, workflow.id)
    await box.ledger.refund({ accountId, usageId: first.usageId })
    await record()
    await record()
    await box.ledger.adjust({ accountId, usageId: first.usageId, ...later })
    const simulation = await box.simulate({ ...EVER, accountId, prices: defaultPriceBook })
    const { spent } = await box.ledger.workflow(accountId, workflow.id)
    expect(simulation).toMatchObject({ creditsThen: spent, difference: 0n })
  })

  it('recommends for no usage that its input did not mean: a misspelt filter is refused', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    await expect(box.recommendations({ accountId, name: 'support' } as never)).rejects.toThrow(
      /^name is no field of recommendations\(\); known are accountId, .*workflowName/,
    )
    expect((await box.recommendations({ accountId, workflowName: undefined })).recommendations).toEqual([])
  })

  it('is told only of changes that there are: a field that is misspelt, or in wire form, is none', async () => {
    const box = await openBox()
    const simulate = (input: object) => box.simulate({ ...EVER, ...input })
    await expect(simulate({ changes: { sttProvidr: 'deepgram' } })).rejects.toThrow('changes: sttProvidr is unknown')
    await expect(simulate({ changes: { stt_provider: 'deepgram' } })).rejects.toThrow('changes: stt_provider is unknown')
    await expect(simulate({ changes: { strategy: 'cheapest' } })).rejects.toThrow('changes: strategy must be one of')
    await expect(simulate({ changes: { maxCreditsPerRequest: 5 } })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(simulate({ configuration: { sttProvider: 'deepgram' } })).rejects.toThrow('configuration: primaryAiModel')
    await expect(simulate({ changes: {}, workflowName: 'chat' })).rejects.toThrow('workflowName: simulate() has no such option')
  })

  it('leaves fields as they are that a change gives as undefined', async () => {
    const { box, spent } = await workedBox(presets.premiumQuality())
    const changes = { primaryAiModel: undefined, ttsProvider: undefined } as object
    expect(await box.simulate({ ...EVER, changes })).toMatchObject({ creditsNow: spent, difference: 0n })
  })

  it('says what the configuration would not have done, and refuses what makes no sense', async () => {
    const { box, spent } = await workedBox(presets.balanced())
    const silent = await box.simulate({ ...EVER, changes: { voiceEnabled: false } })
    expect(silent).toMatchObject({ creditsThen: spent, creditsNow: spent })
    expect(silent.notReplayed.map(({ service, calls }) => [service, calls]).sort()).toEqual([
      ['voice_stt', 3],
      ['voice_tts', 3],
    ])
    await expect(box.simulate(EVER)).rejects.toThrow('nothing is different')
    await expect(box.simulate({ from: 5, to: 5, changes: {} })).rejects.toThrow('from must be before to')
    await expect(box.simulate({ ...EVER, accountId: 'nobody', changes: {} })).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
    const signal = AbortSignal.abort()
    await expect(box.simulate({ ...EVER, changes: {}, signal })).rejects.toThrow('abort')
    const seen: number[] = []
    await box.simulate({ ...EVER, changes: { sttProvider: 'openai-whisper' }, onProgress: ({ calls }) => seen.push(calls) })
    expect(seen).toEqual([13])
  })
})

it('ends when it is aborted while it reads records of no workflow', async () => {
  const box = await openBox()
  const { accountId } = await openAccount(box)
  const usage = { quantity: quantity(1), unit: 'minutes' as const, rated: credits(1) }
  await box.ledger.charge({ accountId, service: 'phone', provider: 'twilio', usage })
  const stop = new AbortController()
  const read = box.ledger.history.usage.bind(box.ledger.history)
  vi.spyOn(box.ledger.history, 'usage').mockImplementation(async function* (range) {
    for await (const page of read(range)) {
      stop.abort()
      yield page
    }
  })
  const now = Date.now()
  const within = { from: now - 1_000, to: now + 1_000 }
  await expect(box.simulate({ ...within, changes: {}, signal: stop.signal })).rejects.toThrow('abort')
})

describe.each(storeNames)('usage that belongs to no workflow, on %s', (on) => {
  it('is in one of two ranges that meet within an hour, and in one that begins and ends within it', async () => {
    let now = Date.UTC(2026, 5, 1, 9, 50)
    const box = await openBox({ on, storeClock: () => now })
    const { accountId } = await openAccount(box)
    const [first, end] = [now, now + 3 * 3_600_000]
    const charged: { at: number; due: bigint; calls: number; userId: string }[] = []
    for (let index = 0; now < end; index += 1, now += 420_000) {
      const [usageId, userId] = [`u${index}`, index % 3 === 0 ? 'ada' : 'bob']
      const usage = { quantity: quantity(1), unit: 'minutes' as const, rated: credits(index + 1) }
      await box.ledger.charge({ accountId, usageId, userId, service: 'phone', provider: 'twilio', usage })
      charged.push({ at: now, due: credits(index + 1), calls: 1, userId })
      if (index % 4 !== 3) continue
      await box.ledger.refund({ accountId, usageId: `u${index - 3}`, correctionId: `r${index}` })
      charged.push({ at: now, due: -credits(index - 2), calls: 0, userId: (index - 3) % 3 === 0 ? 'ada' : 'bob' })
      // What a workflow did is counted with the workflow.
      await box.workflow({ accountId, name: 'call' }).record('phone', 'twilio', 1, 'minutes')
    }
    const bounds = [0, 5, 10, 25, 40, 70, 71, 125, 130, 133, 179].map((minutes) => first + minutes * 60_000)
    for (const from of bounds) {
      for (const to of bounds.filter((bound) => bound > from)) {
        for (const userId of [undefined, 'ada']) {
          const { lines } = await box.simulate({ accountId, userId, from, to, changes: { phoneProvider: 'twilio' } })
          const stray = lines.find(({ workflowName }) => workflowName === null)
          const within = charged.filter((one) => one.at >= from && one.at < to && (userId ?? one.userId) === one.userId)
          const due = within.reduce((sum, one) => sum + one.due, 0n)
          const calls = within.reduce((sum, one) => sum + one.calls, 0)
          const range = `${new Date(from).toISOString()} to ${new Date(to).toISOString()} of ${userId}`
          expect([stray?.creditsThen ?? 0n, stray?.creditsNow ?? 0n, stray?.calls ?? 0], range).toEqual([due, due, calls])
        }
      }
    }
  })
})

describe('recommendations', () => {
  it('name the change of configuration for each workflow and service, and save what a simulation of it says', async () => {
    const { box, accountId } = await workedBox(presets.premiumQuality())
    const { recommendations, ...report } = await box.recommendations({ accountId })
    expect(report).toMatchObject({ workflows: 4, calls: 13, is_complete: true })
    const changes = recommendations.map(({ workflow_name, change }) => `${workflow_name} ${JSON.stringify(change)}`).sort()
    expect(changes).toEqual(CHANGES)
    for (const found of recommendations) {
      expect(found.credits_saved).toBeGreaterThan(0)
      expect(found.confidence).toMatch(/high|medium/)
      const field =
        found.service_type === 'gpt' ? 'primaryAiModel' : found.service_type === 'voice_stt' ? 'sttProvider' : 'ttsProvider'
      const simulation = await box.simulate({
        ...EVER,
        accountId,
        name: found.workflow_name,
        changes: { [field]: found.to_provider },
      })
      expect(Number(-simulation.difference / 1_000_000n), found.message).toBe(found.credits_saved)
      expect(found.share_saved).toBeCloseTo(found.credits_saved / found.credits_used, 1)
    }
    expect(
      (await box.recommendations({ accountId, service: 'voice_stt' })).recommendations.every(
        (one) => one.service_type === 'voice_stt',
      ),
    ).toBe(true)
    const newest = await box.recommendations({ accountId, callsMax: 1 })
    expect(newest.is_complete).toBe(true)
    expect((await box.recommendations({ accountId, to: 1_000 })).recommendations).toEqual([])
  })

  it('are one for a change, whether its workflows began with a call that was routed or with one of the host’s own', async () => {
    const box = await openBox({ configuration: presets.premiumQuality(), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    for (const isOwnFirst of [false, true, false]) {
      const workflow = box.workflow({ accountId, name: 'story' })
      if (isOwnFirst) await workflow.record('voice_tts', 'elevenlabs', 3_000, 'characters')
      await workflow.speak({ text: 'The train to Bath leaves first, from platform two. '.repeat(50) })
      await workflow.close()
    }
    const { recommendations } = await box.recommendations({ accountId })
    expect(recommendations).toMatchObject([{ change: { tts_provider: 'cartesia' }, workflows: 3, calls: 4, calls_changed: 4 }])
    const [found] = recommendations
    const simulation = await box.simulate({ ...EVER, accountId, changes: { ttsProvider: 'cartesia' } })
    expect(Number(-simulation.difference / 1_000_000n)).toBe(found?.credits_saved)
    expect(credits(found?.credits_used ?? 0)).toBe(simulation.creditsThen)
  })

  it('are of high confidence where providers counted all that moves, and of less where it was derived or translated', async () => {
    const count = (meters: Record<string, number>) => {
      return Object.entries(meters).map(([meter, of]) => ({ meter, quantity: quantity(of), unit: 'tokens' as const }))
    }
    const [input, cached] = [count({ input: 2_000, output: 500 }), count({ input: 1_000, cached_input: 1_000, output: 500 })]
    const by = (quantities: typeof input, certainty: 'exact' | 'derived') => ({ quantities, certainty })
    const seen: string[] = []
    for (const usage of [by(input, 'exact'), by(input, 'derived'), by(cached, 'exact')]) {
      const chat = async () => ({ text: 'The first one.', finishReason: 'stop' as const, model: 'gpt-4', usage })
      const plain = [{ service: 'gpt', provider: 'gpt-4o', rates: ['input', 'output'].map((meter) => rate('1', meter)) }]
      const prices = new PriceBook({
        name: 'test',
        currency: 'credits',
        versions: [
          {
            version: '1',
            effective_from: '2025-01-01T00:00:00Z',
            entries: [{ service: 'gpt', provider: 'gpt-4', rates: [rate('10')] }, ...plain],
          },
        ],
      })
      const configuration = presets.balanced({ primaryAiModel: 'gpt-4', fallbackAiModel: 'gpt-4o' })
      const box = await openBox({ prices, configuration, providers: [{ ...simulated({ services: ['gpt'] }), chat }] })
      const { accountId } = await openAccount(box)
      await box.workflow({ accountId, name: 'chat' }).chat(question)
      const [found] = (await box.recommendations({ accountId })).recommendations
      seen.push(`${found?.to_provider} ${found?.confidence}`)
    }
    expect(seen).toEqual(['gpt-4o high', 'gpt-4o medium', 'gpt-4o medium'])
  })

  it('never name what is not ready, what the key may not use, or what saves nothing', async () => {
    const cheap = await workedBox(presets.balanced())
    expect((await cheap.box.recommendations({ accountId: cheap.accountId })).recommendations).toEqual([])

    const { box, accountId } = await workedBox(presets.premiumQuality())
    const key = await openKey(box, accountId, {
      services: [
        { service: 'gpt', provider: 'gpt-4' },
        { service: 'gpt', provider: 'gpt-4o' },
      ],
    })
    const barred = box.workflow({ accountId, name: 'barred', apiKey: await box.authenticate(key.key) })
    await barred.chat(question)
    await barred.close()
    const { recommendations } = await box.recommendations({ accountId, workflowName: 'barred' })
    expect(recommendations).toMatchObject([{ to_provider: 'gpt-4o', change: { primary_ai_model: 'gpt-4o' } }])

    const careful = await workedBox(presets.emergencyServices())
    expect((await careful.box.recommendations({ accountId: careful.accountId })).recommendations).toEqual([])
  })

  it('count images as each model does: a cheaper token is no saving where the same image is many times as many', async () => {
    const box = await openBox({ configuration: presets.premiumQuality(), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'album' })
    for (let index = 0; index < 3; index++)
      await workflow.see({ prompt: 'What is this?', images: [picture], complexity: 'medium' })
    await workflow.close()
    expect((await box.recommendations({ accountId })).recommendations).toEqual([])
    const simulation = await box.simulate({ ...EVER, accountId, changes: { visionModel: 'gpt-4o-mini' } })
    expect(simulation.difference).toBeGreaterThan(0n)
    expect(simulation.assumptions.join()).toContain('images count')
  })

  it('of a chat model count what looks at images with it too, in whichever workflow of the name', async () => {
    const box = await openBox({ configuration: presets.premiumQuality({ visionModel: null }), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    for (const isChat of [false, true, false]) {
      const workflow = box.workflow({ accountId, name: 'album' })
      if (isChat) await workflow.chat({ ...question, complexity: 'medium' })
      else await workflow.see({ prompt: 'What is this?', images: [picture], complexity: 'medium' })
      await workflow.close()
    }
    const { recommendations } = await box.recommendations({ accountId })
    // With gpt-4o-mini chats would cost no more, but images would.
    expect(recommendations).toMatchObject([{ change: { primary_ai_model: 'claude-3-haiku' } }])
    const simulate = (primaryAiModel: string) => box.simulate({ ...EVER, accountId, changes: { primaryAiModel } })
    expect(Number(-(await simulate('claude-3-haiku')).difference / 1_000_000n)).toBe(recommendations[0]?.credits_saved)
    const mini = await simulate('gpt-4o-mini')
    expect(mini.lines.find(({ service }) => service === 'vision')?.difference).toBeGreaterThan(0n)
    // What follows the change is counted also where chats alone are asked for, and a change is none of images where these are.
    expect((await box.recommendations({ accountId, service: 'gpt' })).recommendations).toEqual(recommendations)
    const seen = (await box.recommendations({ accountId, service: 'vision' })).recommendations
    expect(seen.filter(({ change }) => 'primary_ai_model' in change)).toEqual([])
  })

  it('of a vision model are left out where a chat model saves more, which what looks at images follows: both would not save both', async () => {
    const box = await openBox({ configuration: presets.premiumQuality({ primaryAiModel: 'gpt-4o', visionModel: null }) })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'album' })
    await workflow.chat({ messages: [{ role: 'user', content: 'Which train? '.repeat(1_000) }], complexity: 'medium' })
    await workflow.see({ prompt: 'What is this? '.repeat(3_000), images: [picture], complexity: 'medium' })
    await workflow.close()
    const { recommendations } = await box.recommendations({ accountId })
    expect(recommendations).toMatchObject([{ change: { primary_ai_model: 'gpt-4o-mini' } }])
    const seen = (await box.recommendations({ accountId, service: 'vision' })).recommendations
    expect(seen).toMatchObject([{ change: { vision_model: 'gpt-4o-mini' } }])
    expect(recommendations[0]?.credits_saved).toBeGreaterThan(seen[0]?.credits_saved ?? 0)
  })

  it('count what has begun by now, to the millisecond', async () => {
    const now = Date.now()
    const box = await openBox({ configuration: presets.premiumQuality(), clock: () => now, storeClock: () => now })
    const { accountId } = await openAccount(box)
    await box.workflow({ accountId, name: 'chat' }).chat(question)
    expect(await box.recommendations({ accountId })).toMatchObject({ workflows: 1, to: new Date(now).toISOString() })
    expect(await box.recommendations({ accountId, to: now })).toMatchObject({ workflows: 0 })
  })

  it('of a chat model count what looked at images outside Farebox, which follows it too', async () => {
    const box = await openBox({ configuration: presets.premiumQuality(), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    for (const isChat of [true, false]) {
      const workflow = box.workflow({ accountId, name: 'album' })
      if (isChat) await workflow.chat(question)
      else await workflow.record('vision', 'gpt-4o', 9_000, 'tokens')
      await workflow.close()
    }
    const { recommendations } = await box.recommendations({ accountId })
    const [found] = recommendations.filter(({ change }) => 'primary_ai_model' in change)
    const simulation = await box.simulate({ ...EVER, accountId, changes: { primaryAiModel: found?.to_provider ?? '' } })
    expect(simulation.lines.find(({ service }) => service === 'vision')?.difference).toBeLessThan(0n)
    expect(Number(-simulation.difference / 1_000_000n)).toBe(found?.credits_saved)
    expect(found?.confidence).toBe('low')
  })

  it('leave configurations with accuracyFirst as they are, and say so, as a simulation of the change does not', async () => {
    const box = await openBox({ configuration: presets.premiumQuality(), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    for (const accuracyFirst of [false, true]) {
      const configuration = presets.premiumQuality({ accuracyFirst })
      const workflow = box.workflow({ accountId, name: 'story', configuration })
      await workflow.speak({ text: 'The train to Bath leaves first, from platform two. '.repeat(50) })
      await workflow.close()
      const { recommendations } = await box.recommendations({ accountId })
      const said = recommendations.map(({ assumptions }) => assumptions.some((one) => one.includes('accuracy_first')))
      expect(said).toEqual([accuracyFirst])
      expect(recommendations).toMatchObject([{ change: { tts_provider: 'cartesia' }, calls_changed: 1 }])
      const simulation = await box.simulate({ ...EVER, accountId, changes: { ttsProvider: 'cartesia' } })
      const times = accuracyFirst ? 2n : 1n
      expect(-simulation.difference).toBe(times * credits(recommendations[0]?.credits_saved ?? 0))
    }
  })

  it('asked for one provider are of all calls that the change moves, those of another provider too', async () => {
    const box = await openBox({ random: () => 0.5 })
    const { accountId } = await openAccount(box)
    for (const primaryAiModel of ['gpt-4', 'gpt-4o']) {
      const workflow = box.workflow({ accountId, name: 'chat', configuration: presets.premiumQuality({ primaryAiModel }) })
      await workflow.chat({ ...question, messages: Array.from({ length: 20 }, () => question.messages).flat() })
      await workflow.close()
    }
    const { recommendations } = await box.recommendations({ accountId, provider: 'gpt-4' })
    expect(recommendations).toMatchObject([{ from_provider: 'gpt-4', to_provider: 'gpt-4o-mini' }])
    const { difference } = await box.simulate({ ...EVER, accountId, changes: { primaryAiModel: 'gpt-4o-mini' } })
    expect(-difference).toBe(credits(recommendations[0]?.credits_saved ?? 0))
  })

  it('say that a change would change what conditions had set, as simulations do', async () => {
    const conditions = [{ when: { tier: 'free' }, use: { primaryAiModel: 'gpt-4' } }]
    const box = await openBox({ configuration: presets.balanced({ conditions }), random: () => 0.5 })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'chat', metadata: { tier: 'free' } })
    await workflow.chat({ ...question, complexity: 'high' })
    await workflow.close()
    const [found] = (await box.recommendations({ accountId })).recommendations
    expect(found?.assumptions.join()).toContain('conditions had set')
    const simulate = async (input: object) =>
      (await box.simulate({ ...EVER, accountId, ...input })).assumptions.some((one) => one.includes('conditions had set'))
    expect(await simulate({ changes: { primaryAiModel: found?.to_provider } })).toBe(true)
    expect(await simulate({ prices: defaultPriceBook })).toBe(false)
  })

  it('of a strategy, which acts on every service, are of all calls that it would move, and are made once', async () => {
    const configuration = presets.premiumQuality({ fallbackAiModel: 'gpt-4' })
    const box = await openBox({ configuration, random: () => 0.5 })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'story' })
    // No one model is the cheapest of both.
    await workflow.chat({ ...question, needs: { qualityMin: 0.8 } })
    await workflow.chat(question)
    await workflow.speak({ text: 'The train to Bath leaves first, from platform two. '.repeat(50) })
    await workflow.close()
    const { recommendations } = await box.recommendations({ accountId })
    const routed = recommendations.filter(({ change }) => 'strategy' in change)
    const simulation = await box.simulate({ ...EVER, accountId, changes: { strategy: 'lowest_cost' } })
    const saved = Number(-simulation.difference / 1_000_000n)
    expect(routed).toMatchObject([{ credits_saved: saved, calls: 3, calls_changed: 3 }])
    expect(credits(routed[0]?.credits_used ?? 0)).toBe(simulation.creditsThen)
    const others = recommendations.filter((one) => one !== routed[0]).map(({ credits_saved }) => credits_saved)
    expect(others.reduce((sum, one) => sum + one, 0)).toBeLessThan(saved)
    const asked = (await box.recommendations({ accountId, service: 'gpt' })).recommendations
    expect(asked.map(({ change }) => Object.keys(change))).toEqual([['primary_ai_model']])
  })

  it('leave no call to nobody', async () => {
    const configuration = presets.costOptimized({ primaryAiModel: 'gpt-4o', lastResort: false, costOptimization: false })
    const box = await openBox({ configuration, random: () => 0.5 })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'album' })
    await workflow.chat({ ...question, complexity: 'medium' })
    await workflow.see({ prompt: 'What is this?', images: [picture], complexity: 'medium' })
    await workflow.close()
    const told = (await box.recommendations({ accountId })).recommendations.map(({ change }) => JSON.stringify(change))
    // Claude looks at no images here.
    expect(told.join()).not.toContain('claude')
    expect(told.join()).not.toContain('gpt-4o-mini')
  })

  it('are of the prices of then, and are kept back where those of today would not bear them out', async () => {
    let now = Date.UTC(2026, 0, 1)
    const dearer = defaultPriceBook.document.versions[0]
    const prices = new PriceBook({
      ...defaultPriceBook.document,
      versions: [
        ...defaultPriceBook.document.versions,
        {
          version: '2',
          effective_from: '2026-06-01T00:00:00Z',
          entries: (dearer?.entries ?? []).map((entry) =>
            entry.service === 'gpt' && entry.provider !== 'gpt-4'
              ? { ...entry, rates: entry.rates.map((rate) => ({ ...rate, amount: '99' })) }
              : entry,
          ),
        },
      ],
    })
    const box = await openBox({ configuration: presets.premiumQuality(), prices, clock: () => now })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'chat' })
    await workflow.chat(question)
    await workflow.close()
    const range = { accountId, ...EVER }
    expect((await box.recommendations(range)).recommendations).toMatchObject([
      { from_provider: 'gpt-4', to_provider: 'gpt-4o-mini' },
    ])
    now = Date.UTC(2026, 6, 1)
    expect((await box.recommendations(range)).recommendations).toEqual([])
  })

  it('are of the prices of each model, then and today', async () => {
    let now = Date.UTC(2026, 0, 1)
    // Each model has its own price, and the price of the provider's other models is no help.
    const entriesAt = (mini: string) =>
      [
        ['gpt-4', '25', '1'],
        ['gpt-4o-mini', mini, '99'],
      ].flatMap(([provider = '', own = '', other = '']) =>
        [{ model: provider, amount: own }, { amount: other }].map(({ amount, ...model }) => {
          return { service: 'gpt', provider, ...model, rates: [{ unit: 'tokens' as const, per: '1000', amount }] }
        }),
      )
    const prices = new PriceBook({
      name: 'models',
      currency: 'credits',
      versions: [
        { version: '1', effective_from: '2025-01-01T00:00:00Z', entries: entriesAt('1') },
        { version: '2', effective_from: '2026-06-01T00:00:00Z', entries: entriesAt('2') },
      ],
    })
    const box = await openBox({ configuration: presets.premiumQuality(), prices, clock: () => now })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'chat' })
    await workflow.chat(question)
    await workflow.close()
    now = Date.UTC(2026, 6, 1)
    const { recommendations } = await box.recommendations({ accountId, ...EVER })
    expect(recommendations).toMatchObject([{ from_provider: 'gpt-4', to_provider: 'gpt-4o-mini' }])
  })
})
