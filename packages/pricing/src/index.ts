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
export { InvalidPriceBookError, MaximumChargeError, PriceNotFoundError, type PriceQuery } from './errors.ts'
export { type Estimate, type EstimatedService, estimate, type PlannedUsage } from './estimate.ts'
export { type ExplainedRule, type ExplainedStep, type Explanation, explain, explanationText } from './explain.ts'
export { type ImageFacts, imageTokens } from './image-tokens.ts'
export { listPrices } from './list-prices/list-prices.ts'
export {
  checkMargins,
  type MarginOptions,
  type MarginReport,
  type MarginRow,
  type MarginStatus,
} from './margins/check-margins.ts'
export { checkWorkflowMargin, type WorkflowCall, type WorkflowMargin } from './margins/check-workflow-margin.ts'
export { applyMarkup } from './markup/apply-markup.ts'
export { type MarkupDocument, markupSchema } from './markup/markup-document.ts'
export { type CountTokens, measureText, type TextMeasure, type TokenRange, textTokens } from './measure-text.ts'
export { PriceBook, type VersionSpan } from './price-book.ts'
export { rate, rateEntry, rateIfPriced, roundUp, totalQuantity } from './rate.ts'
export type { RatedCall } from './rate-call.ts'
export type { RatedLine } from './rate-lines.ts'
export { type OtherMeters, rateEntryMost, rateMost } from './rate-most.ts'
export { chargeOf, creditsOf, nanoUsdOf, type Rating, refuseAboveMaximum } from './rating.ts'
export type { Rational } from './rational.ts'
export { billedQuantities, type RateableUsage, rateDifference, rerate } from './rerate.ts'
export { daysUntil, type Retirement, retirements } from './retirements.ts'
export { encodingOf, type TokenEncoding, tokenEncodings } from './token-encoding.ts'
export { hasPeriods, withoutPeriods } from './without-periods.ts'
