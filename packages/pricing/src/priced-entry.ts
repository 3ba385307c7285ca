import type { Currency, PriceEntry } from './document/price-book-document.ts'
import type { PriceWindow, Rounding } from './document/rules.ts'
import type { PriceQuery } from './errors.ts'
import { decimal, type Rational } from './rational.ts'
import { RateSet } from './rules/rate-set.ts'
import { type CompiledRounding, compileRounding } from './rules/rounding.ts'
import { holdsMoment } from './rules/window.ts'

/** An entry with its decimals parsed. */
export interface CompiledEntry {
  rates: RateSet
  windows: readonly { window: PriceWindow; rates: RateSet; factor?: Rational }[]
  connectFee?: Rational
  minimumCharge?: Rational
  maximumCharge?: Rational
  /** Rounds lines and calls. Rounding a total is up to the code that sums calls. */
  rounding: CompiledRounding
  /** Whether a call costs just the sum of its lines, without fees, limits or rounding. */
  isPlain: boolean
}

/** An entry of one version of one book. */
export class PricedEntry {
  readonly entry: PriceEntry
  readonly book: string
  /** `name@version`, as stored in usage records. */
  readonly version: string
  readonly currency: Currency
  /** The entry's own rounding, or else the book's. */
  readonly rounding: Rounding
  #compiled: CompiledEntry | undefined

  constructor(entry: PriceEntry, of: { book: string; version: string; currency: Currency; rounding: Rounding }) {
    this.entry = entry
    this.book = of.book
    this.version = of.version
    this.currency = of.currency
    this.rounding = entry.rounding ?? of.rounding
  }

  /** Compiled on first use: a book has thousands of entries, and a host uses a few. */
  get compiled(): CompiledEntry {
    this.#compiled ??= compileEntry(this.entry, this.rounding)
    return this.#compiled
  }

  /** Whether a call's cost depends on earlier usage in the period. */
  get isByPeriod(): boolean {
    const { rates, windows } = this.compiled
    return [rates, ...windows.map((window) => window.rates)].some((set) => set.rates.some((rate) => rate.isByPeriod))
  }

  /** The rates that apply, if a call costs just the sum of price × quantity. Otherwise `undefined`. */
  plainRates({ at, attributes }: PriceQuery): RateSet | undefined {
    const { isPlain, rates, windows } = this.compiled
    if (!isPlain || (attributes !== undefined && this.entry.multipliers !== undefined)) return undefined
    if (windows.length === 0) return rates.isPlain ? rates : undefined
    const found = this.ratesAt(at)
    return found.factor === undefined && found.rates.isPlain ? found.rates : undefined
  }

  /** The rates that apply at a moment, and their time window, if any. */
  ratesAt(at: number): { rates: RateSet; window?: PriceWindow; factor?: Rational } {
    const { rates, windows } = this.compiled
    return windows.find(({ window }) => holdsMoment(window, at)) ?? { rates }
  }
}

function compileEntry(entry: PriceEntry, rounding: Rounding): CompiledEntry {
  const { connect_fee: fee, minimum_charge: minimum, maximum_charge: maximum, windows = [] } = entry
  const rates = new RateSet(entry.rates)
  return {
    rates,
    windows: windows.map((window) => ({
      window,
      rates: window.rates ? new RateSet(window.rates) : rates,
      ...(window.factor !== undefined && { factor: decimal(window.factor) }),
    })),
    ...(fee !== undefined && { connectFee: decimal(fee) }),
    ...(minimum !== undefined && { minimumCharge: decimal(minimum) }),
    ...(maximum !== undefined && { maximumCharge: decimal(maximum.amount) }),
    rounding: compileRounding(rounding),
    isPlain: [fee, minimum, maximum].every((rule) => rule === undefined) && rounding.point === 'total',
  }
}
