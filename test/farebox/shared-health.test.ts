import { setTimeout as sleep } from 'node:timers/promises'
import type { ChatRequest, ProviderAdapter } from '@farebox/core'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { openai } from '@farebox/providers/openai'
import type { Deadlines } from '@farebox/router'
import { defaultPriceBook, PriceBook, presets } from 'farebox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startAnthropicLoopback } from '../loopback/anthropic.ts'
import { startCartesiaLoopback } from '../loopback/cartesia.ts'
import { startDeepgramLoopback } from '../loopback/deepgram.ts'
import { elevenlabsErrorBody, startElevenlabsLoopback } from '../loopback/elevenlabs.ts'
import type { Fault } from '../loopback/faults.ts'
import type { Loopback } from '../loopback/loopback-server.ts'
import { startOpenaiLoopback } from '../loopback/openai.ts'
import { type ApiAnswer, type ApiClient, serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

/** The requests with which the breaker opens, if they count as failures, and one more. */
const TIMES = 5

const WELL = { condition: 'ok', errorRate: 0, rateLimitedRate: 0, inFlightMax: undefined }

/** The default book, and a price for Deepgram's speech, which it has none of. */
const prices = new PriceBook({
  ...defaultPriceBook.document,
  versions: defaultPriceBook.document.versions.map((version) => ({
    ...version,
    entries: [
      ...version.entries,
      { service: 'voice_tts', provider: 'deepgram', rates: [{ unit: 'characters' as const, amount: '1', per: '1000' }] },
    ],
  })),
})

const quiet = (text: string) => (/\p{L}/u.test(text) ? [new TextEncoder().encode(text)] : [])

const providers = {
  openai: async () => {
    const server = await startOpenaiLoopback({ speak: quiet })
    return { server, adapter: openai({ apiKey: server.apiKey, baseURL: server.url }) }
  },
  'the SDK of OpenAI': async () => {
    const server = await startOpenaiLoopback()
    return { server, adapter: openai({ apiKey: server.apiKey, baseURL: server.url, transport: 'sdk' }) }
  },
  anthropic: async () => {
    const server = await startAnthropicLoopback()
    return { server, adapter: anthropic({ apiKey: server.apiKey, baseURL: server.url }) }
  },
  elevenlabs: async () => {
    const server = await startElevenlabsLoopback({ speak: quiet })
    return { server, adapter: elevenlabs({ apiKey: server.apiKey, baseUrl: server.url }) }
  },
  cartesia: async () => {
    const server = await startCartesiaLoopback({ speak: quiet })
    return { server, adapter: cartesia({ apiKey: server.apiKey, baseURL: server.url }) }
  },
  deepgram: async () => {
    const server = await startDeepgramLoopback({ speak: quiet })
    return { server, adapter: deepgram({ apiKey: server.apiKey, baseUrl: server.url }) }
  },
} satisfies Record<string, () => Promise<{ server: Loopback; adapter: ProviderAdapter }>>

type ProviderName = keyof typeof providers

async function open(name: ProviderName) {
  const { server, adapter } = await providers[name]()
  onTestFinished(() => server.close())
  const box = await openBox({
    providers: [adapter],
    configuration: presets.balanced(),
    prices,
    retries: { triesMax: 1 },
  })
  const [one, other] = [await openAccount(box), await openAccount(box)]
  const api = await serveApi(box, one.key)
  const modelOf = (service: string) => adapter.offers.find((offer) => offer.service === service)?.provider ?? ''
  return {
    server,
    attacker: api,
    victim: api.as(other.key),
    chatModel: modelOf('gpt'),
    speechModel: modelOf('voice_tts'),
    spent: async () => (await box.ledger.balance(one.accountId)).balance,
    readings: () =>
      box.catalog.services
        .flatMap((service) => box.catalog.forService(service))
        .map(({ healthKey }) => box.health.read(healthKey))
        .filter((reading) => reading !== undefined),
  }
}

type Opened = Awaited<ReturnType<typeof open>>

const chat = (fields: object = {}) => ({
  send: (api: ApiClient, { chatModel }: Opened): Promise<ApiAnswer> =>
    api.post('/v1/chat/completions', { model: chatModel, messages: [{ role: 'user', content: 'Hello' }], ...fields }),
})
const speech = (input = 'Hello', fields: object = {}) => ({
  send: (api: ApiClient, { speechModel }: Opened): Promise<ApiAnswer> =>
    api.post('/v1/audio/speech', { model: speechModel, input, ...fields }),
})

const status = (code: number, body: unknown): Fault => ({ type: 'status', status: code, body })
const openaiBody = (message: string, code: unknown = null, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
})
const anthropicBody = (type: string, message: string) => ({ type: 'error', error: { type, message } })

