import type { PriceBookData } from './document/price-book-document.ts'
import { listPrices } from './list-prices/list-prices.ts'
import { PriceBook } from './price-book.ts'

/**
 * What providers charge us, in US dollars at list price. It is read when it is first asked, since it is large. A team's contract prices
 * belong in a book of its own, which {@link listPrices} is a start for.
 */
export const defaultCostBook: PriceBook = new PriceBook({
  name: 'list-prices',
  currency: 'usd',
  // A test reads it by the schema: nothing changes, so all that the schema would fill in is there.
  read: () => listPrices() as PriceBookData,
})
