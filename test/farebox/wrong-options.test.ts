import type { ProviderAdapter } from '@farebox/core'
import { cloudEvents, keepAlive, Ledger, Outbox, stripeMeterEvents, UsageOutbox, webhook } from '@farebox/ledger'
import { postgres, readPostgresBalances } from '@farebox/ledger/postgres'
import { readSqliteBalances, sqlite } from '@farebox/ledger/sqlite'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { livekit } from '@farebox/providers/livekit'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { twilio } from '@farebox/providers/twilio'
import { undiciFetch } from '@farebox/providers/undici-fetch'
import { createHealth, shareHealth } from '@farebox/router'
import { createFarebox, credits, defineBusinessAdapter, type FareboxOptions, presets, type Workflow } from 'farebox'
import { farebox as express, fareboxRoutes as expressRoutes } from 'farebox/express'
import { fareboxFetch } from 'farebox/fetch'
import { farebox as koa, fareboxRoutes as koaRoutes } from 'farebox/koa'
import { openTelemetry } from 'farebox/opentelemetry'
import { describe, expect, it, vi } from 'vitest'
import { said } from '../support/said.ts'
import { serveApi } from './api-client.ts'
import { openAccount, openBeside, openBox } from './open-box.ts'

// What programs without types give by mistake, and are told by nobody but us.

const refusal = (options: object) =>
  said(() => createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [simulated()], ...options } as FareboxOptions))

const acme = (changes: object) => {
  const offer = { service: 'gpt', provider: 'acme-large', model: 'large-2', capabilities: {}, quality: 0.8, latencyMs: 600 }
  return { name: 'acme', isSimulated: false, availability: { status: 'ready' }, offers: [{ ...offer, ...changes }] }
}

