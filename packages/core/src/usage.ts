import type { Quantity, Unit } from './quantity.ts'

/**
 * What a quantity counts. Meters of one usage are disjoint: cached input is not also counted as input, reasoning not also
 * as output, so every meter can be priced by itself and their sum is what was consumed.
 */
export type Meter =
  | 'input'
  | 'cached_input'
  | 'cache_write'
  | 'output'
  | 'reasoning'
  | 'audio_input'
  | 'audio_output'
  | 'image_input'
  | 'characters'
  | 'duration'
  | 'images'
  | 'requests'
  | (string & {})

/** One metered quantity. */
export interface UsageQuantity {
  meter: Meter
  quantity: Quantity
  unit: Unit
}

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
