import { formatQuantity, type Offer, type Usage } from '@farebox/core'
import { loadTokenizers } from '@farebox/pricing/tokenizer'
import { describe, expect, it } from 'vitest'
import { chatRequest, chatRoute, floorUsage, questionAbout } from './chat-route.ts'
import { measureChat } from './measure-chat.ts'
import type { ChatInput } from './workflow-calls.ts'

const ask = (content: string) => ({ messages: [{ role: 'user' as const, content }] })
const offer = (model: string, imageTokensMax?: number): Offer => ({
  service: 'gpt',
  provider: model,
  model,
  capabilities: { imageTokensMax },
  quality: 1,
  latencyMs: 1,
})
const none = async () => ({})

function tokens({ quantities }: Pick<Usage, 'quantities'>): Record<string, number> {
  return Object.fromEntries(quantities.map((usage) => [usage.meter, Number(formatQuantity(usage.quantity))]))
}

async function held(input: ChatInput, model = 'gpt-4o-mini', load: typeof loadTokenizers = loadTokenizers) {
  const route = chatRoute('gpt', 'chat', input, await measureChat(input, [offer(model)], load))
  return tokens({ quantities: route.usageOf(offer(model)).ceiling })
}

it('an answer is always limited, because what is held must cover it', () => {
  expect(chatRequest(ask('hello')).outputTokensMax).toBe(1_024)
  expect(chatRequest({ ...ask('hello'), outputTokensMax: 5 }).outputTokensMax).toBe(5)
})

describe('what is held covers the question', () => {
  const english = 'The shop opens at nine, and closes when the last customer has left. '.repeat(30)

  it('of a model whose vocabulary is public: its tokens, and hardly more', async () => {
    const exact = (await (await loadTokenizers(['o200k_base'])).o200k_base?.(english)) ?? 0
    const { input = 0, output } = await held({ ...ask(english), outputTokensMax: 10 })
    expect(input).toBeGreaterThanOrEqual(exact + 7)
    expect(input).toBeLessThanOrEqual(Math.max(exact * 1.02, english.length / 4) + 25)
    expect(output).toBe(10)
  })

  it('of any other model, and without a tokenizer: twice as much, and never more than its bytes', async () => {
    const exact = (await (await loadTokenizers(['o200k_base'])).o200k_base?.(english)) ?? 0
    expect((await held(ask(english), 'claude-3-haiku')).input).toBe(2 * exact + 24)
    // A tokenizer may make a token of each byte, of scripts that it has hardly seen.
    expect((await held(ask('ꙮ'.repeat(100)), 'gpt-4o', none)).input).toBe(300 + 24)
    expect((await held(ask('1 2 3 '), 'unheard-of', none)).input).toBe(6 + 24)
  })

  it('with what a vendor says of tools, though another has the same vocabulary', async () => {
    const input = { ...ask('x'), tools: [{ name: 'look_up', parameters: {} }] }
    const offers = ['gemini-3-flash', 'claude-haiku-5-5'].map((model) => offer(model))
    const route = chatRoute('gpt', 'chat', input, await measureChat(input, offers, none))
    const [other = 0, claude = 0] = offers.map((each) => tokens({ quantities: route.usageOf(each).ceiling }).input ?? 0)
    expect(claude - other).toBe(1_000)
  })

  it('with its tools, the calls of them, the schema of the answer, and every answer', async () => {
    const bare = await held(ask('x'))
    const schema = { type: 'object', description: 'one word after another '.repeat(50) }
    const withTools = await held({ ...ask('x'), tools: [{ name: 'look_up', parameters: schema }] })
    expect(withTools.input).toBeGreaterThan((bare.input ?? 0) + 200)
    const toolCalls = [{ id: '1', name: 'look_up', arguments: JSON.stringify(schema) }]
    const withCalls = await held({ messages: [{ role: 'assistant', content: null, toolCalls }] })
    expect(withCalls.input).toBeGreaterThan((bare.input ?? 0) + 200)
    const withOptions = await held({ ...ask('x'), providerOptions: { response_format: schema, n: 3 } })
    expect(withOptions.input).toBeGreaterThan((bare.input ?? 0) + 200)
    expect(withOptions.output).toBe(3 * 1_024)
  })

  it('with the options that have most tokens, not most letters, where they differ by the API of who may answer', async () => {
    const dialectOptions = { 'openai-chat': { user: 'a'.repeat(600) }, 'anthropic-messages': { system: '日'.repeat(500) } }
    const { input: claude = 0 } = await held({ ...ask('x'), dialectOptions }, 'claude-haiku-5-5')
    const { input: alone = 0 } = await held({ ...ask('日'.repeat(500)) }, 'claude-haiku-5-5')
    expect(claude).toBeGreaterThanOrEqual(alone)
  })

  it('with what a cache is given, where the options ask for one', async () => {
    const meters = async (providerOptions: Record<string, unknown>) => {
      const input = { ...ask('x'), providerOptions }
      const route = chatRoute('gpt', 'chat', input, await measureChat(input, [offer('claude-haiku-5-5')], none))
      return route.usageOf(offer('claude-haiku-5-5')).otherMeters.input
    }
    expect(await meters({ system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }] })).toEqual([
      'cached_input',
      'cache_write',
      'cache_write_5m',
      'cache_write_1h',
    ])
    expect(await meters({ system: 'x' })).toEqual(['cached_input'])
  })

  it('with its images, by what the model counts them as', async () => {
    const pixels = (width: number, height: number) => {
      const header = Buffer.from('89504e470d0a1a0a0000000d4948445200000000000000000802000000', 'hex')
      header.writeUInt32BE(width, 16)
      header.writeUInt32BE(height, 20)
      return `data:image/png;base64,${header.toString('base64')}`
    }
    const see = (urls: string[], model: string) => held({ messages: questionAbout('What is this?', urls) }, model)
    const { input: without = 0 } = await see([], 'gpt-4o')
    expect((await see([pixels(1_024, 1_024)], 'gpt-4o')).input).toBe(without + 765)
    expect((await see([pixels(2_048, 4_096)], 'gpt-4o')).input).toBe(without + 1_105)
    expect((await see([pixels(128, 64)], 'gpt-4o-mini')).input).toBe(without + 8_500)
    // Elsewhere, or no image at all: the most that one can be.
    for (const url of ['https://example.com/a.png', 'data:image/png;base64,AAAA', 'data:a']) {
      expect((await see([url], 'gpt-4o')).input).toBe(without + 1_445)
      expect((await see([url, url], 'gpt-4o-mini')).input).toBe(without + 2 * 48_169)
    }
    const { needs } = chatRoute('vision', 'see', ask(''), await measureChat({ messages: questionAbout('?', ['data:a']) }, []))
    expect(needs).toMatchObject({ images: true })
    expect(needs?.contextTokens).toBeGreaterThan(1_024 + 1_000)
  })
})

