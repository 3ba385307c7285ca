import { readFileSync } from 'node:fs'
import { credits, formatQuantity } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { presets } from 'farebox'
import { describe, expect, it } from 'vitest'
import { readWav } from '../../packages/providers/src/adapter/wav.ts'
import type { InvoiceLine } from '../loopback/invoice.ts'
import { type ApiAnswer, type ApiClient, serveApi } from './api-client.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'
import { openLoopback, sdks } from './parties.ts'

const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const SECONDS = 4.0845

function sendForm(api: ApiClient, path: string): Promise<ApiAnswer> {
  const form = new FormData()
  form.set('audio', new Blob([question], { type: 'audio/wav' }), 'question.wav')
  form.set('language', 'en')
  return api.post(path, form)
}

function sendBody(api: ApiClient, path: string): Promise<ApiAnswer> {
  return api.post(path, question, { 'content-type': 'audio/wav' })
}

/** The two ways in which a recording arrives. */
const uploads = [
  { how: 'as the form field `audio`', send: sendForm },
  { how: 'as the body', send: sendBody },
]

async function createAgent(api: ApiClient, service_configuration: Record<string, unknown> = {}): Promise<string> {
  const { body } = await api.post('/api/v1/agent/create', { custom_settings: { service_configuration } })
  return `/api/v1/agent/${body.agent_id}`
}

describe.each(storeNames)('a question asked by voice, on %s', (on) => {
  it.each(uploads)('$how is heard, answered and spoken, and costs what the receipt says', async ({ send }) => {
    const box = await openBox({ on })
    const account = await openAccount(box)
    const api = await serveApi(box, account.key)
    const agent = await createAgent(api)
    const { status, body } = await send(api, `${agent}/voice`)
    expect(status).toBe(200)
    expect(body).toStrictEqual({
      transcript: expect.stringMatching(/\w+ \w+/),
      text: expect.stringContaining(String(body.transcript).slice(0, 20)),
      audio: expect.any(String),
      audio_format: 'wav',
      simulated: true,
      receipt: {
        workflow_id: expect.any(String),
        workflow_name: 'voice_chat',
        services_used: [
          { service_type: 'voice_stt', provider: 'deepgram', units_consumed: SECONDS, unit_type: 'seconds', credits_used: 1 },
          {
            service_type: 'gpt',
            provider: 'gpt-4o-mini',
            units_consumed: expect.any(Number),
            unit_type: 'tokens',
            credits_used: 1,
          },
          {
            service_type: 'voice_tts',
            provider: 'openai-tts',
            units_consumed: String(body.text).length,
            unit_type: 'characters',
            credits_used: 1,
          },
        ],
        total_credits_used: 3,
        price_versions: ['default@1'],
        attempts: ['voice_stt', 'gpt', 'voice_tts'].map((service_type, index) => ({
          attempt_id: expect.stringMatching(/\.1$/),
          service_type,
          provider: ['deepgram', 'gpt-4o-mini', 'openai-tts'][index],
          model: ['nova-3', 'gpt-4o-mini', 'tts-1'][index],
          adapter: 'simulated',
          outcome: 'succeeded',
          cause: 'first',
          reason: 'configured first',
          certainty: 'exact',
          credits_used: 1,
          started_at: expect.stringMatching(/^\d{4}-.*Z$/),
          duration: expect.any(Number),
        })),
        duration: expect.any(Number),
      },
    })
    const audio = Buffer.from(String(body.audio), 'base64')
    expect(audio.subarray(0, 4).toString('latin1')).toBe('RIFF')
    expect(readWav(audio)?.durationSeconds).toBeCloseTo(String(body.text).length * 0.06, 1)
    expect((await box.ledger.balance(account.accountId)).balance).toBe(credits(10_000 - Number(body.receipt?.total_credits_used)))
  })
})