describe('createFarebox', () => {
  it.each<[string, object, string]>([
    [
      'an option that is misspelt',
      { price: {}, loger: {} },
      'price, loger: createFarebox() has no such option; known are store,',
    ],
    [
      'a limit of an adapter in the wrong place',
      { concurrency: { openai: 5 } },
      'openai is no option of concurrency: use default, byAdapter',
    ],
    ['a deadline that is misspelt', { deadlines: { total: 5 } }, 'Did you mean totalMs?'],
    ['a deadline of live work that is misspelt', { liveDeadlines: { finish: 5 } }, 'Did you mean finishMs?'],
    ['retries that are misspelt', { retries: { tries: 5 } }, 'Did you mean triesMax?'],
    ['a hedge that is misspelt', { hedge: { afterMs: 5, shares: 0.1 } }, 'Did you mean share?'],
    ['a spool that is misspelt', { spool: { directory: 'spool', entriesMx: 5 } }, 'Did you mean entriesMax?'],
    ['a store that is the name of a file', { store: 'credits.db' }, 'store must be what sqlite({ filename }) or'],
    [
      'a payer of failed attempts that is misspelt',
      { failedAttempts: 'charge' },
      `failedAttempts must be 'ours' or 'charged', received "charge"`,
    ],
    ['a time to drain that is no number', { drainMs: Number.NaN }, 'drainMs must be milliseconds from 0, received NaN'],
    [
      'a balance for keys in whole credits',
      { minimumCreditsForApiKey: 5_000 },
      'minimumCreditsForApiKey must be 0 or more, as bigint micro-credits: credits(5_000); received 5000',
    ],
    [
      'a switch that is a text',
      { allowContentPolicyFallback: 'false' },
      'allowContentPolicyFallback must be true or false, received "false"',
    ],
    [
      'events that a text asks for',
      { closedWorkflowEvents: 'false' },
      'closedWorkflowEvents must be true or false, received "false"',
    ],
    ['a listener that is a logger', { onError: console }, 'onError must be a function, received an object'],
    ['a clock that is a time', { clock: 5 }, 'clock must be a function, received 5'],
    ['randomness that is a number', { random: 0.5 }, 'random must be a function, received 0.5'],
    ['tokenizers that are loaded', { loadTokenizers: {} }, 'loadTokenizers must be a function, received an object'],
    [
      'a listener of the spool that is none',
      { spool: { directory: 'spool', onRefused: 5 } },
      'onRefused must be a function, received 5',
    ],
    [
      'a logger that is a function',
      { logger: console.log },
      'logger must have the methods debug, info, warn and error: debug is missing',
    ],
    ['a logger without warnings', { logger: { ...console, warn: undefined } }, 'and error: warn is missing'],
    [
      'an observer that was not called',
      { telemetry: openTelemetry },
      'telemetry must be an observer such as openTelemetry(), or a list of them: received a function',
    ],
    ['observers that are a name', { telemetry: ['otel'] }, 'or a list of them: received "otel"'],
    [
      'a classifier that is a function',
      { classifier: () => 'simple' },
      'classifier must be an object with the method classify, received a function',
    ],
    ['a limit on calls at once that is a number', { concurrency: 20 }, 'concurrency takes an object of options, received number'],
    [
      'limits of adapters that are a number',
      { concurrency: { byAdapter: 20 } },
      'byAdapter of concurrency takes an object of options, received number',
    ],
    [
      'a limit of an adapter that is misspelt',
      { concurrency: { byAdapter: { openai: 20 } } },
      'concurrency.byAdapter names "openai", which is no adapter: the adapters are simulated',
    ],
    ['a limit that is a text', { concurrency: { default: '20' } }, 'a limit must be at least 1, received "20"'],
    ['waiting calls by a text', { concurrency: { waitingMax: '5' } }, 'waitingMax must not be below 0, received "5"'],
    ['half a try', { retries: { triesMax: 1.5 } }, 'retries.triesMax must be a whole number, received 1.5'],
    ['tries that are a text', { retries: { triesMax: '2' } }, 'retries.triesMax must be a whole number, received "2"'],
    ['a deadline that is a text', { deadlines: { totalMs: '5' } }, 'deadlines.totalMs must be milliseconds from 0, received "5"'],
    [
      'a deadline of null',
      { liveDeadlines: { finishMs: null } },
      'liveDeadlines.finishMs must be milliseconds from 0, received null',
    ],
    ['a backoff that is a text', { retries: { backoffMs: '5' } }, 'retries.backoffMs must be milliseconds from 0, received "5"'],
    ['a hedge after a text', { hedge: { afterMs: '5' } }, 'hedge.afterMs must be milliseconds from 0, or p95, received "5"'],
    ['a share that is a text', { hedge: { afterMs: 5, share: '0.1' } }, 'share must be from 0 to 1, received "0.1"'],
    ['a burst that is a text', { hedge: { afterMs: 5, burst: '5' } }, 'burst must be at least 1, received "5"'],
    ['a time to drain that is a text', { drainMs: '5' }, 'drainMs must be milliseconds from 0, received "5"'],
    [
      'a price of exports that is none',
      { focus: { seller: 'Acme', creditPrice: '0,001' } },
      'focus.creditPrice must be a decimal above 0',
    ],
    ['business adapters by name', { businessAdapters: {} }, 'businessAdapters must be a list'],
    ['no providers', { providers: undefined }, 'providers must be a list of adapters'],
    ['a provider that was not called', { providers: [openai] }, 'providers[0] is not an adapter such as openai({ apiKey }) or'],
    ['a provider that is absent', { providers: [simulated(), undefined] }, 'providers[1] is not an adapter'],
    [
      'an offer without its provider',
      { providers: [acme({ provider: undefined })] },
      'providers[0].offers[0] of acme: provider is missing',
    ],
    [
      'an offer without capabilities',
      { providers: [acme({ capabilities: undefined })] },
      'capabilities must be an object, {} if',
    ],
    [
      'an offer of unknown quality',
      { providers: [acme({ quality: '0.8' })] },
      'quality must be a number from 0 to 1, received 0.8',
    ],
    ['an offer without a latency', { providers: [acme({ latencyMs: undefined })] }, 'latencyMs must be a number of milliseconds'],
    ['a price book that is a document', { prices: { name: 'ours' } }, 'prices must be a price book: new PriceBook(document)'],
    ['a cost book that is a document', { costs: { name: 'ours' } }, 'costs must be a price book: new PriceBook(document)'],
    [
      'a preset that was not called',
      { configuration: presets.balanced },
      'such as presets.balanced(), received a function: call it',
    ],
    ['the name of a preset', { configuration: 'costOptimized' }, 'such as presets.balanced(), received "costOptimized"'],
    [
      'a model that is misspelt',
      { configuration: presets.balanced({ primaryAiModel: 'gtp-4o' }) },
      'configuration names "gtp-4o" for gpt, which no adapter offers: offered are gpt-4o-mini, gpt-4o, gpt-4, claude-3-haiku',
    ],
    [
      'a voice that is misspelt, where a condition chooses it',
      { configuration: presets.balanced({ conditions: [{ when: { tier: 'gold' }, use: { ttsProvider: 'elevenlab' } }] }) },
      'configuration names "elevenlab" for voice_tts, which no adapter offers',
    ],
    [
      'a fallback that is misspelt, of a business adapter',
      {
        businessAdapters: [
          defineBusinessAdapter({ name: 'desk', configuration: { fallbackProviders: { phone: ['twillio'] } }, description: '' }),
        ],
      },
      'the configuration of business adapter desk names "twillio" for phone, which no adapter offers',
    ],
    ['a part of a configuration', { configuration: { primaryAiModel: 'gpt-4o' } }, 'fallbackAiModel, voiceEnabled, ttsProvider'],
  ])('refuses %s, and says what should be', (_, options, message) => {
    expect(refusal(options)).toContain(message)
  })

  it('takes the names of presets, whom nobody need offer, and those that have a price', () => {
    const providers = [{ ...simulated(), offers: [] }]
    expect(refusal({ providers })).toBe('nothing was said')
    expect(refusal({ providers, configuration: presets.premiumQuality() })).toBe('nothing was said')
  })

  it('says that nothing was given', () => {
    expect(said(() => Reflect.apply(createFarebox, undefined, []))).toContain('store is missing')
    expect(said(() => Reflect.apply(sqlite, undefined, []))).toContain('sqlite() takes either filename or database')
    expect(said(() => Reflect.apply(postgres, undefined, []))).toContain('postgres() takes either connectionString or pool')
  })

  it.each([
    ['no file name, as of a variable that is empty', () => sqlite({ filename: '' }), 'received ""'],
    ['a blank file name', () => sqlite({ filename: ' \n' }), `must be the path of a file or ':memory:'`],
    ['a file name that is null', () => Reflect.apply(sqlite, undefined, [{ filename: null }]), 'received null'],
    ['a file and a database', () => Reflect.apply(sqlite, undefined, [{ filename: 'a', database: {} }]), 'received both'],
    ['no server, as of a variable that is unset', () => postgres({ connectionString: undefined }), 'received neither'],
    ['no server, as of a variable that is empty', () => postgres({ connectionString: '' }), 'connectionString }) is blank'],
    ['a server that is null', () => Reflect.apply(postgres, undefined, [{ connectionString: null }]), 'or not a text'],
  ])('refuses a store with %s, which would keep credits where nobody looks for them', (_, store, message) => {
    expect(said(store)).toContain(message)
  })

  it.each<[string, () => unknown, string]>([
    ['tables without views, as a text', () => sqlite({ filename: ':memory:', views: 'false' as never }), 'views must be true or'],
    ['a time', () => sqlite({ filename: ':memory:', clock: 5 as never }), 'clock must be a function, received 5'],
    ...(['views', 'distributed', 'preparedStatements'] as const).map((name): [string, () => unknown, string] => [
      `${name} that is a text`,
      () => postgres({ connectionString: 'postgres://host/database', [name]: 'false' }),
      `${name} must be true or false, received "false"`,
    ]),
  ])('refuses a store with %s, and says what should be', (_, store, message) => {
    expect(said(store)).toContain(message)
  })

  it('refuses a ledger whose listener is no function', () => {
    expect(said(() => Reflect.construct(Ledger, [sqlite({ filename: ':memory:' }), { onCommit: 5 }]))).toBe(
      'onCommit must be a function, received 5',
    )
  })

  it.each([undefined, 'credits.db', sqlite])('refuses a ledger on %s, and says what keeps one', (driver) => {
    expect(said(() => Reflect.construct(Ledger, [driver]))).toContain('must be what sqlite({ filename })')
  })

  it('names every field of a configuration that is wrong, as it is called in code', () => {
    const configuration = presets.costOptimized({
      maxCreditsPerRequest: 50 as never,
      strategy: 'cheapest' as never,
      conditions: [{ when: {}, use: { maxCreditsPerRequest: 5 as never, primary_ai_model: 'gpt-4o' } as never }],
      ...({ primaryModel: 'gpt-4o' } as object),
    })
    const message = refusal({ configuration })
    expect(message).toContain('maxCreditsPerRequest must be credits(50) and the like')
    expect(message).toContain('strategy must be one of configured, lowest_cost')
    expect(message).toContain('conditions.0.use.maxCreditsPerRequest must be credits(50)')
    expect(message).toContain('conditions.0.use.primary_ai_model is unknown')
    expect(message).toContain('primaryModel is unknown; known are primaryAiModel')
  })

  it('names the business adapter whose configuration is wrong', () => {
    const desk = defineBusinessAdapter({
      name: 'desk',
      description: '',
      configuration: { primary_ai_model: 'gpt-4o' } as object,
    })
    expect(refusal({ businessAdapters: [desk] })).toContain(
      'the configuration of business adapter desk: primary_ai_model is unknown',
    )
  })

  it('takes every preset', () => {
    for (const preset of Object.values(presets)) {
      const conditions = [{ when: { tier: 'free' }, use: { maxCreditsPerRequest: credits('0.5') } }]
      expect(refusal({ configuration: preset({ conditions }) })).toBe('nothing was said')
    }
  })
})

