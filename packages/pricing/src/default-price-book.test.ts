import { formatCredits, quantity } from '@farebox/core'
import { expect, it } from 'vitest'
import { defaultPriceBook } from './default-price-book.ts'
import { rate } from './rate.ts'
import { creditsOf } from './rating.ts'

const began = Date.parse('2025-01-01T00:00:00Z')

it.each([
  ['gpt', 'gpt-4o-mini', 'input', 1_000, 'tokens', '1'],
  ['gpt', 'gpt-4o', 'output', 1_000, 'tokens', '8'],
  ['gpt', 'gpt-4', 'input', 1_000, 'tokens', '25'],
  ['gpt', 'claude-3-haiku', 'output', 1_000, 'tokens', '1'],
  ['vision', 'gpt-4o-mini', 'input', 1_000, 'tokens', '1'],
  ['vision', 'gpt-4o', 'input', 1_000, 'tokens', '8'],
  ['gpt', 'claude-3-haiku', 'web_searches', 1, 'requests', '10'],
  ['vision', 'gpt-4o', 'web_searches', 1, 'requests', '10'],
  ['voice_stt', 'deepgram', 'duration', 60, 'seconds', '8'],
  ['voice_stt', 'openai-whisper', 'duration', 60, 'seconds', '10'],
  ['voice_tts', 'openai-tts', 'characters', 1_000, 'characters', '1'],
  ['voice_tts', 'elevenlabs', 'billed_characters', 1_000, 'characters', '2'],
  ['voice_tts', 'cartesia', 'characters', 1_000, 'characters', '1'],
  ['phone', 'twilio', 'duration', 60, 'seconds', '20'],
] as const)('version 1 sells %s of %s by its first day at the same price as ever: %s, %d %s', (...row) => {
  const [service, provider, meter, count, unit, charged] = row
  const rating = rate(defaultPriceBook, { service, provider, at: began }, [{ meter, quantity: quantity(count), unit }])
  expect([rating.version, formatCredits(creditsOf(rating))]).toEqual(['default@1', charged])
})
