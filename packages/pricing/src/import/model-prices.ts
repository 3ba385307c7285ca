import type { EntryDocument, RateDocument } from './imported-prices.ts'
import { type TokenPrices, tokenRates } from './token-rates.ts'

/** What a model costs, in compact form: once for all its services. */
export interface ModelPrices extends Pick<EntryDocument, 'aliases' | 'vendor' | 'retires' | 'source' | 'note'> {
  provider: string
  services: readonly string[]
  prices: Prices
  /** Other prices at certain times. The first window that applies wins. */
  windows?: readonly (WindowTime & { prices: Prices })[]
}

/** Prices per million tokens by meter, and rates of other things. */
export interface Prices {
  tokens?: TokenPrices
  others?: readonly RateDocument[]
}

type WindowTime = Pick<NonNullable<EntryDocument['windows']>[number], 'name' | 'first_day' | 'from' | 'until'>

/** Expands a model into entries, one for each service, all at the same prices. */
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
