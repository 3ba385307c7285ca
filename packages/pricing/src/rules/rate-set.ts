import { type Unit, units } from '@farebox/core'
import type { Rate } from '../document/rules.ts'
import { leastCommonMultiple, multiply, type Rational, rational, reduce } from '../rational.ts'
import { unitsIn } from '../units.ts'
import { type CompiledRate, compileRate } from './compiled-rate.ts'

/** Quantities are in millionths of their unit. */
const MICRO = rational(1n, 1_000_000n)

/** A rate, applied to quantities of one unit. */
export interface UnitPrice {
  rate: CompiledRate
  /** How many of the rate's units one millionth of this unit is. */
  conversion: Rational
  /** For plain rates: the price of a millionth of this unit, by tier, as numerators over the set's `denominator`. */
  multipliers: readonly bigint[] | undefined
}

/** The rates in force at one time, by meter and unit. */
export class RateSet {
  readonly rates: readonly CompiledRate[]
  /** Whether every amount is price × quantity, at a price that may depend on the tier of the whole request. */
  readonly isPlain: boolean
  /** Whether every amount is price × quantity at a fixed price, without tiers. */
  readonly isLinear: boolean
  /** The common denominator of all multipliers. */
  readonly denominator: bigint
  readonly #byUnit = new Map<Unit, { meters: Map<string, UnitPrice>; others: UnitPrice | undefined }>()

  constructor(rates: readonly Rate[]) {
    this.rates = rates.map(compileRate)
    this.isPlain = this.rates.every(({ plainPrices }) => plainPrices !== undefined)
    this.isLinear = this.isPlain && this.rates.every(({ tiers }) => tiers === undefined)
    const priced = this.rates.flatMap((rate) =>
      units.flatMap((unit) => {
        const factor = unitsIn(rate.rate.unit, unit)
        if (!factor) return []
        const conversion = multiply(factor, MICRO)
        return [{ rate, unit, conversion, prices: rate.plainPrices?.map((price) => reduce(multiply(price, conversion))) }]
      }),
    )
    this.denominator = priced
      .flatMap(({ prices = [] }) => prices)
      .reduce((common, { denominator }) => leastCommonMultiple(common, denominator), 1n)
    for (const { rate, unit, conversion, prices } of priced) {
      const known = this.#byUnit.get(unit) ?? { meters: new Map<string, UnitPrice>(), others: undefined }
      this.#byUnit.set(unit, known)
      const multipliers = prices?.map(({ numerator, denominator }) => numerator * (this.denominator / denominator))
      const unitPrice = { rate, conversion, multipliers }
      if (rate.rate.meter === undefined) known.others = unitPrice
      else known.meters.set(rate.rate.meter, unitPrice)
    }
  }

  /** The rate for a meter, or else the one for all other meters of the unit. */
  find(meter: string, unit: Unit): UnitPrice | undefined {
    const found = this.#byUnit.get(unit)
    return found && (found.meters.get(meter) ?? found.others)
  }
}
