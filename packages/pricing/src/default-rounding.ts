import type { Currency } from './document/price-book-document.ts'
import type { Rounding } from './document/rules.ts'

/** Receipt totals round up to whole credits. Costs round up to the nano-dollar. */
export const DEFAULT_ROUNDING: Readonly<Record<Currency, Rounding>> = {
  credits: { mode: 'up', step: '1', point: 'total' },
  usd: { mode: 'up', step: '0.000000001', point: 'total' },
}
