export { attempt, type WholeAnswer, type WholeAttemptOptions } from './attempt.ts'
export type {
  AttemptOptions,
  BeforeAttemptFacts,
  BeforeAttemptRefusal,
  CallCandidate,
  HedgeOptions,
  LateAnswer,
} from './attempt-options.ts'
export type { AttemptCause, AttemptEnding, AttemptOutcome, AttemptRecord } from './attempt-record.ts'
export { attemptStream } from './attempt-stream.ts'
export * from './business-adapter.ts'
export { type Catalog, type CatalogEntry, createCatalog } from './catalog.ts'
export * from './chat-features.ts'
export { checkServiceConfiguration } from './check-service-configuration.ts'
export { complexityClassifier } from './classify-complexity.ts'
export type { ComplexityClassifier, ComplexityDecision, ComplexityVerdict, Contribution } from './complexity.ts'
export { type Concurrency, type ConcurrencyOptions, type ConcurrencyStats, createConcurrency, type Slot } from './concurrency.ts'
export * from './conditions.ts'
export { type Prediction, type PricePredictor, predictCeilingIfPriced } from './consider.ts'
export type { Deadlines, Retries } from './deadlines.ts'
export * from './decision-record.ts'
export { explainRoute } from './explain-route.ts'
export * from './health.ts'
export type { HealthNews, HealthReport } from './health-news.ts'
export { createHedgeBudget, type HedgeBudget, type HedgeBudgetOptions } from './hedge-budget.ts'
export { type PackedDecision, packDecision, unpackDecision } from './pack-decision.ts'
export { type PlanInput, plan } from './plan.ts'
export * from './presets.ts'
export { pricedOffer } from './priced-offer.ts'
export type { RecordedRequest } from './recorded-request.ts'
export * from './replay-decision.ts'
export * from './route.ts'
export * from './route-request.ts'
export * from './service-configuration.ts'
export {
  type ServiceConfigurationInput,
  type ServiceConfigurationOutput,
  serviceConfigurationSchema,
} from './service-configuration-schema.ts'
export * from './service-configuration-wire.ts'
export { type HealthStore, type SharedHealth, type ShareHealthOptions, shareHealth } from './share-health.ts'
export * from './strategy.ts'
export * from './stream-ending.ts'
export type { AfterContent, StreamAttemptOptions, StreamSeam } from './stream-options.ts'
export { createTally, type ProducedCounts, type Tally } from './tally.ts'
