import type { Tiers } from '../document/rules.ts'
import {
  add,
  ceiling,
  compare,
  decimal,
  divide,
  floor,
  greatest,
  least,
  multiply,
  type Rational,
  rational,
  subtract,
  ZERO,
} from '../rational.ts'

/** Tiers with their decimals read once. */
export interface CompiledTiers {
  mode: Tiers['mode']
  isByPeriod: boolean
  /** Whether a quantity that is exactly where a tier begins is in it. */
  includesBeginning: boolean
  measured: ReadonlySet<string>
  /** For `whole_request`: the least millionths of the measured unit that reach each tier. */
  reachedAt?: readonly bigint[]
  /** In ascending order; the first begins at 0. */
  steps: readonly { above: Rational; price: Rational }[]
}

/** A part of a quantity, and the tier that prices it. */
export interface Portion {
  /** From 0. */
  tier: number
  quantity: Rational
  /** Of one unit. */
  price: Rational
}

export function compileTiers({ mode, basis, comparison, measured = [], steps }: Tiers, per: string): CompiledTiers {
  const micro = (above: string) => multiply(decimal(above), rational(1_000_000n))
  const includesBeginning = comparison === 'gte'
  return {
    mode,
    isByPeriod: basis === 'period',
    includesBeginning,
    measured: new Set(measured),
    ...(mode === 'whole_request' && {
      reachedAt: steps.map(({ above }) => {
        if (above === undefined) return 0n
        return includesBeginning ? ceiling(micro(above)) : floor(micro(above)) + 1n
      }),
    }),
    steps: steps.map(({ above = '0', amount }) => ({ above: decimal(above), price: divide(decimal(amount), decimal(per)) })),
  }
}

/**
 * Divides a quantity among the tiers that price it.
 *
 * With `volume` by period, a call that reaches another tier prices what was used before it again: that part comes first, as what was
 * charged for it with a minus, and then at the new price. So the sum over a period depends on its total alone.
 *
 * @param before    what was used in the period before
 * @param measured  what the request used of the meters that choose its tier, for `whole_request`
 */
export function portionsOf(tiers: CompiledTiers, quantity: Rational, before: Rational, measured: Rational): Portion[] {
  switch (tiers.mode) {
    case 'graduated':
      return graduated(tiers, quantity, before)
    case 'whole_request':
      return [{ ...tierOf(tiers, measured), quantity }]
    case 'volume': {
      const after = tierOf(tiers, add(before, quantity))
      const earlier = tierOf(tiers, before)
      if (before.numerator === 0n || earlier.tier === after.tier) return [{ ...after, quantity }]
      return [
        { ...earlier, quantity: subtract(ZERO, before) },
        { ...after, quantity: add(before, quantity) },
      ]
    }
  }
}

/** What portions cost together. */
export function amountOf(portions: readonly Portion[]): Rational {
  return portions.reduce((sum, { quantity, price }) => add(sum, multiply(quantity, price)), ZERO)
}

function tierOf({ steps, includesBeginning }: CompiledTiers, quantity: Rational): { tier: number; price: Rational } {
  const tier = steps.findLastIndex(({ above }, index) => {
    if (index === 0) return true
    const difference = compare(quantity, above)
    return includesBeginning ? difference >= 0 : difference > 0
  })
  return { tier, price: steps[tier]?.price ?? ZERO }
}

/** Each unit in its own tier: the comparison decides nothing here, since what lies exactly on a limit has no extent. */
function graduated({ steps }: CompiledTiers, quantity: Rational, before: Rational): Portion[] {
  const after = add(before, quantity)
  return steps.flatMap(({ above, price }, tier) => {
    const next = steps[tier + 1]
    const from = greatest(before, above)
    const until = next ? least(after, next.above) : after
    return compare(until, from) > 0 ? [{ tier, quantity: subtract(until, from), price }] : []
  })
}
