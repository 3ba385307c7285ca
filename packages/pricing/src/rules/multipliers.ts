import type { Multiplier } from '../document/rules.ts'
import { decimal, type Rational } from '../rational.ts'

/** A factor that applies to a call, and its reason. */
export interface Factor {
  /** `window off-peak`, or `region eu`. */
  name: string
  factor: Rational
  /** The meters whose rates it applies to. Absent: every rate. */
  meters?: readonly string[]
}

/** A stated attribute whose value has no factor. */
export interface UnknownValue {
  attribute: string
  value: string
  known: readonly string[]
}

/** The factors for a call's stated attributes. Stops at the first value without one. */
export function factorsOf(
  multipliers: readonly Multiplier[],
  attributes: Readonly<Record<string, string>> = {},
): { factors: Factor[]; unknown?: UnknownValue } {
  const factors: Factor[] = []
  for (const { attribute, factors: known, meters } of multipliers) {
    const value = Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined
    if (value === undefined) continue
    const factor = Object.hasOwn(known, value) ? known[value] : undefined
    if (factor === undefined) return { factors, unknown: { attribute, value, known: Object.keys(known) } }
    factors.push({ name: `${attribute} ${value}`, factor: decimal(factor), meters })
  }
  return { factors }
}
