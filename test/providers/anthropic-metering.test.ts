import { credits, formatCredits, type Usage } from '@farebox/core'
import { defaultCostBook, rate } from '@farebox/pricing'
import { anthropic } from '@farebox/providers/anthropic'
import { openai } from '@farebox/providers/openai'
import { type ChatInput, defaultPriceBook, PriceBook, presets } from 'farebox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { openLoopback } from '../farebox/parties.ts'
import { type AnthropicLoopbackOptions, startAnthropicLoopback } from '../loopback/anthropic.ts'

const at = Date.parse('2026-11-21T00:00:00Z')
const context = { signal: new AbortController().signal, attemptId: 'a1' }
const used = { inputTokens: 2_000, cachedTokens: 600, outputTokens: 400 }

async function open(options: AnthropicLoopbackOptions = {}) {
  const server = await startAnthropicLoopback(options)
  onTestFinished(() => server.close())
  return { server, provider: anthropic({ apiKey: server.apiKey, baseURL: server.url }) }
}

const tokens = { unit: 'tokens' as const, amount: '1', per: '1000' }
const searches = { unit: 'requests' as const, meter: 'web_searches', amount: '10' }

/** A book with these rates for claude-3-haiku alone. */
function haikuAt(...rates: (typeof tokens | typeof searches)[]) {
  const entries = [{ service: 'gpt', provider: 'claude-3-haiku', rates }]
  const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
  return new PriceBook({ name: 'test', currency: 'credits', versions: [version] })
}

describe('a chat with claude-3-haiku in a workflow', () => {
  it('costs the customer what the default book says, to the token that Anthropic counted', async () => {
    const { provider, server } = await open({ answer: () => used })
    const box = await openBox({ providers: [provider], configuration: presets.balanced() })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'support' })
    const answer = await workflow.chat({ messages: [{ role: 'user', content: 'Hello there' }] })
    expect(answer).toMatchObject({ provider: 'claude-3-haiku', text: 'You said: Hello there', model: 'claude-haiku-5-5' })
    // 2,000 of input, 600 from the cache and 400 of output are 3,000 tokens at 1 credit a thousand.
    expect(formatCredits(answer.creditsUsed)).toBe('3')
    expect(server.invoice).toMatchObject([{ model: 'claude-haiku-5-5', quantities: { input_tokens: 2_000, output_tokens: 400 } }])
  })

  it('is charged by the tokens that Anthropic counted where the book has no price for what came beside them', async () => {
    const usage = { input_tokens: 21_000, output_tokens: 1_000, server_tool_use: { web_search_requests: 2 } }
    const message = { model: 'claude-haiku-5-5', content: [{ type: 'text', text: 'At nine.' }], stop_reason: 'end_turn', usage }
    const provider = anthropic({ client: { messages: { create: async () => message } } })
    const box = await openBox({ providers: [provider], configuration: presets.balanced(), prices: haikuAt(tokens) })
    const { accountId } = await openAccount(box)
    const answer = await box.workflow({ accountId, name: 'support' }).chat({ messages: [{ role: 'user', content: 'When?' }] })
    expect(formatCredits(answer.creditsUsed)).toBe('22')
  })

  it('costs us its searches, and customers 10 credits each by the default book', async () => {
    const usage = { input_tokens: 21_000, output_tokens: 1_000, server_tool_use: { web_search_requests: 2 } }
    const message = { model: 'claude-haiku-5-5', content: [{ type: 'text', text: 'At nine.' }], stop_reason: 'end_turn', usage }
    const provider = anthropic({ client: { messages: { create: async () => message } } })
    const box = await openBox({ providers: [provider], configuration: presets.balanced() })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'support' })
    const answer = await workflow.chat({ messages: [{ role: 'user', content: 'When?' }] })
    expect(formatCredits(answer.creditsUsed)).toBe('42')
    // $0.0021 of input, $0.0005 of output and two searches at $10 per 1,000.
    expect(await box.ledger.usageOf(accountId, workflow.id)).toMatchObject([{ cost: 22_600_000n }])
  })

  it('is held for with the searches that its options ask for, where the book has a price for them', async () => {
    const message = { model: 'claude-haiku-5-5', content: [{ type: 'text', text: 'At nine.' }], stop_reason: 'end_turn' }
    const usage = { input_tokens: 10, output_tokens: 10, server_tool_use: { web_search_requests: 3 } }
    const provider = anthropic({ client: { messages: { create: async () => ({ ...message, usage }) } } })
    const chat = (tool?: object, own: Partial<ChatInput> = {}): ChatInput => ({
      messages: [{ role: 'user', content: 'When?' }],
      ...(tool && { providerOptions: { tools: [tool] } }),
      ...own,
    })
    const search = { type: 'web_search_20250305', name: 'web_search' }
    const open = async (prices: PriceBook, balance: number) => {
      const box = await openBox({ providers: [provider], configuration: presets.balanced(), prices })
      const { accountId } = await openAccount(box, { balance: credits(balance) })
      return box.workflow({ accountId, name: 'support' })
    }
    const priced = await open(haikuAt(tokens, searches), 20)
    const highOf = async (input: ChatInput) => (await priced.estimate({ chat: input })).high
    const alone = await highOf(chat())
    expect(await highOf(chat({ ...search, max_uses: 3 }))).toBe(alone + credits(30))
    expect(await highOf(chat(search))).toBe(alone + credits(50))
    expect(await highOf(chat(search, { tools: [] }))).toBe(alone + credits(50))
    // Another tool, and one whose place the caller's own tools take.
    expect(await highOf(chat({ type: 'bash_20250124', name: 'bash' }))).toBe(alone)
    expect(await highOf(chat(search, { tools: [{ name: 'look', parameters: {} }] }))).toBe(
      await highOf(chat(undefined, { tools: [{ name: 'look', parameters: {} }] })),
    )
    await expect(priced.chat(chat({ ...search, max_uses: 3 }))).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
    const unpriced = await open(haikuAt(tokens), 20)
    expect(await unpriced.chat(chat({ ...search, max_uses: 3 }))).toMatchObject({ text: 'At nine.' })
  })

  it('answers where gpt-4o-mini does not, whatever temperature was asked for', async () => {
    const { provider, server } = await open()
    const ill = await openLoopback()
    ill.fail({ type: 'status', status: 503 }, { times: 10 })
    const providers = [openai({ apiKey: ill.apiKey, baseURL: ill.url }), provider]
    const box = await openBox({ providers, configuration: presets.balanced() })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'support' })
    const answer = await workflow.chat({ messages: [{ role: 'user', content: 'Hello' }], temperature: 1.2, outputTokensMax: 50 })
    expect(answer).toMatchObject({ provider: 'claude-3-haiku', text: 'You said: Hello' })
    expect(server.requests[0]?.body).toMatchObject({ max_tokens: 50, thinking: { type: 'disabled' } })
  })

  it('that is cut after its first words is charged by the input that was counted and the output that arrived', async () => {
    const { provider, server } = await open({ answer: () => ({ inputTokens: 5_000, text: `${'x'.repeat(7_999)} and more` }) })
    const box = await openBox({ providers: [provider], configuration: presets.balanced() })
    const { accountId } = await openAccount(box, { balance: credits(1_000) })
    const workflow = box.workflow({ accountId, name: 'support' })
    server.fail({ type: 'reset', after: 3 })
    const stream = await workflow.streamChat({ messages: [{ role: 'user', content: 'Hello' }], outputTokensMax: 8_000 })
    await expect(async () => {
      for await (const _ of stream.events) {
        // It breaks after its first word.
      }
    }).rejects.toThrow()
    const receipt = await workflow.close()
    expect(receipt.total_credits_used).toBe(7)
  })
})

