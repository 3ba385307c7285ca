import { credits } from '@farebox/core'
import { businessAdapters, createFarebox, presets, type ServiceConfiguration } from 'farebox'
import { describe, expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox, openKey, storeNames } from './open-box.ts'

type Line = readonly [
  service: string,
  provider: string,
  units: number,
  unit: 'minutes' | 'tokens' | 'characters',
  credits: number,
]

/** What these workflows cost is promised to customers. */
const contract: readonly { name: string; total: number; lines: readonly Line[] }[] = [
  {
    name: 'phone_call',
    total: 103,
    lines: [
      ['phone', 'twilio', 5, 'minutes', 100],
      ['gpt', 'gpt-4o-mini', 3_000, 'tokens', 3],
    ],
  },
  {
    name: 'voice_chat',
    total: 33,
    lines: [
      ['voice_stt', 'openai-whisper', 2, 'minutes', 20],
      ['gpt', 'gpt-4o', 1_500, 'tokens', 12],
      ['voice_tts', 'elevenlabs', 450, 'characters', 1],
    ],
  },
  {
    name: 'spoken_call',
    total: 121,
    lines: [
      ['phone', 'twilio', 5, 'minutes', 100],
      ['gpt', 'gpt-4o', 2_500, 'tokens', 20],
      ['voice_tts', 'openai-tts', 800, 'characters', 1],
    ],
  },
  {
    name: 'language_lesson',
    total: 19,
    lines: [
      ['voice_stt', 'deepgram', 2, 'minutes', 16],
      ['gpt', 'gpt-4o-mini', 1_800, 'tokens', 2],
      ['voice_tts', 'cartesia', 600, 'characters', 1],
    ],
  },
]

const allTotals = contract.reduce((sum, { total }) => sum + total, 0)

describe.each(storeNames)('the contract totals on %s', (on) => {
  it.each(contract)('$name costs $total credits by workflow.record', async ({ name, total, lines }) => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name })
    for (const [service, provider, units, unit, cost] of lines) {
      expect((await workflow.record(service, provider, units, unit)).creditsUsed).toBe(credits(cost))
    }
    expect((await workflow.close()).total_credits_used).toBe(total)
    expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - total))
  })

  it('are the same over HTTP, with the receipt, the balance and every breakdown that follow', async () => {
    const box = await openBox({ on })
    const account = await openAccount(box)
    const api = await serveApi(box, account.key)
    let balance = 10_000
    for (const { name, total, lines } of contract) {
      const opened = await api.post('/api/v1/workflows', { workflow_name: name })
      expect(opened).toMatchObject({ status: 201, body: { workflow_id: expect.any(String) } })
      const path = `/api/v1/workflows/${opened.body.workflow_id}`
      for (const [service_type, provider, units_consumed, unit_type, cost] of lines) {
        balance -= cost
        const used = await api.post(`${path}/usage`, { service_type, provider, units_consumed, unit_type })
        expect(used).toMatchObject({ status: 200, body: { credits_used: cost, credit_balance: balance } })
      }
      const closed = await api.post(`${path}/close`)
      expect(closed.status).toBe(200)
      expect(closed.body).toStrictEqual({
        workflow_id: opened.body.workflow_id,
        workflow_name: name,
        services_used: lines.map(([service_type, provider, units_consumed, unit_type, credits_used]) => ({
          service_type,
          provider,
          units_consumed,
          unit_type,
          credits_used,
        })),
        total_credits_used: total,
        price_versions: ['default@1'],
        duration: expect.any(Number),
      })
      expect((await api.post(`${path}/close`)).body).toStrictEqual(closed.body)
    }

    expect((await api.get('/api/v1/credits')).body).toMatchObject({ credit_balance: balance, held: 0, available: balance })
    const usage = (await api.get('/api/v1/usage')).body
    expect(usage.total_credits).toBe(allTotals)
    expect(usage.workflow_breakdown).toStrictEqual(
      Object.fromEntries(
        contract.map(({ name, total }) => [name, { count: 1, total_credits: total, avg_duration: expect.any(Number) }]),
      ),
    )
    const phone = { service_type: 'phone', provider: 'twilio', units_consumed: 10, unit_type: 'minutes' }
    const gpt4o = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 4_000, unit_type: 'tokens' }
    const mini = { service_type: 'gpt', provider: 'gpt-4o-mini', units_consumed: 4_800, unit_type: 'tokens' }
    expect(usage.service_breakdown).toHaveLength(8)
    expect(usage.service_breakdown?.[0]).toStrictEqual({ name: 'phone_twilio', ...phone, usage_count: 2, total_credits: 200 })
    expect(usage.service_breakdown).toContainEqual({ name: 'gpt_gpt-4o', ...gpt4o, usage_count: 2, total_credits: 32 })
    expect(usage.service_breakdown).toContainEqual({ name: 'gpt_gpt-4o-mini', ...mini, usage_count: 2, total_credits: 5 })
    expect((await api.get(`/api/v1/usage/keys/${account.prefix}`)).body).toStrictEqual({
      api_key: account.prefix,
      total_credits: allTotals,
      workflows_used: Object.fromEntries(contract.map(({ name, total }) => [name, { count: 1, total_credits: total }])),
      top_consuming_services: usage.service_breakdown,
    })
  })

  it('are told apart by key, by workflow name and by time', async () => {
    const box = await openBox({ on })
    const first = await openAccount(box)
    const second = await openKey(box, first.accountId, { userId: 'grace' })
    const api = await serveApi(box)
    for (const [index, { name, lines }] of contract.entries()) {
      const own = api.as(index % 2 === 0 ? first.key : second.key)
      const { workflow_id } = (await own.post('/api/v1/workflows', { workflow_name: name })).body
      for (const [service_type, provider, units_consumed, unit_type] of lines) {
        await own.post(`/api/v1/workflows/${workflow_id}/usage`, { service_type, provider, units_consumed, unit_type })
      }
      await own.post(`/api/v1/workflows/${workflow_id}/close`)
    }
    const own = api.as(first.key)
    const byKey = await Promise.all([first, second].map(({ prefix }) => own.get(`/api/v1/usage/keys/${prefix}`)))
    expect(byKey.map(({ body }) => body.total_credits)).toEqual([103 + 121, 33 + 19])
    expect((await own.get('/api/v1/usage?workflow_name=voice_chat')).body.total_credits).toBe(33)
    expect((await own.get('/api/v1/usage?user_id=grace')).body.total_credits).toBe(33 + 19)
    expect((await own.get('/api/v1/usage?from=2020-01-01T00:00:00Z')).body.total_credits).toBe(allTotals)
    expect((await own.get('/api/v1/usage?to=2020-01-01T00:00:00Z')).body).toStrictEqual({
      total_credits: 0,
      workflow_breakdown: {},
      service_breakdown: [],
    })
  })
})

