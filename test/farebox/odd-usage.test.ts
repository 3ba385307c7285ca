import type { ProviderAdapter, RealtimeEvent, RealtimeInput, TranscriptEvent, Usage } from '@farebox/core'
import { microUnits, quantity } from '@farebox/core'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { credits, type FareboxOptions, PriceBook, presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { openAccount, openBox } from './open-box.ts'
import { openLoopback } from './parties.ts'

const messages = [{ role: 'user' as const, content: 'When does the heron hunt?' }]

async function open(options: Partial<FareboxOptions>) {
  const box = await openBox(options)
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'work' })
  return { workflow, usage: () => box.ledger.usageOf(accountId, workflow.id) }
}

describe('an answer of which the provider reports more than anybody can have used', () => {
  const rates = [{ unit: 'tokens' as const, amount: '1' }]
  const version = {
    version: '1',
    effective_from: '2025-01-01T00:00:00Z',
    entries: [{ service: 'gpt', provider: 'gpt-4', rates }],
  }
  const dollarPerToken = new PriceBook({ name: 'costs', currency: 'usd', versions: [version] })

  it.each<[string, { promptTokens: number; completionTokens: number }, { costs?: PriceBook }?]>([
    ['more tokens than a record takes', { promptTokens: 1e12, completionTokens: 1e12 }],
    ['at a price that no record takes', { promptTokens: 5e11, completionTokens: 0 }],
    ['at a cost that no record takes', { promptTokens: 1e10, completionTokens: 0 }, { costs: dollarPerToken }],
  ])('is charged by what was counted here: %s', async (_, counts, books = {}) => {
    const server = await openLoopback({ chat: () => ({ text: 'At dawn.', ...counts }) })
    const { workflow, usage } = await open({ providers: [openai({ apiKey: server.apiKey, baseURL: server.url })], ...books })
    expect(await workflow.chat({ messages, provider: 'gpt-4' })).toMatchObject({ text: 'At dawn.', creditsUsed: credits(1) })
    const stream = await workflow.streamChat({ messages, provider: 'gpt-4' })
    for await (const _ of stream.events);
    expect(await stream.settled).toMatchObject({ isComplete: true })
    const records = await usage()
    expect(records.map(({ certainty }) => certainty)).toEqual(['derived', 'floor'])
    for (const { details } of records) expect(details).toMatchObject({ raw: { prompt_tokens: counts.promptTokens } })
  })

  it('does not keep the turns of a conversation from being charged', async () => {
    const simulation = simulated()
    const converse = simulation.converse as NonNullable<ProviderAdapter['converse']>
    const impossible: Usage = {
      quantities: [
        { meter: 'input', quantity: quantity(1e12), unit: 'tokens' },
        { meter: 'output', quantity: quantity(1e12), unit: 'tokens' },
      ],
      certainty: 'exact',
    }
    let turn = 0
    async function* counted(events: AsyncIterable<RealtimeEvent>): AsyncGenerator<RealtimeEvent> {
      for await (const event of events) yield event.type === 'turn' && turn++ === 0 ? { ...event, usage: impossible } : event
    }
    const provider: ProviderAdapter = {
      ...simulation,
      converse: (request, context) => counted(converse(request, context)),
    }
    const rates = [{ unit: 'tokens' as const, amount: '10', per: '1000' }]
    const entries = [{ service: 'realtime', provider: 'gpt-realtime', rates }]
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const prices = new PriceBook({ name: 'talk', currency: 'credits', versions })
    const errors: unknown[] = []
    const { workflow, usage } = await open({ providers: [provider], prices, onError: (error) => errors.push(error) })
    async function* input() {
      for (let said = 0; said < 3; said++) {
        yield { type: 'text' as const, text: 'Do you hear me?' }
        yield { type: 'respond' as const }
      }
    }
    const format = { encoding: 'mulaw', sampleRate: 8_000 } as const
    const talk = await workflow.converse({ inputFormat: format, outputFormat: format, input: input() })
    for await (const _ of talk.events);
    expect((await talk.settled).creditsUsed).toBeGreaterThan(0n)
    expect(turn).toBe(3)
    expect((await usage()).filter(({ quantity }) => quantity > 0n)).toHaveLength(3)
    expect(errors).toMatchObject([{ code: 'INVALID_QUANTITY' }])
  })
})

