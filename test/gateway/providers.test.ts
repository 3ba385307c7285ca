import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ledger, type UsageRow } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import twilioSdk from 'twilio'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AllProviders, type PublicSite, startAllProviders, startPublicSite } from './all-providers.ts'
import { failingGateway, type GatewayProcess, startGateway, temporaryFolder } from './gateway-process.ts'

const KEY = 'fbx_key_of_the_demo'
const question = join(import.meta.dirname, '../../examples/gateway/question.wav')

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let providers: AllProviders
let site: PublicSite
beforeAll(async () => {
  folder = await temporaryFolder()
  providers = await startAllProviders()
  site = await startPublicSite()
})
afterAll(async () => {
  await providers.close()
  await site.close()
  await folder.drop()
})

/** A gateway with every key, in a data folder of its own, behind the public site. */
async function start(name: string, settings: Record<string, string> = {}): Promise<GatewayProcess & { dataFolder: string }> {
  const dataFolder = join(folder.path, name)
  const gateway = await startGateway({
    FAREBOX_DATA_DIR: dataFolder,
    FAREBOX_DEMO_KEY: KEY,
    FAREBOX_PUBLIC_URL: site.url,
    FAREBOX_RECONCILE_SECONDS: '1',
    ...providers.settings,
    ...settings,
  })
  site.lead(gateway.url)
  return { ...gateway, dataFolder }
}

interface Run {
  text: string
  transcript: string
  audio: string
  provider: string
  simulated?: true
  duration_seconds: number
  status: string
  receipt: { workflow_id: string; total_credits_used: number; attempts: Record<string, unknown>[] }
}

