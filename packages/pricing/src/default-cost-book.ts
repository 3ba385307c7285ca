import type { PriceBookData } from './document/price-book-document.ts'
import { listPrices } from './list-prices/list-prices.ts'
import { PriceBook } from './price-book.ts'

/**
 * What providers charge, in US dollars at list price. It is large, so it is read on first use. Put a team's contract prices in a
 * book of their own, starting from {@link listPrices}.
 */
export const defaultCostBook: PriceBook = new PriceBook({
  name: 'list-prices',
  currency: 'usd',
  // A test parses it with the schema and finds it unchanged, so it contains every default.
  read: () => listPrices() as PriceBookData,
})
