import { readFileSync } from 'node:fs'
import { credits, formatCredits, type ProviderAdapter } from '@farebox/core'
import { openai, openaiOffers } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { PriceBook, presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { openAccount, openBox } from './open-box.ts'

const audio = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const ask = { messages: [{ role: 'user' as const, content: 'When do you open? '.repeat(400) }], outputTokensMax: 4_000 }
/** Much is asked, and hardly anything may be answered: what is asked must be held for by itself. */
const longer = { messages: [{ role: 'user' as const, content: 'aaaa    '.repeat(5_000) }], outputTokensMax: 1 }

describe('an estimate of calls', () => {
  it('says by service and in total what they cost at least, as expected and at most, and holds nothing', async () => {
    const box = await openBox({ configuration: presets.balanced() })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'plan' })
    const call = { durationSecondsMax: 600, durationSecondsExpected: 120 }
    const estimate = await workflow.estimate({ chat: ask, transcribe: { audio }, speak: { text: 'Hello' }, call })
    expect(estimate.services.map(({ service, provider }) => `${service} ${provider}`)).toEqual([
      'gpt gpt-4o-mini',
      'voice_stt deepgram',
      'voice_tts openai-tts',
      'phone twilio',
    ])
    for (const level of ['low', 'expected', 'high'] as const) {
      expect(estimate[level]).toBe(estimate.services.reduce((sum, one) => sum + one[level], 0n))
    }
    for (const { low, expected, high } of estimate.services) expect([low <= expected, expected <= high]).toEqual([true, true])
    const [chat, , , phone] = estimate.services
    // 2,001 tokens of question and 50 or 300 of answer at a credit a thousand; at most 4,000 of answer by the last resort, gpt-4.
    expect([chat?.low, chat?.expected]).toEqual([credits(2), credits(3)])
    expect(Number(formatCredits(chat?.high ?? credits(0)))).toBeGreaterThanOrEqual((2_001 + 4_000) * 0.025)
    expect([phone?.expected, phone?.high]).toEqual([credits(40), credits(200)])
    expect(await box.ledger.balance(accountId)).toMatchObject({ held: 0n, balance: credits(10_000) })
  })

  it.each([
    ['chat', { chat: ask }],
    ['chat', { chat: longer }],
    ['transcribe', { transcribe: { audio } }],
    ['speak', { speak: { text: 'Good morning. '.repeat(200) } }],
  ] as const)('is what the call would hold: %s', async (verb, calls) => {
    // One provider, so that there is nothing cheaper to fall back to.
    const configuration = presets.balanced({ fallbackAiModel: undefined, primaryAiModel: 'gpt-4o' })
    const box = await openBox({ configuration, providers: [simulated()] })
    const estimate = await box.workflow({ accountId: 'nobody', name: 'plan' }).estimate(calls)
    const provider = estimate.services[0]?.provider
    const input = { ...Object.values(calls)[0], provider }
    const only = await box.workflow({ accountId: 'nobody', name: 'plan' }).estimate({ [verb]: input })
    const run = async (balance: bigint) => {
      const { accountId } = await openAccount(box, { balance: credits(formatCredits(balance as typeof only.high)) })
      const workflow = box.workflow({ accountId, name: 'work' })
      const answer = await (workflow[verb] as (given: unknown) => Promise<unknown>).call(workflow, input)
      expect(await workflow.receipt()).not.toHaveProperty('shortfall')
      return answer
    }
    await expect(run(only.high)).resolves.toMatchObject({ provider })
    await expect(run(only.high - 1_000_000n)).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS', needed: only.high })
  })
})

it('an estimate follows the conditions that the metadata of its workflow meet, and asks whom its key may use', async () => {
  const configuration = presets.balanced({ conditions: [{ when: { tier: 'pro' }, use: { primaryAiModel: 'gpt-4' } }] })
  const box = await openBox({ configuration })
  const { accountId, key } = await openAccount(box, { services: [{ service: 'gpt', provider: 'gpt-4o' }] })
  const workflows = [
    box.workflow({ accountId, name: 'plan', metadata: { tier: 'pro' } }),
    await box.workflowOf(key, { name: 'plan' }),
  ]
  const chosen = workflows.map(async (workflow) => {
    const [estimated] = (await workflow.estimate({ chat: ask })).services
    const { provider } = await workflow.chat(ask)
    return [estimated?.provider, provider]
  })
  expect(await Promise.all(chosen)).toEqual([
    ['gpt-4', 'gpt-4'],
    ['gpt-4o', 'gpt-4o'],
  ])
  const keyed = await box.workflowOf(key, { name: 'plan' })
  await expect(keyed.estimate({ speak: { text: 'Hello' } })).rejects.toMatchObject({ code: 'SERVICE_NOT_ALLOWED' })
})

