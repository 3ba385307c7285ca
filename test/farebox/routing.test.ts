import { readFileSync } from 'node:fs'
import { credits } from '@farebox/core'
import type { CreateApiKeyInput } from '@farebox/ledger'
import { openai } from '@farebox/providers/openai'
import { type SimulatedFailures, simulated } from '@farebox/providers/simulated'
import {
  businessAdapters,
  type ChatInput,
  defaultPriceBook,
  defineBusinessAdapter,
  PriceBook,
  presets,
  type ServiceConfiguration,
} from 'farebox'
import { describe, expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBeside, openBox, openKey } from './open-box.ts'
import { openLoopback } from './parties.ts'

const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const ask = { messages: [{ role: 'user' as const, content: 'hello' }] }
const picture = { prompt: 'What is this?', images: ['data:image/png;base64,iVBORw0KGgo='] }
const call = { to: '+15551234567', instructions: { type: 'say' as const, text: 'hello' } }

async function open(
  configuration: ServiceConfiguration,
  failures: SimulatedFailures = {},
  options: Parameters<typeof openBox>[0] = {},
) {
  const box = await openBox({ providers: [simulated({ failures })], configuration, ...options })
  const account = await openAccount(box)
  const workflow = box.workflow({ accountId: account.accountId, name: 'work' })
  return {
    box,
    account,
    workflow,
    usage: () => box.ledger.usageOf(account.accountId, workflow.id),
    balance: () => box.ledger.balance(account.accountId),
  }
}

