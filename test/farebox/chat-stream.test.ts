import { credits, formatQuantity, type ProviderAdapter } from '@farebox/core'
import { loadTokenizers } from '@farebox/pricing/tokenizer'
import { simulated } from '@farebox/providers/simulated'
import { presets, type Workflow } from 'farebox'
import { describe, expect, it } from 'vitest'
import type { Fault } from '../loopback/openai.ts'
import { openAccount, openBox } from './open-box.ts'
import { openLoopback, sdks } from './parties.ts'

const WORDS = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')
const ask = { messages: [{ role: 'user' as const, content: 'Tell me a long story.' }] }

async function open(adapter: ProviderAdapter) {
  const box = await openBox({
    providers: [adapter],
    configuration: presets.balanced({ primaryAiModel: 'gpt-4o', lastResort: false, fallbackAiModel: null }),
  })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'story' })
  const record = async () => {
    const [only, ...more] = await box.ledger.usageOf(accountId, workflow.id)
    if (!only || more.length > 0) throw new Error('one usage record was expected')
    return only
  }
  return { box, accountId, workflow, record, balance: async () => (await box.ledger.balance(accountId)).balance }
}

/** Reads a stream to its end, or `parts` of it. */
async function readText(
  { events }: Awaited<ReturnType<Workflow['streamChat']>>,
  parts = Number.POSITIVE_INFINITY,
): Promise<string> {
  let text = ''
  let left = parts
  for await (const event of events) {
    if (event.type === 'text') text += event.text
    left -= 1
    if (left === 0) break
  }
  return text
}

describe.each(sdks)('an answer streamed by $sdk', ({ adapter }) => {
  it('that is read to its end costs what the invoice says', async () => {
    const server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    const { workflow, record, balance } = await open(adapter(server))
    const stream = await workflow.streamChat(ask)
    expect(await readText(stream)).toBe(WORDS)
    expect(stream.balance).toBe(credits(10_000))
    expect(await stream.settled).toEqual({ creditsUsed: credits(20), balance: credits(9_980), isComplete: true })
    const { quantity, certainty, charged, details } = await record()
    expect([formatQuantity(quantity), certainty, charged]).toEqual(['2500', 'exact', credits(20)])
    expect(details).toMatchObject({ raw: { prompt_tokens: 2_000, completion_tokens: 500 }, attempts: [{ outcome: 'succeeded' }] })
    expect(await balance()).toBe(credits(9_980))
    expect(server.invoice).toHaveLength(1)
  })

  it('that nobody reads to its end is stopped, and charged for what was produced', async () => {
    const server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    const stall = server.fail({ type: 'stall', after: 10 })
    const { workflow, record, balance } = await open(adapter(server))
    const stream = await workflow.streamChat(ask)
    await stall.struck
    await readText(stream, 5)
    expect(await stream.settled).toEqual({ creditsUsed: credits(1), balance: credits(9_999), isComplete: false })
    expect(await server.requests[0]?.abandoned).toBe(true)
    const { quantity, certainty, details } = await record()
    expect(certainty).toBe('floor')
    expect(Number(formatQuantity(quantity))).toBeLessThan(2_500)
    expect(details).toMatchObject({ attempts: [{ outcome: 'left' }] })
    expect(await balance()).toBe(credits(9_999))
  })

  const cuts: Fault[] = [
    { type: 'cut', after: 6 },
    { type: 'reset', after: 6 },
    { type: 'event_error', after: 6, error: { message: 'The server had an error', type: 'server_error' } },
  ]
  it.each(cuts)('that breaks off by $type is no success, and not free either', async (fault) => {
    const server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    server.fail(fault)
    const { workflow, record, balance } = await open(adapter(server))
    const stream = await workflow.streamChat(ask)
    await expect(readText(stream)).rejects.toMatchObject({ code: 'STREAM_CUT', provider: 'gpt-4o' })
    expect(await stream.settled).toEqual({ creditsUsed: credits(1), balance: credits(9_999), isComplete: false })
    const { certainty, charged, details } = await record()
    expect([certainty, charged]).toEqual(['floor', credits(1)])
    expect(details).toMatchObject({ attempts: [{ outcome: 'cut' }] })
    expect(await balance()).toBe(credits(9_999))
  })

  it('that does not say what it cost is charged for what was asked and answered', async () => {
    const server = await openLoopback({ chat: () => ({ text: WORDS, promptTokens: 2_000, completionTokens: 500 }) })
    server.fail({ type: 'no_usage' })
    const { workflow, record } = await open(adapter(server))
    const stream = await workflow.streamChat(ask)
    await readText(stream)
    await stream.settled
    const { certainty, quantity } = await record()
    const words = (await loadTokenizers()).o200k_base?.(WORDS) ?? 0
    // Six tokens of the question, the frame of its message and of the answer, and the words that came.
    expect([certainty, formatQuantity(quantity)]).toEqual(['floor', String(6 + 3 + 3 + Number(await words))])
  })

  it('that fails before its first word is not charged', async () => {
    const server = await openLoopback()
    server.fail({ type: 'garbage' })
    const { box, accountId, workflow, balance } = await open(adapter(server))
    await expect(workflow.streamChat(ask)).rejects.toMatchObject({ code: 'PROVIDERS_FAILED' })
    const records = await box.ledger.usageOf(accountId, workflow.id)
    // The stream had been opened, so OpenAI may bill it: to us, and at most for all that was asked for.
    expect(records.map(({ charged, certainty }) => [charged, certainty])).toEqual([
      [0n, 'ceiling'],
      [0n, 'exact'],
    ])
    expect(records[0]?.cost).toBeGreaterThan(0n)
    expect((await workflow.receipt()).services_used).toEqual([])
    expect(await balance()).toBe(credits(10_000))
  })
})