it('an estimate by weight is of who is drawn, and not of who has no weight', async () => {
  const configuration = presets.balanced({ strategy: 'weighted', weights: { 'gpt-4o-mini': 0, 'gpt-4o': 1 } })
  const box = await openBox({ configuration })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'plan' })
  const [estimated] = (await workflow.estimate({ chat: ask })).services
  const { provider } = await workflow.chat(ask)
  expect([estimated?.provider, provider]).toEqual(['gpt-4o', 'gpt-4o'])
})

it('an image is estimated as its offer says, before a workflow as in one', async () => {
  const own: ProviderAdapter = {
    name: 'own',
    isSimulated: false,
    availability: { status: 'ready' },
    offers: [
      {
        service: 'gpt',
        provider: 'own',
        model: 'unheard-of',
        capabilities: { images: true, imageTokensMax: 20_000 },
        quality: 0.8,
        latencyMs: 100,
      },
    ],
    chat: () => Promise.reject(new Error('nobody asks')),
  }
  const entry = { service: 'gpt', provider: 'own', rates: [{ unit: 'tokens' as const, amount: '1', per: '1000' }] }
  const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries: [entry] }
  const box = await openBox({
    providers: [own],
    prices: new PriceBook({ name: 'own', currency: 'credits', versions: [version] }),
    configuration: presets.balanced({ primaryAiModel: 'own' }),
  })
  const content = [{ type: 'image' as const, url: 'https://example.com/heron.png' }]
  const messages = [{ role: 'user' as const, content }]
  const before = await box.estimateTexts({ messages, max_output_tokens: 1 })
  const { high } = await box.workflow({ accountId: 'nobody', name: 'plan' }).estimate({ chat: { messages, outputTokensMax: 1 } })
  expect(before.total_credits_high).toBe(21)
  expect(high).toBe(credits(21))
})

it('a Farebox says which of its real offers end soon', async () => {
  const clock = () => Date.parse('2026-11-21T12:00:00Z')
  const box = await openBox({ providers: [openai({ apiKey: 'sk-test' }), simulated({ services: ['voice_tts'] })], clock })
  const ends = box.retiring(90).map(({ offer, retires, daysLeft }) => `${offer.service} ${offer.model} ${retires} ${daysLeft}`)
  expect(ends).toEqual([
    'voice_tts tts-1 2027-01-06 46',
    'gpt gpt-4o-mini 2027-01-14 54',
    'gpt gpt-4o 2027-01-14 54',
    'vision gpt-4o-mini 2027-01-14 54',
    'vision gpt-4o 2027-01-14 54',
    'realtime gpt-realtime 2027-01-20 60',
  ])
  expect(box.retiring(45)).toEqual([])
  const without = await openBox({ providers: [openai({ apiKey: '' }), simulated()], clock })
  expect(without.retiring()).toEqual([])
})

it('a model behind the name of another ends when it ends itself', async () => {
  const models: Readonly<Record<string, string>> = {
    'gpt-4o-mini': 'next',
    'gpt-4': 'gpt-4o-2024-08-06',
    'openai-tts': 'tts-next',
  }
  const offers = openaiOffers().map((offer) => ({ ...offer, model: models[offer.provider] ?? offer.model }))
  const clock = () => Date.parse('2026-11-21T12:00:00Z')
  const box = await openBox({ providers: [openai({ apiKey: 'sk-test', offers })], clock })
  expect(box.retiring(90).map(({ offer, retires }) => `${offer.service} ${offer.provider} ${retires}`)).toEqual([
    'gpt gpt-4o 2027-01-14',
    'gpt gpt-4 2027-01-14',
    'vision gpt-4o 2027-01-14',
    'realtime gpt-realtime 2027-01-20',
  ])
})

it('what is planned is priced by the model that is offered, as its call is', async () => {
  const versions = [
    {
      version: '1',
      effective_from: '2025-01-01T00:00:00Z',
      entries: [
        { service: 'voice_tts', provider: 'loud', rates: [{ unit: 'characters' as const, amount: '5' }] },
        { service: 'voice_tts', provider: 'loud', model: 'loud-2', rates: [{ unit: 'characters' as const, amount: '2' }] },
        { service: 'voice_tts', provider: 'soft', model: 'soft-1', rates: [{ unit: 'characters' as const, amount: '3' }] },
      ],
    },
  ]
  const speaks: ProviderAdapter = {
    name: 'speaks',
    isSimulated: false,
    availability: { status: 'ready' },
    offers: ['loud-2', 'soft-1'].map((model) => {
      const [provider = ''] = model.split('-')
      return { service: 'voice_tts', provider, model, capabilities: {}, quality: 0.8, latencyMs: 100 }
    }),
    speak: async () => ({ audio: new Uint8Array(1), format: { encoding: 'mp3' } }) as never,
  }
  const box = await openBox({ providers: [speaks], prices: new PriceBook({ name: 'voices', currency: 'credits', versions }) })
  const { accountId } = await openAccount(box)
  for (const [provider, total] of [
    ['loud', 10],
    ['soft', 15],
  ] as const) {
    const planned = { service_configuration: { tts_provider: provider } }
    expect(box.estimate({ ...planned, tts_characters: 5 }).total_credits).toBe(total)
    expect((await box.estimateTexts({ ...planned, tts_text: 'Hello' })).total_credits).toBe(total)
    const call = { speak: { text: 'Hello', provider } }
    expect((await box.workflow({ accountId, name: 'speech' }).estimate(call)).expected).toBe(credits(total))
  }
})

