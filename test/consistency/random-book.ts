import { PriceBook, type PriceBookDocument } from '@farebox/pricing'
import type { Dice } from './dice.ts'

const SELLERS = {
  tokens: {
    gpt: ['gpt-4o-mini', 'gpt-4o', 'gpt-4', 'claude-3-haiku'],
    vision: ['gpt-4o-mini', 'gpt-4o'],
    embedding: ['text-embedding-3-small', 'text-embedding-3-large'],
  },
  minutes: { voice_stt: ['deepgram', 'openai-whisper'], phone: ['twilio'] },
  characters: { voice_tts: ['openai-tts', 'elevenlabs', 'cartesia'] },
} as const
const PER = { tokens: '100', minutes: '1', characters: '10' }
const CREDITS = { tokens: 5, minutes: 12, characters: 1 }
const CACHED = { meter: 'cached_input', unit: 'tokens', amount: '4', per: '1000' }
const DAY_MS = 86_400_000

/** A price book with rules of chance, and two versions: one in force at `start`, and one that comes a day later. */
export function randomBook(dice: Dice, start: number): PriceBook {
  const hasRules = dice.chance(0.6)
  const isFine = dice.chance(0.5)
  const versions = [start - DAY_MS, start + DAY_MS].map((from, index) => ({
    version: String(index + 1),
    effective_from: new Date(from).toISOString(),
    entries: [
      ...Object.entries(SELLERS).flatMap(([unit, services]) =>
        Object.entries(services).flatMap(([service, providers]) =>
          providers.map((provider: string) => entry(dice, { service, provider, unit: unit as keyof typeof PER, hasRules })),
        ),
      ),
      { service: 'realtime', provider: 'gpt-realtime', rates: [{ unit: 'tokens', amount: '40', per: '1000' }, CACHED] },
      { service: 'realtime', provider: 'gpt-realtime-mini', rates: [{ unit: 'tokens', amount: '10', per: '1000' }] },
      { service: 'own_service', provider: 'own', rates: [{ unit: 'requests', amount: amount(dice, 2) }] },
    ],
  }))
  const rounding = { mode: 'up', step: dice.pick(['0.01', '0.000001', '0.25']), point: 'total' }
  return new PriceBook({ name: 'chance', currency: 'credits', versions, ...(isFine && { rounding }) } as PriceBookDocument)
}

interface Seller {
  service: string
  provider: string
  unit: keyof typeof PER
  hasRules: boolean
}

function entry(dice: Dice, { service, provider, unit, hasRules }: Seller): object {
  const rate = (factor: number, form: string) => ({
    unit,
    ...(form === 'tiers'
      ? { tiers: { mode: dice.pick(['graduated', 'volume']), steps: [{ amount: '0.05' }, { above: '100', amount: '0.03' }] } }
      : { amount: amount(dice, CREDITS[unit] * factor), per: PER[unit] }),
    ...(form === 'included' && { included: { quantity: '20', basis: 'request' } }),
    ...(form === 'increment' && unit === 'minutes' && { increment: { unit: 'seconds', first: '30', next: '6' } }),
  })
  const form = () => (hasRules ? dice.pick(['plain', 'plain', 'tiers', 'included', 'increment']) : 'plain')
  const isSplit = unit === 'tokens' && service !== 'embedding' && dice.chance(0.5)
  return {
    service,
    provider,
    rates: isSplit
      ? [
          { ...rate(0.6, form()), meter: 'input' },
          { ...rate(2, form()), meter: 'output' },
        ]
      : [rate(1, form())],
    ...(hasRules && dice.chance(0.3) && { connect_fee: dice.pick(['0.5', '0.003']) }),
    ...(hasRules && dice.chance(0.3) && { minimum_charge: dice.pick(['1', '0.25']) }),
    ...(hasRules && dice.chance(0.2) && { maximum_charge: { amount: '60', action: dice.pick(['cap', 'refuse']) } }),
    ...(hasRules &&
      dice.chance(0.2) && { windows: [{ name: 'night', zone: 'Europe/Berlin', from: '22:00', until: '06:00', factor: '0.5' }] }),
  }
}

function amount(dice: Dice, about: number): string {
  return String(Math.round(about * (0.5 + dice.roll()) * 1_000) / 1_000)
}
