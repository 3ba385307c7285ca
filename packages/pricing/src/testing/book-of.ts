import { quantity, type UsageQuantity } from '@farebox/core'
import type { PriceBookDocument } from '../document/price-book-document.ts'
import type { PriceQuery } from '../errors.ts'
import { PriceBook } from '../price-book.ts'
import { rate } from '../rate.ts'
import { rationalText } from '../rational.ts'

export type EntryDocument = PriceBookDocument['versions'][number]['entries'][number]
export type RateDocument = EntryDocument['rates'][number]

/** A Saturday. */
export const at = Date.parse('2026-11-21T12:00:00Z')
export const query = { service: 'phone', provider: 'p', at }

/** A book of one entry. */
export function bookOf(entry: Partial<EntryDocument>, book: Partial<PriceBookDocument> = {}): PriceBook {
  const entries = [{ service: 'phone', provider: 'p', rates: [{ unit: 'minutes' as const, amount: '1' }], ...entry }]
  const versions = [{ version: '1', effective_from: '2020-01-01T00:00:00Z', entries }]
  return new PriceBook({ name: 'test', currency: 'credits', versions, ...book })
}

export function seconds(count: number | string): UsageQuantity {
  return { meter: 'duration', quantity: quantity(count), unit: 'seconds' }
}

export function tokens(count: number, meter = 'input'): UsageQuantity {
  return { meter, quantity: quantity(count), unit: 'tokens' }
}

/** What a usage costs, as a decimal or a fraction. */
export function costOf(book: PriceBook, usage: readonly UsageQuantity[], facts: Partial<PriceQuery> = {}): string {
  return rationalText(rate(book, { ...query, ...facts }, usage).total)
}