const SID = `AC${'0'.repeat(32)}`
const httpOnly = 'must be an absolute URL that begins with http: or https:'

describe('an adapter', () => {
  it.each<[string, (options: never) => unknown, object, string]>([
    ['openai()', openai, { apiKey: 5 }, 'apiKey must be a text, received 5'],
    ['openai()', openai, { baseURL: 'nope' }, `baseURL ${httpOnly}`],
    ['openai()', openai, { baseURL: 'ws://example.com' }, `baseURL ${httpOnly}`],
    ['openai()', openai, { baseURL: 5 }, 'baseURL must be a text, received 5'],
    ['openai()', openai, { fetch: {} }, 'fetch must be a function, received an object'],
    ['openai()', openai, { now: 5 }, 'now must be a function, received 5'],
    ['openai()', openai, { client: null }, 'client must be an object, received null'],
    ['openai()', openai, { client: OpenaiLike }, 'client must be an object, received a function'],
    ['openai()', openai, { voice: ['alloy'] }, 'voice must be a text, received a list'],
    ['openai()', openai, { websocket: true }, 'websocket must be an object, received true'],
    ['openai()', openai, { api: 'response' }, 'api must be chat or responses, received "response"'],
    ['openai()', openai, { transport: 'undici' }, 'transport must be sdk or fetch, received "undici"'],
    ['openai()', openai, { models: { transscribe: 'whisper-2' } }, 'Did you mean transcribe?'],
    ['openai()', openai, { models: 'whisper-2' }, 'models must be an object, received "whisper-2"'],
    ['anthropic()', anthropic, { apiKey: 5 }, 'apiKey must be a text, received 5'],
    ['anthropic()', anthropic, { models: { haiko: 'claude' } }, 'Did you mean haiku?'],
    ['deepgram()', deepgram, { baseUrl: 'api.deepgram.com' }, `baseUrl ${httpOnly}`],
    ['deepgram()', deepgram, { models: { listen: 'nova-3' } }, 'listen: deepgram({ models }) has no such option'],
    ['elevenlabs()', elevenlabs, { apiKey: {} }, 'apiKey must be a text, received an object'],
    ['elevenlabs()', elevenlabs, { models: { talk: 'v2' } }, 'talk: elevenlabs({ models }) has no such option'],
    ['cartesia()', cartesia, { baseURL: '/v1' }, `baseURL ${httpOnly}`],
    ['cartesia()', cartesia, { transport: 'ws' }, 'transport must be sse or websocket, received "ws"'],
    ['cartesia()', cartesia, { models: { sing: 'sonic' } }, 'sing: cartesia({ models }) has no such option'],
    ['twilio()', twilio, { accountSid: 5 }, 'accountSid must be a text, received 5'],
    ['twilio()', twilio, { accountSid: SID, authToken: 5 }, 'authToken must be a text, received 5'],
    ['twilio()', twilio, { baseUrl: 'localhost:80' }, `baseUrl ${httpOnly}`],
    ['twilio()', twilio, { machineDetection: true }, 'machineDetection must be Enable or DetectMessageEnd, received true'],
    ['twilio()', twilio, { pollMs: '5' }, 'pollMs must be more than zero, received 5'],
    ['livekit()', livekit, { url: 5 }, 'url must be a text, received 5'],
    ['livekit()', livekit, { url: 'mine.livekit.cloud' }, 'url must be an absolute URL that begins with https: or wss:'],
    ['livekit()', livekit, { requestTimeoutSeconds: Number.NaN }, 'requestTimeoutSeconds must be a number of 0 or more'],
    ['undiciFetch()', undiciFetch, { connections: 0 }, 'connections must be a number of 1 or more, received 0'],
    ['undiciFetch()', undiciFetch, { keepAliveMs: '5' }, 'keepAliveMs must be a number of 1 or more, received "5"'],
    ['undiciFetch()', undiciFetch, { dispatcher: 5 }, 'dispatcher must be an object, received 5'],
    ['simulated()', simulated, { name: 5 }, 'name must be a text, received 5'],
    ['simulated()', simulated, { seed: 'x' }, 'seed must be a number, received "x"'],
    ['simulated()', simulated, { services: 'gpt' }, 'services must be a list, received "gpt"'],
    ['simulated()', simulated, { pauseMs: '5' }, 'pauseMs must be a number of 0 or more, received "5"'],
    ['simulated()', simulated, { callSeconds: Number.NaN }, 'callSeconds must be a number of 0 or more, received NaN'],
    ['simulated()', simulated, { priceDelayMs: -1 }, 'priceDelayMs must be a number of 0 or more, received -1'],
    ['simulated()', simulated, { recordsMax: 'all' }, 'recordsMax must be a number of 0 or more, received "all"'],
    ['simulated()', simulated, { sleep: 5 }, 'sleep must be a function, received 5'],
    ['simulated()', simulated, { latencyMs: '5' }, 'latencyMs must be milliseconds, or { median, p95 }'],
    ['simulated()', simulated, { latencyMs: { median: '5', p95: 9 } }, 'latencyMs must be milliseconds, or { median, p95 }'],
    ['simulated()', simulated, { failures: 'stall' }, 'failures must be an object, received "stall"'],
    [
      'simulated()',
      simulated,
      { failures: { 'gpt-4o': { kind: 'down' } } },
      'kind of the failures of gpt-4o must be one of rate_limited, overloaded',
    ],
    [
      'simulated()',
      simulated,
      { failures: { 'gpt-4o': 'stall' } },
      'failures of gpt-4o takes an object of options, received string',
    ],
    [
      'simulated()',
      simulated,
      { failures: { 'gpt-4o': { kind: 'stall', afterPart: 2 } } },
      'afterPart: failures of gpt-4o has no such option; known are kind, status, retryAfterMs, providerCode, afterParts',
    ],
    [
      'simulated()',
      simulated,
      { failures: { 'gtp-4o': { kind: 'overloaded' } } },
      'failures names "gtp-4o", which no offer has: offered are gpt-4o-mini, gpt-4o, gpt-4',
    ],
    ...(
      [
        [
          { kind: 'incomplete', afterParts: '2' },
          'afterParts of the failures of gpt-4o must be a number of 0 or more, received "2"',
        ],
        [
          { kind: 'stall', afterParts: Number.NaN },
          'afterParts of the failures of gpt-4o must be a number of 0 or more, received NaN',
        ],
        [
          { kind: 'rate_limited', retryAfterMs: -1 },
          'retryAfterMs of the failures of gpt-4o must be a number of 0 or more, received -1',
        ],
        [{ kind: 'overloaded', status: '529' }, 'status of the failures of gpt-4o must be a number of 0 or more, received "529"'],
        [{ kind: 'overloaded', providerCode: 529 }, 'providerCode of the failures of gpt-4o must be a text, received 529'],
      ] as const
    ).map(([failure, message]): [string, typeof simulated, object, string] => [
      'simulated()',
      simulated,
      { failures: { 'gpt-4o': failure } },
      message,
    ]),
  ])('of %s is refused with options that are wrong, and says what is right: %#', (_, make, options, message) => {
    expect(said(() => make(options as never))).toContain(message)
  })

  it('whose key and address are empty is made, and off', () => {
    expect(livekit({ url: '', apiKey: '', apiSecret: '' }).availability).toMatchObject({ status: 'disabled' })
    expect(openai({ apiKey: null as never }).availability).toMatchObject({ status: 'disabled' })
    expect(openai({ apiKey: '', baseURL: '' }).availability).toMatchObject({ status: 'disabled' })
    expect(twilio({ accountSid: '', authToken: '', baseUrl: '' }).availability).toMatchObject({ status: 'disabled' })
  })

  it.each([
    ['openai', '', 'https://api.openai.com'],
    ['openai', ' http://127.0.0.1:8000/v1\n', 'http://127.0.0.1:8000'],
    ['anthropic', '', 'https://api.anthropic.com'],
    ['cartesia', '', 'https://api.cartesia.ai'],
    ['deepgram', '', 'https://api.deepgram.com'],
    ['elevenlabs', ' ', 'https://api.elevenlabs.io'],
  ])('of %s with the address "%s" asks %s', async (name, address, origin) => {
    const asked: string[] = []
    const fetch = async (input: string | URL | Request) => {
      asked.push(new URL(input instanceof Request ? input.url : input).origin)
      return new Response('{}', { status: 400 })
    }
    const options = { apiKey: 'k', fetch }
    const given = { ...options, baseURL: address }
    const adapters: Record<string, () => ProviderAdapter> = {
      openai: () => openai(given),
      anthropic: () => anthropic(given),
      cartesia: () => cartesia(given),
      deepgram: () => deepgram({ ...options, baseUrl: address }),
      elevenlabs: () => elevenlabs({ ...options, baseUrl: address }),
    }
    const adapter = adapters[name]?.()
    const context = { attemptId: 'a', signal: new AbortController().signal }
    const model = adapter?.offers.find(({ service }) => service === 'gpt' || service === 'voice_tts')?.model ?? ''
    const answer = adapter?.chat
      ? adapter.chat({ model, messages: [{ role: 'user', content: 'Hi' }] }, context)
      : adapter?.speak?.({ model, text: 'Hi', format: 'wav' }, context)
    await expect(answer).rejects.toMatchObject({ provider: name })
    expect(asked).toEqual([origin])
  })

  it.each<[string, (options: never) => unknown, object]>([
    ['openai()', openai, { apiKey: 'k', api: null, transport: null, models: null, voice: null }],
    ['cartesia()', cartesia, { apiKey: 'k', transport: null }],
    ['twilio()', twilio, { accountSid: SID, machineDetection: null }],
    ['livekit()', livekit, { url: null, requestTimeoutSeconds: null }],
    ['undiciFetch()', undiciFetch, { connections: null, keepAliveMs: null }],
    ['simulated()', simulated, { seed: null, services: null, failures: null, pauseMs: null, recordsMax: null }],
    ['simulated()', simulated, { failures: { 'gpt-4o': undefined } }],
  ])('of %s is made with options that are left out by null: %#', (_, make, options) => {
    expect(said(() => make(options as never))).toBe('nothing was said')
  })
})