it('what was used at least counts the question, the words and the tool calls that came', async () => {
  const measure = await measureChat(ask('The shop opens at nine.'), [offer('gpt-4o')])
  const usage = await floorUsage(measure, offer('gpt-4o'), [
    { type: 'text', text: 'y'.repeat(9) },
    { type: 'tool_call', index: 0, arguments: '{"a":1}' },
    { type: 'finish', finishReason: 'stop', model: 'm' },
  ])
  expect([tokens(usage), usage.certainty]).toEqual([{ input: 6 + 6, output: 8 }, 'floor'])
})

it('what was used at least is no more of an answer than was asked for', async () => {
  const measure = await measureChat({ ...ask('The shop opens at nine.'), outputTokensMax: 3 }, [offer('gpt-4o')])
  const usage = await floorUsage(measure, offer('gpt-4o'), [{ type: 'text', text: 'one two three four five six' }])
  expect(tokens(usage)).toEqual({ input: 6 + 6, output: 3 })
})

it('what was used at least is no more than the offer can answer, or can see in an image', async () => {
  const small = { ...offer('own', 50), capabilities: { imageTokensMax: 50, outputTokensMax: 3 } }
  const measure = await measureChat({ messages: questionAbout('?', ['https://example.com/a.png']) }, [small])
  const usage = await floorUsage(measure, small, [{ type: 'text', text: 'one two three four five six' }])
  const { input = 0, output } = tokens(usage)
  expect(output).toBe(3)
  expect(input).toBeLessThanOrEqual(50 + 1 + 6)
})
