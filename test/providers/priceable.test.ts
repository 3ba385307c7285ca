import { readFileSync } from 'node:fs'
import type { Offer, ProviderAdapter, RealtimeRequest, Usage } from '@farebox/core'
import { defaultCostBook, defaultPriceBook, rate } from '@farebox/pricing'
import { openai } from '@farebox/providers/openai'
import { simulated } from '@farebox/providers/simulated'
import { twilio } from '@farebox/providers/twilio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenaiLoopback, startOpenaiLoopback } from '../loopback/openai.ts'
import { startTwilioLoopback, type TwilioLoopback } from '../loopback/twilio.ts'
import { at as reach } from './openai-harness.ts'

const audio = {
  data: new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url))),
  mediaType: 'audio/wav',
}
const context = { signal: new AbortController().signal, attemptId: 'a1' }
const at = Date.parse('2026-11-21T00:00:00Z')

/** Services that the default price book leaves to each team; what they cost us is known. */
const WITHOUT_PRICE: ReadonlySet<string> = new Set(['realtime', 'embedding'])

let server: OpenaiLoopback
let telephones: TwilioLoopback
beforeAll(async () => {
  const tokens = { promptTokens: 3_000, cachedTokens: 1_000, completionTokens: 700, reasoningTokens: 200 }
  server = await startOpenaiLoopback({ chat: () => tokens })
  telephones = await startTwilioLoopback()
})
afterAll(() => Promise.all([server.close(), telephones.close()]))

describe.each([
  ['openai', () => openai(reach(server))],
  [
    'twilio',
    () => {
      const { accountSid, authToken, url: baseUrl } = telephones
      return twilio({ accountSid, authToken, baseUrl, from: '+15557654321', pollMs: 5 })
    },
  ],
  ['simulated', () => simulated()],
] as const)('usage that %s reports', (_, open) => {
  it('has a price for the customer and a cost for us, for every default offer, and neither is zero', async () => {
    const adapter = open()
    for (const offer of adapter.offers) {
      const usage = await use(adapter, offer)
      for (const book of WITHOUT_PRICE.has(offer.service) ? [defaultCostBook] : [defaultPriceBook, defaultCostBook]) {
        const { total } = rate(book, { ...offer, at }, usage?.quantities ?? [])
        expect(total.numerator, `${offer.service} ${offer.provider} in ${book.name}`).toBeGreaterThan(0n)
      }
    }
  })
})

async function use(adapter: ProviderAdapter, { service, model }: Offer): Promise<Usage | undefined> {
  switch (service) {
    case 'voice_stt':
      return (await adapter.transcribe?.({ model, audio }, context))?.usage
    case 'voice_tts':
      return (await adapter.speak?.({ model, text: 'Hello there', format: 'mp3' }, context))?.usage
    case 'phone':
      return (
        await adapter.call?.(
          { to: '+15551234567', instructions: { type: 'say', text: 'Hello' }, durationSecondsMax: 60 },
          context,
        )
      )?.usage
    case 'embedding':
      return (await adapter.embed?.({ model, inputs: ['Hello there'] }, context))?.usage
    case 'realtime':
      for await (const event of adapter.converse?.(conversation(model), context) ?? [])
        if (event.type === 'turn') return event.usage
      return undefined
    default: {
      const image = { type: 'image', url: 'data:image/png;base64,AA==' } as const
      const content = service === 'vision' ? [{ type: 'text', text: 'What is it?' } as const, image] : 'Hello'
      return (await adapter.chat?.({ model, messages: [{ role: 'user', content }] }, context))?.usage
    }
  }
}

function conversation(model: string): RealtimeRequest {
  const sound = { encoding: 'mulaw', sampleRate: 8_000 } as const
  const input = (async function* () {
    yield { type: 'audio', audio: new Uint8Array(8_000).fill(0x55) } as const
    yield { type: 'respond' } as const
  })()
  return { model, input, inputFormat: sound, outputFormat: sound }
}