class OpenaiLike {}

describe('options of routes', () => {
  it.each<[string, object, string]>([
    ['limits that are a number', { limits: 60 }, 'limits takes an object of options, received number'],
    ['metadata that are no function', { metadata: { tier: 'gold' } }, 'metadata must be a function, received an object'],
    ['a listener that is a logger', { onError: console }, 'onError must be a function, received an object'],
    ['no origins', { cors: {} }, 'cors.origins must be a list of origins such as https://app.example.com'],
    [
      'an origin that is not in a list',
      { cors: { origins: 'https://app.example.com' } },
      'cors.origins must be a list of origins',
    ],
  ])('are refused with %s, and told what they should be', async (_, options, message) => {
    const box = await openBox()
    expect(said(() => box.routes(options as never))).toContain(message)
  })
})

describe('a workflow', () => {
  it.each<[string, object, string]>([
    ['a part of a configuration', { primaryAiModel: 'gpt-4o' }, 'are missing: presets.balanced({ … }) has what is not given'],
    [
      'a limit that is a number',
      presets.balanced({ maxCreditsPerRequest: 5 as never }),
      'maxCreditsPerRequest must be credits(50)',
    ],
  ])('is not begun with %s', async (_, configuration, message) => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    expect(said(() => box.workflow({ accountId, name: 'x', configuration: configuration as never }))).toContain(message)
  })

  it.each([
    ['Express', express],
    ['Koa', koa],
  ])('is not mounted in %s without a name', async (_, mount) => {
    const box = await openBox()
    expect(said(() => Reflect.apply(mount, undefined, [box]))).toContain(
      "workflow is missing: farebox(box, { workflow: 'voice_chat' })",
    )
    expect(said(() => mount(box, { workflow: 'x', configuration: presets.balanced as never }))).toContain('a function: call it')
    const typo = presets.balanced({ primaryAiModel: 'gtp-4o' })
    expect(said(() => mount(box, { workflow: 'x', configuration: typo }))).toContain('names "gtp-4o" for gpt')
    // Without a word it would have no ceiling.
    expect(said(() => Reflect.apply(mount, undefined, [box, { workflow: 'x', maxCredit: credits(5) }]))).toContain(
      'maxCredit: farebox() has no such option; known are workflow, configuration, maxCredits',
    )
    const saidOf = (options: object) => said(() => mount(box, { workflow: 'x', ...options }))
    const form = 'as bigint micro-credits: credits(5); received'
    expect(saidOf({ maxCredits: 5 })).toBe(`maxCredits must be 0 or more, ${form} 5`)
    expect(saidOf({ maxCredits: -1n })).toBe(`maxCredits must be 0 or more, ${form} -1`)
    expect(saidOf({ reserve: '5' })).toBe(`reserve must be above 0, ${form} "5"`)
    expect(saidOf({ reserve: credits(6), maxCredits: credits(5) })).toBe('reserve must not be above maxCredits')
    expect(saidOf({ onError: console })).toBe('onError must be a function, received an object')
    expect(saidOf({ reserve: credits(5), maxCredits: credits(5), onError: () => undefined })).toBe('nothing was said')
  })
})

