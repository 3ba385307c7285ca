import { PriceBook } from './price-book.ts'

const genaiPrices = {
  source: 'npm @pydantic/genai-prices 0.1.8 (2026-09-23)',
  checked: '2026-11-20',
  confidence: 'single_source' as const,
}

/** What providers charge us, in US dollars at list price. Every row says where it was read; a team's contract prices belong in a book of its own. */
export const defaultCostBook: PriceBook = new PriceBook({
  name: 'list-prices',
  currency: 'usd',
  versions: [
    {
      version: '2026-11',
      effective_from: '2025-01-01T00:00:00Z',
      entries: [
        ...chat('gpt-4o-mini', { input: '0.15', cached: '0.075', output: '0.60' }),
        ...chat('gpt-4o', { input: '2.50', cached: '1.25', output: '10' }),
        ...chat('gpt-4', { input: '30', output: '60' }).slice(0, 1),
        ...chat('claude-3-haiku', { input: '0.25', cached: '0.03', output: '1.25' }).slice(0, 1),
        {
          service: 'voice_stt',
          provider: 'deepgram',
          rates: [{ unit: 'minutes', amount: '0.0077' }],
          source: 'open-gauntlet-leaderboard data/asr.json, citing deepgram.com/pricing: nova-3 pre-recorded, pay as you go',
          checked: '2026-08-01',
          confidence: 'single_source',
        },
        {
          service: 'voice_stt',
          provider: 'openai-whisper',
          rates: [{ unit: 'minutes', amount: '0.0045' }],
          source: 'open-gauntlet-leaderboard data/asr.json; npm @pydantic/genai-prices 0.1.8: gpt-transcribe',
          checked: '2026-09-23',
          confidence: 'sources_agree',
        },
        {
          service: 'voice_stt',
          provider: 'openai-whisper',
          model: 'whisper-1',
          rates: [{ unit: 'minutes', amount: '0.006' }],
          source: 'open-gauntlet-leaderboard data/asr.json; npm @pydantic/genai-prices 0.1.8; LiteLLM model prices',
          checked: '2026-09-23',
          confidence: 'sources_agree',
        },
        {
          service: 'voice_tts',
          provider: 'openai-tts',
          model: 'tts-1',
          rates: [{ unit: 'characters', amount: '15', per: '1000000' }],
          source: 'LiteLLM model prices 2026-07-24; open-gauntlet-leaderboard data/tts.json',
          checked: '2026-08-08',
          confidence: 'checked_against_bill',
        },
        {
          service: 'voice_tts',
          provider: 'elevenlabs',
          rates: [{ unit: 'characters', amount: '0.10', per: '1000' }],
          source: 'developer.puter.com 2026-06; open-gauntlet-leaderboard data/tts.json: Multilingual v2 and v3',
          checked: '2026-09-11',
          confidence: 'sources_agree',
        },
        {
          service: 'voice_tts',
          provider: 'cartesia',
          rates: [{ unit: 'characters', amount: '0.00005' }],
          source: 'docs.cartesia.ai/pricing: 1 credit per character; Pro plan, 5 USD for 100,000 credits',
          checked: '2026-07-02',
          confidence: 'weak',
          note: 'plan price from a secondary source; credits per character vary slightly',
        },
        {
          service: 'phone',
          provider: 'twilio',
          rates: [{ unit: 'minutes', amount: '0.0140', increment: { first: '1', next: '1' } }],
          source: 'public code, "Services and Costs": US outbound',
          checked: '2026-11-20',
          confidence: 'weak',
          note: 'the source is undated',
        },
      ],
    },
  ],
})

/** A chat model, for `gpt` and for `vision`, in dollars per million tokens. Reasoning is billed as output. */
function chat(provider: string, { input, cached = input, output }: { input: string; cached?: string; output: string }) {
  const per = '1000000'
  const rates = [
    { unit: 'tokens' as const, meter: 'input', amount: input, per },
    { unit: 'tokens' as const, meter: 'cached_input', amount: cached, per },
    { unit: 'tokens' as const, meter: 'output', amount: output, per },
    { unit: 'tokens' as const, meter: 'reasoning', amount: output, per },
  ]
  return ['gpt', 'vision'].map((service) => ({ service, provider, rates, ...genaiPrices }))
}
