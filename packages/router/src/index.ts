export { attempt, type WholeAttemptOptions } from './attempt.ts'
export type {
  AttemptOptions,
  BeforeAttemptRefusal,
  CallCandidate,
  Deadlines,
  LateAnswer,
  Retries,
} from './attempt-options.ts'
export type { AttemptEnding, AttemptOutcome, AttemptRecord } from './attempt-record.ts'
export { attemptStream, type StreamAttemptOptions } from './attempt-stream.ts'
export * from './business-adapter.ts'
export { type Catalog, type CatalogEntry, createCatalog } from './catalog.ts'
export * from './chat-features.ts'
export { complexityClassifier } from './classify-complexity.ts'
export type { ComplexityClassifier, ComplexityDecision, ComplexityVerdict, Contribution } from './complexity.ts'
export * from './conditions.ts'
export type { Prediction, PricePredictor } from './consider.ts'
export * from './decision-record.ts'
export { explainRoute } from './explain-route.ts'
export * from './health.ts'
export { type PlanInput, plan } from './plan.ts'
export * from './presets.ts'
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
export * from './strategy.ts'
export * from './stream-ending.ts'