describe('an option that is misspelt', () => {
  const ledger = new Ledger(sqlite({ filename: ':memory:' }))
  it.each<[string, (options: never) => unknown, object, string]>([
    ['openai()', openai, { apikey: 'sk-1' }, 'apiKey'],
    ['anthropic()', anthropic, { apikey: 'sk-1' }, 'apiKey'],
    ['deepgram()', deepgram, { baseURL: 'https://example.com' }, 'baseUrl'],
    ['elevenlabs()', elevenlabs, { api_key: 'sk-1' }, 'apiKey'],
    ['cartesia()', cartesia, { baseUrl: 'https://example.com' }, 'baseURL'],
    ['twilio()', twilio, { accountSID: 'AC' }, 'accountSid'],
    ['livekit()', livekit, { URL: 'wss://example.com' }, 'url'],
    ['simulated()', simulated, { latency: 5 }, 'latencyMs'],
    ['undiciFetch()', undiciFetch, { connection: 5 }, 'connections'],
    ['sqlite()', sqlite, { fileName: 'credits.db' }, 'filename'],
    ['postgres()', postgres, { connectionstring: 'postgres://host/database' }, 'connectionString'],
    ['Ledger', (options) => new Ledger(sqlite({ filename: ':memory:' }), options), { batchmax: 5 }, 'batchMax'],
    ['Outbox', (options) => new Outbox(ledger, options), { deliver: () => undefined, pollMS: 5 }, 'pollMs'],
    ['UsageOutbox', (options) => new UsageOutbox(ledger, options), { name: 'x', deliver: () => undefined, since: 5 }, 'name'],
    ['openTelemetry()', openTelemetry, { recordsContent: true }, 'recordContent'],
    ['cloudEvents()', cloudEvents, { url: 'https://example.com', header: {} }, 'headers'],
    ['stripeMeterEvents()', stripeMeterEvents, { event_name: 'x' }, 'eventName'],
    ['webhook()', webhook, { url: 'https://example.com', secrets: [] }, 'secret'],
    ['createHealth()', createHealth, { halflifeMs: 5 }, 'halfLifeMs'],
    ['shareHealth()', (options) => shareHealth(createHealth(), ledger.health, options), { everyMS: 5 }, 'everyMs'],
    ['defineBusinessAdapter()', defineBusinessAdapter, { name: 'x', configurations: { phoneEnabled: false } }, 'configuration'],
    ['readSqliteBalances()', readSqliteBalances, { table: 'users', idcolumn: 'id' }, 'idColumn'],
    ['readPostgresBalances()', readPostgresBalances, { table: 'users', balanceColumns: 'credits' }, 'balanceColumn'],
  ])('of %s is refused, and the nearest name told', (of, make, options, nearest) => {
    const [wrong] = Object.keys(options).slice(-1)
    const message = said(() => make(options as never))
    expect(message).toContain(`${wrong}: ${of} has no such option; known are `)
    expect(message).toContain(`Did you mean ${nearest}?`)
  })

  it.each<[string, () => unknown, string]>([
    [
      'that would show prompts in traces',
      () => openTelemetry({ recordContent: 'false' as never }),
      'recordContent must be true or false, received "false"',
    ],
    [
      'that would tell a receiver of costs',
      () => cloudEvents({ url: 'https://example.com', includeCosts: 'false' as never }),
      'includeCosts must be true or false, received "false"',
    ],
    [
      'that would trace no call',
      () => openTelemetry({ tracerProvider: {} as never }),
      'tracerProvider must have the method getTracer, received an object',
    ],
    [
      'that would measure no call',
      () => openTelemetry({ meterProvider: 'otlp' as never }),
      'meterProvider must have the method getMeter, received "otlp"',
    ],
    ['that would deliver no event', () => new Outbox(ledger, {} as never), 'deliver must be a function, received undefined'],
    [
      'that would deliver no usage',
      () => new UsageOutbox(ledger, { name: 'x', deliver: webhook as never, onError: 5 as never }),
      'onError must be a function, received 5',
    ],
    [
      'that would deliver no usage either',
      () => new UsageOutbox(ledger, { name: 'x' } as never),
      'deliver must be a function, received undefined',
    ],
    [
      'that would end retries',
      () => new Outbox(ledger, { deliver: () => undefined, retryDelayMs: 5 as never }),
      'retryDelayMs must be a function, received 5',
    ],
  ])('of a wrong type is refused, as one %s', (_, make, message) => {
    expect(said(make)).toBe(message)
  })

  it.each([0, -1, Number.NaN, '1000', 2 ** 31])(
    'of %s between exchanges of health is refused, as each would follow at once',
    async (everyMs) => {
      const box = await openBox()
      expect(said(() => box.shareHealth({ everyMs: everyMs as never }))).toBe(
        `everyMs must be milliseconds from 1 to 2147483647, received ${everyMs}`,
      )
    },
  )

  it('of a reconciliation is refused, as one that would correct in place of a dry run', async () => {
    const box = await openBox()
    await expect(box.reconcile({ dryRun: true } as never)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/^dryRun: reconcile\(\) has no such option; .* Did you mean isDryRun\?$/),
    })
  })

  it('of a reconciliation that is a text is refused, as every text would make it a dry run', async () => {
    const box = await openBox()
    await expect(box.reconcile({ isDryRun: 'false' as never })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: 'isDryRun must be true or false, received "false"',
    })
  })

  it.each(['abc', Number.NaN, -1])(
    'of a time to wait for prices that is %s is refused, as no price would be overdue',
    async (wrong) => {
      const box = await openBox()
      await expect(box.reconcile({ priceOverdueMs: wrong as never })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: `priceOverdueMs must be milliseconds from 0, received ${wrong}`,
      })
    },
  )

  it.each(['abc', Number.NaN, 0])('of %s calls to consider is refused, as all would be read, or none', async (wrong) => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    await expect(box.recommendations({ accountId, callsMax: wrong as never })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: `callsMax must be a number above zero, received ${wrong}`,
    })
  })

  it('of an end is refused, as a misspelt time would not be waited for', async () => {
    const box = await openBox()
    await expect(box.close({ graceM: 5 } as never)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/^graceM: close\(\) has no such option; .* Did you mean graceMs\?$/),
    })
  })

  it('of an agent is refused, as one that would leave its configuration out', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    await expect(box.agents.create({ accountId, configuration: { phone_enabled: false } } as never)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      field: 'configuration',
      message: expect.stringContaining('known are accountId, businessAdapter, serviceConfiguration'),
    })
  })

  it('of keepAlive is refused, as one that would leave nobody told that a hold is lost', () => {
    const options = { accountId: 'ada', holdId: 'call', onlost: () => undefined }
    expect(() => keepAlive(ledger, options)).toThrow(/^onlost is no field of keepAlive\(\); .* Did you mean onLost\?$/)
  })

  it('of a table of balances is named if it is missing', () => {
    const columns = { table: 'users', idColumn: 'id' }
    expect(said(() => readSqliteBalances({ filename: 'app.db', ...columns } as never))).toBe(
      'balanceColumn of readSqliteBalances() must be a text, received undefined',
    )
    expect(said(() => readPostgresBalances({ connectionString: 'postgres://host/app', ...columns } as never))).toBe(
      'balanceColumn of readPostgresBalances() must be a text, received undefined',
    )
  })

  it.each([undefined, null, 'sk-1'])('of an adapter is refused, and so is %j in the place of its options', (given) => {
    expect(said(() => openai(given as never))).toMatch(
      /^openai\(\) takes an object of options, received (undefined|null|string)$/,
    )
  })

  it('of a provider’s name is refused in a workflow and in an agent, and not in an agent that was made when it was offered', async () => {
    const offers = [{ service: 'gpt', provider: 'acme', model: 'acme-1', capabilities: {}, quality: 0.8, latencyMs: 600 }]
    const box = await openBox({ providers: [simulated(), simulated({ name: 'acme', offers })] })
    const { accountId } = await openAccount(box)
    const configuration = presets.balanced({ primaryAiModel: 'acm' })
    expect(said(() => box.workflow({ accountId, name: 'x', configuration }))).toContain('configuration names "acm" for gpt')
    const create = (name: string) =>
      box.agents.create({ accountId, agentId: name, serviceConfiguration: { primary_ai_model: name } })
    await expect(create('acm')).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
      fields: [{ field: 'primary_ai_model', allowed: expect.stringContaining('names "acm" for gpt, which no adapter offers') }],
    })
    await create('acme')
    const later = openBeside(box)
    const agent = await later.agents.find(accountId, 'acme')
    expect(later.workflow({ accountId, name: 'x', configuration: agent.configuration }).configuration).toBe(agent.configuration)
  })

  it('of a workflow is named as its caller wrote it, who asked for no hold', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const asked = { messages: [{ role: 'user' as const, content: 'Hi' }] }
    const work = [
      (workflow: Workflow) => workflow.chat(asked),
      (workflow: Workflow) => workflow.record('gpt', 'gpt-4o', 5, 'tokens'),
    ]
    const wrong = { name: undefined, businessAdapter: '', maxCredits: 5 }
    for (const [field, value] of Object.entries(wrong)) {
      for (const run of work) {
        const workflow = box.workflow({ accountId, name: 'talk', [field]: value } as never)
        await expect(run(workflow)).rejects.toMatchObject({
          code: 'INVALID_INPUT',
          field,
          message: expect.stringMatching(`^${field} must`),
        })
      }
    }
  })

  it('of a workflow is refused, as one that would leave a ceiling out', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    expect(said(() => box.workflow({ accountId, name: 'x', maxCredit: credits(5) } as never))).toMatch(
      /^maxCredit: workflow\(\) has no such option.* Did you mean maxCredits\?$/,
    )
  })
})