const TOO_LARGE =
  'Request too large for gpt-5 in organization org-1 on tokens per min (TPM): Limit 30000, Requested 41000. The input or output tokens must be reduced.'
const PARTLY =
  'Rate limit reached for model `m` in organization `org_1` on tokens per minute (TPM): Limit 12000, Requested 21446. Please try again in 47s.'

interface Case {
  provider: ProviderName
  what: string
  asks: ReturnType<typeof chat>
  fault?: Fault
  answered?: number
  parameter?: string
}

const openaiCases: Omit<Case, 'provider'>[] = [
  {
    what: 'more tokens than a minute allows',
    asks: chat(),
    fault: { ...status(429, openaiBody(TOO_LARGE, 'rate_limit_exceeded', 'tokens')), headers: { 'retry-after': '60' } } as Fault,
    parameter: 'input',
  },
  {
    what: 'more tokens than a minute allows, told by 413',
    asks: chat(),
    fault: status(413, openaiBody(PARTLY, 'rate_limit_exceeded', 'tokens')),
    parameter: 'input',
  },
  {
    what: 'a prompt that xAI refuses',
    asks: chat(),
    fault: status(403, {
      code: 'The caller does not have permission to execute the specified operation',
      error: 'Content violates usage guidelines. Model: grok-4, Failed check: SAFETY_CHECK_TYPE_BIO',
    }),
  },
  {
    what: 'a prompt that OpenRouter refuses',
    asks: chat(),
    fault: status(403, {
      error: {
        code: 403,
        message: 'openai/o1 requires moderation on OpenAI. Your input was flagged for "violence".',
        metadata: { reasons: ['violence'], flagged_input: 'Hello' },
      },
    }),
  },
  {
    what: 'log probabilities of a model that gives none',
    asks: chat({ logprobs: true }),
    fault: status(403, openaiBody('You are not allowed to request logprobs from this model')),
    parameter: 'logprobs',
  },
  {
    what: 'a longer answer than is left to pay',
    asks: chat(),
    fault: status(402, {
      error: {
        code: 402,
        message:
          'This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 9000.',
      },
    }),
    parameter: 'max_tokens',
  },
  {
    what: 'tools of a model that has none',
    asks: chat(),
    fault: status(404, { error: { code: 404, message: 'No endpoints found that support tool use. Try disabling "look".' } }),
    parameter: 'tools',
  },
]

const cases: Case[] = [
  ...openaiCases.map((each) => ({ ...each, provider: 'openai' as const })),
  ...openaiCases.map((each) => ({ ...each, provider: 'the SDK of OpenAI' as const })),
  {
    provider: 'openai',
    what: 'an answer that is filtered half-way',
    asks: chat({ stream: true }),
    fault: {
      type: 'event_error',
      after: 3,
      error: { message: 'x', type: 'invalid_request_error', code: 'content_filter' },
    },
    answered: 200,
  },
  {
    provider: 'anthropic',
    what: 'an answer that is filtered half-way',
    asks: chat({ stream: true }),
    fault: {
      type: 'event_error',
      after: 4,
      error: anthropicBody('invalid_request_error', 'Output blocked by content filtering policy').error,
    },
    answered: 200,
  },
  {
    provider: 'anthropic',
    what: 'a long prompt that is not in the plan',
    asks: chat(),
    fault: status(429, anthropicBody('rate_limit_error', 'Extra usage is required for long context requests.')),
    parameter: 'messages',
  },
  { provider: 'openai', what: 'a text of signs alone', asks: speech('…'), parameter: 'input' },
  { provider: 'deepgram', what: 'a text of signs alone', asks: speech('— !'), parameter: 'text' },
  { provider: 'elevenlabs', what: 'a text of signs alone', asks: speech('🙂'), parameter: 'text' },
  { provider: 'cartesia', what: 'a text of signs alone', asks: speech('…'), parameter: 'transcript' },
]