describe('a stream', () => {
  it('whose workflow is closed while it runs is still charged', async () => {
    const { workflow, record } = await open(simulated())
    const stream = await workflow.streamChat(ask)
    await workflow.close()
    await readText(stream)
    expect(await stream.settled).toMatchObject({ creditsUsed: credits(1), isComplete: true })
    expect(await record()).toMatchObject({ certainty: 'exact' })
  })

  it('that was read to its end is on the receipt, is explained and can be refunded, without a wait of the reader', async () => {
    const { workflow, balance } = await open(simulated())
    await readText(await workflow.streamChat(ask))
    expect(await workflow.receipt()).toMatchObject({ total_credits_used: 1, services_used: [{ service_type: 'gpt' }] })
    await readText(await workflow.streamChat(ask))
    expect(await workflow.explain()).toHaveLength(2)
    await readText(await workflow.streamChat(ask))
    await workflow.refund('it was nonsense')
    expect(await balance()).toBe(credits(10_000))
  })

  it('that its reader left is refunded with the rest', async () => {
    const { workflow, balance } = await open(simulated())
    await readText(await workflow.streamChat(ask), 3)
    await workflow.refund('it was nonsense')
    await workflow.close()
    expect(await balance()).toBe(credits(10_000))
  })

  it('that is still to be read keeps nobody waiting for a receipt', async () => {
    const { workflow } = await open(simulated())
    const stream = await workflow.streamChat(ask)
    expect((await workflow.receipt()).services_used).toEqual([])
    await readText(stream)
    expect((await workflow.receipt()).services_used).toHaveLength(1)
  })

  it('that nobody ever reads is charged when its caller leaves', async () => {
    const { workflow, record } = await open(simulated())
    const caller = new AbortController()
    const stream = await workflow.streamChat({ ...ask, signal: caller.signal })
    caller.abort()
    expect(await stream.settled).toEqual({ creditsUsed: credits(1), balance: credits(9_999), isComplete: false })
    expect(await record()).toMatchObject({ certainty: 'floor' })
  })

  it('whose caller left before it began costs nothing', async () => {
    const { box, accountId, workflow } = await open(simulated())
    await expect(workflow.streamChat({ ...ask, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CALLER_LEFT' })
    expect(await box.ledger.usageOf(accountId, workflow.id)).toEqual([])
  })
})
