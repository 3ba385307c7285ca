import type { Quantity, Unit } from './quantity.ts'

/**
 * What a quantity counts. Meters of one usage are disjoint: cached input is not also counted as input, reasoning not also
 * as output, so every meter can be priced by itself and their sum is what was consumed.
 */
export type Meter = TokenMeter | 'characters' | 'duration' | 'images' | 'requests' | (string & {})

/**
 * The buckets of tokens. `cache_write` is a write of unstated lifetime; `cache_write_5m` and `cache_write_1h` live five minutes
 * and one hour. `cached_audio_input` and `cached_image_input` were read from a cache; `cached_input` is text that was.
 */
export type TokenMeter = InputTokenMeter | OutputTokenMeter
/** A bucket that tokens of a request are counted in. */
export type InputTokenMeter =
  | 'input'
  | 'cached_input'
  | 'cached_audio_input'
  | 'cached_image_input'
  | 'cache_write'
  | 'cache_write_5m'
  | 'cache_write_1h'
  | 'audio_input'
  | 'image_input'
/** A bucket that tokens of an answer are counted in. */
export type OutputTokenMeter = 'output' | 'reasoning' | 'audio_output' | 'image_output'

/** One metered quantity. */
export interface UsageQuantity {
  meter: Meter
  quantity: Quantity
  unit: Unit
  /** For characters: the same text as prices may count it. Where it is absent, only prices that do not say how they count apply. */
  counts?: Readonly<Partial<Record<CharacterCounting, Quantity>>>
}

/** Ways to count the characters of a text: `é` is 1, 1 and 2, and `😀` is 1, 2 and 4. */
export type CharacterCounting = 'code_points' | 'utf16_units' | 'utf8_bytes'

/**
 * How sure a usage is. `exact`: the provider reported it. `derived`: computed from facts we hold (characters that we sent, the
 * length of a file). `floor`: at least this much, for example a stream that was cut. `ceiling`: at most this much.
 */
export type Certainty = 'exact' | 'derived' | 'floor' | 'ceiling'

/** What one attempt consumed, in the provider's own units. */
export interface Usage {
  quantities: readonly UsageQuantity[]
  certainty: Certainty
  /** The provider's own usage block, as it came. */
  raw?: unknown
}
