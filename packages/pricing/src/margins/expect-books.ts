import { InvalidOptionError } from '@farebox/core'
import { positive } from '../document/fields.ts'
import type { PriceBook } from '../price-book.ts'
import { decimal, type Rational } from '../rational.ts'

/**
 * Checks the currencies of two books and the value of a credit.
 *
 * @returns the value of a credit in US dollars
 * @throws {InvalidOptionError} a book is in the wrong currency, or the value is not a decimal above 0
 */
export function expectBooks(prices: PriceBook, costs: PriceBook, creditValueUsd: string): Rational {
  if (prices.currency !== 'credits') throw new InvalidOptionError(`prices must be a book in credits, ${prices.name} is in usd`)
  if (costs.currency !== 'usd') throw new InvalidOptionError(`costs must be a book in usd, ${costs.name} is in credits`)
  if (positive.safeParse(creditValueUsd).success) return decimal(creditValueUsd)
  throw new InvalidOptionError(
    `creditValueUsd must be a decimal above 0 such as '0.001', received ${JSON.stringify(creditValueUsd)}`,
  )
}

/** @throws {InvalidOptionError} no version of the book is in force. Comparing nothing would look as if nothing were wrong. */
export function expectVersion(book: PriceBook, at: number): void {
  const [first] = book.versions()
  if (first && first.from <= at) return
  const begins = first ? `; ${first.version} begins at ${new Date(first.from).toISOString()}` : ''
  throw new InvalidOptionError(`price book ${book.name} has no version in force at ${new Date(at).toISOString()}${begins}`)
}
