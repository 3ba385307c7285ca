import { readFileSync } from 'node:fs'
import { createAdminClient, createClient, type FareboxApiError, type FareboxClient, ServicePresets } from '@farebox/client'
import { beforeEach, describe, expect, it } from 'vitest'
import { openBox } from '../farebox/open-box.ts'
import { adminToken, serve, serveApi } from './serve-api.ts'

let baseUrl: string
let accountId: string
let prefix: string
let client: FareboxClient

beforeEach(async () => {
  baseUrl = await serveApi(await openBox())
  const admin = createAdminClient({ baseUrl, adminToken })
  accountId = (await admin.createAccount({ name: 'Ada', credits: 10_000 })).account_id
  const created = await admin.createKey({ account_id: accountId })
  prefix = created.prefix
  client = createClient({ baseUrl, apiKey: created.key ?? '' })
})

describe('the client of an account', () => {
  it('makes an agent and asks it in writing', async () => {
    const agent = await client.agents.create({
      business_logic_adapter: 'languagelearning',
      custom_settings: { service_configuration: { max_credits_per_request: 60 } },
    })
    expect(agent).toMatchObject({
      business_logic_adapter: 'languagelearning',
      service_configuration: { primary_ai_model: 'gpt-4o-mini', phone_enabled: false, max_credits_per_request: 60 },
    })
    const answer = await client.agents.chat(agent.agent_id, { message: 'Hola', workflow_name: 'lesson' })
    expect(answer).toMatchObject({
      provider: 'gpt-4o-mini',
      simulated: true,
      receipt: { workflow_name: 'lesson', total_credits_used: 1, services_used: [{ service_type: 'gpt', unit_type: 'tokens' }] },
    })
    expect(answer.text).toContain('Hola')
  })

  it('asks an agent by voice and hears an answer', async () => {
    const agent = await client.agents.create()
    const audio = readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url))
    const answer = await client.agents.voice(agent.agent_id, { audio, workflow_name: 'talk' })
    expect(answer.transcript).not.toBe('')
    expect(Buffer.from(answer.audio, 'base64').subarray(0, 4).toString()).toBe('RIFF')
    expect(answer.audio_format).toBe('wav')
    expect(answer.receipt.services_used.map((used) => used.service_type)).toEqual(['voice_stt', 'gpt', 'voice_tts'])
    expect(answer.receipt.workflow_name).toBe('talk')
  })

  it('takes a recording in whatever form it comes', async () => {
    const recording = new Uint8Array([1, 2, 3, 4, 5])
    async function* inPieces() {
      yield recording.subarray(0, 2)
      yield recording.subarray(2)
    }
    const forms = [
      recording,
      recording.buffer,
      Buffer.from(recording),
      new Blob([recording]),
      new File([recording], 'question.wav'),
      new Blob([recording]).stream(),
      inPieces(),
    ]
    const heard: number[][] = []
    const hearing = createClient({
      baseUrl: 'https://api.example',
      apiKey: 'k',
      async fetch(input, init) {
        const audio = (await new Request(input, init).formData()).get('audio') as File
        heard.push([...new Uint8Array(await audio.arrayBuffer())])
        return Response.json({})
      },
    })
    for (const audio of forms) await hearing.agents.voice('a', { audio })
    expect(heard).toEqual(forms.map(() => [...recording]))
  })

  it('lets an agent call a telephone', async () => {
    const agent = await client.agents.create()
    const answer = await client.agents.call(agent.agent_id, { to: '+15551234567', message: 'Your order has arrived.' })
    expect(answer).toMatchObject({
      status: 'completed',
      receipt: { services_used: [{ service_type: 'phone', provider: 'twilio' }] },
    })
    expect(answer.duration_seconds).toBeGreaterThan(0)
  })

  it('tracks work that was done elsewhere', async () => {
    const { workflow_id } = await client.workflows.open({ workflow_name: 'emergency', max_credits: 200 })
    expect(
      await client.workflows.usage(workflow_id, {
        service_type: 'phone',
        provider: 'twilio',
        units_consumed: 5,
        unit_type: 'minutes',
      }),
    ).toEqual({ credits_used: 100, credit_balance: 9_900 })
    await client.workflows.usage(workflow_id, {
      service_type: 'gpt',
      provider: 'gpt-4o-mini',
      units_consumed: 3_000,
      unit_type: 'tokens',
    })
    const soFar = await client.workflows.get(workflow_id)
    const receipt = await client.workflows.close(workflow_id)
    expect(receipt).toEqual({
      workflow_id,
      workflow_name: 'emergency',
      services_used: [
        { service_type: 'phone', provider: 'twilio', units_consumed: 5, unit_type: 'minutes', credits_used: 100 },
        { service_type: 'gpt', provider: 'gpt-4o-mini', units_consumed: 3_000, unit_type: 'tokens', credits_used: 3 },
      ],
      total_credits_used: 103,
      price_versions: ['default@1'],
      duration: expect.any(Number),
    })
    const whose = { state: 'open', created_at: expect.any(String), closed_at: null, user_id: null, api_key: prefix }
    expect(soFar).toEqual({ ...receipt, ...whose, decisions: [], duration: expect.any(Number) })
    expect(await client.workflows.close(workflow_id)).toEqual(receipt)
  })

  it('refuses planned work that is misspelt, instead of estimating nothing', async () => {
    await expect(client.estimateWorkflowCost({ aiToken: 3_000 } as never)).rejects.toMatchObject({
      code: 'INVALID_BODY',
      message: expect.stringContaining('aiToken'),
    })
  })

  it('estimates what work will cost, before any call', async () => {
    const estimate = await client.estimateWorkflowCost({ aiTokens: 3_000, phoneMinutes: 5 }, ServicePresets.balanced())
    expect(estimate).toEqual({
      services: [
        {
          service_type: 'gpt',
          provider: 'gpt-4o-mini',
          units: 3_000,
          unit_type: 'tokens',
          credits: 3,
          credits_low: 3,
          credits_high: 3,
        },
        {
          service_type: 'phone',
          provider: 'twilio',
          units: 5,
          unit_type: 'minutes',
          credits: 100,
          credits_low: 100,
          credits_high: 100,
        },
      ],
      total_credits: 103,
      total_credits_low: 103,
      total_credits_high: 103,
      price_version: expect.any(String),
    })
    expect(
      await client.estimateWorkflowCost(
        { voiceMinutes: 2, aiTokens: 1_500, ttsCharacters: 450 },
        { ...ServicePresets.premiumQuality(), primary_ai_model: 'gpt-4o' },
      ),
    ).toMatchObject({ total_credits: 33 })
    const dearer = { ...ServicePresets.balanced(), fallback_ai_model: 'gpt-4o' }
    expect(await client.estimateWorkflowCost({ aiTokens: 3_000, voiceMinutes: 2 }, dearer)).toMatchObject({
      services: [
        { provider: 'gpt-4o-mini', credits: 3, credits_low: 3, credits_high: 24 },
        { provider: 'deepgram', credits: 16, credits_low: 16, credits_high: 17 },
      ],
      total_credits: 19,
      total_credits_low: 19,
      total_credits_high: 41,
    })
  })

  it('has the server count what is to be said', async () => {
    const messages = [{ role: 'user' as const, content: 'When do you open? '.repeat(400) }]
    const estimate = await client.estimate({ messages, max_output_tokens: 4_000, tts_text: 'Grüße 😀' })
    expect(estimate.services).toMatchObject([
      // 2,001 tokens and the frame of a message, and 50, 300 or 4,000 of answer.
      { service_type: 'gpt', provider: 'gpt-4o-mini', units: 2_308, unit_type: 'tokens', credits: 3, credits_low: 2 },
      { service_type: 'voice_tts', provider: 'openai-tts', units: 7, unit_type: 'characters', credits: 1 },
    ])
    expect(estimate.services[0]?.credits_high).toBeGreaterThanOrEqual(7)
    await expect(client.estimate({ messages, ai_tokens: 5 })).rejects.toMatchObject({ status: 422 })
  })

  it('says where credits went', async () => {
    const agent = await client.agents.create({ custom_settings: { service_configuration: ServicePresets.premiumQuality() } })
    await client.agents.chat(agent.agent_id, { message: 'Hello', workflow_name: 'greeting' })
    const { receipt } = await client.agents.chat(agent.agent_id, { message: 'Bye', workflow_name: 'parting' })
    const usage = await client.usage()
    expect(usage.workflow_breakdown).toMatchObject({ greeting: { count: 1 }, parting: { count: 1 } })
    expect(usage.service_breakdown).toMatchObject([{ name: 'gpt_gpt-4', service_type: 'gpt', provider: 'gpt-4', usage_count: 2 }])
    expect(await client.usage({ workflow_name: 'parting' })).toMatchObject({ total_credits: receipt.total_credits_used })
    expect(await client.usage({ from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z' })).toMatchObject({ total_credits: 0 })
    expect(await client.keyUsage(prefix)).toMatchObject({
      api_key: prefix,
      workflows_used: { greeting: { count: 1 }, parting: { count: 1 } },
      top_consuming_services: [{ name: 'gpt_gpt-4' }],
    })
  })

  it('says where credits could be saved', async () => {
    const { workflow_id } = await client.workflows.open({ workflow_name: 'digest' })
    await client.workflows.usage(workflow_id, {
      service_type: 'gpt',
      provider: 'gpt-4',
      units_consumed: 1_000,
      unit_type: 'tokens',
    })
    const { recommendations } = await client.recommendations({ workflow_name: 'digest' })
    expect(recommendations).toMatchObject([{ workflow_name: 'digest', from_provider: 'gpt-4', credits_saved: 24 }])
  })

  it('answers balance and grants', async () => {
    expect(await client.credits()).toMatchObject({
      credit_balance: 10_000,
      held: 0,
      available: 10_000,
      grants: [{ source: 'purchase', credits: 10_000, remaining: 10_000, expires_at: null, services: null }],
    })
  })

  it('reads the whole statement, over as many pages as it has', async () => {
    const { workflow_id } = await client.workflows.open({ workflow_name: 'many' })
    for (let unit = 0; unit < 5; unit++) {
      await client.workflows.usage(workflow_id, {
        service_type: 'phone',
        provider: 'twilio',
        units_consumed: 1,
        unit_type: 'minutes',
      })
    }
    const entries = await Array.fromAsync(client.statementEntries({ limit: 2 }))
    expect(entries).toEqual((await client.statement({ limit: 1_000 })).entries)
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => entries.length - index))
    expect(entries[0]).toMatchObject({ type: 'charge', change: '-20', balance: '9900' })
    expect(entries.at(-1)).toMatchObject({ type: 'openAccount', change: '0', balance: '0' })
  })

  it('reads no further page of a statement than its reader wants', async () => {
    let requests = 0
    const counting = createClient({
      baseUrl,
      apiKey: '',
      fetch: async () => {
        requests++
        return Response.json({ entries: [{ sequence: 1 }, { sequence: 2 }], next: '1.0' })
      },
    })
    for await (const entry of counting.statementEntries()) if (entry.sequence === 2) break
    expect(requests).toBe(1)
  })

  it('reads all workflows, over as many pages as there are', async () => {
    for (const name of ['one', 'two', 'three']) await client.workflows.open({ workflow_name: name })
    const workflows = await Array.fromAsync(client.workflows.listAll({ limit: 2 }))
    expect(workflows.map(({ workflow_name }) => workflow_name)).toEqual(['three', 'two', 'one'])
    expect(await Array.fromAsync(client.workflows.listAll({ state: 'closed' }))).toEqual([])
  })

  it('lists what everything costs', async () => {
    const { prices, price_version } = await client.prices()
    expect(price_version).not.toBe('')
    expect(prices).toContainEqual({
      service_type: 'phone',
      provider: 'twilio',
      credits: '20',
      per: expect.anything(),
      unit_type: 'minutes',
    })
  })

  it('throws what the API answers, with its facts', async () => {
    const admin = createAdminClient({ baseUrl, adminToken })
    const { account_id } = await admin.createAccount({ name: 'Grace', credits: 5_000 })
    const { key = '' } = await admin.createKey({ account_id })
    const grace = createClient({ baseUrl: `${baseUrl}/`, apiKey: key })
    const { workflow_id } = await grace.workflows.open({ workflow_name: 'long' })
    const usage = { service_type: 'phone', provider: 'twilio', units_consumed: 251, unit_type: 'minutes' } as const
    expect(await failureOf(grace.workflows.usage(workflow_id, usage))).toMatchObject({
      name: 'FareboxApiError',
      message: 'this request needs 5020 credits, 5000 are available',
      status: 402,
      code: 'INSUFFICIENT_CREDITS',
      problem: { needed: '5020', available: '5000' },
      idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(await failureOf(grace.workflows.usage(workflow_id, { ...usage, provider: 'nobody' }))).toMatchObject({
      status: 422,
      field: 'provider',
      problem: { errors: [{ field: 'provider', problem: expect.any(String) }] },
    })
    expect(await failureOf(createClient({ baseUrl, apiKey: 'fbx_wrong' }).credits())).toMatchObject({
      status: 401,
      code: 'UNAUTHORIZED',
      idempotencyKey: undefined,
    })
    expect(await failureOf(grace.workflows.get('unknown'))).toMatchObject({ status: 404, code: 'WORKFLOW_NOT_FOUND' })
  })

  it('takes an idempotency key of the caller', async () => {
    const { workflow_id } = await client.workflows.open({ workflow_name: 'once' })
    const usage = { service_type: 'phone', provider: 'twilio', units_consumed: 1, unit_type: 'minutes' } as const
    const options = { idempotencyKey: 'minute-1' }
    await client.workflows.usage(workflow_id, usage, options)
    await client.workflows.usage(workflow_id, usage, options)
    expect((await client.credits()).credit_balance).toBe(9_980)
    const conflict = client.workflows.usage(workflow_id, { ...usage, units_consumed: 2 }, options)
    expect(await failureOf(conflict)).toMatchObject({
      status: 409,
      code: 'IDEMPOTENCY_CONFLICT',
      idempotencyKey: 'minute-1',
      problem: { differs: ['units_consumed'] },
    })
  })

  it('lets no id lead to another path', () => {
    expect(() => client.workflows.get('..')).toThrow(TypeError)
    expect(() => client.workflows.get('')).toThrow(TypeError)
  })
})

describe('a client that could reach nobody', () => {
  // A path after a query or a fragment would be part of it, and the requests would arrive at the root, with the key.
  const inAQuery = ['https://example.com?tenant=1', 'https://example.com/#billing', 'https://example.com\n']
  it.each([...inAQuery, '', '/farebox', 'example.com', 'example.com:3000', 'ftp://example.com', 'https://', undefined])(
    'is not made for the address %j',
    (wrong) => {
      const url = wrong as string
      expect(() => createClient({ baseUrl: url, apiKey: 'fbx_a_key' })).toThrow(
        /^baseUrl must be where the API is mounted, such as https:/,
      )
    },
  )

  it.each(['fbx_ключ', `fbx_bad\nkey`, ' fbx_padded', undefined])(
    'is not made with the key %j, and does not repeat it',
    (wrong) => {
      const secret = wrong as string
      const making = () => createClient({ baseUrl, apiKey: secret })
      expect(making).toThrow(
        /^apiKey (is missing|has characters that a key cannot have): whoever runs the server gave it to you$/,
      )
      expect(() => createAdminClient({ baseUrl, adminToken: secret })).toThrow(/^adminToken /)
    },
  )
})

describe('the client of an admin', () => {
  it('grants credits, limits what keys may do, and ends them', async () => {
    const admin = createAdminClient({ baseUrl, adminToken })
    const granted = await admin.grant({ account_id: accountId, credits: 50, source: 'promo', expires_at: '2100-01-01T00:00:00Z' })
    expect(granted).toEqual({ grant_id: expect.any(String), credit_balance: 10_050 })
    expect(await admin.setKeyServices(prefix, ['gpt', { service_type: 'phone', cost_limit_per_request: 100 }])).toMatchObject({
      prefix,
      services: [
        { service_type: 'gpt', provider: null, enabled: true, cost_limit_per_request: null },
        { service_type: 'phone', provider: null, enabled: true, cost_limit_per_request: 100 },
      ],
    })
    expect(await admin.setBudget({ account_id: accountId, period: 'day', credits: 30, key_prefix: prefix })).toEqual({
      budget_id: expect.any(String),
    })
    const { workflow_id } = await client.workflows.open({ workflow_name: 'limited' })
    const usage = { service_type: 'phone', provider: 'twilio', units_consumed: 2, unit_type: 'minutes' } as const
    expect(await failureOf(client.workflows.usage(workflow_id, usage))).toMatchObject({
      status: 402,
      code: 'BUDGET_EXCEEDED',
      problem: { resets_at: expect.any(String) },
    })
    expect(await admin.revokeKey(prefix)).toEqual({ prefix, revoked: true })
    expect(await failureOf(client.credits())).toMatchObject({ status: 401 })
  })

  it('rotates a key, and lists keys with their last use', async () => {
    const admin = createAdminClient({ baseUrl, adminToken })
    const { account_id } = await admin.createAccount({ name: 'Grace', credits: 5_000 })
    const made = await admin.createKey({ account_id, name: 'server', services: ['gpt'] })
    const creditsOf = (apiKey = '') => createClient({ baseUrl, apiKey }).credits()
    const rotated = await admin.rotateKey(made.prefix)
    expect(rotated).toEqual({
      key: expect.stringMatching(/^fbx_/),
      prefix: rotated.key?.slice(4, 12),
      previous_prefix: made.prefix,
      previous_expires_at: expect.stringMatching(/Z$/),
    })
    for (const key of [made.key, rotated.key]) expect(await creditsOf(key)).toMatchObject({ credit_balance: 5_000 })
    const again = await admin.rotateKey(made.prefix, { grace_seconds: 0 })
    expect(await failureOf(creditsOf(rotated.key))).toMatchObject({ status: 401 })
    expect(await creditsOf(again.key)).toMatchObject({ credit_balance: 5_000 })
    const { keys } = await admin.accountKeys(account_id)
    expect(keys).toMatchObject([
      {
        prefix: again.prefix,
        name: 'server',
        services: [{ service_type: 'gpt', enabled: true }],
        expires_at: null,
        revoked_at: null,
        last_used_at: expect.stringMatching(/Z$/),
        previous_prefix: rotated.prefix,
      },
    ])
    await admin.revokeKey(again.prefix)
    expect(await failureOf(admin.rotateKey(again.prefix))).toMatchObject({
      status: 422,
      problem: { errors: [{ field: 'prefix', problem: 'names a key that was revoked: create another one' }] },
    })
    expect(await failureOf(admin.accountKeys('nobody'))).toMatchObject({ status: 404, code: 'ACCOUNT_NOT_FOUND' })
  })

  it('gives credits back, takes grants back and freezes accounts', async () => {
    const admin = createAdminClient({ baseUrl, adminToken })
    const { workflow_id } = await client.workflows.open({ workflow_name: 'lesson' })
    const usage = { service_type: 'phone', provider: 'twilio', units_consumed: 1, unit_type: 'minutes' } as const
    await client.workflows.usage(workflow_id, usage)
    expect(await client.workflows.get(workflow_id)).not.toHaveProperty('charges')
    const { charges = [] } = await admin.account(accountId).workflows.get(workflow_id)
    expect(charges).toMatchObject([{ provider: 'twilio', model: null, credits_charged: '20', credits_refundable: '20' }])
    const [{ usage_id = '' } = {}] = charges
    const refund = { account_id: accountId, usage_id, credits: '0.5', reason: 'noise on the line' }
    const once = { idempotencyKey: 'ticket-7' }
    const refunded = await admin.refund(refund, once)
    expect(refunded).toEqual({
      refund_id: expect.any(String),
      usage_id,
      credits_refunded: '0.5',
      credits_refundable: '19.5',
      credit_balance: 9_980,
    })
    expect(await admin.refund(refund, once)).toEqual(refunded)
    expect(await failureOf(admin.refund({ account_id: accountId, usage_id, credits: 20 }))).toMatchObject({
      status: 409,
      code: 'REFUND_EXCEEDS_CHARGE',
      problem: { refundable: '19.5' },
    })

    const { grant_id } = await admin.grant({ account_id: accountId, credits: 50 })
    expect(await admin.revokeGrant(grant_id, { account_id: accountId })).toEqual({
      grant_id,
      credits_revoked: '50',
      credit_balance: 9_980,
    })
    const [{ grant_id: bought = '' } = {}] = (await admin.account(accountId).credits()).grants
    await admin.grant({ account_id: accountId, credits: 50 })
    expect(await admin.chargebackGrant(bought, { account_id: accountId, reason: 'disputed' })).toEqual({
      grant_id: bought,
      credits_recovered: '9980.5',
      credits_owed: '19.5',
      credit_balance: 30,
    })

    expect(await admin.freezeAccount(accountId, { reason: 'disputed' })).toEqual({ account_id: accountId, frozen: true })
    expect(await client.credits()).toHaveProperty('frozen', true)
    expect((await admin.accounts()).accounts).toMatchObject([{ account_id: accountId, frozen: true }])
    expect(await failureOf(client.workflows.usage(workflow_id, usage))).toMatchObject({ code: 'ACCOUNT_FROZEN' })
    expect(await admin.unfreezeAccount(accountId)).toEqual({ account_id: accountId, frozen: false })
    expect(await client.credits()).not.toHaveProperty('frozen')
    expect(await client.workflows.usage(workflow_id, usage)).toMatchObject({ credit_balance: 10 })
  })

  it('reads any account as its own key would', async () => {
    const admin = createAdminClient({ baseUrl, adminToken })
    const other = await admin.createAccount({ name: 'Grace', credits: 7 })
    const { workflow_id } = await client.workflows.open({ workflow_name: 'lesson' })
    const usage = { service_type: 'phone', provider: 'twilio', units_consumed: 1, unit_type: 'minutes' } as const
    await client.workflows.usage(workflow_id, usage)
    const ada = admin.account(accountId)
    expect(await ada.credits()).toEqual(await client.credits())
    expect(await ada.usage({ workflow_name: 'lesson' })).toMatchObject({ total_credits: 20 })
    expect(await ada.keyUsage(prefix)).toMatchObject({ total_credits: 20 })
    expect(await ada.workflows.get(workflow_id)).toMatchObject({ workflow_name: 'lesson', decisions: [] })
    expect(await Array.fromAsync(ada.usageSeriesEntries({ group_by: 'provider', limit: 1 }))).toMatchObject([
      { name: 'phone_twilio', total_credits: 20 },
    ])
    expect(await Array.fromAsync(ada.statementEntries({ limit: 1 }))).toEqual(await Array.fromAsync(client.statementEntries()))
    expect(await admin.account(other.account_id).credits()).toMatchObject({ credit_balance: 7 })
    const listed = await Array.fromAsync(admin.listAccounts({ limit: 1 }))
    expect(listed.map(({ account_id }) => account_id).sort()).toEqual([accountId, other.account_id].sort())
    expect(await failureOf(admin.account('nobody').credits())).toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
  })

  it('names the account in everything that it reads of it, whatever else is asked', async () => {
    const seen: string[] = []
    const url = await serve(({ url: path = '' }, response) => {
      seen.push(path)
      if (path.startsWith('/api/v1/export')) response.writeHead(200, { 'content-type': 'text/csv' }).end('a')
      else response.end('{"entries":[],"series":[],"workflows":[]}')
    })
    const reader = createAdminClient({ baseUrl: url, adminToken }).account('of Ada')
    const other = { account_id: 'of Grace' } as object
    await reader.credits()
    await reader.usage(other)
    await reader.usageSeries(other)
    await reader.keyUsage('12345678')
    await reader.recommendations(other)
    await reader.statement(other)
    await reader.keys()
    await reader.budgets()
    await reader.workflows.list(other)
    await reader.workflows.get('w')
    await Array.fromAsync(reader.export(other))
    expect(seen).toHaveLength(11)
    for (const path of seen) expect(new URL(path, url).searchParams.getAll('account_id')).toEqual(['of Ada'])
  })

  it('is turned away with a wrong token', async () => {
    const stranger = createAdminClient({ baseUrl, adminToken: 'wrong' })
    expect(await failureOf(stranger.createAccount({ name: 'Eve' }))).toMatchObject({ status: 401 })
  })
})

async function failureOf(work: Promise<unknown>): Promise<FareboxApiError> {
  return work.then(
    () => expect.unreachable('this should have failed'),
    (error: unknown) => error as FareboxApiError,
  )
}