it('what tools were asked is charged too where the provider does not say what it counted, whether whole or streamed', async () => {
  const written = JSON.stringify({ text: 'heron '.repeat(1_000) })
  const toolCalls = [{ id: 'call_1', name: 'write', arguments: written }]
  const server = await openLoopback({ chat: () => ({ text: '', toolCalls }) })
  server.fail({ type: 'no_usage' }, { times: 2 })
  const { workflow, usage } = await open({ providers: [openai({ apiKey: server.apiKey, baseURL: server.url })] })
  const wish = { messages, outputTokensMax: 4_000, tools: [{ name: 'write', parameters: { type: 'object' } }] }
  await workflow.chat(wish)
  const stream = await workflow.streamChat(wish)
  for await (const _ of stream.events);
  await stream.settled
  const [whole, streamed] = await usage()
  expect(whole?.quantity).toBeGreaterThan(quantity(1_000))
  expect(whole?.quantity).toBe(streamed?.quantity)
})

describe('an adapter of the host’s own that reports', () => {
  const simulation = simulated()
  const tokens = (count: unknown) => ({ meter: 'input', quantity: count, unit: 'tokens' })

  const odd: [string, unknown][] = [
    ['less than nothing', { quantities: [tokens(microUnits(-5_000_000n))], certainty: 'exact' }],
    ['less than nothing of one meter', { quantities: [tokens(quantity(9)), tokens(microUnits(-1n))], certainty: 'exact' }],
    ['a number', { quantities: [tokens(12)], certainty: 'exact' }],
    ['what is no number', { quantities: [tokens(Number.NaN)], certainty: 'exact' }],
    ['nothing of nothing', { quantities: [null], certainty: 'exact' }],
    ['no quantities', { quantities: [], certainty: 'exact' }],
    ['an empty block', {}],
    ['how sure it is in a word of its own', { quantities: [tokens(quantity(9))], certainty: 'sure' }],
  ]

  it.each(odd)('%s is charged by what was counted here, and nothing stays held', async (_, reported) => {
    const usage = reported as Usage
    const provider: ProviderAdapter = {
      ...simulation,
      chat: async () => ({ text: 'At dawn.', finishReason: 'stop', model: 'heron', usage }),
      async *streamChat() {
        yield { type: 'text', text: 'At dawn.' }
        yield { type: 'finish', finishReason: 'stop', model: 'heron', usage }
      },
    }
    const box = await openBox({ providers: [provider] })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'work' })
    expect(await workflow.chat({ messages, provider: 'gpt-4' })).toMatchObject({ text: 'At dawn.', creditsUsed: credits(1) })
    const stream = await workflow.streamChat({ messages, provider: 'gpt-4' })
    for await (const _ of stream.events);
    expect(await stream.settled).toMatchObject({ isComplete: true })
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.map(({ certainty, quantity }) => [certainty, quantity > 0n])).toEqual([
      ['derived', true],
      ['floor', true],
    ])
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
  })

  it.each(odd)('%s of live work is charged by what was measured here, and nothing stays held', async (_, reported) => {
    const usage = reported as Usage
    async function* told<Event extends RealtimeEvent | TranscriptEvent>(events: AsyncIterable<Event>): AsyncGenerator<Event> {
      for await (const event of events) yield event.type === 'turn' || event.type === 'finish' ? { ...event, usage } : event
    }
    const { converse, streamTranscription } = simulation as Required<ProviderAdapter>
    const provider: ProviderAdapter = {
      ...simulation,
      converse: (request, context) => told(converse(request, context)),
      streamTranscription: (request, context) => told(streamTranscription(request, context)),
    }
    const entries = [
      { service: 'realtime', provider: 'gpt-realtime', rates: [{ unit: 'tokens' as const, amount: '10', per: '1000' }] },
      { service: 'voice_stt', provider: 'deepgram', rates: [{ unit: 'minutes' as const, amount: '8' }] },
    ]
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const prices = new PriceBook({ name: 'live', currency: 'credits', versions })
    const box = await openBox({ providers: [provider], prices, onError: () => {} })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'work' })
    const format = { encoding: 'mulaw', sampleRate: 8_000 } as const
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'text', text: 'How many fish does it catch?' }
      yield { type: 'respond' }
    }
    async function* audio() {
      yield new Uint8Array(8_000 * 15)
    }
    const talk = await workflow.converse({ input: input(), inputFormat: format, outputFormat: format })
    for await (const _ of talk.events);
    expect((await talk.settled).creditsUsed).toBeGreaterThan(0n)
    const heard = await workflow.listen({ audio: audio(), format })
    for await (const _ of heard.events);
    expect((await heard.settled).creditsUsed).toBe(credits(2))
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
  })

  it('an id of its request that is longer than a record takes is charged without it', async () => {
    const provider: ProviderAdapter = {
      ...simulation,
      chat: async () => ({ text: 'At dawn.', finishReason: 'stop', model: 'heron', requestId: 'x'.repeat(100_000) }),
    }
    const { workflow, usage } = await open({ providers: [provider] })
    expect(await workflow.chat({ messages, provider: 'gpt-4' })).toMatchObject({ creditsUsed: credits(1) })
    expect(await usage()).toHaveLength(1)
  })

  it('less than nothing of a turn is charged by what was counted here, and those before stay charged', async () => {
    const converse = simulation.converse as NonNullable<ProviderAdapter['converse']>
    const impossible = { quantities: [tokens(microUnits(-5_000_000n))], certainty: 'exact' } as Usage
    async function* counted(events: AsyncIterable<RealtimeEvent>): AsyncGenerator<RealtimeEvent> {
      let turn = 0
      for await (const event of events) yield event.type === 'turn' && turn++ === 1 ? { ...event, usage: impossible } : event
    }
    const provider: ProviderAdapter = { ...simulation, converse: (request, context) => counted(converse(request, context)) }
    const rates = [{ unit: 'tokens' as const, amount: '10', per: '1000' }]
    const entries = [{ service: 'realtime', provider: 'gpt-realtime', rates }]
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const errors: unknown[] = []
    const { workflow, usage } = await open({
      providers: [provider],
      prices: new PriceBook({ name: 'talk', currency: 'credits', versions }),
      onError: (error) => errors.push(error),
    })
    async function* input() {
      for (let said = 0; said < 3; said++) {
        yield { type: 'text' as const, text: 'How many fish does it catch?' }
        yield { type: 'respond' as const }
      }
    }
    const sound = { encoding: 'pcm_s16le', sampleRate: 24_000 } as const
    const live = await workflow.converse({ input: input(), inputFormat: sound, outputFormat: sound })
    for await (const _ of live.events);
    await live.settled
    const turns = (await usage()).filter(({ quantity }) => quantity > 0n)
    expect(turns).toHaveLength(3)
    expect(turns[1]?.certainty).toBe('floor')
    expect(errors).toMatchObject([{ code: 'INVALID_QUANTITY' }])
  })
})

it('an adapter of the host’s own that answers nothing has failed, and the next provider answers', async () => {
  const simulation = simulated()
  const chat = simulation.chat as NonNullable<ProviderAdapter['chat']>
  const provider: ProviderAdapter = {
    ...simulation,
    chat: async (request, context) => (request.model === 'gpt-4' ? (undefined as never) : chat(request, context)),
  }
  const configuration = presets.balanced({ primaryAiModel: 'gpt-4', fallbackAiModel: 'gpt-4o-mini' })
  const { workflow } = await open({ providers: [provider], configuration })
  expect(await workflow.chat({ messages })).toMatchObject({ provider: 'gpt-4o-mini' })
  const { attempts } = await workflow.close()
  expect(attempts?.map(({ provider, error }) => [provider, error])).toContainEqual(['gpt-4', 'malformed'])
})
