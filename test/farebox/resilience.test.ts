import { setTimeout as sleep } from 'node:timers/promises'
import type { ChatEvent, ChatRequest, ProviderAdapter, ProviderErrorKind, Usage, UsageQuantity } from '@farebox/core'
import { ProviderError, quantity } from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { loadTokenizers } from '@farebox/pricing/tokenizer'
import { type SimulatedFailures, simulated } from '@farebox/providers/simulated'
import { explainRoute, replayDecision, unpackDecision } from '@farebox/router'
import { credits, PriceBook, presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { openAccount, openBox, openKey } from './open-box.ts'

const ask = { messages: [{ role: 'user' as const, content: 'When does the heron hunt, and what does it catch?' }] }

type OpenOptions = NonNullable<Parameters<typeof openBox>[0]> & { failures?: SimulatedFailures; balance?: number }

async function open(options: OpenOptions = {}) {
  const { failures = {}, balance = 10_000, ...rest } = options
  const box = await openBox({ providers: [simulated({ failures })], ...rest })
  const { accountId } = await openAccount(box, { balance: credits(balance) })
  const workflow = box.workflow({ accountId, name: 'work' })
  return { box, accountId, workflow, usage: () => box.ledger.usageOf(accountId, workflow.id) }
}

/** A chat model under a name of its own, which answers as it is told to. */
function model(
  name: string,
  answer: Pick<ProviderAdapter, 'chat' | 'streamChat'>,
  offer: Partial<ProviderAdapter['offers'][number]> = {},
): ProviderAdapter {
  const capabilities = { streaming: true, tools: true }
  return {
    name: `adapter of ${name}`,
    isSimulated: false,
    availability: { status: 'ready' },
    offers: [{ service: 'gpt', provider: name, model: name, capabilities, quality: 0.8, latencyMs: 100, ...offer }],
    ...answer,
  }
}

function tokens(counts: Record<string, number>): Usage {
  const quantities = Object.entries(counts).map(([meter, count]) => ({
    meter,
    quantity: quantity(count),
    unit: 'tokens' as const,
  }))
  return { quantities, certainty: 'exact' }
}

function bookOf(perThousand: Record<string, Record<string, string>>): PriceBook {
  const entries = Object.entries(perThousand).map(([provider, rates]) => ({
    service: 'gpt',
    provider,
    rates: Object.entries(rates).map(([meter, amount]) => ({
      unit: 'tokens' as const,
      amount,
      per: '1000',
      ...(meter !== 'any' && { meter }),
    })),
  }))
  const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
  return new PriceBook({ name: 'test', currency: 'credits', versions: [version] })
}

describe('a slow provider', () => {
  const slow = (name: string, milliseconds: number) =>
    model(name, {
      async chat(_, { signal }) {
        await sleep(milliseconds, undefined, { signal })
        return { text: name, finishReason: 'stop', model: name, usage: tokens({ input: 500, output: 500 }) }
      },
    })
  const configuration = presets.balanced({ primaryAiModel: 'turtle', fallbackAiModel: 'hare' })
  const prices = bookOf({ turtle: { any: '1' }, hare: { any: '3' } })

  it('is not waited for where another may be asked beside it: the first answer is charged, and the other is ours', async () => {
    const providers = [slow('turtle', 60_000), slow('hare', 1)]
    const hedge = { afterMs: 20, share: 1 }
    const { box, accountId, workflow, usage } = await open({ providers, configuration, prices, hedge })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'hare', creditsUsed: credits(3) })
    const { attempts = [] } = await workflow.close()
    expect(attempts.map(({ provider, outcome, cause, credits_used }) => [provider, outcome, cause, credits_used])).toEqual([
      ['turtle', 'lost', 'first', 0],
      ['hare', 'succeeded', 'hedge', 3],
    ])
    expect((await usage()).map(({ provider, charged, certainty }) => [provider, charged, certainty])).toEqual([
      ['turtle', 0n, 'ceiling'],
      ['hare', credits(3), 'exact'],
    ])
    expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 3))
  })
})

describe('a stream that breaks in the middle', () => {
  const heard: ChatRequest[] = []
  const breaks = model('breaks', {
    async *streamChat() {
      yield { type: 'text', text: 'It hunts at ' } satisfies ChatEvent
    },
  })
  const goesOn = model('goes-on', {
    async *streamChat(request) {
      heard.push(request)
      yield { type: 'text', text: 'dusk.' } satisfies ChatEvent
      const usage = tokens({ input: 1_900, output: 100 })
      yield { type: 'finish', finishReason: 'stop', model: 'goes-on', usage } satisfies ChatEvent
    },
  })
  const providers = [breaks, goesOn]
  const prices = bookOf({ breaks: { any: '1' }, 'goes-on': { any: '1' } })
  const configuration = presets.balanced({ primaryAiModel: 'breaks', fallbackAiModel: 'goes-on' })

  it('goes on at another provider where its caller wants that, who pays for the answer that was finished', async () => {
    const { workflow } = await open({ providers, configuration, prices })
    const seams: unknown[] = []
    const stream = await workflow.streamChat({ ...ask, afterContent: 'continue', onContinued: (seam) => void seams.push(seam) })
    let text = ''
    for await (const event of stream.events) if (event.type === 'text') text += event.text
    expect(text).toBe('It hunts at dusk.')
    expect(seams).toEqual([{ from: 'breaks', to: 'goes-on' }])
    expect(heard.at(-1)?.messages).toMatchObject([
      ...ask.messages,
      { role: 'assistant', content: 'It hunts at ' },
      { role: 'user', content: expect.stringContaining('repeat nothing') },
    ])
    expect(await stream.settled).toMatchObject({ creditsUsed: credits(2), isComplete: true })
    const { attempts = [], services_used } = await workflow.close()
    expect(attempts.map(({ outcome, cause, certainty, credits_used }) => [outcome, cause, certainty, credits_used])).toEqual([
      ['cut', 'first', 'floor', 0],
      ['succeeded', 'continuation', 'exact', 2],
    ])
    expect(services_used).toMatchObject([{ provider: 'goes-on', units_consumed: 2_000, credits_used: 2 }])
  })

  it.each([
    ['extended to hold for the answer so far, which is asked of the next provider too', 1_000, [3, 6]],
    ['ended where nothing would pay for that', 5, [3]],
  ] as const)('is %s', async (_, balance, holds) => {
    const held: bigint[] = []
    const said = 'owl '.repeat(900)
    const cut = model('breaks', {
      async *streamChat() {
        held.push((await box.ledger.balance(accountId)).held)
        yield { type: 'text', text: said } satisfies ChatEvent
      },
    })
    const next = model('goes-on', {
      async *streamChat({ messages }) {
        held.push((await box.ledger.balance(accountId)).held)
        // A token for each word.
        const input = messages.reduce((sum, { content }) => sum + String(content).split(' ').length, 0)
        yield { type: 'text', text: 'dusk.' } satisfies ChatEvent
        yield { type: 'finish', finishReason: 'stop', model: 'goes-on', usage: tokens({ input, output: 1_000 }) }
      },
    })
    const books = bookOf({ breaks: { any: '2' }, 'goes-on': { any: '2' } })
    const { box, accountId, workflow } = await open({ providers: [cut, next], configuration, prices: books, balance })
    const stream = await workflow.streamChat({ ...ask, outputTokensMax: 1_000, afterContent: 'continue' })
    const read = async () => {
      for await (const _ of stream.events);
    }
    await (holds.length > 1 ? read() : expect(read()).rejects.toMatchObject({ kind: 'incomplete' }))
    expect(held).toEqual(holds.map((amount) => credits(amount)))
    await stream.settled
    expect(await workflow.close()).not.toHaveProperty('shortfall')
  })

  it.each(['key', 'configuration'] as const)(
    'is not continued where that may cost more than its %s lets a request cost',
    async (whose) => {
      const asked: string[] = []
      const cut = model('breaks', {
        async *streamChat() {
          asked.push('breaks')
          yield { type: 'text', text: 'owl '.repeat(900) } satisfies ChatEvent
        },
      })
      const going = (name: string) =>
        model(name, {
          async *streamChat() {
            asked.push(name)
            yield { type: 'text', text: 'dusk.' } satisfies ChatEvent
            yield { type: 'finish', finishReason: 'stop', model: name, usage: tokens({ input: 900, output: 1_000 }) }
          },
        })
      const limit = credits(3)
      const box = await openBox({
        providers: [cut, going('goes-on'), going('cheap')],
        prices: bookOf({ breaks: { any: '2' }, 'goes-on': { any: '2' }, cheap: { any: '1' } }),
        configuration: presets.balanced({
          primaryAiModel: 'breaks',
          fallbackAiModel: 'goes-on',
          ...(whose === 'configuration' && { maxCreditsPerRequest: limit }),
        }),
      })
      const services = [{ service: 'gpt', costLimitPerRequest: limit }]
      const { accountId, key } = await openAccount(box, whose === 'key' ? { services } : {})
      const workflow = box.workflow({ accountId, name: 'work', apiKey: await box.authenticate(key) })
      const stream = await workflow.streamChat({ ...ask, outputTokensMax: 1_000, afterContent: 'continue' })
      for await (const _ of stream.events);
      expect(asked).toEqual(['breaks', 'cheap'])
      expect(await stream.settled).toMatchObject({ creditsUsed: credits(2), isComplete: true })
      await workflow.end()
    },
  )

  it('ends with an error where its caller does not say so, who pays for what was produced', async () => {
    const { workflow, usage } = await open({ providers, configuration, prices })
    const stream = await workflow.streamChat(ask)
    const read = async () => {
      for await (const _ of stream.events);
    }
    await expect(read()).rejects.toMatchObject({ code: 'STREAM_CUT' })
    expect(await stream.settled).toMatchObject({ creditsUsed: credits(1), isComplete: false })
    expect(await usage()).toMatchObject([{ provider: 'breaks', certainty: 'floor' }])
  })
})