describe('routes', () => {
  it.each([
    ['Express', expressRoutes],
    ['Koa', koaRoutes],
    ['fetch', fareboxFetch],
  ])('of %s refuse an option that is misspelt, as one that would leave a limit out', async (_, mount) => {
    const box = await openBox()
    expect(said(() => Reflect.apply(mount, undefined, [box, { limit: { timeoutMs: 5 } }]))).toContain(
      'limit: routes() has no such option; known are adminToken, limits',
    )
  })

  it.each(['schlüssel', 'two\nlines', 'two words', 'blank-at-its-end ', 12345678])(
    'refuse an admin token that nobody could send: %s',
    async (adminToken) => {
      const box = await openBox()
      expect(said(() => box.routes({ adminToken: adminToken as string }))).toContain('adminToken must be a text of ASCII')
    },
  )
})

const chatOf = (outputTokensMax: unknown) => (workflow: Workflow) =>
  workflow.chat({ messages: [{ role: 'user', content: 'Hi' }], outputTokensMax: outputTokensMax as number })

describe('a call', () => {
  it.each<[string, (workflow: Workflow) => unknown, string]>([
    ['speech of no text', (workflow) => workflow.speak({ input: 'Hello' } as never), 'text must be the text that is spoken'],
    ['streamed speech of no text', (workflow) => workflow.streamSpeech({} as never), 'text must be the text that is spoken'],
    ['an estimate of no text', (workflow) => workflow.estimate({ speak: {} as never }), 'text must be the text that is spoken'],
    ['an answer of less than nothing', chatOf(-1), 'outputTokensMax must be a whole number of tokens, received -1'],
    ['an answer of half a token', chatOf(1.5), 'outputTokensMax must be a whole number of tokens, received 1.5'],
    ['an answer as long as a text says', chatOf('5'), 'outputTokensMax must be a whole number of tokens, received "5"'],
    ['vectors of no list', (workflow) => workflow.embed({ inputs: 'Hello' } as never), 'inputs must be a list of texts'],
    ['vectors of numbers', (workflow) => workflow.embed({ inputs: [1] } as never), 'inputs must be a list of texts'],
    ['vectors of nothing', (workflow) => workflow.embed({ input: ['Hello'] } as never), 'inputs must be a list of texts'],
  ])('for %s is refused, and the field named', async (_, call, message) => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'x' })
    await expect(async () => call(workflow)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining(message),
    })
  })
})

