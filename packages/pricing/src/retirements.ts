import type { PriceEntry } from './document/price-book-document.ts'
import type { PriceBook } from './price-book.ts'

/** A model that its provider takes out of service. */
export interface Retirement {
  entry: PriceEntry
  /** Whole days from now; 0 on the day itself, below 0 when it is gone. */
  daysLeft: number
}

const DAY_MS = 86_400_000

/** Whole days from a moment to a day, in UTC: 0 on the day itself, below 0 after it. */
export function daysUntil(day: string, at: number): number {
  return Date.parse(day) / DAY_MS - Math.floor(at / DAY_MS)
}

/** What a book's providers take out of service within so many days, or have taken, the next first. */
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