async function post(url: string, body: object | FormData): Promise<Run> {
  const isForm = body instanceof FormData
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    body: isForm ? body : JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${answer.status} ${text}`)
  return JSON.parse(text) as Run
}

/** An agent with settings of its own. @returns where it is */
async function agent(gateway: GatewayProcess, serviceConfiguration: object): Promise<string> {
  const body = { custom_settings: { service_configuration: serviceConfiguration } }
  const made = (await post(`${gateway.url}/api/v1/agent/create`, body)) as unknown as { agent_id: string }
  return `${gateway.url}/api/v1/agent/${made.agent_id}`
}

/** What the ledger of a gateway has on a workflow, read from its database. */
async function usageOf({ dataFolder }: { dataFolder: string }, { receipt }: Pick<Run, 'receipt'>): Promise<UsageRow[]> {
  const ledger = new Ledger(sqlite({ filename: join(dataFolder, 'farebox.db') }))
  try {
    return await ledger.usageOf('demo', receipt.workflow_id)
  } finally {
    await ledger.close()
  }
}

/** By meter, what the ledger has for a request of a provider. */
function metered(rows: readonly UsageRow[], requestId: string | undefined): Record<string, number> {
  const row = rows.find(({ details }) => (details as { requestId?: string }).requestId === requestId)
  const { usage = [] } = (row?.details ?? {}) as { usage?: { meter: string; quantity: string }[] }
  return Object.fromEntries(usage.map(({ meter, quantity }) => [meter, Number(quantity)]))
}

async function recording(): Promise<FormData> {
  const form = new FormData()
  form.set('audio', new Blob([await readFile(question)]), 'question.wav')
  return form
}

describe('with the keys of every provider', () => {
  test('the start says what is real, and what is not sold for want of a price', async () => {
    const gateway = await start('notes')
    const lines = gateway.output().split('\n')
    expect(lines.filter((line) => /^ {2}(real|off|simulated|not served)/.test(line))).toEqual([
      '  real       openai: gpt, vision, voice_stt, voice_tts',
      '  real       anthropic: gpt',
      '  real       deepgram: voice_stt',
      '  real       cartesia: voice_tts',
      '  real       elevenlabs: voice_tts',
      `  real       twilio: phone; from +15557654321; told of calls at ${site.url}/twilio/status`,
      expect.stringMatching(/^ {2}off {8}livekit: no key: set LIVEKIT_URL/),
    ])
    expect(lines.filter((line) => line.startsWith('  no price'))).toEqual([
      expect.stringMatching(
        /vision by claude-3-haiku, .*voice_tts by deepgram; voice_stt by cartesia, elevenlabs: .*applyMarkup/,
      ),
    ])
    expect(lines).toContain('  records    of deepgram, twilio: compared with ours every 1 seconds')
    expect(await gateway.stop()).toBe(0)
  })

  test('Claude answers a chat, and the ledger agrees with the invoice', async () => {
    const gateway = await start('chat')
    const url = await agent(gateway, { primary_ai_model: 'claude-3-haiku' })
    const answer = await post(`${url}/chat`, { message: 'What is a farebox?' })
    expect(answer).toMatchObject({ provider: 'claude-3-haiku' })
    expect(answer).not.toHaveProperty('simulated')
    expect(answer.receipt.attempts).toMatchObject([{ adapter: 'anthropic', model: 'claude-haiku-5-5', outcome: 'succeeded' }])
    const line = providers.anthropic.invoice.at(-1)
    const { input, output } = metered(await usageOf(gateway, answer), line?.requestId)
    expect({ input_tokens: input, output_tokens: output }).toEqual(line?.quantities)
    expect(await gateway.stop()).toBe(0)
  })

  test.each(['elevenlabs', 'cartesia'] as const)('Deepgram hears, Claude answers and %s speaks', async (speaker) => {
    const gateway = await start(`voice-${speaker}`)
    const url = await agent(gateway, { primary_ai_model: 'claude-3-haiku', tts_provider: speaker, stt_provider: 'deepgram' })
    const answer = await post(`${url}/voice`, await recording())
    expect(answer.transcript).toBe('How many minutes of talking do one hundred credits buy?')
    expect(Buffer.from(answer.audio, 'base64').toString()).toContain(`sound 0 of ${answer.text}`)
    expect(answer.receipt.attempts.map(({ adapter, outcome }) => [adapter, outcome])).toEqual([
      ['deepgram', 'succeeded'],
      ['anthropic', 'succeeded'],
      [speaker, 'succeeded'],
    ])
    const rows = await usageOf(gateway, answer)
    const [heard, said, spoken] = [providers.deepgram, providers.anthropic, providers[speaker]].map(({ invoice }) =>
      invoice.at(-1),
    )
    expect(rows.map(({ service, details }) => [service, (details as { usage: unknown }).usage])).toEqual([
      ['voice_stt', [{ meter: 'duration', unit: 'seconds', quantity: String(heard?.quantities.seconds) }]],
      ['gpt', expect.arrayContaining([{ meter: 'output', unit: 'tokens', quantity: String(said?.quantities.output_tokens) }])],
      ['voice_tts', [{ meter: 'characters', unit: 'characters', quantity: String(spoken?.quantities.characters) }]],
    ])
    expect(await gateway.stop()).toBe(0)
  })

  test('a signed callback ends a phone call, a forged one is a 403, and its price comes late', async () => {
    const gateway = await start('call')
    const { twilio } = providers
    const call = post(`${gateway.url}/api/v1/agent/demo/call`, { to: '+15551234567', message: 'Your order is ready.' })
    await expect.poll(() => twilio.calls).toHaveLength(1)
    const { sid = '' } = twilio.calls[0] ?? {}
    const url = `${site.url}/twilio/status`
    const form = { CallSid: sid, CallStatus: 'completed', CallDuration: '1' }
    const send = (signature: string | undefined, body: Record<string, string> = form) => {
      const headers: Record<string, string> = signature === undefined ? {} : { 'x-twilio-signature': signature }
      return fetch(url, { method: 'POST', headers, body: new URLSearchParams(body) })
    }
    const forged = twilioSdk.getExpectedTwilioSignature('another token', url, form)
    expect([(await send(undefined)).status, (await send(forged)).status]).toEqual([403, 403])
    const news = { Event: 'something else' }
    expect((await send(twilioSdk.getExpectedTwilioSignature(twilio.authToken, url, news), news)).status).toBe(400)

    // Asking brings no answer, so only a callback can end it.
    const path = twilio.callsPath.replace('.json', `/${sid}.json`)
    twilio.fail({ type: 'status', status: 503 }, { path, times: 1_000 })
    await twilio.finish()
    const answer = await call
    expect(twilio.callbacks.map(({ status }) => status)).toEqual([204, 204, 204, 204])
    expect(answer).toMatchObject({ status: 'completed', duration_seconds: 49 })
    expect(answer.receipt.attempts).toMatchObject([{ adapter: 'twilio', outcome: 'succeeded' }])
    expect(twilio.invoice).toMatchObject([{ requestId: sid, quantities: { seconds: 49, minutes: 1 }, cost: '0.02750' }])
    expect(metered(await usageOf(gateway, answer), sid)).toEqual({ duration: 49 })
    const cost = async () => (await usageOf(gateway, answer)).reduce((sum, row) => sum + (row.cost ?? 0n), 0n)
    await expect.poll(cost, { interval: 200 }).toBe(27_500_000n)
    expect(gateway.output()).not.toContain('reconcile:')
    expect(await gateway.stop()).toBe(0)
  })

  test('a call that nobody here made is told once', async () => {
    const { twilio } = providers
    const stranger = twilio.add({ to: '+15550001111', startedAt: Date.now() - 20 * 60_000, seconds: 30 })
    const gateway = await start('stranger')
    const line = `reconcile: not_recorded {"adapter":"twilio","requestId":"${stranger.sid}"`
    await expect.poll(() => gateway.output()).toContain(line)
    const looks = () => twilio.requests.filter(({ method }) => method === 'GET').length
    const before = looks()
    await expect.poll(() => looks()).toBeGreaterThan(before + 1)
    expect(gateway.output().split(line)).toHaveLength(2)
    expect(gateway.output()).not.toContain(stranger.to)
    expect(await gateway.stop()).toBe(0)
  })
})

test('a key that a provider refuses is named in the receipt, and another provider answers', async () => {
  const gateway = await start('bad-key', { OPENAI_API_KEY: 'sk-not-the-right-one' })
  const answer = await post(`${gateway.url}/api/v1/agent/demo/chat`, { message: 'Who answers?' })
  expect(answer).toMatchObject({ provider: 'claude-3-haiku', receipt: { total_credits_used: 1 } })
  expect(answer.receipt.attempts).toMatchObject([
    { provider: 'gpt-4o-mini', adapter: 'openai', outcome: 'failed', error: 'authentication', credits_used: 0 },
    { provider: 'claude-3-haiku', adapter: 'anthropic', outcome: 'succeeded', credits_used: 1 },
  ])
  expect(gateway.output() + JSON.stringify(answer)).not.toContain('sk-not-the-right-one')
  expect(await gateway.stop()).toBe(0)
})

test('list prices and a markup sell what the default prices do not know', async () => {
  const gateway = await start('markup', {
    FAREBOX_CREDIT_USD: '0.00001',
    FAREBOX_MARKUP_PERCENT: '30',
    LIVEKIT_URL: 'wss://clinic.livekit.example',
    LIVEKIT_API_KEY: 'an-id',
    LIVEKIT_API_SECRET: 'a-secret',
  })
  expect(gateway.output()).toContain('  real       livekit: for code of your own, no call is routed to it\n')
  expect(gateway.output()).toContain('  real       openai: gpt, vision, voice_stt, voice_tts, realtime, embedding\n')
  expect(gateway.output()).not.toContain('no price')
  const url = await agent(gateway, { primary_ai_model: 'claude-sonnet-5-5' })
  const answer = await post(`${url}/chat`, { message: 'What is a farebox?' })
  expect(answer.provider).toBe('claude-sonnet-5-5')
  const [row] = await usageOf(gateway, answer)
  // A cost in nano-dollars, 30 percent on top, a credit for 10,000 of them, and up to a whole one.
  expect(answer.receipt.total_credits_used).toBe(Math.ceil((Number(row?.cost) * 1.3) / 10_000))
  expect(await gateway.stop()).toBe(0)

  const half = await failingGateway({ FAREBOX_DATA_DIR: join(folder.path, 'half'), FAREBOX_CREDIT_USD: '0.001' })
  expect(half).toEqual({ code: 1, output: 'farebox: FAREBOX_CREDIT_USD and FAREBOX_MARKUP_PERCENT go together\n' })
})

test('a setting that a provider cannot use is named, and its value is not shown', async () => {
  const settings = { TWILIO_ACCOUNT_SID: 'a-token-by-mistake', TWILIO_FROM: '555', FAREBOX_PUBLIC_URL: 'app.example.com' }
  const { code, output } = await failingGateway({ FAREBOX_DATA_DIR: join(folder.path, 'bad'), ...settings })
  expect(code).toBe(1)
  expect(output).toMatch(/^farebox: FAREBOX_PUBLIC_URL must .*; TWILIO_ACCOUNT_SID must .*; TWILIO_FROM must .*\n$/)
  expect(output).not.toContain('a-token-by-mistake')
})

test('what the only real provider of a service has no price for is simulated', async () => {
  const gateway = await startGateway({
    FAREBOX_DATA_DIR: join(folder.path, 'one'),
    FAREBOX_DEMO_KEY: KEY,
    ELEVENLABS_API_KEY: providers.elevenlabs.apiKey,
    ELEVENLABS_BASE_URL: providers.elevenlabs.url,
  })
  expect(gateway.output()).toMatch(/simulated +gpt, vision, voice_stt, phone\n/)
  const answer = await post(`${gateway.url}/api/v1/agent/demo/voice`, await recording())
  expect(answer.simulated).toBe(true)
  expect(answer.receipt.attempts.map(({ adapter }) => adapter)).toEqual(['simulated', 'simulated', 'elevenlabs'])
  const call = await post(`${gateway.url}/api/v1/agent/demo/call`, { to: '+15551234567', message: 'Your order is ready.' })
  expect(call).toMatchObject({ simulated: true, status: 'completed' })
  // Nobody is told of calls here, so nobody has anything to say about them.
  expect((await fetch(`${gateway.url}/twilio/status`, { method: 'POST' })).status).toBe(404)
  expect(await gateway.stop()).toBe(0)
})

test('the start prints what the README shows', async () => {
  const { ANTHROPIC_API_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM } = providers.settings
  const gateway = await startGateway({
    FAREBOX_DATA_DIR: join(folder.path, 'readme'),
    FAREBOX_PUBLIC_URL: 'https://twilio:not-for-logs@app.example.com/',
    ...{ ANTHROPIC_API_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM },
    // Nothing leaves this machine.
    TWILIO_BASE_URL: providers.settings.TWILIO_BASE_URL,
  })
  const readme = await readFile(join(import.meta.dirname, '../../examples/gateway/README.md'), 'utf8')
  const shown = (/```text\n(.*?)```/s.exec(readme)?.[1] ?? '').trimEnd().split('\n')
  const lines = gateway.output().split('\n')
  const isPrinted = (text: string) => {
    const parts = text.split('…')
    return lines.some((line) => line.startsWith(parts[0] ?? '') && parts.every((part) => line.includes(part)))
  }
  expect(shown.filter((text) => !isPrinted(text))).toEqual([])
  expect(shown).toHaveLength(7)
  expect(gateway.output()).not.toContain('not-for-logs')
  expect(await gateway.stop()).toBe(0)
})

test('the README names every setting, and every SDK that the package installs', async () => {
  const example = join(import.meta.dirname, '../../examples/gateway')
  const readme = await readFile(join(example, 'README.md'), 'utf8')
  const environment = await readFile(join(example, 'src/environment.ts'), 'utf8')
  const settings = [...environment.matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name]) => name)
  expect(settings.filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
  expect(settings.length).toBeGreaterThan(30)
  const { dependencies } = JSON.parse(await readFile(join(example, 'package.json'), 'utf8')) as { dependencies: object }
  const { peerDependencies } = JSON.parse(await readFile(join(example, '../../packages/providers/package.json'), 'utf8')) as {
    peerDependencies: object
  }
  const sdks = Object.keys(peerDependencies).filter((name) => !['undici', 'vitest'].includes(name))
  expect(sdks.filter((name) => !Object.hasOwn(dependencies, name) || !readme.includes(`\`${name}\``))).toEqual([])
})