describe('a preset', () => {
  const everything = { gpt: 'gpt-4o-mini', stt: 'deepgram', tts: 'openai-tts', vision: 'gpt-4o', phone: 'twilio' }
  const chosen: [string, ServiceConfiguration, Partial<Record<keyof typeof everything, string>>][] = [
    ['costOptimized', presets.costOptimized(), { ...everything, vision: 'gpt-4o-mini' }],
    ['premiumQuality', presets.premiumQuality(), { ...everything, gpt: 'gpt-4', stt: 'openai-whisper', tts: 'elevenlabs' }],
    ['emergencyServices', presets.emergencyServices(), { ...everything, gpt: 'gpt-4o', stt: 'openai-whisper' }],
    ['balanced', presets.balanced(), everything],
    [
      'emergencyservices',
      businessAdapters.emergencyservices.configuration,
      { ...everything, gpt: 'gpt-4o', stt: 'openai-whisper' },
    ],
    ['languagelearning', businessAdapters.languagelearning.configuration, { ...everything, tts: 'cartesia', phone: undefined }],
  ]

  it.each(chosen)('or adapter %s is served by the providers that it names', async (_, configuration, providers) => {
    const { workflow } = await open(configuration)
    expect({
      gpt: (await workflow.chat(ask)).provider,
      stt: (await workflow.transcribe({ audio: question })).provider,
      tts: (await workflow.speak({ text: 'hello' })).provider,
      vision: (await workflow.see(picture)).provider,
      phone: await workflow.call({ ...call, durationSecondsMax: 60 }).then(
        ({ provider }) => provider,
        ({ code }) => (code === 'SERVICE_NOT_ALLOWED' ? undefined : code),
      ),
    }).toEqual(providers)
  })

  it('limits what a request may cost: costOptimized to 50 credits, languagelearning to 75, the others not at all', async () => {
    const { box, account } = await open(presets.balanced())
    const long = { ...call, durationSecondsMax: 180 }
    const run = (configuration: ServiceConfiguration) =>
      box.workflow({ accountId: account.accountId, name: 'work', configuration })
    await expect(run(presets.costOptimized()).call(long)).rejects.toMatchObject({
      code: 'REQUEST_LIMIT',
      needed: credits(60),
      limit: credits(50),
    })
    expect((await run(presets.emergencyServices()).call(long)).provider).toBe('twilio')
    const lesson = businessAdapters.languagelearning.configuration
    const speech = { text: 'x'.repeat(4_000), provider: 'elevenlabs' }
    expect((await run(lesson).speak(speech)).creditsUsed).toBe(credits(8))
    expect(lesson.maxCreditsPerRequest).toBe(credits(75))
  })

  it('may change without making another agent of one that is made again by its id, or under its key', async () => {
    const box = await openBox({ configuration: presets.balanced({ primaryAiModel: 'gpt-4o' }) })
    const { accountId } = await openAccount(box)
    const later = openBeside(box, { configuration: presets.balanced({ primaryAiModel: 'claude-3-haiku' }) })
    const serviceConfiguration = { max_credits_per_request: 9 }
    for (const named of [{ agentId: 'a' }, { idempotencyKey: 'once' }]) {
      const made = await box.agents.create({ accountId, ...named, serviceConfiguration })
      expect(made).toMatchObject({ replayed: false, configuration: { primaryAiModel: 'gpt-4o' } })
      const again = await later.agents.create({ accountId, ...named, serviceConfiguration: { ...serviceConfiguration } })
      expect(again).toEqual({ ...made, replayed: true })
      for (const other of [{ serviceConfiguration: { max_credits_per_request: 8 } }, { businessAdapter: 'languagelearning' }])
        await expect(later.agents.create({ accountId, ...named, ...other })).rejects.toMatchObject({
          code: 'IDEMPOTENCY_CONFLICT',
        })
    }
    // As agents were stored before: without what was asked for.
    const { service_configuration } = (await box.ledger.document(accountId, 'agent', 'a'))?.body ?? {}
    const body = { business_logic_adapter: null, service_configuration }
    await box.ledger.saveDocument({ accountId, kind: 'agent', documentId: 'old', body })
    const old = { accountId, agentId: 'old', serviceConfiguration }
    expect(await box.agents.create(old)).toMatchObject({ agentId: 'old', replayed: true })
    await expect(later.agents.create(old)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  })

  it('is where an agent starts that names no business adapter, and the settings of its own come on top', async () => {
    const { box, account } = await open(presets.costOptimized({ primaryAiModel: 'gpt-4o', ttsProvider: 'cartesia' }))
    const api = await serveApi(box, account.key)
    const plain = await api.post('/api/v1/agent/create', {})
    expect(plain.body.service_configuration).toMatchObject({
      primary_ai_model: 'gpt-4o',
      tts_provider: 'cartesia',
      max_credits_per_request: 50,
    })
    const call = await api.post(`/api/v1/agent/${plain.body.agent_id}/call`, {
      to: '+15551234567',
      message: 'hello',
      max_minutes: 3,
    })
    expect(call).toMatchObject({ status: 402, body: { code: 'REQUEST_LIMIT', limit: '50' } })
    const own = await api.post('/api/v1/agent/create', {
      custom_settings: { service_configuration: { tts_provider: 'elevenlabs' } },
    })
    expect(own.body.service_configuration).toMatchObject({ primary_ai_model: 'gpt-4o', tts_provider: 'elevenlabs' })
    const lesson = await api.post('/api/v1/agent/create', { business_logic_adapter: 'languagelearning' })
    expect(lesson.body.service_configuration).toMatchObject({ primary_ai_model: 'gpt-4o-mini', max_credits_per_request: 75 })
  })

  it('of a team is as good as one of ours', async () => {
    const taxi = defineBusinessAdapter({
      name: 'taxi',
      description: 'Books taxis by telephone.',
      configuration: { primaryAiModel: 'claude-3-haiku', ttsProvider: 'elevenlabs' },
    })
    const { box, account } = await open(presets.balanced(), {}, { businessAdapters: [taxi] })
    const api = await serveApi(box, account.key)
    const created = await api.post('/api/v1/agent/create', { business_logic_adapter: 'taxi' })
    expect(created.body.service_configuration).toMatchObject({ primary_ai_model: 'claude-3-haiku', tts_provider: 'elevenlabs' })
    const answer = await api.post(`/api/v1/agent/${created.body.agent_id}/chat`, { message: 'To the station, please' })
    expect(answer.body).toMatchObject({ provider: 'claude-3-haiku', receipt: { total_credits_used: 1 } })
  })
})

describe('a request', () => {
  it('of low complexity takes a cheaper model, of high accuracy the best, and a named one is obeyed', async () => {
    const { workflow } = await open(presets.balanced({ primaryAiModel: 'gpt-4o' }))
    expect((await workflow.chat(ask)).provider).toBe('gpt-4o')
    expect((await workflow.chat({ ...ask, complexity: 'low' })).provider).toMatch(/mini|haiku/)
    expect((await workflow.chat({ ...ask, accuracy: 'high' })).provider).toBe('gpt-4')
    expect((await workflow.chat({ ...ask, provider: 'claude-3-haiku' })).provider).toBe('claude-3-haiku')
  })

  it('goes to a simulated provider while the real one has no key, and says so', async () => {
    const providers = [openai({ apiKey: '' }), simulated()]
    const { box, account, workflow } = await open(presets.balanced(), {}, { providers })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'gpt-4o-mini', isSimulated: true, creditsUsed: credits(1) })
    // Why is for the operator, and for nobody else.
    const api = await serveApi(box, account.key, { adminToken: 'admin-token' })
    const reason = expect.stringContaining('OPENAI_API_KEY')
    for (const [path, name, list, status] of [
      ['/readyz', 'name', 'providers', 'status'],
      ['/api/v1/status', 'adapter', 'adapters', 'availability'],
    ] as const) {
      const told = (await api.as('admin-token').get(path)).body[list]
      expect(told).toMatchObject([{ [name]: 'openai', [status]: 'disabled', reason }, { [status]: 'ready' }])
      const shown = (await api.get(path)).body[list]
      expect(shown).toMatchObject([{ [name]: 'openai', [status]: 'disabled' }, { [status]: 'ready' }])
      expect(JSON.stringify(shown)).not.toContain('OPENAI_API_KEY')
    }
    expect(JSON.stringify((await api.as(undefined).get('/readyz')).body)).not.toContain('OPENAI_API_KEY')
  })

  it('goes to the real provider as soon as it has a key', async () => {
    const server = await openLoopback()
    const providers = [simulated(), openai({ apiKey: server.apiKey, baseURL: server.url })]
    const { workflow } = await open(presets.balanced(), {}, { providers })
    expect(await workflow.chat(ask)).toMatchObject({ text: 'You said: hello', isSimulated: false })
  })

  it('finds no provider where none has a key', async () => {
    const { workflow, usage, balance } = await open(presets.balanced(), {}, { providers: [openai({ apiKey: '' })] })
    await expect(workflow.chat(ask)).rejects.toMatchObject({ code: 'NO_PROVIDER' })
    expect(workflow.isOpened).toBe(false)
    expect([await usage(), (await balance()).balance]).toEqual([[], credits(10_000)])
  })

  it('falls back when its model fails: both attempts are written down, and one is charged', async () => {
    const { workflow, usage, balance } = await open(presets.premiumQuality(), {
      'gpt-4': { kind: 'overloaded', retryAfterMs: 5_000 },
    })
    const answer = await workflow.chat(ask)
    expect(answer.provider).toBe('gpt-4o')
    const [record, ...more] = await usage()
    expect(more).toEqual([])
    expect(record).toMatchObject({ provider: 'gpt-4o', charged: answer.creditsUsed })
    expect(record?.details).toMatchObject({
      attempts: [
        { provider: 'gpt-4', outcome: 'failed', error: 'overloaded' },
        // The rest is what the record itself says.
        { outcome: 'succeeded' },
      ],
    })
    expect((await balance()).balance).toBe(credits(10_000) - answer.creditsUsed)
  })

  it('holds more for a dearer fallback, and does without it where that cannot be paid', async () => {
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o-mini', fallbackAiModel: 'gpt-4', lastResort: false })
    const { box, workflow } = await open(configuration, { 'gpt-4o-mini': { kind: 'malformed' } })
    expect((await workflow.chat(ask)).provider).toBe('gpt-4')
    const poor = await openAccount(box, { balance: credits(5) })
    const poorly = box.workflow({ accountId: poor.accountId, name: 'work' }).chat(ask)
    await expect(poorly).rejects.toMatchObject({
      code: 'PROVIDERS_FAILED',
      attempts: [{ provider: 'gpt-4o-mini', kind: 'malformed' }],
    })
    expect(await box.ledger.balance(poor.accountId)).toMatchObject({ balance: credits(5), held: 0n })
  })

  it('that every provider fails is no charge, no hold and a 502', async () => {
    const { box, account, workflow, usage, balance } = await open(presets.balanced(), () => ({ kind: 'quota_exhausted' }))
    await expect(workflow.chat(ask)).rejects.toMatchObject({ code: 'PROVIDERS_FAILED' })
    // All that was tried is written down, for the receipt.
    expect(await usage()).toMatchObject([{ quantity: 0n, charged: 0n, cost: null, details: { attempts: [{}, {}, {}, {}] } }])
    expect(await balance()).toMatchObject({ balance: credits(10_000), held: 0n })
    const api = await serveApi(box, account.key)
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const answers = [
      await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'hello' }),
      await api.post(`/api/v1/agent/${agent_id}/voice`, question),
      await api.post(`/api/v1/agent/${agent_id}/call`, { to: '+15551234567', message: 'hello' }),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
    expect(await balance()).toMatchObject({ balance: credits(10_000), held: 0n })
  })

  it.each(['invalid_request', 'content_policy', 'context_too_long'] as const)(
    'that is refused as %s is not given to others',
    async (kind) => {
      const { workflow, usage } = await open(presets.balanced({ lastResort: false, fallbackAiModel: null }), () => ({ kind }))
      await expect(workflow.chat(ask)).rejects.toMatchObject({ code: 'REQUEST_REJECTED', isRetryable: false })
      expect(await usage()).toMatchObject([{ charged: 0n, details: { attempts: [{ error: kind }] } }])
    },
  )

  it('that nobody answers in time is a 504, whether whole or streamed', async () => {
    const { box, account, workflow, balance } = await open(presets.balanced(), () => ({ kind: 'stall' }), {
      deadlines: { totalMs: 60 },
    })
    await expect(workflow.streamChat(ask)).rejects.toMatchObject({ code: 'PROVIDER_TIMEOUT' })
    const api = await serveApi(box, account.key)
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const answer = await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'hello' })
    expect(answer).toMatchObject({ status: 504, body: { code: 'PROVIDER_TIMEOUT' } })
    expect(await balance()).toMatchObject({ balance: credits(10_000), held: 0n })
  })

  it('whose model hangs is answered by the next one in time', async () => {
    const { workflow, usage } = await open(
      presets.premiumQuality(),
      { 'gpt-4': { kind: 'stall' } },
      { deadlines: { attemptMs: 500 } },
    )
    expect((await workflow.chat(ask)).provider).toBe('gpt-4o')
    const [lost, answer] = await usage()
    // Who hangs may have done the work: it costs us what it can have used at most, and the customer nothing.
    expect(lost).toMatchObject({ provider: 'gpt-4', quantity: 0n, charged: 0n, certainty: 'ceiling' })
    expect(lost?.cost).toBeGreaterThan(0n)
    expect(answer?.details).toMatchObject({
      attempts: [{ provider: 'gpt-4', error: 'timeout' }, { outcome: 'succeeded' }],
    })
  })
})

