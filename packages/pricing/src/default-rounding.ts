import type { Currency } from './document/price-book-document.ts'
import type { Rounding } from './document/rules.ts'

/** Credits round up to whole ones where a receipt sums; what providers charge is kept to the nano-dollar. */
export const DEFAULT_ROUNDING: Readonly<Record<Currency, Rounding>> = {
  credits: { mode: 'up', step: '1', point: 'total' },
  usd: { mode: 'up', step: '0.000000001', point: 'total' },
}