it('what is planned is priced by the model of whoever is ready, and not of an adapter that lacks its key', async () => {
  const named = (name: string, isReady: boolean): ProviderAdapter => ({
    ...simulated(),
    name,
    availability: isReady ? { status: 'ready' } : { status: 'disabled', reason: 'no key' },
    offers: [{ service: 'gpt', provider: 'small', model: name, capabilities: {}, quality: 0.8, latencyMs: 100 }],
  })
  const rates = (amount: string) => [{ unit: 'tokens' as const, amount, per: '1000' }]
  const entries = [
    { service: 'gpt', provider: 'small', model: 'cheap', rates: rates('1') },
    { service: 'gpt', provider: 'small', model: 'dear', rates: rates('3') },
  ]
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
  const prices = new PriceBook({ name: 'models', currency: 'credits', versions })
  const box = await openBox({ providers: [named('cheap', false), named('dear', true)], prices })
  const planned = { service_configuration: { primary_ai_model: 'small', fallback_ai_model: null } }
  expect(box.estimate({ ...planned, ai_tokens: 1_000 }).total_credits).toBe(3)
  const { accountId } = await openAccount(box)
  const { high } = await box.workflow({ accountId, name: 'plan' }).estimate({ chat: ask })
  const texts = { ...planned, messages: ask.messages, max_output_tokens: ask.outputTokensMax }
  expect((await box.estimateTexts(texts)).total_credits_high).toBe(Number(formatCredits(high)))
})

it('tokens of which nobody says more are three of input to one of output, where these have prices of their own', async () => {
  const rates = [
    { unit: 'tokens' as const, meter: 'input', amount: '1', per: '1000' },
    { unit: 'tokens' as const, meter: 'output', amount: '5', per: '1000' },
  ]
  const entries = [{ service: 'gpt', provider: 'gpt-4o-mini', rates }]
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
  const prices = new PriceBook({ name: 'apart', currency: 'credits', versions })
  const box = await openBox({ prices, configuration: presets.balanced({ fallbackAiModel: undefined }) })
  expect(box.estimate({ ai_tokens: 4_000 })).toMatchObject({ total_credits: 8, total_credits_low: 4, total_credits_high: 20 })
})

it('an estimate says no more at least than it expects, where more usage costs less', async () => {
  const steps = [{ amount: '0.5' }, { above: '100', amount: '0.01' }]
  const tiers = { mode: 'volume' as const, comparison: 'gt' as const, steps }
  const entries = [{ service: 'gpt', provider: 'gpt-4o-mini', rates: [{ unit: 'tokens' as const, tiers }] }]
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
  const prices = new PriceBook({ name: 'volume', currency: 'credits', versions })
  const box = await openBox({ prices, configuration: presets.balanced({ fallbackAiModel: undefined }) })
  const workflow = box.workflow({ accountId: 'nobody', name: 'plan' })
  const { low, expected, high } = await workflow.estimate({ chat: { messages: [{ role: 'user', content: 'When?' }] } })
  expect(expected).toBe(credits(4))
  expect([low <= expected, expected <= high]).toEqual([true, true])
})

it.each(['ai_tokens', 'voice_minutes', 'tts_characters', 'phone_minutes'] as const)(
  'an estimate of an impossible number of %s says so by its name, instead of expecting it to cost nothing',
  async (field) => {
    const box = await openBox()
    for (const count of [Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300, '5', 5n]) {
      const message = `${field} must be a number from 0 to 1000000000, received ${count}`
      expect(() => box.estimate({ [field]: count })).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', message }))
      await expect(box.estimateTexts({ [field]: count })).rejects.toMatchObject({ code: 'INVALID_INPUT', message })
    }
    expect(box.estimate({ [field]: 0 }).total_credits).toBe(0)
  },
)

it('an estimate refuses fields that it lacks, and texts that it does not count, instead of expecting them to cost nothing', async () => {
  const box = await openBox()
  const messages = [{ role: 'user' as const, content: 'When do you open?' }]
  const misspelt = { ai_token: 3_000 } as object
  expect(() => box.estimate(misspelt)).toThrow(/^ai_token is no field of estimate\(\); .* Did you mean ai_tokens\?$/)
  await expect(box.estimateTexts(misspelt)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  expect(() => box.estimate({ messages })).toThrow(/^messages is not counted by estimate\(\): call estimateTexts\(\)$/)
  expect(() => box.estimate({ tts_text: 'Hello' })).toThrow(/^tts_text is not counted/)
  expect((await box.estimateTexts({ messages, tts_text: 'Hello' })).services).toHaveLength(2)
})
