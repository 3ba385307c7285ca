import type { PriceEntry } from './document/price-book-document.ts'
import type { PriceBook } from './price-book.ts'

/** An entry that its provider is taking out of service. */
export interface Retirement {
  entry: PriceEntry
  /** Whole days left: 0 on the day itself, negative afterwards. */
  daysLeft: number
}

const DAY_MS = 86_400_000

/** Whole days from a moment (epoch milliseconds) to a day (`2026-11-21`), in UTC: 0 on the day itself, negative afterwards. */
export function daysUntil(day: string, at: number): number {
  return Date.parse(day) / DAY_MS - Math.floor(at / DAY_MS)
}

/** The entries in force at `at` that retire within `withinDays` days or have retired already, the earliest first. */
export function retirements(book: PriceBook, at: number, withinDays = 90): Retirement[] {
  return book
    .entries(at)
    .entries.flatMap((entry) => {
      if (entry.retires === undefined) return []
      const daysLeft = daysUntil(entry.retires, at)
      return daysLeft <= withinDays ? [{ entry, daysLeft }] : []
    })
    .sort((a, b) => a.daysLeft - b.daysLeft)
}
