import type { Quantity, Unit } from './quantity.ts'

/**
 * What a quantity counts. The meters of one usage do not overlap: cached input is not also counted as input, nor reasoning as
 * output. Each meter can therefore be priced by itself, and the sum of all is what was consumed.
 */
export type Meter = TokenMeter | 'characters' | 'duration' | 'images' | 'requests' | (string & {})

/**
 * The meters that count tokens. `cached_input`, `cached_audio_input` and `cached_image_input` are text, audio and images read
 * from a cache. `cache_write_5m` and `cache_write_1h` are writes to a cache that keeps them five minutes and one hour,
 * `cache_write` is a write of unstated lifetime.
 */
export type TokenMeter = InputTokenMeter | OutputTokenMeter
/** A meter that counts tokens of a request. */
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
/** A meter that counts tokens of an answer. */
export type OutputTokenMeter = 'output' | 'reasoning' | 'audio_output' | 'image_output'

/** One metered quantity. */
export interface UsageQuantity {
  meter: Meter
  quantity: Quantity
  unit: Unit
  /** For characters: the same text in each counting. Without it, no rate that counts `utf16_units` or `utf8_bytes` applies. */
  counts?: Readonly<Partial<Record<CharacterCounting, Quantity>>>
}

/** Ways to count the characters of a text: `é` counts 1, 1 and 2, and `😀` counts 1, 2 and 4. */
export type CharacterCounting = 'code_points' | 'utf16_units' | 'utf8_bytes'

/**
 * How certain a usage is. `exact`: the provider reported it. `derived`: Farebox computed it from facts that it holds (the
 * characters it sent, the length of a file). `floor`: at least this much, for example of a stream that was cut. `ceiling`: at
 * most this much.
 */
export type Certainty = 'exact' | 'derived' | 'floor' | 'ceiling'

/** What one attempt consumed, in the provider's own units. */
export interface Usage {
  quantities: readonly UsageQuantity[]
  certainty: Certainty
  /**
   * The tier of service that did the work, if it has other prices than the usual one: `flex`, `priority`. It is the one that
   * answered, whichever was asked for, and affects what the call costs, not what it is charged.
   */
  serviceTier?: string
  /** The provider's own usage block, unchanged. */
  raw?: unknown
}
