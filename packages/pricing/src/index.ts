export { type ChatMeasure, chatUsageRange, type UsageRange } from './chat-tokens.ts'
export { defaultCostBook } from './default-cost-book.ts'
export { defaultPriceBook } from './default-price-book.ts'
export {
  type Confidence,
  type Currency,
  type PriceBookDocument,
  type PriceEntry,
  priceBookJsonSchema,
  priceBookSchema,
} from './document/price-book-document.ts'
export type { PriceBookProblem } from './document/problem.ts'
export type {
  CharacterCounting,
  Included,
  Increment,
  MaximumCharge,
  Multiplier,
  Package,
  PriceWindow,
  Rate,
  Rounding,
  RoundingMode,
  Tiers,
} from './document/rules.ts'
export { InvalidPriceBookError, PriceNotFoundError, type PriceQuery } from './errors.ts'
export { type Estimate, type EstimatedService, estimate, type PlannedUsage } from './estimate.ts'
export { type ImageFacts, imageTokens } from './image-tokens.ts'
export { type CountTokens, measureText, type TextMeasure, type TokenRange, textTokens } from './measure-text.ts'
export { type Price, PriceBook } from './price-book.ts'
export { creditsOf, nanoUsdOf, type RatedLine, type Rating, rate, roundUp, totalQuantity } from './rate.ts'
export type { Rational } from './rational.ts'
export { encodingOf, type TokenEncoding, tokenEncodings } from './token-encoding.ts'
