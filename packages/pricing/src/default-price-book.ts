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

/**
 * One price for all tokens of a model, per thousand, and one for each search of the web: $10 per 1,000, at $0.001 per credit.
 *
 * @source npm @pydantic/genai-prices 0.1.8 (2026-09-23): `web_searches_kcount` of OpenAI's and Anthropic's models
 */
function chat(service: string, provider: string, amount: string) {
  const tokens = { unit: 'tokens' as const, amount, per: '1000' }
  return { service, provider, rates: [tokens, { unit: 'requests' as const, meter: 'web_searches', amount: '10' }] }
}