describe.each([undefined, null, 'hello'])('given %s instead of an object', (given) => {
  const input = given as never
  it.each<[string, (workflow: Workflow) => Promise<unknown>]>([
    ['chat', (workflow) => workflow.chat(input)],
    ['see', (workflow) => workflow.see(input)],
    ['streamChat', (workflow) => workflow.streamChat(input)],
    ['transcribe', (workflow) => workflow.transcribe(input)],
    ['listen', (workflow) => workflow.listen(input)],
    ['speak', (workflow) => workflow.speak(input)],
    ['streamSpeech', (workflow) => workflow.streamSpeech(input)],
    ['converse', (workflow) => workflow.converse(input)],
    ['meter', (workflow) => workflow.meter(input)],
    ['embed', (workflow) => workflow.embed(input)],
    ['call', (workflow) => workflow.call(input)],
    ['estimate', (workflow) => workflow.estimate(input)],
  ])('a workflow’s %s says what it takes', async (_, ask) => {
    const box = await openBox()
    const workflow = box.workflow({ accountId: (await openAccount(box)).accountId, name: 'x' })
    const message = expect.stringMatching(/^input of a workflow's \w+ must be an object$/)
    await expect(ask(workflow)).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'input', message })
  })

  it('the ledger’s reports say what they take', async () => {
    const { ledger } = await openBox()
    const reports = [ledger.workflows(input), ledger.breakdowns(input), ledger.usageSeries(input)]
    for (const report of reports) await expect(report).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'input' })
  })
})