describe('a reader who leaves', () => {
  const words = 50
  function talker(name: string, billsAbandoned: boolean) {
    const said = { words: 0 }
    const adapter = model(
      name,
      {
        async *streamChat(_, { signal }) {
          for (; said.words < words; said.words += 1) {
            await sleep(1, undefined, { signal })
            yield { type: 'text', text: 'word ' } satisfies ChatEvent
          }
          const usage = tokens({ input: 100, output: 2_900 })
          yield { type: 'finish', finishReason: 'stop', model: name, usage } satisfies ChatEvent
        },
      },
      { capabilities: { streaming: true, billsAbandoned } },
    )
    return { adapter, said }
  }

  it('stops a provider that bills what it wrote, and pays for at least what was written', async () => {
    const { adapter, said } = talker('stops', false)
    const { workflow, usage } = await open({ providers: [adapter], prices: bookOf({ stops: { any: '1' } }) })
    const stream = await workflow.streamChat(ask)
    for await (const _ of stream.events) break
    expect(await stream.settled).toMatchObject({ creditsUsed: credits(1), isComplete: false })
    expect(said.words).toBeLessThan(words)
    expect(await usage()).toMatchObject([{ certainty: 'floor' }])
  })

  it('lets one finish that bills all of it anyway, and pays for what that says', async () => {
    const { adapter, said } = talker('finishes', true)
    const { workflow, usage } = await open({ providers: [adapter], prices: bookOf({ finishes: { any: '1' } }) })
    const stream = await workflow.streamChat(ask)
    for await (const _ of stream.events) break
    expect(await stream.settled).toMatchObject({ creditsUsed: credits(3), isComplete: false })
    expect(said.words).toBe(words)
    expect(await usage()).toMatchObject([{ certainty: 'exact' }])
  })

  it('keeps what is held for one that finishes, also where the stream was an agent’s, whose workflow ends with it', async () => {
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
    const slow = model(
      'slow',
      {
        async *streamChat() {
          yield { type: 'text', text: 'word ' } satisfies ChatEvent
          await finished
          yield { type: 'finish', finishReason: 'stop', model: 'slow', usage: tokens({ input: 100, output: 900 }) }
        },
      },
      { capabilities: { streaming: true, billsAbandoned: true } },
    )
    const box = await openBox({ providers: [slow], prices: bookOf({ slow: { any: '1' } }) })
    const { accountId, key } = await openAccount(box, { balance: credits(10) })
    const { agentId } = await box.agents.create({ accountId })
    const response = await box.routes()(
      new Request(`http://127.0.0.1/api/v1/agent/${agentId}/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ message: 'When does the heron hunt?', stream: true }),
      }),
    )
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    // Long enough for the workflow to close, if that did not wait for the charge.
    await sleep(50)
    expect((await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)
    finish()
    await expect.poll(async () => (await box.ledger.balance(accountId)).balance).toBe(credits(9))
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
  })
})

describe('a caller who leaves while the hold is placed', () => {
  it.each(['chat', 'streamChat'] as const)('keeps nothing held, and nobody is asked: %s', async (method) => {
    const { box, accountId, workflow, usage } = await open()
    const caller = new AbortController()
    const { placeHold } = box.ledger
    box.ledger.placeHold = async (input) => {
      const outcome = await placeHold.call(box.ledger, input)
      caller.abort()
      return outcome
    }
    await expect(workflow[method]({ ...ask, signal: caller.signal })).rejects.toMatchObject({ code: 'CALLER_LEFT' })
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
    expect(await usage()).toEqual([])
    await workflow.end()
  })
})

describe('what a call has set aside', () => {
  const settling = tokens({ input: 10, output: 240 })
  const answering = (name: string, answer: () => void | Promise<void> = () => {}) =>
    model(name, {
      async chat() {
        await answer()
        return { text: name, finishReason: 'stop', model: name, usage: settling }
      },
    })

  it('outlives the deadline of the call, so that an answer at the last moment is charged to it', async () => {
    const began = Date.now()
    let time = began
    const late = answering('late', () => {
      time += 600_000
    })
    const { box, accountId, workflow } = await open({
      providers: [late],
      prices: bookOf({ late: { any: '4' } }),
      deadlines: { totalMs: 600_000 },
      storeClock: () => time,
    })
    const { placeHold } = box.ledger
    let expiresAt = 0
    box.ledger.placeHold = async (input) => {
      const outcome = await placeHold.call(box.ledger, input)
      if (outcome.status === 'held') expiresAt = outcome.expiresAt
      return outcome
    }
    await workflow.chat(ask)
    expect(expiresAt).toBeGreaterThan(began + 600_000)
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
    await workflow.end()
  })

  it('for what was tried out and failed is no more than that is charged', async () => {
    const used = tokens({ input: 600, output: 400 })
    const held: bigint[] = []
    const watching = (name: string, fails: boolean) =>
      model(name, {
        async chat() {
          held.push((await box.ledger.balance(accountId)).held)
          if (fails) throw new ProviderError('cut off', { kind: 'malformed', provider: name, usage: used })
          return { text: name, finishReason: 'stop', model: name, usage: used }
        },
      })
    const { box, accountId, workflow } = await open({
      providers: [watching('usual', false), watching('dearer', true)],
      prices: bookOf({ usual: { any: '2' }, dearer: { any: '3' } }),
      configuration: presets.balanced({ primaryAiModel: 'usual', strategy: 'balanced', exploration: 1 }),
      failedAttempts: 'charged',
      random: () => 0,
    })
    await workflow.chat(ask)
    const [alone = 0n] = held.splice(0)
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'usual' })
    // What failed used a thousand tokens, which are two credits at the one that it replaced.
    expect(held.at(-1)).toBe(alone + credits(2))
    await workflow.end()
  })
})

describe('a call that failed', () => {
  const failing = model('failing', {
    async chat() {
      const usage = tokens({ input: 10, output: 740 })
      throw new ProviderError('not now', { provider: 'failing', kind: 'malformed', usage })
    },
  })

  it('says why it failed, also where the ledger cannot be told that it has ended', async () => {
    const { box, accountId, workflow } = await open({ providers: [failing], prices: bookOf({ failing: { any: '4' } }) })
    const { settleHold } = box.ledger
    box.ledger.settleHold = async (input) => {
      if (input.final === false) return settleHold.call(box.ledger, input)
      throw new LedgerUnavailableError('the database is away')
    }
    await expect(workflow.chat(ask)).rejects.toMatchObject({ code: 'PROVIDERS_FAILED', attempts: [{ provider: 'failing' }] })
    expect((await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)
    await workflow.end()
  })
})

describe('the metadata of a call', () => {
  it('comes before that of its workflow, as its estimate says', async () => {
    const conditions = [{ when: { tier: 'free' }, use: { primaryAiModel: 'claude-3-haiku' } }]
    const { box, accountId } = await open({ configuration: presets.balanced({ primaryAiModel: 'gpt-4o', conditions }) })
    const free = box.workflow({ accountId, name: 'work', metadata: { tier: 'free' } })
    const paid = { ...ask, metadata: { tier: 'paid' } }
    expect((await free.estimate({ chat: paid })).services).toMatchObject([{ provider: 'gpt-4o' }])
    expect((await free.chat(paid)).provider).toBe('gpt-4o')
    await free.end()
  })
})

describe('who pays for attempts that fail', () => {
  const failures: SimulatedFailures = { 'gpt-4': { kind: 'incomplete', afterParts: 1 } }
  const configuration = presets.balanced({ primaryAiModel: 'gpt-4', fallbackAiModel: 'gpt-4o' })

  it.each([
    ['ours', 0],
    ['charged', 1],
  ] as const)('is a setting: %s', async (failedAttempts, times) => {
    const { workflow, usage } = await open({ failures, configuration, failedAttempts })
    const stream = await workflow.streamChat({ ...ask, afterContent: 'continue' })
    for await (const _ of stream.events);
    await stream.settled
    const [cut, answer] = await usage()
    expect([cut?.provider, answer?.provider]).toEqual(['gpt-4', 'gpt-4o'])
    expect((cut?.charged ?? 0n) > 0n).toBe(times > 0)
    expect(cut?.cost).toBeGreaterThan(0n)
  })
})

describe('a failed attempt that its customer pays for', () => {
  /** An attempt that fails has used 3 credits of its most, which are 5; the answer after it uses all of them. */
  async function ask5(kind: 'malformed' | 'unavailable', balance: string, unpriced: readonly UsageQuantity[] = []) {
    const held: bigint[] = []
    const answering = (name: string) =>
      model(name, {
        async chat() {
          held.push((await box.ledger.balance(accountId)).held)
          if (held.length === 1) {
            const { quantities, certainty } = tokens({ input: 10, output: 740 })
            const usage: Usage = { quantities: [...quantities, ...unpriced], certainty }
            throw new ProviderError('not now', { provider: name, kind, usage })
          }
          return { text: 'ok', finishReason: 'stop', model: name, usage: tokens({ input: 10, output: 1_024 }) }
        },
      })
    const box = await openBox({
      providers: [answering('first'), answering('second')],
      prices: bookOf({ first: { any: '4' }, second: { any: '4' } }),
      configuration: presets.balanced({ primaryAiModel: 'first', fallbackAiModel: 'second' }),
      failedAttempts: 'charged',
      retries: { backoffMs: 1 },
    })
    const { accountId } = await openAccount(box, { balance: credits(balance) })
    const workflow = box.workflow({ accountId, name: 'work' })
    const answer = await workflow.chat(ask).catch((error: { code: string }) => error)
    const usage = await box.ledger.usageOf(accountId, workflow.id)
    return { answer, held, charged: usage.map(({ charged, shortfall }) => [charged, shortfall]) }
  }

  it.each(['malformed', 'unavailable'] as const)('is held for beside what comes after it: %s', async (kind) => {
    const { answer, held, charged } = await ask5(kind, '8')
    expect(answer).toMatchObject({ text: 'ok', provider: kind === 'malformed' ? 'second' : 'first' })
    expect(held).toEqual([credits(5), credits(8)])
    expect(charged).toEqual([
      [credits(3), 0n],
      [credits(5), 0n],
    ])
  })

  it('is held for by the part of its report that has a price, which is what is charged', async () => {
    const smell = { meter: 'smell', quantity: quantity(1), unit: 'images' as const }
    const { held, charged } = await ask5('malformed', '8', [smell])
    expect(held).toEqual([credits(5), credits(8)])
    expect(charged).toEqual([
      [credits(3), 0n],
      [credits(5), 0n],
    ])
  })

  it.each(['malformed', 'unavailable'] as const)('is the last where no other can be paid beside it: %s', async (kind) => {
    const { answer, held, charged } = await ask5(kind, '7')
    expect(answer).toMatchObject({ code: 'PROVIDERS_FAILED', attempts: [{ provider: 'first', kind }] })
    expect(held).toEqual([credits(5)])
    expect(charged).toEqual([
      [credits(3), 0n],
      [0n, 0n],
    ])
  })
})

describe('a second provider, where the balance does not pay for two', () => {
  it.each([
    ['only once the slow one has failed', 'charged', ['first failed', 'second asked']],
    ['beside the slow one', 'ours', ['second asked']],
  ] as const)('is asked %s, if failed attempts are %s', async (_, failedAttempts, order) => {
    const seen: string[] = []
    const { promise: decided, resolve: decide } = Promise.withResolvers<void>()
    const slow = model('first', {
      async chat() {
        await decided
        seen.push('first failed')
        throw new ProviderError('not now', { provider: 'first', kind: 'unavailable' })
      },
    })
    const answering = model('second', {
      async chat() {
        seen.push('second asked')
        return { text: 'ok', finishReason: 'stop', model: 'second', usage: tokens({ input: 10, output: 240 }) }
      },
    })
    const { box, workflow } = await open({
      providers: [slow, answering],
      prices: bookOf({ first: { any: '4' }, second: { any: '4' } }),
      configuration: presets.balanced({ primaryAiModel: 'first', fallbackAiModel: 'second' }),
      failedAttempts,
      hedge: { afterMs: 1, share: 1 },
      retries: { triesMax: 1 },
      // Each is held for with 5 credits.
      balance: 8,
    })
    const { extendHold } = box.ledger
    box.ledger.extendHold = async (input) => {
      const outcome = await extendHold.call(box.ledger, input)
      decide()
      return outcome
    }
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'second', creditsUsed: credits(1) })
    expect(seen).toEqual(order)
    decide()
    await workflow.end()
  })
})

describe('a second provider beside a slow one that is dearer than what was held for', () => {
  it('is held for beside what that one may cost, where customers pay for failed attempts', async () => {
    const held: bigint[] = []
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const answering = (name: string, work: () => Promise<void> | void) =>
      model(name, {
        async chat() {
          held.push((await box.ledger.balance(accountId)).held)
          await work()
          return { text: name, finishReason: 'stop', model: name, usage: tokens({ input: 10, output: 240 }) }
        },
      })
    const cheap = answering('cheap', answer)
    const dear = answering('dear', () => {
      slot?.()
      return answered
    })
    const { box, accountId, workflow } = await open({
      providers: [cheap, dear],
      prices: bookOf({ cheap: { any: '4' }, dear: { any: '8' } }),
      configuration: presets.balanced({ primaryAiModel: 'cheap', fallbackAiModel: 'dear' }),
      failedAttempts: 'charged',
      concurrency: { byAdapter: { 'adapter of cheap': 1 }, waitingMax: 0 },
      hedge: { afterMs: 200, share: 1 },
    })
    // Until the dear one is asked, the cheap one is busy.
    const slot = box.concurrency.takeNow('adapter of cheap')
    await workflow.chat(ask)
    // Nine credits for the dear one, and five beside them.
    expect(held).toEqual([credits(9), credits(14)])
    await workflow.end()
  })
})

describe('a call under a key with a limit', () => {
  it.each([
    ['5', { text: 'ok', creditsUsed: credits(1) }],
    ['4.999999', { code: 'REQUEST_LIMIT' }],
  ])('is made if it may cost no more than that, which is 5 credits: %s', async (limit, outcome) => {
    const answering = model('usual', {
      chat: async () => ({ text: 'ok', finishReason: 'stop', model: 'usual', usage: tokens({ input: 10, output: 240 }) }),
    })
    const { box, accountId } = await open({ providers: [answering], prices: bookOf({ usual: { any: '4' } }) })
    const { key } = await openKey(box, accountId, { services: [{ service: 'gpt', costLimitPerRequest: credits(limit) }] })
    const workflow = box.workflow({ accountId, name: 'work', apiKey: await box.ledger.authenticate(key) })
    expect(await workflow.chat(ask).catch((error: unknown) => error)).toMatchObject(outcome)
    await workflow.end()
  })
})

describe('a model that costs nothing', () => {
  it('is asked, and charges nothing', async () => {
    const free = model('free', {
      chat: async () => ({ text: 'ok', finishReason: 'stop', model: 'free', usage: tokens({ input: 10, output: 240 }) }),
    })
    const prices = bookOf({ free: { any: '0' } })
    const { box, accountId, workflow, usage } = await open({ providers: [free], prices, balance: 1 })
    expect(await workflow.chat(ask)).toMatchObject({ text: 'ok', creditsUsed: 0n })
    expect(await usage()).toMatchObject([{ charged: 0n, quantity: quantity(250) }])
    expect(await box.ledger.balance(accountId)).toMatchObject({ balance: credits(1), held: 0n })
    await workflow.end()
  })
})

describe('a hold that cannot be extended for another provider', () => {
  it.each([
    ['charged', 3],
    ['ours', 0],
  ] as const)('does not hide what the attempt before it used: %s', async (failedAttempts, charged) => {
    const failing = model('first', {
      async chat() {
        throw new ProviderError('not now', { provider: 'first', kind: 'malformed', usage: tokens({ input: 10, output: 740 }) })
      },
    })
    const answering = model('second', { chat: async () => ({ text: 'ok', finishReason: 'stop', model: 'second' }) })
    const { box, accountId, workflow, usage } = await open({
      providers: [failing, answering],
      prices: bookOf({ first: { any: '4' }, second: { any: '8' } }),
      configuration: presets.balanced({ primaryAiModel: 'first', fallbackAiModel: 'second' }),
      failedAttempts,
    })
    box.ledger.extendHold = () => Promise.reject(new Error('the database is away'))
    await expect(workflow.chat(ask)).rejects.toThrow('the database is away')
    expect(await usage()).toMatchObject([
      { provider: 'first', charged: credits(charged), details: { usage: [{ quantity: '10' }, { quantity: '740' }] } },
      { provider: 'first', charged: 0n, details: { attempts: [{ outcome: 'failed', error: 'malformed' }] } },
    ])
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
    await workflow.end()
  })
})

describe('a stream that another provider is to continue, where customers pay for failed attempts', () => {
  it('is held for once, however many fail before one continues it', async () => {
    const held: bigint[] = []
    const talking = (name: string, say: () => AsyncIterable<ChatEvent>) =>
      model(name, {
        async *streamChat() {
          held.push((await box.ledger.balance(accountId)).held)
          yield* say()
        },
      })
    const refusing = (name: string) =>
      talking(name, () => {
        throw new ProviderError('not now', { provider: name, kind: 'malformed' })
      })
    const providers = [
      talking('cut', async function* () {
        yield { type: 'text', text: 'half ' }
      }),
      refusing('second'),
      refusing('third'),
      talking('last', async function* () {
        const usage = tokens({ input: 10, output: 1_000 })
        yield { type: 'text', text: 'an answer' }
        yield { type: 'finish', finishReason: 'stop', model: 'last', usage }
      }),
    ]
    const box = await openBox({
      providers,
      prices: bookOf({ cut: { any: '4' }, second: { any: '4' }, third: { any: '4' }, last: { any: '4' } }),
      configuration: presets.balanced({ primaryAiModel: 'cut', fallbackAiModel: 'second' }),
      failedAttempts: 'charged',
      retries: { triesMax: 1 },
    })
    const { accountId } = await openAccount(box, { balance: credits(10) })
    const workflow = box.workflow({ accountId, name: 'work' })
    const stream = await workflow.streamChat({ ...ask, afterContent: 'continue' })
    let said = ''
    for await (const event of stream.events) if (event.type === 'text') said += event.text
    expect(said).toBe('half an answer')
    expect(held).toEqual([credits(5), credits(10), credits(10), credits(10)])
    expect(await stream.settled).toMatchObject({ isComplete: true, creditsUsed: credits(5) })
  })
})

describe('a stream that was cut, whose provider says what it used', () => {
  it('is charged for that where customers pay for failed attempts, not for what was counted of it', async () => {
    const cut = model('cut', {
      async *streamChat() {
        yield { type: 'text', text: 'half ' } satisfies ChatEvent
        const usage = tokens({ input: 10, output: 740 })
        throw new ProviderError('not now', { provider: 'cut', kind: 'incomplete', usage })
      },
    })
    const last = model('last', {
      async *streamChat() {
        yield { type: 'text', text: 'an answer' } satisfies ChatEvent
        const usage = tokens({ input: 10, output: 990 })
        yield { type: 'finish', finishReason: 'stop', model: 'last', usage } satisfies ChatEvent
      },
    })
    const { workflow, usage } = await open({
      providers: [cut, last],
      prices: bookOf({ cut: { any: '4' }, last: { any: '4' } }),
      configuration: presets.balanced({ primaryAiModel: 'cut', fallbackAiModel: 'last' }),
      failedAttempts: 'charged',
    })
    const stream = await workflow.streamChat({ ...ask, afterContent: 'continue' })
    for await (const _ of stream.events);
    await stream.settled
    expect((await usage()).map(({ provider, charged, certainty }) => [provider, charged, certainty])).toEqual([
      ['cut', credits(3), 'exact'],
      ['last', credits(4), 'exact'],
    ])
    await workflow.end()
  })
})

describe('a failed attempt of which nobody knows what it used', () => {
  it.each([
    ['says nothing of it', undefined],
    ['says no more than the most', { ...tokens({ input: 2_000, output: 1_000 }), certainty: 'ceiling' as const }],
  ])('is ours where customers pay for failed attempts, and is not held for, if its provider %s', async (_, usage) => {
    const held: bigint[] = []
    const failing = model('failing', {
      chat: async () => {
        throw new ProviderError('cut off', { kind: 'malformed', provider: 'failing', usage })
      },
    })
    const good = model('good', {
      async chat() {
        held.push((await box.ledger.balance(accountId)).held)
        return { text: 'ok', finishReason: 'stop', model: 'good', usage: tokens({ input: 10, output: 990 }) }
      },
    })
    const { box, accountId, workflow, ...rest } = await open({
      providers: [failing, good],
      prices: bookOf({ failing: { any: '4' }, good: { any: '4' } }),
      configuration: presets.balanced({ primaryAiModel: 'failing', fallbackAiModel: 'good' }),
      failedAttempts: 'charged',
    })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'good', creditsUsed: credits(4) })
    expect(held).toEqual([credits(5)])
    expect((await rest.usage()).map(({ provider, charged, certainty }) => [provider, charged, certainty])).toEqual([
      ['failing', 0n, 'ceiling'],
      ['good', credits(4), 'exact'],
    ])
  })

  it.each<[ProviderErrorKind, 'ceiling' | undefined]>([
    ['timeout', 'ceiling'],
    ['incomplete', 'ceiling'],
    ['malformed', 'ceiling'],
    ['aborted', 'ceiling'],
    ['outcome_unknown', 'ceiling'],
    ['network', undefined],
    ['unavailable', undefined],
    ['overloaded', undefined],
    ['content_policy', undefined],
  ])('costs us the most that it can have used, unless its provider did nothing: %s', async (kind, certainty) => {
    const failing = model('failing', {
      chat: async () => {
        throw new ProviderError('cut off', { kind, provider: 'failing' })
      },
    })
    const { workflow, usage } = await open({
      providers: [failing],
      prices: bookOf({ failing: { any: '4' } }),
      configuration: presets.balanced({ primaryAiModel: 'failing' }),
      retries: { triesMax: 1 },
    })
    await expect(workflow.chat(ask)).rejects.toThrow()
    const failed = (await usage()).filter(({ certainty }) => certainty === 'ceiling')
    expect(failed.map(({ certainty, charged }) => [certainty, charged])).toEqual(certainty ? [[certainty, 0n]] : [])
  })
})

describe('a failed attempt that cannot be priced', () => {
  it('does not keep the answer after it from being charged, and is told to the host', async () => {
    const odd = model('odd', {
      async chat() {
        const usage: Usage = { quantities: [{ meter: 'smell', quantity: quantity(1), unit: 'images' }], certainty: 'exact' }
        throw new ProviderError('odd is out of order', { provider: 'odd', kind: 'unavailable', usage })
      },
    })
    const good = model('good', {
      chat: async () => ({ text: 'ok', finishReason: 'stop', model: 'good', usage: tokens({ input: 500, output: 500 }) }),
    })
    const told: unknown[] = []
    const { workflow } = await open({
      providers: [odd, good],
      prices: bookOf({ odd: { any: '1' }, good: { any: '2' } }),
      configuration: presets.balanced({ primaryAiModel: 'odd', fallbackAiModel: 'good' }),
      retries: { triesMax: 1 },
      onError: (error) => void told.push(error),
    })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'good', creditsUsed: credits(2) })
    expect(told).toMatchObject([{ code: 'PRICE_NOT_FOUND' }])
  })
})

describe('tokenizers that cannot be loaded', () => {
  it('do not keep a broken stream from being charged', async () => {
    const breaks = model('breaks', {
      async *streamChat() {
        yield { type: 'text', text: 'half an ' } satisfies ChatEvent
      },
    })
    let isBroken = false
    const { workflow, usage } = await open({
      providers: [breaks],
      prices: bookOf({ breaks: { any: '1' } }),
      loadTokenizers: async () => {
        if (isBroken) throw new Error('the disk is gone')
        return {}
      },
    })
    const stream = await workflow.streamChat(ask)
    isBroken = true
    await expect(
      (async () => {
        for await (const _ of stream.events);
      })(),
    ).rejects.toMatchObject({ code: 'STREAM_CUT' })
    expect((await stream.settled).creditsUsed).toBeGreaterThan(0n)
    expect(await usage()).toMatchObject([{ certainty: 'ceiling' }])
  })

  it('let a whole answer be charged no more than its own model may use', async () => {
    let isBroken = false
    const answering: Pick<ProviderAdapter, 'chat'> = {
      async chat({ model }) {
        isBroken = true
        return { text: 'at dusk', finishReason: 'stop', model }
      },
    }
    const offer = { model: 'gpt-4o', capabilities: { outputTokensMax: 4_096 } }
    const { workflow, usage } = await open({
      providers: [model('counted', answering, offer)],
      prices: bookOf({ counted: { any: '1000' } }),
      loadTokenizers: async (encodings) => {
        if (isBroken) throw new Error('the disk is gone')
        return loadTokenizers(encodings)
      },
    })
    const { high } = await workflow.estimate({ chat: ask })
    expect(await workflow.chat(ask)).toMatchObject({ creditsUsed: high })
    expect(await usage()).toMatchObject([{ certainty: 'ceiling' }])
  })

  it('are told to the host, because the most that the model may use is charged then', async () => {
    let isBroken = false
    const answering: Pick<ProviderAdapter, 'chat'> = {
      async chat({ model }) {
        isBroken = true
        return { text: 'at dusk', finishReason: 'stop', model }
      },
    }
    const told: unknown[] = []
    const { workflow } = await open({
      providers: [model('counted', answering)],
      prices: bookOf({ counted: { any: '1000' } }),
      loadTokenizers: async (encodings) => {
        if (isBroken) throw new Error('the disk is gone')
        return loadTokenizers(encodings)
      },
      onError: (error) => void told.push(error),
    })
    await workflow.chat(ask)
    expect(told).toMatchObject([{ message: 'the disk is gone' }])
  })
})

describe('an answer that may be longer than a model can write', () => {
  const short = { capabilities: { streaming: true, outputTokensMax: 500 } }
  const prices = bookOf({ tall: { output: '1', input: '0' }, short: { output: '1', input: '0' } })
  const configuration = presets.balanced({ primaryAiModel: 'tall', fallbackAiModel: 'short' })
  const wish = { ...ask, outputTokensMax: 20_000 }

  it('is asked of the next model with its own limit, not with one that it refuses', async () => {
    const asked: [string, number | undefined][] = []
    const overloaded: Pick<ProviderAdapter, 'chat'> = {
      async chat({ outputTokensMax }) {
        asked.push(['tall', outputTokensMax])
        throw new ProviderError('busy', { provider: 'tall', kind: 'overloaded' })
      },
    }
    const strict: Pick<ProviderAdapter, 'chat' | 'streamChat'> = {
      async chat({ model, outputTokensMax = 0 }) {
        asked.push(['short', outputTokensMax])
        if (outputTokensMax > 500) throw new ProviderError('too many', { provider: 'short', kind: 'invalid_request' })
        return { text: 'at dusk', finishReason: 'stop', model, usage: tokens({ input: 20, output: 500 }) }
      },
      async *streamChat({ model, outputTokensMax }) {
        asked.push(['stream of short', outputTokensMax])
        yield { type: 'text', text: 'at dusk' }
        yield { type: 'finish', finishReason: 'stop', model, usage: tokens({ input: 20, output: 500 }) }
      },
    }
    const providers = [model('tall', overloaded), model('short', strict, short)]
    const { workflow } = await open({ providers, prices, configuration, retries: { triesMax: 1 } })
    expect(await workflow.chat(wish)).toMatchObject({ provider: 'short', text: 'at dusk', creditsUsed: credits(1) })
    for await (const _ of (await workflow.streamChat({ ...wish, provider: 'short' })).events);
    await workflow.chat({ ...ask, provider: 'short', outputTokensMax: 30 })
    expect(asked).toEqual([
      ['tall', 20_000],
      ['short', 500],
      ['stream of short', 500],
      ['short', 30],
    ])
  })

  it('needs no more room in its window than the answer that it can write', async () => {
    const answering: Pick<ProviderAdapter, 'chat'> = {
      async chat({ model }) {
        return { text: 'at dusk', finishReason: 'stop', model, usage: tokens({ input: 20, output: 500 }) }
      },
    }
    const narrow = (contextTokens: number) => ({ capabilities: { ...short.capabilities, contextTokens } })
    const wide = await open({ providers: [model('short', answering, narrow(1_000))], prices })
    expect(await wide.workflow.chat(wish)).toMatchObject({ provider: 'short', creditsUsed: credits(1) })
    const full = await open({ providers: [model('short', answering, narrow(500))], prices })
    await expect(full.workflow.chat(wish)).rejects.toMatchObject({ message: expect.stringMatching(/has some 5\d\d tokens/) })
  })

  it('holds no more than the longest answer of its model costs', async () => {
    const answering: Pick<ProviderAdapter, 'chat'> = {
      async chat({ model }) {
        return { text: 'at dusk', finishReason: 'stop', model, usage: tokens({ input: 20, output: 500 }) }
      },
    }
    const { box, accountId, workflow } = await open({ providers: [model('short', answering, short)], prices })
    const { high } = await workflow.estimate({ chat: wish })
    expect(high).toBe(credits(1))
    const poor = box.workflow({ accountId, name: 'work', maxCredits: credits(1) })
    expect(await poor.chat(wish)).toMatchObject({ creditsUsed: credits(1) })
    const { services } = await box.estimateTexts({
      messages: [{ role: 'user', content: 'When does the heron hunt?' }],
      max_output_tokens: 20_000,
      service_configuration: { primary_ai_model: 'short' },
    })
    expect(services).toMatchObject([{ provider: 'short', credits_high: 1 }])
  })
})

describe('a candidate that is tried out to learn about it', () => {
  const answering = (name: string): Pick<ProviderAdapter, 'chat'> => ({
    chat: async () => ({ text: name, finishReason: 'stop', model: name, usage: tokens({ input: 600, output: 400 }) }),
  })

  it('costs its customer no more than the one that it replaced', async () => {
    const prices = bookOf({ usual: { any: '2' }, dearer: { any: '3' } })
    const { workflow, usage } = await open({
      providers: [model('usual', answering('usual')), model('dearer', answering('dearer'))],
      prices,
      configuration: presets.balanced({ primaryAiModel: 'usual', strategy: 'balanced', exploration: 1 }),
      random: () => 0,
    })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'usual', creditsUsed: credits(2) })
    // Of the other one nothing is known yet.
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'dearer', creditsUsed: credits(2) })
    expect((await usage()).at(-1)?.details).toMatchObject({
      pricedAs: 'usual',
      decision: { exploration: { candidate: 0, insteadOf: 1 } },
    })
  })

  it('costs no more than its hold, however much more it counts than the one that it replaced, and is replayed at its price', async () => {
    // No tokenizer of Claude's is public, so its answer may count far more for the same text.
    const [usual, tried] = ['gpt-4o', 'claude-new']
    const input = 1_500
    const counting = (name: string) =>
      model(name, {
        chat: async () => ({ text: name, finishReason: 'stop', model: name, usage: tokens({ input, output: 10 }) }),
      })
    const entries = [
      { provider: usual, amount: '10' },
      { provider: tried, amount: '11' },
    ].map(({ provider, amount }) => {
      return { service: 'gpt', provider, model: provider, rates: [{ unit: 'tokens' as const, amount, per: '1000' }] }
    })
    const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
    const prices = new PriceBook({ name: 'test', currency: 'credits', versions: [version] })
    const { box, accountId, workflow, usage } = await open({
      providers: [counting(usual), counting(tried)],
      prices,
      configuration: presets.balanced({ primaryAiModel: usual, strategy: 'balanced', exploration: 1 }),
      random: () => 0,
    })
    const text = 'Straße überqueren, größte Überraschung, naïve façade. '.repeat(60)
    const question = { messages: [{ role: 'user' as const, content: text }], outputTokensMax: 10 }
    await workflow.chat(question)
    expect(await workflow.chat(question)).toMatchObject({ provider: tried })
    const explored = (await usage()).at(-1)
    const { pricedAs, decision } = (explored?.details ?? {}) as { pricedAs?: string; decision?: unknown }
    expect(pricedAs).toBe(usual)
    // The price of its usage at the one that it replaced.
    expect(explored?.rated).toBe(credits('15.1'))
    const { candidates } = unpackDecision(decision) ?? { candidates: [] }
    const [least, most] = [candidates[1], candidates[0]].map((candidate) => credits(candidate?.ceiling ?? '0'))
    expect(least).toBeLessThan(credits('15.1'))
    expect(most).toBeGreaterThan(credits('15.1'))
    const { items } = await box.ledger.statement(accountId, { limit: 2 })
    expect(items.map(({ verb, content }) => [verb, content.amount])).toEqual([
      ['settleHold', undefined],
      ['placeHold', '16000000'],
    ])
    await workflow.close()
    const same = await box.simulate({ from: 0, to: Date.UTC(2100, 0, 1), prices })
    expect(same.difference).toBe(0n)
  })
})

describe('a report of which a part has no price', () => {
  const { quantities: counted } = tokens({ input: 600, output: 400 })
  const searches = { meter: 'web_searches', quantity: quantity(2), unit: 'requests' as const }
  const report: Usage = { quantities: [...counted, searches], certainty: 'exact' }
  const answering = (name: string, usage = report): Pick<ProviderAdapter, 'chat'> => ({
    chat: async () => ({ text: name, finishReason: 'stop', model: name, usage }),
  })
  /** A book of models, each with its price of a thousand tokens and that of a search, where it has one. */
  const priced = (currency: 'credits' | 'usd', ...models: [provider: string, amount: string, searchAmount?: string][]) => {
    const entries = models.map(([provider, amount, searchAmount]) => ({
      service: 'gpt',
      provider,
      rates: [
        { unit: 'tokens' as const, amount, per: '1000' },
        ...(searchAmount === undefined ? [] : [{ unit: 'requests' as const, amount: searchAmount }]),
      ],
    }))
    const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
    return new PriceBook({ name: 'searches', currency, versions: [version] })
  }

  const tiered = ({ document }: PriceBook, factors: Record<string, string> | undefined) => {
    const multipliers = factors && { multipliers: [{ attribute: 'service_tier', factors }] }
    const versions = document.versions.map((version) => ({
      ...version,
      entries: version.entries.map((entry) => ({ ...entry, ...multipliers })),
    }))
    return new PriceBook({ ...document, versions })
  }

  it('costs us all of it, also where customers are charged for the rest alone', async () => {
    const { workflow, usage } = await open({
      providers: [model('m', answering('m'))],
      prices: priced('credits', ['m', '2']),
      costs: priced('usd', ['m', '0.001', '0.01']),
      configuration: presets.balanced({ primaryAiModel: 'm' }),
    })
    expect(await workflow.chat(ask)).toMatchObject({ creditsUsed: credits(2) })
    expect(await usage()).toMatchObject([{ certainty: 'floor', cost: 21_000_000n }])
  })

  it.each([
    ['all of it, also where customers are charged by what was counted here', 2, 20_001_000n, 'derived'],
    ['no more than can be real', 1e12, 1_000_000n, 'floor'],
  ])('costs us %s', async (_, asked, cost, certainty) => {
    const tokensTold = certainty === 'derived' ? tokens({ input: 1 }) : tokens({ input: 600, output: 400 })
    const told: Usage = {
      quantities: [...tokensTold.quantities, { ...searches, quantity: quantity(asked) }],
      certainty: 'exact',
    }
    const { workflow, usage } = await open({
      providers: [model('m', answering('m', told))],
      prices: priced('credits', ['m', '2']),
      costs: priced('usd', ['m', '0.001', '0.01']),
      configuration: presets.balanced({ primaryAiModel: 'm' }),
    })
    expect(await workflow.chat(ask)).toMatchObject({ text: 'm' })
    expect(await usage()).toMatchObject([{ certainty, cost }])
  })

  it.each([
    ['flex', { flex: '0.5' }, 500_000n],
    ['priority', { flex: '0.5', priority: '1.8' }, 1_800_000n],
    ['priority', { flex: '0.5' }, undefined],
    ['priority', undefined, undefined],
    [undefined, { flex: '0.5' }, 1_000_000n],
  ])(
    'costs us what the tier %s that answered does by the factors %j, or what nobody knows, and is charged alike',
    async (serviceTier, factors, cost) => {
      const told: Usage = { ...tokens({ input: 600, output: 400 }), ...(serviceTier && { serviceTier }) }
      const { workflow, usage } = await open({
        providers: [model('m', answering('m', told))],
        prices: priced('credits', ['m', '2']),
        costs: tiered(priced('usd', ['m', '0.001']), factors),
        configuration: presets.balanced({ primaryAiModel: 'm' }),
      })
      expect(await workflow.chat(ask)).toMatchObject({ creditsUsed: credits(2) })
      expect((await usage())[0]?.cost ?? undefined).toBe(cost)
    },
  )

  it('does not lose the charge of one that was tried out where another has the prices', async () => {
    const { workflow } = await open({
      providers: [model('usual', answering('usual')), model('dearer', answering('dearer'))],
      prices: priced('credits', ['usual', '2'], ['dearer', '3', '5']),
      configuration: presets.balanced({ primaryAiModel: 'usual', strategy: 'balanced', exploration: 1 }),
      random: () => 0,
    })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'usual', creditsUsed: credits(2) })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'dearer', creditsUsed: credits(2) })
  })

  it('of one that was tried out is rounded as at the one that it replaced', async () => {
    const { document } = priced('credits', ['usual', '2.5'], ['dearer', '3'])
    const versions = document.versions.map((version) => ({
      ...version,
      entries: version.entries.map((entry) => ({
        ...entry,
        ...(entry.provider === 'usual' && { rounding: { mode: 'up' as const, step: '0.5', point: 'total' as const } }),
      })),
    }))
    const used = tokens({ input: 600, output: 400 })
    const { workflow } = await open({
      providers: [model('usual', answering('usual', used)), model('dearer', answering('dearer', used))],
      prices: new PriceBook({ ...document, versions }),
      configuration: presets.balanced({ primaryAiModel: 'usual', strategy: 'balanced', exploration: 1 }),
      random: () => 0,
    })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'usual', creditsUsed: credits('2.5') })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'dearer', creditsUsed: credits('2.5') })
  })

  it.each([
    ['charged', 2, ['usual']],
    ['ours', 0, [undefined]],
  ] as const)(
    'of one that was tried out and failed costs no more than at the one that it replaced: %s',
    async (failedAttempts, paid, as) => {
      const used = tokens({ input: 600, output: 400 })
      const chat = async () => {
        throw new ProviderError('cut off', { kind: 'malformed', provider: 'dearer', usage: used })
      }
      const { workflow, usage } = await open({
        providers: [model('usual', answering('usual', used)), model('dearer', { chat })],
        prices: priced('credits', ['usual', '2'], ['dearer', '3']),
        configuration: presets.balanced({ primaryAiModel: 'usual', strategy: 'balanced', exploration: 1 }),
        failedAttempts,
        random: () => 0,
      })
      for (const _ of [1, 2]) expect(await workflow.chat(ask)).toMatchObject({ provider: 'usual', creditsUsed: credits(2) })
      const tried = (record: { provider: string }) => record.provider === 'dearer'
      expect((await usage()).filter(tried)).toMatchObject([{ charged: credits(paid), certainty: 'exact' }])
      const explained = (await workflow.explain()).filter(tried)
      expect(explained.map(({ explanation }) => explanation?.provider)).toEqual(as)
    },
  )

  it.each([
    ['an answer', 'was settled'],
    ['a failure', 'was settled'],
    ['an answer', 'answered, and before that was settled'],
  ])('costs us what was reported, though %s told it after another %s', async (how, when) => {
    const late = Promise.withResolvers<void>()
    const turtle = model('turtle', {
      chat: async () => {
        await late.promise
        if (how === 'a failure') throw new ProviderError('cut off', { kind: 'malformed', provider: 'turtle', usage: report })
        return { text: 'turtle', finishReason: 'stop', model: 'turtle', usage: report }
      },
    })
    const errors: unknown[] = []
    const { box, workflow, usage } = await open({
      providers: [turtle, model('hare', answering('hare'))],
      prices: priced('credits', ['turtle', '2'], ['hare', '2']),
      costs: priced('usd', ['turtle', '0.001', '0.01'], ['hare', '0.001', '0.01']),
      configuration: presets.balanced({ primaryAiModel: 'turtle', fallbackAiModel: 'hare' }),
      hedge: { afterMs: 1, share: 1 },
      onError: (error) => errors.push(error),
    })
    const { settleHold } = box.ledger
    box.ledger.settleHold = async (input) => {
      if (when !== 'was settled') {
        late.resolve()
        // Long enough for its cost to be corrected, if that did not wait for its record.
        await sleep(20)
      }
      return settleHold.call(box.ledger, input)
    }
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'hare' })
    late.resolve()
    const costOfTurtle = async () => {
      const records = (await usage()).filter(({ provider }) => provider === 'turtle')
      return records.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)
    }
    await expect.poll(costOfTurtle).toBe(21_000_000n)
    expect(errors).toEqual([])
  })

  it('that came late costs us what the tier that answered does', async () => {
    const late = Promise.withResolvers<void>()
    const turtle = model('turtle', {
      chat: async () => {
        await late.promise
        const usage: Usage = { ...tokens({ input: 600, output: 400 }), serviceTier: 'flex' }
        return { text: 'turtle', finishReason: 'stop', model: 'turtle', usage }
      },
    })
    const { workflow, usage } = await open({
      providers: [turtle, model('hare', answering('hare'))],
      prices: priced('credits', ['turtle', '2'], ['hare', '2']),
      costs: tiered(priced('usd', ['turtle', '0.001'], ['hare', '0.001']), { flex: '0.5' }),
      configuration: presets.balanced({ primaryAiModel: 'turtle', fallbackAiModel: 'hare' }),
      hedge: { afterMs: 1, share: 1 },
    })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'hare' })
    late.resolve()
    const costsOfTurtle = async () => {
      const records = (await usage()).filter(({ provider }) => provider === 'turtle')
      return [records.length, records.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)]
    }
    await expect.poll(costsOfTurtle).toEqual([2, 500_000n])
  })

  it.each(['floor', 'ceiling'] as const)(
    'that came late costs us what was assumed, if all it tells is a %s',
    async (certainty) => {
      const late = Promise.withResolvers<void>()
      const turtle = model('turtle', {
        chat: async () => {
          await late.promise
          const usage: Usage = { ...tokens({ input: 1, output: 1 }), certainty }
          throw new ProviderError('cut off', { kind: 'malformed', provider: 'turtle', usage })
        },
      })
      const { box, accountId, workflow, usage } = await open({
        providers: [turtle, model('hare', answering('hare'))],
        prices: priced('credits', ['turtle', '2'], ['hare', '2']),
        costs: priced('usd', ['turtle', '0.001', '0.01'], ['hare', '0.001', '0.01']),
        configuration: presets.balanced({ primaryAiModel: 'turtle', fallbackAiModel: 'hare' }),
        hedge: { afterMs: 1, share: 1 },
      })
      await workflow.chat(ask)
      const costs = async () => (await usage()).map(({ provider, cost }) => [provider, cost])
      const before = await costs()
      expect(before).toContainEqual(['turtle', expect.any(BigInt)])
      late.resolve()
      // Long enough for the cost to be corrected, if it were.
      await sleep(20)
      expect(await costs()).toEqual(before)
      const { items } = await box.ledger.statement(accountId)
      expect(items.filter(({ verb }) => verb === 'adjust')).toEqual([])
    },
  )

  it('is written down of an attempt that failed', async () => {
    const failing = model('failing', {
      chat: async () => {
        throw new ProviderError('cut off', { kind: 'incomplete', provider: 'failing', usage: report })
      },
    })
    const { workflow, usage } = await open({
      providers: [failing, model('good', answering('good'))],
      prices: priced('credits', ['failing', '7'], ['good', '2']),
      configuration: presets.balanced({ primaryAiModel: 'failing', fallbackAiModel: 'good' }),
      failedAttempts: 'charged',
    })
    await workflow.chat(ask)
    expect((await usage()).map(({ provider, charged }) => [provider, charged])).toEqual([
      ['failing', credits(7)],
      ['good', credits(2)],
    ])
  })
})

describe('a stream that its first provider refused', () => {
  it('is on record under the request of the provider that answered, not of the one that did not', async () => {
    const refuses = model('refuses', {
      // biome-ignore lint/correctness/useYield: it fails before it says anything
      async *streamChat() {
        throw new ProviderError('down', { kind: 'unavailable', provider: 'refuses', requestId: 'theirs' })
      },
    })
    const answers = model('answers', {
      async *streamChat() {
        yield { type: 'text', text: 'At dusk.' } satisfies ChatEvent
        const usage = tokens({ input: 900, output: 100 })
        yield { type: 'finish', finishReason: 'stop', model: 'answers', usage, requestId: 'ours' } satisfies ChatEvent
      },
    })
    const { workflow, usage } = await open({
      providers: [refuses, answers],
      configuration: presets.balanced({ primaryAiModel: 'refuses', fallbackAiModel: 'answers' }),
      prices: bookOf({ refuses: { any: '1' }, answers: { any: '1' } }),
    })
    const { events, settled } = await workflow.streamChat(ask)
    for await (const _ of events);
    await settled
    expect(await usage()).toMatchObject([{ provider: 'answers', details: { requestId: 'ours' } }])
  })
})

describe('a conversation whose beginning is cached', () => {
  it('stays where the cache is, when that is cheaper', async () => {
    const seen: string[] = []
    const caching = (name: string, cached: number): ProviderAdapter =>
      model(name, {
        async chat() {
          seen.push(name)
          return {
            text: 'ok',
            finishReason: 'stop',
            model: name,
            usage: tokens({ input: 4_000 - cached, cached_input: cached, output: 100 }),
          }
        },
      })
    const rates = { input: '10', cached_input: '1', output: '10' }
    const cheaper = { input: '9', cached_input: '9', output: '9' }
    const { workflow } = await open({
      providers: [caching('cached', 3_900), caching('plain', 0)],
      prices: bookOf({ cached: rates, plain: cheaper }),
      configuration: presets.balanced({ strategy: 'lowest_cost' }),
    })
    const long = { role: 'user' as const, content: 'word '.repeat(4_000) }
    await workflow.chat({ messages: [long], provider: 'cached' })
    await workflow.chat({ messages: [long, { role: 'assistant', content: 'ok' }, { role: 'user', content: 'And then?' }] })
    await workflow.chat({ messages: [{ role: 'user', content: 'Something else.' }] })
    expect(seen).toEqual(['cached', 'cached', 'plain'])
  })
})

describe('the decision for a route', () => {
  it('is kept with its usage, can be read, and can be made again under another configuration', async () => {
    const { workflow, usage } = await open({ configuration: presets.balanced({ complexity: 'auto' }) })
    await workflow.chat(ask)
    const [record] = await usage()
    const { decision: kept } = (record?.details ?? {}) as { decision?: unknown }
    const decision = unpackDecision(kept)
    if (!decision) throw new Error('the record keeps no decision')
    expect(decision.complexity).toMatchObject({ by: 'classifier' })
    expect(decision.priceVersion).toBe('default@1')
    expect(explainRoute(decision).join('\n')).toContain('gpt-4o-mini (simulated): configured first')
    const { diff } = replayDecision(decision, { configuration: presets.premiumQuality() })
    expect(diff.join('\n')).toContain('first gpt-4 (simulated)')
    expect(JSON.stringify(kept)).not.toContain('heron')
  })

  it('follows what the host knows of the request', async () => {
    const conditions = [{ when: { tier: 'free' }, use: { primaryAiModel: 'claude-3-haiku' } }]
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o', conditions })
    const { box, accountId, workflow } = await open({ configuration })
    expect((await workflow.chat(ask)).provider).toBe('gpt-4o')
    expect((await workflow.chat({ ...ask, metadata: { tier: 'free' } })).provider).toBe('claude-3-haiku')
    const free = box.workflow({ accountId, name: 'work', metadata: { tier: 'free' } })
    expect((await free.chat(ask)).provider).toBe('claude-3-haiku')
  })

  it('keeps to the region that is asked for', async () => {
    const near = model(
      'near',
      { chat: async () => ({ text: 'ok', finishReason: 'stop', model: 'near', usage: tokens({ input: 1, output: 1 }) }) },
      {
        capabilities: { regions: ['eu'] },
      },
    )
    const { workflow } = await open({
      providers: [simulated(), near],
      prices: bookOf({ near: { any: '1' }, 'gpt-4o-mini': { any: '1' } }),
    })
    expect((await workflow.chat({ ...ask, needs: { region: 'eu' } })).provider).toBe('near')
    await expect(workflow.chat({ ...ask, needs: { region: 'mars' } })).rejects.toMatchObject({ code: 'NO_PROVIDER' })
  })
})

describe('calls at once', () => {
  it('are kept to what an adapter is given, and all are answered', async () => {
    let running = 0
    let most = 0
    const busy = model('busy', {
      async chat() {
        running += 1
        most = Math.max(most, running)
        await sleep(2)
        running -= 1
        return { text: 'ok', finishReason: 'stop', model: 'busy', usage: tokens({ input: 10, output: 10 }) }
      },
    })
    const { workflow } = await open({ providers: [busy], prices: bookOf({ busy: { any: '1' } }), concurrency: { default: 3 } })
    await Promise.all(Array.from({ length: 30 }, () => workflow.chat(ask)))
    expect(most).toBe(3)
  })
})
