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
export * from './catalog.ts'
export * from './health.ts'
export { type PlanInput, type PricePredictor, plan } from './plan.ts'
export * from './presets.ts'
export * from './route.ts'
export * from './service-configuration.ts'
export * from './service-configuration-wire.ts'
export * from './strategy.ts'
export * from './stream-ending.ts'