it('a part of a message that is no part is named', async () => {
  const box = await openBox()
  const workflow = box.workflow({ accountId: (await openAccount(box)).accountId, name: 'x' })
  const input = { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }, null] }] } as never
  const named = { code: 'INVALID_INPUT', field: 'messages.0.content.1' }
  await expect(workflow.chat(input)).rejects.toMatchObject(named)
  await expect(workflow.streamChat(input)).rejects.toMatchObject(named)
})

it('time that is metered at nobody has no price', async () => {
  const box = await openBox()
  const workflow = box.workflow({ accountId: (await openAccount(box)).accountId, name: 'x' })
  await expect(workflow.meter({ service: 'phone' } as never)).rejects.toMatchObject({ code: 'PRICE_NOT_FOUND' })
})

it.each([undefined, 'question.wav'])('a transcription of %s is told what audio must be', async (audio) => {
  const box = await openBox()
  const { accountId } = await openAccount(box)
  await expect(box.workflow({ accountId, name: 'x' }).transcribe({ audio: audio as never })).rejects.toMatchObject({
    code: 'INVALID_AUDIO',
    message: expect.stringContaining('audio must be the bytes of a recording: a Uint8Array'),
  })
})

describe('a phone call', () => {
  it.each<[string, object, string]>([
    ['nobody to call', { instructions: { type: 'say', text: 'Hello' } }, 'to must be the number to call'],
    ['nothing to say', { to: '+15551234567' }, 'instructions must say what is said or done'],
  ])('with %s holds nothing, and is not told to have been made perhaps', async (_, input, message) => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const refused = box.workflow({ accountId, name: 'x' }).call(input as never)
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining(message) })
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
  })

  it.each<[object, string]>([
    [{ durationSecondsMax: 1e9 }, 'durationSecondsMax must be from 1 to 31536000 seconds, received 1000000000'],
    [{ durationSecondsMax: 0 }, 'durationSecondsMax must be from 1 to 31536000 seconds, received 0'],
    [{ durationSecondsMax: 0.5 }, 'durationSecondsMax must be from 1 to 31536000 seconds, received 0.5'],
    [{ durationSecondsMax: -1 }, 'durationSecondsMax must be from 1 to 31536000 seconds, received -1'],
    [{ durationSecondsMax: Number.NaN }, 'durationSecondsMax must be from 1 to 31536000 seconds, received NaN'],
    [{ durationSecondsMax: '60' }, 'durationSecondsMax must be from 1 to 31536000 seconds, received 60'],
    [{ durationSecondsMax: null }, 'durationSecondsMax must be from 1 to 31536000 seconds, received null'],
    [{ durationSecondsExpected: -1 }, 'durationSecondsExpected must be 0 seconds or more, received -1'],
    [{ durationSecondsExpected: Number.NaN }, 'durationSecondsExpected must be 0 seconds or more, received NaN'],
  ])('of %o is refused by the name of its option, before it is dialled, and in estimates', async (lengths, message) => {
    const dialled = vi.fn()
    const box = await openBox({ providers: [{ ...simulated({ services: ['phone'] }), call: dialled }] })
    const workflow = box.workflow({ accountId: (await openAccount(box)).accountId, name: 'x' })
    const input = { to: '+15551234567', instructions: { type: 'say', text: 'Hello' }, ...lengths } as never
    await expect(workflow.call(input)).rejects.toMatchObject({ code: 'INVALID_INPUT', message })
    await expect(workflow.estimate({ call: lengths as never })).rejects.toMatchObject({ code: 'INVALID_INPUT', message })
    expect(dialled).not.toHaveBeenCalled()
  })
})

describe('a Farebox whose providers have no key', () => {
  it('tells its host which are off and why, and its callers not', async () => {
    const box = await openBox({ providers: [openai({ apiKey: '' }), simulated({ services: ['phone'] })] })
    const { accountId, key } = await openAccount(box)
    const chat = box.workflow({ accountId, name: 'x' }).chat({ messages: [{ role: 'user', content: 'Hi' }] })
    const why =
      'providers that are off: openai, no API key: set OPENAI_API_KEY where the server is started, or pass openai({ apiKey })'
    await expect(chat).rejects.toMatchObject({ code: 'NO_PROVIDER', cause: { message: why } })
    const api = await serveApi(box, key)
    const answer = await api.post('/v1/chat/completions', { model: 'auto', messages: [{ role: 'user', content: 'Hi' }] })
    expect(answer.status).toBe(503)
    expect(JSON.stringify(answer.body)).not.toContain('OPENAI_API_KEY')
  })
})