describe('what Anthropic sells', () => {
  it('has under claude-3-haiku a price for the customer and a cost for us, and neither is zero', async () => {
    const { provider } = await open({ answer: () => used })
    const offer = provider.offers.find(({ service, provider: role }) => service === 'gpt' && role === 'claude-3-haiku')
    if (!offer) throw new Error('there is no such offer')
    const result = await provider.chat?.({ model: offer.model, messages: [{ role: 'user', content: 'Hello' }] }, context)
    for (const book of [defaultPriceBook, defaultCostBook]) {
      expect(rate(book, { ...offer, at }, result?.usage?.quantities ?? []).total.numerator).toBeGreaterThan(0n)
    }
  })

  it('under other names is priced by a team’s own book, and by the default one never as zero', async () => {
    const { provider } = await open({ answer: () => used })
    const usage: Usage | undefined = (
      await provider.chat?.({ model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'Hello' }] }, context)
    )?.usage
    for (const offer of provider.offers.filter((each) => each.service === 'vision' || each.provider !== 'claude-3-haiku')) {
      expect(() => rate(defaultPriceBook, { ...offer, at }, usage?.quantities ?? [])).toThrow(
        expect.objectContaining({ code: 'PRICE_NOT_FOUND' }),
      )
    }
    for (const model of ['claude-sonnet-5-5', 'claude-opus-5-5', 'claude-fable-5-1', 'claude-haiku-4-5']) {
      for (const service of ['gpt', 'vision']) {
        const { total } = rate(defaultCostBook, { service, provider: model, model, at }, usage?.quantities ?? [])
        expect(total.numerator, model).toBeGreaterThan(0n)
      }
    }
  })
})