describe('what one caller asks for does not rest an offer for the others', () => {
  it.each(cases)('$what ($provider)', async ({ provider, asks, fault, answered = 422, parameter }) => {
    const opened = await open(provider)
    const { server, attacker, victim } = opened
    const before = await opened.spent()
    for (let time = 0; time < TIMES; time += 1) {
      if (fault) server.fail(fault)
      const { status, body } = await asks.send(attacker, opened)
      expect([status, JSON.stringify(body)]).toEqual([answered, expect.anything()])
      if (parameter) expect(JSON.stringify(body)).toContain(parameter)
    }
    if (answered !== 200) expect(await opened.spent()).toBe(before)
    for (const { condition, errorRate = 0, rateLimitedRate = 0, inFlightMax } of opened.readings()) {
      expect({ condition, errorRate, rateLimitedRate, inFlightMax }).toEqual(WELL)
    }
    const own = opened.chatModel ? chat() : speech()
    expect((await own.send(victim, opened)).status).toBe(200)
  })
})

describe('what ails the provider rests its offer, and is not blamed on the caller', () => {
  const ill: { provider: ProviderName; what: string; fault: Fault; times: number; condition: string }[] = [
    {
      provider: 'openai',
      what: 'a wrong key',
      fault: status(401, openaiBody('x', 'invalid_api_key')),
      times: 1,
      condition: 'refusing',
    },
    { provider: 'openai', what: 'a key without rights', fault: status(403, openaiBody('x')), times: 1, condition: 'refusing' },
    {
      provider: 'openai',
      what: 'no quota',
      fault: status(429, openaiBody('x', 'insufficient_quota', 'insufficient_quota')),
      times: 1,
      condition: 'refusing',
    },
    { provider: 'openai', what: 'no credit', fault: status(402, openaiBody('x')), times: 1, condition: 'refusing' },
    {
      provider: 'openai',
      what: 'too little credit for any answer',
      fault: status(402, openaiBody('You requested up to 500 tokens, but can only afford 12.')),
      times: 1,
      condition: 'refusing',
    },
    {
      provider: 'openai',
      what: 'a retired model',
      fault: status(404, openaiBody('The model `gpt-5` has been deprecated', 'model_not_found')),
      times: 1,
      condition: 'refusing',
    },
    {
      provider: 'openai',
      what: 'a full minute',
      fault: status(
        429,
        openaiBody('on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.', 'rate_limit_exceeded', 'tokens'),
      ),
      times: 1,
      condition: 'rate_limited',
    },
    {
      provider: 'openai',
      what: 'a limit of nothing',
      fault: status(429, openaiBody('on tokens per min (TPM): Limit 0, Used 0, Requested 20.', 'rate_limit_exceeded', 'tokens')),
      times: 1,
      condition: 'rate_limited',
    },
    {
      provider: 'openai',
      what: 'its own errors',
      fault: status(500, openaiBody('x', null, 'server_error')),
      times: 4,
      condition: 'sick',
    },
    { provider: 'openai', what: 'a page', fault: { type: 'html' }, times: 4, condition: 'sick' },
    { provider: 'openai', what: 'a broken connection', fault: { type: 'destroy' }, times: 4, condition: 'sick' },
    {
      provider: 'anthropic',
      what: 'a wrong key',
      fault: status(401, anthropicBody('authentication_error', 'x')),
      times: 1,
      condition: 'refusing',
    },
    {
      provider: 'anthropic',
      what: 'too many requests',
      fault: status(429, anthropicBody('rate_limit_error', "This request would exceed your organization's rate limit")),
      times: 1,
      condition: 'rate_limited',
    },
    {
      provider: 'elevenlabs',
      what: 'a wrong key',
      fault: status(401, elevenlabsErrorBody('invalid_api_key', 'x')),
      times: 1,
      condition: 'refusing',
    },
    {
      provider: 'cartesia',
      what: 'no credit',
      fault: status(402, { error_code: 'quota_exceeded' }),
      times: 1,
      condition: 'refusing',
    },
  ]

  it.each(ill)('$what ($provider)', async ({ provider, fault, times, condition }) => {
    const opened = await open(provider)
    const asks = opened.chatModel ? chat() : speech()
    for (let time = 0; time < times; time += 1) {
      opened.server.fail(fault)
      const { status } = await asks.send(opened.attacker, opened)
      expect(status === 429 || status >= 500).toBe(true)
    }
    expect(opened.readings().map((reading) => reading.condition)).toContain(condition)
  })
})

