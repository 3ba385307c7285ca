import { PriceBook } from './price-book.ts'

/**
 * What customers pay, in credits, unless the host brings a book of its own. Its prices never change: a change is a new version.
 */
export const defaultPriceBook: PriceBook = new PriceBook({
  name: 'default',
  currency: 'credits',
  versions: [
    {
      version: '1',
      effective_from: '2025-01-01T00:00:00Z',
      entries: [
        chat('gpt', 'gpt-4o-mini', '1'),
        chat('gpt', 'gpt-4o', '8'),
        chat('gpt', 'gpt-4', '25'),
        chat('gpt', 'claude-3-haiku', '1'),
        chat('vision', 'gpt-4o-mini', '1'),
        chat('vision', 'gpt-4o', '8'),
        { service: 'voice_stt', provider: 'deepgram', rates: [{ unit: 'minutes', amount: '8' }] },
        { service: 'voice_stt', provider: 'openai-whisper', rates: [{ unit: 'minutes', amount: '10' }] },
        { service: 'voice_tts', provider: 'openai-tts', rates: [{ unit: 'characters', amount: '0.001' }] },
        { service: 'voice_tts', provider: 'elevenlabs', rates: [{ unit: 'characters', amount: '0.002' }] },
        { service: 'voice_tts', provider: 'cartesia', rates: [{ unit: 'characters', amount: '0.001' }] },
        { service: 'phone', provider: 'twilio', rates: [{ unit: 'minutes', amount: '20' }] },
      ],
    },
  ],
})

/** One price for all tokens of a model, per thousand. */
function chat(service: string, provider: string, amount: string) {
  return { service, provider, rates: [{ unit: 'tokens' as const, amount, per: '1000' }] }
}
