import type { RateDocument } from './imported-prices.ts'

const MILLION = '1000000'
/** The meters of everything sent. Their sum decides the context-length tier. */
const INPUT_METERS = [
  'input',
  'cached_input',
  'cached_audio_input',
  'cached_image_input',
  'cache_write',
  'cache_write_5m',
  'cache_write_1h',
  'audio_input',
  'image_input',
]

/** The price per million tokens: flat, or in tiers that the whole request's input chooses from. */
export type TokenPrice = string | readonly { above?: string; amount: string }[]

/** Prices per million tokens, by meter. */
export type TokenPrices = Readonly<Partial<Record<string, TokenPrice>>>

/**
 * Meters that take another meter's price if they have none of their own. Providers bill so for cache reads without a discount,
 * cache writes, images in a chat, and reasoning. Audio is not listed, because it is never billed as text.
 */
const AS_ANOTHER: readonly [string, string][] = [
  ['cached_input', 'input'],
  ['cache_write', 'input'],
  ['cache_write_5m', 'cache_write'],
  ['cache_write_1h', 'cache_write_5m'],
  ['image_input', 'input'],
  ['cached_image_input', 'cached_input'],
  ['reasoning', 'output'],
]

/** Builds the rates of a model that is billed by tokens. A tier begins above its bound. */
export function tokenRates(prices: TokenPrices): RateDocument[] {
  const all = new Map(Object.entries(prices))
  for (const [meter, other] of AS_ANOTHER) if (!all.has(meter) && all.has(other)) all.set(meter, all.get(other))
  return [...all].flatMap(([meter, price]) => (price === undefined ? [] : [tokenRate(meter, price)]))
}

function tokenRate(meter: string, price: TokenPrice): RateDocument {
  if (typeof price === 'string') return { unit: 'tokens', meter, amount: price, per: MILLION }
  const tiers = {
    mode: 'whole_request' as const,
    basis: 'request' as const,
    comparison: 'gt' as const,
    measured: [...INPUT_METERS],
    steps: price.map((step) => ({ ...step })),
  }
  return { unit: 'tokens', meter, per: MILLION, tiers }
}
