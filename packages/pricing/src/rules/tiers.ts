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

/** Tiers with their decimals parsed. */
export interface CompiledTiers {
  mode: Tiers['mode']
  isByPeriod: boolean
  /** Whether a quantity exactly at a tier's beginning is in that tier. */
  includesBeginning: boolean
  measured: ReadonlySet<string>
  /** For `whole_request`: the least quantity that reaches each tier, in millionths of the measured unit. */
  reachedAt?: readonly bigint[]
  /** In ascending order. The first begins at 0. */
  steps: readonly { above: Rational; price: Rational }[]
}

/** A part of a quantity, and the tier that prices it. */
export interface Portion {
  /** Index of the tier, from 0. */
  tier: number
  quantity: Rational
  /** Price of one unit. */
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
 * Splits a quantity among the tiers that price it.
 *
 * With `volume` by period, a call that reaches another tier reprices the period's earlier usage. One negative portion takes back
 * what was charged for it, and the next one charges everything at the new price. So the sum over a period depends only on its
 * total.
 *
 * @param before  earlier usage in the period
 * @param measured  for `whole_request`: what the request used of the meters that choose its tier
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

/** The total price of some portions. */
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

/** Prices each unit in its own tier. `gt` or `gte` makes no difference here, because a single point on a limit has no extent. */
function graduated({ steps }: CompiledTiers, quantity: Rational, before: Rational): Portion[] {
  const after = add(before, quantity)
  return steps.flatMap(({ above, price }, tier) => {
    const next = steps[tier + 1]
    const from = greatest(before, above)
    const until = next ? least(after, next.above) : after
    return compare(until, from) > 0 ? [{ tier, quantity: subtract(until, from), price }] : []
  })
}
