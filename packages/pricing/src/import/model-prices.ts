import type { EntryDocument, RateDocument } from './imported-prices.ts'
import { type TokenPrices, tokenRates } from './token-rates.ts'

/** What a model costs, once for all services that it serves: entries of a book say it in full. */
export interface ModelPrices extends Pick<EntryDocument, 'aliases' | 'vendor' | 'retires' | 'source' | 'note'> {
  provider: string
  services: readonly string[]
  prices: Prices
  /** Other prices at certain times, the first that applies first. */
  windows?: readonly (WindowTime & { prices: Prices })[]
}

/** Prices of a million tokens by meter, and rates of other things. */
export interface Prices {
  tokens?: TokenPrices
  others?: readonly RateDocument[]
}

type WindowTime = Pick<NonNullable<EntryDocument['windows']>[number], 'name' | 'first_day' | 'from' | 'until'>

/** The entries of a model: the same price for each of its services. */
export function entriesOfModel({
  services,
  prices,
  windows,
  ...facts
}: ModelPrices): Omit<EntryDocument, 'source' | 'checked'>[] {
  const priced = {
    ...facts,
    rates: ratesOf(prices),
    ...(windows && { windows: windows.map(({ prices: other, ...time }) => ({ ...time, zone: 'UTC', rates: ratesOf(other) })) }),
  }
  return services.map((service) => ({ service, ...priced }))
}

function ratesOf({ tokens = {}, others = [] }: Prices): RateDocument[] {
  return [...tokenRates(tokens), ...others]
}