describe('an estimate above what there is', () => {
  it.each([
    [30, 'gpt-4'],
    [10, 'gpt-4o'],
    [3, 'gpt-4o-mini'],
  ])('a limit of %i credits a request takes %s', async (limit, provider) => {
    const { workflow } = await open(presets.premiumQuality({ maxCreditsPerRequest: credits(limit) }))
    expect((await workflow.chat(ask)).provider).toBe(provider)
  })

  it('a limit below the cheapest is refused', async () => {
    const { workflow, balance } = await open(presets.premiumQuality({ maxCreditsPerRequest: credits(1) }))
    await expect(workflow.chat(ask)).rejects.toMatchObject({ code: 'REQUEST_LIMIT', needed: credits(2), limit: credits(1) })
    expect((await balance()).held).toBe(0n)
  })

  it.each([
    [30, 'gpt-4'],
    [10, 'gpt-4o'],
    [3, 'gpt-4o-mini'],
  ])('a balance of %i credits takes %s', async (balance, provider) => {
    const { box } = await open(presets.premiumQuality())
    const { accountId } = await openAccount(box, { balance: credits(balance) })
    expect((await box.workflow({ accountId, name: 'work' }).chat(ask)).provider).toBe(provider)
  })

  it('a balance below the cheapest is refused, with the least that would have done', async () => {
    const { box } = await open(presets.premiumQuality())
    const { accountId } = await openAccount(box, { balance: credits(1) })
    const refused = box.workflow({ accountId, name: 'work' }).chat(ask)
    await expect(refused).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS', needed: credits(2), available: credits(1) })
  })

  it('a key that may not pay for the best takes the next', async () => {
    const { box, account } = await open(presets.premiumQuality())
    const { key } = await openKey(box, account.accountId, { services: [{ service: 'gpt', costLimitPerRequest: credits(10) }] })
    const workflow = await box.workflowOf(key, { name: 'work' })
    expect((await workflow.chat(ask)).provider).toBe('gpt-4o')
  })

  it('a key that may not pay for one seller of a provider takes another, whose model is cheaper', async () => {
    const [base] = simulated({ services: ['gpt'] }).offers
    if (!base) throw new Error('no offer')
    const selling = (name: string, model: string) => {
      return { ...simulated({ services: ['gpt'] }), name, offers: [{ ...base, provider: 'assistant', model }] }
    }
    const entries = Object.entries({ 'gpt-4': '100', 'gpt-4o-mini': '1' }).map(([model, amount]) => {
      return { service: 'gpt', provider: 'assistant', model, rates: [{ unit: 'tokens' as const, per: '1000', amount }] }
    })
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const options = {
      prices: new PriceBook({ name: 'sellers', currency: 'credits', versions }),
      providers: [selling('first', 'gpt-4'), selling('second', 'gpt-4o-mini')],
    }
    const { box, account } = await open(presets.balanced({ primaryAiModel: 'assistant' }), {}, options)
    const { key } = await openKey(box, account.accountId, { services: [{ service: 'gpt', costLimitPerRequest: credits(10) }] })
    const workflow = await box.workflowOf(key, { name: 'work' })
    expect(await workflow.chat(ask)).toMatchObject({ provider: 'assistant', model: 'gpt-4o-mini' })
  })

  it('a key that may pay for nobody who has a price is told so, and one that was given only others is told that nobody serves', async () => {
    const [version] = defaultPriceBook.document.versions
    const entries = (version?.entries ?? []).filter(({ provider }) => ['gpt-4', 'gpt-4o', 'deepgram'].includes(provider))
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const prices = new PriceBook({ name: 'few', currency: 'credits', versions })
    const { box, account } = await open(presets.balanced(), {}, { prices })
    const asked = async (services: CreateApiKeyInput['services'], input: Partial<ChatInput> = {}) => {
      const { key } = await openKey(box, account.accountId, { services })
      return (await box.workflowOf(key, { name: 'work' })).chat({ ...ask, ...input })
    }
    const poor = { service: 'gpt', costLimitPerRequest: credits(1) }
    await expect(asked([poor])).rejects.toMatchObject({ code: 'REQUEST_LIMIT', limit: credits(1) })
    await expect(asked([{ ...poor, provider: 'gpt-4o-mini' }])).rejects.toMatchObject({ code: 'NO_PROVIDER' })
    const both = [
      { ...poor, provider: 'gpt-4o' },
      { service: 'gpt', provider: 'gpt-4o-mini' },
    ]
    await expect(asked(both)).rejects.toMatchObject({ code: 'REQUEST_LIMIT', limit: credits(1) })
    expect((await asked([...both, { service: 'gpt', provider: 'gpt-4' }])).provider).toBe('gpt-4')
    // Whom the caller did not ask for is no way out, and no reason.
    const able = { service: 'gpt', costLimitPerRequest: credits(10) }
    expect((await asked([able])).provider).toBe('gpt-4o')
    await expect(asked([able], { provider: 'gpt-4' })).rejects.toMatchObject({ code: 'REQUEST_LIMIT', limit: credits(10) })
    await expect(asked([poor], { provider: 'gpt-4o-mini' })).rejects.toMatchObject({ code: 'NO_PROVIDER' })
  })

  it('emergencies are refused rather than served by a worse provider', async () => {
    const { box } = await open(presets.emergencyServices())
    const { accountId } = await openAccount(box, { balance: credits(5) })
    const refused = box.workflow({ accountId, name: 'work' }).chat(ask)
    await expect(refused).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS', needed: credits(9), available: credits(5) })
  })

  it('a phone call is made as long as it can be paid for', async () => {
    const { box } = await open(presets.balanced(), {}, { providers: [simulated({ callSeconds: 600 })] })
    const { accountId } = await openAccount(box, { balance: credits(30) })
    const answer = await box.workflow({ accountId, name: 'work' }).call(call)
    expect(answer).toMatchObject({ durationSeconds: 90, creditsUsed: credits(30) })
    expect((await box.ledger.balance(accountId)).balance).toBe(0n)
  })
})

describe('what a provider does not say', () => {
  it.each([
    ['a chat', 'gpt-4o-mini', (workflow: Awaited<ReturnType<typeof open>>['workflow']) => workflow.chat(ask)],
    [
      'a transcription',
      'deepgram',
      (workflow: Awaited<ReturnType<typeof open>>['workflow']) => workflow.transcribe({ audio: question }),
    ],
    ['a speech', 'openai-tts', (workflow: Awaited<ReturnType<typeof open>>['workflow']) => workflow.speak({ text: 'hello' })],
    ['a phone call', 'twilio', (workflow: Awaited<ReturnType<typeof open>>['workflow']) => workflow.call(call)],
  ])('of %s is derived, and never free', async (_, provider, run) => {
    const { workflow, usage } = await open(presets.balanced(), () => ({ kind: 'unreported_usage' }))
    const { creditsUsed } = await run(workflow)
    expect(creditsUsed > 0n).toBe(true)
    expect(await usage()).toMatchObject([{ provider, certainty: 'derived', charged: creditsUsed }])
  })
})