describe.each(sdks)('a question asked by voice of $sdk', ({ adapter }) => {
  it('is heard, answered and spoken by it, and the ledger agrees with its invoice', async () => {
    const mp3 = Uint8Array.from([0xff, 0xfb, 0x90, 0x64, 0, 0, 0, 0])
    const server = await openLoopback({ speak: () => [mp3.subarray(0, 4), mp3.subarray(4)] })
    const box = await openBox({ providers: [adapter(server)], configuration: presets.premiumQuality() })
    const account = await openAccount(box)
    const api = await serveApi(box, account.key)
    const settings = { primary_ai_model: 'gpt-4o', stt_provider: 'openai-whisper', tts_provider: 'openai-tts' }
    const { status, body } = await sendForm(api, `${await createAgent(api, settings)}/voice`)

    expect(status).toBe(200)
    expect(body.transcript).toBe('How many minutes of talking do one hundred credits buy?')
    expect(body.text).toBe(`You said: ${body.transcript}`)
    expect(body.audio_format).toBe('mp3')
    expect(Buffer.from(String(body.audio), 'base64')).toEqual(Buffer.from(mp3))
    expect(body).not.toHaveProperty('simulated')
    expect((await box.ledger.balance(account.accountId)).balance).toBe(credits(10_000 - Number(body.receipt?.total_credits_used)))
    const heard = server.requests.find(({ path }) => path === '/audio/transcriptions')
    expect(Buffer.from(heard?.file?.data ?? [])).toEqual(Buffer.from(question))
    expect(heard?.body).toMatchObject({ language: 'en' })

    const records = await box.ledger.usageOf(account.accountId, String(body.receipt?.workflow_id))
    expect(records.map(({ quantity, unit }) => `${formatQuantity(quantity)} ${unit}`)).toEqual(server.invoice.map(invoiced))
    expect(records.map(({ model }) => model)).toEqual(server.invoice.map(({ model }) => model))
    // OpenAI reports no usage of speech: its characters are counted from what was sent.
    expect(records.map(({ certainty }) => certainty)).toEqual(['exact', 'exact', 'derived'])
  })
})

/** A line of the provider's invoice, in the words of a usage record. */
function invoiced({ quantities }: InvoiceLine): string {
  const { prompt_tokens = 0, completion_tokens = 0, seconds, characters } = quantities
  if (seconds !== undefined) return `${seconds} seconds`
  if (characters !== undefined) return `${characters} characters`
  return `${prompt_tokens + completion_tokens} tokens`
}

describe('an agent that may not speak', () => {
  it('hears nothing either, and charges nothing', async () => {
    const box = await openBox()
    const account = await openAccount(box)
    const api = await serveApi(box, account.key)
    const refused = await sendForm(api, `${await createAgent(api, { voice_enabled: false })}/voice`)
    expect(refused).toMatchObject({ status: 403, body: { code: 'SERVICE_NOT_ALLOWED' } })
    expect((await box.ledger.balance(account.accountId)).balance).toBe(credits(10_000))
  })
})

describe('a voice run that fails half-way', () => {
  async function fail(kind: 'malformed' | 'content_policy') {
    let isBroken = true
    const failures = ({ offer }: { offer: { service: string } }) =>
      isBroken && offer.service === 'voice_tts' ? { kind } : undefined
    const box = await openBox({ providers: [simulated({ failures })] })
    const account = await openAccount(box)
    const api = await serveApi(box, account.key)
    const agent = await createAgent(api)
    const mend = () => {
      isBroken = false
    }
    const ask = () => api.post(`${agent}/voice`, question, { 'content-type': 'audio/wav', 'idempotency-key': 'ask-once' })
    const spent = async () => credits(10_000) - (await box.ledger.balance(account.accountId)).balance
    return { box, account, ask, mend, spent }
  }

  it('gives back what was charged when a provider is the reason, and may be begun again under its key', async () => {
    const { box, account, ask, mend, spent } = await fail('malformed')
    expect(await ask()).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
    expect(await spent()).toBe(0n)
    const { workflow_breakdown } = await box.usage({ accountId: account.accountId })
    expect(workflow_breakdown.voice_chat).toMatchObject({ count: 1, total_credits: 0 })
    mend()
    const { body } = await ask()
    expect(await spent()).toBe(credits(Number(body.receipt?.total_credits_used)))
  })

  it('keeps what was charged when the caller is the reason, and answers its key with the same problem', async () => {
    const { ask, mend, spent } = await fail('content_policy')
    const first = await ask()
    expect(first).toMatchObject({ status: 422, body: { code: 'REQUEST_REJECTED' } })
    expect(await spent()).toBe(credits(2))
    mend()
    expect(await ask()).toMatchObject({ status: 422, body: first.body })
    expect(await spent()).toBe(credits(2))
  })
})