describe('a quantity costs the same', () => {
  const configurations: [string, ServiceConfiguration][] = [
    ...Object.entries(presets).map(([name, preset]): [string, ServiceConfiguration] => [name, preset()]),
    ...Object.values(businessAdapters).map((adapter): [string, ServiceConfiguration] => [adapter.name, adapter.configuration]),
  ]

  it.each(configurations)('under %s as without it', async (_, configuration) => {
    const box = await openBox({ configuration })
    const { accountId } = await openAccount(box)
    const totals = []
    for (const { name, lines } of contract) {
      const workflow = box.workflow({ accountId, name, configuration })
      for (const [service, provider, units, unit] of lines) await workflow.record(service, provider, units, unit)
      totals.push((await workflow.close()).total_credits_used)
    }
    expect(totals).toEqual([103, 33, 121, 19])
  })

  it.each(['emergencyservices', 'languagelearning'])('in a workflow of the business adapter %s', async (business_adapter) => {
    const box = await openBox()
    const api = await serveApi(box, (await openAccount(box)).key)
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'lesson', business_adapter })).body
    const used = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1_500, unit_type: 'tokens' }
    expect((await api.post(`/api/v1/workflows/${workflow_id}/usage`, used)).body.credits_used).toBe(12)
  })

  it('in one slice or in many: one workflow rounds a provider once', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'slices' })
    for (let slice = 0; slice < 100; slice += 1) await workflow.record('phone', 'twilio', '0.05', 'minutes')
    for (let slice = 0; slice < 30; slice += 1) await workflow.record('gpt', 'gpt-4o-mini', 100, 'tokens')
    expect((await workflow.close()).total_credits_used).toBe(103)
  })
})

describe('an estimate', () => {
  const planned: readonly [number, Record<string, unknown>, string[]][] = [
    [
      103,
      { phone_minutes: 5, ai_tokens: 3_000, service_configuration: { primary_ai_model: 'gpt-4o-mini' } },
      ['gpt 3', 'phone 100'],
    ],
    [
      33,
      {
        voice_minutes: 2,
        ai_tokens: 1_500,
        tts_characters: 450,
        service_configuration: { primary_ai_model: 'gpt-4o', stt_provider: 'openai-whisper', tts_provider: 'elevenlabs' },
      },
      ['gpt 12', 'voice_stt 20', 'voice_tts 1'],
    ],
    [
      121,
      {
        phone_minutes: 5,
        ai_tokens: 2_500,
        tts_characters: 800,
        service_configuration: { primary_ai_model: 'gpt-4o', tts_provider: 'openai-tts' },
      },
      ['gpt 20', 'voice_tts 1', 'phone 100'],
    ],
    [
      19,
      {
        voice_minutes: 2,
        ai_tokens: 1_800,
        tts_characters: 600,
        service_configuration: { stt_provider: 'deepgram', tts_provider: 'cartesia' },
      },
      ['gpt 2', 'voice_stt 16', 'voice_tts 1'],
    ],
  ]

  it.each(planned)('of the same work is %i credits, by service, and charges nothing', async (total, plan, services) => {
    const box = await openBox()
    const account = await openAccount(box)
    const api = await serveApi(box, account.key)
    const { status, body } = await api.post('/api/v1/estimate', plan)
    expect(status).toBe(200)
    expect(body.total_credits).toBe(total)
    const lines = Object.values(body.services ?? {}).map((line) => `${line.service_type} ${line.credits}`)
    expect(lines).toEqual(services)
    expect((await box.ledger.balance(account.accountId)).balance).toBe(credits(10_000))
  })

  it('needs no store that answers: it is made of prices alone', () => {
    const box = createFarebox({ store: unreachable, providers: [] })
    expect(box.estimate({ phone_minutes: 5, ai_tokens: 3_000 }).total_credits).toBe(103)
  })
})

/** A store that must not be asked. */
const unreachable = new Proxy(
  { name: 'unreachable', batches: undefined } as unknown as Parameters<typeof createFarebox>[0]['store'],
  {
    get(target, name) {
      if (name in target) return Reflect.get(target, name)
      throw new Error(`the store was asked for ${String(name)}`)
    },
  },
)