describe('what one caller lets take long does not rest an offer for the others', () => {
  const slow = (over: Partial<ProviderAdapter>): ProviderAdapter => ({
    name: 'slow',
    isSimulated: false,
    availability: { status: 'ready' },
    offers: [
      { service: 'gpt', provider: 'gpt-4o-mini', model: 'm', capabilities: { streaming: true }, quality: 0.8, latencyMs: 100 },
    ],
    ...over,
  })
  const isLong = ({ messages }: ChatRequest) => messages[0]?.content === 'long'
  const ask = (content: string) => ({ messages: [{ role: 'user' as const, content }] })

  async function openSlow(adapter: ProviderAdapter, deadlines: Deadlines) {
    const box = await openBox({ providers: [adapter], configuration: presets.balanced(), deadlines, prices })
    const [one, other] = [await openAccount(box), await openAccount(box)]
    const readings = () => box.catalog.forService('gpt').map(({ healthKey }) => box.health.read(healthKey))
    const work = ({ accountId }: { accountId: string }) => box.workflow({ accountId, name: 'work' })
    return { readings, attacker: work(one), victim: work(other) }
  }

  it('by asking for answers that are longer than a deadline allows', async () => {
    const late: Promise<void>[] = []
    const allBegun = Promise.withResolvers<void>()
    let begun = 0
    const adapter = slow({
      async chat(request, { signal }) {
        if (isLong(request) && ++begun === TIMES) allBegun.resolve()
        if (isLong(request)) await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        return { text: 'Short.', finishReason: 'stop', model: 'm' }
      },
    })
    const { readings, attacker, victim } = await openSlow(adapter, { attemptMs: 4_000 })
    const calls = Array.from({ length: TIMES }, () => attacker.chat(ask('long')))
    for (const call of calls) late.push(expect(call).rejects.toMatchObject({ code: 'PROVIDER_TIMEOUT' }))
    // Otherwise it may be answered before the last of them begins, which then says nothing of others.
    await allBegun.promise
    await victim.chat(ask('short'))
    await Promise.all(late)
    expect(readings()).toMatchObject([{ condition: 'ok', errorRate: 0 }])
    expect(await victim.chat(ask('short'))).toMatchObject({ provider: 'gpt-4o-mini' })
  })

  it('by a stream that goes on until the end of its time', async () => {
    const adapter = slow({
      async *streamChat(_, { signal }) {
        while (!signal.aborted) {
          yield { type: 'text', text: 'and ' }
          await sleep(5)
        }
      },
    })
    const { readings, attacker } = await openSlow(adapter, { totalMs: 1_000 })
    const streams = Array.from({ length: TIMES }, async () => {
      const { events } = await attacker.streamChat(ask('long'))
      for await (const event of events) expect(event.type).toBe('text')
    })
    for (const { status } of await Promise.allSettled(streams)) expect(status).toBe('rejected')
    const [reading] = readings()
    expect([reading?.condition ?? 'ok', reading?.errorRate ?? 0]).toEqual(['ok', 0])
  })
})
